import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { failedWith, SQLITE } from '../../kernel/sqlite-codes.js';
import { StoreUnavailableError, type Position } from '../event-store.js';

/** Raised with the tables: a file of another version is emptied. */
const INDEX_VERSION = 3;

/** Revisions that lie so near to each other are read at once. */
const NEAR = 16;

const TABLES = `
  CREATE TABLE IF NOT EXISTS streams (
    stream_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    through INTEGER NOT NULL -- the revisions up to here are indexed
  ) STRICT;
  CREATE TABLE IF NOT EXISTS keys (
    stream_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (stream_id, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS last_seen (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    key BLOB NOT NULL,
    position INTEGER NOT NULL,
    searched INTEGER NOT NULL
  ) STRICT`;

/** The latest event of the ledger that this process has seen: by it the file is known to belong to its server. */
export interface LastSeen {
  readonly stream: string;
  readonly revision: number;
  readonly key: Uint8Array;
  readonly position: Position;
  /** So far the log held nothing later of the ledger's. */
  readonly searched: Position;
}

/**
 * Where a stream holds the event with a key: EventStoreDB finds events by stream and revision only. It is this process's
 * own, filled from the streams it works on, always from the first revision on without a gap, and can be thrown away: a file
 * of another version or a damaged one is emptied, and one that cannot be written any more is left for memory.
 */
export class KeyIndex {
  #file: IndexFile;

  /**
   * `path` is a file, or `:memory:`. One process owns the file; a second one fails at once. `report` is told in a line when
   * the file is given up.
   */
  constructor(
    path: string,
    private readonly report: (message: string) => void,
  ) {
    this.#file = open(path);
  }

  /** The last indexed revision of a stream, -1 when there is none. */
  through(stream: string): number {
    return this.#reading(({ streamOf }) => streamOf(stream)?.through ?? -1);
  }

  revisionOf(stream: string, key: Uint8Array): number | undefined {
    return this.#reading(({ streamOf, statements }) => {
      const id = streamOf(stream)?.id;
      const found = id === undefined ? undefined : statements.find.get(id, key);
      return (found as { revision: number } | undefined)?.revision;
    });
  }

  /** Takes the keys of the revisions from `first` on; those after a gap are left out, and read from the stream later. */
  add(stream: string, first: number, keys: readonly Uint8Array[], lastPosition: Position): void {
    this.#writing(({ streamOf, statements }) => {
      const last = first + keys.length - 1;
      const through = streamOf(stream)?.through ?? -1;
      if (keys.length === 0 || first > through + 1 || last <= through) return;
      if (!streamOf(stream)) statements.open.run(stream);
      const { id } = streamOf(stream)!;
      keys.forEach((key, index) => statements.add.run(id, key, first + index));
      statements.advance.run(last, id);
      statements.remember.run(stream, last, keys.at(-1)!, lastPosition, lastPosition);
    });
  }

  lastSeen(): LastSeen | undefined {
    return this.#reading(({ statements }) => {
      const row = statements.lastSeen.get() as Record<keyof LastSeen, string> | undefined;
      if (!row) return undefined;
      return { ...(row as unknown as LastSeen), position: BigInt(row.position), searched: BigInt(row.searched) };
    });
  }

  /** Remembers what was seen last, unless it is earlier than what is remembered. */
  remember({ stream, revision, key, position, searched }: LastSeen): void {
    this.#writing(({ statements }) => statements.remember.run(stream, revision, key, position, searched));
  }

  clear(): void {
    this.#writing(({ sql }) => sql.exec('DELETE FROM keys; DELETE FROM streams; DELETE FROM last_seen'));
  }

  close(): void {
    this.#file.sql.close();
  }

  /** A look-up that fails is no "not there": whoever asks is told to ask again, and finds an index in memory. */
  #reading<T>(read: (file: IndexFile) => T): T {
    try {
      return read(this.#file);
    } catch (error) {
      this.#giveUp(error);
      throw new StoreUnavailableError('the index over event ids cannot be read', { cause: error });
    }
  }

  /** What is not written is read from the stream when it is asked for: no reason to fail whoever appended it. */
  #writing(write: (file: IndexFile) => unknown): void {
    const { sql } = this.#file;
    try {
      sql.exec('BEGIN IMMEDIATE');
      write(this.#file);
      sql.exec('COMMIT');
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    this.report(`the index over event ids is kept in memory from now on: ${(error as Error).message}`);
    this.#file.sql.close();
    this.#file = connect(':memory:');
  }
}

type IndexFile = ReturnType<typeof connect>;

function open(path: string): IndexFile {
  try {
    return connect(path);
  } catch (error) {
    if (!isUnusable(error)) throw error;
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    return connect(path);
  }
}

class OtherVersionError extends Error {}

function connect(path: string) {
  const sql = new DatabaseSync(path);
  try {
    // NORMAL is enough: after a power cut the index is shorter, and still without a gap.
    sql.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    const { user_version: version } = sql.prepare('PRAGMA user_version').get() as { user_version: number };
    const { tables } = sql.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
    if (tables > 0 && version !== INDEX_VERSION) throw new OtherVersionError(`it is of version ${version}`);
    sql.exec(TABLES);
    sql.exec(`PRAGMA user_version = ${INDEX_VERSION}`);
    const statements = prepare(sql);
    const streamOf = (name: string) => statements.stream.get(name) as { id: number; through: number } | undefined;
    return { sql, statements, streamOf };
  } catch (error) {
    sql.close();
    throw error;
  }
}

const prepare = (sql: DatabaseSync) => ({
  stream: sql.prepare('SELECT stream_id AS id, through FROM streams WHERE name = ?'),
  open: sql.prepare('INSERT INTO streams (name, through) VALUES (?, -1)'),
  advance: sql.prepare('UPDATE streams SET through = ? WHERE stream_id = ?'),
  add: sql.prepare('INSERT OR IGNORE INTO keys (stream_id, key, revision) VALUES (?, ?, ?)'),
  find: sql.prepare('SELECT revision FROM keys WHERE stream_id = ? AND key = ?'),
  lastSeen: sql.prepare(
    `SELECT stream, revision, key, CAST(position AS TEXT) AS position, CAST(searched AS TEXT) AS searched FROM last_seen`,
  ),
  remember: sql.prepare(
    `INSERT INTO last_seen (one, stream, revision, key, position, searched) VALUES (1, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET stream = excluded.stream, revision = excluded.revision, key = excluded.key,
       position = excluded.position, searched = excluded.searched
     WHERE excluded.position >= position AND excluded.searched >= searched`,
  ),
});

const isUnusable = (error: unknown): boolean =>
  error instanceof OtherVersionError || failedWith(error, SQLITE.CORRUPT, SQLITE.NOTADB);

/** The ranges that hold the given revisions, those close to each other in one, of at most so many. */
export function nearby(revisions: readonly number[], most: number): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  for (const revision of revisions.toSorted((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range && revision - range[1] <= NEAR && revision - range[0] < most) range[1] = revision;
    else ranges.push([revision, revision]);
  }
  return ranges;
}
