import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { accountDecider } from '../../src/accounts/domain/account.js';
import { Books } from '../../src/audit/journal.js';
import { LateFacts, type RestatedLine } from '../../src/audit/late-facts.js';
import type { ClosedPeriod } from '../../src/audit/periods.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { instantOf, LATEST } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { ReadModelDatabase, Statement } from '../../src/read-models/database.js';
import { ReadModels } from '../../src/read-models/read-models.js';

/** Each has a click that was known, and some that became known later; then comes what is of the next month. */
const ADVERTISERS = Array.from({ length: 700 }, (_, nth) => `adv-${String(nth).padStart(3, '0')}`);
const LATE_CLICKS = 25;
const LATE = ADVERTISERS.length * LATE_CLICKS;
const eur = (amount: string) => ({ amount, currency: 'EUR' });
const october = (seconds: number) => instantOf(Date.parse('2022-10-05T00:00:00Z') + seconds * 1000);

const store = new MemoryEventStore();
const models = new ReadModels(store, new ReadModelDatabase(':memory:'));
const books = new Books(store, models);
const lateFacts = new LateFacts(books, models);
let closed: ClosedPeriod;

const event = (each: AccountEvent) => ({ id: accountDecider.idOf(each), ...each, metadata: { version: 1 } });
const click = (advertiserId: string, nth: number, occurredAt = october(nth)) =>
  event({
    type: 'ClickSpent',
    data: {
      advertiserId,
      marketplace: 'DE',
      clickId: `click-${nth}`,
      campaignId: 'campaign',
      product: 'SP',
      cost: eur('0.10'),
      occurredAt,
      draws: [],
      billable: eur('0.10'),
    },
  });
const nextMonth = instantOf(Date.parse('2022-11-10T00:00:00Z'));

beforeAll(async () => {
  for (const advertiserId of ADVERTISERS) {
    const opening = { advertiserId, marketplace: 'DE', currency: 'EUR', occurredAt: october(0) };
    await store.append(accountStream(advertiserId, 'DE'), 'none', [
      event({ type: 'AccountOpened', data: opening }),
      click(advertiserId, 0),
    ]);
  }
  const position = String(await store.head());
  // Not in the order of their names.
  for (const advertiserId of ADVERTISERS.toReversed()) {
    const late = Array.from({ length: LATE_CLICKS }, (_, nth) => click(advertiserId, 1 + nth));
    await store.append(accountStream(advertiserId, 'DE'), 'any', [...late, click(advertiserId, 99, nextMonth)]);
  }
  const lastEvent = { stream: accountStream(ADVERTISERS.at(-1)!, 'DE'), id: 'ClickSpent:click-0' };
  const books = { lapsed: [], lastEvent, fullTrialBalanceSha256: '', fullTrialBalanceLines: 0 };
  const asOf = instantOf(Date.parse('2022-11-01T00:00:00Z') - 1);
  closed = { period: '2022-10', from: october(0), to: nextMonth, asOf, closedAt: LATEST, position, ...books };
  await models.start();
  await models.caughtUp();
});
afterAll(async () => {
  await models.close();
  await store.close();
});

/** What is read from the tables for a page, in rows, and how often the log is gone through. */
async function counted<T>(ask: () => Promise<T>) {
  const row = jest.spyOn(Statement.prototype, 'get');
  const rows = jest.spyOn(Statement.prototype, 'all');
  const walks = jest.spyOn(store, 'readAll');
  const answer = await ask();
  const listed = rows.mock.results.reduce((sum, { value }) => sum + (value as unknown[]).length, 0);
  const read = { rows: row.mock.calls.length + listed, walks: walks.mock.calls.length };
  jest.restoreAllMocks();
  return { answer, ...read };
}

it('the difference goes once through what was recorded since, and reads of the books what is on the page', async () => {
  const asked = { asOf: LATEST, known: await store.head() };
  const lines: RestatedLine[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const paging = cursor === undefined ? { limit: 100 } : { limit: 100, cursor };
    const { answer, rows, walks } = await counted(() => lateFacts.difference(closed, asked, paging));
    if (isRefusal(answer)) throw new Error(answer.detail);
    lines.push(...answer.items);
    cursor = answer.next;
    expect(walks).toBe(1);
    expect(rows).toBeLessThan(100 * 30);
  }
  const plain = { currency: 'EUR', lateFacts: LATE_CLICKS };
  expect(lines.map(({ facts: _, ...line }) => line)).toEqual([
    ...ADVERTISERS.map((advertiserId) => {
      const account = `assets:receivable:${advertiserId}:DE`;
      return { account, ...plain, reported: '0.10', restated: '2.60', difference: '2.50' };
    }),
    {
      account: 'income:clicks:SP',
      currency: 'EUR',
      reported: '-70.00',
      restated: '-1820.00',
      difference: '-1750.00',
      lateFacts: LATE,
    },
  ]);
  expect(new Set(lines.map(({ facts }) => facts.length))).toEqual(new Set([20]));
  expect(lines[0]!.facts.map(({ event: { id } }) => id)).toEqual(
    Array.from({ length: 20 }, (_, nth) => `ClickSpent:click-${1 + nth}`),
  );
});
