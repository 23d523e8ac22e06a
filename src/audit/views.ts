import { ledgerAccountName } from '../accounts/domain/postings.js';
import { formatMinor, moneyOf } from '../kernel/money.js';
import type { LedgerBalance } from '../read-models/books-queries.js';
import type { Total } from './totals.js';
import type { Transaction } from './transactions.js';

/** A transaction as answers show it. */
export const transactionView = ({ position, postings, ...transaction }: Transaction) => ({
  position: String(position),
  ...transaction,
  postings: postings.map(({ account, amountMinor, currency, cost, promotionId }) => ({
    account: ledgerAccountName(account),
    levels: account,
    ...(promotionId === undefined ? {} : { promotionId }),
    amount: formatMinor(amountMinor, currency),
    currency,
    ...(cost ? { cost: moneyOf(cost.amountMinor, cost.currency) } : {}),
  })),
});

/** A line of a trial balance as answers show it. */
export const balanceView = ({ name, levels, currency, balanceMinor }: LedgerBalance) => ({
  account: name,
  levels,
  currency,
  balance: formatMinor(balanceMinor, currency),
});

export const totalView = ({ currency, balanceMinor, atCostMinor }: Total) => ({
  currency,
  balance: formatMinor(balanceMinor, currency),
  atCost: formatMinor(atCostMinor, currency),
});
