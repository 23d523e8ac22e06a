import { DAY_MS, earlier, epochMs, instantOf, LATEST, later, type Instant } from '../../kernel/instant.js';
import type { CampaignScope } from './campaign-conditions.js';
import type { ApiChange } from './facts.js';
import type { WindowTerms } from './terms.js';
import { soonestIn, type Span } from './windows.js';

const WEEK_MS = 7 * DAY_MS;

/** A week in which changes are counted. */
export interface Week {
  readonly start: Instant;
  readonly end: Instant;
}

/** A week, where the window cuts it, with its changes. */
export interface CountedWeek extends Week {
  readonly changes: number;
  /** When it had its changes. */
  readonly reachedAt: Instant | undefined;
}

/**
 * Weeks of the calendar where the window is the period; those of any other are of 7 days each from its start on. Of many only
 * those are told that can matter: from the first change on, and until a whole row could be had.
 */
export function weeksIn(
  span: Span,
  window: WindowTerms | undefined,
  row: number,
  first: ApiChange | undefined,
  scope: CampaignScope,
): readonly Week[] {
  const { calendar, asOf } = scope;
  if (span.from === calendar.start && span.end === calendar.end) return calendar.weeks;
  const startOf = (week: number): Instant | undefined =>
    isLocal(window) ? scope.weeksLater(span.from, week) : fullWeeksLater(span.from, week);
  const weekOf = (at: Instant) => Math.floor((epochMs(at) - epochMs(span.from)) / WEEK_MS);
  // A clock change may shift a week by hours.
  const from = Math.max(0, weekOf(first ? earlier(first.at, asOf) : asOf) - 1);
  const to = Math.max(0, weekOf(asOf) + 1) + row;
  const weeks: Week[] = [];
  for (let week = from; week <= to; week += 1) {
    const start = startOf(week);
    if (start === undefined || (span.end !== null && start >= span.end)) break;
    weeks.push({ start, end: startOf(week + 1) ?? LATEST });
  }
  return weeks;
}

/** The begin is a time of the wall clock, and so its weeks are. */
function isLocal(window: WindowTerms | undefined): boolean {
  if (window === undefined || typeof window.from === 'string') return true;
  return 'at' in window.from && (window.from.at === 'period-start' || window.from.at === 'period-end');
}

function fullWeeksLater(from: Instant, weeks: number): Instant | undefined {
  const moved = epochMs(from) + weeks * WEEK_MS;
  return moved > epochMs(LATEST) ? undefined : instantOf(moved);
}

/** @param changes those of the window, in order */
export function countedIn(
  weeks: readonly Week[],
  changes: readonly ApiChange[],
  perWeek: number,
  span: Span,
): readonly CountedWeek[] {
  let next = changes.findIndex(({ at }) => weeks[0] && at >= weeks[0].start);
  return weeks.map(({ start, end }) => {
    let count = 0;
    let reachedAt: Instant | undefined;
    for (let change = changes[next]; change && change.at < end; change = changes[next]) {
      count += change.changes;
      if (count >= perWeek) reachedAt ??= change.at;
      next += 1;
    }
    const within = { start: later(start, span.from), end: span.end === null ? end : earlier(end, span.end) };
    return { ...within, changes: count, reachedAt };
  });
}

/** Each week in hand or to come has its changes at its first instant, or now. */
export const hopedWeeks = (weeks: readonly CountedWeek[], asOf: Instant): readonly (Instant | undefined)[] =>
  weeks.map(({ start, end, reachedAt }) => reachedAt ?? soonestIn({ from: start, end }, asOf) ?? undefined);

/** When so many consecutive weeks first had their changes. Weeks are in order, so the last of a row comes last. */
export function rowReachedAt(reached: readonly (Instant | undefined)[], weeks: number): Instant | undefined {
  let row = 0;
  for (const at of reached) {
    row = at ? row + 1 : 0;
    if (at && row === weeks) return at;
  }
  return undefined;
}

export function longestRow(reached: readonly (Instant | undefined)[]): number {
  let longest = 0;
  let row = 0;
  for (const at of reached) {
    row = at ? row + 1 : 0;
    longest = Math.max(longest, row);
  }
  return longest;
}

/** The length of the row that the week in hand, or the next one, can still continue. */
export function continuingRow(
  weeks: readonly Week[],
  reached: readonly (Instant | undefined)[],
  asOf: Instant,
): number {
  const inHand = weeks.findIndex(({ start, end }) => start <= asOf && asOf < end);
  if (inHand < 0) return 0;
  let row = 0;
  for (let index = reached[inHand] ? inHand : inHand - 1; index >= 0 && reached[index]; index -= 1) row += 1;
  return row;
}
