import { DOTLESS_IDENTIFIER } from '../../kernel/identifiers.js';
import { condition, days, earlyAnchor, id, spendKinds, spendOf } from './terms-conditions.js';
import {
  count,
  either,
  field,
  flag,
  list,
  object,
  oneOf,
  optional,
  record,
  set,
  text,
  type Reader,
} from './terms-readers.js';
import { faultsAcross } from './terms-v2-faults.js';
import { disbursement } from './terms-schedules.js';
import type { AwardTerms, ExpiryTerms, StageTerms, TermsV2 } from './terms.js';
import {
  localDateTime,
  amount,
  marketplace,
  money,
  name,
  partner,
  period,
  product,
  timeZone,
  versionOf,
} from './terms-values.js';

/** Version 2 of the language: its fields. What several of them can have wrong together is in terms-v2-faults.ts. */
const grace = text(/^P(0D|[1-9]\d{0,3}D|[1-9]\d{0,2}W)$/, 'a duration in days or weeks such as "P3D"', (value) =>
  value.endsWith('W') ? `P${7 * Number(value.slice(1, -1))}D` : value,
);

/** On the wall clock, weeks are so many days and years so many months. */
const wallClock = text(
  /^P([1-9]\d{0,3}[DM]|[1-9]\d{0,2}W|[1-9]\d?Y)$/,
  'a duration in days, weeks, months or years such as "P3M"',
  (value) => {
    const length = Number(value.slice(1, -1));
    if (value.endsWith('W')) return `P${7 * length}D`;
    return value.endsWith('Y') ? `P${12 * length}M` : value;
  },
);

const usd = (amount: string) => ({ amount, currency: 'USD' });
const REGIONS = { 'DE-UK': ['DE', 'UK'] };
const TIERS = [
  { spend: usd('100.00'), amount: usd('50.00') },
  { spend: usd('500.00'), amount: usd('200.00') },
];

const of = field(spendOf, 'Which own spend counts: `products`, `spend` and `window` as in the condition `spend`.', {
  window: { from: { at: 'activation' }, for: 'P60D' },
});

const award: Reader<AwardTerms> = either({
  amount: object({ amount: field(amount, 'An amount; it may be another in some marketplaces.', usd('200.00')) }),
  tiers: object({
    tiers: field(
      list(
        object({
          spend: field(amount, 'Own spend of at least so much; it may be another in some marketplaces.', usd('500.00')),
          amount: field(amount, 'Is given this; it may be another in some marketplaces.', usd('200.00')),
        }),
        100,
      ),
      'The highest tier reached is given; both amounts rise from tier to tier.',
      TIERS,
    ),
    of,
  }),
  match: object({
    match: field(
      object({
        percent: field(count(1000), 'So much of a hundred of the spend.', 50),
        upTo: field(amount, 'The most that is given; it may be another in some marketplaces.', usd('250.00')),
      }),
      'A part of the own spend.',
      { percent: 50, upTo: usd('250.00') },
    ),
    of,
  }),
});

const settlementGrace = optional(
  grace,
  'So long after its end late spend from before its end still draws on a credit, in days of 24 hours.',
  'P3D',
  'P3D',
);

const expiry: Reader<ExpiryTerms> = either({
  after: object({
    after: field(wallClock, 'So long after it was applied a credit ends, on the wall clock, exclusive.', 'P60D'),
    endOfDay: optional(flag, '`true`: at the end of that local day.', true, false),
    settlementGrace,
  }),
  on: object({
    on: field(localDateTime, 'A credit ends at this local date and time, exclusive.', '2023-01-31T00:00'),
    settlementGrace,
  }),
});

const stage: Reader<StageTerms> = object({
  id: field(id, 'Names the stage in answers and in the ids of its credits; unique in the document.', 'launch'),
  qualifying: field(condition, 'The tree of conditions by which an advertiser qualifies.', { activated: 'offer' }),
  award: field(award, 'How much is given.', { amount: usd('200.00') }),
  disbursement: field(disbursement, 'When credits are applied.', { schedule: 'daily', within: 'P14D' }),
  expiry: field(expiry, 'When credits end.', { after: 'P60D' }),
  pays: optional(
    object({
      products: optional(set(product), 'Only spend on these; by default on any product of the terms.', ['SB']),
      spend: optional(spendKinds, 'Only spend of these kinds; by default of any.', ['clicks']),
    }),
    'What a credit pays for.',
    { products: ['SB'] },
  ),
});

const STAGE_EXAMPLE = {
  id: 'activated',
  qualifying: { activated: 'offer' },
  award: { amount: usd('200.00') },
  disbursement: { schedule: 'daily', within: 'P14D' },
  expiry: { after: 'P60D' },
};

