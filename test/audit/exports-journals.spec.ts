import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ledgerAccountName, type LedgerAccount } from '../../src/accounts/domain/postings.js';
import { beancount, beancountAccountName, hledger, ledger } from '../../src/audit/exports/journals.js';
import type { Transaction } from '../../src/audit/transactions.js';
import { formatMinor } from '../../src/kernel/money.js';
import { BOOKKEEPERS, whyNoBookkeepers, withFile, type Bookkeeper, type Holdings } from '../support/bookkeepers.js';
import { streamed, textOf, transactions } from './transactions.js';

/** A failure names the seed and path that replay it. */
const RUNS = Number(process.env['EXPORT_RUNS'] ?? 25);

const withThem = whyNoBookkeepers() === undefined ? describe : describe.skip;

const FORMATS = { hledger, ledger, beancount };
const nameOf = (format: Bookkeeper['format']) => (format === 'beancount' ? beancountAccountName : ledgerAccountName);

/** What the transactions come to, in the names of a format. */
function expected(all: readonly Transaction[], name: (account: LedgerAccount) => string, atCost = false): Holdings {
  const sums = new Map<string, { minor: bigint; currency: string }>();
  for (const { account, amountMinor, currency, cost } of all.flatMap(({ postings }) => postings)) {
    const held = atCost && cost ? cost : { amountMinor, currency };
    const key = `${name(account)} ${held.currency}`;
    const minor = held.amountMinor + (sums.get(key)?.minor ?? 0n);
    sums.set(key, { minor, currency: held.currency });
  }
  const held = [...sums].filter(([, { minor }]) => minor !== 0n);
  return new Map(held.map(([key, { minor, currency }]) => [key, formatMinor(minor, currency)]));
}

withThem('transactions of any accounts, words, days and currencies', () => {
  it.each(BOOKKEEPERS)(
    'are read by $format without a complaint, to the last cent, whole and up to a day',
    async ({ format, check, holdings, atCost }) => {
      await fc.assert(
        fc.asyncProperty(transactions(), async (all) => {
          const text = await textOf(FORMATS[format].write(streamed(all), 'any'));
          withFile(`any.${FORMATS[format].extension}`, text, (file) => {
            check(file);
            expect(holdings(file)).toEqual(expected(all, nameOf(format)));
            const day = '2022-11-01';
            const before = all.filter(({ effectiveAt }) => effectiveAt < day);
            expect(holdings(file, day)).toEqual(expected(before, nameOf(format)));
            if (atCost) expect(atCost(file)).toEqual(expected(all, nameOf(format), true));
          });
        }),
        { numRuns: RUNS },
      );
    },
    600_000,
  );
});
