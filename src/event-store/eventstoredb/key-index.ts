import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Position } from '../event-store.js';

/** Raised with the tables: a file of another version is emptied. */
const INDEX_VERSION = 2;

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
  CREATE TABLE IF NOT EXISTS anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    key BLOB NOT NULL,
    position INTEGER NOT NULL,
    searched INTEGER NOT NULL
  ) STRICT`;

/** The latest event of the ledger that this process has seen: by it the file is known to belong to its server. */
export interface Anchor {
  readonly stream: string;
  readonly revision: number;
  readonly key: Uint8Array;
  readonly position: Position;
  /** So far the log holds nothing later of the ledger's. */
  readonly searched: Position;
}

/**
 * Where a stream holds the event with a key: EventStoreDB finds events by stream and revision only. It is this process's
 * own, filled from the streams it works on, always from the first revision on without a gap, and can be thrown away.
 */
export class KeyIndex {
  readonly #sql: DatabaseSync;
  readonly #statements: Record<'stream' | 'open' | 'advance' | 'add' | 'find' | 'anchor' | 'moor', StatementSync>;

  /** `path` is a file, or `:memory:`. One process owns the file; a second one fails at once. */
  constructor(path: string) {
    this.#sql = new DatabaseSync(path);
    // NORMAL is enough: after a power cut the index is shorter, and still without a gap.
    this.#sql.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    this.#sql.exec(TABLES);
    const { user_version: version } = this.#sql.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version !== INDEX_VERSION) {
      this.clear();
      this.#sql.exec(`PRAGMA user_version = ${INDEX_VERSION}`);
    }
    this.#statements = {
      stream: this.#sql.prepare('SELECT stream_id AS id, through FROM streams WHERE name = ?'),
      open: this.#sql.prepare('INSERT INTO streams (name, through) VALUES (?, -1)'),
      advance: this.#sql.prepare('UPDATE streams SET through = ? WHERE stream_id = ?'),
      add: this.#sql.prepare('INSERT OR IGNORE INTO keys (stream_id, key, revision) VALUES (?, ?, ?)'),
      find: this.#sql.prepare('SELECT revision FROM keys WHERE stream_id = ? AND key = ?'),
      anchor: this.#sql.prepare(
        `SELECT stream, revision, key, CAST(position AS TEXT) AS position, CAST(searched AS TEXT) AS searched FROM anchor`,
      ),
      moor: this.#sql.prepare(
        `INSERT INTO anchor (one, stream, revision, key, position, searched) VALUES (1, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET stream = excluded.stream, revision = excluded.revision, key = excluded.key,
           position = excluded.position, searched = excluded.searched
         WHERE excluded.position >= position AND excluded.searched >= searched`,
      ),
    };
  }

  /** The last indexed revision of a stream, -1 when there is none. */
  through(stream: string): number {
    return this.#stream(stream)?.through ?? -1;
  }

  revisionOf(stream: string, key: Uint8Array): number | undefined {
    const id = this.#stream(stream)?.id;
    const found = id === undefined ? undefined : this.#statements.find.get(id, key);
    return (found as { revision: number } | undefined)?.revision;
  }

  /** Takes the keys of the revisions from `first` on; those after a gap are left out, and read from the stream later. */
  add(stream: string, first: number, keys: readonly Uint8Array[], lastPosition: Position): void {
    const last = first + keys.length - 1;
    const through = this.through(stream);
    if (keys.length === 0 || first > through + 1 || last <= through) return;
    this.#sql.exec('BEGIN IMMEDIATE');
    try {
      if (!this.#stream(stream)) this.#statements.open.run(stream);
      const { id } = this.#stream(stream)!;
      keys.forEach((key, index) => this.#statements.add.run(id, key, first + index));
      this.#statements.advance.run(last, id);
      this.moor({ stream, revision: last, key: keys.at(-1)!, position: lastPosition, searched: lastPosition });
      this.#sql.exec('COMMIT');
    } catch (error) {
      this.#sql.exec('ROLLBACK');
      throw error;
    }
  }

  anchor(): Anchor | undefined {
    const row = this.#statements.anchor.get() as Record<keyof Anchor, string> | undefined;
    if (!row) return undefined;
    return { ...(row as unknown as Anchor), position: BigInt(row.position), searched: BigInt(row.searched) };
  }

  /** Remembers what was seen last, unless it is earlier than what is remembered. */
  moor({ stream, revision, key, position, searched }: Anchor): void {
    this.#statements.moor.run(stream, revision, key, position, searched);
  }

  clear(): void {
    this.#sql.exec('BEGIN IMMEDIATE; DELETE FROM keys; DELETE FROM streams; DELETE FROM anchor; COMMIT');
  }

  close(): void {
    this.#sql.close();
  }

  #stream(name: string): { id: number; through: number } | undefined {
    return this.#statements.stream.get(name) as { id: number; through: number } | undefined;
  }
}
