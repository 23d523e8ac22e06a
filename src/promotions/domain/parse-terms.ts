import { isTimeZone } from '../../kernel/calendar.js';
import { IDENTIFIER, MARKETPLACE, PRODUCT } from '../../kernel/identifiers.js';
import { minorOf, moneyOf, parseMoney, type Money } from '../../kernel/money.js';
import { pointer, type Fault } from '../../kernel/refusal.js';
import type { PromotionTerms } from './terms.js';

/**
 * Reads a terms document. A document that does not fit is answered with every fault and its path (a JSON pointer into the
 * document); nothing is guessed and nothing unknown is ignored.
 */
export function parseTerms(
  document: unknown,
): { readonly terms: PromotionTerms } | { readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const terms = TERMS(document, '', (path, message) => {
    faults.push({ path, message });
    return undefined;
  });
  return terms && faults.length === 0 ? { terms } : { faults };
}

type Report = (path: string, message: string) => undefined;
/** Reads a value at a path: the value, normalised, or undefined after reporting what is wrong. */
type Reader<T> = (value: unknown, path: string, report: Report) => T | undefined;

interface Optional<T> {
  readonly optional: Reader<T>;
}
type Fields = Readonly<Record<string, Reader<unknown> | Optional<unknown>>>;
type Read<F> = F extends Optional<infer T> ? T : F extends Reader<infer T> ? T : never;
type ObjectOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Optional<unknown> ? never : K]: Read<F[K]>;
} & { readonly [K in keyof F as F[K] extends Optional<unknown> ? K : never]?: Read<F[K]> };

function object<F extends Fields>(fields: F, check?: (value: ObjectOf<F>, path: string, report: Report) => void) {
  return (value: unknown, path: string, report: Report): ObjectOf<F> | undefined => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return report(path, 'must be an object');
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name)) report(path + pointer(name), 'is not a field of the terms');
    }
    const result: Record<string, unknown> = {};
    let whole = true;
    for (const [name, field] of Object.entries(fields)) {
      const given: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
      if (given === undefined && 'optional' in field) continue;
      const read =
        given === undefined
          ? report(`${path}/${name}`, 'is missing')
          : readerOf(field)(given, `${path}/${name}`, report);
      if (read === undefined) whole = false;
      else result[name] = read;
    }
    if (!whole) return undefined;
    check?.(result as ObjectOf<F>, path, report);
    return result as ObjectOf<F>;
  };
}

const readerOf = (field: Reader<unknown> | Optional<unknown>): Reader<unknown> =>
  'optional' in field ? field.optional : field;

const text =
  (pattern: RegExp, what: string): Reader<string> =>
  (value, path, report) =>
    typeof value === 'string' && value.isWellFormed() && pattern.test(value) ? value : report(path, `must be ${what}`);

const oneOf =
  <const T extends string | number>(...allowed: readonly T[]): Reader<T> =>
  (value, path, report) =>
    allowed.find((candidate) => candidate === value) ??
    report(path, `must be ${allowed.map((a) => JSON.stringify(a)).join(' or ')}`);

const count =
  (most: number): Reader<number> =>
  (value, path, report) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most
      ? value
      : report(path, `must be a whole number from 1 to ${most}`);

const list =
  <T>(reader: Reader<T>, most = 1000): Reader<readonly T[]> =>
  (value, path, report) => {
    if (!Array.isArray(value) || value.length === 0 || value.length > most) {
      return report(path, `must be a list of 1 to ${most}`);
    }
    const items = value.map((item, index) => reader(item, `${path}/${index}`, report));
    const seen = new Set<string>();
    items.forEach((item, index) => {
      const key = JSON.stringify(item);
      if (item !== undefined && seen.has(key)) report(`${path}/${index}`, 'is listed twice');
      seen.add(key);
    });
    return items.every((item) => item !== undefined) ? items : undefined;
  };

const money: Reader<Money> = (value, path, report) => {
  const read = object({ amount: text(/^/, 'a decimal string'), currency: text(/^[A-Z]{3}$/, 'an ISO 4217 code') })(
    value,
    path,
    report,
  );
  if (!read) return undefined;
  const minor = parseMoney(read.amount, read.currency);
  if (typeof minor === 'bigint') return moneyOf(minor, read.currency);
  return minor === 'unknown-currency'
    ? report(`${path}/currency`, 'is not an active ISO 4217 currency')
    : report(`${path}/amount`, MONEY_FAULTS[minor]);
};
const MONEY_FAULTS = {
  malformed: 'must be a decimal string such as "200.00"',
  precision: 'has more digits than the currency has',
  'not-positive': 'must be greater than zero',
  'too-large': 'is more than 10^15 minor units',
};

