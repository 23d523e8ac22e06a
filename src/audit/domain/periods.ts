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
  /** The books as of the month's end, and of its beginning where it may be the first month that is closed. */
  readonly books: Omit<PeriodClosed['data'], keyof Month>;
}

/** From the first on, months are closed one after the other: the last of them says which is next. */
export interface PeriodsState {
  readonly last: string | null;
}

export const periodsDecider: Decider<PeriodsState, ClosePeriod, PeriodClosed> = {
  initial: { last: null },

  decide(command, state) {
    const month = monthOf(command.data.period);
    if (!month) return refuse('invalid-command', `${command.data.period} is no month`);
    const refused = whyNot(month, state, command);
    if (refused) return refused;
    const { opening, ...books } = command.books;
    const isFirst = state.last === null && opening !== undefined;
    return [{ type: 'PeriodClosed', data: { ...month, ...books, ...(isFirst ? { opening } : {}) } }];
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
  if (last === null) {
    if (first === null) return refuse('period-out-of-order', 'there is no month to close: no account is open');
    // Any month may be the first: by a mistyped year of one fact there would be thousands to close before it.
    if (period < first) return refuse('period-out-of-order', `nothing happened before ${first}`);
  } else {
    const next = monthAfter(last);
    if (next === null) return refuse('period-out-of-order', 'there is no month to close');
    if (next !== period) return refuse('period-out-of-order', `${next} is the month to close, not ${period}`);
  }
  return open.length > 0 ? refuse('period-runs-open', `not all of ${period} is performed`, open) : undefined;
}

function monthAfter(period: string): string | null {
  const month = monthOf(period);
  return month ? periodAt(month.to) : null;
}
