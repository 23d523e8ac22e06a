import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { once } from '../../kernel/once.js';
import { failedWith, SQLITE } from '../../kernel/sqlite-codes.js';

/** Another process, or another part of this one, has the ledger open. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError';
}

/** The file is no ledger, is one of another layout, or cannot be opened for writing. */
export class LedgerFileError extends Error {
  override readonly name = 'LedgerFileError';
}

/** `PLDG`: tells a ledger from any other SQLite database. */
const APPLICATION_ID = 0x504c4447;
const LAYOUT = 1;

/**
 * An event's id is `type:key`, and only the key is stored with each event. Names that repeat, of streams and of types,
 * are stored once. Positions have no gaps, because nothing is ever deleted.
 */
const SCHEMA = `
  CREATE TABLE streams (stream_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE types (type_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    type_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    data TEXT NOT NULL,
    metadata TEXT NOT NULL,
    recorded_at INTEGER NOT NULL -- ms since 1970
  ) STRICT;
  CREATE UNIQUE INDEX events_by_revision ON events (stream_id, revision);
  CREATE UNIQUE INDEX events_by_id ON events (stream_id, type_id, key);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${LAYOUT};
`;

/**
 * Opens the ledger, or creates it, and keeps it locked until it is closed or the process ends, however it ends.
 * Throws StoreInUseError or LedgerFileError, each with one line to show.
 */
export function openLedgerFile(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    claim(db, path);
    configure(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw readable(error, path);
  }
}

/**
 * Opens a ledger that is there, to read it: whoever would write to it is kept out meanwhile. Where not even a lock can be
 * written, on a read-only file system, it is read as it is. Throws StoreInUseError or LedgerFileError.
 */
export function openLedgerToRead(path: string): DatabaseSync {
  if (!existsSync(path)) throw new LedgerFileError(`there is no ledger file ${path}`);
  try {
    return openedToRead(path, path);
  } catch (error) {
    const cannotWrite = failedWith(error, SQLITE.IOERR, SQLITE.READONLY, SQLITE.CANTOPEN);
    if (!cannotWrite || hasUnsavedPages(path)) throw readable(error, path);
  }
  try {
    const unchanging = pathToFileURL(resolve(path));
    unchanging.searchParams.set('immutable', '1');
    return openedToRead(unchanging, path);
  } catch (error) {
    throw readable(error, path);
  }
}

function openedToRead(location: string | URL, path: string): DatabaseSync {
  const db = new DatabaseSync(location, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    if (pragma(db, 'schema_version') === 0) throw new LedgerFileError(`the file ${path} is empty`);
    assertLedger(db, path);
    db.exec('PRAGMA cache_size = -65536'); // KiB
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** What a process that ended without closing the ledger has left beside it, to be taken over by who may write. */
const hasUnsavedPages = (path: string): boolean => (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** Long enough for a predecessor that is just closing. */
const BUSY_TIMEOUT_MS = 500;

/** Takes the lock before the first look, so that of two that start at once one wins; writes to nothing but a ledger. */
function claim(db: DatabaseSync, path: string): void {
  db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  const isEmpty = pragma(db, 'schema_version') === 0;
  if (!isEmpty) assertLedger(db, path);
  else db.exec(SCHEMA);
  db.exec('COMMIT');
}

function assertLedger(db: DatabaseSync, path: string): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new LedgerFileError(`the file ${path} is an SQLite database but not a ledger`);
  }
  const layout = pragma(db, 'user_version');
  if (layout !== LAYOUT) {
    throw new LedgerFileError(`the ledger file ${path} has layout ${layout}, this version reads layout ${LAYOUT}`);
  }
  const fault = schemaFault(db);
  if (fault !== undefined) throw new LedgerFileError(`the ledger file ${path} was changed: ${fault}`);
}

const SCHEMA_ROWS = `SELECT type || ' ' || name AS part, sql FROM sqlite_schema`;

/** By its own text: a table without a constraint, a view in its place or a trigger would make the store say other things. */
function schemaFault(db: DatabaseSync): string | undefined {
  const rest = new Map(ownSchema());
  for (const { part, sql } of db.prepare(SCHEMA_ROWS).all()) {
    if (!rest.has(String(part))) return `a ledger has no ${String(part)}`;
    if (rest.get(String(part)) !== sql) return `its ${String(part)} is not as it was made`;
    rest.delete(String(part));
  }
  const [missing] = rest.keys();
  return missing && `its ${missing} is missing`;
}

const ownSchema = once((): ReadonlyMap<string, unknown> => {
  const db = new DatabaseSync(':memory:');
  db.exec(SCHEMA);
  const rows = db.prepare(SCHEMA_ROWS).all();
  db.close();
  return new Map(rows.map(({ part, sql }) => [String(part), sql]));
});

/**
 * Acknowledged means on disk: FULL syncs the write-ahead log at every commit. A commit that has split pages looks through
 * the whole cache, and the operating system has the pages at hand: more of it costs as much as it saves.
 */
function configure(db: DatabaseSync, path: string): void {
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 10000; -- pages
    PRAGMA cache_size = -8192; -- KiB
  `);
  if (pragma(db, 'journal_mode') !== 'wal' || pragma(db, 'synchronous') !== 2) {
    throw new LedgerFileError(`the ledger file ${path} is on a file system without write-ahead logging`);
  }
}

const pragma = (db: DatabaseSync, name: string) => db.prepare(`PRAGMA ${name}`).get()?.[name] as string | number;

function readable(error: unknown, path: string): Error {
  if (error instanceof LedgerFileError) return error;
  if (failedWith(error, SQLITE.BUSY)) {
    return new StoreInUseError(`the ledger file ${path} is in use by another process`, { cause: error });
  }
  if (failedWith(error, SQLITE.NOTADB)) {
    return new LedgerFileError(`the file ${path} is not a ledger`, { cause: error });
  }
  return new LedgerFileError(`the ledger file ${path} cannot be opened: ${(error as Error).message}`, { cause: error });
}
