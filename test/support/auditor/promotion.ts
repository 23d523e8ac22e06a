/** A promotion's calendar, and when a product qualifies: the rules of the weekly changes, by brute force. */
import type { TermsV1 } from '../../../src/promotions/domain/terms.js';
import { factsOf, type Credit, type DataOf, type Log } from './facts.js';
import { DAY, daysOf, ms, wallClock, whenClockShows } from './time.js';

interface Span {
  readonly start: number;
  readonly end: number;
}

const localMs = (local: string): number => ms(`${local}:00Z`);

/** Pure and slow, so worked out once for each document. */
function once<Answer>(workOut: (terms: TermsV1) => Answer): (terms: TermsV1) => Answer {
  const answers = new WeakMap<TermsV1, Answer>();
  return (terms) => {
    const answer = answers.get(terms) ?? workOut(terms);
    answers.set(terms, answer);
    return answer;
  };
}

export const periodOf = once(({ period, timeZone }): Span => ({
  start: whenClockShows(localMs(period.start), timeZone),
  end: whenClockShows(localMs(period.end), timeZone),
}));

/** Windows of seven days on the wall clock; the last may be cut short. */
export const weeksOf = once((terms): Span[] => {
  const { end } = periodOf(terms);
  const boundary = (week: number) =>
    Math.min(end, whenClockShows(localMs(terms.period.start) + week * 7 * DAY, terms.timeZone));
  const windows = Array.from({ length: 60 }, (_, week) => ({ start: boundary(week), end: boundary(week + 1) }));
  return windows.filter((week) => week.start < end);
});

/** The first Tuesday of each month of the terms, `2022-10-04` with its instant. */
export const runsOf = once(({ disbursement, timeZone }): { date: string; runAt: number }[] => {
  const first = localMs(`${disbursement.firstMonth}-01T00:00`);
  const days = Array.from({ length: 2000 }, (_, day) => new Date(first + day * DAY));
  return days
    .filter((day) => day.toISOString().slice(0, 7) <= disbursement.lastMonth)
    .filter((day) => day.getUTCDay() === 2 && day.getUTCDate() <= 7)
    .map((day) => day.toISOString().slice(0, 10))
    .map((date) => ({ date, runAt: whenClockShows(localMs(`${date}T${disbursement.time}`), timeZone) }));
});

/** Where the dormancy window begins: some months before the start, on the wall clock. */
export function dormantFrom(terms: TermsV1): number | undefined {
  const months = /^P(\d+)M$/.exec(terms.eligibility.dormancy ?? '')?.[1];
  if (!months) return undefined;
  const local = new Date(localMs(terms.period.start));
  local.setUTCMonth(local.getUTCMonth() - Number(months));
  return whenClockShows(local.getTime(), terms.timeZone);
}

type ApiChange = DataOf<'ApiChangeRecorded'>;

function counts(terms: TermsV1, change: ApiChange): boolean {
  const path = (change.path.split('?')[0] ?? '').replace(/\/$/, '').replace(/\/\d+$/, '');
  const bare = (change.path.split('?')[0] ?? '').replace(/\/$/, '');
  return terms.qualifying.actions.some(
    ({ product, methods, paths }) =>
      product === change.product && methods.includes(change.method) && (paths.includes(path) || paths.includes(bare)),
  );
}

/** The earliest instant at which the changes, sorted, have enough weeks in a row and enough changes. */
function changesDoneAt(terms: TermsV1, changes: readonly ApiChange[]): number {
  const { weeks, changesPerWeek, changes: needed } = terms.qualifying;
  const all = weeksOf(terms);
  const sum = (some: readonly ApiChange[]) => some.reduce((count, change) => count + change.changes, 0);
  for (const { occurredAt } of changes) {
    const now = ms(occurredAt);
    const so = changes.filter((change) => ms(change.occurredAt) <= now);
    const inWeek = ({ start, end }: Span) =>
      sum(so.filter((change) => ms(change.occurredAt) >= start && ms(change.occurredAt) < end));
    const row = all.some((_, first) => {
      const window = all.slice(first, first + weeks);
      return window.length === weeks && window.every((week) => inWeek(week) >= changesPerWeek);
    });
    if (row && sum(so) >= needed) return now;
  }
  return Infinity;
}

