import type { Money } from '../../kernel/money.js';
import type { DayOfMonth, Weekday } from '../../kernel/weekdays.js';

/**
 * A promotion's terms: a document, not code, as it was published. Durations are ISO 8601 (`P28D`, `P3M`), local times are
 * wall clock in `timeZone`. What each field means, with an example each, is in docs/promotion-terms.md.
 */
export type PromotionTerms = TermsV1 | TermsV2;

/** Version 1 knows one kind of promotion: weekly changes over an API, by invitation, on a calendar of first Tuesdays. */
export interface TermsV1 {
  readonly version: 1;
  readonly name: string;
  readonly timeZone: string;
  readonly period: Period;
  readonly marketplaces: readonly string[];
  readonly products: readonly string[];
  readonly eligibility: { readonly partners?: readonly string[]; readonly dormancy?: string };
  readonly qualifying: {
    readonly weeks: number;
    readonly changesPerWeek: number;
    readonly changes: number;
    readonly activeFor: string;
    readonly activity: Activity;
    readonly actions: readonly QualifyingActions[];
  };
  readonly award: {
    readonly amount: Money;
    readonly capPerMarketplace: Money;
    readonly appliesTo: readonly string[];
  };
  readonly disbursement: FirstTuesdays;
  readonly expiry: { readonly after: string; readonly settlementGrace: string };
  readonly fx: { readonly maxAge: string };
}

/** Version 2: parts that combine. Every optional field has the default that `rulesOf` gives it. */
export interface TermsV2 {
  readonly version: 2;
  readonly name: string;
  /** IANA, of every local date and time in the document. */
  readonly timeZone: string;
  readonly period: Period;
  readonly marketplaces: readonly string[];
  /** Marketplaces that count as one, by the region's name (`{ "DE-UK": ["DE", "UK"] }`); the others stand for themselves. */
  readonly regions?: Readonly<Record<string, readonly string[]>>;
  /** Products it is about, in the order in which answers list them. */
  readonly products: readonly string[];
  /**
   * What one award is for. `product` (default): for each product by itself, with campaigns and spend of that product.
   * `all-products`: once, whatever the product; its credits have the product `ALL`.
   */
  readonly awardFor?: 'product' | 'all-products';
  /** Where an advertiser is given the same award once: in each marketplace (default), in each region, or only once. */
  readonly oncePer?: 'marketplace' | 'region' | 'advertiser';
  readonly eligibility?: EligibilityTerms;
  readonly stacking?: StackingTerms;
  /** One award, or several that are earned one by one; each has an id of its own. */
  readonly stages: readonly StageTerms[];
  readonly caps?: CapTerms;
  readonly fx?: { readonly maxAge: string };
}

/** Local date-times; `start` inclusive, `end` exclusive. */
export interface Period {
  readonly start: string;
  readonly end: string;
}

export interface EligibilityTerms {
  /** `required`: only invited advertisers, as in version 1. By default `not-required`. */
  readonly invitation?: 'required' | 'not-required';
  /** With `required`: partners whose invitations count; absent: any. */
  readonly partners?: readonly string[];
  /** No API change by the advertiser, anywhere, in this span before the start, on the wall clock. */
  readonly dormancy?: string;
  /**
   * A new advertiser: none of these, of whatever marketplace and product, lies before the moment. `campaign`: an
   * activation; `spend`: a click or impressions; `account`: an opened account.
   */
  readonly newTo?: { readonly what: readonly ('campaign' | 'spend' | 'account')[]; readonly before: AnchorTerms };
  /** `good` (default) or `any`; checked at each run. */
  readonly standing?: 'good' | 'any';
  /** `valid` (default) or `any`; checked at each run. */
  readonly payment?: 'valid' | 'any';
  /** As in `stacking`. */
  readonly excludes?: readonly string[];
}

/**
 * With which promotions this one may be combined: where it may not, an advertiser who has a credit of one of the two, anywhere,
 * is given none of the other. It needs the consent of both.
 */
