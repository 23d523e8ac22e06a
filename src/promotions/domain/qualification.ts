import type { Instant } from '../../kernel/instant.js';
import type { DisbursementRunCompleted, PromotionCalendar, PromotionWeek } from './events.js';
import { firstQualified, furthest, progressOf, type CampaignFacts, type Progress } from './qualifying.js';
import type { PromotionTerms } from './terms.js';

/** What is known of one advertiser in one promotion and marketplace, all of it effective at or before the time of asking. */
export interface AdvertiserFacts {
  readonly terms: PromotionTerms;
  readonly calendar: PromotionCalendar;
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly terminatedAt: Instant | null;
  readonly invitation: { readonly partnerId: string; readonly at: Instant } | null;
  /** An API change of the advertiser, anywhere, lies in the dormancy window. */
  readonly priorApiUse: boolean;
}

/** The credit that was given for a product. */
export interface GivenCredit {
  readonly status: 'applied' | 'expired' | 'revoked';
  readonly qualifiedAt: Instant | null;
  readonly campaignId: string | null;
}

export type IneligibleReason = 'prior-api-use' | 'not-invited' | 'promotion-terminated';

export type QualificationStatus =
  'revoked' | 'expired' | 'applied' | 'ineligible' | 'missed' | 'in-progress' | 'deferred' | 'qualified';

export interface Qualification {
  readonly product: string;
  readonly status: QualificationStatus;
  readonly reasons: readonly string[];
  readonly qualifiedAt: Instant | null;
  readonly campaignId: string | null;
  readonly weeks: readonly (PromotionWeek & { readonly changes: number })[];
  readonly activeSeconds: number;
  readonly missing: { readonly weeks: number; readonly changes: number; readonly activeSeconds: number };
  readonly earliestRun: string | null;
}

/** Progress of each campaign of a product; in a marketplace that the terms do not list nothing qualifies. */
export function progressIn(
  facts: AdvertiserFacts,
  product: string,
  campaigns: readonly CampaignFacts[],
  asOf: Instant,
): readonly Progress[] {
  const { terms, calendar } = facts;
  const invitation = terms.marketplaces.includes(facts.marketplace) ? facts.invitation : null;
  return campaigns.map((campaign) => progressOf(campaign, { terms, calendar, product, invitation }, asOf));
}

/** Why the advertiser will never be given this: all reasons, in the order in which they are told. */
export function ineligibility(facts: AdvertiserFacts, qualifiedAt: Instant | null): readonly IneligibleReason[] {
  const { invitation, priorApiUse, terminatedAt } = facts;
  const tooLate = terminatedAt !== null && (qualifiedAt === null || qualifiedAt > terminatedAt);
  return [
    ...(priorApiUse ? (['prior-api-use'] as const) : []),
    ...(invitation ? [] : (['not-invited'] as const)),
    ...(tooLate ? (['promotion-terminated'] as const) : []),
  ];
}

/**
 * How an advertiser stands for one product at `asOf`.
 *
 * @param campaigns of the product, in this marketplace
 * @param completed the runs completed by then, in the order of their dates
 */
export function qualificationOf(
  facts: AdvertiserFacts,
  product: string,
  campaigns: readonly CampaignFacts[],
  credit: GivenCredit | null,
  completed: readonly DisbursementRunCompleted['data'][],
  asOf: Instant,
): Qualification {
  const { terms, calendar } = facts;
  const all = progressIn(facts, product, campaigns, asOf);
  const factual = firstQualified(all)?.qualifiedAt ?? null;
  const told = (credit?.campaignId && all.find(({ campaignId }) => campaignId === credit.campaignId)) || furthest(all);
  const shown = told ?? progressIn(facts, product, [NO_CAMPAIGN], asOf)[0]!;
  const { status, reasons } = statusOf(facts, product, factual, credit, completed, asOf);
  const waits = status === 'in-progress' || status === 'qualified' || status === 'deferred';
  return {
    product,
    status,
    reasons,
    qualifiedAt: credit ? credit.qualifiedAt : factual,
    campaignId: credit ? credit.campaignId : (told?.campaignId ?? null),
    weeks: calendar.weeks.map((week, index) => ({ ...week, changes: shown.weeks[index]! })),
    activeSeconds: Math.floor(shown.activeMs / 1000),
    missing: {
      weeks: shown.missing.weeks,
      changes: shown.missing.changes,
      activeSeconds: Math.ceil(shown.missing.activeMs / 1000),
    },
    earliestRun:
      waits && terms.marketplaces.includes(facts.marketplace)
        ? earliestRun(calendar, completed, factual ?? soonest(facts, product, campaigns, all, asOf))
        : null,
  };
}

/** Stands for the campaign that could still be made. */
const NO_CAMPAIGN: CampaignFacts = { campaignId: '', activity: [], changes: [] };

function statusOf(
  facts: AdvertiserFacts,
  product: string,
  qualifiedAt: Instant | null,
  credit: GivenCredit | null,
  completed: readonly DisbursementRunCompleted['data'][],
  asOf: Instant,
): { readonly status: QualificationStatus; readonly reasons: readonly string[] } {
  if (credit) return { status: credit.status, reasons: [] };
  const forGood = ineligibility(facts, qualifiedAt);
  if (forGood.length > 0) return { status: 'ineligible', reasons: forGood };
  if (qualifiedAt === null) {
    return { status: asOf >= facts.calendar.end ? 'missed' : 'in-progress', reasons: [] };
  }
  const putOff = completed
    .at(-1)
    ?.deferrals.find(
      (deferral) =>
        deferral.advertiserId === facts.advertiserId &&
        deferral.marketplace === facts.marketplace &&
        deferral.product === product,
    );
  return putOff ? { status: 'deferred', reasons: putOff.reasons } : { status: 'qualified', reasons: [] };
}

/** When the product could qualify at the earliest, with one of its campaigns or a new one. */
function soonest(
  facts: AdvertiserFacts,
  product: string,
  campaigns: readonly CampaignFacts[],
  all: readonly Progress[],
  asOf: Instant,
): Instant | null {
  const hoped = campaigns.length > 0 ? all : progressIn(facts, product, [NO_CAMPAIGN], asOf);
  return hoped.reduce<Instant | null>(
    (best, { couldQualifyAt: at }) => (at !== null && (best === null || at < best) ? at : best),
    null,
  );
}

function earliestRun(
  calendar: PromotionCalendar,
  completed: readonly { readonly date: string }[],
  qualifiedAt: Instant | null,
): string | null {
  if (qualifiedAt === null) return null;
  const done = new Set(completed.map(({ date }) => date));
  return calendar.runs.find(({ date, runAt }) => runAt >= qualifiedAt && !done.has(date))?.date ?? null;
}
