import type { Observable } from 'rxjs';
import type { Instant } from '../kernel/instant.js';

/** A place in the whole log, ordered. Positions are greater than 0; gaps are allowed. */
export type Position = bigint;

export interface EventMetadata {
  /** Version of the event type's contract. */
  readonly version: number;
  /** Who made it: the subject of the caller, or the part of the service that acted by itself. */
  readonly actor?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  /**
   * Given with an event that another store recorded: when it did. It becomes the event's `recordedAt`, and its metadata
   * reads as it did there, without it. Only for a copy of a whole log: its times are taken as they are.
   */
  readonly recordedAt?: Instant;
}

export interface NewEvent {
  /** The event's natural id within its stream, `type:key`: the same fact always has the same id. */
  readonly id: string;
  readonly type: string;
  readonly data: object;
  readonly metadata: EventMetadata;
}

export interface Recorded extends NewEvent {
  readonly stream: string;
  /** Place in its stream, from 0. */
  readonly revision: number;
  readonly position: Position;
  /** When the store appended it, which never runs backwards in position order, or the store that it was copied from. */
  readonly recordedAt: Instant;
}

/** What a fold reads of an event. */
export type LogEntry = Pick<Recorded, 'stream' | 'type' | 'data'>;

/** An event of a store that keeps text, so that it need not be written as JSON again. */
export abstract class EventAsText {
  /** What it keeps as JSON. */
  abstract texts(): readonly [data: string, metadata: string];
}

/** An event on its way to another thread: plain values, which cost the least to clone, and the rest as JSON. */
export type EventCells = readonly [
  stream: string,
  revision: number,
  position: Position,
  recordedAt: Instant,
  id: string,
  type: string,
  data: string,
  metadata: string,
];

/** How events travel to other threads. `recordedIn` reads them. */
export const cellsOf = (events: readonly Recorded[]): EventCells[] =>
  events.map((event) => {
    const { stream, revision, position, recordedAt, id, type } = event;
    return [stream, revision, position, recordedAt, id, type, ...textsOf(event)];
  });

const textsOf = (event: Recorded): readonly [data: string, metadata: string] =>
  event instanceof EventAsText ? event.texts() : [JSON.stringify(event.data), JSON.stringify(event.metadata)];

/** Each is read when it is its turn, and gone when it is dealt with: what lives shortly costs the least. */
export function* recordedIn(events: readonly EventCells[]): Generator<Recorded> {
  for (const [stream, revision, position, recordedAt, id, type, data, metadata] of events) {
    yield {
      stream,
      revision,
      position,
      recordedAt,
      id,
      type,
      data: JSON.parse(data) as object,
      metadata: JSON.parse(metadata) as EventMetadata,
    };
  }
}

/** The stream's last revision as the writer knows it; `none` for a stream that must not exist yet. */
export type ExpectedRevision = number | 'none' | 'any';

export interface Appended {
  /** Of the last event of the batch. */
  readonly revision: number;
  readonly position: Position;
  /** One for each event of the batch, in order. */
  readonly positions: readonly Position[];
  /** Whether the stream held events of these ids before; their content may be another. */
  readonly repeated: boolean;
}

export interface AppendConflict {
  readonly conflict: true;
  /** The stream's last revision, -1 when it has none. */
  readonly currentRevision: number;
}

/** What stands in the place of an event that cannot be read. */
export interface Unreadable {
  /** Where; 0 for what concerns the file as a whole. */
  readonly position: Position;
  /** What is wrong, in words. */
  readonly fault: string;
}

/** Keeps events of streams whose names begin with one of these. */
export interface LogFilter {
  readonly streamPrefixes: readonly string[];
}

export interface LogRange {
  readonly after?: Position;
  readonly filter?: LogFilter;
}

/** The store cannot be reached or cannot write now. What was not acknowledged may be written or not: it may be sent again. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** The batch is more than the store takes in one append, however it is retried; fewer events may fit. */
export class BatchTooLargeError extends Error {
  override readonly name = 'BatchTooLargeError';
}

/**
 * The port. Appends are atomic, durable when acknowledged, and idempotent by event id: appending a batch whose ids the
 * stream already holds, in that order and without a gap, answers as it did the first time. A batch of which the stream
 * holds only a part, or holds it otherwise, is a conflict.
 */
export abstract class EventStore {
  /** Throws StoreUnavailableError when it is not known to be written. `events` is not empty. */
  abstract append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<Appended | AppendConflict>;

  /** A stream's events; `from` is a revision (inclusive), by default the first, or the last when reading backwards. */
  abstract read(
    stream: string,
    options?: { from?: number; direction?: 'forwards' | 'backwards' },
  ): AsyncIterable<Recorded>;

  /**
   * The stream's events with these ids, by id, through an index: never a scan of the stream. With `through`, those up to
   * that revision at least, which a store elsewhere need not be asked for again; without it, of all the stream.
   */
  abstract find(
    stream: string,
    ids: readonly string[],
    options?: { through?: number },
  ): Promise<ReadonlyMap<string, Recorded>>;

  /** The log up to where it ended when the last page was read, in position order; `after` is exclusive. */
  abstract readAll(options?: LogRange): AsyncIterable<Recorded>;

  /**
   * The log from its first event up to a position (inclusive), for whoever folds it and would wait for each of a million
   * events. A page can be gone through once.
   */
  async *readPages(through: Position): AsyncIterable<Iterable<LogEntry>> {
    for await (const event of this.readAll()) {
      if (event.position > through) return;
      yield [event];
    }
  }

  /**
   * The log from `after`, then live, without gap or repeat, in position order. Unsubscribing stops it. A store that is
   * away for a while is waited for. `onSearched` is told now and then how far the log was looked through for events that
   * the filter keeps; a follower that comes back says it as `searched`, and may be spared looking there again.
   */
  abstract subscribe(options?: {
    after?: Position;
    searched?: Position;
    filter?: LogFilter;
    onSearched?: (position: Position) => void;
  }): Observable<Recorded>;

  /** The position of the last event, 0 when the log is empty. */
  abstract head(): Promise<Position>;

  /** Waits for what is being written, then lets go of the file or the connection. */
  abstract close(): Promise<void>;
}
