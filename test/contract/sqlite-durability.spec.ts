import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { StoreUnavailableError, type NewEvent } from '../../src/event-store/event-store.js';
import { LedgerFileError, openLedgerFile, StoreInUseError } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
  path = join(folder, 'new', 'ledger.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

const fact = (key: string, data: object = { key }): NewEvent => ({
  id: `Noted:${key}`,
  type: 'Noted',
  data,
  metadata: { version: 1 },
});

const idsOf = async (store: SqliteEventStore) => (await Array.fromAsync(store.readAll())).map(({ id }) => id);

describe('The ledger file', () => {
  it('is empty when new, and keeps everything, ids included, when opened again', async () => {
    const first = SqliteEventStore.open(path);
    expect(await first.head()).toBe(0n);
    const answer = await first.append('note-1', 'none', [fact('a'), fact('b')]);
    const events = await Array.fromAsync(first.readAll());
    await first.close();

    const second = SqliteEventStore.open(path);
    expect(await second.head()).toBe(2n);
    expect(await Array.fromAsync(second.readAll())).toEqual(events);
    expect(await second.append('note-1', 'none', [fact('a'), fact('b')])).toEqual({ ...answer, repeated: true });
    expect(await second.append('note-1', 1, [fact('c')])).toMatchObject({ revision: 2, position: 3n });
    await second.close();
  });

  it('syncs its write-ahead log at every commit', () => {
    const db = openLedgerFile(path);
    const settings = ['journal_mode', 'synchronous', 'locking_mode'].map((name) => db.prepare(`PRAGMA ${name}`).get());
    expect(settings).toEqual([{ journal_mode: 'wal' }, { synchronous: 2 }, { locking_mode: 'exclusive' }]);
    db.close();
  });

  it('is not opened twice in one process, and again once it is closed', async () => {
    const store = SqliteEventStore.open(path);
    expect(() => SqliteEventStore.open(path)).toThrow(StoreInUseError);
    await store.append('note-1', 'none', [fact('a')]);
    await store.close();
    await SqliteEventStore.open(path).close();
  });

  it.each([
    ['the file is not a ledger', () => writeFileSync(path, 'advertiser,marketplace\n'.repeat(100))],
    ['is an SQLite database but not a ledger', () => sqlite('CREATE TABLE other (a)')],
    ['has layout 99, this version reads layout 1', () => sqlite('PRAGMA user_version = 99')],
  ])('is refused, and left as it is, when it is something else: %s', async (message, spoil) => {
    await SqliteEventStore.open(path).close();
    if (message.includes('SQLite database')) rmSync(path);
    spoil();
    const before = readFileSync(path);
    expect(() => SqliteEventStore.open(path)).toThrow(LedgerFileError);
    expect(() => SqliteEventStore.open(path)).toThrow(message.replace('the file is', `the file ${path} is`));
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('is refused when its folder cannot be made', () => {
    writeFileSync(join(folder, 'new'), 'a file where a folder should be');
    expect(() => SqliteEventStore.open(path)).toThrow(`the ledger file ${path} cannot be opened: `);
  });

  const sqlite = (sql: string) => {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  };
});

describe('Recorded time', () => {
  it('does not run backwards when the clock does, nor when the ledger is opened again', async () => {
    const start = Date.parse('2022-10-04T07:00:00.000Z');
    const ticks = [start, start - 5000, start + 1, start - 1];
    const clock = () => ticks.shift()!;
    const store = new SqliteEventStore(openLedgerFile(path), clock);
    for (const key of ['a', 'b', 'c']) await store.append('note-1', 'any', [fact(key)]);
    await store.close();
    const reopened = new SqliteEventStore(openLedgerFile(path), clock);
    await reopened.append('note-1', 'any', [fact('d')]);
    expect((await Array.fromAsync(reopened.readAll())).map(({ recordedAt }) => recordedAt)).toEqual([
      '2022-10-04T07:00:00.000Z',
      '2022-10-04T07:00:00.000Z',
      '2022-10-04T07:00:00.001Z',
      '2022-10-04T07:00:00.001Z',
    ]);
    await reopened.close();
  });
});

describe('Closing', () => {
  it('writes what is still queued', async () => {
    const store = SqliteEventStore.open(path);
    const appending = Promise.all(['a', 'b'].map((key) => store.append('note-1', 'any', [fact(key)])));
    await store.close();
    expect(await appending).toMatchObject([{ revision: 0 }, { revision: 1 }]);
    const reopened = SqliteEventStore.open(path);
    expect(await idsOf(reopened)).toEqual(['Noted:a', 'Noted:b']);
    await reopened.close();
  });
});

describe('A write that fails', () => {
  // SQLite rolls back by itself when the disk is full, and leaves it to the store after other failures.
  it.each<[string, (db: DatabaseSync) => void, (db: DatabaseSync) => void]>([
    [
      'a full disk',
      (db) => {
        const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number };
        db.exec(`PRAGMA max_page_count = ${pages}`);
      },
      (db) => db.exec('PRAGMA max_page_count = 1000000'),
    ],
    [
      'a statement that is aborted',
      (db) =>
        db.exec(`CREATE TEMP TRIGGER abort BEFORE INSERT ON events WHEN new.key = 'large'
                 BEGIN SELECT RAISE(ABORT, 'aborted'); END`),
      (db) => db.exec('DROP TRIGGER abort'),
    ],
  ])('rejects its whole group, loses nothing, and may be sent again: %s', async (_, spoil, mend) => {
    const db = openLedgerFile(path);
    const store = new SqliteEventStore(db);
    await store.append('note-1', 'none', [fact('a')]);

    // The first of the group could be written; it brings a stream and a type, which must be forgotten with it.
    const small = { ...fact('small'), id: 'Other:small', type: 'Other' };
    const large = fact('large', { text: 'x'.repeat(1_000_000) });
    const attempt = () =>
      Promise.allSettled([store.append('note-2', 'none', [small]), store.append('note-1', 0, [large])]);
    spoil(db);
    for (const outcome of await attempt()) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailableError) });
    }
    expect(await idsOf(store)).toEqual(['Noted:a']);
    expect(await store.head()).toBe(1n);

    mend(db);
    expect(await attempt()).toMatchObject([
      { value: { revision: 0, position: 2n } },
      { value: { revision: 1, position: 3n } },
    ]);
    expect(await idsOf(store)).toEqual(['Noted:a', 'Other:small', 'Noted:large']);
    await store.close();
  });
});

