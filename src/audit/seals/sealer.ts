import type { Subscription } from 'rxjs';
import type { EventStore, Position, Recorded } from '../../event-store/event-store.js';
import { isDamage, type Seals, type SealsKeeper } from './seals.js';
import { checkEnds, checkFullTiles } from './soundness.js';

/** What arrives within so many ms is sealed together: each transaction writes the last tile of each level. */
const GATHERED_MS = 50;
/** So many events are sealed together at most. */
const TOGETHER = 1000;
/** So many wait at most; those behind them are read again later, when none is left. */
const WAITING_EVENTS = 3 * TOGETHER;
/** After a failure it begins again, in ms. */
const AGAIN_MS = 5000;

interface Waiter {
  readonly position: Position;
  readonly done: (isSealed: boolean) => void;
}

/**
 * Follows the log off the path of those who write it, and has it sealed. Seals that are found beside it are held against
 * the log before anything is added to them: what is sealed wrongly once would be signed.
 */
export class Sealer {
  /** What the seals have is the log's. */
  private isSound = false;
  /** Of these seals the full tiles were checked, or are just being. */
  private check: object | undefined;
  /** Counted up when following ends: what fails behind that is over. */
  private run = 0;
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private waiting: Recorded[] = [];
  private sealing: Promise<void> | undefined;
  private readonly waiters = new Set<Waiter>();
  private failure: Error | undefined;
  private told: string | undefined;
  private isClosed = false;

  /** `report` is told in a line why sealing stands still. */
  constructor(
    private readonly store: EventStore,
    private readonly kept: SealsKeeper,
    private readonly report: (message: string) => void,
  ) {}

  get seals(): Seals {
    return this.kept;
  }

  /** The seals once it is known that they are the log's: nothing else is to be signed. */
  get sound(): Seals | undefined {
    return this.isSound ? this.kept : undefined;
  }

  /** Why sealing stands still; it is tried again by itself. */
  get failed(): Error | undefined {
    return this.failure;
  }

  /** Begins to follow the log. A store that is away is waited for. */
  start(): void {
    void this.begin();
  }

  /** Whether the log is sealed up to a position within `timeoutMs`. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    if (this.isSealed(position)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.done(false), timeoutMs);
      const waiter: Waiter = {
        position,
        done: (isSealed) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve(isSealed);
        },
      };
      this.waiters.add(waiter);
    });
  }

  /** What waits to be sealed is left to the next start. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.pause();
    for (const { done } of [...this.waiters]) done(false);
    await this.kept.close();
  }

  private async begin(): Promise<void> {
    const { run } = this;
    try {
      await this.sealing;
      await checkEnds(this.store, this.kept);
      if (this.isOver(run)) return;
      this.failure = undefined;
      this.isSound = true;
      this.follow();
      this.tellWaiters();
    } catch (error) {
      return this.fail(error, run);
    }
    await this.checkTheRest();
  }

  /** What no root is made of any more, and proofs are: while it goes on sealing. */
  private async checkTheRest(): Promise<void> {
    if (this.check) return;
    const check = (this.check = {});
    try {
      await checkFullTiles(this.kept, () => !this.isClosed && this.check === check);
    } catch (error) {
      if (this.check !== check) return;
      this.check = undefined;
      await this.fail(error, this.run);
    }
  }

  private isSealed(position: Position): boolean {
    return this.isSound && (this.kept.last?.position ?? 0n) >= position;
  }

  private tellWaiters(): void {
    for (const waiter of [...this.waiters]) if (this.isSealed(waiter.position)) waiter.done(true);
  }

  private follow(): void {
    const { run } = this;
    const { position = 0n, searched = 0n } = this.kept.last ?? {};
    const subscription = this.store
      .subscribe({ after: position, searched, onSearched: (reached) => void this.searched(reached) })
      .subscribe({ next: (event) => this.receive(event), error: (error: unknown) => void this.fail(error, run) });
    if (this.isOver(run)) subscription.unsubscribe();
    else this.subscription = subscription;
  }

  private receive(event: Recorded): void {
    this.waiting.push(event);
    this.wake();
    if (this.waiting.length < WAITING_EVENTS) return;
    this.subscription?.unsubscribe();
    this.subscription = undefined;
  }

  private wake(): void {
    if (this.sealing || this.waiting.length === 0) return;
    if (this.waiting.length >= TOGETHER) this.seal();
    else this.timer ??= setTimeout(() => this.seal(), GATHERED_MS);
  }

  private seal(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { run } = this;
    this.sealing = this.kept.add(this.waiting.splice(0, TOGETHER)).then(
      () => this.sealed(run),
      (error: unknown) => {
        this.sealing = undefined;
        return this.fail(error, run);
      },
    );
  }

  private sealed(run: number): void {
    this.sealing = undefined;
    this.tellWaiters();
    if (this.isOver(run)) return;
    this.told = undefined;
    if (this.waiting.length === 0 && !this.subscription) this.follow();
    this.wake();
  }

  private async searched(position: Position): Promise<void> {
    // Only when nothing waits is all up to there sealed.
    if (this.sealing || this.waiting.length > 0 || this.isClosed) return;
    const { run } = this;
    try {
      await this.kept.searchedTo(position);
    } catch (error) {
      await this.fail(error, run);
    }
  }

  private isOver(run: number): boolean {
    return this.isClosed || this.run !== run;
  }

  /** Seals that are not the log's are made anew from it; what else failed is tried again. */
  private async fail(error: unknown, run: number): Promise<void> {
    if (this.isOver(run)) return;
    this.pause();
    if (!isDamage(error)) return this.standStill(error);
    this.isSound = false;
    this.check = undefined;
    try {
      if (!(await this.kept.beginAnew((error as Error).message))) return this.standStill(error);
      await this.begin();
    } catch (failure) {
      this.standStill(failure);
    }
  }

  private standStill(error: unknown): void {
    if (this.isClosed) return;
    this.failure = error instanceof Error ? error : new Error(String(error));
    if (this.told !== this.failure.message) this.report(`sealing stands still, and is tried: ${this.failure.message}`);
    this.told = this.failure.message;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.begin();
    }, AGAIN_MS).unref();
  }

  private pause(): void {
    this.run += 1;
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting = [];
  }
}
