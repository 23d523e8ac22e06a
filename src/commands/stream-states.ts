import type { EventStore, Recorded } from '../event-store/event-store.js';
import type { Decider, EventLike } from '../kernel/decider.js';
import type { Snapshot, Snapshots } from './snapshots.js';

/** What a stream's events come to, up to a revision. Never wrong, and perhaps not the latest. */
export interface StreamState<State> {
  readonly state: State;
  /** -1 for an empty stream. */
  readonly revision: number;
  /** Up to which revision a snapshot has it, -1 for none. */
  readonly savedAt: number;
  /** In entries of the state. */
  readonly weight: number;
}

const HOT_STREAMS = 10_000;
/** Entries in all hot states together, some 25 bytes each. */
const HOT_WEIGHT = 1_100_000;
/** A snapshot is renewed when so many events came after it, and as many as the state has entries: writing stays in proportion. */
const SNAPSHOT_EVERY = 500;

/**
 * Folds streams into states and keeps the states of those in use in memory: as a matter of cost only. A state that is not
 * in memory is read from its snapshot and the events after it, or folded from the first event.
 */
export class StreamStates<State, Event extends EventLike> {
  /** In the order of use, the oldest first. */
  private readonly hot = new Map<string, StreamState<State>>();
  private hotWeight = 0;

  constructor(
    private readonly store: EventStore,
    private readonly decider: Pick<Decider<State, never, Event>, 'initial' | 'evolve' | 'codec'>,
    private readonly snapshots: Snapshots,
  ) {}

  /** What memory has; others may have written since. */
  inMemory(stream: string): StreamState<State> | undefined {
    return this.hot.get(stream);
  }

  /** By what is recorded now. */
  async latest(stream: string): Promise<StreamState<State>> {
    const hot = this.hot.get(stream);
    return hot ? this.advance(stream, hot) : this.load(stream);
  }

  /** Brings a state up to date; the same object when nothing came. */
  async advance(stream: string, from: StreamState<State>): Promise<StreamState<State>> {
    return this.fold(stream, from, this.store.read(stream, { from: from.revision + 1 }));
  }

  /** As `latest`, without trusting what memory has. */
  async load(stream: string): Promise<StreamState<State>> {
    this.forget(stream);
    const { initial: state } = this.decider;
    return (await this.resume(stream)) ?? this.advance(stream, { state, revision: -1, savedAt: -1, weight: 1 });
  }

  /** Takes over a state up to a revision, which the caller has evolved. Now and then it is saved; `last` is its last event. */
  async keep(
    stream: string,
    state: State,
    revision: number,
    savedAt: number,
    last?: Recorded,
  ): Promise<StreamState<State>> {
    const weight = this.decider.codec?.weigh(state) ?? 1;
    const isDue = revision - savedAt >= Math.max(SNAPSHOT_EVERY, weight);
    const kept = { state, revision, savedAt: isDue ? revision : savedAt, weight };
    if (isDue) await this.save(stream, state, revision, last);
    // Whoever folds at the same time may have come further.
    if ((this.hot.get(stream)?.revision ?? -1) <= kept.revision) this.heat(stream, kept);
    return kept;
  }

  /** From the snapshot on; undefined when there is none, or one of another log. */
  private async resume(stream: string): Promise<StreamState<State> | undefined> {
    const { codec } = this.decider;
    const snapshot = codec && this.snapshots.find(stream, codec.version);
    if (!snapshot) return undefined;
    const events = this.store.read(stream, { from: snapshot.revision })[Symbol.asyncIterator]();
    const first = await events.next();
    if (first.done || !isLastOf(snapshot, first.value)) {
      await events.return?.();
      return undefined;
    }
    const state = codec.decode(snapshot.state);
    const resumed = await this.keep(stream, state, first.value.revision, snapshot.revision);
    return this.fold(stream, resumed, { [Symbol.asyncIterator]: () => events });
  }

  private async fold(
    stream: string,
    from: StreamState<State>,
    events: AsyncIterable<Recorded>,
  ): Promise<StreamState<State>> {
    let { state } = from;
    let last: Recorded | undefined;
    for await (const event of events) {
      state = this.decider.evolve(state, event as unknown as Event);
      last = event;
    }
    // A stream that does not exist is not kept: anybody may ask for any name.
    return last ? this.keep(stream, state, last.revision, from.savedAt, last) : from;
  }

  private async save(stream: string, state: State, revision: number, last?: Recorded): Promise<void> {
    const { codec } = this.decider;
    if (!codec || !this.snapshots.isKept) return;
    const { version } = codec;
    try {
      for await (const { id: eventId, recordedAt } of last ? [last] : this.store.read(stream, { from: revision })) {
        this.snapshots.save({ stream, revision, eventId, recordedAt, version, state: codec.encode(state) });
        return;
      }
    } catch {
      // What was appended stands; the next snapshot will do.
    }
  }

  private heat(stream: string, kept: StreamState<State>): void {
    this.forget(stream);
    this.hot.set(stream, kept);
    this.hotWeight += kept.weight;
    for (const oldest of this.hot.keys()) {
      const fits = this.hot.size <= HOT_STREAMS && this.hotWeight <= HOT_WEIGHT;
      // The one in use stays, however heavy it is.
      if (fits || oldest === stream) return;
      this.forget(oldest);
    }
  }

  private forget(stream: string): void {
    this.hotWeight -= this.hot.get(stream)?.weight ?? 0;
    this.hot.delete(stream);
  }
}

/** Whether the snapshot's last event stands in this log, where it stood. */
const isLastOf = ({ revision, eventId, recordedAt }: Snapshot, event: Recorded): boolean =>
  event.revision === revision && event.id === eventId && event.recordedAt === recordedAt;
