import { catchError, defer, EMPTY, from, repeat, type Subscription } from 'rxjs';
import type { ExpiryRuns } from './accounts/expiry.js';
import { isRefusal } from './kernel/refusal.js';
import type { Disbursements } from './promotions/disbursements.js';
import type { Queries, RunListed } from './read-models/queries.js';

const EVERY_MS = 30_000;

/** Performs what is due by itself: first each promotion's open runs in their order, then the sweep. */
export class Scheduler {
  private subscription: Subscription | undefined;

  constructor(
    private readonly queries: Queries,
    private readonly disbursements: Disbursements,
    private readonly expiryRuns: ExpiryRuns,
    private readonly warn: (message: string) => void,
  ) {}

  start(): void {
    this.subscription = defer(() => from(this.performDue()))
      .pipe(
        // What failed, a store that is away for one, is tried again at the next turn.
        catchError((error: unknown) => {
          this.warn(`a scheduled run failed: ${String(error)}`);
          return EMPTY;
        }),
        repeat({ delay: EVERY_MS }),
      )
      .subscribe();
  }

  stop(): void {
    this.subscription?.unsubscribe();
  }

  /** Everything that is due now, once. */
  async performDue(): Promise<void> {
    const moment = await this.queries.moment({});
    for (const promotionId of this.queries.promotionIds(moment)) {
      const runs = this.queries.disbursements(moment, promotionId);
      if (isRefusal(runs)) continue;
      for (const { date } of runs.items.filter(isDue)) {
        const answer = await this.disbursements.perform(promotionId, date);
        if (isRefusal(answer)) {
          this.warn(`run ${date} of ${promotionId} was refused: ${answer.detail}`);
          break;
        }
      }
    }
    await this.expiryRuns.perform();
  }
}

const isDue = ({ state }: RunListed): boolean => state === 'due';
