import { isTimeZone } from '../../kernel/calendar.js';
import { IDENTIFIER, MARKETPLACE, PRODUCT } from '../../kernel/identifiers.js';
import { DECIMAL, moneyOf, parseMoney, type Money } from '../../kernel/money.js';
import { either, field, named, object, oneOf, record, text, type Reader } from './terms-readers.js';
import type { AmountTerms } from './terms.js';

/** The values that documents of both versions are made of. */
export const moneyObject: Reader<Money> = (() => {
  const amount = {
    ...text(/^/, 'a decimal string'),
    schema: { type: 'string', pattern: DECIMAL.source, maxLength: 64 },
  };
  const fields = object({
    amount: field(amount, 'A positive decimal with at most as many fraction digits as the currency has.', '200.00'),
    currency: field(text(/^[A-Z]{3}$/, 'an ISO 4217 code'), 'An active ISO 4217 currency.', 'USD'),
  });
  return {
    read(value, path, reading) {
      const read = fields.read(value, path, reading);
      if (read?.amount === undefined || read.currency === undefined) return undefined;
      const minor = parseMoney(read.amount, read.currency);
      if (typeof minor === 'bigint') return moneyOf(minor, read.currency);
      return minor === 'unknown-currency'
        ? reading.fault(`${path}/currency`, 'is not an active ISO 4217 currency')
        : reading.fault(`${path}/amount`, MONEY_FAULTS[minor]);
    },
    schema: fields.schema,
  };
})();

export const money = named('money', moneyObject);

const MONEY_FAULTS = {
  malformed: 'must be a decimal string such as "200.00"',
  precision: 'has more digits than the currency has',
  'not-positive': 'must be greater than zero',
  'too-large': 'is more than 10^15 minor units',
};

/** One everywhere, or others in some marketplaces. */
export const amount: Reader<AmountTerms> = either({
  amount: moneyObject,
  default: object({
    default: field(money, 'Where no other is named.', { amount: '300.00', currency: 'USD' }),
    in: field(record(text(MARKETPLACE, 'two capital letters'), money), 'Where it is another.', {
      FR: { amount: '400.00', currency: 'USD' },
    }),
  }),
});

/** A reader of what `Temporal` reads, in one form only. */
const temporal = (pattern: RegExp, what: string, canonical: (value: string) => string): Reader<string> => ({
  read(value, path, { fault }) {
    try {
      if (typeof value === 'string' && pattern.test(value)) return canonical(value);
    } catch {
      // a date that no calendar has
    }
    return fault(path, `must be ${what}`);
  },
  schema: { type: 'string', pattern: pattern.source },
});

/** To the second; a leap second is none of a wall clock's. */
export const localDateTime = temporal(
  /^[1-8]\d{3}-\d\d-\d\dT\d\d:\d\d(:[0-5]\d)?$/,
  'a local date and time such as "2022-08-22T00:00"',
  (value) => Temporal.PlainDateTime.from(value, { overflow: 'reject' }).toString({ smallestUnit: 'second' }),
);
export const localDate = temporal(/^[1-8]\d{3}-\d\d-\d\d$/, 'a local date such as "2022-12-26"', (value) =>
  Temporal.PlainDate.from(value, { overflow: 'reject' }).toString(),
);

export const timeZone: Reader<string> = {
  read: (value, path, { fault }) =>
    typeof value === 'string' && isTimeZone(value)
      ? value
      : fault(path, 'must be an IANA time zone such as "America/Los_Angeles"'),
  schema: { type: 'string', pattern: '^[A-Za-z]' },
};

/** Which version a document is of has been found out before it is read; another is told which there are. */
export const versionOf = <const N extends 1 | 2>(version: N): Reader<N> => ({
  read: oneOf(1, 2).read as Reader<N>['read'],
  schema: { const: version },
});

export const name = text(/^\S(.{0,198}\S)?$/u, 'a name of 1 to 200 characters');
export const marketplace = text(MARKETPLACE, 'two capital letters');
export const product = text(PRODUCT, 'a product code such as "SP"');
export const partner = text(IDENTIFIER, 'a partnerId');
export const month = text(/^[1-8]\d{3}-(0[1-9]|1[0-2])$/, 'a month such as "2022-10"');
export const timeOfDay = text(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as "00:00"');
export const method = text(/^[A-Z]{1,16}$/, 'an HTTP method in capitals');
export const apiPath = text(
  /^(\/[^/?#\s]+)+$/,
  'a path such as "/v2/sp/campaigns", with no query and no slash at its end',
);

export const period = object(
  {
    start: field(localDateTime, 'Local date and time, inclusive.', '2022-08-22T00:00'),
    end: field(
      localDateTime,
      'Local date and time, exclusive; after the start, at most ten years later.',
      '2022-12-31T12:00',
    ),
  },
  ({ start, end }, path, fault) => {
    if (start === undefined || end === undefined) return;
    if (end <= start) fault(`${path}/end`, 'must be after the start');
    else if (plusYears(start, 10) < end) fault(`${path}/end`, 'must be within ten years of the start');
  },
);

/** So many years after a local date-time, to the second. */
export const plusYears = (local: string, years: number): string =>
  Temporal.PlainDateTime.from(local).add({ years }).toString({ smallestUnit: 'second' });
