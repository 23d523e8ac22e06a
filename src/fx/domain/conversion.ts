import { daysMs } from '../../kernel/calendar.js';
import { epochMs, type Instant } from '../../kernel/instant.js';
import { convertMinor, minorOf, moneyOf, ratioOf, type Money, type Ratio } from '../../kernel/money.js';
import { refuse, type Refusal } from '../../kernel/refusal.js';
import type { FxRate } from './events.js';

/** A rate and its place in the log, which decides between rates of one effective time. */
export interface RecordedRate extends FxRate {
  readonly position: bigint;
}

/** The rates that somebody knows, up to a moment of their own choosing. */
export interface RateBook {
  /** Rates of base/quote effective at or before `at`, latest first, of one effective time the higher position first. */
  rates(base: string, quote: string, at: Instant): Iterable<RecordedRate>;
  /** Bases that have rates to both quotes. */
  commonBases(quote: string, otherQuote: string): readonly string[];
}

export interface Conversion {
  readonly money: Money;
  /** The rates used; null when both currencies are one. */
  readonly fx: { readonly rates: readonly FxRate[] } | null;
}

/** Where no promotion says otherwise, rates older than this are stale. */
export const DEFAULT_MAX_AGE = 'P7D';

/**
 * Converts at `at` by the latest direct rate, else the latest inverse, else the latest cross through one base, in exact
 * arithmetic with one half-even rounding. The way is chosen before its age is looked at.
 */
export function convert(book: RateBook, money: Money, to: string, at: Instant, maxAge: string): Conversion | Refusal {
  const from = money.currency;
  if (from === to) return { money, fx: null };
  const route = direct(book, from, to, at) ?? inverse(book, from, to, at) ?? cross(book, from, to, at);
  if (!route) return refuse('no-fx-rate', `no rate from ${from} to ${to} is known at ${at}`);
  const effectiveAt = route.rates[0]!.effectiveAt;
  if (epochMs(at) - epochMs(effectiveAt) > daysMs(maxAge)) {
    return refuse('stale-fx-rate', `the rate from ${from} to ${to} of ${effectiveAt} is older than ${maxAge} at ${at}`);
  }
  const minor = convertMinor(minorOf(money), from, to, route.ratio);
  return { money: moneyOf(minor, to), fx: { rates: route.rates.map(withoutPosition) } };
}

interface Route {
  readonly ratio: Ratio;
  readonly rates: readonly RecordedRate[];
}

function direct(book: RateBook, from: string, to: string, at: Instant): Route | undefined {
  for (const rate of book.rates(from, to, at)) return { ratio: ratioOf(rate.rate), rates: [rate] };
  return undefined;
}

function inverse(book: RateBook, from: string, to: string, at: Instant): Route | undefined {
  for (const rate of book.rates(to, from, at)) {
    const { numerator, denominator } = ratioOf(rate.rate);
    return { ratio: { numerator: denominator, denominator: numerator }, rates: [rate] };
  }
  return undefined;
}

/** Of all bases the cross with the latest effective time; a cross counts as recorded with its later leg. */
function cross(book: RateBook, from: string, to: string, at: Instant): Route | undefined {
  let best: readonly [RecordedRate, RecordedRate] | undefined;
  for (const base of book.commonBases(from, to)) {
    const pair = latestPair(book.rates(base, from, at), book.rates(base, to, at));
    if (pair && (!best || isLater(pair, best))) best = pair;
  }
  if (!best) return undefined;
  const [a, b] = best.map((rate) => ratioOf(rate.rate)) as [Ratio, Ratio];
  return {
    ratio: { numerator: b.numerator * a.denominator, denominator: b.denominator * a.numerator },
    rates: best,
  };
}

/** The latest two rates of one source and one effective time; both lists come latest first. */
function latestPair(
  left: Iterable<RecordedRate>,
  right: Iterable<RecordedRate>,
): readonly [RecordedRate, RecordedRate] | undefined {
  const rights = groupsByTime(right);
  let other = rights.next().value;
  for (const group of groupsByTime(left)) {
    const { effectiveAt } = group[0]!;
    while (other && other[0]!.effectiveAt > effectiveAt) other = rights.next().value;
    if (!other) return undefined;
    if (other[0]!.effectiveAt < effectiveAt) continue;
    let best: readonly [RecordedRate, RecordedRate] | undefined;
    for (const a of group) {
      const b = other.find((rate) => rate.source === a.source);
      if (b && (!best || isLater([a, b], best))) best = [a, b];
    }
    if (best) return best;
  }
  return undefined;
}

function* groupsByTime(rates: Iterable<RecordedRate>): Generator<RecordedRate[], undefined> {
  let group: RecordedRate[] = [];
  for (const rate of rates) {
    if (group.length > 0 && group[0]!.effectiveAt !== rate.effectiveAt) {
      yield group;
      group = [];
    }
    group.push(rate);
  }
  if (group.length > 0) yield group;
  return undefined;
}

function isLater(pair: readonly [RecordedRate, RecordedRate], than: readonly [RecordedRate, RecordedRate]): boolean {
  if (pair[0].effectiveAt !== than[0].effectiveAt) return pair[0].effectiveAt > than[0].effectiveAt;
  return laterLeg(pair) > laterLeg(than);
}

const laterLeg = ([a, b]: readonly [RecordedRate, RecordedRate]): bigint =>
  a.position > b.position ? a.position : b.position;

const withoutPosition = ({ base, quote, rate, source, effectiveAt }: RecordedRate): FxRate => ({
  base,
  quote,
  rate,
  source,
  effectiveAt,
});
