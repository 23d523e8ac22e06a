import { minorOf } from '../../kernel/money.js';
import {
  count,
  field,
  list,
  object,
  oneOf,
  optional,
  text,
  type Draft,
  type Reader,
  type Reading,
} from './terms-readers.js';
import type { TermsV1 } from './terms.js';
import {
  apiPath,
  marketplace,
  method,
  money,
  month,
  name,
  partner,
  period,
  product,
  timeOfDay,
  timeZone,
  versionOf,
} from './terms-values.js';

/** Version 1 of the language, which is read for good as it was when documents were published in it. */
const days = text(/^P\d{1,4}D$/, 'a duration in days such as "P28D"');
const someDays = text(/^P[1-9]\d{0,3}D$/, 'a duration of at least one day such as "P28D"');
const wallClock = text(/^P[1-9]\d{0,2}[DWMY]$/, 'a duration in days, weeks, months or years such as "P3M"');

const USD_200 = { amount: '200.00', currency: 'USD' };
const USD_600 = { amount: '600.00', currency: 'USD' };
const ACTION = { product: 'SB', methods: ['POST', 'PUT'], paths: ['/sb/campaigns', '/sb/adGroups'] };

const actions = list(
  object({
    product: field(product, 'One of the products of the terms.', 'SB'),
    methods: field(list(method), 'HTTP methods.', ['POST', 'PUT']),
    paths: field(list(apiPath), 'Paths without query; one more segment of digits matches, too.', ['/sb/campaigns']),
  }),
);

/** The calendar of both versions. */
export const firstTuesdays = object(
  {
    schedule: field(oneOf('first-tuesday'), 'Runs are on the first Tuesday of each month.', 'first-tuesday'),
    time: field(timeOfDay, 'Local time of day of each run.', '00:00'),
    firstMonth: field(month, 'Month of the first run.', '2022-10'),
    lastMonth: field(month, 'Month of the last run; not before the first, at most ten years later.', '2023-01'),
    within: field(someDays, 'The service level: applied so long after qualifying, in days of 24 hours.', 'P30D'),
  },
  monthsFault,
);

export function monthsFault(
  { firstMonth, lastMonth }: { readonly firstMonth?: string; readonly lastMonth?: string },
  path: string,
  fault: Reading['fault'],
): void {
  if (firstMonth === undefined || lastMonth === undefined) return;
  if (lastMonth < firstMonth) fault(`${path}/lastMonth`, 'must not be before the first month');
  else if (Number(lastMonth.slice(0, 4)) - Number(firstMonth.slice(0, 4)) > 10) {
    fault(`${path}/lastMonth`, 'must be within ten years of the first month');
  }
}

export const termsV1: Reader<TermsV1> = object(
  {
    version: field(versionOf(1), 'The version of this language.', 1),
    name: field(name, 'For people; 1 to 200 characters, no space at its ends.', 'Click credit promotion 2022'),
    timeZone: field(timeZone, 'IANA zone of every local time here.', 'America/Los_Angeles'),
    period: field(period, 'When changes and active time count.', {
      start: '2022-08-22T00:00',
      end: '2022-12-31T12:00',
    }),
    marketplaces: field(list(marketplace), 'Where it is offered.', ['DE', 'US']),
    products: field(list(product), 'For which products it is given, each by itself.', ['SP', 'SB', 'SD']),
    eligibility: field(
      object({
        partners: optional(list(partner, 100_000), 'Only invitations by these partners are taken.', ['partner-1']),
        dormancy: optional(wallClock, 'No API change at all in this span before the start.', 'P3M'),
      }),
      'Who may take part; an invitation is always required.',
      { dormancy: 'P3M' },
    ),
    qualifying: field(
      object({
        weeks: field(count(520), 'So many consecutive promotion weeks, each with its changes.', 4),
        changesPerWeek: field(count(1_000_000), 'So many qualifying changes make a week count.', 1),
        changes: field(count(1_000_000), 'So many qualifying changes in total.', 4),
        activeFor: field(someDays, 'So long the campaign was active within the period.', 'P28D'),
        activity: field(oneOf('total', 'continuous'), '`total` leaves pauses out; `continuous`: unbroken.', 'total'),
        actions: field(actions, 'Which calls are qualifying changes.', [ACTION]),
      }),
      'What one campaign of the product does, in one marketplace.',
      { weeks: 4, changesPerWeek: 1, changes: 4, activeFor: 'P28D', activity: 'total', actions: [ACTION] },
    ),
    award: field(
      object(
        {
          amount: field(money, 'Given once for each product in each marketplace.', USD_200),
          capPerMarketplace: field(money, 'The most for one advertiser in one marketplace.', USD_600),
          appliesTo: field(list(product), 'Products whose spend a credit pays for.', ['SP', 'SB', 'SD']),
        },
        capFault,
      ),
      'What is given.',
      { amount: USD_200, capPerMarketplace: USD_600, appliesTo: ['SP', 'SB', 'SD'] },
    ),
    disbursement: field(firstTuesdays, 'When credits are applied.', {
      schedule: 'first-tuesday',
      time: '00:00',
      firstMonth: '2022-10',
      lastMonth: '2023-01',
      within: 'P30D',
    }),
    expiry: field(
      object({
        after: field(wallClock, 'So long after it was applied a credit ends, exclusive.', 'P30D'),
        settlementGrace: field(days, 'So long after its end late spend from before its end still draws on it.', 'P3D'),
      }),
      'When credits end.',
      { after: 'P30D', settlementGrace: 'P3D' },
    ),
    fx: field(object({ maxAge: field(someDays, 'Older rates are `stale-fx-rate`.', 'P7D') }), 'Rates.', {
      maxAge: 'P7D',
    }),
  },
  ({ products, qualifying }, path, fault) => {
    if (!products || products.includes(undefined)) return;
    qualifying?.actions?.forEach((action, index) => {
      if (action?.product !== undefined && !products.includes(action.product)) {
        fault(`${path}/qualifying/actions/${index}/product`, 'is not among the products of the terms');
      }
    });
  },
);

function capFault(
  { amount, capPerMarketplace }: Draft<Pick<TermsV1['award'], 'amount' | 'capPerMarketplace'>>,
  path: string,
  fault: Reading['fault'],
): void {
  if (!amount || !capPerMarketplace) return;
  if (amount.currency !== capPerMarketplace.currency) {
    fault(`${path}/capPerMarketplace/currency`, `must be ${amount.currency}, the currency of the award`);
  } else if (minorOf(capPerMarketplace) < minorOf(amount)) {
    fault(`${path}/capPerMarketplace/amount`, 'must not be less than the award');
  }
}