export interface StackingTerms {
  /** By default with any. */
  readonly with?: 'any' | 'none' | readonly string[];
  readonly excludes?: readonly string[];
}

export interface StageTerms {
  /** `[a-z][a-z0-9-]{0,31}`; unique in the document. */
  readonly id: string;
  readonly qualifying: ConditionTerms;
  readonly award: AwardTerms;
  readonly disbursement: DisbursementTerms;
  readonly expiry: ExpiryTerms;
  /** What a credit pays for; by default any product of the terms, and any kind of spend. */
  readonly pays?: { readonly products?: readonly string[]; readonly spend?: readonly SpendKind[] };
}

export type SpendKind = 'clicks' | 'impressions';
export type Activity = 'total' | 'continuous';

/** One amount everywhere, or a default and the marketplaces where it is another. */
export type AmountTerms = Money | { readonly default: Money; readonly in: Readonly<Record<string, Money>> };

/**
 * How much. An amount; or by own spend (as in the `spend` condition): the highest tier reached, or a percentage of it up to an
 * amount. With tiers and matches the stage is settled when the most is reached, or when the spend's window closes.
 */
export type AwardTerms =
  | { readonly amount: AmountTerms }
  | {
      readonly tiers: readonly { readonly spend: AmountTerms; readonly amount: AmountTerms }[];
      readonly of: SpendTerms;
    }
  | { readonly match: { readonly percent: number; readonly upTo: AmountTerms }; readonly of: SpendTerms };

/** Which own spend counts: what was billed for it, not what credits paid; within a window, the period by default. */
export interface SpendTerms {
  readonly products?: readonly string[];
  readonly spend?: readonly SpendKind[];
  readonly window?: WindowTerms;
}

/**
 * A tree of `all` and `any` over conditions. Conditions on campaigns stand in a `campaign`, and hold when one and the same
 * campaign meets all of them. Any condition may have an `id`, by which windows refer to the instant at which it was met.
 */
export type ConditionTerms =
  | { readonly all: readonly ConditionTerms[]; readonly id?: string }
  | { readonly any: readonly ConditionTerms[]; readonly id?: string }
  | { readonly campaign: ConditionTerms; readonly id?: string }
  | AtomTerms;

export type AtomTerms = { readonly id?: string; readonly window?: WindowTerms } & (
  | {
      /** Campaign: consecutive weeks, each with its changes; 7 days each from the start of the window. */
      readonly weeklyChanges: {
        readonly weeks: number;
        readonly changesPerWeek: number;
        readonly actions: readonly QualifyingActions[];
      };
    }
  | { readonly totalChanges: { readonly changes: number; readonly actions: readonly QualifyingActions[] } }
  /** Campaign: active for so long within the window. */
  | { readonly activeFor: { readonly duration: string; readonly activity?: Activity } }
  /** Campaign: activated for the first time within the window; `endDate: "none"`: with no planned end. */
  | { readonly launched: { readonly endDate?: 'none' | 'any' } }
  /** Campaign: as `launched`, and no campaign of the advertiser (of its product, in the marketplace) was before it. */
  | { readonly firstLaunch: { readonly of?: 'product' | 'any-product' } }
  /** Campaign: active at a moment; `pauses: "none"`: and at every moment from the window's start on. */
  | { readonly activeAt: { readonly moment: MomentTerms; readonly pauses?: 'allowed' | 'none' } }
  /** Own spend of at least so much within the window, which stands here or there, not in both places. */
  | { readonly spend: SpendTerms & { readonly amount: AmountTerms } }
  /** Somebody attested to an action of the advertiser; `by`: who may. */
  | { readonly attested: { readonly action: string; readonly by?: readonly string[] } }
  | { readonly redeemed: { readonly codes: readonly string[] } }
  | { readonly activated: 'offer' }
);

