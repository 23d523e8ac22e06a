import fc from 'fast-check';
import type { TermsV2 } from '../../src/promotions/domain/terms.js';
import type { Command } from '../support/client.js';
import { usd } from '../domain/account-examples.js';

/** A month of a promotion with daily runs, for three advertisers in three marketplaces. */
export const PROMOTION = 'october';
export const OTHER = 'the-other';
export const ADVERTISERS = ['adv-1', 'adv-2', 'adv-3'] as const;
const CURRENCIES = { DE: 'EUR', UK: 'GBP', US: 'USD' } as const;
const MARKETPLACES = ['DE', 'UK', 'US'] as const;
const PRODUCTS = ['SP', 'SB'] as const;
const CODES = ['AUTUMN', 'WINTER'] as const;

type StageTerms = TermsV2['stages'][number];
const spend = { spend: { amount: usd('30.00') } };
const of = { window: { from: { at: 'period-start' }, for: 'P14D' } } as const;

const qualifying: fc.Arbitrary<StageTerms['qualifying']> = fc.constantFrom<StageTerms['qualifying'][]>(
  spend,
  { activated: 'offer' },
  { redeemed: { codes: CODES } },
  { attested: { action: 'certificate' } },
  { any: [spend, { redeemed: { codes: ['WINTER'] } }] },
  { spend: { amount: usd('12.00'), window: { from: { at: 'activation' }, for: 'P10D' } } },
  { campaign: { launched: {} } },
  {
    campaign: {
      all: [
        { id: 'launch', firstLaunch: {} },
        { activeFor: { duration: 'P5D' }, window: { from: { met: 'launch' } } },
      ],
    },
  },
  { campaign: { activeAt: { moment: { from: { at: 'period-start' }, after: 'P8D' }, pauses: 'none' } } },
);

const award: fc.Arbitrary<StageTerms['award']> = fc.constantFrom<StageTerms['award'][]>(
  { amount: usd('50.00') },
  { amount: { default: usd('50.00'), in: { UK: usd('75.00') } } },
  {
    tiers: [
      { spend: usd('10.00'), amount: usd('20.00') },
      { spend: usd('40.00'), amount: usd('60.00') },
    ],
    of,
  },
  { match: { percent: 50, upTo: usd('40.00') }, of },
);

const stage = (id: string): fc.Arbitrary<StageTerms> =>
  fc.record({
    id: fc.constant(id),
    qualifying,
    award,
    disbursement: fc.constantFrom<StageTerms['disbursement'][]>(
      { schedule: 'daily', within: 'P14D', until: '2022-11-05' },
      { schedule: 'weekly', weekday: 'wednesday', within: 'P14D', until: '2022-11-05' },
      {
        schedule: 'business-days',
        holidays: ['2022-10-10'],
        time: '06:00',
        within: { businessDays: 5 },
        until: '2022-11-05',
      },
    ),
    expiry: fc.constantFrom<StageTerms['expiry'][]>({ after: 'P60D' }, { on: '2022-11-01T00:00' }),
  });

/** What an optional part may say, absent included. */
const maybe = <T>(...values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined });

export const terms: fc.Arbitrary<object> = fc
  .record({
    stages: fc.tuple(stage('one'), fc.option(stage('two'), { nil: undefined })),
    awardFor: maybe('product', 'all-products'),
    oncePer: maybe('marketplace', 'region', 'advertiser'),
    invitation: maybe('required'),
    newTo: maybe(
      { what: ['spend'], before: '2022-10-03T00:00' },
      { what: ['campaign', 'account'], before: { at: 'activation' } },
    ),
    payment: maybe('any'),
    stacking: maybe<object>({ excludes: [OTHER] }, { with: 'none' }, { with: [OTHER] }),
    caps: maybe<object>(
      { perMarketplace: usd('75.00') },
      { perRegion: usd('100.00') },
      { perAdvertiser: usd('150.00') },
      { budget: usd('220.00') },
      { redemptions: 3 },
    ),
  })
  .map(({ stages, invitation, newTo, payment, ...rest }) =>
    withoutAbsent({
      version: 2,
      name: 'October',
      timeZone: 'America/Los_Angeles',
      period: { start: '2022-10-01T00:00', end: '2022-10-29T00:00' },
      marketplaces: MARKETPLACES,
      regions: { 'DE-UK': ['DE', 'UK'] },
      products: PRODUCTS,
      eligibility: { invitation, newTo, payment },
      fx: { maxAge: 'P30D' },
      ...rest,
      stages: stages.filter((each) => each !== undefined),
    }),
  );

const withoutAbsent = (document: object): object => JSON.parse(JSON.stringify(document)) as object;

const DAY_MS = 86_400_000;
const instant = fc
  .integer({ min: -2 * 24, max: 32 * 24 })
  .map((hours) => new Date(Date.parse('2022-10-01T00:30:00Z') + (hours * DAY_MS) / 24).toISOString());

const KINDS = ['click', 'click', 'click', 'impressions', 'enroll', 'enroll', 'campaign', 'account', 'grant'] as const;

/** What anybody does, or a grant by hand. Some are refused, which is as good as any other answer. */
const facts: fc.Arbitrary<readonly Command[]> = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    advertiserId: fc.constantFrom(...ADVERTISERS),
    marketplace: fc.constantFrom(...MARKETPLACES),
    product: fc.constantFrom(...PRODUCTS),
    occurredAt: instant,
    n: fc.integer({ min: 1, max: 4 }),
    flag: fc.boolean(),
  })
  .map(commandsOf);

