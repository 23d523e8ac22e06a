import { daysMs } from '../../kernel/calendar.js';
import { byCodeUnit } from '../../kernel/identifiers.js';
import { earlier, epochMs, instantOf, later, type Instant } from '../../kernel/instant.js';
import type { PromotionCalendar } from './events.js';
import type { PromotionTerms } from './terms.js';

/** What is known of one campaign, in effective order, ties in the order recorded. */
export interface CampaignFacts {
  readonly campaignId: string;
  readonly activity: readonly { readonly at: Instant; readonly active: boolean }[];
  readonly changes: readonly ApiChange[];
}

export interface ApiChange {
  readonly at: Instant;
  readonly partnerId: string;
  readonly method: string;
  readonly path: string;
  readonly changes: number;
}

/** The rules of one product of a promotion, for one advertiser. */
export interface QualifyingRules {
  readonly terms: PromotionTerms;
  readonly calendar: PromotionCalendar;
  readonly product: string;
  /** In effect at the time of asking; null: whoever is not invited has no qualifying change. */
  readonly invitation: { readonly partnerId: string; readonly at: Instant } | null;
}

/** How far one campaign has come at a time. */
export interface Progress {
  readonly campaignId: string;
  /** Changes in each week of the calendar. */
  readonly weeks: readonly number[];
  readonly changes: number;
  readonly longestRow: number;
  readonly activeMs: number;
  readonly missing: { readonly weeks: number; readonly changes: number; readonly activeMs: number };
  /** When it qualified, by then; null when it has not. */
  readonly qualifiedAt: Instant | null;
  /** When it would, with a change in each week to come and active from then on; null when it no longer can. */
  readonly couldQualifyAt: Instant | null;
}

/** A path, without query and trailing slash, is an action's, or an action's and one more segment of digits. */
export function isQualifyingAction({ terms, product }: QualifyingRules, method: string, path: string): boolean {
  const bare = path.replace(/\?.*$/s, '').replace(/\/$/, '');
  const collection = bare.replace(/\/\d+$/, '');
  return terms.qualifying.actions.some(
    (action) =>
      action.product === product &&
      action.methods.includes(method) &&
      (action.paths.includes(bare) || action.paths.includes(collection)),
  );
}

/** Progress by the facts effective at or before `asOf`. */
export function progressOf(campaign: CampaignFacts, rules: QualifyingRules, asOf: Instant): Progress {
  const { terms, calendar } = rules;
  const changes = qualifyingChanges(campaign, rules, asOf);
  const weeks = weeksOf(changes, rules);
  const activity = activityOf(campaign, rules, asOf);
  const { qualifying } = terms;

  const reached = weeks.map(({ reachedAt }) => reachedAt);
  const rowAt = rowReachedAt(reached, qualifying.weeks);
  const total = changes.reduce((sum, change) => sum + change.changes, 0);
  const met = latestOf([rowAt, totalReachedAt(changes, qualifying.changes), activity.reachedAt, rules.invitation?.at]);

  return {
    campaignId: campaign.campaignId,
    weeks: weeks.map((week) => week.changes),
    changes: total,
    longestRow: longestRow(reached),
    activeMs: activity.activeMs,
    missing: {
      weeks: rowAt ? 0 : qualifying.weeks - continuingRow(reached, calendar, asOf),
      changes: Math.max(0, qualifying.changes - total),
      activeMs: activity.missingMs,
    },
    // The conditions hold at the period's very end or never: an invitation later than it changes nothing.
    qualifiedAt: met && met <= calendar.end ? met : null,
    couldQualifyAt: couldQualifyAt(weeks, activity, changes, rules, asOf),
  };
}

/** The first to qualify, ties to the lower id. */
export const firstQualified = (all: readonly Progress[]): Progress | undefined =>
  all
    .filter(({ qualifiedAt }) => qualifiedAt !== null)
    .sort((a, b) => byCodeUnit(a.qualifiedAt!, b.qualifiedAt!) || byCodeUnit(a.campaignId, b.campaignId))[0];

/** The one whose progress is told: it qualified, or has most weeks in a row, then most changes, then the lowest id. */
export const furthest = (all: readonly Progress[]): Progress | undefined =>
  firstQualified(all) ??
  all
    .filter(({ changes }) => changes > 0)
    .sort((a, b) => b.longestRow - a.longestRow || b.changes - a.changes || byCodeUnit(a.campaignId, b.campaignId))[0];

