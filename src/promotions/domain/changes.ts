import { earlier, later, type Instant } from '../../kernel/instant.js';
import type { PromotionCalendar } from './events.js';
import type { ApiChange } from './facts.js';
import type { AtomTerms, QualifyingActions } from './terms.js';
import { latest, metSince, type Outcome } from './verdict.js';
import { contains, reaches, soonestIn, type Span } from './windows.js';
import type { CampaignScope } from './campaign-conditions.js';
import { changesWords, deadlineWords, weeksWords } from './words.js';

type WeeklyChanges = Extract<AtomTerms, { weeklyChanges: object }>['weeklyChanges'];
type TotalChanges = Extract<AtomTerms, { totalChanges: object }>['totalChanges'];

/** A path, without query and trailing slash, is an action's, or an action's and one more segment of digits. */
export function isQualifyingAction(
  actions: readonly QualifyingActions[],
  product: string,
  { method, path }: Pick<ApiChange, 'method' | 'path'>,
): boolean {
  const bare = path.replace(/\?.*$/s, '').replace(/\/$/, '');
  const collection = bare.replace(/\/\d+$/, '');
  return actions.some(
    (action) =>
      action.product === product &&
      action.methods.includes(method) &&
      (action.paths.includes(bare) || action.paths.includes(collection)),
  );
}

/** Consecutive weeks of the calendar, each with its changes within the window. */
export function weeklyChanges(terms: WeeklyChanges, span: Span, scope: CampaignScope): Outcome {
  const { asOf, calendar } = scope;
  const changes = changesIn(span, terms.actions, scope);
  const weeks = weeksOf(changes, terms.changesPerWeek, span, calendar);
  const reached = weeks.map(({ reachedAt }) => reachedAt);
  const rowAt = rowReachedAt(reached, terms.weeks);
  const hopedRowAt = rowReachedAt(hopedWeeks(weeks, asOf), terms.weeks);
  const row = rowAt ? terms.weeks : continuingRow(reached, calendar, asOf);
  const weeksToGo = terms.weeks - row;
  const soFar = {
    weeks: weeks.map((week) => week.changes),
    longestRow: longestRow(reached),
    weeksToGo,
    changes: sumOf(changes),
  };
  const metAt = counting(rowAt, span, scope);
  if (metAt !== null) return { ...metSince(metAt), soFar };
  return {
    metAt,
    missing: { weeks: weeksToGo },
    needs: deadlineWords(
      `${weeksWords(terms)}: ${row} so far, ${weeksToGo} to go${invitationWords(scope)}`,
      span.end,
      asOf,
    ),
    until: span.end,
    couldBeMetAt: hoping(hopedRowAt, span, scope),
    soFar,
  };
}

/** Changes in all. Where the same changes must come week by week, as many are hoped for in a week as it asks, and no more. */
export function totalChanges(terms: TotalChanges, span: Span, scope: CampaignScope): Outcome {
  const { asOf } = scope;
  const changes = changesIn(span, terms.actions, scope);
  const total = sumOf(changes);
  const changesToGo = Math.max(0, terms.changes - total);
  const soFar = { changes: total, changesToGo };
  const metAt = counting(totalReachedAt(changes, terms.changes), span, scope);
  if (metAt !== null) return { ...metSince(metAt), soFar };
  const hoped = [...changes, ...hopedChanges(terms, changes, span, scope)];
  return {
    metAt,
    missing: { changes: changesToGo },
    needs: deadlineWords(
      `${changesWords(terms)}: ${total} so far, ${changesToGo} to go${invitationWords(scope)}`,
      span.end,
      asOf,
    ),
    until: span.end,
    couldBeMetAt: hoping(totalReachedAt(hoped, terms.changes), span, scope),
    soFar,
  };
}

const sumOf = (changes: readonly { changes: number }[]): number =>
  changes.reduce((sum, change) => sum + change.changes, 0);

function hopedChanges(terms: TotalChanges, changes: readonly ApiChange[], span: Span, scope: CampaignScope) {
  const { asOf, calendar } = scope;
  const perWeek = scope.changesPerWeek(terms.actions);
  if (perWeek === null) {
    const at = soonestIn(span, asOf);
    return at === null ? [] : [{ at, changes: terms.changes }];
  }
  const weeks = weeksOf(changes, perWeek, span, calendar);
  return hopedWeeks(weeks, asOf).flatMap((at, index) => {
    const week = weeks[index]!;
    return at && !week.reachedAt ? [{ at, changes: perWeek - week.changes }] : [];
  });
}

