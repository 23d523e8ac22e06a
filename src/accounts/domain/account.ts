import { never, type Decider } from '../../kernel/decider.js';
import { epochMs, type Instant } from '../../kernel/instant.js';
import { minorOf } from '../../kernel/money.js';
import type { SpendKind } from '../../promotions/domain/terms.js';
import { inBurnOrder } from './burn-down.js';
import { accountCodec } from './codec.js';
import { decide, type AccountCommand } from './decide.js';
import type { AccountEvent, CreditApplied, CreditPart } from './events.js';
import { holdingFrom, moved, type Holding } from './holding.js';

/** What deciding needs to know of a credit. Amounts are minor units. */
export interface CreditState {
  readonly creditId: string;
  readonly promotionId: string;
  readonly product: string;
  /** Null: of all stages of the terms. */
  readonly stage: string | null;
  /** In the currency of the terms. */
  readonly granted: bigint;
  readonly appliedAt: Instant;
  readonly expiresAt: Instant;
  readonly sweepableAt: Instant;
  readonly appliesTo: readonly string[];
  /** Null: all kinds. */
  readonly spendKinds: readonly SpendKind[] | null;
  readonly holding: Holding;
  /** What spend holds of it that is not reversed. */
  readonly drawn: bigint;
  /** Effective time of its latest draw or restoration. */
  readonly lastMovedAt: Instant | null;
  readonly swept: boolean;
  readonly revoked: { readonly at: Instant; readonly clawback: boolean } | null;
}

export interface Opened {
  readonly currency: string;
  readonly at: Instant;
}

/**
 * An account, as far as decisions go. Clicks and impressions are not in it: a reversal is told its click by `recorded`. What
 * remains of them are the movements of credits that are neither swept nor revoked yet.
 */
export interface AccountState {
  readonly opened: Opened | null;
  /** In burn order; swept and revoked ones stay, for caps and clawbacks. */
  readonly credits: readonly CreditState[];
}

export const accountDecider: Decider<AccountState, AccountCommand, AccountEvent> = {
  initial: { opened: null, credits: [] },
  decide,
  evolve,
  idOf,
  refersTo: (command) => (command.type === 'ClickReversed' ? [`ClickSpent:${command.data.clickId}`] : []),
  codec: accountCodec,
};

function evolve(state: AccountState, event: AccountEvent): AccountState {
  switch (event.type) {
    case 'AccountOpened':
      return { ...state, opened: { currency: event.data.currency, at: event.data.occurredAt } };
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return state;
    case 'CreditApplied':
      return { ...state, credits: inBurnOrder([...state.credits, appliedCredit(event)]) };
    case 'ClickSpent':
    case 'ImpressionsSpent':
      return withParts(state, event.data.draws, drawingAt(event.data.occurredAt));
    case 'ClickReversed': {
      const { restored, forfeited, unclawed, occurredAt } = event.data;
      const draw = drawingAt(occurredAt);
      const back = withParts(state, restored, (credit, amount) => draw(credit, -amount));
      return withParts(back, [...forfeited, ...unclawed], (credit, amount) => ({
        ...credit,
        drawn: credit.drawn - amount,
      }));
    }
    case 'CreditRevoked': {
      const { creditId, occurredAt, clawback } = event.data;
      return withCredit(state, creditId, (credit) => ({
        ...credit,
        holding: nothingLeft(credit),
        revoked: { at: occurredAt, clawback },
      }));
    }
    case 'CreditExpired':
      return withCredit(state, event.data.creditId, (credit) => ({
        ...credit,
        holding: nothingLeft(credit),
        swept: true,
      }));
    default:
      return never(event);
  }
}

function appliedCredit({ data }: CreditApplied): CreditState {
  const { creditId, promotionId, product, appliedAt, expiresAt, sweepableAt, appliesTo } = data;
  const { stage = null, spendKinds = null } = data;
  return {
    creditId,
    promotionId,
    product,
    stage,
    granted: minorOf(data.granted),
    appliedAt,
    expiresAt,
    sweepableAt,
    appliesTo,
    spendKinds,
    holding: holdingFrom(epochMs(appliedAt), minorOf(data.applied)),
    drawn: 0n,
    lastMovedAt: null,
    swept: false,
    revoked: null,
  };
}

/** Takes an amount from a credit at `at`; a negative amount is put back. */
function drawingAt(at: Instant): (credit: CreditState, amount: bigint) => CreditState {
  const atMs = epochMs(at);
  return (credit, amount) => ({
    ...credit,
    holding: moved(credit.holding, atMs, -amount),
    drawn: credit.drawn + amount,
    lastMovedAt: credit.lastMovedAt !== null && credit.lastMovedAt > at ? credit.lastMovedAt : at,
  });
}

/** Nothing moves in a credit that was swept or revoked, so its movements need not be remembered. */
const nothingLeft = ({ appliedAt }: CreditState): Holding => holdingFrom(epochMs(appliedAt), 0n);

const withCredit = (
  state: AccountState,
  creditId: string,
  change: (credit: CreditState) => CreditState,
): AccountState => ({
  ...state,
  credits: state.credits.map((credit) => (credit.creditId === creditId ? change(credit) : credit)),
});

/** Each credit is changed once, by all that the parts take from it. */
function withParts(
  state: AccountState,
  parts: readonly CreditPart[],
  change: (credit: CreditState, amount: bigint) => CreditState,
): AccountState {
  if (parts.length === 0) return state;
  const amounts = new Map<string, bigint>();
  for (const { creditId, amount } of parts) {
    amounts.set(creditId, (amounts.get(creditId) ?? 0n) + minorOf(amount));
  }
  const credits = state.credits.map((credit) => {
    const amount = amounts.get(credit.creditId);
    return amount === undefined ? credit : change(credit, amount);
  });
  return { ...state, credits };
}

function idOf(event: AccountEvent): string {
  switch (event.type) {
    case 'AccountOpened':
      return `${event.type}:${event.data.advertiserId}.${event.data.marketplace}`;
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return `${event.type}:${event.data.occurredAt}`;
    case 'ClickSpent':
    case 'ClickReversed':
      return `${event.type}:${event.data.clickId}`;
    case 'ImpressionsSpent':
      return `${event.type}:${event.data.impressionsId}`;
    case 'CreditApplied':
    case 'CreditRevoked':
    case 'CreditExpired':
      return `${event.type}:${event.data.creditId}`;
    default:
      return never(event);
  }
}
