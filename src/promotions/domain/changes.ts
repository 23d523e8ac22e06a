import { later, type Instant } from '../../kernel/instant.js';
import type { ApiChange } from './facts.js';
import type { AtomTerms, QualifyingActions, WindowTerms } from './terms.js';
import { latest, metSince, type Outcome } from './verdict.js';
import { contains, reaches, soonestIn, type Span } from './windows.js';
import type { CampaignScope } from './campaign-conditions.js';
import { continuingRow, countedIn, hopedWeeks, longestRow, rowReachedAt, weeksIn } from './weeks.js';
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

/** Consecutive weeks of the window, each with its changes. */
export function weeklyChanges(
  terms: WeeklyChanges,
  window: WindowTerms | undefined,
  span: Span,
  scope: CampaignScope,
): Outcome {
  const { asOf, calendar } = scope;
  const changes = changesIn(span, terms.actions, scope);
  const weeks = weeksIn(span, window, terms.weeks, changes[0], scope);
  const counted = countedIn(weeks, changes, terms.changesPerWeek, span);
  const reached = counted.map(({ reachedAt }) => reachedAt);
  const rowAt = rowReachedAt(reached, terms.weeks);
  const hopedRowAt = rowReachedAt(hopedWeeks(counted, asOf), terms.weeks);
  const row = rowAt ? terms.weeks : continuingRow(weeks, reached, asOf);
  const weeksToGo = terms.weeks - row;
  const shown = weeks === calendar.weeks ? counted : countedIn(calendar.weeks, changes, terms.changesPerWeek, span);
  const soFar = {
    weeks: shown.map((week) => week.changes),
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
  const isOfCalendar = span.from >= calendar.start && span.end !== null && span.end <= calendar.end;
  if (perWeek === null || !isOfCalendar) {
    const at = soonestIn(span, asOf);
    return at === null ? [] : [{ at, changes: terms.changes }];
  }
  const weeks = countedIn(calendar.weeks, changes, perWeek, span);
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

function totalReachedAt(changes: readonly { at: Instant; changes: number }[], needed: number): Instant | undefined {
  let total = 0;
  for (const change of changes) {
    total += change.changes;
    if (total >= needed) return change.at;
  }
  return undefined;
}
