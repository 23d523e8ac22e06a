import { eur, usd, type Change } from './terms-examples.js';

/** A change that makes the document with a bit of everything faulty, and what is said of it. */
export interface Faulty {
  readonly what: string;
  readonly changes: readonly Change[];
  /** Path and message of every fault. */
  readonly faults: readonly (readonly [path: string, message: string])[];
}

const WORK = '/stages/0/qualifying/all';
const ATOMS = `${WORK}/0/campaign/all`;
const SPEND = '/stages/1/qualifying/all/0/spend';

const nested = (depth: number): object => (depth === 1 ? { activated: 'offer' } : { all: [nested(depth - 1)] });
const row = (what: string, changes: readonly Change[], ...faults: Faulty['faults']): Faulty => ({
  what,
  changes,
  faults,
});
/** A row with one change and one fault, in the place of the change. */
const at = (path: string, value: unknown, message: string): Faulty =>
  row(`${path} ${JSON.stringify(value)?.slice(0, 60) ?? 'missing'}`, [[path, value]], [path, message]);

const MONTHLY = { schedule: 'monthly', firstMonth: '2022-10', lastMonth: '2023-02', within: 'P30D' };
const ONE_OF_WEEKDAYS =
  'must be "monday" or "tuesday" or "wednesday" or "thursday" or "friday" or "saturday" or "sunday"';

