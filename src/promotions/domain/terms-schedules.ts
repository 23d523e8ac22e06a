import { WEEKDAYS } from '../../kernel/weekdays.js';
import { days } from './terms-conditions.js';
import { count, either, field, object, oneOf, optional, set, tagged, textOr, type Reader } from './terms-readers.js';
import type { DailyRuns, DatedRuns, DisbursementTerms, MonthlyRuns, WeeklyRuns } from './terms.js';
import { firstTuesdays, monthsFault } from './terms-v1.js';
import { localDate, month, timeOfDay } from './terms-values.js';

/** When runs are, in version 2. */
const time = optional(timeOfDay, 'Local time of day of each run.', '06:00', '00:00');
const holidays = optional(set(localDate, 10_000), 'Local dates that are no business days.', ['2022-12-26']);
const until = optional(localDate, "The last date of a run; by default a year after the period's end.", '2023-03-31');
const within = field(
  textOr(
    days,
    object({ businessDays: field(count(1000), 'So many business days.', 10) }),
    'a duration in days such as "P14D" or {"businessDays": 10}',
  ),
  'The service level: applied so long after qualifying, in days of 24 hours or in business days.',
  'P14D',
);
const weekday = oneOf(...WEEKDAYS);

const dailyRuns: Reader<DailyRuns> = object({
  schedule: field(oneOf('daily', 'business-days'), 'A run each day, or from Monday to Friday.', 'business-days'),
  time,
  holidays,
  until,
  within,
});

const weeklyRuns: Reader<WeeklyRuns> = object({
  schedule: field(oneOf('weekly'), 'A run each week.', 'weekly'),
  weekday: field(weekday, 'The day of the week of each run.', 'friday'),
  time,
  holidays,
  until,
  within,
});

const dayNumber = count(31);
const dayOrLast: Reader<number | 'last'> = {
  read: (value, path, reading) =>
    value === 'last'
      ? value
      : dayNumber.read(value, path, { ...reading, fault: () => reading.fault(path, 'must be 1 to 31 or "last"') }),
  schema: { oneOf: [dayNumber.schema, { const: 'last' }] },
};

const months = {
  schedule: field(oneOf('monthly'), 'A run each month.', 'monthly'),
  time,
  holidays,
  within,
  firstMonth: field(month, 'Month of the first run.', '2022-10'),
  lastMonth: field(month, 'Month of the last run; not before the first, at most ten years later.', '2023-01'),
};

const monthlyRuns: Reader<MonthlyRuns> = either({
  day: object(
    {
      ...months,
      day: field(dayOrLast, 'The day of the month; where a month lacks it, and with `last`, its last day.', 15),
    },
    monthsFault,
  ),
  nth: object(
    {
      ...months,
      nth: field(
        object({
          week: field(oneOf<1 | 2 | 3 | 4 | 'last'>(1, 2, 3, 4, 'last'), 'Which of them in the month.', 2),
          weekday: field(weekday, 'The day of the week.', 'tuesday'),
        }),
        'So many a weekday of the month.',
        { week: 'last', weekday: 'friday' },
      ),
    },
    monthsFault,
  ),
});

const datedRuns: Reader<DatedRuns> = object({
  schedule: field(oneOf('dates'), 'A run on each of the dates that are listed.', 'dates'),
  dates: field(set(localDate), 'Local dates of the runs.', ['2022-10-15', '2022-12-01']),
  time,
  holidays,
  within,
});

export const disbursement: Reader<DisbursementTerms> = tagged('schedule', {
  'first-tuesday': firstTuesdays,
  monthly: monthlyRuns,
  dates: datedRuns,
  daily: dailyRuns,
  'business-days': dailyRuns,
  weekly: weeklyRuns,
});
