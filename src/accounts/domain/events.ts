import type { FxRate } from '../../fx/domain/events.js';
import type { Instant } from '../../kernel/instant.js';
import type { Money } from '../../kernel/money.js';

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
    /** Products whose clicks it pays for. */
    readonly appliesTo: readonly string[];
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
  | ClickReversed
  | CreditRevoked
  | CreditExpired;
