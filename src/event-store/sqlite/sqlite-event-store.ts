import { backup, type DatabaseSync } from 'node:sqlite';
import { epochMs } from '../../kernel/instant.js';
import { checkBatch, judgeAppend } from '../appending.js';
import { EmbeddedEventStore, type LogReader } from '../embedded.js';
import {
  StoreUnavailableError,
  type AppendConflict,
  type Appended,
  type ExpectedRevision,
  type LogFilter,
  type NewEvent,
  type Position,
  type Recorded,
} from '../event-store.js';
import { UNOBSERVED, type StoreObserver } from '../observer.js';
import { openLedgerFile } from './ledger-file.js';
import { all, eventsOf, one, prepareLog, prepareStatements, type Statements } from './statements.js';

/** So many events share a commit at most: a group is one turn of the event loop. */
const GROUP_EVENTS = 1000;
/** Of a copy, between which appends are committed: 400 KiB, some milliseconds. */
const COPIED_PAGES = 100;

/**
 * The embedded store: one file and one writer. Appends that arrive in the same turn of the event loop are committed as
 * one group, each decided on its own, so that one sync of the disk serves them all.
 */
export class SqliteEventStore extends EmbeddedEventStore {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  readonly #nowMs: () => number;
  readonly #observer: StoreObserver;
  #queue: PendingAppend[] = [];
  #committed: LogState;
  #copying: Promise<unknown> | undefined;
  #isClosing = false;

  /** Opens or creates the ledger's file. Throws StoreInUseError or LedgerFileError. */
  static open(path: string, observer?: StoreObserver): SqliteEventStore {
    return new SqliteEventStore(openLedgerFile(path), Date.now, observer);
  }

