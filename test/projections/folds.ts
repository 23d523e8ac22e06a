import { readFileSync } from 'node:fs';
import { evolved, type Fold } from '../../src/server-projections/folds.js';

export { FOLDS as PROJECTIONS, type Fold as Projection } from '../../src/server-projections/folds.js';

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

export const fixturesOf = (projection: string): readonly Fixture[] =>
  JSON.parse(
    readFileSync(new URL(`../../projections/fixtures/${projection}.json`, import.meta.url), 'utf8'),
  ) as Fixture[];

/** Folds one stream's events; the state and the event are frozen each time, so that a fold that writes to them throws. */
export function folded<State extends object>(projection: Fold<State>, events: readonly Told[]): State {
  return events.reduce(
    (state, { type, data }) => evolved(projection, frozen(state), frozen({ type, data })),
    projection.initial(),
  );
}

/** Every stream's state. */
export function foldedByStream(projection: Fold, events: readonly Told[]): Record<string, object> {
  const streams = Map.groupBy(events, ({ stream }) => stream);
  return Object.fromEntries([...streams].map(([stream, told]) => [stream, folded(projection, told)]));
}

export function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
