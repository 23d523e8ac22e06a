import { renameSync, rmSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Position, Recorded } from '../event-store/event-store.js';

/** Raised with every change to what any model stores: a file of another version is built anew. */
const MODELS_VERSION = 7;
/** Files from this version on can be asked, and written to, by this code: they answer until the new ones are built. */
const ANSWERS_FROM = 7;

/** A reader may hold up a change of the tables for a moment. */
const BUSY_MS = 5000;

const CHECKPOINT = `
  CREATE TABLE IF NOT EXISTS checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL,
    stream TEXT NOT NULL,
    event_id TEXT NOT NULL,
    searched INTEGER NOT NULL
  ) STRICT`;

/** The event that the read models include last: by it a file is known to belong to its log. */
export interface Checkpoint {
  readonly position: Position;
  readonly stream: string;
  readonly eventId: string;
  /** So far there was nothing more to include when it was looked. */
  readonly searched: Position;
}

/** An event of before that another one names, by its stream and id: what no table holds, the log has an index of. */
export type NamedEvents = (stream: string, id: string) => Recorded;

/** Tables kept from the log. A model creates its tables with the database it is constructed with. */
export interface ReadModel {
  /** Writes what the event says, or nothing when it is not the model's. Called in position order, in a transaction. */
  apply(event: Recorded, named: NamedEvents): void;
  /** Writes what it kept back so far, to be written once: called before each commit. */
  flush?(): void;
  /** What was written since the last commit is gone: drops whatever is remembered outside the tables. */
  forget(): void;
}

/** A value, or first of all an object of values by name. */
type Parameter = SQLInputValue | Record<string, SQLInputValue>;

/** A prepared statement that stays, whatever file the database is moved to. */
export class Statement {
  private prepared: StatementSync;
  constructor(
    private readonly sql: string,
    db: DatabaseSync,
  ) {
    this.prepared = db.prepare(sql);
  }

  get(...parameters: Parameter[]): ReturnType<StatementSync['get']> {
    return this.prepared.get(...(parameters as SQLInputValue[]));
  }

  all(...parameters: Parameter[]): ReturnType<StatementSync['all']> {
    return this.prepared.all(...(parameters as SQLInputValue[]));
  }

  /** For what answers with no row. Node's `run` makes an object of what was changed: a fifth of what inserting a row takes. */
  run(...parameters: Parameter[]): void {
    this.prepared.get(...(parameters as SQLInputValue[]));
  }

  iterate(...parameters: Parameter[]): ReturnType<StatementSync['iterate']> {
    return this.prepared.iterate(...(parameters as SQLInputValue[]));
  }

  moveTo(db: DatabaseSync): void {
    this.prepared = db.prepare(this.sql);
  }
}

/**
 * The read models' own SQLite file: it can be thrown away at any time, the log is the truth. Models and checkpoint are
 * written in one transaction, so `synchronous=NORMAL` is enough: after a power cut both are older, and still agree.
 * Every INTEGER is read as a bigint, so that no position and no amount ever passes through a double.
 */
export class ReadModelDatabase {
  /** False: what is in the file was built by earlier code, and goes on answering until it is built anew. */
  readonly isCurrent: boolean;
  private sql: DatabaseSync;
  private readonly schemas: string[] = [];
  private readonly prepared: Statement[] = [];
  private readonly statements: Record<'begin' | 'commit' | 'rollback' | 'load' | 'save' | 'searched', Statement>;

  /**
   * `path` is a file, or `:memory:`. One owner writes the file, others read it; a process has a ledger, or a cache, for
   * itself, and with it what lies beside it.
   */
  constructor(
    readonly path: string,
    version = MODELS_VERSION,
    answersFrom = ANSWERS_FROM,
  ) {
    this.sql = open(path);
    const found = Number(this.sql.prepare('PRAGMA user_version').get()!['user_version']);
    this.isCurrent = found >= version || found < answersFrom;
    if (found !== version && (found < answersFrom || found > version)) {
      this.clear();
      this.sql.exec(`PRAGMA user_version = ${version}`);
    }
    this.create(CHECKPOINT);
    this.statements = {
      begin: this.prepare('BEGIN IMMEDIATE'),
      commit: this.prepare('COMMIT'),
      rollback: this.prepare('ROLLBACK'),
      load: this.prepare('SELECT position, stream, event_id AS eventId, searched FROM checkpoint'),
      save: this.prepare('INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?, ?, ?)'),
      searched: this.prepare('UPDATE checkpoint SET searched = ?'),
    };
  }

  /**
   * While nobody reads the file its pages are moved from the write-ahead log in lots four times as large: many of them change
   * again before.
   */
  readByNobody(): void {
    this.sql.exec('PRAGMA wal_autocheckpoint = 40000');
  }

  /** Creates a model's tables (`CREATE … IF NOT EXISTS`), now and after every `clear`. */
  create(schema: string): void {
    this.schemas.push(schema);
    this.sql.exec(schema);
  }

  /** A statement to keep: it outlives `clear` and `replaceBy`. */
  prepare(sql: string): Statement {
    const statement = new Statement(sql, this.sql);
    this.prepared.push(statement);
    return statement;
  }

  /** Puts another file, which nobody has open, in the place of this one, between two questions. */
  replaceBy(path: string): void {
    // The last to close a file takes its write-ahead log with it: what is left of it would spoil the other's.
    this.sql.close();
    for (const suffix of ['-wal', '-shm']) rmSync(this.path + suffix, { force: true });
    renameSync(path, this.path);
    this.sql = open(this.path);
    for (const statement of this.prepared) statement.moveTo(this.sql);
  }

  checkpoint(): Checkpoint | undefined {
    return this.statements.load.get() as Checkpoint | undefined;
  }

  begin(): void {
    this.statements.begin.run();
  }

  /** Commits what the models wrote, up to and including `last`. */
  commit(last: Recorded): void {
    this.statements.save.run(last.position, last.stream, last.id, last.position);
    this.statements.commit.run();
  }

  /** The log holds nothing of the ledger between the checkpoint and `position`: the next start need not look. */
  searched(position: Position): void {
    this.statements.searched.run(position);
  }

  /** What `read` asks, all of it as of one commit: another thread may write meanwhile. */
  snapshot<T>(read: () => T): T {
    this.sql.exec('BEGIN');
    try {
      return read();
    } finally {
      this.sql.exec('COMMIT');
    }
  }

  rollback(): void {
    if (this.sql.isTransaction) this.statements.rollback.run();
  }

  close(): void {
    this.rollback();
    this.sql.close();
  }

  /** Drops all that is stored; the tables are there again, empty. */
  clear(): void {
    const tables = this.sql.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`);
    const drops = tables.all().map(({ name }) => `DROP TABLE "${String(name)}";`);
    this.sql.exec(['BEGIN IMMEDIATE;', ...drops, ...this.schemas.map((schema) => `${schema};`), 'COMMIT'].join('\n'));
  }
}

/** Pages are moved from the write-ahead log in larger lots than by default: it is a sync of the disk each time. */
function open(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readBigInts: true, timeout: BUSY_MS });
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 10000');
  // Of what is not in it the operating system has the pages at hand: with four times as much nothing was faster.
  db.exec('PRAGMA cache_size = -8192'); // KiB
  return db;
}

export function removeFiles(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
}
