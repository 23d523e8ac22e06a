import type { Subscription } from 'rxjs';
import { type EventStore, type Position, type Recorded, StoreUnavailableError } from '../event-store/event-store.js';
import { namedIdOf } from './books-model.js';
import { type ModelsWriter, ModelsStorageError } from './writer.js';

/** So many events at most share a transaction: it bounds what a crash makes the next start repeat. */
const TRANSACTION_EVENTS = 2000;
/** So many may wait to be written. A log that is faster is read again later, from where it was left. */
const WAITING_EVENTS = 10_000;
/** Before what could not be written is written again. */
const RETRY_MS = 1000;

/** What is told of the feeding, to be counted and traced. It never throws. */
export interface ProjectionObserver {
  /** So many events, the last of them at `through`, were included together; that began at `startedMs` of `performance.now()`. */
  projected(through: Position, events: number, startedMs: number): void;
  /** Nothing can be written at the moment; it is tried again. */
  held(error: Error): void;
  /** The models stand still. */
  stopped(error: Error): void;
  /** They were built anew; or why not, and the former ones go on. */
  rebuilt(error: Error | null): void;
}

const UNOBSERVED: ProjectionObserver = {
  projected: () => undefined,
  held: () => undefined,
  stopped: () => undefined,
  rebuilt: () => undefined,
};

interface Waiter {
  readonly position: Position;
  /** Where it waits. */
  among: Set<Waiter>;
  settle(outcome: boolean | Error): void;
}

/**
 * Feeds the log to the read models. What arrives while a transaction is under way shares the next one, which is written
 * with its checkpoint: a busy log costs few commits, and a quiet one is visible at once.
 */
export class ReadModelRunner {
  private readonly waiters = new Set<Waiter>();
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
  private writing: Promise<void> | undefined;
  /** Waits before what could not be written is written again. */
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly writer: ModelsWriter,
    private readonly observer = UNOBSERVED,
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
    clearImmediate(this.turn);
    clearTimeout(this.retry);
    this.turn = this.retry = undefined;
    this.subscription?.unsubscribe();
    await this.writing;
    if (this.arrived.length > 0 && !this.failure) await this.writeArrived();
    if (!keepsWaiters) this.settle(() => false);
  }

  /** Whoever waits for a position waits for another runner to include it. */
  handOverTo(next: ReadModelRunner): void {
    for (const waiter of this.waiters) {
      waiter.among = next.waiters;
      next.waiters.add(waiter);
    }
    this.waiters.clear();
    next.settle((waiter) => (waiter.position <= next.committed ? true : undefined));
  }

  /** Empties the models and builds them from the log's first event. */
  async rebuild(): Promise<void> {
    await this.stop();
    await this.writer.clear();
    this.arrived = [];
    this.hasLetGo = false;
    this.failure = undefined;
    this.isStopped = false;
    await this.start();
  }

  /** Whether `position` is included within `timeoutMs`; rejects when the models have failed. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    if (this.failure) return Promise.reject(this.failure);
    if (position <= this.committed) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiter.settle(false), timeoutMs);
      const waiter: Waiter = {
        position,
        among: this.waiters,
        settle: (outcome) => {
          clearTimeout(timer);
          waiter.among.delete(waiter);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      this.waiters.add(waiter);
    });
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

  /** A turn later, so that what arrives together is written together. */
  private wake(): void {
    if (this.turn || this.writing || this.retry || this.failure || this.isStopped) return;
    this.turn = setImmediate(() => {
      this.turn = undefined;
      this.writing = this.writeArrived().finally(() => {
        this.writing = undefined;
        if (this.arrived.length > 0 || this.searchedThrough !== undefined) this.wake();
      });
    });
  }

  /** Writes until nothing is left; a subscription that was let go is taken up where it was left. */
  private async writeArrived(): Promise<void> {
    try {
      while (this.arrived.length > 0) {
        const startedMs = performance.now();
        const batch = this.arrived.slice(0, TRANSACTION_EVENTS);
        await this.writer.write(batch, await this.namedBy(batch));
        this.arrived.splice(0, batch.length);
        this.committed = batch.at(-1)!.position;
        this.observer.projected(this.committed, batch.length, startedMs);
        this.settle((waiter) => (waiter.position <= this.committed ? true : undefined));
      }
      const searched = this.searchedThrough ?? 0n;
      this.searchedThrough = undefined;
      if (searched > this.committed) await this.writer.searched(searched);
      if (this.hasLetGo && !this.isStopped) {
        this.hasLetGo = false;
        this.follow(this.committed, this.committed);
      }
    } catch (error) {
      if (error instanceof ModelsStorageError || error instanceof StoreUnavailableError) this.tryAgain(error);
      else this.fail(error);
    }
  }

  /** The events that those of the batch name, by the log's own index of ids. */
  private async namedBy(batch: readonly Recorded[]): Promise<Recorded[]> {
    const named: Recorded[] = [];
    for (const [stream, events] of Map.groupBy(batch.filter(namedIdOf), ({ stream }) => stream)) {
      const ids = events.map((event) => namedIdOf(event)!);
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
    clearImmediate(this.turn);
    this.turn = undefined;
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.observer.stopped(this.failure);
    this.arrived = [];
    this.subscription?.unsubscribe();
    const failure = this.failure;
    this.settle(() => failure);
  }

  private settle(outcomeOf: (waiter: Waiter) => boolean | Error | undefined): void {
    for (const waiter of [...this.waiters]) {
      const outcome = outcomeOf(waiter);
      if (outcome !== undefined) waiter.settle(outcome);
    }
  }
}
