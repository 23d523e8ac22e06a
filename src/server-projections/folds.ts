import { creditBalances } from '../../projections/credit-balances.js';
import { currencyConversions } from '../../projections/currency-conversions.js';
import { disbursements } from '../../projections/disbursements.js';
import { qualifyingWeeks } from '../../projections/qualifying-weeks.js';
import type { EventLike } from '../kernel/decider.js';

/** Any of the projections: a fold over the streams of one category. */
export interface Fold<State extends object = object> {
  readonly category: string;
  initial(): State;
  evolve(state: State, event: never): State;
}

/** By the names of their files. */
export const FOLDS: Readonly<Record<string, Fold>> = {
  'credit-balances': creditBalances,
  'currency-conversions': currencyConversions,
  disbursements: disbursements,
  'qualifying-weeks': qualifyingWeeks,
};

/** One more event of the stream that the state is of. */
export const evolved = <State extends object>(fold: Fold<State>, state: State, { type, data }: EventLike): State =>
  fold.evolve(state, { type, data } as never);