/** Only the inviting partner's changes count where an invitation is asked for, and from the invitation on. */
function changesIn(span: Span, actions: readonly QualifyingActions[], scope: CampaignScope): readonly ApiChange[] {
  const { invitation, partners } = scope.rules.eligibility;
  const invitedBy = scope.facts.enrollment.invitation?.partnerId;
  const isOfPartner = ({ partnerId }: ApiChange) =>
    invitation === 'required' ? partnerId === invitedBy : (partners?.includes(partnerId) ?? true);
  return scope.campaign.changes.filter(
    (change) =>
      contains(span, change.at) && isOfPartner(change) && isQualifyingAction(actions, scope.campaign.product, change),
  );
}

/** When it counted: changes do from the invitation on, if it came in time. */
function counting(reachedAt: Instant | undefined, span: Span, { rules, facts }: CampaignScope): Instant | null {
  if (!reachedAt) return null;
  const invitedAt = rules.eligibility.invitation === 'required' ? facts.enrollment.invitation?.at : reachedAt;
  const at = invitedAt ? later(reachedAt, invitedAt) : null;
  return at !== null && reaches(span, at) ? at : null;
}

/** As `counting`, where whoever is not invited is invited now. */
function hoping(reachedAt: Instant | undefined, span: Span, { rules, facts, asOf }: CampaignScope): Instant | null {
  const { invitation } = facts.enrollment;
  const invitedAt = rules.eligibility.invitation === 'required' ? (invitation?.at ?? asOf) : reachedAt;
  const at = latest([reachedAt ?? null, invitedAt ?? null]);
  return at !== null && reaches(span, at) ? at : null;
}

const invitationWords = ({ rules, facts }: CampaignScope): string =>
  rules.eligibility.invitation === 'required' && !facts.enrollment.invitation ? ', and an invitation' : '';

interface Week {
  /** Where the window cuts the week. */
  readonly start: Instant;
  readonly end: Instant;
  readonly changes: number;
  /** When it had its changes. */
  readonly reachedAt: Instant | undefined;
}

function weeksOf(
  changes: readonly ApiChange[],
  perWeek: number,
  span: Span,
  { weeks }: PromotionCalendar,
): readonly Week[] {
  let next = changes.findIndex(({ at }) => at >= weeks[0]!.start);
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
const hopedWeeks = (weeks: readonly Week[], asOf: Instant): readonly (Instant | undefined)[] =>
  weeks.map(({ start, end, reachedAt }) => reachedAt ?? soonestIn({ from: start, end }, asOf) ?? undefined);

/** When so many consecutive weeks first had their changes. Weeks are in order, so the last of a row comes last. */
function rowReachedAt(reached: readonly (Instant | undefined)[], weeks: number): Instant | undefined {
  let row = 0;
  for (const at of reached) {
    row = at ? row + 1 : 0;
    if (at && row === weeks) return at;
  }
  return undefined;
}

function longestRow(reached: readonly (Instant | undefined)[]): number {
  let longest = 0;
  let row = 0;
  for (const at of reached) {
    row = at ? row + 1 : 0;
    longest = Math.max(longest, row);
  }
  return longest;
}

/** The length of the row that the week in hand, or the next one, can still continue. */
function continuingRow(reached: readonly (Instant | undefined)[], calendar: PromotionCalendar, asOf: Instant): number {
  const inHand = calendar.weeks.findIndex(({ start, end }) => start <= asOf && asOf < end);
  if (inHand < 0) return 0;
  let row = 0;
  for (let index = reached[inHand] ? inHand : inHand - 1; index >= 0 && reached[index]; index -= 1) row += 1;
  return row;
}

function totalReachedAt(changes: readonly { at: Instant; changes: number }[], needed: number): Instant | undefined {
  let total = 0;
  for (const change of changes) {
    total += change.changes;
    if (total >= needed) return change.at;
  }
  return undefined;
}
