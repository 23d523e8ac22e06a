const moment = { asOf: '2022-10-31T23:59:59.999Z', knownAt: null, position: '61' };
const promotionId = 'amazon-ads-api-click-credit-2022';
const credit = `${promotionId}:advertiser-1:DE:SP`;
const account = `liabilities:credits:advertiser-1:DE:${credit.replaceAll(':', '%3A')}`;
const DE = { advertiserId: 'advertiser-1', marketplace: 'DE' };
const closed = {
  period: '2022-10',
  from: '2022-10-01T00:00:00.000Z',
  to: '2022-11-01T00:00:00.000Z',
  asOf: '2022-10-31T23:59:59.999Z',
  position: '57',
  lastEvent: { stream: 'account-advertiser-1.DE', id: 'ClickSpent:click-98' },
  fullTrialBalanceSha256: '3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf',
  fullTrialBalanceLines: 4,
  lapsed: [],
};
const closedAt = '2022-11-05T09:00:00.125Z';
const trialBalance = [
  { account: 'assets:receivable', marketplace: 'DE', balance: { amount: '17.20', currency: 'EUR' } },
  { account: `expenses:promotions:${promotionId}`, balance: { amount: '200.00', currency: 'USD' } },
  { account: 'income:clicks:SP', balance: { amount: '-67.20', currency: 'EUR' } },
  { account: 'liabilities:credits', marketplace: 'DE', balance: { amount: '-154.83', currency: 'EUR' } },
];

export const periods = { items: [{ ...closed, closedAt }], next: null, ...moment };

export const closing = {
  asOf: '2022-11-05T09:00:00.000Z',
  knownAt: null,
  status: 'appended',
  stream: 'audit-periods',
  revision: 0,
  position: '58',
  event: { ...closed, trialBalance, opening: [] },
  warnings: [],
};

const fact = {
  position: '60',
  recordedAt: '2022-11-07T06:00:00.500Z',
  effectiveAt: '2022-10-30T18:00:00.000Z',
  event: { stream: 'account-advertiser-1.DE', revision: 31, id: 'ClickSpent:click-99', type: 'ClickSpent' },
  description: 'Click click-99',
};

export const difference = {
  period: '2022-10',
  view: 'difference',
  closed: { ...closed, closedAt },
  items: [
    {
      account,
      currency: 'EUR',
      reported: '-154.83',
      restated: '-153.98',
      difference: '0.85',
      lateFacts: 1,
      facts: [{ ...fact, amount: '0.85' }],
    },
  ],
  next: null,
  ...moment,
};

export const lateFacts = {
  period: '2022-10',
  closed: { ...closed, closedAt },
  items: [
    {
      ...fact,
      ...DE,
      postings: [
        {
          account: 'income:clicks:SP',
          levels: ['income', 'clicks', 'SP'],
          amount: '-0.85',
          currency: 'EUR',
        },
        {
          account,
          levels: ['liabilities', 'credits', 'advertiser-1', 'DE', credit],
          promotionId,
          amount: '0.85',
          currency: 'EUR',
        },
      ],
    },
  ],
  next: null,
  ...moment,
};

const line = {
  effectiveAt: fact.effectiveAt,
  recordedAt: fact.recordedAt,
  position: '60',
  kind: 'click',
  clickId: 'click-99',
  draws: [{ creditId: credit, amount: '0.85' }],
  amount: '-0.85',
  billable: '0.00',
};
const { description: _, ...told } = fact;
const change = { ...told, line };
const figures = { available: '154.83', billed: '17.20', standing: 'good', paymentValid: true };
const creditBefore = {
  creditId: credit,
  promotionId,
  product: 'SP',
  status: 'active',
  granted: { amount: '200.00', currency: 'USD' },
  applied: { amount: '204.83', currency: 'EUR' },
  remaining: '154.83',
  drawn: '50.00',
  qualifiedAt: '2022-09-19T12:00:00.000Z',
  appliedAt: '2022-10-04T07:00:00.000Z',
  expiresAt: '2022-11-03T07:00:00.000Z',
  withinSla: true,
  fx: { rates: [] },
  origin: 'run',
};

export const diff = {
  from: '57',
  to: '61',
  items: [
    {
      ...DE,
      currency: 'EUR',
      before: figures,
      after: { ...figures, available: '153.98' },
      credits: [
        { creditId: credit, before: creditBefore, after: { ...creditBefore, remaining: '153.98', drawn: '50.85' } },
      ],
      lapses: [],
      events: 1,
      changes: [change],
    },
  ],
  next: null,
  ...moment,
};

export const changes = { from: '57', to: '61', items: [change], next: null, ...moment };

export const gap = {
  items: [
    {
      ...DE,
      product: 'SP',
      stage: null,
      status: 'applied',
      qualifiedAt: '2022-09-19T12:00:00.000Z',
      appliedAt: '2022-10-04T07:00:00.000Z',
      daysWaited: 14,
      withinSla: true,
      clicks: 31,
      impressions: 0,
      currency: 'EUR',
      billed: '26.35',
      credit: '204.83',
      coverable: '26.35',
    },
  ],
  next: null,
  totals: [
    {
      promotionId,
      currency: 'EUR',
      gaps: 1,
      waits: 1,
      clicks: 31,
      impressions: 0,
      billed: '26.35',
      coverable: '26.35',
    },
  ],
  ...moment,
};