interface Said {
  readonly kind: (typeof KINDS)[number];
  readonly advertiserId: string;
  readonly marketplace: keyof typeof CURRENCIES;
  readonly product: string;
  readonly occurredAt: string;
  readonly n: number;
  readonly flag: boolean;
}

function commandsOf({ kind, advertiserId, marketplace, product, occurredAt, n, flag }: Said): readonly Command[] {
  const account = { advertiserId, marketplace };
  const currency = CURRENCIES[marketplace];
  const campaignId = `${advertiserId}-${marketplace}-${product}-${n % 2}`;
  switch (kind) {
    case 'click': {
      const clickId = `click-${occurredAt}-${n}`;
      const cost = { amount: `${n * 12}.25`, currency };
      const reversedAt = new Date(Date.parse(occurredAt) + n * 2 * DAY_MS).toISOString();
      return [
        { type: 'ClickSpent', data: { ...account, clickId, campaignId, product, cost, occurredAt } },
        ...(flag
          ? [{ type: 'ClickReversed', data: { ...account, clickId, reason: 'invalid', occurredAt: reversedAt } }]
          : []),
      ];
    }
    case 'impressions': {
      const data = { ...account, impressionsId: occurredAt, campaignId, product, impressions: n * 1000 };
      return [{ type: 'ImpressionsSpent', data: { ...data, cpm: { amount: '7.10', currency }, occurredAt } }];
    }
    case 'enroll':
      return [enrollment({ promotionId: PROMOTION, advertiserId, occurredAt }, n, flag)];
    case 'campaign': {
      if (n < 3) return [{ type: 'CampaignActivated', data: { ...account, product, campaignId, occurredAt } }];
      return [
        n === 3
          ? { type: 'CampaignEnded', data: { campaignId, occurredAt } }
          : { type: 'CampaignPaused', data: { campaignId, reason: 'manual', occurredAt } },
      ];
    }
    case 'account':
      return [
        flag
          ? { type: 'PaymentMethodChanged', data: { ...account, valid: n < 4, occurredAt } }
          : {
              type: 'AccountStandingChanged',
              data: { ...account, standing: n < 3 ? 'good' : 'suspended', occurredAt },
            },
      ];
    case 'grant': {
      const grant = { creditId: `by-hand-${occurredAt}-${n}`, product: n > 2 ? product : 'ALL', granted: usd('10.00') };
      // A run counts what is recorded when it starts, be it applied later: so one of the promotion comes before all runs.
      const of = flag
        ? { promotionId: PROMOTION, stage: n % 2 ? 'one' : 'two', appliedAt: '2022-10-01T00:30:00.000Z' }
        : { promotionId: OTHER, appliedAt: occurredAt };
      return [{ type: 'CreditApplied', data: { ...account, ...grant, ...of, reason: 'goodwill' } }];
    }
  }
}

function enrollment(enrolled: object, n: number, flag: boolean): Command {
  switch (n) {
    case 1:
      return { type: 'OfferActivated', data: { ...enrolled } };
    case 2:
      return { type: 'CodeRedeemed', data: { ...enrolled, code: CODES[flag ? 0 : 1] } };
    case 3: {
      const attestation = { attestationId: 'certificate', action: 'certificate', attestedBy: 'us' };
      return { type: 'ActionAttested', data: { ...enrolled, ...attestation } };
    }
    default:
      return { type: 'InvitationWithdrawn', data: { ...enrolled, reason: 'left' } };
  }
}

/** Accounts, rates and invitations, and then anything. */
export const history: fc.Arbitrary<readonly Command[]> = fc
  .array(facts, { minLength: 25, maxLength: 70 })
  .map((all) => [
    ...['EUR', 'GBP'].map((quote) => ({
      type: 'FxRateRecorded',
      data: { base: 'USD', quote, rate: '0.9', source: 'ECB', effectiveAt: '2022-09-30T14:00:00Z' },
    })),
    ...ADVERTISERS.flatMap((advertiserId, index) => [
      ...MARKETPLACES.flatMap((marketplace) => [
        {
          type: 'AccountOpened',
          data: {
            advertiserId,
            marketplace,
            currency: CURRENCIES[marketplace],
            occurredAt: `2022-09-2${index}T00:00:00Z`,
          },
        },
        {
          type: 'PaymentMethodChanged',
          data: { advertiserId, marketplace, valid: true, occurredAt: '2022-09-28T00:00:00Z' },
        },
      ]),
      {
        type: 'AdvertiserInvited',
        data: { promotionId: PROMOTION, advertiserId, partnerId: 'partner-1', occurredAt: '2022-09-29T00:00:00Z' },
      },
    ]),
    ...all.flat(),
  ]);

/** Gives to nobody by its runs; who is granted something under it by hand is excluded by the terms that say so. */
export const OTHER_TERMS = {
  version: 2,
  name: 'The other',
  timeZone: 'UTC',
  period: { start: '2022-09-01T00:00', end: '2022-12-01T00:00' },
  marketplaces: MARKETPLACES,
  products: ['SP', 'SB'],
  awardFor: 'all-products',
  stages: [
    {
      id: 'never',
      qualifying: { attested: { action: 'never' } },
      award: { amount: usd('10.00') },
      disbursement: {
        schedule: 'first-tuesday',
        time: '00:00',
        firstMonth: '2022-12',
        lastMonth: '2022-12',
        within: 'P30D',
      },
      expiry: { after: 'P30D' },
    },
  ],
};
