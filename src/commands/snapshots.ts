import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { failedWith, SQLITE } from '../kernel/sqlite-codes.js';

/** A stream's state, written down, and the event that it includes last: by that it is known to belong to its log. */
export interface Snapshot {
  readonly stream: string;
  readonly revision: number;
  /** Of the event at that revision. */
  readonly eventId: string;
  readonly recordedAt: string;
  /** Of the codec. */
  readonly version: number;
  readonly state: string;
}

const TABLE = `
  CREATE TABLE IF NOT EXISTS snapshots (
    stream TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    digest BLOB NOT NULL -- of all the rest
  ) STRICT`;

/**
 * The latest snapshot of each stream, in a file of this process's own. It saves reading and is never needed: a file that
 * is damaged is begun anew, and without one that can be used (another process has it, the disk is full) there are none.
 */
export class Snapshots {
  private readonly file: SnapshotFile | undefined;

  /** `path` is a file; null keeps none. */
  constructor(
    path: string | null,
    private readonly saved: () => void = () => undefined,
  ) {
    this.file = path === null ? undefined : open(path);
  }

  get isKept(): boolean {
    return this.file !== undefined;
  }

  /** The stream's snapshot, as it was saved, when there is one of this version. */
  find(stream: string, version: number): Snapshot | undefined {
    return attempt(() => {
      const { digest, ...snapshot } = (this.file?.find.get(stream, version) ?? {}) as Partial<SnapshotRow>;
      return digest && digestOf(snapshot as Snapshot).equals(digest) ? (snapshot as Snapshot) : undefined;
    });
  }

  /** Keeps it in the place of the stream's one before. */
  save(snapshot: Snapshot): void {
    const { stream, revision, eventId, recordedAt, version, state } = snapshot;
    attempt(() => {
      this.file?.save.run(stream, revision, eventId, recordedAt, version, state, digestOf(snapshot));
      this.saved();
    });
  }

  close(): void {
    attempt(() => this.file?.sql.close());
  }
}

type SnapshotRow = Snapshot & { readonly digest: Uint8Array };

interface SnapshotFile {
  readonly sql: DatabaseSync;
  readonly find: StatementSync;
  readonly save: StatementSync;
}

/** Whatever goes wrong with the file is answered by having no snapshot. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}

function open(path: string): SnapshotFile | undefined {
  try {
    return connect(path);
  } catch (error) {
    if (!failedWith(error, SQLITE.CORRUPT, SQLITE.NOTADB)) return undefined;
    return attempt(() => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
      return connect(path);
    });
  }
}

/** Locked until it is closed: two processes never write one file. A power cut may cost the last snapshots, no more. */
function connect(path: string): SnapshotFile {
  const sql = new DatabaseSync(path);
  try {
    sql.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    sql.exec(TABLE);
    return {
      sql,
      find: sql.prepare(`SELECT stream, revision, event_id AS eventId, recorded_at AS recordedAt, version, state, digest
        FROM snapshots WHERE stream = ? AND version = ?`),
      save: sql.prepare(`INSERT OR REPLACE INTO snapshots
        (stream, revision, event_id, recorded_at, version, state, digest) VALUES (?, ?, ?, ?, ?, ?, ?)`),
    };
  } catch (error) {
    sql.close();
    throw error;
  }
}

const digestOf = ({ stream, revision, eventId, recordedAt, version, state }: Snapshot): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([stream, revision, eventId, recordedAt, version]))
    .update(state)
    .digest();
