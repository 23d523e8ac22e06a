import type { FxRate } from '../../fx/domain/events.js';
import type { Instant } from '../../kernel/instant.js';
import type { Money } from '../../kernel/money.js';
import type { SpendKind } from '../../promotions/domain/terms.js';

/** The events of one account: storage contracts, separate from what clients send. Amounts are in the account's currency. */
interface AccountId {
  readonly advertiserId: string;
  readonly marketplace: string;
}

/** A part of an amount, and the credit it was taken from or went back to. */
export interface CreditPart {
  readonly creditId: string;
  readonly amount: Money;
}

export interface AccountOpened {
  readonly type: 'AccountOpened';
  readonly data: AccountId & { readonly currency: string; readonly occurredAt: Instant };
}

export interface AccountStandingChanged {
  readonly type: 'AccountStandingChanged';
  readonly data: AccountId & {
    readonly standing: 'good' | 'suspended';
    readonly reason?: string;
    readonly occurredAt: Instant;
  };
}

export interface PaymentMethodChanged {
  readonly type: 'PaymentMethodChanged';
  readonly data: AccountId & { readonly valid: boolean; readonly occurredAt: Instant };
}

export interface CreditApplied {
  readonly type: 'CreditApplied';
  readonly data: AccountId & {
    readonly creditId: string;
    readonly promotionId: string;
    readonly product: string;
    /** In the terms' currency. */
    readonly granted: Money;
    /** In the account's currency. */
    readonly applied: Money;
    /** The rates used; null when both currencies are one. */
    readonly fx: { readonly rates: readonly FxRate[] } | null;
    /** Null for a manual grant. */
    readonly qualifiedAt: Instant | null;
    readonly campaignId: string | null;
    readonly appliedAt: Instant;
    /** Exclusive. */
    readonly expiresAt: Instant;
    /** From when on the expiry run sweeps it: expiresAt and the settlement grace of the terms it was granted under. */
    readonly sweepableAt: Instant;
    /** Products that it pays for. */
    readonly appliesTo: readonly string[];
    /** Kinds of spend that it pays for; absent: all of them. */
    readonly spendKinds?: readonly SpendKind[];
    /** The stage of the terms that was earned; absent: the terms have one only, or it is a manual grant. */
    readonly stage?: string;
    /** The promotion's revision that it was granted under; absent in events from before terms of version 2. */
    readonly revision?: number;
    /** Of a run's credit: applied up to then, the service level is kept. Absent as `revision` is. */
    readonly dueBy?: Instant;
    readonly origin: 'run' | 'manual';
    /** Of a manual grant. */
    readonly reason?: string;
  };
}

export interface ClickSpent {
  readonly type: 'ClickSpent';
  readonly data: AccountId & {
    readonly clickId: string;
    readonly campaignId: string;
    readonly product: string;
    readonly cost: Money;
    readonly occurredAt: Instant;
    /** In the order drawn; none of zero. */
    readonly draws: readonly CreditPart[];
    readonly billable: Money;
  };
}

/** So many impressions at a price for a thousand, paid for as a click is. */
export interface ImpressionsSpent {
  readonly type: 'ImpressionsSpent';
  readonly data: AccountId & {
    readonly impressionsId: string;
    readonly campaignId: string;
    readonly product: string;
    readonly impressions: number;
    /** The price of a thousand. */
    readonly cpm: Money;
    readonly occurredAt: Instant;
    /** What they come to, rounded half-even. */
    readonly cost: Money;
    /** In the order drawn; none of zero. */
    readonly draws: readonly CreditPart[];
    readonly billable: Money;
  };
}

export interface ClickReversed {
  readonly type: 'ClickReversed';
  readonly data: AccountId & {
    readonly clickId: string;
    readonly reason: string;
    readonly occurredAt: Instant;
    /** What went back on its credit. */
    readonly restored: readonly CreditPart[];
    /** What could not go back: its credit had ended, was swept or revoked. */
    readonly forfeited: readonly CreditPart[];
    /** What came off the bill because a revocation had clawed it back, by credit; contained in `billable`. */
    readonly unclawed: readonly CreditPart[];
    /** What comes off the bill. */
    readonly billable: Money;
  };
}

export interface CreditRevoked {
  readonly type: 'CreditRevoked';
  readonly data: AccountId & {
    readonly creditId: string;
    readonly reason: string;
    readonly clawback: boolean;
    readonly occurredAt: Instant;
    /** What was left and is taken. */
    readonly amount: Money;
    /** What unreversed clicks had drawn and becomes billable. */
    readonly clawedBack: Money;
  };
}

export interface CreditExpired {
  readonly type: 'CreditExpired';
  readonly data: AccountId & {
    readonly creditId: string;
    /** What was left, be it zero. */
    readonly amount: Money;
    /** The credit's expiresAt. */
    readonly expiredAt: Instant;
  };
}

export type AccountEvent =
  | AccountOpened
  | AccountStandingChanged
  | PaymentMethodChanged
  | CreditApplied
  | ClickSpent
  | ImpressionsSpent
  | ClickReversed
  | CreditRevoked
  | CreditExpired;
