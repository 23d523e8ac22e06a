export const NOTICE = {
  id: 'credit-used-up~advertiser-1~DE~amazon-ads-api-click-credit-2022:advertiser-1:DE:SP',
  kind: 'credit-used-up',
  advertiserId: 'advertiser-1',
  marketplace: 'DE',
  position: '42',
  occurredAt: '2022-10-05T12:00:00.000Z',
  data: {
    creditId: 'amazon-ads-api-click-credit-2022:advertiser-1:DE:SP',
    promotionId: 'amazon-ads-api-click-credit-2022',
    product: 'SP',
    expiresAt: '2022-11-03T07:00:00.000Z',
    applied: { amount: '204.83', currency: 'EUR' },
    drawn: { amount: '204.83', currency: 'EUR' },
    remaining: { amount: '0.00', currency: 'EUR' },
  },
  place: '42-0',
};

export const ENDPOINT = {
  id: 'crm',
  url: 'https://hooks.example.com',
  kinds: ['credit-used-up', 'credit-expiring'],
  advertisers: null,
  marketplaces: ['DE'],
  state: 'active',
  disabledAt: null,
  lastDeliveredAt: '2022-10-05T12:00:01.000Z',
  queued: 0,
  deadLetters: 1,
  lagSeconds: 0,
};

export const DEAD_LETTER = {
  id: '7',
  endpoint: 'crm',
  noticeId: NOTICE.id,
  kind: NOTICE.kind,
  attempts: 10,
  queuedAt: '2022-10-05T12:00:01.000Z',
  deadAt: '2022-10-08T16:00:00.000Z',
  why: 'answered 503',
};
