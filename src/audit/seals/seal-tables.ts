import { DatabaseSync } from 'node:sqlite';

/** Raised with every change to what is stored: a file of another version is made again. */
const SEALS_VERSION = 1;

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
  CREATE TABLE heads (stream TEXT PRIMARY KEY, revision INTEGER NOT NULL, hash BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE checkpoints (
    tree_size INTEGER PRIMARY KEY,
    leaf_index INTEGER NOT NULL,
    position INTEGER NOT NULL,  -- of its event
    data TEXT NOT NULL
  ) STRICT;
  PRAGMA user_version = ${SEALS_VERSION};
`;

/** Opens the file or creates it; one of another version is emptied. It is locked until it is closed. */
export function openSeals(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readBigInts: true });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    if (db.prepare('PRAGMA user_version').get()!['user_version'] === BigInt(SEALS_VERSION)) return db;
    const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).all();
    const drops = tables.map(({ name }) => `DROP TABLE "${String(name)}";`);
    db.exec(['BEGIN IMMEDIATE;', ...drops, SCHEMA, 'COMMIT'].join('\n'));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
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
    head: db.prepare('SELECT revision, hash FROM heads WHERE stream = ?'),
    setHead: db.prepare('INSERT OR REPLACE INTO heads VALUES (?, ?, ?)'),
    addCheckpoint: db.prepare('INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?)'),
    checkpoints: db.prepare(`${CHECKPOINTS} WHERE tree_size > ? AND position <= ? ORDER BY tree_size LIMIT ?`),
    latestCheckpoint: db.prepare(`${CHECKPOINTS} ORDER BY tree_size DESC LIMIT 1`),
    checkpointsSince: db.prepare('SELECT count(*) AS count FROM checkpoints WHERE leaf_index >= ?'),
  };
}
