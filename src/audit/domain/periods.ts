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

/** What of a month is still to be done, in words, each with what it is about. */
export type OpenWork = readonly Fault[];

export interface ClosePeriod {
  readonly type: 'ClosePeriod';
  readonly data: { readonly period: string };
  readonly now: Instant;
  /** The month of the earliest fact of any account, by effective time; null: there is none. */
  readonly first: string | null;
  /** Runs and sweeps that fell due before the end of the month and are not performed. */
  readonly open: OpenWork;
  /** The books as of the month's end. */
  readonly books: Pick<
    PeriodClosed['data'],
    'position' | 'trialBalance' | 'fullTrialBalanceSha256' | 'fullTrialBalanceLines'
  >;
}

/** The months that are closed, by the last of them: they are closed one after the other. */
export interface PeriodsState {
  readonly last: string | null;
}

export const periodsDecider: Decider<PeriodsState, ClosePeriod, PeriodClosed> = {
  initial: { last: null },

  decide({ data, now, first, open, books }, state) {
    const month = monthOf(data.period);
    if (!month) return refuse('invalid-command', `${data.period} is no month`);
    const early = tooEarly(month, state, { now, first });
    if (early) return early;
    if (open.length > 0) return refuse('period-runs-open', `${data.period} has work that is not done`, open);
    return [{ type: 'PeriodClosed', data: { ...month, ...books } }];
  },

  evolve: (_, event) => ({ last: event.data.period }),

  idOf: ({ type, data }) => `${type}:${data.period}`,
};

/** Why a month cannot be closed yet, whatever its books say. */
export function tooEarly(
  month: Month,
  { last }: PeriodsState,
  { now, first }: Pick<ClosePeriod, 'now' | 'first'>,
): Refusal | undefined {
  const { period, to } = month;
  if (now < to) return refuse('period-not-over', `${period} is over at ${to}`);
  const next = last === null ? first : monthAfter(last);
  if (next === period) return undefined;
  return refuse(
    'period-out-of-order',
    next === null
      ? 'There is no fact of any account yet, so there is no month to close.'
      : `${next} is the month that can be closed now`,
  );
}

function monthAfter(period: string): string | null {
  const month = monthOf(period);
  return month ? periodAt(month.to) : null;
}
