import type { Refusal } from './refusal.js';

/** What the log stores of a fact: its type and its data, both storage contracts. */
export interface EventLike {
  readonly type: string;
  readonly data: object;
}

/**
 * Looks up recorded facts of the command's own stream by their id (`type:naturalKey`). It answers for the command's own
 * id and for those it `refersTo`, so that a decision never needs a whole history in memory.
 */
export type RecordedFacts<Event> = (id: string) => Event | undefined;

/**
 * The shape of every aggregate: pure, synchronous, no clock, no randomness, no I/O. Loading, folding, appending and
 * retrying exist once, in `commands/handling.ts`.
 */
export interface Decider<State, Command, Event extends EventLike> {
  readonly initial: State;
  /** The events that the command makes, none when there is nothing to do, or why it is refused. */
  decide(command: Command, state: State, recorded: RecordedFacts<Event>): readonly Event[] | Refusal;
  evolve(state: State, event: Event): State;
  /** The natural id of an event in its stream: `type:key`. */
  idOf(event: Event): string;
  /** Ids of the stream's earlier facts that deciding this command needs, besides its own. */
  refersTo?(command: Command): readonly string[];
  /** For streams that grow without bound: how their state is written down, so that it need not be folded from the start. */
  readonly codec?: StateCodec<State>;
}

/** Writes a state down and reads it again, exactly: `decode(encode(state))` decides and evolves as `state` does. */
export interface StateCodec<State> {
  /** Raised with every change to what the state holds, to `evolve` or to the text: text of another version is not read. */
  readonly version: number;
  encode(state: State): string;
  /** Of text that `encode` of this version made. */
  decode(text: string): State;
  /** How many entries the state holds, at least 1: what it costs to keep and to write. To be told without counting. */
  weigh(state: State): number;
}

/** For a state of a few plain values, whatever its history. */
export const plainCodec = <State>(version: number): StateCodec<State> => ({
  version,
  encode: (state) => JSON.stringify(state),
  decode: (text) => JSON.parse(text) as State,
  weigh: () => 1,
});

/** Ends a switch over a union: the compiler refuses it while a case is missing. */
export function never(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
