import { describe, expect, it } from '@jest/globals';
import {
  daysMs,
  firstTuesdays,
  isTimeZone,
  localToInstant,
  minusLocal,
  plusDays,
  plusLocal,
  plusWallClock,
} from '../../src/kernel/calendar.js';
import type { Instant } from '../../src/kernel/instant.js';

const LOS_ANGELES = 'America/Los_Angeles';
const at = (text: string) => text as Instant;

describe('a local time as an instant', () => {
  it.each([
    ['summer time', '2022-08-22T00:00', LOS_ANGELES, '2022-08-22T07:00:00.000Z'],
    ['standard time', '2022-12-31T12:00', LOS_ANGELES, '2022-12-31T20:00:00.000Z'],
    ['the last second before a gap', '2022-03-13T01:59:59', LOS_ANGELES, '2022-03-13T09:59:59.000Z'],
    ['in a gap: as far on its later side', '2022-03-13T02:30', LOS_ANGELES, '2022-03-13T10:30:00.000Z'],
    ['the end of a gap', '2022-03-13T03:00', LOS_ANGELES, '2022-03-13T10:00:00.000Z'],
    ['in an overlap: the earlier', '2022-11-06T01:30', LOS_ANGELES, '2022-11-06T08:30:00.000Z'],
    ['the end of an overlap', '2022-11-06T02:00', LOS_ANGELES, '2022-11-06T10:00:00.000Z'],
    ['in a gap of half an hour', '2022-10-02T02:15', 'Australia/Lord_Howe', '2022-10-01T15:45:00.000Z'],
    ['on a day that was skipped', '2011-12-30T12:00', 'Pacific/Apia', '2011-12-30T22:00:00.000Z'],
    ['an offset of half an hour', '2022-10-04T00:00', 'Asia/Kolkata', '2022-10-03T18:30:00.000Z'],
  ])('%s', (_, local, zone, instant) => expect(localToInstant(local, zone)).toBe(instant));
});

describe('a duration on the wall clock', () => {
  it.each([
    ['within summer time is 30 × 24 h', '2022-10-04T07:00:00.000Z', 'P30D', '2022-11-03T07:00:00.000Z'],
    ['over 6 November is an hour more', '2022-11-01T07:00:00.000Z', 'P30D', '2022-12-01T08:00:00.000Z'],
    ['over 6 November, at noon', '2022-10-10T19:00:00.000Z', 'P30D', '2022-11-09T20:00:00.000Z'],
    ['over 12 March is an hour less', '2023-03-01T08:00:00.000Z', 'P30D', '2023-03-31T07:00:00.000Z'],
    ['into the repeated hour: the earlier', '2022-10-07T08:30:00.000Z', 'P30D', '2022-11-06T08:30:00.000Z'],
    ['out of the repeated hour, the later one', '2022-11-06T09:30:00.000Z', 'P30D', '2022-12-06T09:30:00.000Z'],
    ['out of the repeated hour, the earlier one', '2022-11-06T08:30:00.000Z', 'P30D', '2022-12-06T09:30:00.000Z'],
    ['into the gap: its later side', '2023-02-10T10:30:00.000Z', 'P30D', '2023-03-12T10:30:00.000Z'],
    ['keeps milliseconds', '2022-10-04T07:00:00.001Z', 'P1D', '2022-10-05T07:00:00.001Z'],
    ['a month, from the 31st', '2022-10-31T19:00:00.000Z', 'P1M', '2022-11-30T20:00:00.000Z'],
    ['a year, from 29 February', '2024-02-29T20:00:00.000Z', 'P1Y', '2025-02-28T20:00:00.000Z'],
    ['weeks', '2022-10-04T07:00:00.000Z', 'P2W', '2022-10-18T07:00:00.000Z'],
  ])('%s', (_, from, duration, to) => expect(plusWallClock(at(from), duration, LOS_ANGELES)).toBe(to));

  it('ends with the year 9999, by the clock and in UTC', () => {
    expect(plusWallClock(at('9999-12-01T12:00:00.000Z'), 'P30D', LOS_ANGELES)).toBe('9999-12-31T12:00:00.000Z');
    expect(plusWallClock(at('9999-12-02T12:00:00.000Z'), 'P30D', LOS_ANGELES)).toBeUndefined();
    expect(plusWallClock(at('9999-12-01T23:59:59.999Z'), 'P30D', 'Etc/UTC')).toBe('9999-12-31T23:59:59.999Z');
    // 17:00 on 31 December in Los Angeles is the year 10000 in UTC.
    expect(plusWallClock(at('9999-12-02T01:00:00.000Z'), 'P30D', LOS_ANGELES)).toBeUndefined();
  });

  it('goes back from and on from local times', () => {
    expect(minusLocal('2022-08-22T00:00:00', 'P3M')).toBe('2022-05-22T00:00:00');
    expect(minusLocal('2022-05-31T00:00:00', 'P3M')).toBe('2022-02-28T00:00:00');
    expect(plusLocal('2022-10-31T00:00:00', 'P7D')).toBe('2022-11-07T00:00:00');
  });
});

describe('days of 24 hours', () => {
  it('have one length, whatever the clocks do', () => {
    expect(daysMs('P28D')).toBe(28 * 24 * 3_600_000);
    expect(daysMs('P0D')).toBe(0);
    expect(plusDays(at('2022-11-05T07:00:00.000Z'), 'P3D')).toBe('2022-11-08T07:00:00.000Z');
  });

  it('end with the year 9999', () => {
    expect(plusDays(at('9999-12-28T23:59:59.999Z'), 'P3D')).toBe('9999-12-31T23:59:59.999Z');
    expect(plusDays(at('9999-12-29T00:00:00.000Z'), 'P3D')).toBeUndefined();
  });
});

describe('first Tuesdays', () => {
  it.each([
    ['of row A', '2022-10', '2023-01', ['2022-10-04', '2022-11-01', '2022-12-06', '2023-01-03']],
    ['of a month whose 1st is a Tuesday', '2022-11', '2022-11', ['2022-11-01']],
    ['of a month whose 1st is a Wednesday', '2022-06', '2022-06', ['2022-06-07']],
    ['of a month whose 1st is a Monday', '2022-08', '2022-08', ['2022-08-02']],
    ['over a leap day', '2024-02', '2024-03', ['2024-02-06', '2024-03-05']],
    ['of no month', '2022-11', '2022-10', []],
  ])('%s', (_, first, last, dates) => expect(firstTuesdays(first, last)).toEqual(dates));
});

describe('a time zone', () => {
  it.each([LOS_ANGELES, 'Europe/Berlin', 'Asia/Kolkata', 'America/Argentina/Buenos_Aires', 'Etc/UTC', 'UTC', 'Japan'])(
    '%s is one',
    (name) => expect(isTimeZone(name)).toBe(true),
  );

  it.each(['', 'Mars/Olympus', 'Pacific time', '+01:00', '-08:00', '+0100', '−08:00', 'Europe/', ' UTC', 'GMT+1'])(
    '"%s" is none',
    (name) => expect(isTimeZone(name)).toBe(false),
  );
});
