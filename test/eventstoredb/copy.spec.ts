import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openStore } from '../../src/places.js';
import { copyLedger, CopyRefusedError } from '../../src/event-store/copy.js';
import { StoreUnavailableError, type EventStore, type NewEvent } from '../../src/event-store/event-store.js';
import { openLedgerFile } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { loadSettings } from '../../src/settings.js';
import { openTarget, type Target } from '../support/eventstoredb/target.js';

const EVENTS = 300;
const NO_PROGRESS = { start: () => undefined, advance: () => undefined, stop: () => undefined };
const copy = (source: EventStore, target: EventStore) => copyLedger(source, target, NO_PROGRESS);

let server: Target;
let folder: string;
let prefixes = 0;
let opened: EventStore[];
beforeAll(async () => {
  server = await openTarget();
});
afterAll(() => server.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store.close();
  rmSync(folder, { recursive: true });
});

function kept<T extends EventStore>(store: T): T {
  opened.push(store);
  return store;
}

/** Another ledger on the server each time; `again` is one more look at the one opened last. */
function openServer({ again = false } = {}): EventStore {
  if (!again) prefixes += 1;
  return kept(
    openStore(
      loadSettings({
        PROMOLEDGER_STORE: server.connectionString,
        PROMOLEDGER_STREAM_PREFIX: `${server.prefix}${prefixes}_`,
        PROMOLEDGER_CACHE: join(folder, `cache-${opened.length}`),
      }),
    ),
  );
}

/** A minute goes by between two appends; events of one to three neighbours, in streams of several categories. */
async function openSource(): Promise<EventStore> {
  let minutes = 0;
  const clock = () => Date.parse('2022-10-04T07:00:00.000Z') + 60_000 * (minutes += 1);
  const source = kept(new SqliteEventStore(openLedgerFile(join(folder, 'source.db')), clock));
  const streams = ['account-a.DE', 'campaign-c', 'fx-EUR.USD', 'promotion-p', 'account-b.US'];
  for (let key = 0, append = 0; key < EVENTS; append += 1) {
    const batch = Array.from({ length: Math.min(1 + (append % 3), EVENTS - key) }, () => note((key += 1)));
    await source.append(streams[append % streams.length]!, 'any', batch);
  }
  return source;
}

const note = (key: number): NewEvent => ({
  id: `Noted:${key}`,
  type: 'Noted',
  data: { key, text: 'ünï "q" 日本' },
  metadata: { version: 1, correlationId: `c-${key}` },
});

const contents = async (store: EventStore) =>
  (await Array.fromAsync(store.readAll())).map(({ position: _, ...event }) => event);

describe('A ledger that moves to EventStoreDB', () => {
  it('is the same there, and the same when it comes back', async () => {
    const source = await openSource();
    const target = openServer();
    expect(await copy(source, target)).toMatchObject({ appended: EVENTS, difference: null });
    expect(await contents(target)).toEqual(await contents(source));
    const back = kept(SqliteEventStore.open(join(folder, 'back.db')));
    expect(await copy(target, back)).toMatchObject({ appended: EVENTS, difference: null });
    expect(await Array.fromAsync(back.readAll())).toEqual(await Array.fromAsync(source.readAll()));
  });

  it.each([1, 40, 149])('goes on when it was cut off after %d appends, also by another process', async (appends) => {
    const source = await openSource();
    const target = openServer();
    let left = appends;
    const failing = new Proxy(target, {
      get: (store, name) => {
        const value: unknown = Reflect.get(store, name);
        if (name !== 'append') return typeof value === 'function' ? (value.bind(store) as unknown) : value;
        return (...batch: Parameters<EventStore['append']>) => {
          if ((left -= 1) < 0) throw new StoreUnavailableError('gone');
          return store.append(...batch);
        };
      },
    });
    await expect(copy(source, failing)).rejects.toThrow(StoreUnavailableError);
    await target.close();
    const again = openServer({ again: true });
    const { held, appended, difference } = await copy(source, again);
    expect([held + appended, difference]).toEqual([EVENTS, null]);
    expect(held).toBeGreaterThanOrEqual(appends);
    expect(await contents(again)).toEqual(await contents(source));
  });

  it('is not mixed with another ledger', async () => {
    const target = openServer();
    await target.append('account-z.DE', 'none', [note(0)]);
    await expect(copy(await openSource(), target)).rejects.toThrow(CopyRefusedError);
    expect(await contents(target)).toHaveLength(1);
  });

  it('goes on where it was: new events are recorded later than those that were copied', async () => {
    const target = openServer();
    await copy(await openSource(), target);
    await target.append('account-z.DE', 'none', [note(0)]);
    const instants = (await contents(target)).map(({ recordedAt }) => recordedAt);
    expect(instants).toEqual(instants.toSorted());
    expect(instants.at(-2)! < '2022-10-05' && instants.at(-1)! > '2022-10-05').toBe(true);
  });
});