const localDateTime: Reader<string> = (value, path, report) => {
  try {
    if (typeof value === 'string' && /^[1-8]\d{3}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(value) && !value.endsWith(':60')) {
      return Temporal.PlainDateTime.from(value, { overflow: 'reject' }).toString({ smallestUnit: 'second' });
    }
  } catch {
    // a date that no calendar has
  }
  return report(path, 'must be a local date and time such as "2022-08-22T00:00"');
};

const timeZone: Reader<string> = (value, path, report) =>
  typeof value === 'string' && isTimeZone(value)
    ? value
    : report(path, 'must be an IANA time zone such as "America/Los_Angeles"');

const days = text(/^P\d{1,4}D$/, 'a duration in days such as "P28D"');
const someDays = text(/^P[1-9]\d{0,3}D$/, 'a duration of at least one day such as "P28D"');
const wallClock = text(/^P[1-9]\d{0,2}[DWMY]$/, 'a duration in days, weeks, months or years such as "P3M"');
const month = text(/^[1-8]\d{3}-(0[1-9]|1[0-2])$/, 'a month such as "2022-10"');
const product = text(PRODUCT, 'a product code such as "SP"');

const TERMS: Reader<PromotionTerms> = object(
  {
    version: oneOf(1),
    name: text(/^\S(.{0,198}\S)?$/u, 'a name of 1 to 200 characters'),
    timeZone,
    period: object({ start: localDateTime, end: localDateTime }, ({ start, end }, path, report) => {
      if (end <= start) report(`${path}/end`, 'must be after the start');
      else if (Temporal.PlainDateTime.from(start).add('P10Y').toString({ smallestUnit: 'second' }) < end) {
        report(`${path}/end`, 'must be within ten years of the start');
      }
    }),
    marketplaces: list(text(MARKETPLACE, 'two capital letters')),
    products: list(product),
    eligibility: object({
      partners: { optional: list(text(IDENTIFIER, 'a partnerId'), 100_000) },
      dormancy: { optional: wallClock },
    }),
    qualifying: object({
      weeks: count(520),
      changesPerWeek: count(1_000_000),
      changes: count(1_000_000),
      activeFor: someDays,
      activity: oneOf('total', 'continuous'),
      actions: list(
        object({
          product,
          methods: list(text(/^[A-Z]{1,16}$/, 'an HTTP method in capitals')),
          paths: list(
            text(/^(\/[^/?#\s]+)+$/, 'a path such as "/v2/sp/campaigns", with no query and no slash at its end'),
          ),
        }),
      ),
    }),
    award: object({ amount: money, capPerMarketplace: money, appliesTo: list(product) }, (award, path, report) => {
      const { amount, capPerMarketplace } = award;
      if (amount.currency !== capPerMarketplace.currency) {
        report(`${path}/capPerMarketplace/currency`, `must be ${amount.currency}, the currency of the award`);
      } else if (minorOf(capPerMarketplace) < minorOf(amount)) {
        report(`${path}/capPerMarketplace/amount`, 'must not be less than the award');
      }
    }),
    disbursement: object(
      {
        schedule: oneOf('first-tuesday'),
        time: text(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as "00:00"'),
        firstMonth: month,
        lastMonth: month,
        within: someDays,
      },
      ({ firstMonth, lastMonth }, path, report) => {
        if (lastMonth < firstMonth) report(`${path}/lastMonth`, 'must not be before the first month');
        else if (Number(lastMonth.slice(0, 4)) - Number(firstMonth.slice(0, 4)) > 10) {
          report(`${path}/lastMonth`, 'must be within ten years of the first month');
        }
      },
    ),
    expiry: object({ after: wallClock, settlementGrace: days }),
    fx: object({ maxAge: someDays }),
  },
  ({ products, qualifying }, path, report) => {
    qualifying.actions.forEach((action, index) => {
      if (!products.includes(action.product)) {
        report(`${path}/qualifying/actions/${index}/product`, 'is not among the products of the terms');
      }
    });
  },
);
