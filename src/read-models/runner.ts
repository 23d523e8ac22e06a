import type { Subscription } from 'rxjs';
import { type EventStore, type Position, type Recorded, StoreUnavailableError } from '../event-store/event-store.js';
import { type ProjectionObserver, UNOBSERVED } from './observer.js';
import { Waiters } from './waiters.js';
import { type ModelsWriter, ModelsStorageError } from './writer.js';

/** So many events at most share a transaction: it bounds what a crash makes the next start repeat. */
export const TRANSACTION_EVENTS = 2000;
/** So many may wait to be written: what is being written, what is next, and as much again. A log that is faster waits. */
const WAITING_EVENTS = 3 * TRANSACTION_EVENTS;
/**
 * Between the beginnings of two transactions, unless one is full or somebody asks and waits for what has arrived: each costs a
 * commit, and a hand-over on the thread that commands need. What comes after a quiet moment is written at once.
 */
const GATHERED_MS = 50;
/** Before what could not be written is written again. */
const RETRY_MS = 1000;

/** Events on their way into the tables. */
interface Batch {
  readonly events: readonly Recorded[];
  readonly startedMs: number;
  readonly written: Promise<void>;
}

/**
 * Feeds the log to the read models. What arrives while a transaction is under way, or shortly after it began, shares the next
 * one, which is written with its checkpoint: a busy log costs few commits, and a quiet one is visible at once.
 */
