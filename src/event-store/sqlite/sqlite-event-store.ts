import { backup, type DatabaseSync } from 'node:sqlite';
import { epochMs } from '../../kernel/instant.js';
import { checkBatch, judgeAppend } from '../appending.js';
import { EmbeddedEventStore, type LogReader } from '../embedded.js';
import {
  StoreUnavailableError,
  type AppendConflict,
  type Appended,
  type ExpectedRevision,
  type LogEntry,
  type LogFilter,
  type NewEvent,
  type Position,
  type Recorded,
} from '../event-store.js';
import { UNOBSERVED, type StoreObserver } from '../observer.js';
import { openLedgerFile, openLedgerToRead } from './ledger-file.js';
import {
  answer,
  isHeldAlready,
  type LogState,
  messageOf,
  type NewRow,
  type PendingAppend,
  type Place,
  reading,
  type StreamEnd,
} from './pending.js';
import {
  all,
  entriesOf,
  eventsIn,
  eventsOf,
  one,
  prepareLog,
  prepareStatements,
  type Statements,
} from './statements.js';
import { type EventRow, StoredEvent } from './stored-event.js';

/** So many events share a commit at most: a group is one turn of the event loop. */
const GROUP_EVENTS = 1000;
/** Of so many streams the end is remembered. */
const REMEMBERED_STREAMS = 50_000;
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
  readonly #ends = new Map<string, StreamEnd>();
  #queue: PendingAppend[] = [];
  #committed: LogState;
  #copying: Promise<unknown> | undefined;
  #isClosing = false;

  /** Opens or creates the ledger's file. Throws StoreInUseError or LedgerFileError. */
  static open(path: string, observer?: StoreObserver): SqliteEventStore {
    return new SqliteEventStore(openLedgerFile(path), Date.now, observer);
  }

  /** Opens a ledger's file that is there, to read it. Throws StoreInUseError or LedgerFileError. */
  static openToRead(path: string): SqliteEventStore {
    return new SqliteEventStore(openLedgerToRead(path));
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
    this.#committed = { position, recordedAtMs, types, added: [] };
  }

  protected override get tail(): Position {
    return BigInt(this.#committed.position);
  }

  override append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<Appended | AppendConflict> {
    return new Promise((resolve, reject) => {
      this.assertOpen();
      checkBatch(events);
      const rows = events.map(({ id, type, data, metadata: { recordedAt, ...metadata } }): NewRow => ({
        type,
        key: id.slice(type.length + 1),
        data: JSON.stringify(data),
        metadata: JSON.stringify(metadata),
        copiedMs: recordedAt === undefined ? null : epochMs(recordedAt),
      }));
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

  protected override logReader(filter?: LogFilter): LogReader<Recorded> {
    const statement = reading(() => prepareLog(this.#db, filter));
    const prefixes = filter?.streamPrefixes ?? [];
    return (after, through) =>
      eventsIn(reading(() => all<EventRow>(statement, Number(after), Number(through), ...prefixes)));
  }

  protected override entryReader(): LogReader<LogEntry> {
    return entriesOf(this.#statements);
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
    const startedMs = performance.now();
    let written: { state: LogState; answers: (Appended | AppendConflict)[] };
    try {
      written = this.#writeGroup(group);
    } catch (error) {
      this.#rollBack();
      const unavailable = new StoreUnavailableError(`the ledger file cannot be written: ${messageOf(error)}`, {
        cause: error,
      });
      for (const { reject } of group) reject(unavailable);
      return;
    }
    const { state, answers } = written;
    const events = state.position - this.#committed.position;
    this.#committed = { ...state, added: [] };
    if (events > 0) this.#observer.committed(events, (performance.now() - startedMs) / 1000);
    group.forEach(({ resolve }, index) => resolve(answers[index]!));
    if (events > 0) this.wakeFollowers(state.added);
  }

  /**
   * Writes a group in one transaction. Ids are nearly always new, and the index finds one that is not: then the group is
   * written again with every id looked up first.
   */
  #writeGroup(group: readonly PendingAppend[]): { state: LogState; answers: (Appended | AppendConflict)[] } {
    for (const looksUp of [false, true]) {
      const state = { ...this.#committed, types: new Map(this.#committed.types), added: [] };
      try {
        this.#statements.begin.run();
        const answers = group.map((append) => this.#write(append, state, looksUp));
        this.#statements.commit.run();
        return { state, answers };
      } catch (error) {
        if (looksUp || !isHeldAlready(error)) throw error;
        this.#rollBack();
      }
    }
    throw new Error('a group that looks up its ids is written or fails');
  }

  #nextGroup(): PendingAppend[] {
    let events = 0;
    const end = this.#queue.findIndex(({ rows }) => (events += rows.length) > GROUP_EVENTS);
    // A batch is atomic: one that is larger than a group makes a group by itself.
    return this.#queue.splice(0, end === -1 ? this.#queue.length : Math.max(end, 1));
  }

  /** Decides before it writes: a conflict leaves nothing in the group's transaction. */
  #write({ stream, expected, rows }: PendingAppend, state: LogState, looksUp: boolean): Appended | AppendConflict {
    const end = this.#endOf(stream);
    const [knownStreamId, lastRevision] = end;
    const isExpected = expected === 'any' || lastRevision === (expected === 'none' ? -1 : expected);
    // Of a stream that is as it was expected, it is left to the index to say that an id is held.
    const asked = isExpected && !looksUp ? [] : rows;
    const held = asked.map(({ type, key }) => {
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
      // Node's `run` would make an object of what was changed.
      this.#statements.addEvent.get(position, streamId, revision, typeId, key, data, metadata, recordedMs);
      if (this.isFollowed) {
        state.added.push(new StoredEvent([stream, revision, position, recordedMs, type, key, data, metadata]));
      }
      return [revision, position];
    });
    this.#ends.set(stream, [streamId, lastRevision + rows.length]);
    return answer(places, false);
  }

  /** What is remembered is what the open transaction wrote, too: a rollback forgets all of it. */
  #endOf(stream: string): StreamEnd {
    const known = this.#ends.get(stream);
    if (known) return known;
    const end = this.#stream(stream);
    if (this.#ends.size >= REMEMBERED_STREAMS) this.#ends.clear();
    if (end[0] !== undefined) this.#ends.set(stream, end);
    return end;
  }

  #stream(name: string): StreamEnd {
    const [streamId, last] = one<[number, number | null]>(this.#statements.stream, name) ?? [undefined, null];
    return [streamId, last ?? -1];
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
    this.#ends.clear();
    try {
      if (this.#db.isTransaction) this.#statements.rollback.run();
    } catch {
      // The failure that led here is what the callers are told; the next BEGIN tells whether it lasts.
    }
  }
}