  /** Takes over a database that `openLedgerFile` opened. `nowMs` is the clock of `recordedAt`. */
  constructor(db: DatabaseSync, nowMs: () => number = Date.now, observer: StoreObserver = UNOBSERVED) {
    super();
    this.#observer = observer;
    this.#db = db;
    this.#nowMs = nowMs;
    this.#statements = prepareStatements(db);
    const [position, recordedAtMs] = one<[number, number]>(this.#statements.tail) ?? [0, 0];
    const types = new Map(all<[string, number]>(this.#statements.types));
    this.#committed = { position, recordedAtMs, types };
  }

  protected override get tail(): Position {
    return BigInt(this.#committed.position);
  }

  override async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<Appended | AppendConflict> {
    this.assertOpen();
    checkBatch(events);
    const rows = events.map(({ id, type, data, metadata: { recordedAt, ...metadata } }): NewRow => ({
      type,
      key: id.slice(type.length + 1),
      data: JSON.stringify(data),
      metadata: JSON.stringify(metadata),
      copiedMs: recordedAt === undefined ? null : epochMs(recordedAt),
    }));
    return new Promise((resolve, reject) => {
      this.#queue.push({ stream, expected, rows, resolve, reject });
      if (this.#queue.length === 1) setImmediate(() => this.#commitGroup());
    });
  }

  override async find(stream: string, ids: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
    this.assertOpen();
    return reading(() => {
      const [streamId] = this.#stream(stream);
      const found = new Map<string, Recorded>();
      for (const id of ids) {
        const colon = id.indexOf(':');
        const typeId = this.#committed.types.get(id.slice(0, colon));
        if (streamId === undefined || typeId === undefined) continue;
        const [event] = eventsOf(this.#statements.event, streamId, typeId, id.slice(colon + 1));
        if (event) found.set(id, event);
      }
      return found;
    });
  }

  /**
   * Copies the ledger to a file that is not there, in steps between which others work; what is committed meanwhile is in
   * the copy, too. It is made through the connection that holds the lock: to another one the file is closed.
   */
  async copyFile(path: string): Promise<void> {
    this.assertOpen();
    if (this.#copying) throw new StoreUnavailableError('the ledger file is being copied already');
    const progress = () => {
      if (this.#isClosing) throw new StoreUnavailableError('the store is being closed');
    };
    this.#copying = backup(this.#db, path, { rate: COPIED_PAGES, progress });
    try {
      await this.#copying;
    } finally {
      this.#copying = undefined;
    }
  }

  /** A copy that is being made ends with its next step. */
  override async close(): Promise<void> {
    this.#isClosing = true;
    await this.#copying?.catch(() => undefined);
    await super.close();
  }

  protected override streamPage(stream: string, from: number, direction: 'forwards' | 'backwards') {
    return reading(() => {
      const [streamId] = this.#stream(stream);
      return streamId === undefined ? [] : eventsOf(this.#statements[direction], streamId, from);
    });
  }

  protected override logReader(filter: LogFilter | undefined): LogReader {
    const statement = reading(() => prepareLog(this.#db, filter));
    const prefixes = filter?.streamPrefixes ?? [];
    return (after, through) => reading(() => eventsOf(statement, Number(after), Number(through), ...prefixes));
  }

  protected override release(): void {
    while (this.#queue.length > 0) this.#commitGroup();
    this.#db.close();
  }

  /** All of the group are answered after COMMIT, or all rejected: nothing is acknowledged that is not on disk. */
  #commitGroup(): void {
    const group = this.#nextGroup();
    if (group.length === 0) return;
    if (this.#queue.length > 0) setImmediate(() => this.#commitGroup());
    const state = { ...this.#committed, types: new Map(this.#committed.types) };
    let answers: (Appended | AppendConflict)[];
    const startedMs = performance.now();
    try {
      this.#statements.begin.run();
      answers = group.map((append) => this.#write(append, state));
      this.#statements.commit.run();
    } catch (error) {
      this.#rollBack();
      const unavailable = new StoreUnavailableError(`the ledger file cannot be written: ${messageOf(error)}`, {
        cause: error,
      });
      for (const { reject } of group) reject(unavailable);
      return;
    }
    const events = state.position - this.#committed.position;
    this.#committed = state;
    if (events > 0) this.#observer.committed(events, (performance.now() - startedMs) / 1000);
    group.forEach(({ resolve }, index) => resolve(answers[index]!));
    if (events > 0) this.wakeFollowers();
  }

  #nextGroup(): PendingAppend[] {
    let events = 0;
    const end = this.#queue.findIndex(({ rows }) => (events += rows.length) > GROUP_EVENTS);
    // A batch is atomic: one that is larger than a group makes a group by itself.
    return this.#queue.splice(0, end === -1 ? this.#queue.length : Math.max(end, 1));
  }

  /** Decides before it writes: a conflict leaves nothing in the group's transaction. */
  #write({ stream, expected, rows }: PendingAppend, state: LogState): Appended | AppendConflict {
    const [knownStreamId, lastRevision] = this.#stream(stream);
    const held = rows.map(({ type, key }) => {
      const typeId = state.types.get(type);
      if (knownStreamId === undefined || typeId === undefined) return undefined;
      return one<Place>(this.#statements.place, knownStreamId, typeId, key);
    });
    const verdict = judgeAppend(
      lastRevision,
      expected,
      held.map((place) => place?.[0]),
    );
    if (verdict === 'conflict') return { conflict: true, currentRevision: lastRevision };
    if (verdict === 'repeat')
      return answer(
        held.filter((place) => place !== undefined),
        true,
      );

    const streamId = knownStreamId ?? Number(this.#statements.addStream.run(stream).lastInsertRowid);
    const nowMs = Math.max(state.recordedAtMs, this.#nowMs());
    const places = rows.map(({ type, key, data, metadata, copiedMs }, index): Place => {
      const revision = lastRevision + 1 + index;
      const position = ++state.position;
      const typeId = this.#typeId(type, state);
      const recordedMs = copiedMs ?? nowMs;
      state.recordedAtMs = Math.max(state.recordedAtMs, recordedMs);
      this.#statements.addEvent.run(position, streamId, revision, typeId, key, data, metadata, recordedMs);
      return [revision, position];
    });
    return answer(places, false);
  }

  #stream(name: string): [streamId: number | undefined, lastRevision: number] {
    return one<[number, number]>(this.#statements.stream, name) ?? [undefined, -1];
  }

  #typeId(type: string, state: LogState): number {
    const known = state.types.get(type);
    if (known !== undefined) return known;
    const typeId = Number(this.#statements.addType.run(type).lastInsertRowid);
    state.types.set(type, typeId);
    return typeId;
  }

  /** SQLite has already rolled back by itself after some failures, such as a full disk. */
  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#statements.rollback.run();
    } catch {
      // The failure that led here is what the callers are told; the next BEGIN tells whether it lasts.
    }
  }
}

/** Where the log ends and what it knows; a group works on a copy, which counts once it is committed. */
interface LogState {
  position: number;
  /** The latest there is. */
  recordedAtMs: number;
  readonly types: Map<string, number>;
}

interface NewRow {
  readonly type: string;
  readonly key: string;
  readonly data: string;
  readonly metadata: string;
  /** When the store it was copied from recorded it; null for an event of our own. */
  readonly copiedMs: number | null;
}

interface PendingAppend {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly rows: readonly NewRow[];
  readonly resolve: (answer: Appended | AppendConflict) => void;
  readonly reject: (error: StoreUnavailableError) => void;
}

type Place = [revision: number, position: number];

function answer(places: readonly Place[], repeated: boolean): Appended {
  const [revision, position] = places.at(-1)!;
  return {
    revision,
    position: BigInt(position),
    positions: places.map((place) => BigInt(place[1])),
    repeated,
  };
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new StoreUnavailableError(`the ledger file cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
