import type { Money } from '../../kernel/money.js';
import type {
  AwardTerms,
  ConditionTerms,
  DailyRuns,
  ExpiryTerms,
  FirstTuesdays,
  PromotionTerms,
  SpendKind,
} from './terms.js';

/** What terms of whatever version come to: nothing is optional any more, and there is one shape to decide by. */
export interface Rules {
  readonly timeZone: string;
  readonly marketplaces: readonly string[];
  /** Every marketplace is in one; those that the terms do not group stand alone, under their own name. */
  readonly regionOf: (marketplace: string) => string;
  readonly products: readonly string[];
  readonly awardFor: 'product' | 'all-products';
  readonly oncePer: 'marketplace' | 'region' | 'advertiser';
  readonly eligibility: {
    readonly invitation: 'required' | 'not-required';
    readonly partners: readonly string[] | null;
    readonly newTo: NonNullable<NonNullable<Extract<PromotionTerms, { version: 2 }>['eligibility']>['newTo']> | null;
    readonly standing: 'good' | 'any';
    readonly payment: 'valid' | 'any';
    readonly excludes: readonly string[];
  };
  readonly stages: readonly Stage[];
  readonly caps: {
    /** In minor units of `currency`; null: no cap. */
    readonly perMarketplace: (marketplace: string) => bigint | null;
    readonly perRegion: bigint | null;
    readonly perAdvertiser: bigint | null;
    readonly budget: bigint | null;
    readonly redemptions: number | null;
  };
  /** Of every amount that is granted and capped. */
  readonly currency: string;
  readonly fxMaxAge: string;
}

export interface Stage {
  /** Null: the terms have one stage only, and its credits' ids name none. */
  readonly id: string | null;
  readonly qualifying: ConditionTerms;
  readonly award: AwardTerms;
  readonly disbursement: FirstTuesdays | DailyRuns;
  readonly expiry: ExpiryTerms & { readonly settlementGrace: string };
  readonly appliesTo: readonly string[];
  readonly spendKinds: readonly SpendKind[];
}

/** The amount of an award in a marketplace, where it does not depend on spend. */
export declare function amountIn(award: AwardTerms, marketplace: string): Money | null;

export declare function rulesOf(terms: PromotionTerms): Rules;
