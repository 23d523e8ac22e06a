/** Answers as the documents show them. */
const MOMENT = { asOf: '2022-10-10T00:00:00.000Z', knownAt: null, position: '42' };
const CREDIT = 'amazon-ads-api-click-credit-2022:advertiser-1:DE:SP';
const RATE = { base: 'EUR', quote: 'USD', rate: '0.9764', source: 'ECB', effectiveAt: '2022-10-03T14:00:00.000Z' };

export const accounts = {
  items: [
    {
      advertiserId: 'advertiser-1',
      marketplace: 'DE',
      currency: 'EUR',
      standing: 'good',
      available: { amount: '203.98', currency: 'EUR' },
    },
  ],
  next: null,
  ...MOMENT,
};

export const balance = {
  advertiserId: 'advertiser-1',
  marketplace: 'DE',
  currency: 'EUR',
  available: '203.98',
  billed: '0.00',
  credits: [
    {
      creditId: CREDIT,
      promotionId: 'amazon-ads-api-click-credit-2022',
      product: 'SP',
      status: 'active',
      granted: { amount: '200.00', currency: 'USD' },
      applied: { amount: '204.83', currency: 'EUR' },
      remaining: '203.98',
      drawn: '0.85',
      qualifiedAt: '2022-09-19T12:00:00.000Z',
      appliedAt: '2022-10-04T07:00:00.000Z',
      expiresAt: '2022-11-03T07:00:00.000Z',
      withinSla: true,
      fx: { rates: [RATE] },
      origin: 'run',
    },
  ],
  ...MOMENT,
};

export const statement = {
  items: [
    {
      effectiveAt: '2022-10-05T12:00:00.000Z',
      recordedAt: '2022-10-05T12:00:01.000Z',
      position: '42',
      kind: 'click',
      clickId: 'click-1',
      draws: [{ creditId: CREDIT, amount: '0.85' }],
      amount: '-0.85',
      billable: '0.00',
      balance: '203.98',
    },
    {
      effectiveAt: '2022-11-03T07:00:00.000Z',
      recordedAt: null,
      position: null,
      kind: 'credit-expired',
      creditId: CREDIT,
      amount: '-203.98',
      billable: '0.00',
      balance: '0.00',
    },
  ],
  next: null,
  ...MOMENT,
};

export const click = {
  clickId: 'click-1',
  campaignId: 'campaign-1',
  product: 'SP',
  cost: { amount: '0.85', currency: 'EUR' },
  occurredAt: '2022-10-05T12:00:00.000Z',
  draws: [{ creditId: CREDIT, amount: { amount: '0.85', currency: 'EUR' } }],
  billable: { amount: '0.00', currency: 'EUR' },
  reversed: null,
  credits: [{ creditId: CREDIT, outcome: 'drawn', drawn: { amount: '0.85', currency: 'EUR' } }],
  ...MOMENT,
};

export const qualification = {
  items: [
    {
      product: 'SP',
      stage: null,
      status: 'in-progress',
      reasons: [],
      qualifiedAt: null,
      campaignId: 'campaign-1',
      weeks: [{ week: 1, start: '2022-08-22T07:00:00.000Z', end: '2022-08-29T07:00:00.000Z', changes: 2 }],
      activeSeconds: 604_800,
      missing: { weeks: 3, changes: 2, activeSeconds: 1_814_400 },
      earliestRun: '2022-10-04',
      creditId: null,
      award: { amount: '200.00', currency: 'USD' },
      conditions: {
        kind: 'campaign',
        id: null,
        says: 'one campaign that meets this',
        metAt: null,
        missing: { changes: 2 },
        needs: 'at least 4 changes in all: 2 so far, 2 to go by 2022-12-31T20:00:00Z',
        until: '2022-12-31T20:00:00.000Z',
        couldBeMetAt: '2022-09-12T07:00:00.000Z',
        campaignId: 'campaign-1',
        parts: [
          {
            kind: 'totalChanges',
            id: null,
            says: 'at least 4 changes in all',
            metAt: null,
            missing: { changes: 2 },
            needs: 'at least 4 changes in all: 2 so far, 2 to go by 2022-12-31T20:00:00Z',
            until: '2022-12-31T20:00:00.000Z',
            couldBeMetAt: '2022-09-12T07:00:00.000Z',
            campaignId: 'campaign-1',
            parts: [],
          },
        ],
      },
      settlement: null,
    },
  ],
  ...MOMENT,
};

export const expiryRun = { expired: 2, amounts: [{ currency: 'EUR', amount: '12.50' }], ...MOMENT };
