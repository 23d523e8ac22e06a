import { byCodeUnit } from '../../kernel/identifiers.js';
import type { Verdict } from './verdict.js';

/** How one condition stands for one campaign. */
export interface CampaignVerdict {
  readonly campaignId: string;
  readonly verdict: Verdict;
}

/** The first to meet it, ties to the lower id. */
export const firstToMeet = (all: readonly CampaignVerdict[]): CampaignVerdict | undefined =>
  all
    .filter(({ verdict }) => verdict.metAt !== null)
    .sort((a, b) => byCodeUnit(a.verdict.metAt!, b.verdict.metAt!) || byCodeUnit(a.campaignId, b.campaignId))[0];

/**
 * The one whose progress is told when none has met it: launched as it should be, most weeks in a row, most changes; where
 * changes are not asked for, most conditions met and most active time; then the lowest id. Undefined: none has begun.
 */
export function furthest(all: readonly CampaignVerdict[]): CampaignVerdict | undefined {
  return all
    .map((one) => ({ one, rank: rankOf(one.verdict) }))
    .filter(({ rank }) => rank !== undefined)
    .sort((a, b) => compare(b.rank!, a.rank!) || byCodeUnit(a.one.campaignId, b.one.campaignId))[0]?.one;
}

/** Undefined: it has not begun, or was launched in vain. */
function rankOf(verdict: Verdict): readonly number[] | undefined {
  const leaves = leavesOf(verdict);
  const launches = leaves.filter(({ kind }) => kind === 'launched' || kind === 'firstLaunch');
  const launchesMet = launches.filter(isMet).length;
  if (launches.some((launch) => !isMet(launch) && launch.couldBeMetAt === null)) return undefined;
  const most = (of: (leaf: Verdict) => number | undefined) => Math.max(0, ...leaves.map((leaf) => of(leaf) ?? 0));
  const changes = most(({ soFar }) => soFar?.changes);
  if (leaves.some(({ soFar }) => soFar?.changes !== undefined)) {
    const row = most(({ soFar }) => soFar?.longestRow);
    return changes > 0 || launchesMet > 0 ? [launchesMet, row, changes] : undefined;
  }
  const rank = [launchesMet, leaves.filter(isMet).length, most(({ soFar }) => soFar?.activeMs)];
  return rank.some((each) => each > 0) ? rank : undefined;
}

export const leavesOf = (verdict: Verdict): readonly Verdict[] =>
  verdict.parts.length === 0 ? [verdict] : verdict.parts.flatMap(leavesOf);

const isMet = ({ metAt }: Verdict): boolean => metAt !== null;

function compare(a: readonly number[], b: readonly number[]): number {
  const differing = a.findIndex((each, index) => each !== b[index]);
  return differing < 0 ? 0 : a[differing]! - b[differing]!;
}
