import { CALENDAR_A, ROW_A, at } from './examples.js';
import {
  progressOf,
  type ApiChange,
  type CampaignFacts,
  type Progress,
  type QualifyingRules,
} from '../../src/promotions/domain/qualifying.js';
import type { Instant } from '../../src/kernel/instant.js';
import type { PromotionTerms } from '../../src/promotions/domain/terms.js';

export const INVITATION = { partnerId: 'partner-1', at: at('2022-08-10T08:00Z') };

/** Row A's rules for SP. */
export const RULES: QualifyingRules = { terms: ROW_A, calendar: CALENDAR_A, product: 'SP', invitation: INVITATION };

export const rulesWith = (qualifying: Partial<PromotionTerms['qualifying']>): QualifyingRules => ({
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
  activity: activity.map((text) => ({ at: at(text.slice(1)), active: text.startsWith('+') })),
  changes,
});

export const LONG_AFTER = at('2023-06-01T00:00Z');

export const progress = (facts: CampaignFacts, asOf: Instant = LONG_AFTER, rules = RULES): Progress =>
  progressOf(facts, rules, asOf);
