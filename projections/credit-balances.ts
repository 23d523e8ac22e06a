import type {
  AccountEvent,
  ClickReversed,
  ClickSpent,
  CreditExpired,
  CreditPart,
  CreditRevoked,
  ImpressionsSpent,
} from '../src/accounts/domain/events.js';
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
  /** What spend holds of it that is not reversed. */
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
        return withCredit(state, creditId, credit);
      }
      case 'CreditRevoked': {
        const { creditId } = event.data;
        const taken = moved(state, movementsOf(event));
        return withCredit(taken, creditId, { ...taken.credits[creditId]!, revoked: true });
      }
      case 'ClickSpent':
      case 'ImpressionsSpent':
      case 'ClickReversed':
      case 'CreditExpired':
        return moved(state, movementsOf(event));
      default:
        return never(event);
    }
  },
} as const;

/** What spend can be paid from at `asOf`, in minor units. */
export const availableAt = ({ credits }: CreditBalances, asOf: string): bigint =>
  Object.values(credits).reduce((sum, credit) => sum + remainingAt(credit, asOf), 0n);

export const remainingAt = ({ revoked, expiresAt, held }: CreditBalance, asOf: string): bigint =>
  revoked || asOf >= expiresAt ? 0n : minor(held);

const minor = (amount: string): bigint => BigInt(amount.replace('.', ''));
const zero = ({ currency }: CreditBalances): string => formatMinor(0n, currency);

/** What an event moves, in minor units: what comes on the bill, and into (or out of) each credit it names. */
export interface Movements {
  readonly billed: bigint;
  readonly credits: readonly Movement[];
}

export interface Movement {
  readonly creditId: string;
  /** What the credit holds more. */
  readonly held: bigint;
  /** What spend that is not reversed holds of it more. */
  readonly drawn: bigint;
}

/** The read models write these movements down, the fold adds them up: one definition for both. */
export function movementsOf(
  event: ClickSpent | ImpressionsSpent | ClickReversed | CreditRevoked | CreditExpired,
): Movements {
  switch (event.type) {
    case 'ClickSpent':
    case 'ImpressionsSpent':
      return movementsOfSpend(event.data);
    case 'ClickReversed': {
      const { restored, forfeited, unclawed, billable } = event.data;
      const credits = [...each(restored, 1n, -1n), ...each([...forfeited, ...unclawed], 0n, -1n)];
      return { billed: -minorOf(billable), credits };
    }
    case 'CreditRevoked':
      return { billed: minorOf(event.data.clawedBack), credits: each([event.data], -1n, 0n) };
    case 'CreditExpired':
      return { billed: 0n, credits: each([event.data], -1n, 0n) };
    default:
      return never(event);
  }
}

/** Of several facts of spend they are those of one with their sums. */
export const movementsOfSpend = ({ billable, draws }: Pick<ClickSpent['data'], 'billable' | 'draws'>): Movements => ({
  billed: minorOf(billable),
  credits: each(draws, -1n, 1n),
});

const each = (parts: readonly CreditPart[], held: bigint, drawn: bigint): Movement[] =>
  parts.map(({ creditId, amount }) => {
    const part = minorOf(amount);
    return { creditId, held: held * part, drawn: drawn * part };
  });

/** Any id is a key like all others here. (Not by a computed key: the engine of servers as old as 22.10 fails on it.) */
const withCredit = (state: CreditBalances, creditId: string, credit: CreditBalance): CreditBalances => ({
  ...state,
  credits: Object.fromEntries([...Object.entries(state.credits), [creditId, credit]]),
});

/** Movements add up: those of many events, summed, give the state that they give one after the other. */
export function moved(state: CreditBalances, { billed, credits }: Movements): CreditBalances {
  const { currency } = state;
  const after = { ...state.credits };
  for (const { creditId, held, drawn } of credits) {
    const credit = after[creditId]!;
    after[creditId] = {
      ...credit,
      held: formatMinor(minor(credit.held) + held, currency),
      drawn: formatMinor(minor(credit.drawn) + drawn, currency),
    };
  }
  return { ...state, billed: formatMinor(minor(state.billed) + billed, currency), credits: after };
}
