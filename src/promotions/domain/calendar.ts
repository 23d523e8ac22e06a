import {
  dateAt,
  endOfDay,
  isBusinessDay,
  localToInstant,
  minusLocal,
  nextDate,
  plusDays,
  plusLocal,
} from '../../kernel/calendar.js';
import { earlier, LATEST, plusMs, type Instant } from '../../kernel/instant.js';
import type { PlannedRun, PromotionCalendar, PromotionWeek } from './events.js';
import { rulesOf, type Stage } from './rules.js';
import { datesOf, isOneByOne } from './run-dates.js';
import type { PromotionTerms } from './terms.js';

/** Every local date of the terms as an instant. Done once, when they are published: folds do no time-zone work. */
export function calendarOf(terms: PromotionTerms): PromotionCalendar {
  const { timeZone, period, eligibility } = terms;
  const dormancy = eligibility?.dormancy;
  return {
    start: localToInstant(period.start, timeZone),
    end: localToInstant(period.end, timeZone),
    dormantFrom: dormancy ? localToInstant(minusLocal(period.start, dormancy), timeZone) : null,
    weeks: weeksOf(terms),
    runs: runsOf(terms),
    ...instantsOf(terms),
  };
}

const LOCAL_DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** Version 1 names none but the period's. */
function instantsOf(terms: PromotionTerms): Pick<PromotionCalendar, 'instants'> {
  if (terms.version === 1) return {};
  const instants = localInstants([terms.eligibility, terms.stages], terms.timeZone);
  return Object.keys(instants).length > 0 ? { instants } : {};
}

/** Every local date-time in a part of terms, as the instant that it is. */
export function localInstants(part: unknown, timeZone: string): Record<string, Instant> {
  if (typeof part === 'string') return LOCAL_DATE_TIME.test(part) ? { [part]: localToInstant(part, timeZone) } : {};
  if (typeof part !== 'object' || part === null) return {};
  return Object.assign({}, ...Object.values(part).map((inner) => localInstants(inner, timeZone))) as Record<
    string,
    Instant
  >;
}

/** Windows of 7 days on the wall clock from the start; the last may be cut short by the end. */
function weeksOf({ timeZone, period }: PromotionTerms): PromotionWeek[] {
  const end = localToInstant(period.end, timeZone);
  const weeks: PromotionWeek[] = [];
  let local = period.start;
  for (let start = localToInstant(local, timeZone); start < end; start = localToInstant(local, timeZone)) {
    local = plusLocal(local, 'P7D');
    weeks.push({ week: weeks.length + 1, start, end: earlier(localToInstant(local, timeZone), end) });
  }
  return weeks;
}

/** Stages may have schedules of their own. A date has one run, at the latest of their times; it names its stages unless all. */
function runsOf(terms: PromotionTerms): PlannedRun[] {
  const { stages, timeZone } = rulesOf(terms);
  const { period } = terms;
  const begin = localToInstant(period.start, timeZone);
  const byDate = new Map<string, { runAt: Instant; stages: string[] }>();
  for (const stage of stages) {
    for (const date of datesOf(stage.disbursement, period.start.slice(0, 'YYYY-MM-DD'.length))) {
      const runAt = localToInstant(`${date}T${stage.disbursement.time}`, timeZone);
      // On its first day a promotion may begin after the time of the run.
      if (runAt < begin && !isOneByOne(stage.disbursement)) continue;
      const run = byDate.get(date) ?? { runAt, stages: [] };
      if (runAt > run.runAt) run.runAt = runAt;
      run.stages.push(stage.id ?? '');
      byDate.set(date, run);
    }
  }
  const runs = [...byDate].map(([date, run]) => ({
    date,
    runAt: run.runAt,
    ...(run.stages.length < stages.length ? { stages: run.stages } : {}),
  }));
  return runs.sort((a, b) => (a.runAt < b.runAt ? -1 : 1));
}

/**
 * Up to when a credit is applied within the service level: so many days of 24 hours after it was earned, or the last instant
 * of so many business days after that local day.
 */
export function dueByOf({ disbursement }: Stage, timeZone: string, qualifiedAt: Instant): Instant {
  const { within } = disbursement;
  return (
    (typeof within === 'string'
      ? plusDays(qualifiedAt, within)
      : endOfBusinessDays(within.businessDays, holidaysOf(disbursement), timeZone, qualifiedAt)) ?? LATEST
  );
}

function endOfBusinessDays(
  days: number,
  holidays: readonly string[],
  timeZone: string,
  qualifiedAt: Instant,
): Instant | undefined {
  let date = dateAt(qualifiedAt, timeZone);
  for (let left = days; left > 0;) {
    date = nextDate(date);
    if (isBusinessDay(date, holidays)) left -= 1;
  }
  const next = endOfDay(localToInstant(`${date}T12:00`, timeZone), timeZone);
  return next && plusMs(next, -1);
}

const holidaysOf = (disbursement: Stage['disbursement']): readonly string[] =>
  'holidays' in disbursement ? disbursement.holidays : [];