function qualifyingChanges(campaign: CampaignFacts, rules: QualifyingRules, asOf: Instant): readonly ApiChange[] {
  const { calendar, invitation } = rules;
  if (!invitation || invitation.at > asOf) return [];
  return campaign.changes.filter(
    (change) =>
      change.at <= asOf &&
      change.at >= calendar.start &&
      change.at < calendar.end &&
      change.partnerId === invitation.partnerId &&
      isQualifyingAction(rules, change.method, change.path),
  );
}

interface Week {
  readonly start: Instant;
  readonly end: Instant;
  readonly changes: number;
  /** When it had its changes. */
  readonly reachedAt: Instant | undefined;
}

function weeksOf(changes: readonly ApiChange[], { terms, calendar }: QualifyingRules): readonly Week[] {
  let next = 0;
  return calendar.weeks.map(({ start, end }) => {
    let count = 0;
    let reachedAt: Instant | undefined;
    for (let change = changes[next]; change && change.at < end; change = changes[next]) {
      count += change.changes;
      if (count >= terms.qualifying.changesPerWeek) reachedAt ??= change.at;
      next += 1;
    }
    return { start, end, changes: count, reachedAt };
  });
}

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

interface Activity {
  readonly activeMs: number;
  readonly missingMs: number;
  readonly reachedAt: Instant | undefined;
}

/** Active time within the period, and when it was enough; `continuous` counts one unbroken interval only. */
function activityOf(campaign: CampaignFacts, { terms, calendar }: QualifyingRules, asOf: Instant): Activity {
  const neededMs = daysMs(terms.qualifying.activeFor);
  const until = epochMs(earlier(asOf, calendar.end));
  const continuous = terms.qualifying.activity === 'continuous';
  let countedMs = 0;
  let brokenAt: number | undefined;
  for (const [from, to] of activeIntervals(campaign, epochMs(calendar.start), until)) {
    if (continuous) countedMs = 0;
    if (countedMs + (to - from) >= neededMs) {
      const activeMs = continuous ? to - from : totalMs(campaign, calendar, until);
      return { activeMs, missingMs: 0, reachedAt: instantOf(from + neededMs - countedMs) };
    }
    countedMs += to - from;
    brokenAt = to;
  }
  // An unbroken interval that has ended counts for nothing any more.
  const activeMs = continuous && brokenAt !== until ? 0 : countedMs;
  return { activeMs, missingMs: neededMs - activeMs, reachedAt: undefined };
}

const totalMs = (campaign: CampaignFacts, calendar: PromotionCalendar, until: number): number =>
  activeIntervals(campaign, epochMs(calendar.start), until).reduce((sum, [from, to]) => sum + (to - from), 0);

/** Maximal intervals [from, to) in ms in which the campaign was active, within [start, until). */
function activeIntervals(
  campaign: CampaignFacts,
  start: number,
  until: number,
): readonly (readonly [number, number])[] {
  const intervals: [number, number][] = [];
  let activeFrom: number | undefined;
  const close = (to: number) => {
    if (activeFrom === undefined) return;
    const from = Math.max(activeFrom, start);
    const last = intervals.at(-1);
    // A pause of no length is no break.
    if (last?.[1] === from) last[1] = Math.max(from, to);
    else if (from < to) intervals.push([from, to]);
    activeFrom = undefined;
  };
  for (const { at, active } of campaign.activity) {
    const ms = epochMs(at);
    if (ms > until) break;
    if (active) activeFrom ??= ms;
    else close(ms);
  }
  close(until);
  return intervals;
}

/** The hypothetical answer: each week in hand or to come has its changes at its first instant, or now. */
function couldQualifyAt(
  weeks: readonly Week[],
  activity: Activity,
  changes: readonly ApiChange[],
  { terms, calendar, invitation }: QualifyingRules,
  asOf: Instant,
): Instant | null {
  const { qualifying } = terms;
  const hoped = weeks.map((week) => week.reachedAt ?? (asOf < week.end ? later(week.start, asOf) : undefined));
  const added = weeks.flatMap((week, index) =>
    week.reachedAt || asOf >= week.end
      ? []
      : [{ at: hoped[index]!, changes: qualifying.changesPerWeek - week.changes }],
  );
  const total = [...changes, ...added].sort((a, b) => byCodeUnit(a.at, b.at));
  const activeAt = activity.reachedAt ?? instantOf(epochMs(later(asOf, calendar.start)) + activity.missingMs);
  const met = latestOf([
    rowReachedAt(hoped, qualifying.weeks),
    totalReachedAt(total, qualifying.changes),
    activeAt,
    invitation?.at,
  ]);
  return met && met <= calendar.end ? met : null;
}

/** The latest of instants that must all be there. */
function latestOf(instants: readonly (Instant | undefined)[]): Instant | undefined {
  return instants.reduce((latest, at) => (latest && at ? later(latest, at) : undefined));
}
