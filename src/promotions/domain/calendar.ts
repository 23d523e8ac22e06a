import { firstTuesdays, localToInstant, minusLocal, plusLocal } from '../../kernel/calendar.js';
import { earlier } from '../../kernel/instant.js';
import type { PromotionCalendar, PromotionWeek } from './events.js';
import type { PromotionTerms } from './terms.js';

/** Every local date of the terms as an instant. Done once, when they are published: folds do no time-zone work. */
export function calendarOf(terms: PromotionTerms): PromotionCalendar {
  const { timeZone, period, eligibility, disbursement } = terms;
  return {
    start: localToInstant(period.start, timeZone),
    end: localToInstant(period.end, timeZone),
    dormantFrom: eligibility.dormancy ? localToInstant(minusLocal(period.start, eligibility.dormancy), timeZone) : null,
    weeks: weeksOf(terms),
    runs: firstTuesdays(disbursement.firstMonth, disbursement.lastMonth).map((date) => ({
      date,
      runAt: localToInstant(`${date}T${disbursement.time}`, timeZone),
    })),
  };
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
