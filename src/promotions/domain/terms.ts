import type { Money } from '../../kernel/money.js';

/**
 * A promotion's terms: a document, not code. Version 1 of the language expresses promotions that ask for
 * weekly changes over an API and are given on a calendar of runs. Durations are ISO 8601 (`P28D`, `P3M`), local times are wall clock in `timeZone`.
 */
export interface PromotionTerms {
  readonly version: 1;
  readonly name: string;
  /** IANA, of every local date and time in the document. */
  readonly timeZone: string;
  /** Local date-times; `start` inclusive, `end` exclusive. */
  readonly period: { readonly start: string; readonly end: string };
  readonly marketplaces: readonly string[];
  /** Products for which it is given, in the order in which answers list them. */
  readonly products: readonly string[];
  readonly eligibility: {
    /** Partners whose invitations count; absent: any. */
    readonly partners?: readonly string[];
    /** No API change by the advertiser in this span before the start, on the wall clock; absent: not asked. */
    readonly dormancy?: string;
  };
  readonly qualifying: {
    /** Consecutive promotion weeks. */
    readonly weeks: number;
    readonly changesPerWeek: number;
    /** Changes in total. */
    readonly changes: number;
    /** Days of 24 hours. */
    readonly activeFor: string;
    /** Whether pauses are left out of the active time (`total`) or begin it anew (`continuous`). */
    readonly activity: 'total' | 'continuous';
    readonly actions: readonly QualifyingActions[];
  };
  readonly award: {
    /** For each product and marketplace, once. */
    readonly amount: Money;
    /** At most so much for one advertiser in one marketplace. */
    readonly capPerMarketplace: Money;
    /** Products whose clicks the credit pays for. */
    readonly appliesTo: readonly string[];
  };
  readonly disbursement: {
    readonly schedule: 'first-tuesday';
    /** Local time of day of each run. */
    readonly time: string;
    /** Months, `2022-10`. */
    readonly firstMonth: string;
    readonly lastMonth: string;
    /** The service level: a credit is due so long after qualifying, in days of 24 hours. */
    readonly within: string;
  };
  readonly expiry: {
    /** On the wall clock after being applied. */
    readonly after: string;
    /** Days of 24 hours in which late clicks of an ended credit still draw. */
    readonly settlementGrace: string;
  };
  readonly fx: { readonly maxAge: string };
}

/** Calls of a product that count as changes: any of these methods on any of these paths. */
export interface QualifyingActions {
  readonly product: string;
  readonly methods: readonly string[];
  readonly paths: readonly string[];
}
