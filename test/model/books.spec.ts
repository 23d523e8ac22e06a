import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Books } from '../../src/audit/journal.js';
import { TotalsAtCost } from '../../src/audit/totals.js';
import { LATEST, plusMs } from '../../src/kernel/instant.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import type { Auditor } from '../support/auditor/auditor.js';
import { booksAgree, type BooksUnderTest } from './books.js';
import { Coverage } from './coverage.js';
import { InProcessLedger } from './ledger-under-test.js';
import { Player, recordRates } from './player.js';
import { histories } from './steps.js';

const runs = Number(process.env['BOOKS_RUNS'] ?? 40);
const seed = Number(process.env['BOOKS_SEED'] ?? Date.now() % 2 ** 31);

/** Any will do; a fixed one makes the time this takes the same each time. */
const SEED_OF_BUGS = 20_221_004;

let ledger: InProcessLedger;
let rates: Auditor;
beforeAll(async () => {
  ledger = await InProcessLedger.start();
  rates = await recordRates(ledger);
});
afterAll(() => ledger.stop());

let played = 0;

/** Plays random histories and looks at the books that they make, until some are not what they must be. */
async function lookedAt(books: BooksUnderTest, seed: number, numRuns: number) {
  const property = fc.asyncProperty(histories, async (history) => {
    played += 1;
    const player = new Player(ledger, rates, new Coverage(), history, `b${played}`);
    await player.play();
    await booksAgree(books, ledger, player);
  });
  return fc.check(property, { seed, numRuns, endOnFailure: true });
}

it(
  `the books are what the auditor adds up, in ${runs} random histories (BOOKS_SEED=${seed} BOOKS_RUNS=${runs})`,
  async () => {
    const { failed, errorInstance } = await lookedAt(ledger.app.get(Books), seed, runs);
    expect([failed, errorInstance ?? null]).toEqual([false, null]);
    // And all of them together, at every so many positions of the log.
    const books = ledger.app.get(Books);
    const head = await ledger.app.get(ReadModels).caughtUp();
    for (let part = 1n; part <= 10n; part += 1n) {
      const totals = new TotalsAtCost();
      for await (const line of books.lines({ asOf: LATEST, known: (head * part) / 10n })) totals.add(line);
      expect(totals.all().filter(({ atCostMinor }) => atCostMinor !== 0n)).toEqual([]);
    }
  },
  120_000 + runs * 5_000,
);

/** Bugs between the books and who looks at them. */
const BUGS: Readonly<Record<string, (books: Books) => Partial<BooksUnderTest>>> = {
  'what was forfeited is left out of a transaction': (books) => ({
    async *transactions(moment, filter) {
      for await (const transaction of books.transactions(moment, filter)) {
        const postings = transaction.postings.filter(({ account }) => account[1] !== 'breakage');
        yield { ...transaction, postings };
      }
    },
  }),
  'the trial balance knows what was recorded later': (books) => ({
    lines: ({ asOf }, filter) => books.lines({ asOf, known: 2n ** 62n }, filter),
  }),
  'the trial balance is of a millisecond before': (books) => ({
    lines: ({ asOf, known }, filter) => books.lines({ asOf: plusMs(asOf, -1), known }, filter),
  }),
  'what a credit cost in another currency is forgotten': (books) => ({
    async *lines(moment, filter) {
      for await (const { converted: _, ...line } of books.lines(moment, filter)) yield line;
    },
  }),
  'a liability ends when its credit does, swept or not': (books) => ({
    async *lines(moment, filter) {
      const lapsed = new Set<string>();
      for await (const { name } of books.lines(moment, { ...filter, lapsed: true })) lapsed.add(name);
      for await (const line of books.lines(moment, filter)) if (!lapsed.has(line.name)) yield line;
    },
  }),
  'liabilities by themselves are those of the position before': (books) => ({
    lines: ({ asOf, known }, filter) =>
      books.lines({ asOf, known: filter?.account === undefined ? known : known - 1n }, filter),
  }),
  'a page of the journal loses its last transaction': (books) => ({
    async journal(moment, filter, paging) {
      const page = await books.journal(moment, filter, paging);
      return 'items' in page && page.next !== null ? { ...page, items: page.items.slice(0, -1) } : page;
    },
  }),
};

describe('the books are found wrong when', () => {
  it.each(Object.entries(BUGS))('%s', async (_name, bug) => {
    const books = ledger.app.get(Books);
    const right: BooksUnderTest = {
      transactions: (...asked) => books.transactions(...asked),
      lines: (...asked) => books.lines(...asked),
      journal: (...asked) => books.journal(...asked),
    };
    const { failed, errorInstance } = await lookedAt({ ...right, ...bug(books) }, SEED_OF_BUGS, 100);
    expect(failed).toBe(true);
    expect(String(errorInstance)).toContain('differs at');
  });
});
