import { createHash } from 'node:crypto';
import { ledgerAccountName, type LedgerAccount } from '../accounts/domain/postings.js';
import type { EventStore, Position } from '../event-store/event-store.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import { formatMinor, moneyOf } from '../kernel/money.js';
import type { BooksQueries, LedgerBalance } from '../read-models/books-queries.js';
import type { Moment } from '../read-models/moment.js';
import type { BooksLine, LapsedLine, PeriodClosed } from './domain/events.js';

export type SummedBooks = Pick<
  PeriodClosed['data'],
  'trialBalance' | 'fullTrialBalanceSha256' | 'fullTrialBalanceLines'
>;

/** The trial balance as an event can hold it: hashed as it is, and summed by marketplace. */
export async function sumUp(books: BooksQueries, moment: Moment): Promise<SummedBooks> {
  const hash = createHash('sha256');
  const sums = new Map<string, Summed & { readonly currency: string; readonly balanceMinor: bigint }>();
  let lines = 0;
  for await (const line of books.balances(moment)) {
    if (line.balanceMinor === 0n) continue;
    hash.update(canonicalLine(line));
    lines += 1;
    const summed = summedAccount(line.levels);
    const key = [summed.account, summed.marketplace ?? '', line.currency].join(' ');
    const balanceMinor = line.balanceMinor + (sums.get(key)?.balanceMinor ?? 0n);
    sums.set(key, { ...summed, currency: line.currency, balanceMinor });
  }
  const trialBalance = [...sums]
    .sort(([a], [b]) => byCodeUnit(a, b))
    .map(([, { account, marketplace, currency, balanceMinor }]): BooksLine => {
      const balance = moneyOf(balanceMinor, currency);
      return { account, ...(marketplace === undefined ? {} : { marketplace }), balance };
    });
  return { trialBalance, fullTrialBalanceSha256: hash.digest('hex'), fullTrialBalanceLines: lines };
}

/** What credits that have ended hold and that no sweep has taken, by promotion, marketplace and currency. */
export async function lapsedIn(books: BooksQueries, moment: Moment): Promise<readonly LapsedLine[]> {
  const lines: LapsedLine[] = [];
  const sections = books.sections
    .matching({}, ['credits'])
    .sort(
      (a, b) =>
        byCodeUnit(a.name, b.name) || byCodeUnit(a.marketplace, b.marketplace) || byCodeUnit(a.currency, b.currency),
    );
  for (const { name: promotionId, marketplace, currency } of sections) {
    const heldMinor = await books.lapsed(moment, promotionId, marketplace, currency);
    if (heldMinor !== 0n) lines.push({ promotionId, marketplace, held: moneyOf(heldMinor, currency) });
  }
  return lines;
}

/** The event at a position, as other stores find it too, where it has another. */
export async function eventAt(store: EventStore, position: Position): Promise<PeriodClosed['data']['lastEvent']> {
  for await (const event of store.readAll({ after: position - 1n })) {
    if (event.position === position) return { stream: event.stream, id: event.id };
    break;
  }
  throw new Error(`the store has no event at position ${position}, up to which the books are known`);
}

/** The text that is hashed: a line for each ledger account and currency, its name, currency and amount between tabs. */
const canonicalLine = ({ name, currency, balanceMinor }: LedgerBalance): string =>
  `${name}\t${currency}\t${formatMinor(balanceMinor, currency)}\n`;

type Summed = Pick<BooksLine, 'account' | 'marketplace'>;

/** Of credits and receivables there are as many ledger accounts as credits and advertisers: they are summed by marketplace. */
function summedAccount(levels: LedgerAccount): Summed {
  const [root, group = '', , marketplace] = levels;
  const isOfMany = (root === 'liabilities' && group === 'credits') || (root === 'assets' && group === 'receivable');
  return isOfMany && marketplace !== undefined
    ? { account: ledgerAccountName([root, group]), marketplace }
    : { account: ledgerAccountName(levels) };
}
