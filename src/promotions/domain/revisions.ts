import { byCodeUnit } from '../../kernel/identifiers.js';
import { earlier, type Instant } from '../../kernel/instant.js';
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

/** A run that was begun, and the revision that it decides under, where its record says so. */
export interface BegunRun {
  readonly date: string;
  readonly runAt: Instant;
  readonly revision?: number;
}

/** A run, and the revision that it is decided under. */
export interface RevisedRun<Known extends Revision> {
  readonly run: PlannedRun;
  readonly revision: Known;
}

/**
 * The runs there are, in their order: those that were begun, whatever was revised since, and later ones as they are planned
 * now. A date has one run, by the revision in force at the earliest time that any revision plans for it.
 */
export function runsOf<Known extends Revision>(
  revisions: readonly Known[],
  begun: Iterable<BegunRun>,
): readonly RevisedRun<Known>[] {
  const runs = new Map<string, RevisedRun<Known>>();
  for (const each of begun) runs.set(each.date, asBegun(revisions, each));
  const last = [...runs.values()].reduce((latest, { run }) => (run.runAt > latest ? run.runAt : latest), '');
  for (const [date, planned] of Map.groupBy(plansOf(revisions), ({ run }) => run.date)) {
    const first = planned.reduce((earliest, { run }) => earlier(earliest, run.runAt), planned[0]!.run.runAt);
    const inForce = revisionAt(revisions, first);
    const found = planned.find(({ revision }) => revision === inForce);
    if (found && found.run.runAt > last && !runs.has(date)) runs.set(date, found);
  }
  return [...runs.values()].sort((a, b) => byCodeUnit(a.run.runAt, b.run.runAt));
}

/** What a run decides under stays what it was when it was begun. */
export function asBegun<Known extends Revision>(
  revisions: readonly Known[],
  { date, runAt, revision: number }: BegunRun,
): RevisedRun<Known> {
  const revision = revisions.find((each) => each.revision === number) ?? revisionAt(revisions, runAt);
  const { stages } = revision.calendar.runs.find((run) => run.date === date) ?? {};
  return { run: { date, runAt, ...(stages ? { stages } : {}) }, revision };
}

const plansOf = <Known extends Revision>(revisions: readonly Known[]): readonly RevisedRun<Known>[] =>
  revisions.flatMap((revision) => revision.calendar.runs.map((run) => ({ run, revision })));
