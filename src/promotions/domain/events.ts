import type { Instant } from '../../kernel/instant.js';
import type { PromotionTerms } from './terms.js';

/** What the terms' local dates come to in UTC: computed once, when they are published, and stored. */
export interface PromotionCalendar {
  readonly start: Instant;
  /** Exclusive. */
  readonly end: Instant;
  /** [dormantFrom, start) must be free of API changes; null when the terms do not ask. */
  readonly dormantFrom: Instant | null;
  readonly weeks: readonly PromotionWeek[];
  readonly runs: readonly { readonly date: string; readonly runAt: Instant }[];
}

export interface PromotionWeek {
  /** From 1. */
  readonly week: number;
  readonly start: Instant;
  /** Exclusive. */
  readonly end: Instant;
}

export interface PromotionPublished {
  readonly type: 'PromotionPublished';
  readonly data: {
    readonly promotionId: string;
    readonly terms: PromotionTerms;
    readonly calendar: PromotionCalendar;
  };
}

export interface PromotionRevised {
  readonly type: 'PromotionRevised';
  readonly data: {
    readonly promotionId: string;
    /** From 2; what was published is revision 1. */
    readonly revision: number;
    readonly terms: PromotionTerms;
    readonly reason: string;
    readonly calendar: PromotionCalendar;
  };
}

export interface PromotionTerminated {
  readonly type: 'PromotionTerminated';
  readonly data: { readonly promotionId: string; readonly reason: string; readonly occurredAt: Instant };
}

export interface DisbursementRunStarted {
  readonly type: 'DisbursementRunStarted';
  readonly data: {
    readonly promotionId: string;
    readonly date: string;
    readonly runAt: Instant;
    /** The log's last position when the run was asked for. Facts recorded before this event itself still count. */
    readonly knownAt: string;
  };
}

export interface DisbursementRunCompleted {
  readonly type: 'DisbursementRunCompleted';
  readonly data: {
    readonly promotionId: string;
    readonly date: string;
    readonly runAt: Instant;
    readonly applied: number;
    readonly deferred: number;
    /** In run order. */
    readonly credits: readonly string[];
    readonly deferrals: readonly Deferral[];
  };
}

export interface Deferral {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
  readonly reasons: readonly DeferralReason[];
}

export const DEFERRAL_REASONS = [
  'account-not-open',
  'standing-suspended',
  'payment-method-invalid',
  'cap-exceeded',
  'no-fx-rate',
  'stale-fx-rate',
  'precision',
] as const;
export type DeferralReason = (typeof DEFERRAL_REASONS)[number];

export type PromotionEvent =
  PromotionPublished | PromotionRevised | PromotionTerminated | DisbursementRunStarted | DisbursementRunCompleted;

export interface AdvertiserInvited {
  readonly type: 'AdvertiserInvited';
  readonly data: {
    readonly promotionId: string;
    readonly advertiserId: string;
    readonly partnerId: string;
    readonly occurredAt: Instant;
  };
}

export type EnrollmentEvent = AdvertiserInvited;
