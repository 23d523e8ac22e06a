import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { instantOf } from '../../kernel/instant.js';
import { PAGE } from '../embedded.js';
import type { EventMetadata, Recorded, Unreadable } from '../event-store.js';
import { openLedgerToRead } from './ledger-file.js';

/** Text is read as bytes, so that nothing that is no UTF-8 is mended on the way. */
const ROWS = `
  SELECT e.position, CAST(s.name AS BLOB) AS stream, e.revision, CAST(t.name AS BLOB) AS type,
    CAST(e.key AS BLOB) AS key, CAST(e.data AS BLOB) AS data, CAST(e.metadata AS BLOB) AS metadata,
    e.recorded_at AS recordedMs,
    typeof(e.revision) || typeof(e.recorded_at) || typeof(e.key) || typeof(e.data) || typeof(e.metadata) AS types
  FROM events e LEFT JOIN streams s USING (stream_id) LEFT JOIN types t USING (type_id)
  WHERE e.position >= ? ORDER BY e.position LIMIT ${PAGE}`;

const TYPES = 'integerintegertexttexttext';

interface Row {
  readonly position: bigint;
  readonly stream: Uint8Array | null;
  readonly revision: bigint;
  readonly type: Uint8Array | null;
  readonly key: Uint8Array;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  readonly recordedMs: bigint;
  readonly types: string;
}

/** What is wrong with a row, in words. */
class RowFault extends Error {}

/**
 * A ledger's file as it lies there, for those who doubt it: what SQLite says of the file, then each row of the log, the
 * event or why it is none. Throws StoreInUseError or LedgerFileError.
 */
export async function* examineLedgerFile(path: string): AsyncGenerator<Recorded | Unreadable> {
  const db = openLedgerToRead(path);
  try {
    for (const fault of [...integrityFaults(db), ...nameFaults(db)]) yield { position: 0n, fault };
    yield* examineLog(db);
  } finally {
    db.close();
  }
}

async function* examineLog(db: DatabaseSync): AsyncGenerator<Recorded | Unreadable> {
  for (let from = LEAST; from <= GREATEST; await nextTurn()) {
    let page: readonly Row[];
    try {
      const statement = db.prepare(ROWS);
      statement.setReadBigInts(true);
      page = statement.all(from) as unknown as Row[];
    } catch (error) {
      yield { position: 0n, fault: `the rows from position ${from} on cannot be read: ${(error as Error).message}` };
      return;
    }
    for (const row of page) yield eventOr(row);
    if (page.length < PAGE) return;
    from = page.at(-1)!.position + 1n;
  }
}

/** What SQLite can number rows with, whatever the store does. */
const LEAST = -(2n ** 63n);
const GREATEST = 2n ** 63n - 1n;

function integrityFaults(db: DatabaseSync): string[] {
  try {
    const rows = db.prepare('PRAGMA integrity_check(10)').all();
    return rows.map((row) => String(Object.values(row)[0])).filter((text) => text !== 'ok');
  } catch (error) {
    return [`SQLite cannot check the file: ${(error as Error).message}`];
  }
}

/** Each name belongs to one row, and is there because an event has it. Asked without the indexes that should say so. */
const NAME_FAULTS: readonly (readonly [sql: string, fault: string])[] = ['stream', 'type'].flatMap((what) => {
  const named = `SELECT coalesce(quote(name), 'NULL') AS name FROM ${what}s n NOT INDEXED`;
  return [
    [`${named} GROUP BY n.name HAVING count(*) > 1 LIMIT 1`, `two ${what}s have the name`],
    [
      `${named} WHERE ${what}_id NOT IN (SELECT DISTINCT ${what}_id FROM events NOT INDEXED) LIMIT 1`,
      `no event is of the ${what}`,
    ],
  ] as const;
});

function nameFaults(db: DatabaseSync): string[] {
  return NAME_FAULTS.flatMap(([sql, fault]) => {
    try {
      return db
        .prepare(sql)
        .all()
        .map(({ name }) => `${fault} ${String(name)}`);
    } catch (error) {
      return [`the names cannot be read: ${(error as Error).message}`];
    }
  });
}

function eventOr(row: Row): Recorded | Unreadable {
  try {
    return eventOf(row);
  } catch (error) {
    if (error instanceof RowFault) return { position: row.position, fault: error.message };
    throw error;
  }
}

function eventOf(row: Row): Recorded {
  if (row.position < 1n) throw new RowFault(`an event cannot have the position ${row.position}`);
  if (row.stream === null) throw new RowFault('it belongs to no stream');
  if (row.type === null) throw new RowFault('it has no type');
  if (row.types !== TYPES) throw new RowFault('a value of it is of another kind than its column');
  const type = textOf('type', row.type);
  return {
    stream: textOf('stream', row.stream),
    revision: revisionIn(row.revision),
    position: row.position,
    recordedAt: instantIn(row.recordedMs),
    id: `${type}:${textOf('key', row.key)}`,
    type,
    data: objectIn('data', row.data),
    metadata: objectIn('metadata', row.metadata) as EventMetadata,
  };
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(what: string, bytes: Uint8Array): string {
  try {
    return UTF_8.decode(bytes);
  } catch {
    throw new RowFault(`its ${what} is no UTF-8`);
  }
}

/** The store writes JSON in one way; the same value spelt otherwise was not written by it. */
function objectIn(what: string, bytes: Uint8Array): object {
  const text = textOf(what, bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RowFault(`its ${what} is no JSON`);
  }
  if (typeof value !== 'object' || value === null) throw new RowFault(`its ${what} is no object`);
  if (JSON.stringify(value) !== text) throw new RowFault(`its ${what} is not spelt as the store writes it`);
  return value;
}

function revisionIn(revision: bigint): number {
  if (revision >= 0n && revision <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(revision);
  throw new RowFault(`its revision cannot be ${revision}`);
}

function instantIn(ms: bigint) {
  try {
    return instantOf(Number(ms));
  } catch {
    throw new RowFault('its time of recording is none');
  }
}
