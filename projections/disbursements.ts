import { never } from '../src/kernel/decider.js';
import type { DisbursementRunCompleted, PromotionCalendar, PromotionEvent } from '../src/promotions/domain/events.js';
import type { BegunRun, Revision } from '../src/promotions/domain/revisions.js';
import type { PromotionTerms } from '../src/promotions/domain/terms.js';

/** One promotion (a stream of the category `promotion`): its terms as last revised, and what its runs did. */
export interface Disbursements {
  readonly promotionId: string;
  readonly revision: number;
  readonly terms: PromotionTerms | null;
  readonly calendar: PromotionCalendar | null;
  /** What was published and each revision of it, in order. */
  readonly revisions: readonly Revision[];
  readonly terminated: { readonly at: string; readonly reason: string } | null;
  /** Runs that were begun, in the order in which they were. */
  readonly begun: readonly BegunRun[];
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
    revisions: [],
    terminated: null,
    begun: [],
    completed: [],
  }),

  evolve(state: Disbursements, event: PromotionEvent): Disbursements {
    const { promotionId } = event.data;
    switch (event.type) {
      case 'PromotionPublished':
        return revised(state, { revision: 1, effectiveAt: null, ...termsOf(event.data) }, promotionId);
      case 'PromotionRevised': {
        const { revision, effectiveAt = null } = event.data;
        return revised(state, { revision, effectiveAt, ...termsOf(event.data) }, promotionId);
      }
      case 'PromotionTerminated':
        return { ...state, terminated: { at: event.data.occurredAt, reason: event.data.reason } };
      case 'DisbursementRunStarted':
        return { ...state, begun: [...state.begun, begunBy(event.data)] };
      case 'DisbursementRunCompleted':
        return {
          ...state,
          begun: state.begun.some(({ date }) => date === event.data.date)
            ? state.begun
            : [...state.begun, begunBy(event.data)],
          completed: [...state.completed, event.data].sort((a, b) => (a.date < b.date ? -1 : 1)),
        };
      default:
        return never(event);
    }
  },
} as const;

const termsOf = ({ terms, calendar }: Pick<Revision, 'terms' | 'calendar'>) => ({ terms, calendar });

const begunBy = ({ date, runAt, revision }: BegunRun): BegunRun => ({
  date,
  runAt,
  ...(revision === undefined ? {} : { revision }),
});

const revised = (state: Disbursements, last: Revision, promotionId: string): Disbursements => ({
  ...state,
  promotionId,
  revision: last.revision,
  ...termsOf(last),
  revisions: [...state.revisions, last],
});
