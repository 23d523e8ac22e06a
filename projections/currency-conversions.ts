import { never } from '../src/kernel/decider.js';
import type { FxEvent, FxRate } from '../src/fx/domain/events.js';

/**
 * The rates of one currency pair (a stream of the category `fx`), latest effective time first, of one effective time the
 * one recorded last first: the order in which a conversion looks for them.
 */
export interface CurrencyConversions {
  readonly rates: readonly FxRate[];
}

export const currencyConversions = {
  category: 'fx',
  initial: (): CurrencyConversions => ({ rates: [] }),

  evolve({ rates }: CurrencyConversions, event: FxEvent): CurrencyConversions {
    switch (event.type) {
      case 'FxRateRecorded': {
        const place = rates.findIndex(({ effectiveAt }) => effectiveAt <= event.data.effectiveAt);
        if (place < 0) return { rates: [...rates, event.data] };
        // Not toSpliced: the engine of servers as old as 22.10 does not know it.
        return { rates: [...rates.slice(0, place), event.data, ...rates.slice(place)] };
      }
      default:
        return never(event.type);
    }
  },
} as const;
