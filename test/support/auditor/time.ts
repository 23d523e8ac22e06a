/** The auditor's own time: instants are epoch milliseconds, and the only zone work is a search with `Intl`. */
export const DAY = 24 * 60 * 60 * 1000;

/** RFC 3339 as the tests write it: `2022-10-04T07:00:00.000Z`, with or without fraction, `Z` or an offset. */
export function ms(instant: string): number {
  const parts = /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(?:\.(\d+))?(?:Z|([+-]\d\d):(\d\d))$/.exec(instant);
  if (!parts) throw new Error(`not an instant: ${instant}`);
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fraction = Number((parts[7] ?? '').padEnd(3, '0'));
  const minutesEast = Number(parts[8] ?? 0) * 60 + Number(`${parts[8]?.[0] ?? ''}${parts[9] ?? 0}`);
  return Date.UTC(year, month - 1, day, hour, minute, second, fraction) - minutesEast * 60_000;
}

export const iso = (instant: number): string => new Date(instant).toISOString();

const formatters = new Map<string, Intl.DateTimeFormat>();

/** What a clock on the wall shows, written as if it were UTC. */
export function wallClock(instant: number, zone: string): number {
  let formatter = formatters.get(zone);
  if (!formatter) {
    const numeric = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric' } as const;
    const options = { ...numeric, minute: 'numeric', second: 'numeric', hourCycle: 'h23', timeZone: zone } as const;
    formatters.set(zone, (formatter = new Intl.DateTimeFormat('en-US', options)));
  }
  const shown = Object.fromEntries(formatter.formatToParts(instant).map((part) => [part.type, Number(part.value)]));
  const { year = 0, month = 1, day, hour, minute, second } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (instant % 1000);
}

/** When the wall clock shows this: of two instants the earlier; in a gap, what a clock not yet put forward means. */
export function whenClockShows(local: number, zone: string): number {
  const offsets = [local - DAY, local + DAY].map((near) => wallClock(near, zone) - near);
  const candidates = offsets.map((offset) => local - offset);
  const real = candidates.filter((candidate) => wallClock(candidate, zone) === local);
  return real.length > 0 ? Math.min(...real) : Math.max(...candidates);
}

/** `P30D` → 30. */
export function daysOf(duration: string): number {
  const days = /^P(\d+)D$/.exec(duration);
  if (!days) throw new Error(`not in days: ${duration}`);
  return Number(days[1]);
}
