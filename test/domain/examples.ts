import { calendarOf } from '../../src/promotions/domain/calendar.js';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import type { PromotionTerms, TermsV1 } from '../../src/promotions/domain/terms.js';
import { parseInstant, type Instant } from '../../src/kernel/instant.js';
import { TERMS } from '../support/history.js';

export { PROMOTION_ID } from '../support/history.js';

/** `at('2022-10-04T07:00:00Z')`; seconds may be left out. */
export function at(text: string): Instant {
  const instant = parseInstant(text.replace(/T(\d\d:\d\d)Z$/, 'T$1:00Z'));
  if (!instant) throw new Error(`${text} is no instant`);
  return instant;
}

export function termsOf(document: unknown): PromotionTerms {
  const parsed = parseTerms(document);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.terms;
}

/** Row A's terms and what its dates come to. */
export const ROW_A = termsOf(TERMS) as TermsV1;
export const CALENDAR_A = calendarOf(ROW_A);
