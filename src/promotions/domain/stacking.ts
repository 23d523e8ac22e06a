import { earlier, type Instant } from '../../kernel/instant.js';
import type { Revision } from './revisions.js';
import { stackingOf, type Rules } from './rules.js';

/** A credit of whatever promotion. Old ones do not say their revision: nothing was revised under version 1 as to this. */
export interface AnyCredit {
  readonly promotionId: string;
  readonly revision?: number;
  readonly appliedAt: Instant;
}

/**
 * Since when an advertiser with these credits has one of a promotion that may not be combined with this one. Both have a
 * say: this one by its rules, the other by the terms under which that credit was granted.
 */
export function notCombinableSince(
  promotionId: string,
  { stacking }: Rules,
  credits: readonly AnyCredit[],
  revisionsOf: (promotionId: string) => readonly Pick<Revision, 'revision' | 'terms'>[],
): Instant | null {
  const isRefused = ({ promotionId: other, revision = 1 }: AnyCredit): boolean =>
    !allows(stacking, other) ||
    revisionsOf(other).some((each) => each.revision === revision && !allows(stackingOf(each.terms), promotionId));
  return credits
    .filter((credit) => credit.promotionId !== promotionId && isRefused(credit))
    .reduce<Instant | null>((first, { appliedAt }) => (first ? earlier(first, appliedAt) : appliedAt), null);
}

const allows = ({ with: others, excludes }: Rules['stacking'], promotionId: string): boolean =>
  !excludes.includes(promotionId) && (others === 'any' || (others !== 'none' && others.includes(promotionId)));
