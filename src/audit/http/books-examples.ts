const moment = { asOf: '2022-10-31T00:00:00.000Z', knownAt: null, position: '42' };
const promotionId = 'amazon-ads-api-click-credit-2022';
const credit = `${promotionId}:advertiser-1:DE:SP`;
const liability = {
  account: `liabilities:credits:advertiser-1:DE:${credit.replaceAll(':', '%3A')}`,
  levels: ['liabilities', 'credits', 'advertiser-1', 'DE', credit],
};
const grants = { account: `expenses:promotions:${promotionId}`, levels: ['expenses', 'promotions', promotionId] };

export const journal = {
  items: [
    {
      position: '37',
      recordedAt: '2022-10-04T07:00:01.250Z',
      effectiveAt: '2022-10-04T07:00:00.000Z',
      event: { stream: 'account-advertiser-1.DE', revision: 2, id: `CreditApplied:${credit}`, type: 'CreditApplied' },
      advertiserId: 'advertiser-1',
      marketplace: 'DE',
      description: `Credit ${credit} of ${promotionId}`,
      postings: [
        { ...grants, promotionId, amount: '200.00', currency: 'USD' },
        {
          ...liability,
          promotionId,
          amount: '-204.83',
          currency: 'EUR',
          cost: { amount: '-200.00', currency: 'USD' },
        },
      ],
    },
  ],
  next: null,
  ...moment,
};

export const trialBalance = {
  items: [
    { ...grants, currency: 'USD', balance: '200.00' },
    { ...liability, currency: 'EUR', balance: '-204.83' },
  ],
  next: null,
  totals: [
    { currency: 'EUR', balance: '-204.83', atCost: '0.00' },
    { currency: 'USD', balance: '200.00', atCost: '0.00' },
  ],
  ...moment,
};

const of = `account=liabilities%3Acredits&promotionId=${promotionId}&marketplace=DE&currency=EUR`;
const at = 'asOf=2022-10-31T23%3A59%3A59.999Z&knownAt=position%3A42';
const from = 'from=2022-10-01T00%3A00%3A00.000Z';
const to = 'to=2022-11-01T00%3A00%3A00.000Z';
const moved = (amount: string, kind: string) => ({
  amount,
  drill: `/v1/journal?${of}&kind=${kind}&${from}&${to}&${at}`,
});

export const liability2022 = {
  items: [
    {
      promotionId,
      marketplace: 'DE',
      currency: 'EUR',
      opening: { amount: '0.00', drill: `/v1/journal?${of}&to=2022-10-01T00%3A00%3A00.000Z&${at}` },
      granted: moved('204.83', 'CreditApplied'),
      drawn: moved('54.83', 'ClickSpent%2CImpressionsSpent'),
      expired: moved('0.00', 'CreditExpired'),
      revoked: moved('0.00', 'CreditRevoked'),
      restored: moved('4.00', 'ClickReversed'),
      closing: { amount: '154.00', drill: `/v1/journal?${of}&${to}&${at}` },
      lapsed: { amount: '0.00', drill: `/v1/trial-balance?${of}&lapsed=true&${at}` },
    },
  ],
  next: null,
  month: '2022-10',
  from: '2022-10-01T00:00:00.000Z',
  to: '2022-11-01T00:00:00.000Z',
  ...moment,
};
