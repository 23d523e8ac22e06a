import { isDeepStrictEqual } from 'node:util';
import type { NewEvent, Recorded } from '../event-store/event-store.js';
import type { Decider, EventLike } from '../kernel/decider.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import type { Origin } from './origin.js';
import type { StreamState } from './stream-states.js';

/** One command for one stream. */
export interface Submission<Command, State = unknown> {
  readonly stream: string;
  readonly command: Command;
  /** The natural id of the fact it states; null for a command that states none (the sweep of an account). */
  readonly id: string | null;
  /** What was said, normalised: the same id with other content is a conflict. Fields that may be left out are undefined. */
  readonly said: object;
  /** Whether the stream belongs to somebody whom its sender may not state facts of: looked at before anything is told. */
  readonly isBarred?: (state: State) => boolean;
}

/** The answer to whatever somebody may not state, whether or not anything is recorded of it. */
export const forbidden = (): Refusal => refuse('forbidden', 'The caller may not state this.');

export type Outcome<Event extends EventLike> =
  | {
      readonly status: 'appended' | 'duplicate';
      readonly event: Event;
      readonly revision: number;
      readonly position: bigint;
    }
  | { readonly status: 'rejected'; readonly refusal: Refusal }
  /** It made several events, or none. */
  | { readonly status: 'settled'; readonly events: readonly Event[]; readonly position: bigint | null };

/** A submission whose sender waits for the outcome. */
export interface Waiting<Command, Event extends EventLike, State = never> {
  readonly submission: Submission<Command, State>;
  /** Of the events that it makes; one batch may join several. */
  readonly origin: Origin | undefined;
  readonly resolve: (outcome: Outcome<Event>) => void;
  readonly reject: (error: unknown) => void;
  /** Of the observer's. */
  readonly context?: unknown;
}

/** What a batch comes to, on a state. */
export interface Decided<State> {
  readonly state: State;
  readonly events: readonly NewEvent[];
  /** Whether an answer that is no event came of the state: a refusal, nothing to do, a fault. No append proves it. */
  readonly reliesOnState: boolean;
  /** Answers every command, given the positions at which the events were appended. */
  readonly settle: (positions: readonly bigint[]) => void;
}

/** Version of every event contract there is; upcasting begins with the second. */
const CONTRACT_VERSION = 1;

/** The ids that deciding the batch looks up. */
export function idsNeeded<Command, Event extends EventLike>(
  decider: Pick<Decider<never, Command, Event>, 'refersTo'>,
  batch: readonly Waiting<Command, Event>[],
): string[] {
  const ids = new Set<string>();
  for (const { submission } of batch) {
    if (submission.id !== null) ids.add(submission.id);
    for (const id of decider.refersTo?.(submission.command) ?? []) ids.add(id);
  }
  return [...ids];
}

/**
 * Decides in order, each command upon what the ones before it made. `known` are recorded facts by id; some may be later
 * than the state, and then neither an event nor a refusal that comes of it stands.
 */
export function decideAll<State, Command, Event extends EventLike>(
  decider: Decider<State, Command, Event>,
  batch: readonly Waiting<Command, Event, State>[],
  before: Pick<StreamState<State>, 'state' | 'revision'>,
  known: ReadonlyMap<string, Recorded>,
): Decided<State> {
  let { state } = before;
  let reliesOnState = false;
  const events: NewEvent[] = [];
  /** What the batch itself makes, by id: the place in `events`. */
  const made = new Map<string, number>();
  const answers: ((positions: readonly bigint[]) => void)[] = [];
  const recorded = (id: string): Event | undefined => {
    const place = made.get(id);
    return (place === undefined ? known.get(id) : events[place]) as Event | undefined;
  };
  const at = (place: number, positions: readonly bigint[]) => ({
    event: events[place] as unknown as Event,
    revision: before.revision + 1 + place,
    position: positions[place]!,
  });

  for (const { submission, origin, resolve, reject } of batch) {
    const { id, command, said } = submission;
    if (submission.isBarred) {
      // An old state may not know yet whose it is: nothing is told by it.
      reliesOnState = true;
      if (submission.isBarred(state)) {
        answers.push(() => resolve({ status: 'rejected', refusal: forbidden() }));
        continue;
      }
    }
    const same = id === null ? undefined : recorded(id);
    if (id !== null && same) {
      const place = made.get(id);
      if (!saysTheSame(said, same.data)) {
        const refusal = refuse('conflicting-duplicate', `${id} is recorded already, with other content`);
        answers.push(() => resolve({ status: 'rejected', refusal }));
      } else if (place !== undefined) {
        answers.push((positions) => resolve({ status: 'duplicate', ...at(place, positions) }));
      } else {
        const { revision, position } = known.get(id)!;
        answers.push(() => resolve({ status: 'duplicate', event: same, revision, position }));
      }
      continue;
    }
    let decision: readonly Event[] | Refusal;
    try {
      decision = decider.decide(command, state, recorded);
    } catch (error) {
      // A fault of ours in one command is not its neighbours'.
      reliesOnState = true;
      answers.push(() => reject(error));
      continue;
    }
    if (isRefusal(decision)) {
      const refusal = decision;
      reliesOnState = true;
      answers.push(() => resolve({ status: 'rejected', refusal }));
      continue;
    }
    const own = decision;
    const first = events.length;
    reliesOnState ||= decision.length === 0;
    for (const event of decision) {
      state = decider.evolve(state, event);
      const eventId = decider.idOf(event);
      made.set(eventId, events.length);
      events.push({ ...event, id: eventId, metadata: { version: CONTRACT_VERSION, ...origin } });
    }
    answers.push((positions) =>
      id === null
        ? resolve({ status: 'settled', events: own, position: positions[first + own.length - 1] ?? null })
        : resolve({ status: 'appended', ...at(first, positions) }),
    );
  }
  return { state, events, reliesOnState, settle: (positions) => answers.forEach((answer) => answer(positions)) };
}

/** Whether a recorded fact is what is said now. What the ledger decided itself is not compared. */
const saysTheSame = (said: object, recorded: object): boolean =>
  Object.entries(said).every(([name, value]) => isDeepStrictEqual(value, (recorded as Record<string, unknown>)[name]));
