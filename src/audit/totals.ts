import { byCodeUnit } from '../kernel/identifiers.js';
import { minorOf } from '../kernel/money.js';
import type { LedgerBalance } from '../read-models/books-queries.js';

/** The sum of ledger accounts in a currency. */
export interface Total {
  readonly currency: string;
  readonly balanceMinor: bigint;
  /** With what was posted at a cost in another currency counted there: of whole books it is zero. */
  readonly atCostMinor: bigint;
}

/** Adds up the lines of a trial balance, as they are and at cost. */
export class TotalsAtCost {
  private readonly totals = new Map<string, { balanceMinor: bigint; atCostMinor: bigint }>();

  add({ currency, balanceMinor, converted }: LedgerBalance): void {
    this.count(currency, balanceMinor, balanceMinor);
    if (!converted) return;
    this.count(converted.posted.currency, 0n, -minorOf(converted.posted));
    this.count(converted.cost.currency, 0n, minorOf(converted.cost));
  }

  all(): readonly Total[] {
    return [...this.totals]
      .map(([currency, sums]) => ({ currency, ...sums }))
      .sort((a, b) => byCodeUnit(a.currency, b.currency));
  }

  private count(currency: string, balanceMinor: bigint, atCostMinor: bigint): void {
    const before = this.totals.get(currency);
    this.totals.set(currency, {
      balanceMinor: balanceMinor + (before?.balanceMinor ?? 0n),
      atCostMinor: atCostMinor + (before?.atCostMinor ?? 0n),
    });
  }
}
