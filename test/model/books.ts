/** What the books of a ledger must say after a history, at moments on both time axes. */
import type { Books, JournalFilter, Transaction } from '../../src/audit/journal.js';
import { TotalsAtCost } from '../../src/audit/totals.js';
import { ledgerAccountName } from '../../src/accounts/domain/postings.js';
import { LATEST, parseInstant, type Instant } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import type { Moment } from '../../src/read-models/moment.js';
import { booksOf } from '../support/auditor/books.js';
import { factsOf } from '../support/auditor/facts.js';
import { decimal } from '../support/auditor/money.js';
import { iso, ms } from '../support/auditor/time.js';
import type { LedgerUnderTest } from './ledger-under-test.js';
import { agree, type Player } from './player.js';

/** What of the books is looked at: a test puts a bug between. */
export type BooksUnderTest = Pick<Books, 'transactions' | 'lines' | 'journal'>;

/** Throws at the first thing that is not as it must be. */
export async function booksAgree(
  books: BooksUnderTest,
  ledger: LedgerUnderTest,
  { auditor, known }: Player,
): Promise<void> {
  const accounts = factsOf(auditor.log, 'AccountOpened').map(({ advertiserId, marketplace }) => ({
    advertiserId,
    marketplace,
  }));
  const instants = [...instantsOf(auditor.log.map(({ fact }) => fact)), LATEST];
  for (const [index, cut] of known.entries()) {
    const position = BigInt(cut.position);
    const log = auditor.log.slice(0, cut.order);
    // Of all instants in turn, and of the end of time at every position.
    for (const asOf of new Set([instants[index % instants.length]!, LATEST])) {
      for (const account of accounts) {
        if (!factsOf(log, 'AccountOpened').some((each) => each.marketplace === account.marketplace)) continue;
        await trialBalanceAgrees(books, { asOf, known: position }, account, booksOf(log, keyOf(account), ms(asOf)));
        await liabilitiesAreWhatRemains(books, ledger, { asOf, known: position }, account);
      }
    }
  }
  for (const account of accounts) await journalAgrees(books, BigInt(known.at(-1)!.position), account);
}

interface Account {
  readonly advertiserId: string;
  readonly marketplace: string;
}
const keyOf = ({ advertiserId, marketplace }: Account) => `${advertiserId}.${marketplace}`;

async function trialBalanceAgrees(
  books: BooksUnderTest,
  moment: Moment,
  account: Account,
  audited: ReturnType<typeof booksOf>,
): Promise<void> {
  const totals = new TotalsAtCost();
  const balances: Record<string, string> = {};
  for await (const line of books.lines(moment, account)) {
    totals.add(line);
    if (line.balanceMinor !== 0n) balances[`${line.name} ${line.currency}`] = String(line.balanceMinor);
  }
  const expected = Object.fromEntries([...audited.balances].map(([name, units]) => [name, String(units)]));
  agree(`the trial balance of ${keyOf(account)} at ${momentShown(moment)}`, balances, expected);
  agree('the trial balance, read from the other side,', expected, balances);
  const unbalancedIn = totals
    .all()
    .filter(({ atCostMinor }) => atCostMinor !== 0n)
    .map(({ currency }) => currency);
  agree(`the balance at cost at ${momentShown(moment)}`, unbalancedIn, []);
  agree('the balance at cost, as it is added up again,', [...audited.atCost.keys()], []);
}

/** Of credits that have not ended. */
async function liabilitiesAreWhatRemains(
  books: BooksUnderTest,
  ledger: LedgerUnderTest,
  moment: Moment,
  { advertiserId, marketplace }: Account,
): Promise<void> {
  const { asOf, known } = moment;
  const balance = await ledger.balance(advertiserId, marketplace, asOf, String(known));
  const { currency, credits = [] } = balance as {
    currency: string;
    credits?: { status: string; creditId: string; remaining: string }[];
  };
  const owed = new Map<string, string>();
  for await (const { levels, balanceMinor } of books.lines(moment, {
    advertiserId,
    marketplace,
    account: 'liabilities',
  })) {
    owed.set(levels[4]!, decimal(-balanceMinor, currency));
  }
  for (const { creditId, remaining } of credits.filter(({ status }) => status === 'active' || status === 'exhausted')) {
    agree(
      `the liability of ${creditId} at ${momentShown(moment)}`,
      owed.get(creditId) ?? decimal(0n, currency),
      remaining,
    );
  }
}

/** Every transaction balances at cost, and pages of the journal come to the same transactions in effective order. */
async function journalAgrees(books: BooksUnderTest, known: bigint, account: Account): Promise<void> {
  const moment = { asOf: LATEST, known };
  const transactions: Transaction[] = [];
  for await (const transaction of books.transactions(moment, account)) {
    agree(`what ${transaction.event.id} comes to`, unbalanced(transaction), []);
    transactions.push(transaction);
  }
  const inOrder = transactions.sort((a, b) =>
    a.effectiveAt < b.effectiveAt ? -1 : a.effectiveAt > b.effectiveAt ? 1 : Number(a.position - b.position),
  );
  agree('the journal', await paged(books, moment, account), inOrder.map(shown));
  for (const kinds of [['ClickReversed'], ['CreditExpired', 'CreditRevoked']] as const) {
    const some = inOrder.filter(({ event }) => (kinds as readonly string[]).includes(event.type));
    agree('the journal of a kind', await paged(books, moment, { ...account, kinds }), some.map(shown));
  }
  const promotionId = inOrder.flatMap(({ postings }) => postings).find((posting) => posting.promotionId)?.promotionId;
  if (promotionId === undefined) return;
  const { marketplace } = account;
  const ofPromotion = inOrder.filter(({ postings }) => postings.some((posting) => posting.promotionId === promotionId));
  agree('the journal of a promotion', await paged(books, moment, { promotionId, marketplace }), ofPromotion.map(shown));
}

async function paged(books: BooksUnderTest, moment: Moment, filter: JournalFilter): Promise<string[]> {
  const listed: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await books.journal(moment, filter, cursor === undefined ? { limit: 7 } : { limit: 7, cursor });
    if (isRefusal(page)) throw new Error(page.detail);
    listed.push(...page.items.map(shown));
    cursor = page.next;
  }
  return listed;
}

const shown = ({ position, event, postings }: Transaction): string =>
  [
    `${position} ${event.id}`,
    ...postings.map(({ account, amountMinor, currency }) => `${ledgerAccountName(account)} ${amountMinor} ${currency}`),
  ].join(', ');

/** Currencies in which the transaction does not come to nothing at cost. */
function unbalanced({ postings }: Transaction): string[] {
  const sums = new Map<string, bigint>();
  for (const { amountMinor, currency, cost = { amountMinor, currency } } of postings) {
    sums.set(cost.currency, (sums.get(cost.currency) ?? 0n) + cost.amountMinor);
  }
  return [...sums].filter(([, sum]) => sum !== 0n).map(([currency]) => currency);
}

/** The facts' instants and the ends of credits, each with the millisecond before. */
function instantsOf(facts: readonly object[]): Instant[] {
  const at = facts.flatMap((fact) => ('at' in fact ? [Number(fact.at)] : []));
  const ends = facts.flatMap((fact) => ('expiresAt' in fact ? [Number(fact.expiresAt)] : []));
  return [...new Set([...at, ...ends].flatMap((instant) => [instant - 1, instant]))].map((instant) =>
    parseInstant(iso(instant))!,
  );
}

const momentShown = ({ asOf, known }: Moment): string => `${asOf}, position ${known}`;
