import type { AccountEvent, CreditPart } from '../src/accounts/domain/events.js';
import { never } from '../src/kernel/decider.js';
import type { Instant } from '../src/kernel/instant.js';
import { formatMinor, minorOf } from '../src/kernel/money.js';

/**
 * The credits and the bill of one account (a stream of the category `account`). Folding the events recorded up to K and
 * effective up to T gives the account at T as known at K, but for what the passing of time alone does: that a credit ends
 * at its `expiresAt` is seen by `availableAt`. Amounts are decimal strings in the account's currency.
 */
export interface CreditBalances {
  readonly currency: string;
  readonly billed: string;
  /** By creditId. */
  readonly credits: Readonly<Record<string, CreditBalance>>;
}

export interface CreditBalance {
  readonly promotionId: string;
  readonly product: string;
  readonly qualifiedAt: Instant | null;
  readonly campaignId: string | null;
  readonly appliedAt: Instant;
  readonly expiresAt: Instant;
  readonly applied: string;
  /** What it holds, were it not for its end. */
  readonly held: string;
  /** What unreversed clicks hold of it. */
  readonly drawn: string;
  readonly revoked: boolean;
}

export const creditBalances = {
  category: 'account',
  initial: (): CreditBalances => ({ currency: '', billed: '', credits: {} }),

  evolve(state: CreditBalances, event: AccountEvent): CreditBalances {
    switch (event.type) {
      case 'AccountOpened':
        return { ...state, currency: event.data.currency, billed: formatMinor(0n, event.data.currency) };
      case 'AccountStandingChanged':
      case 'PaymentMethodChanged':
        return state;
      case 'CreditApplied': {
        const { creditId, promotionId, product, qualifiedAt, campaignId, appliedAt, expiresAt, applied } = event.data;
        const given = { promotionId, product, qualifiedAt, campaignId, appliedAt, expiresAt };
        const credit = { ...given, applied: applied.amount, held: applied.amount, drawn: zero(state), revoked: false };
        return { ...state, credits: { ...state.credits, [creditId]: credit } };
      }
      case 'ClickSpent':
        return moved(billed(state, minorOf(event.data.billable)), event.data.draws, -1n, 1n);
      case 'ClickReversed': {
        const { restored, forfeited, unclawed, billable } = event.data;
        const unbilled = billed(state, -minorOf(billable));
        return moved(moved(unbilled, restored, 1n, -1n), [...forfeited, ...unclawed], 0n, -1n);
      }
      case 'CreditRevoked': {
        const { creditId, amount, clawedBack } = event.data;
        const taken = moved(billed(state, minorOf(clawedBack)), [{ creditId, amount }], -1n, 0n);
        return { ...taken, credits: { ...taken.credits, [creditId]: { ...taken.credits[creditId]!, revoked: true } } };
      }
      case 'CreditExpired':
        return moved(state, [event.data], -1n, 0n);
      default:
        return never(event);
    }
  },
} as const;

/** What clicks can be paid from at `asOf`, in minor units. */
export const availableAt = ({ credits }: CreditBalances, asOf: string): bigint =>
  Object.values(credits).reduce((sum, credit) => sum + remainingAt(credit, asOf), 0n);

export const remainingAt = ({ revoked, expiresAt, held }: CreditBalance, asOf: string): bigint =>
  revoked || asOf >= expiresAt ? 0n : minor(held);

const minor = (amount: string): bigint => BigInt(amount.replace('.', ''));
const zero = ({ currency }: CreditBalances): string => formatMinor(0n, currency);

const billed = (state: CreditBalances, delta: bigint): CreditBalances => ({
  ...state,
  billed: formatMinor(minor(state.billed) + delta, state.currency),
});

/** Moves each part into (+1) or out of (−1) what its credit holds and what clicks hold of it. */
function moved(state: CreditBalances, parts: readonly CreditPart[], held: bigint, drawn: bigint): CreditBalances {
  const credits = { ...state.credits };
  for (const { creditId, amount } of parts) {
    const credit = credits[creditId]!;
    credits[creditId] = {
      ...credit,
      held: formatMinor(minor(credit.held) + held * minorOf(amount), state.currency),
      drawn: formatMinor(minor(credit.drawn) + drawn * minorOf(amount), state.currency),
    };
  }
  return { ...state, credits };
}
