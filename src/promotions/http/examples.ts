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

export const promotions = { items: [PROMOTION], next: null, ...MOMENT };
export const promotion = { ...PROMOTION, ...MOMENT };
export const disbursements = { items: [RUN], ...MOMENT };
export const run = { ...RUN, ...MOMENT };
