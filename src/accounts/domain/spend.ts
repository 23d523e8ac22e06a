import type { Instant } from '../../kernel/instant.js';
import { minorOf, moneyOf, ofThousand, type Money } from '../../kernel/money.js';
import { isRefusal, refuse, type Refusal } from '../../kernel/refusal.js';
import type { SpendKind } from '../../promotions/domain/terms.js';
import type { CreditState, Opened } from './account.js';
import { burnDown } from './burn-down.js';
import type { AccountEvent, ClickSpent, CreditPart, ImpressionsSpent } from './events.js';

type Decision = readonly AccountEvent[] | Refusal;

export function spendClick(
  data: Omit<ClickSpent['data'], 'draws' | 'billable'>,
  credits: readonly CreditState[],
  opened: Opened,
): Decision {
  const paid = pay(data, 'clicks', data.cost, credits, opened);
  return isRefusal(paid) ? paid : [{ type: 'ClickSpent', data: { ...data, ...paid } }];
}

export function spendImpressions(
  data: Omit<ImpressionsSpent['data'], 'cost' | 'draws' | 'billable'>,
  credits: readonly CreditState[],
  opened: Opened,
): Decision {
  const { impressions, cpm } = data;
  const cost = moneyOf(ofThousand(minorOf(cpm), impressions), cpm.currency);
  const paid = pay(data, 'impressions', cost, credits, opened);
  return isRefusal(paid) ? paid : [{ type: 'ImpressionsSpent', data: { ...data, cost, ...paid } }];
}

/** What credits pay of a cost, and what is left to bill. */
function pay(
  { product, occurredAt }: { readonly product: string; readonly occurredAt: Instant },
  kind: SpendKind,
  cost: Money,
  credits: readonly CreditState[],
  opened: Opened,
): { readonly draws: readonly CreditPart[]; readonly billable: Money } | Refusal {
  const early = notBefore(opened.at, occurredAt);
  if (early) return early;
  const { currency } = opened;
  if (cost.currency !== currency) {
    return refuse('currency-mismatch', `the account is in ${currency}, the cost in ${cost.currency}`);
  }
  const { draws, billable } = burnDown(credits, { product, kind }, minorOf(cost), occurredAt);
  return {
    draws: draws.map(({ credit, amount }) => ({ creditId: credit.creditId, amount: moneyOf(amount, currency) })),
    billable: moneyOf(billable, currency),
  };
}

/** Nothing happens in an account before it is open. */
export function notBefore(openedAt: Instant, occurredAt: Instant): Refusal | undefined {
  return occurredAt < openedAt
    ? refuse('invalid-command', `${occurredAt} is before the account was opened (${openedAt})`)
    : undefined;
}
