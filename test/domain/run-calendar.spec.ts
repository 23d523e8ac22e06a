import { describe, expect, it } from '@jest/globals';
import { calendarOf, dueByOf } from '../../src/promotions/domain/calendar.js';
import { runsUpTo } from '../../src/promotions/domain/promotion.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import type { DailyRuns, DisbursementTerms as Schedule, TermsV2 } from '../../src/promotions/domain/terms.js';
import { usd } from './account-examples.js';
import { at } from './examples.js';

const termsWith = (...schedules: readonly Schedule[]): TermsV2 => ({
  version: 2,
  name: 'Runs',
  timeZone: 'America/Los_Angeles',
  period: { start: '2022-11-03T12:00', end: '2022-11-20T00:00' },
  marketplaces: ['DE'],
  products: ['SP'],
  stages: schedules.map((disbursement, index) => ({
    id: `stage-${index + 1}`,
    qualifying: { activated: 'offer' },
    award: { amount: usd('100.00') },
    disbursement,
    expiry: { after: 'P30D' },
  })),
});
const runsOf = (...schedules: readonly Schedule[]) => calendarOf(termsWith(...schedules)).runs;

describe('runs on days', () => {
  it('are each day from the start on, by the wall clock, also over the end of summer time', () => {
    expect(runsOf({ schedule: 'daily', time: '06:30', until: '2022-11-07', within: 'P14D' })).toEqual([
      // The run of 3 November would be before the promotion begins.
      { date: '2022-11-04', runAt: at('2022-11-04T13:30Z') },
      { date: '2022-11-05', runAt: at('2022-11-05T13:30Z') },
      { date: '2022-11-06', runAt: at('2022-11-06T14:30Z') },
      { date: '2022-11-07', runAt: at('2022-11-07T14:30Z') },
    ]);
    expect(runsOf({ schedule: 'daily', time: '12:00', until: '2022-11-03', within: 'P14D' })).toHaveLength(1);
  });

  it('go on for a year after the end where the terms name no last day', () => {
    const runs = runsOf({ schedule: 'daily', within: 'P14D' });
    expect([runs[0]?.date, runs.at(-1)?.date]).toEqual(['2022-11-04', '2023-11-20']);
  });

  it('are on business days only: no weekends, no holidays', () => {
    const runs = runsOf({ schedule: 'business-days', holidays: ['2022-11-11'], until: '2022-11-14', within: 'P14D' });
    expect(runs.map(({ date }) => date)).toEqual([
      '2022-11-04',
      '2022-11-07',
      '2022-11-08',
      '2022-11-09',
      '2022-11-10',
      '2022-11-14',
    ]);
  });

  it('of stages with schedules of their own are one a date, at the latest time, and name whose they are', () => {
    const daily: Schedule = { schedule: 'daily', time: '06:00', until: '2022-11-05', within: 'P14D' };
    const business: Schedule = { schedule: 'business-days', time: '09:00', until: '2022-11-05', within: 'P14D' };
    expect(runsOf(daily, business)).toEqual([
      { date: '2022-11-04', runAt: at('2022-11-04T16:00Z') },
      { date: '2022-11-05', runAt: at('2022-11-05T13:00Z'), stages: ['stage-1'] },
    ]);
  });
});

describe('runs by month', () => {
  const datesOf = (day: object, firstMonth = '2022-11', lastMonth = '2023-03') =>
    runsOf({ schedule: 'monthly', ...day, firstMonth, lastMonth, within: 'P30D' } as Schedule).map(({ date }) => date);

  it('are on a day, or on the last where the month lacks it', () => {
    expect(datesOf({ day: 15 })).toEqual(['2022-11-15', '2022-12-15', '2023-01-15', '2023-02-15', '2023-03-15']);
    const ends = ['2022-11-30', '2022-12-31', '2023-01-31', '2023-02-28', '2023-03-31'];
    expect(datesOf({ day: 31 })).toEqual(ends);
    expect(datesOf({ day: 'last' })).toEqual(ends);
    expect(datesOf({ day: 30 }, '2024-01', '2024-02')).toEqual(['2024-01-30', '2024-02-29']);
  });

  it.each([
    [1, 'tuesday', ['2022-11-01', '2022-12-06', '2023-01-03', '2023-02-07', '2023-03-07']],
    [2, 'wednesday', ['2022-11-09', '2022-12-14', '2023-01-11', '2023-02-08', '2023-03-08']],
    [4, 'sunday', ['2022-11-27', '2022-12-25', '2023-01-22', '2023-02-26', '2023-03-26']],
    ['last', 'wednesday', ['2022-11-30', '2022-12-28', '2023-01-25', '2023-02-22', '2023-03-29']],
    ['last', 'monday', ['2022-11-28', '2022-12-26', '2023-01-30', '2023-02-27', '2023-03-27']],
  ])('are on the weekday number %s, %s', (week, weekday, dates) => {
    expect(datesOf({ nth: { week, weekday } })).toEqual(dates);
  });

  it('are by the wall clock: at a time that is skipped, as far on its later side', () => {
    const nth = { week: 2, weekday: 'sunday' } as const;
    const months = { firstMonth: '2023-02', lastMonth: '2023-04' };
    const runs = runsOf({ schedule: 'monthly', nth, time: '02:30', ...months, within: 'P30D' });
    expect(runs).toEqual([
      { date: '2023-02-12', runAt: at('2023-02-12T10:30Z') },
      { date: '2023-03-12', runAt: at('2023-03-12T10:30Z') },
      { date: '2023-04-09', runAt: at('2023-04-09T09:30Z') },
    ]);
  });
});

