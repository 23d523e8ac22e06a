import { CALENDAR_A, ROW_A, at } from './examples.js';
import type { Instant } from '../../src/kernel/instant.js';
import { evaluate } from '../../src/promotions/domain/conditions.js';
import type { DisbursementRunCompleted } from '../../src/promotions/domain/events.js';
import type { ApiChange, CampaignFacts, ConvertAt, SubjectFacts } from '../../src/promotions/domain/facts.js';
import { leavesOf } from '../../src/promotions/domain/furthest.js';
import { qualificationsOf, type HeldCredit, type Qualification } from '../../src/promotions/domain/qualification.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import type { PromotionTerms, TermsV1 } from '../../src/promotions/domain/terms.js';
import type { SoFar } from '../../src/promotions/domain/verdict.js';

export const INVITATION = { partnerId: 'partner-1', at: at('2022-08-10T08:00Z') };

/** Terms held against facts, for one product and invitation. */
interface Held {
  readonly terms: PromotionTerms;
  readonly product: string;
  readonly invitation: { readonly partnerId: string; readonly at: Instant } | null;
}

/** Row A, for SP. */
export const RULES: Held = { terms: ROW_A, product: 'SP', invitation: INVITATION };

export const rulesWith = (qualifying: Partial<TermsV1['qualifying']>): Held => ({
  ...RULES,
  terms: { ...ROW_A, qualifying: { ...ROW_A.qualifying, ...qualifying } },
});

/** A qualifying change, but for what is said of it. */
export const change = (on: string, data: Partial<Omit<ApiChange, 'at'>> = {}): ApiChange => ({
  at: at(on),
  partnerId: 'partner-1',
  method: 'PUT',
  path: '/v2/sp/campaigns',
  changes: 1,
  ...data,
});

/** One in each of the first four weeks: all are there on 13 September. */
export const FOUR_CHANGES = ['2022-08-23T09:00Z', '2022-08-30T09:00Z', '2022-09-06T09:00Z', '2022-09-13T09:00Z'].map(
  (on) => change(on),
);
/** Active from then on, for 28 × 24 h on 19 September 12:00Z. */
export const ACTIVE = '+2022-08-22T12:00Z';

/** `activity` is a list of `+2022-08-22T12:00Z` (activated) and `-…` (paused or ended). */
export const campaign = (
  activity: readonly string[] = [ACTIVE],
  changes: readonly ApiChange[] = FOUR_CHANGES,
  campaignId = 'c-1',
): CampaignFacts => ({
  campaignId,
  product: 'SP',
  activity: activity.map((text) => ({ at: at(text.slice(1)), active: text.startsWith('+') })),
  changes,
});

export const LONG_AFTER = at('2023-06-01T00:00Z');

/** What is known of an advertiser in Germany, who is invited and nothing else but for what is said. */
export const subject = (facts: Partial<SubjectFacts> = {}): SubjectFacts => ({
  advertiserId: 'adv-1',
  marketplace: 'DE',
  enrollment: { invitation: INVITATION, withdrawnAt: null, activatedAt: null, redeemed: [], attested: [] },
  campaigns: [],
  spend: [],
  currency: 'EUR',
  openedAt: null,
  first: { campaign: null, spend: null, account: null },
  priorApiUse: false,
  ...facts,
});

/** Nothing has to be converted. */
export const NO_RATES: ConvertAt = (money, currency) =>
  money.currency === currency ? { money, fx: null } : { refused: 'no-fx-rate', detail: 'none' };

const verdictOn = (
  campaigns: readonly CampaignFacts[],
  asOf: Instant,
  { terms, product, invitation }: Held,
  told?: string,
) => {
  const facts = subject({ campaigns, enrollment: { ...subject().enrollment, invitation } });
  return evaluate(rulesOf(terms), CALENDAR_A, product, facts, NO_RATES, asOf, told)[0]!;
};

/** How far a campaign has come. */
export function progress(facts: CampaignFacts, asOf: Instant = LONG_AFTER, rules = RULES) {
  const { tree, qualifiedAt, couldQualifyAt } = verdictOn([facts], asOf, rules, facts.campaignId);
  const soFar = leavesOf(tree).reduce<SoFar>((sum, leaf) => ({ ...leaf.soFar, ...sum }), {});
  const { weeks, changes, longestRow, activeMs } = soFar;
  const missing = { weeks: soFar.weeksToGo, changes: soFar.changesToGo, activeMs: soFar.activeMsToGo };
  return { weeks: weeks!, changes, longestRow, activeMs, missing, qualifiedAt, couldQualifyAt };
}

/** The campaign of several that is told of. */
export const toldOf = (...campaigns: readonly CampaignFacts[]): string | null =>
  verdictOn(campaigns, LONG_AFTER, RULES).campaignId;

/** What an advertiser's standing is asked with, row A's but for what is said. */
export interface Standing {
  readonly terms?: PromotionTerms;
  readonly facts?: Partial<Pick<SubjectFacts, 'advertiserId' | 'marketplace' | 'priorApiUse' | 'campaigns'>> & {
    readonly invitation?: null;
    readonly terminatedAt?: Instant;
  };
  readonly credits?: readonly HeldCredit[];
  readonly completed?: readonly DisbursementRunCompleted['data'][];
}

/** How the advertiser stands for SP. */
export function standing(
  asOf: Instant,
  { terms = ROW_A, facts = {}, credits = [], completed = [] }: Standing,
): Qualification {
  const { terminatedAt = null, invitation = INVITATION, ...known } = facts;
  const items = qualificationsOf({
    rules: rulesOf(terms),
    calendar: CALENDAR_A,
    facts: subject({ ...known, enrollment: { ...subject().enrollment, invitation } }),
    terminatedAt,
    excludedSince: null,
    convertAt: NO_RATES,
    credits,
    runs: CALENDAR_A.runs,
    completed,
    asOf,
  });
  return items.find(({ product }) => product === 'SP')!;
}
