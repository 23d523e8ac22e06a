import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { accountDecider } from '../../src/accounts/domain/account.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { instantOf, LATEST } from '../../src/kernel/instant.js';
import type { BooksFilter, LedgerBalance } from '../../src/read-models/books-queries.js';
import { ReadModelDatabase, Statement } from '../../src/read-models/database.js';
import { ReadModels } from '../../src/read-models/read-models.js';

/** One name begins another's, with characters of either side of the `:` between levels. */
const ODD = ['adv', 'adv-1', 'adv/1', 'adv:1', 'adv_1', 'adv1'];
const MANY = Array.from({ length: 600 }, (_, nth) => `many-${nth}`);
const MARKETPLACES = ['DE', 'US'];
const at = (nth: number) => instantOf(Date.parse('2022-10-01T00:00:00Z') + nth * 1000);
const eur = (amount: string) => ({ amount, currency: 'EUR' });

const store = new MemoryEventStore();
const models = new ReadModels(store, new ReadModelDatabase(':memory:'));
const { books } = models;
let known: bigint;

const event = (each: AccountEvent) => ({ id: accountDecider.idOf(each), ...each, metadata: { version: 1 } });

/** A credit of which a click took some, and another that lapsed and was swept, or not. */
function lifeOf(advertiserId: string, marketplace: string, isSwept: boolean): AccountEvent[] {
  const owner = { advertiserId, marketplace };
  const credit = (creditId: string, promotionId: string, endsAt: number): AccountEvent => ({
    type: 'CreditApplied',
    data: {
      ...owner,
      creditId,
      promotionId,
      product: 'SP',
      campaignId: null,
      appliesTo: ['SP'],
      granted: eur('5.00'),
      applied: eur('5.00'),
      fx: null,
      qualifiedAt: null,
      appliedAt: at(1),
      expiresAt: at(endsAt),
      sweepableAt: at(endsAt),
      origin: 'manual',
      reason: 'goodwill',
    },
  });
  return [
    { type: 'AccountOpened', data: { ...owner, currency: 'EUR', occurredAt: at(0) } },
    credit('credit:1', 'summer', 100_000),
    credit('credit:2', 'spring', 10),
    {
      type: 'ClickSpent',
      data: {
        ...owner,
        clickId: 'click',
        campaignId: 'campaign',
        product: 'SP',
        cost: eur('3.00'),
        occurredAt: at(5),
        draws: [{ creditId: 'credit:1', amount: eur('1.00') }],
        billable: eur('2.00'),
      },
    },
    ...(isSwept
      ? [
          {
            type: 'CreditExpired' as const,
            data: { ...owner, creditId: 'credit:2', amount: eur('5.00'), expiredAt: at(10) },
          },
        ]
      : []),
  ];
}

beforeAll(async () => {
  for (const [nth, advertiserId] of [...ODD, ...MANY].entries()) {
    for (const marketplace of MARKETPLACES) {
      const life = lifeOf(advertiserId, marketplace, nth >= ODD.length);
      await store.append(accountStream(advertiserId, marketplace), 'none', life.map(event));
    }
  }
  await models.start();
  known = await models.caughtUp();
});
afterAll(async () => {
  await models.close();
  await store.close();
});

const moment = () => ({ asOf: at(50), known });
const linesOf = (filter: BooksFilter = {}): Promise<LedgerBalance[]> =>
  Array.fromAsync(books.balances(moment(), filter));
const textOf = ({ name, currency, balanceMinor }: LedgerBalance) => `${name} ${balanceMinor} ${currency}`;

it('a filter by ledger account keeps the lines within its levels, whatever ids look like', async () => {
  const all = await linesOf();
  const prefixes = all
    .filter(({ levels: [, , id = ''] }) => !id.startsWith('many-') || id === 'many-7')
    .flatMap(({ name }) => name.split(':').map((_, index, levels) => levels.slice(0, index + 1).join(':')));
  expect(new Set(prefixes).size).toBeGreaterThan(60);
  for (const account of new Set(prefixes)) {
    const within = all.filter(({ name }) => name === account || name.startsWith(`${account}:`));
    expect({ account, lines: (await linesOf({ account })).map(textOf) }).toEqual({
      account,
      lines: within.map(textOf),
    });
  }
});

