import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Snapshots } from '../../src/commands/snapshots.js';
import { StoreUnavailableError, type NewEvent } from '../../src/event-store/event-store.js';
import { openLedgerFile } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { type Counters, openCounters } from '../../src/http/limits/counters.js';
import { Deliveries } from '../../src/notices/deliveries.js';
import { canMount, SmallDisk } from '../support/small-disk.js';

const fact = (key: string): NewEvent => ({
  id: `Noted:${key}`,
  type: 'Noted',
  data: { key },
  metadata: { version: 1 },
});
const idsOf = async (store: SqliteEventStore) => (await Array.fromAsync(store.readAll())).map(({ id }) => id);

describe('a ledger that cannot be written', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'promoledger-recovery-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  // To root every file is writable: SQLite is told instead that this one is not.
  const readOnly = (db: DatabaseSync, on: boolean) => db.exec(`PRAGMA query_only = ${on ? 'ON' : 'OFF'}`);

  it('is unavailable while it is read-only, is read on, and takes appends again when it is not', async () => {
    const db = openLedgerFile(join(folder, 'ledger.db'));
    const store = new SqliteEventStore(db);
    await store.append('note-1', 'none', [fact('a')]);
    readOnly(db, true);
    const refused = await Promise.allSettled([
      store.append('note-1', 'any', [fact('b')]),
      store.append('note-2', 'none', [fact('b')]),
    ]);
    expect(refused).toMatchObject(refused.map(() => ({ reason: expect.any(StoreUnavailableError) })));
    expect(await idsOf(store)).toEqual(['Noted:a']);
    readOnly(db, false);
    expect(await store.append('note-1', 0, [fact('b')])).toMatchObject({ revision: 1, position: 2n });
    expect(await idsOf(store)).toEqual(['Noted:a', 'Noted:b']);
    await store.close();
  });
});

/** Mounting takes a privilege that not every machine gives. */
const onSmallDisk = canMount ? describe : describe.skip;

onSmallDisk('on a disk that is full', () => {
  let disk: SmallDisk;
  beforeEach(() => void (disk = new SmallDisk()));
  afterEach(() => disk.remove());

  it('the ledger refuses, follows on by itself when there is room, and holds what it acknowledged and no more', async () => {
    const path = join(disk.path, 'ledger.db');
    const store = SqliteEventStore.open(path);
    const followed: string[] = [];
    store.subscribe().subscribe(({ id }) => followed.push(id));
    const acknowledged: string[] = [];
    let refused = 0;
    const append = async (from: number, until: () => boolean) => {
      for (let n = from; !until(); n += 1) {
        const event = { ...fact(`${n}`), data: { text: 'x'.repeat(5000) } };
        await store.append(`note-${n % 7}`, 'any', [event]).then(
          () => acknowledged.push(event.id),
          (error: Error) => {
            expect(error).toBeInstanceOf(StoreUnavailableError);
            refused += 1;
          },
        );
      }
    };
    await append(0, () => acknowledged.length === 50);
    disk.fill();
    await append(1000, () => refused === 20);
    const before = acknowledged.length;
    expect(await idsOf(store)).toEqual(acknowledged);

    disk.free();
    await append(2000, () => acknowledged.length === before + 50);
    expect(refused).toBe(20);
    await store.close();
    expect(followed).toEqual(acknowledged.slice(0, followed.length));
    const reopened = SqliteEventStore.open(path);
    expect(await idsOf(reopened)).toEqual(acknowledged);
    await reopened.close();
  });

  it('snapshots are left out, and are kept again when there is room', () => {
    const snapshots = new Snapshots(join(disk.path, 'ledger.db.snapshots'));
    const snapshot = (stream: string) => ({
      ...{ stream, revision: 1, eventId: 'Noted:a', recordedAt: '2022-10-04T07:00:00.000Z', version: 1 },
      state: 'x'.repeat(100_000),
    });
    snapshots.save(snapshot('early'));
    disk.fill();
    for (let n = 0; n < 200; n += 1) snapshots.save(snapshot(`late-${n}`));
    expect(snapshots.find('early', 1)).toEqual(snapshot('early'));
    expect(snapshots.find('late-199', 1)).toBe(undefined);
    disk.free();
    snapshots.save(snapshot('late-199'));
    expect(snapshots.find('late-199', 1)).toEqual(snapshot('late-199'));
    snapshots.close();
  });

  it('operations are counted in memory, from the start on or from then on', async () => {
    const told: string[] = [];
    const open = (file: string) =>
      openCounters({ redis: null, prefix: '', path: join(disk.path, file) }, (message) => told.push(message));
    const one = async (counters: Counters, key: string, quota = 1000) => {
      const { after } = await counters.take([{ key, quota }], [{ limit: 0, count: 1 }], 'all');
      return after[0]!.used;
    };
    const early = open('early.limits');
    await one(early, 'client');
    disk.fill();
    for (let n = 0; n < 300; n += 1) await one(early, `client-${n}`.repeat(50));
    expect(told).toHaveLength(1);
    const late = open('late.limits');
    expect([await one(late, 'client'), await one(late, 'client')]).toEqual([1, 2]);
    expect(told).toHaveLength(2);
    disk.free();
    expect(await one(early, 'client')).toBe(2);
    early.close();
    late.close();
  });

  it('what is on its way to webhooks changes whole or not at all, and goes on when there is room', () => {
    const path = join(disk.path, 'ledger.db.notices');
    let deliveries = new Deliveries(path);
    deliveries.configure('crm', 'https://hooks.example.com/');
    const place = (position: bigint) => ({ position, due: 0, ordinal: 0 });
    const notices = (count: number) =>
      Array.from({ length: count }, (_, n) => ({
        endpoint: 'crm',
        noticeId: `notice-${n}`,
        kind: 'credit-applied',
        body: 'x'.repeat(50_000),
      }));
    deliveries.queue(notices(2), place(2n), 0);
    disk.fill();
    expect(() => deliveries.queue(notices(400), place(400n), 0)).toThrow(/full|I\/O/);
    expect(deliveries.cursor()).toEqual(place(2n));
    expect(deliveries.due('crm', 0, 1000)).toHaveLength(2);
    deliveries.close();
    // A service that starts meanwhile takes its endpoints up.
    deliveries = new Deliveries(path);
    deliveries.configure('crm', 'https://hooks.example.com/');
    disk.free();
    deliveries.queue(notices(10), place(400n), 0);
    expect(deliveries.cursor()).toEqual(place(400n));
    expect(deliveries.due('crm', 0, 1000)).toHaveLength(10);
    deliveries.close();
  });
});
