import { describe, expect, it } from '@jest/globals';
import { calendarOf, dueByOf } from '../../src/promotions/domain/calendar.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import type { DailyRuns, FirstTuesdays, TermsV2 } from '../../src/promotions/domain/terms.js';
import { usd } from './account-examples.js';
import { at } from './examples.js';

type Schedule = DailyRuns | FirstTuesdays;

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

  it('has no end after the last instant there is', () => {
    expect(dueBy('9999-12-31T00:00Z', 'P14D')).toBe('9999-12-31T23:59:59.999Z');
  });
});
