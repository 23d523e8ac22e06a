import type { Decider } from '../../kernel/decider.js';
import { epochMs, instantOf, plusMs, type Instant } from '../../kernel/instant.js';
import { refuse, type Fault, type Refusal } from '../../kernel/refusal.js';
import type { PeriodClosed } from './events.js';

/** A calendar month in UTC. */
export interface Month {
  /** `2022-10`. */
  readonly period: string;
  readonly from: Instant;
  /** Exclusive. */
  readonly to: Instant;
  /** Its last millisecond. */
  readonly asOf: Instant;
}

const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/;
/** The last month whose end is an instant. */
const LAST = '9999-11';

/** The month of that name; undefined when there is none. */
export function monthOf(period: string): Month | undefined {
  const [, year, month] = MONTH.exec(period) ?? [];
  if (year === undefined || month === undefined || period > LAST) return undefined;
  const from = `${year}-${month}-01T00:00:00.000Z` as Instant;
  const end = new Date(epochMs(from));
  end.setUTCMonth(end.getUTCMonth() + 1);
  const to = instantOf(end.getTime());
  return { period, from, to, asOf: plusMs(to, -1) };
}

/** The month in which an instant lies. */
export const periodAt = (instant: Instant): string => instant.slice(0, 7);

/** What a month's closing depends on, besides the months closed before. */
export interface Circumstances {
  readonly now: Instant;
  /** The month of the earliest fact of any account, by effective time; null: there is none. */
  readonly first: string | null;
  /** Runs and sweeps that fell due before the end of the month and are not performed, in words. */
  readonly open: readonly Fault[];
}

export interface ClosePeriod extends Circumstances {
  readonly type: 'ClosePeriod';
  readonly data: { readonly period: string };
  /** The books as of the month's end. */
  readonly books: Pick<
    PeriodClosed['data'],
    'position' | 'trialBalance' | 'fullTrialBalanceSha256' | 'fullTrialBalanceLines'
  >;
}

/** Months are closed one after the other: the last of them says which are. */
export interface PeriodsState {
  readonly last: string | null;
}

export const periodsDecider: Decider<PeriodsState, ClosePeriod, PeriodClosed> = {
  initial: { last: null },

  decide(command, state) {
    const month = monthOf(command.data.period);
    if (!month) return refuse('invalid-command', `${command.data.period} is no month`);
    return whyNot(month, state, command) ?? [{ type: 'PeriodClosed', data: { ...month, ...command.books } }];
  },

  evolve: (_, event) => ({ last: event.data.period }),

  idOf: ({ type, data }) => `${type}:${data.period}`,
};

/** Why a month cannot be closed now, whatever its books say. */
export function whyNot(
  { period, to }: Month,
  { last }: PeriodsState,
  { now, first, open }: Circumstances,
): Refusal | undefined {
  if (now < to) return refuse('period-not-over', `${period} is over at ${to}`);
  const next = last === null ? first : monthAfter(last);
  if (next === null) return refuse('period-out-of-order', 'there is no month to close');
  if (next !== period) return refuse('period-out-of-order', `${next} is the month to close, not ${period}`);
  return open.length > 0 ? refuse('period-runs-open', `not all of ${period} is performed`, open) : undefined;
}

function monthAfter(period: string): string | null {
  const month = monthOf(period);
  return month ? periodAt(month.to) : null;
}
