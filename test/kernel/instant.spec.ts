import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { earlier, epochMs, instantOf, later, parseInstant, plusMs } from '../../src/kernel/instant.js';

const ACCEPTED: readonly (readonly [string, string])[] = [
  ['2022-10-04T07:00:00Z', '2022-10-04T07:00:00.000Z'],
  ['2022-10-04t07:00:00z', '2022-10-04T07:00:00.000Z'],
  ['2022-10-04T00:00:00-07:00', '2022-10-04T07:00:00.000Z'],
  ['2022-10-04T12:30:00+05:30', '2022-10-04T07:00:00.000Z'],
  ['2022-10-04T07:00:00-00:00', '2022-10-04T07:00:00.000Z'],
  ['2022-12-31T23:30:00-01:00', '2023-01-01T00:30:00.000Z'],
  ['2022-10-04T07:00:00.5Z', '2022-10-04T07:00:00.500Z'],
  ['2022-10-04T07:00:00.05Z', '2022-10-04T07:00:00.050Z'],
  ['2022-10-04T07:00:00.123Z', '2022-10-04T07:00:00.123Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ['0099-06-01T00:00:00Z', '0099-06-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
];

const REFUSED: readonly (readonly [string, string])[] = [
  ['no offset', '2022-10-04T07:00:00'],
  ['no time', '2022-10-04'],
  ['no seconds', '2022-10-04T07:00Z'],
  ['a space for the T', '2022-10-04 07:00:00Z'],
  ['finer than milliseconds', '2022-10-04T07:00:00.1234Z'],
  ['finer than milliseconds, by zeros only', '2022-10-04T07:00:00.0000Z'],
  ['a point and no digits', '2022-10-04T07:00:00.Z'],
  ['a decimal comma', '2022-10-04T07:00:00,5Z'],
  ['24:00', '2022-10-04T24:00:00Z'],
  ['minute 60', '2022-10-04T07:60:00Z'],
  ['a leap second', '2016-12-31T23:59:60Z'],
  ['30 February', '2022-02-30T00:00:00Z'],
  ['29 February of a common year', '2023-02-29T00:00:00Z'],
  ['31 November', '2022-11-31T00:00:00Z'],
  ['month 13', '2022-13-01T00:00:00Z'],
  ['month 0', '2022-00-01T00:00:00Z'],
  ['day 0', '2022-10-00T00:00:00Z'],
  ['an offset of 24 hours', '2022-10-04T07:00:00+24:00'],
  ['an offset of 60 minutes', '2022-10-04T07:00:00+01:60'],
  ['an offset without colon', '2022-10-04T07:00:00+0200'],
  ['an offset of hours only', '2022-10-04T07:00:00+02'],
  ['before year 0 once it is UTC', '0000-01-01T00:00:00+00:01'],
  ['after 9999 once it is UTC', '9999-12-31T23:59:59-00:01'],
  ['a year of six digits', '+002022-10-04T07:00:00Z'],
  ['a zone in brackets', '2022-10-04T07:00:00Z[UTC]'],
  ['something before it', ' 2022-10-04T07:00:00Z'],
  ['something after it', '2022-10-04T07:00:00Z\n'],
  ['digits that are not ASCII', '٢٠٢٢-10-04T07:00:00Z'],
  ['nothing', ''],
];

describe('an instant', () => {
  it.each(ACCEPTED)('%s is %s', (text, instant) => expect(parseInstant(text)).toBe(instant));

  it.each(REFUSED)('is not to have %s', (_, text) => expect(parseInstant(text)).toBeUndefined());

  it('says the same whatever its offset, and is ordered as text', () => {
    const range = { min: Date.UTC(1900, 0, 1), max: Date.UTC(2100, 0, 1) };
    fc.assert(
      fc.property(fc.integer(range), fc.integer(range), fc.integer({ min: -1439, max: 1439 }), (a, b, minutes) => {
        const pad = (part: number) => String(part).padStart(2, '0');
        const offset = `${minutes < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
        const local = new Date(a + minutes * 60_000).toISOString().replace('Z', offset);
        expect(parseInstant(local)).toBe(instantOf(a));
        expect(instantOf(a) < instantOf(b)).toBe(a < b);
      }),
    );
  });

  it('in UTC is an instant when the calendar has it, and then says what it said', () => {
    const part = (least: number, most: number, width = 2) =>
      fc.integer({ min: least, max: most }).map((value) => String(value).padStart(width, '0'));
    const parts = fc.tuple(part(0, 9999, 4), part(0, 13), part(0, 32), part(0, 25), part(0, 61), part(0, 61));
    const counts = { read: 0, refused: 0 };
    fc.assert(
      fc.property(parts, fc.option(part(0, 999, 3)), ([year, month, day, hour, minute, second], fraction) => {
        const canonical = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction ?? '000'}Z`;
        const ms = Date.parse(canonical);
        // What Date rolls over, such as 30 February, comes back as another day.
        const isThere = !Number.isNaN(ms) && new Date(ms).toISOString() === canonical;
        counts[isThere ? 'read' : 'refused'] += 1;
        const text = fraction === null ? canonical.replace('.000', '') : canonical;
        expect(parseInstant(text)).toBe(isThere ? canonical : undefined);
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(300);
  });

  it('moves by milliseconds', () => {
    const instant = instantOf(Date.UTC(2022, 9, 4, 7));
    expect(plusMs(instant, -1)).toBe('2022-10-04T06:59:59.999Z');
    expect(epochMs(plusMs(instant, 86_400_000)) - epochMs(instant)).toBe(86_400_000);
    expect([earlier(instant, plusMs(instant, 1)), later(instant, plusMs(instant, 1))]).toEqual([
      '2022-10-04T07:00:00.000Z',
      '2022-10-04T07:00:00.001Z',
    ]);
  });
});
