import { never } from '../src/kernel/decider.js';
import type { DisbursementRunCompleted, PromotionCalendar, PromotionEvent } from '../src/promotions/domain/events.js';
import type { PromotionTerms } from '../src/promotions/domain/terms.js';

/** One promotion (a stream of the category `promotion`): its terms as last revised, and what its runs did. */
export interface Disbursements {
  readonly promotionId: string;
  readonly revision: number;
  readonly terms: PromotionTerms | null;
  readonly calendar: PromotionCalendar | null;
  readonly terminated: { readonly at: string; readonly reason: string } | null;
  /** In the order of their dates. */
  readonly completed: readonly DisbursementRunCompleted['data'][];
}

export const disbursements = {
  category: 'promotion',
  initial: (): Disbursements => ({
    promotionId: '',
    revision: 0,
    terms: null,
    calendar: null,
    terminated: null,
    completed: [],
  }),

  evolve(state: Disbursements, event: PromotionEvent): Disbursements {
    const { promotionId } = event.data;
    switch (event.type) {
      case 'PromotionPublished':
        return { ...state, promotionId, revision: 1, terms: event.data.terms, calendar: event.data.calendar };
      case 'PromotionRevised':
        return { ...state, revision: event.data.revision, terms: event.data.terms, calendar: event.data.calendar };
      case 'PromotionTerminated':
        return { ...state, terminated: { at: event.data.occurredAt, reason: event.data.reason } };
      case 'DisbursementRunStarted':
        return state;
      case 'DisbursementRunCompleted':
        return {
          ...state,
          completed: [...state.completed, event.data].sort((a, b) => (a.date < b.date ? -1 : 1)),
        };
      default:
        return never(event);
    }
  },
} as const;