/** The earliest instant at which the campaign has been active long enough within the period. */
function activeDoneAt(log: Log, terms: TermsV1, campaignId: string, asOf: number): number {
  const { start, end } = periodOf(terms);
  const switches = log
    .filter((entry) => ['CampaignActivated', 'CampaignPaused', 'CampaignEnded'].includes(entry.type))
    .map((entry) => ({ entry, data: entry.fact as DataOf<'CampaignActivated'> }))
    .filter(({ data }) => data.campaignId === campaignId && ms(data.occurredAt) <= asOf)
    .map(({ entry, data }) => ({ at: ms(data.occurredAt), order: entry.order, on: entry.type === 'CampaignActivated' }))
    .sort((a, b) => a.at - b.at || a.order - b.order);
  let missing = daysOf(terms.qualifying.activeFor) * DAY;
  for (const [index, { at, on }] of switches.entries()) {
    const from = Math.max(at, start);
    const until = Math.min(switches[index + 1]?.at ?? end, end);
    if (!on || until <= from) continue;
    if (from + missing <= until) return from + missing;
    missing -= until - from;
  }
  return Infinity;
}

/** When the advertiser qualified for the product, on facts effective by `asOf`; undefined when not. */
export function qualifiedAt(
  log: Log,
  terms: TermsV1,
  of: { promotionId: string; advertiserId: string; marketplace: string; product: string },
  asOf: number,
): number | undefined {
  const { start, end } = periodOf(terms);
  const invitation = factsOf(log, 'AdvertiserInvited').find(
    (each) => each.promotionId === of.promotionId && each.advertiserId === of.advertiserId,
  );
  if (!invitation || !terms.marketplaces.includes(of.marketplace)) return undefined;
  const changes = factsOf(log, 'ApiChangeRecorded')
    .filter((each) => each.advertiserId === of.advertiserId && each.marketplace === of.marketplace)
    .filter((each) => each.product === of.product && each.partnerId === invitation.partnerId && counts(terms, each))
    .filter((each) => ms(each.occurredAt) >= start && ms(each.occurredAt) < end && ms(each.occurredAt) <= asOf)
    .sort((a, b) => ms(a.occurredAt) - ms(b.occurredAt));
  const campaigns = [...new Set(changes.map((change) => change.campaignId))];
  const instants = campaigns.map((campaignId) =>
    Math.max(
      changesDoneAt(
        terms,
        changes.filter((change) => change.campaignId === campaignId),
      ),
      activeDoneAt(log, terms, campaignId, asOf),
      ms(invitation.occurredAt),
    ),
  );
  const earliest = Math.min(...instants);
  return earliest <= Math.min(end, asOf) ? earliest : undefined;
}

/** Whether the advertiser used the API in the dormancy window, anywhere and by any partner. */
export function usedApiBefore(log: Log, terms: TermsV1, advertiserId: string): boolean {
  const from = dormantFrom(terms);
  if (from === undefined) return false;
  return factsOf(log, 'ApiChangeRecorded').some(
    (each) =>
      each.advertiserId === advertiserId && ms(each.occurredAt) >= from && ms(each.occurredAt) < periodOf(terms).start,
  );
}

/** When a credit applied at an instant ends, when it may be swept, and what it pays for. */
export function lifeOf(terms: TermsV1, at: number) {
  const local = wallClock(at, terms.timeZone) + daysOf(terms.expiry.after) * DAY;
  const expiresAt = whenClockShows(local, terms.timeZone);
  const sweepableAt = expiresAt + daysOf(terms.expiry.settlementGrace) * DAY;
  return { expiresAt, sweepableAt, appliesTo: terms.award.appliesTo } satisfies Partial<Credit>;
}
