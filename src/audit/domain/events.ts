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

/** What credits hold that had ended by the month's end and were not swept: nothing can be paid from it any more. */
export interface LapsedLine {
  readonly promotionId: string;
  readonly marketplace: string;
  readonly held: Money;
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
    /** The last position of the log that was known when it was closed, in the store in which it was. */
    readonly position: string;
    /** The event there: in another store it has another position. */
    readonly lastEvent: { readonly stream: string; readonly id: string };
    /** Of the first month that is closed: what the books held when it began, be it nothing. */
    readonly opening?: readonly BooksLine[];
    readonly trialBalance: readonly BooksLine[];
    /** Of the trial balance by credit, in its canonical text. */
    readonly fullTrialBalanceSha256: string;
    /** How many lines that has: one for each ledger account and currency whose balance is not zero. */
    readonly fullTrialBalanceLines: number;
    /** Contained in the trial balance; their sweeps, which take effect in the month, come late. */
    readonly lapsed: readonly LapsedLine[];
  };
}

/** The tree of the log up to a place, signed: whoever holds one can tell later whether anything before it was changed. */
export interface CheckpointSigned {
  readonly type: 'CheckpointSigned';
  readonly data: {
    /** A signed note (c2sp.org/signed-note) whose text is a checkpoint (c2sp.org/tlog-checkpoint). */
    readonly note: string;
    /** How many events the tree has: the first of the log. */
    readonly treeSize: number;
    /** Of the Merkle tree (RFC 9162), in hexadecimal. */
    readonly rootHash: string;
    /** Of the last of them, in the store in which it was signed. */
    readonly position: string;
    readonly signedAt: Instant;
  };
}
