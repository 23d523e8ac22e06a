import { never } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/instant.js';
import { minorOf, type Money } from '../../kernel/money.js';
import type { AccountEvent, CreditPart } from './events.js';

/** A ledger account as its levels, each an id or a fixed word: `['liabilities', 'credits', advertiser, marketplace, credit]`. */
export type LedgerAccount = readonly [string, ...string[]];

/** One leg of a transaction. */
export interface Posting {
  readonly account: LedgerAccount;
  /** Minor units; negative is a credit. */
  readonly amountMinor: bigint;
  readonly currency: string;
  /** What it cost in another currency, with the sign of the amount; absent: itself. */
  readonly cost?: { readonly amountMinor: bigint; readonly currency: string };
}

/** What a posting needs of earlier facts of its account. */
export interface PostingContext {
  promotionOf(creditId: string): string;
  clickOf(clickId: string): { readonly product: string; readonly cost: Money };
}

export const creditAccount = (advertiserId: string, marketplace: string, creditId: string): LedgerAccount => [
  'liabilities',
  'credits',
  advertiserId,
  marketplace,
  creditId,
];
export const receivableAccount = (advertiserId: string, marketplace: string): LedgerAccount => [
  'assets',
  'receivable',
  advertiserId,
  marketplace,
];
export const grantsAccount = (promotionId: string): LedgerAccount => ['expenses', 'promotions', promotionId];
export const revokedAccount = (promotionId: string): LedgerAccount => [
  'expenses',
  'promotions',
  promotionId,
  'revoked',
];
export const breakageAccount = (promotionId: string): LedgerAccount => ['income', 'breakage', promotionId];
export const clicksAccount = (product: string): LedgerAccount => ['income', 'clicks', product];

/**
 * The double entry of an account's event: legs that add up to nothing at cost, each account once, none of zero. What
 * moves no money has none. Impressions are booked as clicks are.
 */
export function postingsOf(event: AccountEvent, context: PostingContext): readonly Posting[] {
  switch (event.type) {
    case 'AccountOpened':
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return [];
    case 'CreditApplied': {
      const { advertiserId, marketplace, creditId, promotionId, granted, applied } = event.data;
      const owed = leg(creditAccount(advertiserId, marketplace, creditId), -minorOf(applied), applied.currency);
      const cost = { amountMinor: -minorOf(granted), currency: granted.currency };
      return [
        leg(grantsAccount(promotionId), minorOf(granted), granted.currency),
        granted.currency === applied.currency ? owed : { ...owed, cost },
      ];
    }
    case 'ClickSpent':
    case 'ImpressionsSpent': {
      const { advertiserId, marketplace, product, cost, draws, billable } = event.data;
      const { currency } = cost;
      return withoutZeros([
        ...draws.map((draw) => creditLeg(event.data, draw, 1n)),
        leg(receivableAccount(advertiserId, marketplace), minorOf(billable), currency),
        leg(clicksAccount(product), -minorOf(cost), currency),
      ]);
    }
    case 'ClickReversed': {
      const { advertiserId, marketplace, clickId, restored, forfeited, billable } = event.data;
      const { product, cost } = context.clickOf(clickId);
      return gathered([
        leg(clicksAccount(product), minorOf(cost), cost.currency),
        ...restored.map((part) => creditLeg(event.data, part, -1n)),
        ...forfeited.map(({ creditId, amount }) =>
          leg(breakageAccount(context.promotionOf(creditId)), -minorOf(amount), amount.currency),
        ),
        leg(receivableAccount(advertiserId, marketplace), -minorOf(billable), billable.currency),
      ]);
    }
    case 'CreditExpired': {
      const { creditId, amount } = event.data;
      return withoutZeros([
        creditLeg(event.data, event.data, 1n),
        leg(breakageAccount(context.promotionOf(creditId)), -minorOf(amount), amount.currency),
      ]);
    }
    case 'CreditRevoked': {
      const { advertiserId, marketplace, creditId, amount, clawedBack } = event.data;
      const taken = -minorOf(amount) - minorOf(clawedBack);
      return withoutZeros([
        creditLeg(event.data, event.data, 1n),
        leg(receivableAccount(advertiserId, marketplace), minorOf(clawedBack), clawedBack.currency),
        leg(revokedAccount(context.promotionOf(creditId)), taken, amount.currency),
      ]);
    }
    default:
      return never(event);
  }
}

/** When it happened in the world. */
export function effectiveAtOf(event: AccountEvent): Instant {
  switch (event.type) {
    case 'AccountOpened':
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
    case 'ClickSpent':
    case 'ImpressionsSpent':
    case 'ClickReversed':
    case 'CreditRevoked':
      return event.data.occurredAt;
    case 'CreditApplied':
      return event.data.appliedAt;
    case 'CreditExpired':
      return event.data.expiredAt;
    default:
      return never(event);
  }
}

/** The levels in one text, joined with `:`. In a level `%` and `:` are written `%25` and `%3A`: no id opens a level. */
export const ledgerAccountName = (account: readonly string[]): string =>
  account.map((level) => level.replaceAll('%', '%25').replaceAll(':', '%3A')).join(':');

const leg = (account: LedgerAccount, amountMinor: bigint, currency: string): Posting => ({
  account,
  amountMinor,
  currency,
});

const creditLeg = (
  { advertiserId, marketplace }: { readonly advertiserId: string; readonly marketplace: string },
  { creditId, amount }: CreditPart,
  sign: bigint,
): Posting => leg(creditAccount(advertiserId, marketplace, creditId), sign * minorOf(amount), amount.currency);

const withoutZeros = (legs: readonly Posting[]): readonly Posting[] =>
  legs.filter(({ amountMinor }) => amountMinor !== 0n);

/** Legs in their order, one for each account: what was forfeited of several credits may be of one promotion. */
function gathered(legs: readonly Posting[]): readonly Posting[] {
  const byAccount = new Map<string, Posting>();
  for (const each of legs) {
    const name = ledgerAccountName(each.account);
    const amountMinor = each.amountMinor + (byAccount.get(name)?.amountMinor ?? 0n);
    byAccount.set(name, { ...each, amountMinor });
  }
  return withoutZeros([...byAccount.values()]);
}
