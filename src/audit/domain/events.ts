import type { Instant } from '../../kernel/instant.js';
import type { Money } from '../../kernel/money.js';

/** A sum of the trial balance. */
export interface BooksLine {
  /** As the journal writes it; `liabilities:credits` and `assets:receivable` are summed over advertisers. */
  readonly account: string;
  /** Of those two; absent in the others. */
  readonly marketplace?: string;
  /** Negative: credit. */
  readonly balance: Money;
}

/** A month's books as they were reported. What is recorded later is told beside it, and never changes it. */
export interface PeriodClosed {
  readonly type: 'PeriodClosed';
  readonly data: {
    /** A calendar month in UTC, `2022-10`. */
    readonly period: string;
    readonly from: Instant;
    /** Exclusive. */
    readonly to: Instant;
    /** The last millisecond of the month. */
    readonly asOf: Instant;
    /** The last position of the log that was known when it was closed. */
    readonly position: string;
    readonly trialBalance: readonly BooksLine[];
    /** Of the trial balance by credit, in its canonical text. */
    readonly fullTrialBalanceSha256: string;
    /** How many lines that has: one for each ledger account and currency whose balance is not zero. */
    readonly fullTrialBalanceLines: number;
  };
}
