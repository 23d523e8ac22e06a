import type { Observable } from 'rxjs';
import {
  EventStore,
  type AppendConflict,
  type Appended,
  type LogEntry,
  type Position,
  type Recorded,
} from './event-store.js';

/** The ledger is opened to be read, and nothing is recorded in it. */
export class ReadOnlyError extends Error {
  override readonly name = 'ReadOnlyError';
}

/** A store of which everything is read and to which nothing is appended, whoever asks for it. */
export class ReadOnlyEventStore extends EventStore {
  constructor(private readonly store: EventStore) {
    super();
  }

  override append(): Promise<Appended | AppendConflict> {
    return Promise.reject(new ReadOnlyError('the ledger is open to be read only: nothing is recorded in it'));
  }

  override read(...asked: Parameters<EventStore['read']>): AsyncIterable<Recorded> {
    return this.store.read(...asked);
  }

  override find(...asked: Parameters<EventStore['find']>): Promise<ReadonlyMap<string, Recorded>> {
    return this.store.find(...asked);
  }

  override readAll(...asked: Parameters<EventStore['readAll']>): AsyncIterable<Recorded> {
    return this.store.readAll(...asked);
  }

  override readPages(...asked: Parameters<EventStore['readPages']>): AsyncIterable<Iterable<LogEntry>> {
    return this.store.readPages(...asked);
  }

  override subscribe(...asked: Parameters<EventStore['subscribe']>): Observable<Recorded> {
    return this.store.subscribe(...asked);
  }

  override head(): Promise<Position> {
    return this.store.head();
  }

  override close(): Promise<void> {
    return this.store.close();
  }
}
