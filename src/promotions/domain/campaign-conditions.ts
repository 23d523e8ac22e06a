import { daysMs } from '../../kernel/calendar.js';
import { earlier, epochMs, instantOf, later, parseInstant, type Instant } from '../../kernel/instant.js';
import { activeIntervals, firstInactive, firstActivation } from './activity.js';
import type { CampaignFacts } from './facts.js';
import type { AtomTerms, QualifyingActions } from './terms.js';
import { earliest, metSince, type Outcome } from './verdict.js';
import { contains, momentOf, reaches, waiting, type Scope, type Span } from './windows.js';
import { anchorWords, deadlineWords, instantWords, timeWords } from './words.js';

/** What a condition on a campaign is looked at with. */
export interface CampaignScope extends Scope {
  /** Its id is empty when it is still to be made. */
  readonly campaign: CampaignFacts;
  /** From when on it is active if all goes well. */
  readonly hopedActiveFrom: Instant;
  /** What `weeklyChanges` of the same actions asks of a week; null: nothing does. */
  changesPerWeek(actions: readonly QualifyingActions[]): number | null;
  /** When the first of all campaigns here was launched, of the product, or with null of any. */
  firstLaunchOf(product: string | null): Instant | null;
  /** The instant so many weeks later on the wall clock; undefined beyond the year 9999. */
  weeksLater(from: Instant, weeks: number): Instant | undefined;
}

type ActiveFor = Extract<AtomTerms, { activeFor: object }>['activeFor'];
type Launched = Extract<AtomTerms, { launched: object }>['launched'];
type FirstLaunch = Extract<AtomTerms, { firstLaunch: object }>['firstLaunch'];
type ActiveAt = Extract<AtomTerms, { activeAt: object }>['activeAt'];

/** Active time within the window, and when it was enough; `continuous` counts one unbroken interval only. */
export function activeFor({ duration, activity }: ActiveFor, span: Span, scope: CampaignScope): Outcome {
  const { asOf, campaign } = scope;
  const neededMs = daysMs(duration);
  const until = epochMs(span.end === null ? asOf : earlier(asOf, span.end));
  const intervals = activeIntervals(campaign.activity, epochMs(span.from), until);
  const continuous = activity === 'continuous';
  let countedMs = 0;
  let brokenAt: number | undefined;
  for (const [from, to] of intervals) {
    if (continuous) countedMs = 0;
    if (countedMs + (to - from) >= neededMs) {
      const activeMs = continuous ? to - from : intervals.reduce((sum, [start, end]) => sum + (end - start), 0);
      return { ...metSince(instantOf(from + neededMs - countedMs)), soFar: { activeMs, activeMsToGo: 0 } };
    }
    countedMs += to - from;
    brokenAt = to;
  }
  // An unbroken interval that has ended counts for nothing any more.
  const activeMs = continuous && brokenAt !== until ? 0 : countedMs;
  const toGo = neededMs - activeMs;
  const hopedAt = afterMs(later(scope.hopedActiveFrom, span.from), toGo);
  return {
    metAt: null,
    missing: { activeSeconds: Math.ceil(toGo / 1000) },
    needs: deadlineWords(`active for ${timeWords(toGo)} more`, span.end, asOf),
    until: span.end,
    couldBeMetAt: hopedAt !== null && reaches(span, hopedAt) ? hopedAt : null,
    soFar: { activeMs, activeMsToGo: toGo },
  };
}

/** Activated for the first time within the window. */
export function launched({ endDate }: Launched, span: Span, scope: CampaignScope): Outcome {
  const first = firstActivation(scope.campaign);
  if (!first) return launchAwaited(span, scope);
  if (endDate === 'none' && (first.plannedEnd ?? null) !== null) {
    return launchedInVain(`another, as it was launched with a planned end`, first.at, span);
  }
  if (contains(span, first.at)) return metSince(first.at);
  return launchedInVain(`another, as it was launched at ${instantWords(first.at)}`, first.at, span);
}

/** As `launched`, and no campaign of the advertiser was before it. */
export function firstLaunch({ of }: FirstLaunch, span: Span, scope: CampaignScope): Outcome {
  const { campaign } = scope;
  const firstOfAll = scope.firstLaunchOf(of === 'any-product' ? null : campaign.product);
  const own = firstActivation(campaign)?.at ?? null;
  const isBeaten = firstOfAll !== null && firstOfAll < (own ?? scope.hopedActiveFrom);
  if (isBeaten)
    return launchedInVain(`no launch before it, but there was one at ${instantWords(firstOfAll)}`, firstOfAll, span);
  return launched({}, span, scope);
}

function launchAwaited(span: Span, { hopedActiveFrom, asOf }: CampaignScope): Outcome {
  return {
    metAt: null,
    missing: { launch: true },
    needs: deadlineWords('a launch', span.end, asOf),
    until: span.end,
    couldBeMetAt: contains(span, hopedActiveFrom) ? hopedActiveFrom : null,
  };
}

/** A campaign is launched once: what spoilt it was the last moment at which it could. */
const launchedInVain = (needs: string, at: Instant, { end }: Span): Outcome => ({
  metAt: null,
  missing: { launch: true },
  needs,
  until: earliest([at, end]),
  couldBeMetAt: null,
});

/** Active at a moment, whichever comes of it after; with `pauses: none` at every moment since the window began. */
export function activeAt({ moment, pauses }: ActiveAt, span: Span, scope: CampaignScope): Outcome {
  const { at, couldBeAt, until } = momentOf(moment, scope);
  const judge = (when: Instant) => activeThen(when, pauses === 'none' ? span.from : null, span, scope);
  if (at !== null) return judge(at);
  return waiting(anchorWords(moment.from), until, couldBeAt && judge(couldBeAt), scope.asOf);
}

function activeThen(when: Instant, unbrokenFrom: Instant | null, span: Span, scope: CampaignScope): Outcome {
  const { asOf, campaign, hopedActiveFrom } = scope;
  const from = unbrokenFrom ?? when;
  const inactiveAt = from <= asOf ? firstInactive(campaign.activity, from, earlier(when, asOf)) : null;
  const isWithin = span.from <= when && reaches(span, when);
  if (when <= asOf && inactiveAt === null && isWithin) return metSince(when);
  // What is not active at this very moment can still be activated at it.
  const isSpoilt = inactiveAt !== null && inactiveAt < asOf;
  const possible = asOf <= when && !isSpoilt && hopedActiveFrom <= later(from, asOf) && isWithin;
  const since = unbrokenFrom === null ? '' : ` and at every moment from ${instantWords(unbrokenFrom)} on`;
  return {
    metAt: null,
    missing: { activeAt: when },
    needs: `active at ${instantWords(when)}${since}${possible ? '' : ', which it can no longer be'}`,
    until: isSpoilt ? inactiveAt : when,
    couldBeMetAt: possible ? when : null,
  };
}

/** So many ms later; null beyond the year 9999. */
function afterMs(at: Instant, ms: number): Instant | null {
  return parseInstant(instantOf(epochMs(at) + ms)) ?? null;
}
