import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lastPositionBy } from '../../src/audit/rebuild.js';
import { copyLedger } from '../../src/event-store/copy.js';
import type { NewEvent } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { ReadOnlyError, ReadOnlyEventStore } from '../../src/event-store/read-only.js';
import { LedgerFileError, StoreInUseError } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { instantOf } from '../../src/kernel/instant.js';

const noProgress = { start: () => undefined, advance: () => undefined, stop: () => undefined };
const note = (key: number, recordedAtMs?: number): NewEvent => ({
  id: `Noted:${key}`,
  type: 'Noted',
  data: { key },
  metadata: { version: 1, ...(recordedAtMs === undefined ? {} : { recordedAt: instantOf(recordedAtMs) }) },
});

/** A store of as many events as there are times, which need not be in order. */
async function recordedAt(...timesMs: readonly number[]): Promise<MemoryEventStore> {
  const store = new MemoryEventStore();
  for (const [key, ms] of timesMs.entries()) await store.append(`note-${key % 2}`, 'any', [note(key, ms)]);
  return store;
}

describe('the end of a rebuilt ledger', () => {
  it('is the position asked for, or the longest prefix recorded by an instant', async () => {
    const store = await recordedAt(1000, 2000, 2000, 5000);
    const until = (ms: number) => lastPositionBy(store, { instant: instantOf(ms) });
    expect(await lastPositionBy(store, { position: 3n })).toBe(3n);
    expect(await Promise.all([999, 1000, 1999, 2000, 4999, 5000, 9000].map(until))).toEqual([
      0n,
      1n,
      1n,
      3n,
      3n,
      4n,
      4n,
    ]);
  });

  it('is before the first event that was recorded later, also when a copied clock stepped back after it', async () => {
    const store = await recordedAt(1000, 3000, 2000, 4000);
    expect(await lastPositionBy(store, { instant: instantOf(2500) })).toBe(1n);
  });
});

describe('a rebuilt ledger', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
    path = join(folder, 'then.db');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('holds the log up to there and nothing else, and goes on where an earlier rebuild has ended', async () => {
    const source = await recordedAt(1000, 2000, 3000, 4000, 5000);
    const rebuilt = SqliteEventStore.open(path);
    try {
      const first = await copyLedger(source, rebuilt, noProgress, 2n);
      expect(first).toMatchObject({ head: 2n, held: 0, appended: 2, difference: null, hasGrown: false });
      expect(first.target).toBe(first.source);
      const then = await copyLedger(source, rebuilt, noProgress, 4n);
      expect(then).toMatchObject({ head: 4n, held: 2, appended: 2, difference: null });
      const log = (store: { readAll(): AsyncIterable<object> }) => Array.fromAsync(store.readAll());
      expect(await log(rebuilt)).toEqual((await log(source)).slice(0, 4));
      // What is known now was not known then.
      await expect(copyLedger(source, rebuilt, noProgress, 3n)).rejects.toThrow('it goes on with Noted:3');
      expect((await copyLedger(source, rebuilt, noProgress, 99n)).head).toBe(5n);
    } finally {
      await rebuilt.close();
    }
  });

  async function written(): Promise<Buffer> {
    const store = SqliteEventStore.open(path);
    await store.append('note-1', 'none', [note(1), note(2)]);
    await store.close();
    return readFileSync(path);
  }

  it('is read, and not written to', async () => {
    const before = await written();
    const store = new ReadOnlyEventStore(SqliteEventStore.openToRead(path));
    expect(await store.head()).toBe(2n);
    expect(await Array.fromAsync(store.readAll(), ({ id }) => id)).toEqual(['Noted:1', 'Noted:2']);
    expect((await store.find('note-1', ['Noted:2'])).get('Noted:2')?.revision).toBe(1);
    await expect(store.append()).rejects.toThrow(ReadOnlyError);
    await store.close();
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('refuses what is written past the guard, too', async () => {
    await written();
    const store = SqliteEventStore.openToRead(path);
    await expect(store.append('note-1', 1, [note(3)])).rejects.toThrow('cannot be written');
    await store.close();
  });

  it('keeps writers out while it is read, and is not read while somebody writes', async () => {
    await written();
    const reader = SqliteEventStore.openToRead(path);
    expect(() => SqliteEventStore.open(path)).toThrow(StoreInUseError);
    const another = SqliteEventStore.openToRead(path);
    await another.close();
    await reader.close();
    const writer = SqliteEventStore.open(path);
    expect(() => SqliteEventStore.openToRead(path)).toThrow(StoreInUseError);
    await writer.close();
  });

  it('is a ledger that is there', () => {
    expect(() => SqliteEventStore.openToRead(path)).toThrow(new LedgerFileError(`there is no ledger file ${path}`));
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, '');
    expect(() => SqliteEventStore.openToRead(path)).toThrow(`the file ${path} is empty`);
    writeFileSync(path, 'no database, but long enough to be looked at as one'.repeat(20));
    expect(() => SqliteEventStore.openToRead(path)).toThrow(`the file ${path} is not a ledger`);
  });

  it('is read as it is where nothing can be written beside it', async () => {
    const before = await written();
    // As on a read-only file system: what SQLite would write beside the file cannot be made.
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    symlinkSync(join(folder, 'no', 'such', 'folder'), `${path}-wal`);
    const store = SqliteEventStore.openToRead(path);
    expect(await Array.fromAsync(store.readAll(), ({ id }) => id)).toEqual(['Noted:1', 'Noted:2']);
    await store.close();
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});
