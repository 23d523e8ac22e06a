import type { Position } from '../event-store/event-store.js';
import type { Instant } from '../kernel/instant.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import { minorOf, moneyOf, type Money } from '../kernel/money.js';
import { refuse, type Refusal } from '../kernel/refusal.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { Accounts } from './accounts.js';

export interface ExpiryAnswer {
  /** How many credits were swept. */
  readonly expired: number;
  /** What lapsed, by currency, none of zero. */
  readonly amounts: readonly Money[];
  readonly asOf: Instant;
  /** Of the last event it made, else of the last there is. */
  readonly position: string;
}

/** Sweeps credits that have ended and whose grace is over, so that each ends in an event of its own. */
export class ExpiryRuns {
  constructor(
    private readonly accounts: Accounts,
    private readonly readModels: ReadModels,
    private readonly clock: () => Instant,
  ) {}

  async perform(asOf?: Instant): Promise<ExpiryAnswer | Refusal> {
    const now = this.clock();
    const until = asOf ?? now;
    if (until > now) {
      return refuse('invalid-command', `asOf may not be later than now (${now})`, [
        { path: '/asOf', message: 'is later than now' },
      ]);
    }
    let position: Position = await this.readModels.caughtUp();
    let expired = 0;
    const lapsed = new Map<string, bigint>();
    for (const account of this.readModels.accounts.sweepable(until)) {
      const outcome = await this.accounts.sweep(account, until);
      if (outcome.status !== 'settled') throw new Error(`the sweep of ${account.advertiserId} was ${outcome.status}`);
      if (outcome.position !== null && outcome.position > position) position = outcome.position;
      for (const event of outcome.events) {
        if (event.type !== 'CreditExpired') continue;
        const { currency } = event.data.amount;
        lapsed.set(currency, (lapsed.get(currency) ?? 0n) + minorOf(event.data.amount));
        expired += 1;
      }
    }
    const amounts = [...lapsed]
      .filter(([, minor]) => minor > 0n)
      .sort(([a], [b]) => byCodeUnit(a, b))
      .map(([currency, minor]) => moneyOf(minor, currency));
    return { expired, amounts, asOf: until, position: position.toString() };
  }
}
