import {
  BACKWARDS,
  END,
  FORWARDS,
  MaxAppendSizeExceededError,
  NO_STREAM,
  START,
  WrongExpectedVersionError,
  type JSONEventData,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { setTimeout as sleep } from 'node:timers/promises';
import { Observable } from 'rxjs';
import { checkBatch, judgeAppend } from '../appending.js';
import {
  BatchTooLargeError,
  EventStore,
  type AppendConflict,
  type Appended,
  type ExpectedRevision,
  type LogFilter,
  type NewEvent,
  type Position,
  type Recorded,
} from '../event-store.js';
import { UNOBSERVED, type StoreObserver } from '../observer.js';
import { Connection, type Patience } from './connection.js';
import { KeyIndex, nearby } from './key-index.js';
import { NOTHING_KNOWN, PAGE, ServerLog } from './server-log.js';
import { eventKey, fromServer, toServer } from './wire.js';

export interface EventStoreDbOptions {
  /** `esdb://…` or `esdb+discover://…`, with what the client understands as parameters. */
  readonly connectionString: string;
  /** What the ledger's streams are called on the server begins with it; it is no part of their names here. */
  readonly streamPrefix: string;
  /** The log of the ledger is what stands in streams whose names (here) begin with one of these. */
  readonly categories: readonly string[];
  /** The file of the index over event ids, or `:memory:`. */
  readonly indexPath: string;
  /** Told in a line when the server goes and comes. */
  readonly report: (message: string) => void;
  readonly patience?: Patience;
  readonly observer?: StoreObserver;
}

/** What is under way when the store is closed is given so long, in ms. */
const CLOSING_MS = 10_000;

/**
 * The ledger on EventStoreDB or KurrentDB, from 22.10 on. Appends are right by their expected revision, however many
 * processes write; everything is read from the leader, so that what was acknowledged is seen.
 */
export class EventStoreDbStore extends EventStore {
  readonly #connection: Connection;
  readonly #keys: KeyIndex;
  readonly #observer: StoreObserver;
  readonly #prefix: string;
  readonly #log: ServerLog;
  readonly #ours: LogFilter;
  readonly #underWay = new Set<Promise<unknown>>();
  #end = NOTHING_KNOWN;
  #indexIsOurs: Promise<void> | undefined;

  constructor(options: EventStoreDbOptions) {
    super();
    const { connectionString, streamPrefix, categories, indexPath, report, patience, observer = UNOBSERVED } = options;
    this.#observer = observer;
    this.#connection = new Connection(connectionString, report, patience, () => observer.reconnected());
    this.#keys = new KeyIndex(indexPath, report);
    this.#prefix = streamPrefix;
    this.#log = new ServerLog(this.#connection, streamPrefix);
    this.#ours = { streamPrefixes: categories };
  }

  override append(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]) {
    return this.#tracked(async () => {
      checkBatch(events);
      const keys = events.map(({ id }) => eventKey(stream, id));
      const batch = events.map(toServer);
      await this.#index(stream, typeof expected === 'number' ? expected : expected === 'none' ? -1 : undefined);
      for (;;) {
        const last = this.#keys.through(stream);
        const held = keys.map((key) => this.#keys.revisionOf(stream, key));
        const verdict = judgeAppend(last, expected, held);
        if (verdict === 'repeat') return this.#placesOf(stream, held[0]!, events.length, true);
        if (verdict === 'conflict') return this.#conflict(stream);
        const appended = await this.#write(stream, last, batch, keys);
        if (appended) return appended;
        // Somebody else was faster, perhaps with these very events; or an earlier attempt got through unheard.
        await this.#index(stream);
        if (this.#keys.through(stream) > last) continue;
        // Nobody was: the stream does not reach as far as the index has it. The server was put back to an earlier state.
        this.#keys.clear();
        this.#end = NOTHING_KNOWN;
        return this.#conflict(stream);
      }
    });
  }

  override async *read(
    stream: string,
    { from, direction = 'forwards' }: { from?: number; direction?: 'forwards' | 'backwards' } = {},
  ): AsyncGenerator<Recorded> {
    let next = from;
    for (;;) {
      const page = await this.#page(stream, next, PAGE, direction);
      yield* page;
      const last = page.at(-1);
      if (!last || page.length < PAGE || (direction === 'backwards' && last.revision === 0)) return;
      next = last.revision + (direction === 'forwards' ? 1 : -1);
    }
  }

  override find(stream: string, ids: readonly string[], { through }: { through?: number } = {}) {
    return this.#tracked(async (): Promise<ReadonlyMap<string, Recorded>> => {
      await this.#index(stream, through);
      const revisions = ids
        .map((id) => this.#keys.revisionOf(stream, eventKey(stream, id)))
        .filter((revision) => revision !== undefined);
      const wanted = new Set(ids);
      const found = new Map<string, Recorded>();
      for (const [first, last] of nearby(revisions, PAGE)) {
        for (const event of await this.#page(stream, first, last - first + 1, 'forwards')) {
          if (wanted.has(event.id)) found.set(event.id, event);
        }
      }
      return found;
    });
  }

  /** The log up to where it ended when this was called. */
  override async *readAll({ after = 0n, filter = this.#ours }: LogRange = {}): AsyncGenerator<Recorded> {
    const fromAfter = async () => (await this.#log.end(filter, () => ({ head: after, searched: after }))).head;
    const head = await (filter === this.#ours ? this.head() : fromAfter());
    if (head <= after) return;
    const stop = this.#connection.closing;
    for await (const event of this.#log.follow({ after, filter, stop, isPatient: false })) {
      yield event;
      if (event.position >= head) return;
    }
    this.#connection.assertOpen();
  }

  override subscribe(options: LogRange & Searching = {}): Observable<Recorded> {
    const { after = 0n, searched, filter = this.#ours, onSearched } = options;
    return new Observable<Recorded>((subscriber) => {
      this.#connection.assertOpen();
      const stopping = new AbortController();
      const stop = AbortSignal.any([stopping.signal, this.#connection.closing]);
      let last: Recorded | undefined;
      const looked = (position: Position) => {
        if (filter === this.#ours) this.#looked(after, last, position);
        onSearched?.(position);
      };
      const deliver = async () => {
        const following = { after, searched, filter, onSearched: looked, stop, isPatient: true };
        for await (const event of this.#log.follow(following)) {
          subscriber.next(event);
          last = event;
        }
        subscriber.complete();
      };
      deliver().catch((error: unknown) => subscriber.error(error));
      return () => stopping.abort();
    });
  }

  override async head(): Promise<Position> {
    await this.#indexChecked();
    const end = await this.#log.end(this.#ours, () => this.#end);
    this.#end = end;
    return end.head;
  }

  override async close(): Promise<void> {
    if (this.#connection.closing.aborted) return;
    await Promise.race([Promise.allSettled(this.#underWay), sleep(CLOSING_MS, undefined, { ref: false })]);
    await this.#connection.close();
    await Promise.allSettled(this.#underWay);
    this.#keys.close();
  }

  /** Appends at a revision, -1 for a stream that does not exist; undefined when the stream stands elsewhere. */
  async #write(stream: string, revision: number, batch: JSONEventData[], keys: readonly Buffer[]) {
    const expectedRevision = revision < 0 ? NO_STREAM : BigInt(revision);
    const first = revision + 1;
    const startedMs = performance.now();
    try {
      const { success, position } = await this.#connection.attempt((client, deadline) =>
        client.appendToStream(this.#prefix + stream, batch, { expectedRevision, deadline, requiresLeader: true }),
      );
      if (!success) return undefined;
      this.#observer.committed(batch.length, (performance.now() - startedMs) / 1000);
      // Of a batch the server tells the last position only, and of one that it had already perhaps none.
      const told = batch.length === 1 && position && position.commit > 0n && position.commit === position.prepare;
      const appended = told
        ? { revision: first, position: position.commit, positions: [position.commit], repeated: false }
        : await this.#placesOf(stream, first, batch.length, false);
      this.#keys.add(stream, first, keys, appended.position);
      return appended;
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) return undefined;
      if (error instanceof MaxAppendSizeExceededError) {
        throw new BatchTooLargeError(`${batch.length} events are more than the server takes at once`, {
          cause: error,
        });
      }
      throw error;
    }
  }

  async #placesOf(stream: string, first: number, count: number, repeated: boolean): Promise<Appended> {
    const positions: Position[] = [];
    for (let from = first; positions.length < count; from = first + positions.length) {
      const page = await this.#page(stream, from, Math.min(count - positions.length, PAGE), 'forwards');
      if (page.length === 0) throw new Error(`${stream} has lost its revision ${from}`);
      positions.push(...page.map(({ position }) => position));
    }
    return { revision: first + count - 1, position: positions.at(-1)!, positions, repeated };
  }

  async #conflict(stream: string): Promise<AppendConflict> {
    const [last] = await this.#page(stream, undefined, 1, 'backwards');
    return { conflict: true, currentRevision: last?.revision ?? -1 };
  }

  async #page(stream: string, from: number | undefined, maxCount: number, direction: 'forwards' | 'backwards') {
    const byDefault = direction === 'forwards' ? START : END;
    const resolved = await this.#connection.collect<ResolvedEvent>((client) =>
      client.readStream(this.#prefix + stream, {
        direction: direction === 'forwards' ? FORWARDS : BACKWARDS,
        fromRevision: from === undefined ? byDefault : BigInt(from),
        maxCount,
        requiresLeader: true,
      }),
    );
    return resolved.map(({ event }) => fromServer(event!, this.#prefix));
  }

  /** Sees to it that the index holds the stream up to a revision, by default to its end. */
  async #index(stream: string, through?: number): Promise<void> {
    await this.#indexChecked();
    if (through !== undefined && this.#keys.through(stream) >= through) return;
    for (;;) {
      const first = this.#keys.through(stream) + 1;
      const page = await this.#page(stream, first, PAGE, 'forwards');
      const keys = page.map(({ id }) => eventKey(stream, id));
      this.#keys.add(stream, first, keys, page.at(-1)?.position ?? 0n);
      if (page.length < PAGE) return;
    }
  }

  #indexChecked(): Promise<void> {
    return (this.#indexIsOurs ??= this.#keepOrEmptyIndex());
  }

  /** What a follower of the whole ledger from `after` on has learnt of the log's end, for this process and the next. */
  #looked(after: Position, last: Recorded | undefined, searched: Position): void {
    if (after > this.#end.searched || searched <= this.#end.searched) return;
    this.#end = { head: last && last.position > this.#end.head ? last.position : this.#end.head, searched };
    if (last) this.#keys.remember({ ...last, key: eventKey(last.stream, last.id), searched });
  }

  /** An index of another server, or of one that was restored to an earlier state, would hide what is new there. */
  async #keepOrEmptyIndex(): Promise<void> {
    const seen = this.#keys.lastSeen();
    if (!seen) return;
    try {
      const [event] = await this.#page(seen.stream, seen.revision, 1, 'forwards');
      const isOurs = event?.position === seen.position && eventKey(seen.stream, event.id).equals(seen.key);
      if (!isOurs) return this.#keys.clear();
      const searched = (await this.#log.hasEventAt(seen.searched)) ? seen.searched : seen.position;
      if (searched > this.#end.searched) this.#end = { head: seen.position, searched };
    } catch (error) {
      this.#indexIsOurs = undefined;
      throw error;
    }
  }

  /** Closing waits for what is under way. */
  async #tracked<T>(work: () => Promise<T>): Promise<T> {
    this.#connection.assertOpen();
    const working = work();
    this.#underWay.add(working);
    try {
      return await working;
    } finally {
      this.#underWay.delete(working);
    }
  }
}

type LogRange = { after?: Position | undefined; filter?: LogFilter | undefined };
type Searching = { searched?: Position | undefined; onSearched?: ((position: Position) => void) | undefined };