describe('runs by date and by week', () => {
  it('are on the dates', () => {
    const dates = ['2022-11-05', '2022-11-06', '2022-11-07'];
    expect(runsOf({ schedule: 'dates', dates, time: '01:30', within: 'P14D' })).toEqual([
      { date: '2022-11-05', runAt: at('2022-11-05T08:30Z') },
      { date: '2022-11-06', runAt: at('2022-11-06T08:30Z') },
      { date: '2022-11-07', runAt: at('2022-11-07T09:30Z') },
    ]);
  });

  it('are on the day of each week, from the start to the last date', () => {
    const runs = runsOf({
      schedule: 'weekly',
      weekday: 'thursday',
      time: '06:00',
      until: '2022-11-17',
      within: 'P14D',
    });
    // The run of 3 November would be before the promotion begins.
    expect(runs).toEqual([
      { date: '2022-11-10', runAt: at('2022-11-10T14:00Z') },
      { date: '2022-11-17', runAt: at('2022-11-17T14:00Z') },
    ]);
  });
});

describe('the runs to perform for the run of a date', () => {
  const until = '2022-12-15';
  const upTo = (date: string, ...schedules: readonly Schedule[]) => {
    const terms = termsWith(...schedules);
    const revision = { revision: 1, terms, calendar: calendarOf(terms), effectiveAt: null, reason: null };
    const state = { revisions: [revision], terminatedAt: null, runs: new Map() };
    return runsUpTo(state, date).map((run) => run.date);
  };
  const dates: Schedule = { schedule: 'dates', dates: ['2022-11-10', '2022-11-17'], within: 'P14D' };
  const weekly: Schedule = { schedule: 'weekly', weekday: 'thursday', until, within: 'P14D' };
  const monthly: Schedule = {
    schedule: 'monthly',
    day: 17,
    firstMonth: '2022-10',
    lastMonth: '2022-12',
    within: 'P14D',
  };

  it('are by month and by date one by one', () => {
    expect(upTo('2022-11-17', dates)).toEqual(['2022-11-17']);
    expect(upTo('2022-11-17', dates, monthly)).toEqual(['2022-11-17']);
  });

  it('are by week all those that are open', () => {
    expect(upTo('2022-11-24', weekly)).toEqual(['2022-11-10', '2022-11-17', '2022-11-24']);
    expect(upTo('2022-11-17', weekly, monthly)).toEqual(['2022-10-17', '2022-11-10', '2022-11-17']);
  });
});

describe('the service level', () => {
  const dueBy = (qualifiedAt: string, within: DailyRuns['within'], holidays: readonly string[] = []) => {
    const { stages, timeZone } = rulesOf(termsWith({ schedule: 'business-days', holidays, within }));
    return dueByOf(stages[0]!, timeZone, at(qualifiedAt));
  };

  it('of days is of 24 hours each', () => {
    expect(dueBy('2022-11-04T12:00Z', 'P3D')).toBe(at('2022-11-07T12:00Z'));
  });

  it.each([
    ['from a Friday over the weekend', '2022-11-04T20:00Z', 2, [], '2022-11-09T07:59:59.999Z'],
    ['from a Sunday', '2022-11-06T20:00Z', 1, [], '2022-11-08T07:59:59.999Z'],
    ['over a holiday', '2022-11-10T20:00Z', 1, ['2022-11-11'], '2022-11-15T07:59:59.999Z'],
    ['by the local day', '2022-11-05T03:00Z', 1, [], '2022-11-08T07:59:59.999Z'],
  ])('of business days is kept to the end of the last of them: %s', (_, qualifiedAt, businessDays, holidays, due) => {
    expect(dueBy(qualifiedAt, { businessDays }, holidays)).toBe(due);
  });

  it.each<Schedule>([
    { schedule: 'weekly', weekday: 'friday', holidays: ['2022-11-11'], within: { businessDays: 1 } },
    { schedule: 'dates', dates: ['2022-12-01'], holidays: ['2022-11-11'], within: { businessDays: 1 } },
    {
      schedule: 'monthly',
      day: 'last',
      firstMonth: '2022-11',
      lastMonth: '2022-12',
      holidays: ['2022-11-11'],
      within: { businessDays: 1 },
    },
  ])('is in business days also where the runs are $schedule', (schedule) => {
    const { stages, timeZone } = rulesOf(termsWith(schedule));
    expect(dueByOf(stages[0]!, timeZone, at('2022-11-10T20:00Z'))).toBe('2022-11-15T07:59:59.999Z');
  });

  it('has no end after the last instant there is', () => {
    expect(dueBy('9999-12-31T00:00Z', 'P14D')).toBe('9999-12-31T23:59:59.999Z');
  });
});
