import { readFileSync } from 'node:fs';
import { creditBalances } from '../../projections/credit-balances.js';
import { currencyConversions } from '../../projections/currency-conversions.js';
import { disbursements } from '../../projections/disbursements.js';
import { qualifyingWeeks } from '../../projections/qualifying-weeks.js';

/** An event as a fold sees it, and the stream, which is its partition. */
export interface Told<Data = Readonly<Record<string, unknown>>> {
  readonly stream: string;
  readonly type: string;
  readonly data: Data;
}

/** A small history worked out by hand: what each stream's state is at its end. */
export interface Fixture {
  readonly name: string;
  readonly events: readonly Told[];
  readonly states: Readonly<Record<string, object>>;
}

/** Any of the projections: a fold over the streams of one category. */
export interface Projection<State extends object = object> {
  readonly category: string;
  initial(): State;
  evolve(state: State, event: never): State;
}

export const PROJECTIONS: Readonly<Record<string, Projection>> = {
  'credit-balances': creditBalances,
  'currency-conversions': currencyConversions,
  disbursements: disbursements,
  'qualifying-weeks': qualifyingWeeks,
};

export const fixturesOf = (projection: string): readonly Fixture[] =>
  JSON.parse(
    readFileSync(new URL(`../../projections/fixtures/${projection}.json`, import.meta.url), 'utf8'),
  ) as Fixture[];

/** Folds one stream's events; the state and the event are frozen each time, so that a fold that writes to them throws. */
export function folded<State extends object>(projection: Projection<State>, events: readonly Told[]): State {
  return events.reduce(
    (state, { type, data }) => projection.evolve(frozen(state), frozen({ type, data }) as never),
    projection.initial(),
  );
}

/** Every stream's state. */
export function foldedByStream(projection: Projection, events: readonly Told[]): Record<string, object> {
  const streams = Map.groupBy(events, ({ stream }) => stream);
  return Object.fromEntries([...streams].map(([stream, told]) => [stream, folded(projection, told)]));
}

export function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
