import type { Subscription } from 'rxjs';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import type { ReadModel, ReadModelDatabase } from './database.js';

/** So many events at most share a transaction: it bounds what a crash makes the next start repeat. */
const TRANSACTION_EVENTS = 2000;

/** What is told of the feeding, to be counted and traced. It never throws. */
export interface ProjectionObserver {
  /** So many events, the last of them at `through`, were included together; that began at `startedMs` of `performance.now()`. */
  projected(through: Position, events: number, startedMs: number): void;
  /** The models stand still. */
  stopped(error: Error): void;
}

const UNOBSERVED: ProjectionObserver = { projected: () => undefined, stopped: () => undefined };

interface Waiter {
  readonly position: Position;
  settle(outcome: boolean | Error): void;
}

/**
 * Feeds the log to the read models. Events that arrive in one turn of the event loop share a transaction with the
 * checkpoint: a busy log costs few commits, and a quiet one is visible at once.
 */
export class ReadModelRunner {
  private readonly waiters = new Set<Waiter>();
  private subscription: Subscription | undefined;
  private failure: Error | undefined;
  private isStopped = false;
  private committed: Position = 0n;
  private uncommitted: Recorded | undefined;
  private uncommittedEvents = 0;
  private beganMs = 0;
  private flush: NodeJS.Immediate | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly db: ReadModelDatabase,
    private readonly models: readonly ReadModel[],
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
    const belongs = await this.belongsToTheLog();
    if (this.isStopped) return;
    if (!belongs) this.empty();
    const { position = 0n, searched = 0n } = this.db.checkpoint() ?? {};
    this.committed = position;
    const onSearched = (reached: Position) => this.searched(reached);
    this.subscription = this.store.subscribe({ after: position, searched, onSearched }).subscribe({
      next: (event) => this.receive(event),
      error: (error: unknown) => this.fail(error),
    });
    // A store that delivers while being subscribed to may have made a model fail before there was anything to cancel.
    if (this.failure) this.subscription.unsubscribe();
  }

  /** Commits what has arrived and lets go of the subscription. */
  stop(): void {
    this.isStopped = true;
    this.subscription?.unsubscribe();
    this.commit();
    this.settle(() => false);
  }

  /** Empties the models and builds them from the log's first event. */
  async rebuild(): Promise<void> {
    this.stop();
    this.empty();
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
        settle: (outcome) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      this.waiters.add(waiter);
    });
  }

  private empty(): void {
    this.db.clear();
    for (const model of this.models) model.forget();
  }

  private async belongsToTheLog(): Promise<boolean> {
    const checkpoint = this.db.checkpoint();
    if (!checkpoint) return true;
    const found = await this.store.find(checkpoint.stream, [checkpoint.eventId]);
    return found.get(checkpoint.eventId)?.position === checkpoint.position;
  }

  private receive(event: Recorded): void {
    if (this.failure) return;
    try {
      if (!this.uncommitted) {
        this.beganMs = performance.now();
        this.db.begin();
      }
      this.uncommitted = event;
      for (const model of this.models) model.apply(event);
      this.uncommittedEvents += 1;
      if (this.uncommittedEvents >= TRANSACTION_EVENTS) this.commit();
      else this.flush ??= setImmediate(() => this.commit());
    } catch (error) {
      this.fail(error);
    }
  }

  private searched(position: Position): void {
    if (this.uncommitted) this.commit();
    try {
      if (!this.failure) this.db.searched(position);
    } catch (error) {
      this.fail(error);
    }
  }

  private commit(): void {
    clearImmediate(this.flush);
    this.flush = undefined;
    if (!this.uncommitted) return;
    try {
      this.db.commit(this.uncommitted);
    } catch (error) {
      return this.fail(error);
    }
    this.committed = this.uncommitted.position;
    this.observer.projected(this.committed, this.uncommittedEvents, this.beganMs);
    this.uncommitted = undefined;
    this.uncommittedEvents = 0;
    this.settle((waiter) => (waiter.position <= this.committed ? true : undefined));
  }

  /** Goes back to the checkpoint and stands still: a model that cannot read the log must not answer from half of it. */
  fail(error: unknown): void {
    clearImmediate(this.flush);
    this.flush = undefined;
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.observer.stopped(this.failure);
    this.db.rollback();
    this.uncommitted = undefined;
    this.uncommittedEvents = 0;
    for (const model of this.models) model.forget();
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