const newTo = object({
  what: field(
    set(oneOf('campaign', 'spend', 'account')),
    'An activation of a campaign, a click or impressions, an opened account, of whatever marketplace and product.',
    ['campaign', 'spend'],
  ),
  before: field(earlyAnchor, 'None of them is before this instant.', { at: 'period-start' }),
});

const promotionIds = set(text(DOTLESS_IDENTIFIER, 'a promotionId'));

const eligibility = object({
  invitation: optional(oneOf('required', 'not-required'), '`required`: only invited ones.', 'required', 'not-required'),
  partners: optional(set(partner, 100_000), 'Only invitations and changes by these partners count.', ['partner-1']),
  dormancy: optional(wallClock, 'No API change in this span before the start, on the wall clock.', 'P3M'),
  newTo: optional(newTo, 'Only new advertisers.', { what: ['campaign'], before: { at: 'period-start' } }),
  standing: optional(oneOf('good', 'any'), 'Of the account, asked at each run.', 'any', 'good'),
  payment: optional(oneOf('valid', 'any'), "The account's payment method, asked at each run.", 'any', 'valid'),
  excludes: optional(promotionIds, 'As in `stacking`.', ['spring-credit-2022']),
});

const stacking = object({
  with: optional(
    {
      read: (value, path, reading) => {
        if (value === 'any' || value === 'none') return value;
        return Array.isArray(value)
          ? promotionIds.read(value, path, reading)
          : reading.fault(path, 'must be "any", "none" or a list of promotionIds');
      },
      schema: { oneOf: [oneOf('any', 'none').schema, promotionIds.schema] },
    } satisfies Reader<'any' | 'none' | readonly string[]>,
    'Only with these promotions, with any, or with none.',
    ['welcome-code-2023'],
    'any',
  ),
  excludes: optional(promotionIds, 'Not with these.', ['spring-credit-2022']),
});

const caps = object({
  perMarketplace: optional(amount, 'The most for one advertiser in one marketplace.', usd('900.00')),
  perProduct: optional(amount, 'The most for one advertiser for one product in one marketplace.', usd('300.00')),
  perRegion: optional(money, 'The most for one advertiser in one region.', usd('900.00')),
  perAdvertiser: optional(money, 'The most for one advertiser.', usd('1000.00')),
  budget: optional(money, 'The most in the whole promotion; who qualified first is given first.', usd('100000.00')),
  redemptions: optional(count(1_000_000_000), 'So many credits in the whole promotion.', 1000),
});

export const termsV2: Reader<TermsV2> = object(
  {
    version: field(versionOf(2), 'The version of this language.', 2),
    name: field(name, 'For people; 1 to 200 characters, no space at its ends.', 'Click credit promotion 2022'),
    timeZone: field(timeZone, 'IANA zone of every local date and time here.', 'America/Los_Angeles'),
    period: field(period, 'When the promotion runs; where a window is left out it is this one.', {
      start: '2022-08-22T00:00',
      end: '2022-12-31T12:00',
    }),
    marketplaces: field(set(marketplace), 'Where it is offered.', ['DE', 'US']),
    regions: optional(
      record(text(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, 'the name of a region such as "DE-UK"'), set(marketplace)),
      'Marketplaces that count as one, by the name of the region; every other one stands alone.',
      REGIONS,
    ),
    products: field(list(product), 'Which products it is about, in the order in which answers list them.', [
      'SP',
      'SB',
    ]),
    awardFor: optional(
      oneOf('product', 'all-products'),
      'An award is for each product by itself, or one for all; then credits have the product `ALL`.',
      'all-products',
      'product',
    ),
    oncePer: optional(
      oneOf('marketplace', 'region', 'advertiser'),
      'An advertiser is given the same award once in each marketplace, in each region, or only once.',
      'region',
      'marketplace',
    ),
    eligibility: optional(eligibility, 'Who may take part.', { invitation: 'required' }),
    stacking: optional(
      stacking,
      'With which promotions it may be combined: nobody is given credits of two that may not be.',
      { with: 'none' },
    ),
    stages: field(list(stage, 50), 'What can be earned, each stage by itself.', [STAGE_EXAMPLE]),
    caps: optional(caps, 'The most that is given, over every credit ever given, by hand too.', {
      perAdvertiser: usd('1000.00'),
    }),
    fx: optional(
      object({ maxAge: field(days, 'Older rates are `stale-fx-rate`.', 'P7D') }),
      'Rates by which amounts are converted.',
      { maxAge: 'P7D' },
      { maxAge: 'P7D' },
    ),
  },
  faultsAcross,
);
