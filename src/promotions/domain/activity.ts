import { earlier, epochMs, instantOf, type Instant } from '../../kernel/instant.js';
import type { CampaignFacts } from './facts.js';

type Activity = CampaignFacts['activity'];

/** Maximal intervals [from, to) in ms in which the campaign was active, within [start, until). */
export function activeIntervals(
  activity: Activity,
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
  for (const { at, active } of activity) {
    const ms = epochMs(at);
    if (ms > until) break;
    if (active) activeFrom ??= ms;
    else close(ms);
  }
  close(until);
  return intervals;
}

/** The first moment, of those from one to another, at which the campaign was not active; null when there is none. */
export function firstInactive(activity: Activity, from: Instant, to: Instant): Instant | null {
  const [first] = activeIntervals(activity, epochMs(from), epochMs(to) + 1);
  if (!first || first[0] > epochMs(from)) return from;
  return first[1] > epochMs(to) ? null : instantOf(first[1]);
}

export const firstActivation = ({ activity }: CampaignFacts) => activity.find(({ active }) => active) ?? null;

/** When the first campaign of each product was launched; with null, the first of any. */
export function firstLaunchesIn(campaigns: readonly CampaignFacts[]): ReadonlyMap<string | null, Instant> {
  const firsts = new Map<string | null, Instant>();
  for (const campaign of campaigns) {
    const at = firstActivation(campaign)?.at;
    if (at === undefined) continue;
    for (const key of [campaign.product, null]) firsts.set(key, earlier(firsts.get(key) ?? at, at));
  }
  return firsts;
}
