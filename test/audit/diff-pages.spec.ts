import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { accountDecider } from '../../src/accounts/domain/account.js';
import { Diff } from '../../src/audit/diff.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import type { Recorded } from '../../src/event-store/event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { instantOf, LATEST } from '../../src/kernel/instant.js';
import { isRefusal, type Refusal } from '../../src/kernel/refusal.js';
import type { Page, Paging } from '../../src/read-models/cursors.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { ReadModels } from '../../src/read-models/read-models.js';

/** Clicks come account after account, again and again; the last account has most of its own. */
const ACCOUNTS = 300;
const ROUNDS = 40;
const CLICKS_OF_LAST = 7000;
const ADVERTISERS = Array.from({ length: ACCOUNTS }, (_, nth) => `adv-${String(nth).padStart(3, '0')}`);
const LAST = { advertiserId: ADVERTISERS.at(-1)!, marketplace: 'DE' };

/** Counts what is read of the log and of streams. */
class CountedStore extends MemoryEventStore {
  events = 0;

  override async *read(...asked: Parameters<MemoryEventStore['read']>): AsyncGenerator<Recorded> {
    yield* this.counted(super.read(...asked));
  }

  override async *readAll(...asked: Parameters<MemoryEventStore['readAll']>): AsyncGenerator<Recorded> {
    yield* this.counted(super.readAll(...asked));
  }

  private async *counted(events: AsyncIterable<Recorded>): AsyncGenerator<Recorded> {
    for await (const event of events) {
      this.events += 1;
      yield event;
    }
  }
}

const store = new CountedStore();
const models = new ReadModels(store, new ReadModelDatabase(':memory:'));
const diff = new Diff(store, models);

const event = (each: AccountEvent) => ({ id: accountDecider.idOf(each), ...each, metadata: { version: 1 } });
const eur = (amount: string) => ({ amount, currency: 'EUR' });
const click = (advertiserId: string, nth: number) =>
  event({
    type: 'ClickSpent',
    data: {
      advertiserId,
      marketplace: 'DE',
      clickId: `click-${nth}`,
      campaignId: 'campaign',
      product: 'SP',
      cost: eur('0.10'),
      occurredAt: instantOf(Date.parse('2022-10-01T00:00:00Z') + nth * 1000),
      draws: [],
      billable: eur('0.10'),
    },
  });

beforeAll(async () => {
  for (const advertiserId of ADVERTISERS) {
    const occurredAt = instantOf(Date.parse('2022-10-01T00:00:00Z'));
    const opening = { advertiserId, marketplace: 'DE', currency: 'EUR', occurredAt };
    await store.append(accountStream(advertiserId, 'DE'), 'none', [event({ type: 'AccountOpened', data: opening })]);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const advertiserId of ADVERTISERS) {
      await store.append(accountStream(advertiserId, 'DE'), 'any', [click(advertiserId, round)]);
    }
  }
  const clicks = Array.from({ length: CLICKS_OF_LAST }, (_, nth) => click(LAST.advertiserId, ROUNDS + nth));
  await store.append(accountStream(LAST.advertiserId, 'DE'), 'any', clicks);
  await models.start();
  await models.caughtUp();
});
afterAll(async () => {
  await models.close();
  await store.close();
});

/** Every page, with how many events were read for each, and the most that were between two turns of the event loop. */
async function pagesOf<Item>(ask: (paging: Paging) => Promise<Page<Item> | Refusal>, limit = 500) {
  const pages: (readonly Item[])[] = [];
  const reads: number[] = [];
  let most = 0;
  let before = store.events;
  const look = () => {
    most = Math.max(most, store.events - before);
    before = store.events;
    turn = setImmediate(look);
  };
  let turn = setImmediate(look);
  for (let cursor: string | null | undefined; cursor !== null;) {
    const start = store.events;
    const page = await ask(cursor === undefined ? { limit } : { limit, cursor });
    if (isRefusal(page)) throw new Error(page.detail);
    pages.push(page.items);
    reads.push(store.events - start);
    cursor = page.next;
  }
  clearImmediate(turn);
  return { pages, reads, items: pages.flat(), mostAtATime: most };
}

const moment = async () => ({ asOf: LATEST, known: await store.head() });

describe('a page of the difference between two moments', () => {
  it('looks at so much, others get their turn meanwhile, and all pages tell of each account once', async () => {
    const asked = await moment();
    const { items, pages, reads, mostAtATime } = await pagesOf((paging) => diff.accounts(0n, asked, paging));
    expect(items.map(({ advertiserId }) => advertiserId)).toEqual(ADVERTISERS);
    expect(items.at(-1)).toMatchObject({ events: 1 + ROUNDS + CLICKS_OF_LAST });
    expect(pages.length).toBeGreaterThan(3);
    expect(mostAtATime).toBeLessThanOrEqual(250);
    // What one account adds to the bound may be all of its own.
    expect(Math.max(...reads)).toBeLessThanOrEqual(5000 + CLICKS_OF_LAST + 2 * ROUNDS + 10);
  });

  it('names twenty of the events of an account, be there as many as there may', async () => {
    const page = await diff.accounts(0n, await moment(), { limit: ACCOUNTS });
    if (isRefusal(page)) throw new Error(page.detail);
    expect(new Set(page.items.map(({ changes }) => changes.length))).toEqual(new Set([20]));
  });

  it('goes on where the page before has ended in the midst of an instant of the log', async () => {
    const asked = await moment();
    const from = BigInt(ACCOUNTS * 2);
    const { items } = await pagesOf((paging) => diff.accounts(from, asked, paging), 7);
    expect(items.map(({ advertiserId }) => advertiserId)).toEqual(ADVERTISERS);
  });
});

describe('the events of one account between two moments', () => {
  it('are read from its own stream, wherever in the log they begin, and others get their turn meanwhile', async () => {
    const asked = await moment();
    const last = CLICKS_OF_LAST - 1200;
    const { items, reads, mostAtATime } = await pagesOf((paging) =>
      diff.changes(LAST, asked.known - BigInt(CLICKS_OF_LAST - last), asked, paging),
    );
    expect(items.map(({ event: { id } }) => id)).toEqual(
      Array.from({ length: CLICKS_OF_LAST - last }, (_, nth) => `ClickSpent:click-${ROUNDS + last + nth}`),
    );
    expect(reads.length).toBe(3);
    // The middle of a stretch is looked at until 500 are left of it.
    expect(Math.max(...reads)).toBeLessThanOrEqual(500 + 500 + 20);
    expect(mostAtATime).toBeLessThanOrEqual(250);
  });

  it('of a moment at which little was effective end before all is looked through, and the next page goes on', async () => {
    const { known } = await moment();
    const asOf = instantOf(Date.parse('2022-10-01T00:00:00Z') + 3000);
    const { pages, reads } = await pagesOf((paging) => diff.changes(LAST, 0n, { asOf, known }, paging));
    expect(pages.map((items) => items.length)).toEqual([5, 0]);
    expect(Math.max(...reads)).toBeLessThanOrEqual(5000 + 500 + 20);
  });
});
