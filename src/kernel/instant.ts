/**
 * An instant, canonical: `2022-10-04T07:00:00.000Z`, always UTC, always milliseconds, years 0000 to 9999. All instants
 * have one width, so comparing them as text is comparing them in time: `a < b` just works.
 */
export type Instant = string & { readonly __brand: 'Instant' };

/**
 * What needs no calendar to be read: an instant in UTC on a day that every month has, as nearly all are that machines
 * send. All else takes the long way.
 */
const IN_UTC = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z$/;
const CANONICAL_LENGTH = '2022-10-04T07:00:00.000Z'.length;

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?(?:Z|([+-])(\d\d):(\d\d))$/i;

const EARLIEST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339 with an offset, to the millisecond; undefined for anything else, 24:00, leap seconds and finer included. */
export function parseInstant(text: string): Instant | undefined {
  if (IN_UTC.test(text)) return (text.length === CANONICAL_LENGTH ? text : text.replace('Z', '.000Z')) as Instant;
  const match = RFC_3339.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(offsetHour ?? 0) > 23 || Number(offsetMinute ?? 0) > 59) return undefined;
  const local = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${(fraction ?? '').padEnd(3, '0')}Z`);
  // Date.parse rolls 30 February over to March; the calendar does not.
  if (Number.isNaN(local) || new Date(local).getUTCDate() !== Number(day)) return undefined;
  const offset = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * 60_000;
  const utc = sign === '-' ? local + offset : local - offset;
  return utc < EARLIEST_MS || utc > LATEST_MS ? undefined : instantOf(utc);
}

/** The instant so many milliseconds after 1970-01-01T00:00:00Z. */
export const instantOf = (epochMs: number): Instant => new Date(epochMs).toISOString() as Instant;

export const epochMs = (instant: Instant): number => Date.parse(instant);

export const plusMs = (instant: Instant, ms: number): Instant => instantOf(epochMs(instant) + ms);

export const earlier = (a: Instant, b: Instant): Instant => (a <= b ? a : b);
export const later = (a: Instant, b: Instant): Instant => (a >= b ? a : b);

/** The last instant there is. */
export const LATEST: Instant = instantOf(LATEST_MS);

export const DAY_MS = 86_400_000;