describe('An event', () => {
  it('whose stream or type has lost its name is not passed over by who folds the log', async () => {
    for (const names of ['streams', 'types']) {
      const file = join(folder, `${names}.db`);
      const db = openLedgerFile(file);
      const store = new SqliteEventStore(db);
      await store.append('note-1', 'none', [fact('a')]);
      db.exec(`DELETE FROM ${names}`);
      const read = async () => {
        for await (const page of store.readPages(1n)) Array.from(page);
      };
      await expect(read()).rejects.toThrow(StoreUnavailableError);
      await store.close();
    }
  });
});

describe('Another process', () => {
  /** Runs the store itself in a process of its own; each line that it prints is the key of an acknowledged event. */
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier.startsWith('.') ? specifier.replace(/\\.js$/, '.ts') : specifier, context),
    });
    const { SqliteEventStore } = await import(${JSON.stringify(new URL('../../src/event-store/sqlite/sqlite-event-store.ts', import.meta.url).href)});
    try {
      const store = SqliteEventStore.open(process.argv[1]);
      for (let key = 0; ; key += 1) {
        await store.append('note-1', 'any', [{ id: 'Noted:' + key, type: 'Noted', data: {}, metadata: { version: 1 } }]);
        console.log(key);
      }
    } catch (error) {
      console.log(error.name + ': ' + error.message);
    }
  `;
  const start = () => {
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return { child, lines: createInterface({ input: child.stdout }) };
  };

  it('is refused while this one has the ledger open', async () => {
    const store = SqliteEventStore.open(path);
    const { lines } = start();
    expect(await once(lines, 'line')).toEqual([
      `StoreInUseError: the ledger file ${path} is in use by another process`,
    ]);
    await store.close();
  });

  it('leaves all that it acknowledged, in order and without a gap, when it is killed', async () => {
    const { child, lines } = start();
    const exit = once(child, 'exit');
    let acknowledged = -1;
    for await (const line of lines) {
      if (acknowledged === -1) expect(() => SqliteEventStore.open(path)).toThrow(StoreInUseError);
      acknowledged = Number(line);
      if (acknowledged === 200) child.kill('SIGKILL');
    }
    expect(await exit).toEqual([null, 'SIGKILL']);

    const store = SqliteEventStore.open(path);
    const events = await Array.fromAsync(store.read('note-1'));
    expect(acknowledged).toBeGreaterThanOrEqual(200);
    expect(events.length).toBeGreaterThan(acknowledged);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => `Noted:${index}`));
    expect(await store.append('note-1', events.length - 1, [fact('next')])).toMatchObject({ revision: events.length });
    await store.close();
  });
});
