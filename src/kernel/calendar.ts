import { epochMs, instantOf, type Instant } from './instant.js';
import { WEEKDAYS, type DayOfMonth, type Weekday } from './weekdays.js';

/**
 * Calendars on the wall clock of an IANA zone, through `Temporal`. A local time that a clock change repeats is the earlier
 * of the two; one that a clock change skips is as far on the later side of the gap.
 */
const LATEST = Temporal.Instant.from('9999-12-31T23:59:59.999Z');

export const isTimeZone = (name: string): boolean => {
  try {
    // An offset such as +01:00 is a zone to Temporal, but it has no prevailing time.
    return /^[A-Z]/i.test(name) && new Temporal.ZonedDateTime(0n, name).timeZoneId.length > 0;
  } catch {
    return false;
  }
};

/** `2022-08-22T00:00` in the zone, as an instant. */
export const localToInstant = (local: string, timeZone: string): Instant =>
  toInstant(Temporal.PlainDateTime.from(local).toZonedDateTime(timeZone, { disambiguation: 'compatible' }));

/** The instant at the same wall-clock time a duration (`P30D`, `P3M`) later; undefined beyond the year 9999. */
export function plusWallClock(instant: Instant, duration: string, timeZone: string): Instant | undefined {
  const local = Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone).toPlainDateTime().add(duration);
  if (local.year > 9999) return undefined;
  const moved = local.toZonedDateTime(timeZone, { disambiguation: 'compatible' });
  return Temporal.Instant.compare(moved.toInstant(), LATEST) > 0 ? undefined : toInstant(moved);
}

/** The local date-time a duration before another. */
export const minusLocal = (local: string, duration: string): string =>
  Temporal.PlainDateTime.from(local).subtract(duration).toString();

export const plusLocal = (local: string, duration: string): string =>
  Temporal.PlainDateTime.from(local).add(duration).toString();

/** The length of a duration in days of 24 hours, such as `P28D`, in milliseconds. */
export const daysMs = (duration: string): number =>
  Temporal.Duration.from(duration).total({ unit: 'hours' }) * 3_600_000;

/** So many days of 24 hours later; undefined beyond the year 9999. */
export function plusDays(instant: Instant, duration: string): Instant | undefined {
  const moved = epochMs(instant) + daysMs(duration);
  return moved > LATEST.epochMilliseconds ? undefined : instantOf(moved);
}

/** The dates of that day in each month from `firstMonth` to `lastMonth` (`2022-10`), both included. */
export function monthlyDates(dayOfMonth: DayOfMonth, firstMonth: string, lastMonth: string): string[] {
  const last = Temporal.PlainYearMonth.from(lastMonth);
  const dates: string[] = [];
  for (
    let month = Temporal.PlainYearMonth.from(firstMonth);
    Temporal.PlainYearMonth.compare(month, last) <= 0;
    month = month.add('P1M')
  ) {
    dates.push(month.toPlainDate({ day: dayIn(month, dayOfMonth) }).toString());
  }
  return dates;
}

function dayIn(month: Temporal.PlainYearMonth, dayOfMonth: DayOfMonth): number {
  const { daysInMonth } = month;
  if ('day' in dayOfMonth) return dayOfMonth.day === 'last' ? daysInMonth : Math.min(dayOfMonth.day, daysInMonth);
  const { week, weekday } = dayOfMonth.nth;
  const first = 1 + ((numberOf(weekday) - month.toPlainDate({ day: 1 }).dayOfWeek + 7) % 7);
  return week === 'last' ? first + 7 * Math.floor((daysInMonth - first) / 7) : first + 7 * (week - 1);
}

/** As ISO 8601 numbers them, from Monday, 1. */
const numberOf = (weekday: Weekday): number => WEEKDAYS.indexOf(weekday) + 1;

/** The dates of the first Tuesday of each month from `firstMonth` to `lastMonth` (`2022-10`), both included. */
export const firstTuesdays = (firstMonth: string, lastMonth: string): string[] =>
  monthlyDates({ nth: { week: 1, weekday: 'tuesday' } }, firstMonth, lastMonth);

export const isWeekday = (date: string, weekday: Weekday): boolean =>
  Temporal.PlainDate.from(date).dayOfWeek === numberOf(weekday);

/** The local date of an instant. */
export const dateAt = (instant: Instant, timeZone: string): string =>
  Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone).toPlainDate().toString();

export const nextDate = (date: string): string => Temporal.PlainDate.from(date).add('P1D').toString();

/** Monday to Friday, but the holidays. */
export const isBusinessDay = (date: string, holidays: readonly string[]): boolean =>
  Temporal.PlainDate.from(date).dayOfWeek < SATURDAY && !holidays.includes(date);
const SATURDAY = 6;

/** Where the local day of an instant ends, which is where the next one begins; undefined beyond the year 9999. */
export function endOfDay(instant: Instant, timeZone: string): Instant | undefined {
  const next = Temporal.PlainDate.from(dateAt(instant, timeZone)).add('P1D');
  return next.year > 9999 ? undefined : toInstant(next.toZonedDateTime(timeZone));
}

const toInstant = (zoned: Temporal.ZonedDateTime): Instant => instantOf(zoned.epochMilliseconds);