/** Faults that anybody can find who knows the shape of documents. */
export const FAULTS_OF_SHAPE: readonly Faulty[] = [
  at('/version', '2', 'must be 1 or 2'),
  at('/version', undefined, 'is missing'),
  at('/colour', 'red', 'is not a field of the terms'),
  at('/stages', undefined, 'is missing'),
  at('/stages', [], 'must be a list of 1 to 50'),
  at('/marketplaces/1', 'fr ', 'must be two capital letters'),
  at('/regions', {}, 'must be an object with at least one field'),
  at('/regions/new regions', ['US'], 'must be the name of a region such as "DE-UK"'),
  at('/awardFor', 'everything', 'must be "product" or "all-products"'),
  at('/oncePer', null, 'must be "marketplace" or "region" or "advertiser"'),
  at('/eligibility/invitation', true, 'must be "required" or "not-required"'),
  at('/eligibility/dormancy', 'PT72H', 'must be a duration in days, weeks, months or years such as "P3M"'),
  at('/eligibility/newTo/what/1', 'clicks', 'must be "campaign" or "spend" or "account"'),
  row(
    'newness before a condition',
    [['/eligibility/newTo/before', { met: 'code' }]],
    ['/eligibility/newTo/before/met', 'is not a field of the terms'],
    ['/eligibility/newTo/before/at', 'is missing'],
  ),
  at('/eligibility/excludes/0', 'spring.credit', 'must be a promotionId'),
  at('/stacking/with', 'some', 'must be "any", "none" or a list of promotionIds'),
  at('/stacking/with', [], 'must be a list of 1 to 1000'),
  at('/stacking/with/0', 'loyal.2022', 'must be a promotionId'),
  at('/stacking/excludes', 'autumn', 'must be a list of 1 to 1000'),
  at('/stacking/without', ['autumn'], 'is not a field of the terms'),
  at('/stages/0/id', 'First stage', 'must be an id such as "first-launch": small letters, digits and hyphens'),
  row(
    'an amount for an award',
    [['/stages/0/award', usd('100.00')]],
    ['/stages/0/award/currency', 'is not a field of the terms'],
    ['/stages/0/award/amount', 'must be an object'],
  ),
  row(
    'an amount and tiers',
    [['/stages/0/award/tiers', []]],
    ['/stages/0/award', 'must have only one of "amount", "tiers"'],
  ),
  row(
    'two ends',
    [['/stages/0/expiry/on', '2023-06-30T00:00']],
    ['/stages/0/expiry', 'must have only one of "after", "on"'],
  ),
  at('/stages/0/expiry', { endOfDay: true }, 'must have one of "after", "on"'),
  at('/stages/0/expiry/endOfDay', 'yes', 'must be true or false'),
  at(
    '/stages/0/disbursement/schedule',
    'fortnightly',
    'must be "first-tuesday" or "monthly" or "dates" or "daily" or "business-days" or "weekly"',
  ),
  row(
    'a month without a day',
    [['/stages/0/disbursement/schedule', 'monthly']],
    ['/stages/0/disbursement', 'must have one of "day", "nth"'],
  ),
  row(
    'two days of a month',
    [['/stages/0/disbursement', { ...MONTHLY, day: 15, nth: { week: 1, weekday: 'friday' } }]],
    ['/stages/0/disbursement', 'must have only one of "day", "nth"'],
  ),
  ...[0, 32, 1.5, 'first'].map((day) =>
    row(
      `the day ${day} of a month`,
      [['/stages/0/disbursement', { ...MONTHLY, day }]],
      ['/stages/0/disbursement/day', 'must be 1 to 31 or "last"'],
    ),
  ),
  row(
    'a fifth Tue of the month',
    [['/stages/0/disbursement', { ...MONTHLY, nth: { week: 5, weekday: 'Tue' } }]],
    ['/stages/0/disbursement/nth/week', 'must be 1 or 2 or 3 or 4 or "last"'],
    ['/stages/0/disbursement/nth/weekday', ONE_OF_WEEKDAYS],
  ),
  row(
    'a week without its day',
    [['/stages/2/disbursement', { schedule: 'weekly', within: 'P14D', firstMonth: '2022-10' }]],
    ['/stages/2/disbursement/firstMonth', 'is not a field of the terms'],
    ['/stages/2/disbursement/weekday', 'is missing'],
  ),
  row(
    'no dates of runs',
    [['/stages/2/disbursement', { schedule: 'dates', dates: [], within: 'P14D' }]],
    ['/stages/2/disbursement/dates', 'must be a list of 1 to 1000'],
  ),
  row(
    'a date that is none',
    [['/stages/2/disbursement', { schedule: 'dates', dates: ['2022-10-15', '15 October'], within: 'P14D' }]],
    ['/stages/2/disbursement/dates/1', 'must be a local date such as "2022-12-26"'],
  ),
  at('/stages/0/disbursement/schedule', undefined, 'is missing'),
  at('/stages/1/disbursement/within', 14, 'must be a duration in days such as "P14D" or {"businessDays": 10}'),
  at('/stages/1/disbursement/within/businessDays', 0, 'must be a whole number from 1 to 1000'),
  at('/stages/1/disbursement/holidays/0', '26 December', 'must be a local date such as "2022-12-26"'),
  at('/stages/1/award/of', undefined, 'is missing'),
  at('/stages/2/award/match/percent', 0, 'must be a whole number from 1 to 1000'),
  at('/stages/2/award/match/percent', 12.5, 'must be a whole number from 1 to 1000'),
  at('/stages/0/pays/spend/0', 'views', 'must be "clicks" or "impressions"'),
  at(`${WORK}/1/any`, [], 'must be a list of 1 to 100'),
  row(
    'an unknown condition',
    [[`${WORK}/1`, { some: [{ activated: 'offer' }] }]],
    [`${WORK}/1/some`, 'is not a field of the terms'],
    [
      `${WORK}/1`,
      'must have one of "all", "any", "campaign", "weeklyChanges", "totalChanges", "activeFor", "launched", ' +
        '"firstLaunch", "activeAt", "spend", "attested", "redeemed", "activated"',
    ],
  ),
  row(
    'two conditions in one',
    [[`${WORK}/1/all`, [{ activated: 'offer' }]]],
    [`${WORK}/1`, 'must have only one of "all", "any"'],
  ),
  row('a window without a start', [[`${ATOMS}/0/window`, {}]], [`${ATOMS}/0/window/from`, 'is missing']),
  row(
    'a window with two ends',
    [[`${ATOMS}/0/window/until`, '2022-12-01T00:00']],
    [`${ATOMS}/0/window`, 'must have only one of "for", "until"'],
  ),
  at(`${ATOMS}/0/window/for`, 'P2M', 'must be a duration in days or weeks such as "P14D"'),
  at(`${ATOMS}/0/window/from`, 'activation', 'must be a local date and time such as "2022-08-22T00:00"'),
  at(`${ATOMS}/0/window/from`, 5, 'must be a local date and time, {"at": …}, {"met": …} or {"from": …, "after": …}'),
  at(`${ATOMS}/0/window/from`, { from: { at: 'invitation' } }, 'must have one of "at", "met", "after"'),
  at(
    `${ATOMS}/0/window/from/at`,
    'launch',
    'must be "period-start" or "period-end" or "invitation" or "activation" or "account-opened" or "first-impression" or "first-spend"',
  ),
  at(`${ATOMS}/3/activeFor`, 'P28D', 'must be an object'),
  at(`${ATOMS}/3/activeFor/activity`, 'sum', 'must be "total" or "continuous"'),
  at(`${ATOMS}/5/activeAt/moment`, undefined, 'is missing'),
  at(`${SPEND}/amount`, '50.00', 'must be an object'),
  at(`${SPEND}/amount/currency`, 'dollars', 'must be an ISO 4217 code'),
  at('/caps/redemptions', -1, 'must be a whole number from 1 to 1000000000'),
  at('/caps/perMonth', usd('1.00'), 'is not a field of the terms'),
];

