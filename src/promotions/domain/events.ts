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
  readonly runs: readonly PlannedRun[];
  /** Of each local date-time that windows and moments of the terms name; absent: they name none. */
  readonly instants?: Readonly<Record<string, Instant>>;
}

export interface PlannedRun {
  readonly date: string;
  readonly runAt: Instant;
  /** Ids of the stages that it disburses; absent: all. */
  readonly stages?: readonly string[];
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
    /** Runs before it are decided under the former terms; absent: it holds for all that is decided from now on. */
    readonly effectiveAt?: Instant;
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
    /** The revision that it decides under; absent in events from before terms of version 2. */
    readonly revision?: number;
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
    /** Who is left out for good, told by the first run that finds it; absent: nobody new. */
    readonly leftOut?: readonly LeftOut[];
  };
}

/** What somebody has qualified for: `stage` as in their credit. */
export interface Claimed {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
  readonly stage?: string;
}

export interface Deferral extends Claimed {
  readonly reasons: readonly DeferralReason[];
}

export interface LeftOut extends Claimed {
  readonly reasons: readonly LeftOutReason[];
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

export const LEFT_OUT_REASONS = ['budget-exhausted', 'redemptions-exhausted', 'credit-would-be-over'] as const;
export type LeftOutReason = (typeof LEFT_OUT_REASONS)[number];

export type PromotionEvent =
  PromotionPublished | PromotionRevised | PromotionTerminated | DisbursementRunStarted | DisbursementRunCompleted;

/** The events of one advertiser in one promotion. */
interface EnrollmentId {
  readonly promotionId: string;
  readonly advertiserId: string;
}

export interface AdvertiserInvited {
  readonly type: 'AdvertiserInvited';
  readonly data: EnrollmentId & { readonly partnerId: string; readonly occurredAt: Instant };
}

/** From then on the invitation counts for nothing that has not been reached. */
export interface InvitationWithdrawn {
  readonly type: 'InvitationWithdrawn';
  readonly data: EnrollmentId & { readonly reason: string; readonly occurredAt: Instant };
}

/** The advertiser took up the offer. */
export interface OfferActivated {
  readonly type: 'OfferActivated';
  readonly data: EnrollmentId & { readonly occurredAt: Instant };
}

export interface CodeRedeemed {
  readonly type: 'CodeRedeemed';
  readonly data: EnrollmentId & { readonly code: string; readonly occurredAt: Instant };
}

/** Somebody answers for it that the advertiser did something, such as passing an examination. */
export interface ActionAttested {
  readonly type: 'ActionAttested';
  readonly data: EnrollmentId & {
    readonly attestationId: string;
    readonly action: string;
    readonly attestedBy: string;
    readonly occurredAt: Instant;
  };
}

export type EnrollmentEvent = AdvertiserInvited | InvitationWithdrawn | OfferActivated | CodeRedeemed | ActionAttested;
