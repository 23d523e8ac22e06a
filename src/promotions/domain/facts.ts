import type { Conversion } from '../../fx/domain/conversion.js';
import type { Instant } from '../../kernel/instant.js';
import type { Money } from '../../kernel/money.js';
import type { Refusal } from '../../kernel/refusal.js';
import type { SpendKind } from './terms.js';

/**
 * What is known of one advertiser in one promotion and marketplace: all that conditions look at. Every list is in effective
 * order, ties in the order recorded, and holds what is effective at or before the time of asking.
 */
export interface SubjectFacts {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly enrollment: EnrollmentFacts;
  /** Of all products, in this marketplace. */
  readonly campaigns: readonly CampaignFacts[];
  /** Of all products, in this marketplace; a reversed click is left out. */
  readonly spend: readonly SpendFact[];
  /** Of the account, null when it is not open. */
  readonly currency: string | null;
  readonly openedAt: Instant | null;
  /** Over all marketplaces: the first of each, for `newTo`. */
  readonly first: {
    readonly campaign: Instant | null;
    readonly spend: Instant | null;
    readonly account: Instant | null;
  };
  /** An API change of the advertiser, anywhere, lies in the dormancy window. */
  readonly priorApiUse: boolean;
}

export interface EnrollmentFacts {
  readonly invitation: { readonly partnerId: string; readonly at: Instant } | null;
  /** From then on it counts for nothing that has not been reached. */
  readonly withdrawnAt: Instant | null;
  readonly activatedAt: Instant | null;
  readonly redeemed: readonly { readonly code: string; readonly at: Instant }[];
  readonly attested: readonly { readonly action: string; readonly by: string; readonly at: Instant }[];
}

export interface CampaignFacts {
  readonly campaignId: string;
  readonly product: string;
  /** `plannedEnd`: as the activation said, null for none. */
  readonly activity: readonly {
    readonly at: Instant;
    readonly active: boolean;
    readonly plannedEnd?: Instant | null;
  }[];
  readonly changes: readonly ApiChange[];
}

export interface ApiChange {
  readonly at: Instant;
  readonly partnerId: string;
  readonly method: string;
  readonly path: string;
  readonly changes: number;
}

export interface SpendFact {
  readonly at: Instant;
  readonly product: string;
  readonly kind: SpendKind;
  /** What was billed for it, in minor units of the account's currency. */
  readonly own: bigint;
}

/** An amount in another currency, by the rates known, as at an instant. */
export type ConvertAt = (amount: Money, currency: string, at: Instant) => Conversion | Refusal;
