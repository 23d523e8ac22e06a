import type { Instant } from '../../kernel/instant.js';
import type { PlannedRun, PromotionCalendar } from './events.js';
import type { PromotionTerms } from './terms.js';

export interface Revision {
  /** From 1, which is what was published. */
  readonly revision: number;
  readonly terms: PromotionTerms;
  readonly calendar: PromotionCalendar;
  /** Of a revision that leaves earlier runs to the former terms; null: it holds for all that is decided once it is known. */
  readonly effectiveAt: Instant | null;
}

/** The revision in force at an instant: the last that is effective by then. */
export function revisionAt<Known extends Revision>(revisions: readonly Known[], at: Instant): Known {
  const found = revisions.findLast(({ effectiveAt }) => effectiveAt === null || effectiveAt <= at);
  if (!found) throw new Error('nothing was published');
  return found;
}

/** The runs there are: of each revision those at which it is in force. A date has one run, the first of them. */
export function runsOf(revisions: readonly Revision[]): readonly PlannedRun[] {
  if (revisions.length === 1) return revisions[0]!.calendar.runs;
  const runs = revisions
    .flatMap((revision) => revision.calendar.runs.filter(({ runAt }) => revisionAt(revisions, runAt) === revision))
    .sort((a, b) => (a.runAt < b.runAt ? -1 : 1));
  return [...new Map(runs.toReversed().map((run) => [run.date, run])).values()].toReversed();
}
