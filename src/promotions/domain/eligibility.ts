import type { Instant } from '../../kernel/instant.js';
import type { PromotionCalendar } from './events.js';
import type { EnrollmentFacts, SubjectFacts } from './facts.js';
import type { Rules } from './rules.js';
import { anchorOf } from './windows.js';

/** What decides who may be given a promotion's awards at all, whatever they have reached. */
export interface Eligibility {
  readonly rules: Rules;
  readonly calendar: PromotionCalendar;
  readonly terminatedAt: Instant | null;
  readonly facts: SubjectFacts;
  /** When the advertiser was first applied a credit of a promotion that may not be combined with this one. */
  readonly excludedSince: Instant | null;
  readonly asOf: Instant;
}

export type IneligibleReason =
  'prior-api-use' | 'not-new' | 'not-combinable' | 'not-invited' | 'invitation-withdrawn' | 'promotion-terminated';

/** The invitation that counts: one by a partner that the rules do not list is none. */
export function invitationOf({ eligibility }: Rules, { invitation }: EnrollmentFacts): EnrollmentFacts['invitation'] {
  const { partners } = eligibility;
  return invitation && (partners?.includes(invitation.partnerId) ?? true) ? invitation : null;
}

/** Why the advertiser will never be given this: all reasons, in the order in which they are told. */
export function ineligibility(asked: Eligibility, qualifiedAt: Instant | null): readonly IneligibleReason[] {
  const { rules, facts, terminatedAt, excludedSince, asOf } = asked;
  const { withdrawnAt } = facts.enrollment;
  const invitation = invitationOf(rules, facts.enrollment);
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
  const enrollment = { ...facts.enrollment, invitation: invitationOf(rules, facts.enrollment) };
  const counted = {
    enrollment,
    openedAt: facts.openedAt,
    get spend() {
      return facts.spend;
    },
  };
  const { at } = anchorOf(newTo.before, { rules, calendar, facts: counted, asOf, met: noCondition });
  return newTo.what.some((what) => {
    const first = facts.first[what];
    return first !== null && (at === null || first < at);
  });
}

function noCondition(id: string): never {
  throw new Error(`who is new does not depend on condition ${id}`);
}
