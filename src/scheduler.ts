import { randomUUID } from 'node:crypto';
import { concatMap, timer, type Subscription } from 'rxjs';
import type { ExpiryRuns } from './accounts/expiry.js';
import { actingAs } from './commands/origin.js';
import { isRefusal } from './kernel/refusal.js';
import type { Disbursements } from './promotions/disbursements.js';
import type { Queries, RunListed } from './read-models/queries.js';

const EVERY_MS = 30_000;

/** What is told of the turns, to be logged and counted. It never throws. */
export interface SchedulerObserver {
  failed(what: string, error: unknown): void;
  /** A turn is over, whatever failed in it. */
  turned(seconds: number): void;
}

/** Performs what is due by itself: each promotion's open runs in their order, then the sweep. */
export class Scheduler {
  private subscription: Subscription | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly queries: Queries,
    private readonly disbursements: Disbursements,
    private readonly expiryRuns: ExpiryRuns,
    private readonly observer: SchedulerObserver,
  ) {}

  start(): void {
    this.subscription = timer(0, EVERY_MS)
      .pipe(concatMap(() => (this.turn = this.performDue())))
      .subscribe();
  }

  /** Lets the turn that is under way finish, and begins no other. */
  async stop(): Promise<void> {
    this.subscription?.unsubscribe();
    await this.turn;
  }

  /** Everything that is due now, once. What fails is told, tried again at the next turn, and hinders nothing else. */
  performDue(): Promise<void> {
    return actingAs({ actor: 'scheduler', correlationId: randomUUID() }, () => this.performAll());
  }

  private async performAll(): Promise<void> {
    const startedMs = performance.now();
    await this.attempt('looking for due runs', async () => {
      const moment = await this.queries.moment({});
      for (const promotionId of this.queries.promotionIds(moment)) {
        const runs = this.queries.disbursements(moment, promotionId);
        if (isRefusal(runs)) continue;
        if (runs.items.some(isDue))
          await this.attempt(`the runs of ${promotionId}`, () => this.performRuns(promotionId));
      }
    });
    await this.attempt('the expiry run', async () => {
      await this.expiryRuns.perform();
    });
    this.observer.turned((performance.now() - startedMs) / 1000);
  }

  private async performRuns(promotionId: string): Promise<void> {
    const done = await this.disbursements.performDue(promotionId);
    if (isRefusal(done)) throw new Error(`a run was refused: ${done.detail}`);
  }

  private async attempt(what: string, perform: () => Promise<void>): Promise<void> {
    try {
      await perform();
    } catch (error) {
      this.observer.failed(what, error);
    }
  }
}

const isDue = ({ state }: RunListed): boolean => state === 'due';
