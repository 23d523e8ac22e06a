import { never, type Decider } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/instant.js';
import { isRefusal, refuse, type Refusal } from '../../kernel/refusal.js';
import { calendarOf } from './calendar.js';
import type { DisbursementRunCompleted, PlannedRun, PromotionEvent, PromotionTerminated } from './events.js';
import { asBegun, runsOf, type BegunRun, type Revision } from './revisions.js';
import { rulesOf } from './rules.js';
import { isOneByOne } from './run-dates.js';
import type { PromotionTerms } from './terms.js';

export interface PromotionState {
  /** What was published and how it was revised, in order; none until it is published. */
  readonly revisions: readonly (Revision & { readonly reason: string | null })[];
  readonly terminatedAt: Instant | null;
  /** By date, the runs that were begun. */
  readonly runs: ReadonlyMap<string, PerformedRun>;
}

/** A run as it was begun: what it decides under stays what it was then, also when it is resumed later. */
export interface PerformedRun extends PlannedRun {
  readonly revision: Revision;
  readonly terminatedAt: Instant | null;
  /** Null until it is completed. */
  readonly result: DisbursementRunCompleted['data'] | null;
}

export type PromotionCommand =
  | {
      readonly type: 'PromotionPublished';
      readonly data: { readonly promotionId: string; readonly terms: PromotionTerms };
    }
  | {
      readonly type: 'PromotionRevised';
      readonly data: {
        readonly promotionId: string;
        readonly revision: number;
        readonly terms: PromotionTerms;
        readonly reason: string;
        readonly effectiveAt?: Instant;
      };
    }
  | PromotionTerminated
  | {
      readonly type: 'StartRun';
      readonly data: { readonly promotionId: string; readonly date: string };
      readonly now: Instant;
      /** The log's last position. */
      readonly head: string;
    }
  | { readonly type: 'CompleteRun'; readonly data: DisbursementRunCompleted['data'] };

export const promotionDecider: Decider<PromotionState, PromotionCommand, PromotionEvent> = {
  initial: { revisions: [], terminatedAt: null, runs: new Map() },

  decide(command, state) {
    if (command.type === 'PromotionPublished') {
      return [{ type: 'PromotionPublished', data: { ...command.data, calendar: calendarOf(command.data.terms) } }];
    }
    const { promotionId } = command.data;
    if (state.revisions.length === 0) return refuse('unknown-promotion', `no promotion ${promotionId} is published`);
    switch (command.type) {
      case 'PromotionRevised':
        return revise(command.data, state.revisions);
      case 'PromotionTerminated':
        return [command];
      case 'StartRun': {
        const run = openRun(state, command.data.date, command.now);
        if ('refused' in run) return run;
        return [
          {
            type: 'DisbursementRunStarted',
            data: { promotionId, date: run.date, runAt: run.runAt, knownAt: command.head, revision: run.revision },
          },
        ];
      }
      case 'CompleteRun':
        return [{ type: 'DisbursementRunCompleted', data: command.data }];
      default:
        return never(command);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'PromotionPublished': {
        const { terms, calendar } = event.data;
        return { ...state, revisions: [{ revision: 1, terms, calendar, effectiveAt: null, reason: null }] };
      }
      case 'PromotionRevised': {
        const { revision, terms, calendar, reason, effectiveAt = null } = event.data;
        const revised = { revision, terms, calendar, effectiveAt, reason };
        return { ...state, revisions: [...state.revisions, revised] };
      }
      case 'PromotionTerminated':
        // Who is still given a credit is asked of the facts at each run; runs themselves go on.
        return { ...state, terminatedAt: event.data.occurredAt };
      case 'DisbursementRunStarted':
        return { ...state, runs: new Map(state.runs).set(event.data.date, begun(state, event.data)) };
      case 'DisbursementRunCompleted': {
        const run = state.runs.get(event.data.date) ?? begun(state, event.data);
        return { ...state, runs: new Map(state.runs).set(event.data.date, { ...run, result: event.data }) };
      }
      default:
        return never(event);
    }
  },

  idOf(event) {
    switch (event.type) {
      case 'PromotionPublished':
      case 'PromotionTerminated':
        return `${event.type}:${event.data.promotionId}`;
      case 'PromotionRevised':
        return `${event.type}:${event.data.revision}`;
      case 'DisbursementRunStarted':
      case 'DisbursementRunCompleted':
        return `${event.type}:${event.data.date}`;
      default:
        return never(event);
    }
  },
};

