import { firstTuesdays, isBusinessDay, isWeekday, monthlyDates, nextDate } from '../../kernel/calendar.js';
import { never } from '../../kernel/decider.js';
import type { Stage } from './rules.js';

type Disbursement = Stage['disbursement'];

/** The local dates of a stage's runs, in order; `start` is the local date on which its period begins. */
export function datesOf(disbursement: Disbursement, start: string): readonly string[] {
  switch (disbursement.schedule) {
    case 'first-tuesday':
      return firstTuesdays(disbursement.firstMonth, disbursement.lastMonth);
    case 'monthly':
      return monthlyDates(disbursement, disbursement.firstMonth, disbursement.lastMonth);
    case 'dates':
      return disbursement.dates;
    case 'daily':
      return daysFrom(start, disbursement.until);
    case 'business-days':
      return daysFrom(start, disbursement.until).filter((date) => isBusinessDay(date, disbursement.holidays));
    case 'weekly':
      return daysFrom(start, disbursement.until).filter((date) => isWeekday(date, disbursement.weekday));
    default:
      return never(disbursement);
  }
}

/**
 * Whether an earlier run that is still open must be asked for by itself. Months and dates are few, and somebody watches over
 * each; days and weeks are many, so the run of a date makes up for those before it.
 */
export function isOneByOne({ schedule }: Disbursement): boolean {
  switch (schedule) {
    case 'first-tuesday':
    case 'monthly':
    case 'dates':
      return true;
    case 'daily':
    case 'business-days':
    case 'weekly':
      return false;
    default:
      return never(schedule);
  }
}

function daysFrom(start: string, until: string): string[] {
  const dates: string[] = [];
  for (let date = start; date <= until; date = nextDate(date)) dates.push(date);
  return dates;
}
