import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Unreadable } from '../../src/event-store/event-store.js';
import { examineLedgerFile } from '../../src/event-store/sqlite/examination.js';
import { LedgerFileError } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { click, fill, temporaryFolder } from '../audit/sealed-ledger.js';

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(async () => {
  folder = temporaryFolder();
  path = folder.path('ledger.db');
  const store = SqliteEventStore.open(path);
  await fill(store, 1, 20);
  await store.close();
});
afterEach(() => folder.remove());

function change(sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

const faults = async (): Promise<Unreadable[]> =>
  (await Array.fromAsync(examineLedgerFile(path))).filter((item) => 'fault' in item);

describe('a ledger of another schema', () => {
  it.each([
    [
      'its table streams is not as it was made',
      `ALTER TABLE streams RENAME TO old;
       CREATE TABLE streams (stream_id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
       INSERT INTO streams SELECT * FROM old;
       DROP TABLE old;
       INSERT INTO streams (stream_id, name) SELECT 99, name FROM streams WHERE stream_id = 1;
       UPDATE events SET stream_id = 99 WHERE stream_id = 1 AND revision > 2`,
    ],
    [
      'a ledger has no trigger rewriting',
      `CREATE TRIGGER rewriting AFTER INSERT ON events
       BEGIN UPDATE events SET data = '{}' WHERE position = new.position; END`,
    ],
    ['its index events_by_revision is missing', 'DROP INDEX events_by_revision; DROP INDEX events_by_id'],
    ['its index events_by_id is missing', 'DROP INDEX events_by_id'],
    [
      'a ledger has no view events',
      'ALTER TABLE events RENAME TO facts; CREATE VIEW events AS SELECT * FROM facts WHERE position < 10',
    ],
    ['a ledger has no table notes', 'CREATE TABLE notes (note TEXT)'],
    ['a ledger has no index events_by_time', 'CREATE INDEX events_by_time ON events (recorded_at)'],
  ])('is refused, to verify it and to serve it: %s', async (fault, sql) => {
    expect(await faults()).toEqual([]);
    change(sql);
    const refused = [
      () => faults(),
      async () => SqliteEventStore.open(path),
      async () => SqliteEventStore.openToRead(path),
    ];
    for (const open of refused) {
      const error: unknown = await open().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LedgerFileError);
      expect((error as Error).message).toMatch(
        new RegExp(`^the ledger file \\S+ was changed: (${fault}|a ledger has no table facts)$`),
      );
    }
  });
});

describe('the examination of a ledger', () => {
  it.each([-(2n ** 63n), -1n, 0n])('finds an event at position %d', async (position) => {
    change(`UPDATE events SET position = ${position} WHERE position = 7`);
    expect(await faults()).toEqual([{ position, fault: `an event cannot have the position ${position}` }]);
  });

  it('reads up to the last position that there can be', async () => {
    change(`UPDATE events SET position = ${2n ** 63n - 1n} WHERE position = 22`);
    expect((await Array.fromAsync(examineLedgerFile(path))).at(-1)!.position).toBe(2n ** 63n - 1n);
  });

  it('finds names that no event has', async () => {
    change(`INSERT INTO streams (name) VALUES ('account-new.DE'); INSERT INTO types (name) VALUES ('Noted')`);
    expect(await faults()).toEqual([
      { position: 0n, fault: "no event is of the stream 'account-new.DE'" },
      { position: 0n, fault: "no event is of the type 'Noted'" },
    ]);
  });

  it('finds two rows of one name, though the schema says that there are none', async () => {
    const alter = (sql: string, ...values: string[]) => {
      const db = new DatabaseSync(path, { defensive: false });
      db.exec('PRAGMA writable_schema = ON');
      db.prepare(`UPDATE sqlite_schema SET ${sql}`).run(...values);
      db.close();
    };
    const before = new DatabaseSync(path);
    const made = String(before.prepare(`SELECT sql FROM sqlite_schema WHERE name = 'streams'`).get()!['sql']);
    before.close();
    // A plain index stands in for the one that takes no name twice, and is called by its name again.
    const [own, plain] = ['sqlite_autoindex_streams_1', 'plain'];
    alter(
      `sql = CASE name WHEN 'streams' THEN ? ELSE 'CREATE INDEX plain ON streams (name)' END,
       name = CASE name WHEN 'streams' THEN name ELSE '${plain}' END WHERE name IN ('streams', '${own}')`,
      made.replace(' UNIQUE', ''),
    );
    change(`INSERT INTO streams (stream_id, name) SELECT 99, name FROM streams WHERE stream_id = 1;
      UPDATE events SET stream_id = 99 WHERE stream_id = 1 AND revision > 2`);
    alter(
      `sql = CASE name WHEN 'streams' THEN ? END,
       name = CASE name WHEN 'streams' THEN name ELSE '${own}' END WHERE name IN ('streams', '${plain}')`,
      made,
    );
    expect(await faults()).toContainEqual({ position: 0n, fault: "two streams have the name 'account-adv-1.DE'" });
  });
});

it('a stream that has a row and no event yet begins at revision 0', async () => {
  change(`INSERT INTO streams (name) VALUES ('account-new.DE')`);
  const store = SqliteEventStore.open(path);
  expect(await store.append('account-new.DE', 'none', [click(1000)])).toMatchObject({ revision: 0 });
  expect(await store.append('account-new.DE', 0, [click(1001)])).toMatchObject({ revision: 1 });
  await store.close();
  expect(await faults()).toEqual([]);
});
