import { setTimeout as pause } from 'node:timers/promises';
import type { AppendConflict, Appended, EventStore, Recorded } from '../event-store/event-store.js';
import type { Decider, EventLike } from '../kernel/decider.js';
import { decideAll, idsNeeded, type Decided, type Outcome, type Submission, type Waiting } from './batch.js';
import { UNOBSERVED, type CommandObserver, type Deciding } from './observer.js';
import { currentOrigin } from './origin.js';
import { Snapshots } from './snapshots.js';
import { StreamStates, type StreamState } from './stream-states.js';

export type { Outcome, Submission } from './batch.js';

const BATCH = 500;
const NOTHING_LOOKED_UP: ReadonlyMap<string, Recorded> = new Map();
const ATTEMPTS = 100;
/** Between attempts, in ms, and by chance: of those who race for a stream each gets its turn. */
const PAUSE_MS = 20;

/**
 * Load, fold, decide, append, retry: the one shell around every decider. Commands for a stream that arrive while an append
 * is under way are decided together, in the order in which they came, and appended as one batch.
 *
 * Several processes may do so on one store. A state in memory may then be old: `expectedRevision` finds it out for what is
 * appended, and what is not appended is answered only when the stream has nothing after that state.
 */
export class CommandHandling<State, Command, Event extends EventLike> {
  private readonly queues = new Map<string, Waiting<Command, Event, State>[]>();
  private readonly states: StreamStates<State, Event>;

  constructor(
    private readonly store: EventStore,
    private readonly decider: Decider<State, Command, Event>,
    snapshots = new Snapshots(null),
    private readonly observer: CommandObserver = UNOBSERVED,
  ) {
    this.states = new StreamStates(store, decider, snapshots);
  }

  /** Decides and appends; rejects with StoreUnavailableError when nothing could be written. */
  execute(submission: Submission<Command, State>): Promise<Outcome<Event>> {
    return new Promise((resolve, reject) => {
      const waiting = { submission, origin: currentOrigin(), resolve, reject, context: this.observer.context() };
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
    return (await this.states.latest(stream)).state;
  }

  private async drain(stream: string): Promise<void> {
    const queue = this.queues.get(stream)!;
    while (queue.length > 0) await this.answer(stream, queue.splice(0, BATCH));
    this.queues.delete(stream);
  }

  /** Answers each command of the batch; one that is more than the store takes is tried again in halves. */
  private async answer(stream: string, batch: readonly Waiting<Command, Event, State>[]): Promise<void> {
    const contexts = batch.map(({ context }) => context);
    const deciding = this.observer.deciding(stream, contexts);
    try {
      await this.handle(stream, batch, deciding);
      deciding.ended();
    } catch (error) {
      deciding.ended(error);
      if ((error as Error).name === 'BatchTooLargeError' && batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await this.answer(stream, batch.slice(0, half));
        await this.answer(stream, batch.slice(half));
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  private async handle(
    stream: string,
    batch: readonly Waiting<Command, Event, State>[],
    deciding: Deciding,
  ): Promise<void> {
    const inMemory = this.states.inMemory(stream);
    let before = inMemory ?? (await this.states.load(stream));
    /** Whether the state was read since the commands came: then it is one that they may be answered by. */
    let isFresh = !inMemory;
    const asNew = inMemory && this.decidedAsNew(inMemory, batch);
    if (asNew && (await this.append(stream, before, asNew, deciding))) return;
    const ids = idsNeeded(this.decider, batch);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const known = await this.store.find(stream, ids, { through: before.revision });
      const decided = decideAll(this.decider, batch, before, known);
      if (decided.events.length > 0) {
        if (await this.append(stream, before, decided, deciding)) return;
        before = await this.afterOthers(stream, before);
        if (attempt > 1) await pause(Math.random() * PAUSE_MS);
      } else {
        const now = isFresh || !decided.reliesOnState ? before : await this.states.advance(stream, before);
        if (now === before) return decided.settle([]);
        before = now;
      }
      isFresh = true;
    }
    throw new Error(`${stream} changed under ${ATTEMPTS} attempts to append to it`);
  }

  /**
   * Most facts are new and need no other: they are decided without being looked up, and the store, which holds an id once,
   * finds what is not new. Undefined when there is anything else to be said of any of them.
   */
  private decidedAsNew(
    before: StreamState<State>,
    batch: readonly Waiting<Command, Event, State>[],
  ): Decided<State> | undefined {
    const needsOthers = batch.some(({ submission: { id, command } }) => {
      return id === null || (this.decider.refersTo?.(command) ?? []).length > 0;
    });
    if (needsOthers) return undefined;
    const decided = decideAll<State, Command, Event>(this.decider, batch, before, NOTHING_LOOKED_UP);
    return decided.reliesOnState || decided.events.length !== batch.length ? undefined : decided;
  }

  /** Appends what was decided and answers it; false when others have written to the stream, be it the same facts. */
  private async append(
    stream: string,
    before: StreamState<State>,
    { events, state, settle }: Decided<State>,
    deciding: Deciding,
  ): Promise<boolean> {
    const told = deciding.appending(events);
    const expected = before.revision < 0 ? 'none' : before.revision;
    let appended: Appended | AppendConflict;
    try {
      appended = await this.store.append(stream, expected, events);
    } catch (error) {
      told('failed');
      throw error;
    }
    if ('conflict' in appended || appended.repeated) {
      told('conflict');
      return false;
    }
    told(appended.position);
    settle(appended.positions);
    await this.states.keep(stream, state, appended.revision, before.savedAt);
    return true;
  }

  /** The state with what others have written. That nothing is there means that this is not the log that memory knows. */
  private async afterOthers(stream: string, before: StreamState<State>): Promise<StreamState<State>> {
    const now = await this.states.advance(stream, before);
    return now === before ? this.states.load(stream) : now;
  }
}
