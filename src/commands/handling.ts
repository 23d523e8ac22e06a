import { isDeepStrictEqual } from 'node:util';
import type { EventStore, NewEvent, Recorded } from '../event-store/event-store.js';
import type { Decider, EventLike } from '../kernel/decider.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';

/** One command for one stream. */
export interface Submission<Command> {
  readonly stream: string;
  readonly command: Command;
  /** The natural id of the fact it states; null for a command that states none (the sweep of an account). */
  readonly id: string | null;
  /** What was said, normalised: the same id with other content is a conflict. Fields that may be left out are undefined. */
  readonly said: object;
}

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

interface Waiting<Command, Event extends EventLike> {
  readonly submission: Submission<Command>;
  readonly resolve: (outcome: Outcome<Event>) => void;
  readonly reject: (error: unknown) => void;
}

interface Hot<State> {
  readonly state: State;
  /** -1 for an empty stream. */
  readonly revision: number;
}

/** Version of every event contract there is; upcasting begins with the second. */
const CONTRACT_VERSION = 1;
const HOT_STREAMS = 10_000;
const BATCH = 500;
const ATTEMPTS = 20;

/**
 * Load, fold, decide, append, retry: the one shell around every decider. Commands for a stream that arrive while an append
 * is under way are decided together, in the order in which they came, and appended as one batch. States are kept in memory
 * as a matter of cost only: `expectedRevision` alone makes it right when somebody else writes.
 */
export class CommandHandling<State, Command, Event extends EventLike> {
  private readonly queues = new Map<string, Waiting<Command, Event>[]>();
  /** In the order of use, the oldest first. */
  private readonly hot = new Map<string, Hot<State>>();

  constructor(
    private readonly store: EventStore,
    private readonly decider: Decider<State, Command, Event>,
  ) {}

  /** Decides and appends; rejects with StoreUnavailableError when nothing could be written. */
  execute(submission: Submission<Command>): Promise<Outcome<Event>> {
    return new Promise((resolve, reject) => {
      const waiting = { submission, resolve, reject };
      const queue = this.queues.get(submission.stream);
      if (queue) {
        queue.push(waiting);
        return;
      }
      this.queues.set(submission.stream, [waiting]);
      // A turn later, so that commands sent together are decided together.
      queueMicrotask(() => void this.drain(submission.stream));
    });
  }

  /** The stream's state by what is recorded now. */
  async stateOf(stream: string): Promise<State> {
    return (await this.load(stream)).state;
  }

  private async drain(stream: string): Promise<void> {
    const queue = this.queues.get(stream)!;
    while (queue.length > 0) {
      const batch = queue.splice(0, BATCH);
      try {
        await this.handle(stream, batch);
      } catch (error) {
        this.hot.delete(stream);
        for (const { reject } of batch) reject(error);
      }
    }
    this.queues.delete(stream);
  }

  private async handle(stream: string, batch: readonly Waiting<Command, Event>[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.load(stream);
      const known = await this.store.find(stream, this.idsNeeded(batch));
      const decided = this.decideAll(batch, before, known);
      if (decided.events.length > 0) {
        const appended = await this.store.append(
          stream,
          before.revision < 0 ? 'none' : before.revision,
          decided.events,
        );
        if ('conflict' in appended) {
          this.hot.delete(stream);
          if (attempt === ATTEMPTS) throw new Error(`${stream} changed under ${ATTEMPTS} attempts to append to it`);
          continue;
        }
        this.keep(stream, { state: decided.state, revision: appended.revision });
        decided.settle(appended.positions);
        return;
      }
      decided.settle([]);
      return;
    }
  }

  private idsNeeded(batch: readonly Waiting<Command, Event>[]): string[] {
    const ids = new Set<string>();
    for (const { submission } of batch) {
      if (submission.id !== null) ids.add(submission.id);
      for (const id of this.decider.refersTo?.(submission.command) ?? []) ids.add(id);
    }
    return [...ids];
  }

  /** Decides in order, each upon what the ones before it made. `settle` answers them, given the positions appended at. */
  private decideAll(
    batch: readonly Waiting<Command, Event>[],
    before: Hot<State>,
    known: ReadonlyMap<string, Recorded>,
  ) {
    let state = before.state;
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

    for (const { submission, resolve, reject } of batch) {
      const { id, command, said } = submission;
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
      let decision: ReturnType<typeof this.decider.decide>;
      try {
        decision = this.decider.decide(command, state, recorded);
      } catch (error) {
        // A fault of ours in one command is not its neighbours'.
        answers.push(() => reject(error));
        continue;
      }
      if (isRefusal(decision)) {
        answers.push(() => resolve({ status: 'rejected', refusal: decision }));
        continue;
      }
      const first = events.length;
      for (const event of decision) {
        state = this.decider.evolve(state, event);
        made.set(this.decider.idOf(event), events.length);
        events.push({ ...event, id: this.decider.idOf(event), metadata: { version: CONTRACT_VERSION } });
      }
      answers.push((positions) =>
        id === null
          ? resolve({ status: 'settled', events: decision, position: positions[first + decision.length - 1] ?? null })
          : resolve({ status: 'appended', ...at(first, positions) }),
      );
    }
    return { state, events, settle: (positions: readonly bigint[]) => answers.forEach((answer) => answer(positions)) };
  }

  private async load(stream: string): Promise<Hot<State>> {
    const hot = this.hot.get(stream);
    if (hot) return hot;
    let { initial: state } = this.decider;
    let revision = -1;
    for await (const event of this.store.read(stream)) {
      state = this.decider.evolve(state, event as unknown as Event);
      revision = event.revision;
    }
    // A stream that does not exist is not kept: anybody may ask for any name.
    if (revision >= 0) this.keep(stream, { state, revision });
    return { state, revision };
  }

  private keep(stream: string, hot: Hot<State>): void {
    this.hot.delete(stream);
    this.hot.set(stream, hot);
    if (this.hot.size > HOT_STREAMS) this.hot.delete(this.hot.keys().next().value!);
  }
}

/** Whether a recorded fact is what is said now. What the ledger decided itself is not compared. */
const saysTheSame = (said: object, recorded: object): boolean =>
  Object.entries(said).every(([name, value]) => isDeepStrictEqual(value, (recorded as Record<string, unknown>)[name]));
