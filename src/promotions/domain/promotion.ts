import { never, type Decider } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/instant.js';
import { refuse, type Refusal } from '../../kernel/refusal.js';
import { calendarOf } from './calendar.js';
import type { DisbursementRunCompleted, PromotionCalendar, PromotionEvent, PromotionTerminated } from './events.js';
import type { PromotionTerms } from './terms.js';

export interface PromotionState {
  /** Null until it is published. */
  readonly current: {
    readonly revision: number;
    readonly terms: PromotionTerms;
    readonly calendar: PromotionCalendar;
  } | null;
  /** What each revision was, from revision 2 on. */
  readonly revisions: readonly { readonly terms: PromotionTerms; readonly reason: string }[];
  /** Dates of runs that were begun, and what came of those that were completed. */
  readonly runs: ReadonlyMap<string, DisbursementRunCompleted['data'] | 'started'>;
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
  initial: { current: null, revisions: [], runs: new Map() },

  decide(command, state) {
    if (command.type === 'PromotionPublished') {
      return [{ type: 'PromotionPublished', data: { ...command.data, calendar: calendarOf(command.data.terms) } }];
    }
    const { promotionId } = command.data;
    if (!state.current) return refuse('unknown-promotion', `no promotion ${promotionId} is published`);
    switch (command.type) {
      case 'PromotionRevised':
        return revise(command.data, state.current);
      case 'PromotionTerminated':
        return [command];
      case 'StartRun': {
        const run = openRun(state, command.data.date, command.now);
        if ('refused' in run) return run;
        return [
          {
            type: 'DisbursementRunStarted',
            data: { promotionId, date: run.date, runAt: run.runAt, knownAt: command.head },
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
        return { ...state, current: { revision: 1, terms, calendar } };
      }
      case 'PromotionRevised': {
        const { revision, terms, calendar, reason } = event.data;
        return { ...state, current: { revision, terms, calendar }, revisions: [...state.revisions, { terms, reason }] };
      }
      case 'PromotionTerminated':
        // Who is still given a credit is asked of the facts at each run; runs themselves go on.
        return state;
      case 'DisbursementRunStarted':
        return { ...state, runs: new Map(state.runs).set(event.data.date, 'started') };
      case 'DisbursementRunCompleted':
        return { ...state, runs: new Map(state.runs).set(event.data.date, event.data) };
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
  current: NonNullable<PromotionState['current']>,
): readonly PromotionEvent[] | Refusal {
  if (data.revision !== current.revision + 1) {
    return refuse('invalid-command', `the next revision is ${current.revision + 1}, not ${data.revision}`);
  }
  const { currency } = current.terms.award.amount;
  if (data.terms.award.amount.currency !== currency) {
    // What was granted already counts to the cap, so both must be in one currency.
    return refuse('invalid-command', `a revision keeps the award's currency, ${currency}`);
  }
  return [{ type: 'PromotionRevised', data: { ...data, calendar: calendarOf(data.terms) } }];
}

/** The run that may be performed now: it exists, is due, and every earlier one is completed. */
function openRun({ current, runs }: PromotionState, date: string, now: Instant) {
  const calendar = current?.calendar.runs ?? [];
  const run = calendar.find((candidate) => candidate.date === date);
  if (!run) return refuse('unknown-run', `${date} is no date of a run`);
  if (run.runAt > now) return refuse('run-not-due', `the run of ${date} is due at ${run.runAt}`);
  const open = calendar.find((earlier) => earlier.runAt < run.runAt && !isCompleted(runs, earlier.date));
  return open ? refuse('run-out-of-order', `the run of ${open.date} comes first`) : run;
}

const isCompleted = (runs: PromotionState['runs'], date: string): boolean => {
  const run = runs.get(date);
  return run !== undefined && run !== 'started';
};

/**
 * Which revision an unnumbered command means: the one that already says the same for the same reason (it is sent again),
 * else the next.
 */
export function revisionMeant(
  { current, revisions }: PromotionState,
  { terms, reason }: { readonly terms: PromotionTerms; readonly reason: string },
): number {
  const text = JSON.stringify([terms, reason]);
  const known = revisions.findIndex((revision) => JSON.stringify([revision.terms, revision.reason]) === text);
  return known >= 0 ? known + 2 : (current?.revision ?? 1) + 1;
}
