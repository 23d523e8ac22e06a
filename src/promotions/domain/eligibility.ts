import type { Instant } from '../../kernel/instant.js';
import type { PromotionCalendar } from './events.js';
import type { SubjectFacts } from './facts.js';
import type { Rules } from './rules.js';
import { anchorOf } from './windows.js';

/** What decides who may be given a promotion's awards at all, whatever they have reached. */
export interface Eligibility {
  readonly rules: Rules;
  readonly calendar: PromotionCalendar;
  readonly terminatedAt: Instant | null;
  readonly facts: SubjectFacts;
  /** When the advertiser was first applied a credit of a promotion that the rules exclude. */
  readonly excludedSince: Instant | null;
  readonly asOf: Instant;
}

export type IneligibleReason =
  'prior-api-use' | 'not-new' | 'not-combinable' | 'not-invited' | 'invitation-withdrawn' | 'promotion-terminated';

/** Why the advertiser will never be given this: all reasons, in the order in which they are told. */
export function ineligibility(asked: Eligibility, qualifiedAt: Instant | null): readonly IneligibleReason[] {
  const { rules, facts, terminatedAt, excludedSince, asOf } = asked;
  const { invitation, withdrawnAt } = facts.enrollment;
  const isInviting = rules.eligibility.invitation === 'required';
  const comesAfter = (at: Instant | null) => at !== null && (qualifiedAt === null || qualifiedAt > at);
  const found: readonly (readonly [IneligibleReason, boolean])[] = [
    ['prior-api-use', facts.priorApiUse],
    ['not-new', isNotNew(asked)],
    ['not-combinable', excludedSince !== null && excludedSince <= asOf],
    ['not-invited', isInviting && !invitation],
    ['invitation-withdrawn', isInviting && invitation !== null && comesAfter(withdrawnAt)],
    ['promotion-terminated', comesAfter(terminatedAt)],
  ];
  return found.flatMap(([reason, is]) => (is ? [reason] : []));
}

/** Before a moment that is still to come is all that has been. */
function isNotNew({ rules, calendar, facts, asOf }: Eligibility): boolean {
  const { newTo } = rules.eligibility;
  if (!newTo) return false;
  const { at } = anchorOf(newTo.before, { rules, calendar, facts, asOf, met: noCondition });
  return newTo.what.some((what) => {
    const first = facts.first[what];
    return first !== null && (at === null || first < at);
  });
}

function noCondition(id: string): never {
  throw new Error(`who is new does not depend on condition ${id}`);
}