/** From a moment on, for a number of days or until a moment; without an end, open. By default the period. */
export type WindowTerms = { readonly from: EdgeTerms } & (
  { readonly for?: string; readonly until?: never } | { readonly until: EdgeTerms; readonly for?: never }
);

/** Where a window begins or ends: an anchor, or so many days after it. */
export type EdgeTerms = AnchorTerms | { readonly from: AnchorTerms; readonly after: string };

/**
 * An instant: a local date-time, a name, or when the condition with an id was met. `first-impression` and `first-spend` are
 * the advertiser's first in the marketplace, `account-opened` is of the account there.
 */
export type AnchorTerms =
  | string // local date-time
  | {
      readonly at:
        | 'period-start'
        | 'period-end'
        | 'invitation'
        | 'activation'
        | 'account-opened'
        | 'first-impression'
        | 'first-spend';
    }
  | { readonly met: string };

/** An anchor, or so many days after it. */
export type MomentTerms = { readonly from: AnchorTerms; readonly after?: string };

export interface CapTerms {
  /** For one advertiser, over all products, stages and credits ever given, by hand too. */
  readonly perMarketplace?: AmountTerms;
  /** For one product, or `ALL`, in one marketplace. */
  readonly perProduct?: AmountTerms;
  readonly perRegion?: Money;
  readonly perAdvertiser?: Money;
  /** For the whole promotion: who qualified first is given first. */
  readonly budget?: Money;
  /** So many credits in the whole promotion. */
  readonly redemptions?: number;
}

/** The first Tuesday of each month. */
export interface FirstTuesdays {
  readonly schedule: 'first-tuesday';
  /** Local time of day of each run. */
  readonly time: string;
  /** Months, `2022-10`. */
  readonly firstMonth: string;
  readonly lastMonth: string;
  /** The service level: a credit is due so long after qualifying, in days of 24 hours. */
  readonly within: string;
}

/**
 * When runs are. Those given by month or by date are performed one by one, in their order; with those on days or weeks the run
 * of a date performs every earlier one that is open.
 */
export type DisbursementTerms = FirstTuesdays | MonthlyRuns | DatedRuns | DailyRuns | WeeklyRuns;

interface RunTerms {
  /** Local time of day of each run; by default midnight. */
  readonly time?: string;
  /** Local dates, `2022-12-26`. */
  readonly holidays?: readonly string[];
  /** The service level: days of 24 hours, or so many business days. */
  readonly within: string | { readonly businessDays: number };
}

/** A run each month, on a day of it or on its nth weekday. */
export type MonthlyRuns = RunTerms & {
  readonly schedule: 'monthly';
  /** Months, `2022-10`. */
  readonly firstMonth: string;
  readonly lastMonth: string;
} & DayOfMonth;

/** A run on each of these local dates. */
export interface DatedRuns extends RunTerms {
  readonly schedule: 'dates';
  readonly dates: readonly string[];
}

/** A run each day, or each business day (Monday to Friday but `holidays`), from the period's start on. */
export interface DailyRuns extends RunTerms {
  readonly schedule: 'daily' | 'business-days';
  /** Last local date of a run; by default a year after the period's end. */
  readonly until?: string;
}

/** A run on each such day of the week, from the period's start on. */
export interface WeeklyRuns extends RunTerms {
  readonly schedule: 'weekly';
  readonly weekday: Weekday;
  /** As of daily runs. */
  readonly until?: string;
}

/**
 * On the wall clock after being applied (`endOfDay`: at the end of that local day), or at a local date-time, exclusive.
 * `settlementGrace` is `P3D` by default.
 */
export type ExpiryTerms = { readonly settlementGrace?: string } & (
  { readonly after: string; readonly endOfDay?: boolean } | { readonly on: string }
);

/** Calls of a product that count as changes: any of these methods on any of these paths. */
export interface QualifyingActions {
  readonly product: string;
  readonly methods: readonly string[];
  readonly paths: readonly string[];
}