export class ReadModelRunner {
  private readonly waiters = new Waiters();
  private subscription: Subscription | undefined;
  private failure: Error | undefined;
  private isStopped = false;
  private committed: Position = 0n;
  /** Events that have arrived and are not written yet, and how far the log was searched behind them. */
  private arrived: Recorded[] = [];
  private searchedThrough: Position | undefined;
  /** The subscription was let go, because too much had arrived. */
  private hasLetGo = false;
  private turn: NodeJS.Immediate | undefined;
  /** Until the next transaction. */
  private pause: NodeJS.Timeout | undefined;
  /** When the last transaction began, by `performance.now()`. */
  private begunMs = -Infinity;
  private writing: Promise<void> | undefined;
  /** Waits before what could not be written is written again. */
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly writer: ModelsWriter,
    /** The id of the event of before, in the same stream, that a model reads an event with; undefined: none does. */
    private readonly namedIdOf: (event: Recorded) => string | undefined,
    private readonly observer: ProjectionObserver = UNOBSERVED,
  ) {}

  /** The last position that every answer may include; what the models hold beyond it is not committed yet. */
  get position(): Position {
    return this.committed;
  }

  /** Why the models stand still: a model or the subscription threw. */
  get failed(): Error | undefined {
    return this.failure;
  }

  /** Catches up from the checkpoint, from the beginning when the file is another log's, and stays subscribed. */
  async start(): Promise<void> {
    this.isStopped = this.hasLetGo = false;
    // What could not be written before is read again.
    this.arrived = [];
    this.searchedThrough = undefined;
    const belongs = await this.belongsToTheLog();
    if (this.isStopped) return;
    if (!belongs) await this.writer.clear();
    const { position = 0n, searched = 0n } = (await this.writer.checkpoint()) ?? {};
    this.committed = position;
    this.follow(position, searched);
  }

  /** Writes what has arrived and lets go of the subscription. Who waits is told no, unless they are to be handed over. */
  async stop({ keepsWaiters = false } = {}): Promise<void> {
    this.isStopped = true;
    this.clearTurn();
    clearTimeout(this.retry);
    this.retry = undefined;
    this.subscription?.unsubscribe();
    await this.writing;
    if (this.arrived.length > 0 && !this.failure) await this.writeArrived();
    if (!keepsWaiters) this.waiters.tellAll(false);
  }

  /** Whoever waits for a position waits for another runner to include it. */
  handOverTo(next: ReadModelRunner): void {
    this.waiters.moveTo(next.waiters);
    next.waiters.included(next.committed);
    next.wake();
  }

  /** Empties the models and builds them from the log's first event. */
  async rebuild(): Promise<void> {
    await this.stop();
    await this.writer.clear();
    this.failure = undefined;
    await this.start();
  }

  /**
   * Whether `position` is included within `timeoutMs`; rejects when the models have failed. Nothing is written any sooner
   * for whoever is patient.
   */
  reached(position: Position, timeoutMs: number, { isPatient = false } = {}): Promise<boolean> {
    if (this.failure) return Promise.reject(this.failure);
    if (position <= this.committed) return Promise.resolve(true);
    const reached = this.waiters.wait(position, timeoutMs, isPatient);
    this.wake();
    return reached;
  }

  private async belongsToTheLog(): Promise<boolean> {
    const checkpoint = await this.writer.checkpoint();
    if (!checkpoint) return true;
    const found = await this.store.find(checkpoint.stream, [checkpoint.eventId]);
    return found.get(checkpoint.eventId)?.position === checkpoint.position;
  }

  private follow(after: Position, searched: Position): void {
    this.subscription?.unsubscribe();
    const onSearched = (reached: Position) => this.searched(reached);
    const subscription = this.store.subscribe({ after, searched, onSearched }).subscribe({
      next: (event) => this.receive(event),
      error: (error: unknown) => this.fail(error),
    });
    this.subscription = subscription;
    // A store that delivers while being subscribed to may have made a model fail before there was anything to cancel.
    if (this.failure) subscription.unsubscribe();
  }

  private receive(event: Recorded): void {
    // What a subscription still delivers after it was let go is read again by the next.
    if (this.failure || this.hasLetGo) return;
    this.arrived.push(event);
    if (this.arrived.length >= WAITING_EVENTS) {
      this.hasLetGo = true;
      this.subscription?.unsubscribe();
    }
    this.wake();
  }

  private searched(position: Position): void {
    if (this.failure || this.hasLetGo) return;
    this.searchedThrough = position;
    this.wake();
  }

  /** A turn later, so that what arrives together is written together; or when the pause after the last transaction is over. */
  private wake(): void {
    if (this.turn || this.writing || this.retry || this.failure || this.isStopped) return;
    if (this.arrived.length === 0 && this.searchedThrough === undefined) return;
    const pauseMs = this.pauseMs();
    if (pauseMs > 0) {
      this.pause ??= setTimeout(() => {
        this.pause = undefined;
        this.wake();
      }, pauseMs);
      return;
    }
    this.clearTurn();
    this.turn = setImmediate(() => {
      this.turn = undefined;
      this.writing = this.writeArrived().finally(() => {
        this.writing = undefined;
        this.wake();
      });
    });
  }

  /** So long more may arrive before it is written. */
  private pauseMs(): number {
    const isDue = this.waiters.hurry || this.isStopped || this.arrived.length >= TRANSACTION_EVENTS;
    return isDue ? 0 : this.begunMs + GATHERED_MS - performance.now();
  }

  private clearTurn(): void {
    clearImmediate(this.turn);
    clearTimeout(this.pause);
    this.turn = this.pause = undefined;
  }

  /** Writes until nothing is due. While a full transaction is written the next is handed over: the writer need not wait. */
  private async writeArrived(): Promise<void> {
    let next: Promise<Batch | undefined> | undefined;
    try {
      let batch = await this.handOver(0);
      while (batch) {
        const taken = batch.events.length;
        if (this.arrived.length >= taken + TRANSACTION_EVENTS) next = this.handOver(taken);
        // It is looked at when its turn comes, which may be later than it fails.
        next?.catch(() => undefined);
        await batch.written;
        this.include(batch);
        batch = await (next ?? (this.pauseMs() > 0 ? undefined : this.handOver(0)));
        next = undefined;
      }
      // Behind what has arrived since, nothing was searched.
      if (this.arrived.length > 0) return;
      const searched = this.searchedThrough ?? 0n;
      if (searched > this.committed) await this.writer.searched(searched);
      if (this.searchedThrough === searched) this.searchedThrough = undefined;
    } catch (error) {
      // What was to follow is not written either: the writer sees that it does not follow.
      await next?.then((batch) => batch?.written).catch(() => undefined);
      if (error instanceof ModelsStorageError || error instanceof StoreUnavailableError) this.tryAgain(error);
      else this.fail(error);
    }
  }

  /** Gives the writer what has arrived from the event number `from` on, as much as a transaction takes; undefined: nothing has. */
  private async handOver(from: number): Promise<Batch | undefined> {
    const events = this.arrived.slice(from, from + TRANSACTION_EVENTS);
    const after = this.arrived[from - 1]?.position ?? this.committed;
    if (events.length === 0) return undefined;
    const startedMs = (this.begunMs = performance.now());
    const named = await this.namedBy(events);
    const written = this.writer.write(events, named, after);
    written.catch(() => undefined);
    return { events, startedMs, written };
  }

  private include({ events, startedMs }: Batch): void {
    this.arrived.splice(0, events.length);
    this.committed = events.at(-1)!.position;
    this.observer.projected(this.committed, events.length, startedMs);
    this.waiters.included(this.committed);
    if (!this.hasLetGo || this.isStopped || this.arrived.length > WAITING_EVENTS - TRANSACTION_EVENTS) return;
    this.hasLetGo = false;
    const read = this.arrived.at(-1)?.position ?? this.committed;
    this.follow(read, read);
  }

  /** The events that those of the batch name, by the log's own index of ids. */
  private async namedBy(batch: readonly Recorded[]): Promise<Recorded[]> {
    const named: Recorded[] = [];
    for (const [stream, events] of Map.groupBy(batch.filter(this.namedIdOf), ({ stream }) => stream)) {
      const ids = events.map((event) => this.namedIdOf(event)!);
      const found = await this.store.find(stream, ids, { through: events.at(-1)!.revision });
      named.push(...found.values());
    }
    return named;
  }

  /** What has arrived stays, and is written when it can be: until then answers are of what was written before. */
  private tryAgain(error: Error): void {
    this.observer.held(error);
    if (this.isStopped) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.wake();
    }, RETRY_MS);
  }

  /** Stands still at the checkpoint: a model that cannot read the log must not answer from half of it. */
  fail(error: unknown): void {
    this.clearTurn();
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.observer.stopped(this.failure);
    this.arrived = [];
    this.subscription?.unsubscribe();
    this.waiters.tellAll(this.failure);
  }
}
