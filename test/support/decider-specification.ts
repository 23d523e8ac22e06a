import { expect } from '@jest/globals';
import type { Decider, EventLike } from '../../src/kernel/decider.js';
import { isRefusal, type Refusal, type RefusalCode } from '../../src/kernel/refusal.js';

/** What a command came to, to be compared with what it should have come to. */
export interface Then<Event extends EventLike> {
  /** These events and no others, in this order. */
  then(...events: readonly Event[]): void;
  /** No event: there was nothing to do. */
  thenNothing(): void;
  thenRefused(code: RefusalCode): void;
  readonly decision: readonly Event[] | Refusal;
}

export interface Given<Command, Event extends EventLike> {
  when(command: Command): Then<Event>;
  /** The same, after more. */
  and(...events: readonly Event[]): Given<Command, Event>;
}

/**
 * Specifications of a decider that read given, when, then: `given(applied).when(click).then(spent)`. Recorded facts are
 * looked up among the given events, and only by the ids the command declares: the shell that runs deciders knows no others.
 */
export function specificationOf<State, Command, Event extends EventLike>(decider: Decider<State, Command, Event>) {
  const given = (...events: readonly Event[]): Given<Command, Event> => ({
    and: (...more) => given(...events, ...more),
    when: (command) => {
      const state = events.reduce((folded, event) => decider.evolve(folded, event), decider.initial);
      return outcome(decider.decide(command, state, recordedAmong(decider, command, events)));
    },
  });
  return { given };
}

function recordedAmong<State, Command, Event extends EventLike>(
  decider: Decider<State, Command, Event>,
  command: Command,
  events: readonly Event[],
) {
  const declared = decider.refersTo?.(command) ?? [];
  return (id: string): Event | undefined => {
    if (!declared.includes(id)) throw new Error(`${id} is looked up, but refersTo does not declare it`);
    return events.find((event) => decider.idOf(event) === id);
  };
}

const outcome = <Event extends EventLike>(decision: readonly Event[] | Refusal): Then<Event> => ({
  decision,
  then: (...events) => expect(decision).toStrictEqual(events),
  thenNothing: () => expect(decision).toStrictEqual([]),
  // Of a refusal the code is the contract; its detail is for people, and must not be empty.
  thenRefused: (code) => {
    expect(isRefusal(decision) ? decision.refused : decision).toBe(code);
    expect(decision).toMatchObject({ detail: expect.stringMatching(/./) });
  },
});
