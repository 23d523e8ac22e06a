import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { failedWith, SQLITE } from '../../kernel/sqlite-codes.js';

/** Raised with every change to what is stored: a file of another version is set aside and made again. */
const SEALS_VERSION = 2;

const SCHEMA = `
  CREATE TABLE sealed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,      -- events
    position INTEGER NOT NULL,  -- of the last
    stream TEXT NOT NULL,
    event_id TEXT NOT NULL,
    searched INTEGER NOT NULL   -- the log has nothing more up to here
  ) STRICT;
  CREATE TABLE tiles (tile INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT; -- level * 2^40 + number
  CREATE TABLE places (tile INTEGER PRIMARY KEY, first INTEGER NOT NULL, positions BLOB NOT NULL) STRICT;
  CREATE INDEX places_by_position ON places (first);
  CREATE TABLE heads (
    stream TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    hash BLOB NOT NULL,
    leaf_index INTEGER NOT NULL -- where the tree has that hash, too
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE checkpoints (
    tree_size INTEGER PRIMARY KEY,
    leaf_index INTEGER NOT NULL,
    position INTEGER NOT NULL,  -- of its event
    data TEXT NOT NULL
  ) STRICT;
  PRAGMA user_version = ${SEALS_VERSION};
`;

/** The file lacks what it says it has, or is of another version: it can be set aside and is made again from the log. */
export class SealsDamagedError extends Error {
  override readonly name = 'SealsDamagedError';
}

/** Somebody has the file. */
export class SealsInUseError extends Error {
  override readonly name = 'SealsInUseError';
}

/** Opens the file or creates it. It is locked until it is closed. Throws SealsDamagedError and leaves it as it is. */
export function openSeals(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readBigInts: true });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    if (!isEmpty(db)) assertVersion(db);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    if (isEmpty(db)) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens seals to compare with: nothing is written to the file nor beside it, wherever it lies. What a process that was
 * killed left in the write-ahead log counts, in a copy of both. Throws SealsInUseError or SealsDamagedError.
 */
export function openSealsToRead(path: string): DatabaseSync {
  assertFree(path);
  const hasUnsavedPages = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const db = hasUnsavedPages ? openCopy(path) : openUnchanging(path);
  try {
    if (isEmpty(db)) throw new SealsDamagedError('the file is empty');
    assertVersion(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A reader that may not write never gets the exclusive lock; whether it is refused for another's tells who has it. */
function assertFree(path: string): void {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.prepare('PRAGMA user_version').get();
  } catch (error) {
    if (failedWith(error, SQLITE.BUSY)) throw new SealsInUseError((error as Error).message, { cause: error });
  } finally {
    db.close();
  }
}

/** Long enough for a predecessor that is just closing. */
const BUSY_TIMEOUT_MS = 500;

function openUnchanging(path: string): DatabaseSync {
  const url = pathToFileURL(resolve(path));
  url.searchParams.set('immutable', '1');
  return new DatabaseSync(url, { readOnly: true, readBigInts: true });
}

function openCopy(path: string): DatabaseSync {
  const folder = mkdtempSync(join(tmpdir(), 'promoledger-seals-'));
  try {
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, join(folder, `copy${suffix}`));
    const db = new DatabaseSync(join(folder, 'copy'), { readBigInts: true });
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.prepare('PRAGMA user_version').get();
    return db;
  } finally {
    // It stays open, and is gone when it is closed, however that comes about.
    rmSync(folder, { recursive: true, force: true });
  }
}

const isEmpty = (db: DatabaseSync): boolean => db.prepare('PRAGMA schema_version').get()!['schema_version'] === 0n;

function assertVersion(db: DatabaseSync): void {
  const version = db.prepare('PRAGMA user_version').get()!['user_version'];
  if (version === BigInt(SEALS_VERSION)) return;
  throw new SealsDamagedError(`it has version ${String(version)}, and this program reads version ${SEALS_VERSION}`);
}

const COMPARED = {
  'the last event': 'SELECT size, position, stream, event_id FROM sealed',
  'the tree': 'SELECT tile, hashes FROM tiles ORDER BY tile',
  positions: 'SELECT tile, first, positions FROM places ORDER BY tile',
  'the last events of streams': 'SELECT stream, revision, hash, leaf_index FROM heads ORDER BY stream',
  checkpoints: 'SELECT tree_size, leaf_index, position, data FROM checkpoints ORDER BY tree_size',
};

/** In which of its parts a file is not what another is that has as many events; undefined: in none. */
export function differingPart(one: DatabaseSync, other: DatabaseSync): string | undefined {
  for (const [part, sql] of Object.entries(COMPARED)) {
    const rows = other.prepare(sql).iterate();
    for (const row of one.prepare(sql).iterate()) {
      const { value } = rows.next() as { value: unknown };
      if (isDeepStrictEqual(row, value)) continue;
      rows.return?.();
      return part;
    }
    const isLonger = !rows.next().done;
    rows.return?.();
    if (isLonger) return part;
  }
  return undefined;
}

export function prepareStatements(db: DatabaseSync) {
  const CHECKPOINTS = 'SELECT data, leaf_index AS leafIndex, position FROM checkpoints';
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    load: db.prepare('SELECT size, position, stream, event_id AS eventId, searched FROM sealed'),
    save: db.prepare('INSERT OR REPLACE INTO sealed VALUES (1, ?, ?, ?, ?, ?)'),
    searched: db.prepare('UPDATE sealed SET searched = ?'),
    tile: db.prepare('SELECT hashes FROM tiles WHERE tile = ?'),
    saveTile: db.prepare('INSERT OR REPLACE INTO tiles VALUES (?, ?)'),
    place: db.prepare('SELECT positions FROM places WHERE tile = ?'),
    placeOf: db.prepare('SELECT tile, positions FROM places WHERE first <= ? ORDER BY first DESC LIMIT 1'),
    savePlaces: db.prepare('INSERT OR REPLACE INTO places VALUES (?, ?, ?)'),
    head: db.prepare('SELECT revision, hash, leaf_index AS leafIndex FROM heads WHERE stream = ?'),
    setHead: db.prepare('INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)'),
    addCheckpoint: db.prepare('INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?)'),
    checkpoints: db.prepare(`${CHECKPOINTS} WHERE tree_size > ? AND position <= ? ORDER BY tree_size LIMIT ?`),
    latestCheckpoint: db.prepare(`${CHECKPOINTS} ORDER BY tree_size DESC LIMIT 1`),
    checkpointsBetween: db.prepare(
      'SELECT count(*) AS count FROM checkpoints WHERE leaf_index >= ? AND leaf_index < ?',
    ),
  };
}
