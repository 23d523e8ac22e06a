import { currencyExponent } from './currencies.js';

/**
 * Money as it travels and as it is stored: a decimal string with exactly the currency's digits, and an ISO 4217 code.
 * Arithmetic is done in minor units, as bigint. There is no floating point between the wire and the store.
 */
export interface Money {
  readonly amount: string;
  readonly currency: string;
}

export const DECIMAL = /^(0|[1-9][0-9]*)(\.[0-9]+)?$/;

/** No single cost, grant or rate may exceed this; sums may, and stay exact. */
export const MAX_MINOR = 10n ** 15n;

export type MoneyFault = 'malformed' | 'unknown-currency' | 'precision' | 'not-positive' | 'too-large';

/** Minor units of a positive amount a client sent, or what is wrong with it. */
export function parseMoney(amount: string, currency: string): bigint | MoneyFault {
  const exponent = currencyExponent(currency);
  if (exponent === undefined) return 'unknown-currency';
  if (!DECIMAL.test(amount) || amount.length > 64) return 'malformed';
  const [whole = '', fraction = ''] = amount.split('.');
  if (fraction.length > exponent) return 'precision';
  const minor = BigInt(whole + fraction.padEnd(exponent, '0'));
  if (minor === 0n) return 'not-positive';
  return minor > MAX_MINOR ? 'too-large' : minor;
}

/** Minor units of stored money, which has exactly its currency's digits. */
export function minorOf({ amount }: Pick<Money, 'amount'>): bigint {
  const short = shortMinorOf(amount);
  return Number.isNaN(short) ? BigInt(amount.replace('.', '')) : BigInt(short);
}

/** A number holds every integer of so many digits exactly. Few amounts are longer. */
const SHORT = 15;
const ZERO = '0'.charCodeAt(0);
const POINT = '.'.charCodeAt(0) - ZERO;

/** NaN for text that is longer, or anything else than digits and a point. Digit by digit: a replay does little else. */
function shortMinorOf(amount: string): number {
  if (amount.length > SHORT) return NaN;
  let [minor, hasPoint] = [0, false];
  for (let place = 0; place < amount.length; place += 1) {
    const digit = amount.charCodeAt(place) - ZERO;
    if (digit >= 0 && digit <= 9) minor = minor * 10 + digit;
    else if (digit === POINT && !hasPoint) hasPoint = true;
    else return NaN;
  }
  return minor;
}

/** A sum of stored amounts, exact: an integer while a number holds it exactly, which spares a bigint for each amount. */
export class Sum {
  private small = 0;
  private large = 0n;

  get minor(): bigint {
    return this.large + BigInt(this.small);
  }

  add(money: Money): void {
    const sum = this.small + shortMinorOf(money.amount);
    if (Number.isSafeInteger(sum)) this.small = sum;
    else this.large += minorOf(money);
  }
}

/** `20483n, 'EUR'` → `204.83`. Negative amounts keep their sign in front. */
export function formatMinor(minor: bigint, currency: string): string {
  const exponent = exponentOf(currency);
  if (exponent === 0) return minor.toString();
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  return `${minor < 0n ? '-' : ''}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

export const moneyOf = (minor: bigint, currency: string): Money => ({ amount: formatMinor(minor, currency), currency });

function exponentOf(currency: string): number {
  const exponent = currencyExponent(currency);
  if (exponent === undefined) throw new Error(`unknown currency ${currency}`);
  return exponent;
}

/** A positive exact fraction, such as a rate: `0.9764` is 9764/10000. */
export interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export function ratioOf(decimal: string): Ratio {
  const [whole = '', fraction = ''] = decimal.split('.');
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
}

/** The decimal without zeros that say nothing: `1.50` → `1.5`, `2.0` → `2`. */
export const normalizeDecimal = (decimal: string): string =>
  decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;

/** A valid amount with exactly its currency's digits: `1.5`, 'EUR' → `1.50`. */
export function normalizeAmount(amount: string, currency: string): string {
  const exponent = exponentOf(currency);
  const [whole = '', fraction = ''] = amount.split('.');
  return exponent === 0 ? whole : `${whole}.${fraction.padEnd(exponent, '0')}`;
}

/** Whether a decimal is above MAX_MINOR when counted in units of 10^-exponent. A long one is never made a number of. */
export function exceedsMost(decimal: string, exponent: number): boolean {
  const [whole = '', fraction = ''] = decimal.split('.');
  // MAX_MINOR is the least number of 16 digits.
  if (whole.length > 16) return true;
  if (whole.length + exponent < 16) return false;
  const units = BigInt(whole + fraction.slice(0, exponent).padEnd(exponent, '0'));
  return units > MAX_MINOR || (units === MAX_MINOR && /[1-9]/.test(fraction.slice(exponent)));
}

/** Converts minor units at a rate of `rate` units of `to` for one of `from`: exact until one rounding, half-even. */
export function convertMinor(minor: bigint, from: string, to: string, rate: Ratio): bigint {
  const numerator = minor * rate.numerator * 10n ** BigInt(exponentOf(to));
  const denominator = rate.denominator * 10n ** BigInt(exponentOf(from));
  return divideHalfEven(numerator, denominator);
}

/** So many at a price for a thousand, in minor units: exact until one rounding, half-even. */
export const ofThousand = (minor: bigint, count: number): bigint => divideHalfEven(minor * BigInt(count), 1000n);

/** The quotient of two non-negative integers, rounded to the nearest, a tie to the even one. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twiceRest = (numerator % denominator) * 2n;
  if (twiceRest < denominator) return quotient;
  return twiceRest > denominator || quotient % 2n === 1n ? quotient + 1n : quotient;
}
