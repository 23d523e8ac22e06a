import type { Instant } from '../kernel/instant.js';
import type { Money } from '../kernel/money.js';

/**
 * What the demo needs of the application, in the words of the HTTP interface: every answer has (at least) the fields that
 * the same question has under `/v1`. A refusal of a run or a question is thrown; a refused command is an item.
 */
export interface DemoLedger {
  /** At most 500 commands; results in their order. */
  submit(commands: readonly unknown[]): Promise<readonly Delivered[]>;
  disburse(promotionId: string, date: string): Promise<RunResult>;
  expire(asOf: Instant): Promise<SweepResult>;
  /** Accounts open at `asOf`, by advertiserId and marketplace. */
  accounts(question: Listing): Promise<Page<AccountItem>>;
  statement(advertiserId: string, marketplace: string, question: Listing): Promise<Page<StatementLine>>;
  balance(advertiserId: string, marketplace: string, question: Question): Promise<Balance>;
}

export interface Question {
  readonly asOf: Instant;
  /** `position:N`; without it, all that is known. */
  readonly knownAt?: string;
}

export interface Listing extends Question {
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export interface Delivered {
  readonly status: 'appended' | 'duplicate' | 'rejected';
  readonly type: string | null;
  readonly position: string | null;
  readonly error?: { readonly code: string; readonly detail: string };
}

export interface RunResult {
  readonly date: string;
  readonly runAt: Instant;
  readonly applied: number;
  readonly deferred: number;
  readonly deferrals: readonly { readonly reasons: readonly string[] }[];
  /** The last position that the answer includes. */
  readonly position: string;
}

export interface SweepResult {
  readonly expired: number;
  readonly amounts: readonly Money[];
}

export interface AccountItem {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly currency: string;
  readonly available: Money;
}

/** `available`, `billed` and `drawn` are plain, in the account's currency. */
export interface Balance {
  readonly currency: string;
  readonly available: string;
  readonly billed: string;
  readonly credits: readonly CreditItem[];
}

export interface CreditItem {
  readonly creditId: string;
  readonly product: string;
  readonly granted: Money;
  readonly applied: Money;
  readonly drawn: string;
  readonly qualifiedAt: Instant | null;
  readonly appliedAt: Instant;
  readonly expiresAt: Instant;
  readonly withinSla: boolean | null;
}

/** Amounts are plain, in the account's currency: the signed changes of the credit balance and of the bill. */
export interface StatementLine {
  readonly effectiveAt: Instant;
  /** Both null for the lapse of a credit that is not swept yet. */
  readonly recordedAt: Instant | null;
  readonly position: string | null;
  readonly kind: 'credit-applied' | 'click' | 'impressions' | 'click-reversed' | 'credit-revoked' | 'credit-expired';
  readonly creditId?: string;
  readonly clickId?: string;
  readonly amount: string;
  readonly billable: string;
}