function revise(
  data: Extract<PromotionCommand, { type: 'PromotionRevised' }>['data'],
  revisions: PromotionState['revisions'],
): readonly PromotionEvent[] | Refusal {
  const current = revisions.at(-1)!;
  if (data.revision !== current.revision + 1) {
    return refuse('invalid-command', `the next revision is ${current.revision + 1}, not ${data.revision}`);
  }
  const { marketplaces, currencyIn } = rulesOf(current.terms);
  const revised = rulesOf(data.terms);
  const other = marketplaces.find((marketplace) => revised.currencyIn(marketplace) !== currencyIn(marketplace));
  if (other !== undefined) {
    // What was granted already counts to the caps, so both must be in one currency.
    return refuse('invalid-command', `a revision keeps the award's currency, ${currencyIn(other)}`);
  }
  return [{ type: 'PromotionRevised', data: { ...data, calendar: calendarOf(data.terms) } }];
}

/** The runs that were begun, and those that are planned from now on. */
const allRuns = ({ revisions, runs }: PromotionState) =>
  runsOf(
    revisions,
    [...runs.values()].map(({ date, runAt, revision }) => ({ date, runAt, revision: revision.revision })),
  );

/** The run of a date, if it is due. */
export function dueRun(state: PromotionState, date: string, now: Instant): PlannedRun | Refusal {
  const due = dueOf(state, date, now);
  return isRefusal(due) ? due : due.run;
}

function dueOf(state: PromotionState, date: string, now: Instant) {
  const found = allRuns(state).find(({ run }) => run.date === date);
  if (!found) return refuse('unknown-run', `${date} is no date of a run`);
  const { runAt } = found.run;
  return runAt > now ? refuse('run-not-due', `the run of ${date} is due at ${runAt}`) : found;
}

/** The run that may be performed now: it exists, is due, and every earlier one is completed. */
function openRun(state: PromotionState, date: string, now: Instant) {
  const due = dueOf(state, date, now);
  if (isRefusal(due)) return due;
  const { run, revision } = due;
  const [open] = openRuns(state, run.runAt);
  return open && open.runAt < run.runAt
    ? refuse('run-out-of-order', `the run of ${open.date} comes first`)
    : { ...run, revision: revision.revision };
}

function begun({ revisions, terminatedAt }: PromotionState, began: BegunRun): PerformedRun {
  const { run, revision } = asBegun(revisions, began);
  return { ...run, revision, terminatedAt, result: null };
}

/** The runs that are due and not completed, in their order. */
export const openRuns = (state: PromotionState, now: Instant): readonly PlannedRun[] =>
  allRuns(state)
    .map(({ run }) => run)
    .filter(({ date, runAt }) => runAt <= now && !state.runs.get(date)?.result);

/**
 * The runs to perform for the run of a date: itself, and where runs are on days or weeks, those before it that are still open.
 * Where they are given by month or date, each is asked for by itself.
 */
export function runsUpTo(state: PromotionState, date: string): readonly PlannedRun[] {
  const last = allRuns(state).find(({ run }) => run.date === date);
  if (!last) return [];
  const { stages } = rulesOf(last.revision.terms);
  if (stages.every(({ disbursement }) => isOneByOne(disbursement))) return [last.run];
  return [...openRuns(state, last.run.runAt).filter((run) => run.date !== date), last.run];
}

/**
 * Which revision an unnumbered command means: the one that already says the same for the same reason (it is sent again),
 * else the next.
 */
export function revisionMeant({ revisions }: PromotionState, said: SaidRevision): number {
  const text = saidText(said);
  const known = revisions.find((each) => each.reason !== null && saidText({ ...each, reason: each.reason }) === text);
  return known?.revision ?? (revisions.at(-1)?.revision ?? 1) + 1;
}

type SaidRevision = Pick<Extract<PromotionCommand, { type: 'PromotionRevised' }>['data'], 'terms' | 'reason'> & {
  readonly effectiveAt?: Instant | null;
};

const saidText = ({ terms, reason, effectiveAt = null }: SaidRevision): string =>
  JSON.stringify([terms, reason, effectiveAt]);