it('a filter by advertiser and marketplace agrees with one by ledger account, and with what they posted', async () => {
  for (const advertiserId of ODD) {
    for (const marketplace of MARKETPLACES) {
      expect((await linesOf({ advertiserId, marketplace })).map(textOf)).toEqual([
        `assets:receivable:${advertiserId.replaceAll(':', '%3A')}:${marketplace} 200 EUR`,
        'expenses:promotions:spring 500 EUR',
        'expenses:promotions:summer 500 EUR',
        'income:clicks:SP -300 EUR',
        `liabilities:credits:${advertiserId.replaceAll(':', '%3A')}:${marketplace}:credit%3A1 -400 EUR`,
        `liabilities:credits:${advertiserId.replaceAll(':', '%3A')}:${marketplace}:credit%3A2 -500 EUR`,
      ]);
    }
    const both = { advertiserId, account: 'income' };
    expect((await linesOf(both)).map(textOf)).toEqual(['income:clicks:SP -600 EUR']);
    expect(await linesOf({ advertiserId, account: 'assets:receivable:many-7' })).toEqual([]);
  }
  const swept = await linesOf({ advertiserId: 'many-7', account: 'income:breakage' });
  expect(swept.map(textOf)).toEqual(['income:breakage:spring -1000 EUR']);
});

describe('of a ledger of many accounts', () => {
  let rows: number;
  beforeEach(() => {
    rows = 0;
    type All = (this: Statement, ...parameters: Parameters<Statement['all']>) => ReturnType<Statement['all']>;
    const all = Object.getOwnPropertyDescriptor(Statement.prototype, 'all')!.value as All;
    jest.spyOn(Statement.prototype, 'all').mockImplementation(function (this: Statement, ...parameters) {
      const answer = all.apply(this, parameters);
      rows += answer.length;
      return answer;
    });
  });
  const whileCounted = async <T>(ask: () => Promise<T>): Promise<{ answer: T; rows: number }> => {
    const answer = await ask();
    jest.restoreAllMocks();
    return { answer, rows };
  };

  it.each<[string, BooksFilter]>([
    ['an account', { account: 'assets:receivable:many-7:US' }],
    ['a credit', { account: 'liabilities:credits:many-7:US:credit%3A1' }],
    ['an advertiser, by name', { account: 'liabilities:credits:many-7' }],
    ['an advertiser', { advertiserId: 'many-7' }],
    ['an advertiser in a marketplace', { advertiserId: 'many-7', marketplace: 'US' }],
  ])('a trial balance reads only what is of %s', async (_what, filter) => {
    const sums = jest.spyOn(books.sections, 'sums');
    const counted = await whileCounted(() => linesOf(filter));
    expect(counted.answer.length).toBeGreaterThan(0);
    expect(counted.rows).toBeLessThan(60);
    // The entries of all advertisers together are not read for one.
    expect(sums).not.toHaveBeenCalled();
  });

  it('what has lapsed is summed without what has been swept', async () => {
    const { answer, rows: read } = await whileCounted(() => books.lapsed(moment(), 'spring', 'DE', 'EUR'));
    expect(answer).toBe(BigInt(ODD.length) * 500n);
    expect(read).toBe(ODD.length);
  });

  it('what was swept later had lapsed before', async () => {
    const lines = await Array.fromAsync(store.readAll());
    const first = lines.find(({ type }) => type === 'CreditExpired')!;
    const before = { asOf: LATEST, known: first.position - 1n };
    expect(await books.lapsed(before, 'spring', 'DE', 'EUR')).toBe(BigInt(ODD.length + 1) * 500n);
  });
});
