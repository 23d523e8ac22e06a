import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { Exports } from '../../src/audit/exports/exports.js';
import { Books, type JournalFilter } from '../../src/audit/journal.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { accountDecider } from '../../src/accounts/domain/account.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { instantOf, LATEST } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { ReadModels } from '../../src/read-models/read-models.js';

/** A long log in which little is of interest. */
const CLICKS = 12_000;
const ACCOUNT = { advertiserId: 'adv', marketplace: 'DE' };
const eur = (amount: string) => ({ amount, currency: 'EUR' });
const at = (nth: number) => instantOf(Date.parse('2022-10-01T00:00:00Z') + nth * 1000);

const store = new MemoryEventStore();
const models = new ReadModels(store, new ReadModelDatabase(':memory:'));
const books = new Books(store, models);

const event = (each: AccountEvent) => ({ id: accountDecider.idOf(each), ...each, metadata: { version: 1 } });
const click = (nth: number) => ({
  ...ACCOUNT,
  clickId: `click-${nth}`,
  campaignId: 'campaign',
  product: 'SP',
  cost: eur('0.10'),
  occurredAt: at(nth),
  draws: [],
  billable: eur('0.10'),
});

beforeAll(async () => {
  const reversed = { ...ACCOUNT, clickId: 'click-11000', reason: 'robot', occurredAt: at(11_500) };
  await store.append(accountStream('adv', 'DE'), 'none', [
    event({ type: 'AccountOpened', data: { ...ACCOUNT, currency: 'EUR', occurredAt: at(0) } }),
    ...Array.from({ length: CLICKS }, (_, nth) => event({ type: 'ClickSpent', data: click(nth) })),
    event({
      type: 'ClickReversed',
      data: { ...reversed, restored: [], forfeited: [], unclawed: [], billable: eur('0.10') },
    }),
  ]);
  await models.start();
  await models.caughtUp();
});
afterAll(async () => {
  await models.close();
  await store.close();
});

async function page(filter: JournalFilter, cursor?: string) {
  const asked = { asOf: LATEST, known: await store.head() };
  const answer = await books.journal(asked, filter, cursor === undefined ? { limit: 10 } : { limit: 10, cursor });
  if (isRefusal(answer)) throw new Error(answer.detail);
  return answer;
}

describe('a page of the journal that looks for what is rare', () => {
  it.each<[string, JournalFilter]>([
    ['in the whole ledger', { kinds: ['ClickReversed'] }],
    ['in an account', { kinds: ['ClickReversed'], advertiserId: 'adv' }],
    ['on a ledger account', { kinds: ['ClickReversed'], account: 'assets:receivable' }],
  ])('%s ends before it has looked through all, and the next goes on', async (_where, filter) => {
    const pages: string[][] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const { items, next } = await page(filter, cursor);
      pages.push(items.map((item) => item.event.id));
      cursor = next;
    }
    expect(pages).toEqual([[], [], ['ClickReversed:click-11000']]);
  });

  it('is as long as was asked where there is enough, and begins where it should', async () => {
    const first = await page({ from: at(11_495) });
    expect(first.items.map(({ event: { id } }) => id)).toEqual([
      ...Array.from({ length: 6 }, (_, nth) => `ClickSpent:click-${11_495 + nth}`),
      'ClickReversed:click-11000',
      ...Array.from({ length: 3 }, (_, nth) => `ClickSpent:click-${11_501 + nth}`),
    ]);
    const second = await page({ from: at(11_495) }, first.next!);
    expect(second.items[0]!.event.id).toBe('ClickSpent:click-11504');
  });

  it('of what was known before there was anything is empty', async () => {
    const answer = await books.journal({ asOf: LATEST, known: 1n }, {}, { limit: 10 });
    expect(answer).toMatchObject({ items: [] });
  });
});

/** The most that is taken of something between two turns of the event loop. */
async function mostAtATime(taken: AsyncIterable<{ readonly length?: number }>, sizeOf: (each: unknown) => number) {
  let [most, now] = [0, 0];
  let turn = setImmediate(function look() {
    now = 0;
    turn = setImmediate(look);
  });
  for await (const each of taken) {
    now += sizeOf(each);
    most = Math.max(most, now);
  }
  clearImmediate(turn);
  return most;
}

describe('others get their turn while', () => {
  const everything = async () => ({ asOf: LATEST, known: await store.head() });

  it('transactions are read', async () => {
    const taken = books.transactions(await everything()) as AsyncIterable<object>;
    expect(await mostAtATime(taken, () => 1)).toBeLessThanOrEqual(400);
  });

  it.each(['hledger', 'csv', 'parquet'])('a file is made: %s', async (format) => {
    const { chunks } = new Exports(books, store).journal(format, await everything(), {});
    const most = await mostAtATime(chunks as AsyncIterable<object>, (chunk) => (chunk as string).length);
    expect(most).toBeLessThanOrEqual(500_000);
  });

  it('the log is exported', async () => {
    const { chunks } = new Exports(books, store).log(await store.head());
    const most = await mostAtATime(chunks as AsyncIterable<object>, (chunk) => (chunk as string).length);
    expect(most).toBeLessThanOrEqual(200_000);
  });
});