/** Faults that are found only by what a value means, or by several fields together. */
export const FAULTS_OF_SENSE: readonly Faulty[] = [
  at('/timeZone', 'America/Lost_Angeles', 'must be an IANA time zone such as "America/Los_Angeles"'),
  at('/period/end', '2022-09-01T00:00', 'must be after the start'),
  at('/period/start', '2022-02-30T00:00', 'must be a local date and time such as "2022-08-22T00:00"'),
  at('/products/3', 'ALL', 'is not the name of a product: credits for all of them bear it'),
  at('/regions/Europe/2', 'ES', 'is not among the marketplaces of the terms'),
  row(
    'months that end before they begin',
    [['/stages/0/disbursement', { ...MONTHLY, day: 'last', lastMonth: '2022-09' }]],
    ['/stages/0/disbursement/lastMonth', 'must not be before the first month'],
  ),
  row(
    'dates of runs before the period, and long after it',
    [
      ['/period/start', '2022-09-01T09:00'],
      [
        '/stages/2/disbursement',
        { schedule: 'dates', dates: ['2022-09-02', '2022-09-01', '2033-09-02'], time: '08:59', within: 'P14D' },
      ],
    ],
    ['/stages/2/disbursement/dates/1', 'must not be before the start of the period'],
    ['/stages/2/disbursement/dates/2', 'must be within eleven years of the start of the period'],
  ),
  row(
    'holidays of a week without business days',
    [
      [
        '/stages/2/disbursement',
        { schedule: 'weekly', weekday: 'monday', holidays: ['2022-12-26'], until: '2022-08-31', within: 'P14D' },
      ],
    ],
    [
      '/stages/2/disbursement/holidays',
      'must not stand here: neither the runs nor the service level are in business days',
    ],
    ['/stages/2/disbursement/until', 'must not be before the start of the period'],
  ),
  row(
    'a marketplace in two regions',
    [['/regions/Isles', ['UK', 'DE']]],
    ['/regions/Isles/1', 'is in the region "Europe", too'],
  ),
  row(
    'a region called as a marketplace',
    [['/regions/US', ['UK']]],
    ['/regions/US', 'is the name of a marketplace outside it'],
  ),
  row(
    'a promotion that it may and may not be combined with',
    [['/stacking/with', ['autumn-credit-2022', 'loyalty-2022', 'spring-credit-2022']]],
    ['/eligibility/excludes/0', 'is one of those that it may be combined with'],
    ['/stacking/excludes/0', 'is one of those that it may be combined with'],
  ),
  row(
    'what it may not be combined with, of none',
    [
      ['/eligibility', undefined],
      ['/stacking/with', 'none'],
    ],
    ['/stacking/excludes/0', 'says nothing: it may be combined with none'],
  ),
  at('/stages/1/id', 'work', 'is the id of another stage'),
  row(
    'an id twice',
    [['/stages/2/qualifying/id', 'code']],
    ['/stages/2/qualifying/id', 'is the id of another condition'],
  ),
  row(
    'a reference to nothing',
    [['/stages/2/qualifying/window', { from: { met: 'bought' } }]],
    ['/stages/2/qualifying/window/from/met', 'is not the id of a condition'],
  ),
  row(
    'a condition that waits for itself',
    [[`${WORK}/1/any/0/window`, { from: { met: 'code' } }]],
    [`${WORK}/1/any/0/window/from/met`, 'is the id of a condition that itself waits for this one'],
  ),
  row(
    'conditions that wait for each other',
    [
      [`${WORK}/1/any/0/window`, { from: { met: 'offer' } }],
      [
        `${WORK}/1/any/1`,
        { activated: 'offer', id: 'offer', window: { from: '2022-09-01T00:00', until: { met: 'code' } } },
      ],
    ],
    [`${WORK}/1/any/0/window/from/met`, 'is the id of a condition that itself waits for this one'],
    [`${WORK}/1/any/1/window/until/met`, 'is the id of a condition that itself waits for this one'],
  ),
  row(
    'a part that waits for its whole',
    [
      [`${WORK}/1/id`, 'either'],
      [`${WORK}/1/any/1/window`, { from: { met: 'either' }, for: 'P5D' }],
    ],
    [`${WORK}/1/any/1/window/from/met`, 'is the id of a condition that itself waits for this one'],
  ),
  row(
    'a launch outside a campaign',
    [['/stages/2/qualifying', { launched: {} }]],
    ['/stages/2/qualifying/launched', 'must stand in a "campaign": it is a condition on a campaign'],
  ),
  row(
    'spend inside a campaign',
    [[`${ATOMS}/4`, { spend: { amount: usd('1.00') } }]],
    [`${ATOMS}/4/spend`, 'must not stand in a "campaign": it is no condition on a campaign'],
  ),
  row(
    'a campaign inside a campaign',
    [[`${ATOMS}/4`, { campaign: { launched: {} } }]],
    [`${ATOMS}/4/campaign`, 'must not stand in a "campaign": it is no condition on a campaign'],
  ),
  row(
    'conditions 17 deep',
    [['/stages/2/qualifying', nested(17)]],
    [`/stages/2/qualifying${'/all/0'.repeat(16)}`, 'is nested more than 16 conditions deep'],
  ),
  row(
    'more than 100 conditions',
    [['/stages/2/qualifying', { any: Array.from({ length: 90 }, (_, n) => ({ redeemed: { codes: [`CODE-${n}`] } })) }]],
    ['/stages', 'has more than 100 conditions'],
  ),
  row(
    'a window that ends as it begins',
    [['/stages/1/qualifying/all/1/window/until', '2022-09-01T00:00']],
    ['/stages/1/qualifying/all/1/window/until', 'must be after the start of the window: nothing can lie in it'],
  ),
  row(
    'a window after the period, until its end',
    [['/stages/1/award/of/window/from', '2023-02-01T00:00']],
    ['/stages/1/award/of/window/until', 'must be after the start of the window: nothing can lie in it'],
  ),
  row(
    'a window that ends before it begins days after',
    [['/stages/1/qualifying/all/1/window/from', { from: { at: 'period-start' }, after: 'P91D' }]],
    ['/stages/1/qualifying/all/1/window/until', 'must be after the start of the window: nothing can lie in it'],
  ),
  row(
    'a condition that waits for itself, and then for days',
    [[`${WORK}/1/any/0/window`, { from: '2022-09-01T00:00', until: { from: { met: 'code' }, after: 'P1D' } }]],
    [`${WORK}/1/any/0/window/until/from/met`, 'is the id of a condition that itself waits for this one'],
  ),
  row(
    'more weeks than the period has',
    [
      ['/period/end', '2022-09-16T00:00'],
      [`${ATOMS}/3/window`, { from: { at: 'invitation' } }],
      ['/stages/1/award/of/window', undefined],
    ],
    [`${ATOMS}/1/weeklyChanges/weeks`, 'must be at most 3: the window has no more weeks'],
  ),
  row(
    'more weeks than the window has',
    [[`${ATOMS}/1/window`, { from: { at: 'invitation' }, for: 'P21D' }]],
    [`${ATOMS}/1/weeklyChanges/weeks`, 'must be at most 3: the window has no more weeks'],
  ),
  row(
    'a time longer than the window',
    [
      [`${ATOMS}/3/window`, { from: '2022-09-01T00:00', until: '2022-09-28T12:00' }],
      [`${ATOMS}/3/activeFor/duration`, 'P29D'],
    ],
    [`${ATOMS}/3/activeFor/duration`, 'must not be longer than the window'],
  ),
  row(
    'two windows for spend',
    [['/stages/1/qualifying/all/0/window', { from: { at: 'activation' } }]],
    ['/stages/1/qualifying/all/0/window', 'must not stand beside the window in "spend"'],
  ),
  at(`${SPEND}/products/0`, 'DSP', 'is not among the products of the terms'),
  at('/stages/1/award/of/products/0', 'DSP', 'is not among the products of the terms'),
  at(`${ATOMS}/1/weeklyChanges/actions/0/product`, 'DSP', 'is not among the products of the terms'),
  at('/stages/0/award/amount/in/ES', usd('120.00'), 'is not among the marketplaces of the terms'),
  at('/caps/perMarketplace/in/ES', usd('450.00'), 'is not among the marketplaces of the terms'),
  row(
    'another currency while caps sum over marketplaces',
    [['/stages/0/award/amount/in/FR', eur('120.00')]],
    [
      '/stages/0/award/amount/in/FR/currency',
      'must be USD, the currency of every amount where a cap sums over marketplaces',
    ],
  ),
  row(
    'a budget in another currency',
    [['/caps/budget', eur('100000.00')]],
    ['/caps/budget/currency', 'must be USD, the currency of every amount where a cap sums over marketplaces'],
  ),
  row(
    'stages in two currencies in one marketplace',
    [
      ['/caps', undefined],
      ['/stages/0/award/amount/in/FR', eur('120.00')],
    ],
    ['/stages/1/award/tiers/0/amount/currency', 'must be EUR, the currency of other amounts in FR'],
    ['/stages/1/award/tiers/1/amount/currency', 'must be EUR, the currency of other amounts in FR'],
    ['/stages/2/award/match/upTo/currency', 'must be EUR, the currency of other amounts in FR'],
  ),
  row(
    'a cap below an award',
    [['/caps/perMarketplace/in/FR', usd('149.99')]],
    ['/caps/perMarketplace/in/FR/amount', 'must not be less than an award'],
  ),
  row(
    'a cap per product below an award',
    [['/caps/perProduct', usd('199.99')]],
    ['/caps/perProduct/amount', 'must not be less than an award'],
  ),
  row(
    'a budget below an award',
    [['/caps/budget', usd('199.99')]],
    ['/caps/budget/amount', 'must not be less than an award'],
  ),
  row(
    'tiers that do not rise',
    [['/stages/1/award/tiers/1', { spend: eur('100.00'), amount: usd('25.00') }]],
    ['/stages/1/award/tiers/1', 'is listed twice'],
    ['/stages/1/award/tiers/1/spend/amount', 'must be more than in the tier before'],
    ['/stages/1/award/tiers/1/amount/amount', 'must be more than in the tier before'],
  ),
  row(
    'a threshold and awards where it is not offered',
    [
      [`${SPEND}/amount`, { default: usd('50.00'), in: { ES: usd('40.00') } }],
      ['/stages/1/award/tiers/1/spend', { default: eur('500.00'), in: { ES: eur('400.00') } }],
      ['/stages/1/award/tiers/1/amount', { default: usd('150.00'), in: { ES: usd('140.00') } }],
      ['/stages/2/award/match/upTo', { default: usd('200.00'), in: { ES: usd('140.00') } }],
    ],
    [`${SPEND}/amount/in/ES`, 'is not among the marketplaces of the terms'],
    ['/stages/1/award/tiers/1/amount/in/ES', 'is not among the marketplaces of the terms'],
    ['/stages/2/award/match/upTo/in/ES', 'is not among the marketplaces of the terms'],
    ['/stages/1/award/tiers/1/spend/in/ES', 'is not among the marketplaces of the terms'],
  ),
  row(
    'tiers that do not rise in one marketplace, and are in another currency in another',
    [
      [
        '/stages/1/award/tiers/1',
        {
          spend: { default: eur('500.00'), in: { DE: eur('100.00'), US: usd('500.00') } },
          amount: { default: usd('150.00'), in: { FR: usd('25.00') } },
        },
      ],
    ],
    ['/stages/1/award/tiers/1/spend/in/DE/amount', 'must be more than in the tier before'],
    ['/stages/1/award/tiers/1/spend/in/US/currency', 'must be EUR, the currency of the first tier'],
    ['/stages/1/award/tiers/1/amount/in/FR/amount', 'must be more than in the tier before'],
  ),
  row(
    'a match in another currency in one marketplace while caps sum over them',
    [['/stages/2/award/match/upTo', { default: usd('200.00'), in: { FR: eur('200.00') } }]],
    [
      '/stages/2/award/match/upTo/in/FR/currency',
      'must be USD, the currency of every amount where a cap sums over marketplaces',
    ],
  ),
  row(
    'tiers of spend in two currencies',
    [['/stages/1/award/tiers/1/spend', usd('500.00')]],
    ['/stages/1/award/tiers/1/spend/currency', 'must be EUR, the currency of the first tier'],
  ),
  at('/stages/1/award/tiers/1/amount/amount', '150.001', 'has more digits than the currency has'),
  at('/stages/1/expiry/on', '2022-09-01T00:00', 'must be after the start of the period'),
  at('/stages/1/disbursement/until', '2022-08-31', 'must not be before the start of the period'),
  at('/stages/1/disbursement/until', '2033-09-02', 'must be within eleven years of the start of the period'),
  at('/stages/1/disbursement/holidays/0', '2022-02-30', 'must be a local date such as "2022-12-26"'),
  at(
    '/stages/2/disbursement/holidays',
    ['2022-12-26'],
    'must not stand here: neither the runs nor the service level are in business days',
  ),
  at('/stages/0/disbursement/lastMonth', '2022-09', 'must not be before the first month'),
];
