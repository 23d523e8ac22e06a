/** The auditor's own money: minor units as bigint, and the currencies that the tests use. */
import { factsOf, type Log } from './facts.js';
import { DAY, ms } from './time.js';

const DIGITS: Readonly<Record<string, number>> = {
  CHF: 2,
  EUR: 2,
  GBP: 2,
  JPY: 0,
  KWD: 3,
  MXN: 2,
  USD: 2,
};

export interface Amount {
  readonly amount: string;
  readonly currency: string;
}

export function digitsOf(currency: string): number {
  const digits = DIGITS[currency];
  if (digits === undefined) throw new Error(`the auditor does not know ${currency}`);
  return digits;
}

export const fractionDigits = (decimal: string): number => decimal.split('.')[1]?.length ?? 0;

/** The decimal times 10^digits. */
export function scaled(decimal: string, digits: number): bigint {
  return BigInt(decimal.replace('.', '')) * 10n ** BigInt(digits - fractionDigits(decimal));
}

export const minor = ({ amount, currency }: Amount): bigint => scaled(amount, digitsOf(currency));

export function decimal(units: bigint, currency: string): string {
  const digits = digitsOf(currency);
  if (units < 0n) return `-${decimal(-units, currency)}`;
  const one = 10n ** BigInt(digits);
  return digits === 0 ? `${units}` : `${units / one}.${`${units % one}`.padStart(digits, '0')}`;
}

export const amount = (units: bigint, currency: string): Amount => ({ amount: decimal(units, currency), currency });

export const total = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, each) => sum + each, 0n);

export interface Rate {
  readonly base: string;
  readonly quote: string;
  readonly rate: string;
  readonly source: string;
  readonly at: number;
  readonly order: number;
}

/** The rates recorded so far; `order` is which came first. */
export const ratesOf = (log: Log): Rate[] =>
  factsOf(log, 'FxRateRecorded').map((fact, order) => ({ ...fact, at: ms(fact.effectiveAt), order }));

/** One way from a currency to another: multiply by `times`, divide by `by`. */
interface Way {
  readonly times: string;
  readonly by: string;
  readonly at: number;
  readonly order: number;
}

const latest = (ways: readonly Way[]): Way | undefined => [...ways].sort((a, b) => b.at - a.at || b.order - a.order)[0];

/** The way by which `from` becomes `to` at an instant: direct, else inverse, else across a third currency. */
export function wayFrom(from: string, to: string, instant: number, recorded: readonly Rate[]): Way | undefined {
  const rates = recorded.filter((rate) => rate.at <= instant);
  const between = (base: string, quote: string) => rates.filter((rate) => rate.base === base && rate.quote === quote);
  const direct = between(from, to).map((each) => ({ ...each, times: each.rate, by: '1' }));
  const inverse = between(to, from).map((each) => ({ ...each, times: '1', by: each.rate }));
  const crosses = rates
    .filter((leg) => leg.quote === from)
    .flatMap((leg) =>
      between(leg.base, to)
        .filter((other) => other.source === leg.source && other.at === leg.at)
        .map((other) => ({ times: other.rate, by: leg.rate, at: leg.at, order: Math.max(leg.order, other.order) })),
    );
  return latest(direct) ?? latest(inverse) ?? latest(crosses);
}

/** Minor units of `to` for minor units of `from`, or why there is no answer. */
export function convert(
  units: bigint,
  [from, to]: readonly [string, string],
  at: { readonly instant: number; readonly rates: readonly Rate[]; readonly maxAgeDays: number },
): bigint | 'no-fx-rate' | 'stale-fx-rate' {
  if (from === to) return units;
  const way = wayFrom(from, to, at.instant, at.rates);
  if (!way) return 'no-fx-rate';
  if (at.instant - way.at > at.maxAgeDays * DAY) return 'stale-fx-rate';
  const digits = Math.max(fractionDigits(way.times), fractionDigits(way.by));
  const top = units * scaled(way.times, digits) * 10n ** BigInt(digitsOf(to));
  const bottom = scaled(way.by, digits) * 10n ** BigInt(digitsOf(from));
  return halfEven(top, bottom);
}

/** Of the two whole numbers around top/bottom the nearer; of two equally near, the even one. */
export function halfEven(top: bigint, bottom: bigint): bigint {
  const below = top / bottom;
  const above = below + 1n;
  const toBelow = top - below * bottom;
  const toAbove = above * bottom - top;
  if (toBelow !== toAbove) return toBelow < toAbove ? below : above;
  return below % 2n === 0n ? below : above;
}
