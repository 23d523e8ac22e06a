/** Answers as the documents show them. */
const MOMENT = { asOf: '2022-10-10T00:00:00.000Z', knownAt: null, position: '42' };

const PROMOTION = {
  promotionId: 'amazon-ads-api-click-credit-2022',
  revision: 1,
  revisions: [{ revision: 1, effectiveAt: null }],
  state: 'running',
  terms: { version: 1, name: 'Amazon Ads API click credit promotion 2022', timeZone: 'America/Los_Angeles' },
  calendar: {
    start: '2022-08-22T07:00:00.000Z',
    end: '2023-01-01T08:00:00.000Z',
    weeks: [{ week: 1, start: '2022-08-22T07:00:00.000Z', end: '2022-08-29T07:00:00.000Z' }],
    runs: [{ date: '2022-10-04', runAt: '2022-10-04T07:00:00.000Z' }],
  },
};

const RUN = {
  date: '2022-10-04',
  runAt: '2022-10-04T07:00:00.000Z',
  state: 'completed',
  applied: 1,
  deferred: 1,
  credits: ['amazon-ads-api-click-credit-2022:advertiser-1:DE:SP'],
  deferrals: [{ advertiserId: 'advertiser-2', marketplace: 'JP', product: 'SB', reasons: ['payment-method-invalid'] }],
  leftOut: [{ advertiserId: 'advertiser-3', marketplace: 'UK', product: 'SP', reasons: ['budget-exhausted'] }],
};

const CREDIT = {
  advertiserId: 'advertiser-1',
  marketplace: 'DE',
  product: 'SP',
  stage: null,
  qualifiedAt: '2022-09-19T12:00:00.000Z',
  appliedAt: '2022-10-04T07:00:00.000Z',
  granted: { amount: '200.00', currency: 'USD' },
  applied: { amount: '204.83', currency: 'EUR' },
};
const COST = { month: '2022-10', marketplace: 'DE', currency: 'USD', amount: '200.00', credits: 1 };

export const preview = {
  runs: [{ date: '2022-10-04', runAt: '2022-10-04T07:00:00.000Z', applied: 1, deferred: 0 }],
  credits: [CREDIT],
  next: null,
  advertisers: 1,
  cost: [COST],
  total: { credits: 1, amounts: [{ amount: '200.00', currency: 'USD' }] },
  difference: {
    onlyHere: [CREDIT],
    onlyThere: [CREDIT],
    changed: [{ here: CREDIT, there: CREDIT }],
    counts: { onlyHere: 1, onlyThere: 0, changed: 0 },
    cost: [COST],
  },
  ...MOMENT,
};
export const promotions = { items: [PROMOTION], next: null, ...MOMENT };
export const promotion = { ...PROMOTION, ...MOMENT };
export const disbursements = { items: [RUN], ...MOMENT };
export const run = { ...RUN, ...MOMENT };
