import { setImmediate as nextTurn } from 'node:timers/promises';
import { Observable } from 'rxjs';
import {
  EventStore,
  StoreUnavailableError,
  type LogEntry,
  type LogFilter,
  type LogRange,
  type Position,
  type Recorded,
} from './event-store.js';
import { RecentEvents, type Sized } from './recent-events.js';

/** How many events are read, or looked at, before the event loop gets its turn. */
export const PAGE = 1000;

/** Reads what is in the log at positions in (`after`, `through`]; it can be gone through once. */
export type LogReader<Item> = (after: Position, through: Position) => Iterable<Item>;

/**
 * What the stores within this process have in common. They are the only writer of their log and read it synchronously,
 * so a page is always consistent, and a follower that has caught up only needs to be told of the next commit. Their
 * positions have no gaps: a window of positions is a bounded piece of work, however few events a filter keeps of it.
 */
export abstract class EmbeddedEventStore extends EventStore {
  readonly #followers = new Set<Follower>();
  readonly #recent = new RecentEvents();
  #isOpen = true;

  /** The position of the last committed event. */
  protected abstract readonly tail: Position;

  /** At most PAGE events from a revision (inclusive); backwards, `from` may lie beyond the last. */
  protected abstract streamPage(stream: string, from: number, direction: Direction): readonly Recorded[];

  protected abstract logReader(filter?: LogFilter): LogReader<Recorded>;

  protected abstract entryReader(): LogReader<LogEntry>;

  /** Writes what is still queued, then lets the resources go. */
  protected abstract release(): void;

  protected assertOpen(): void {
    if (!this.#isOpen) throw new StoreUnavailableError('the store is closed');
  }

  /** Whether anybody wants to be told of the next commit. */
  protected get isFollowed(): boolean {
    return this.#followers.size > 0;
  }

  /** To be called after each commit, with its events where they are at hand: each follower would read them again. */
  protected wakeFollowers(committed: readonly Sized[] = []): void {
    this.#recent.add(committed);
    for (const follower of this.#followers) follower.wake();
  }

  override async *read(
    stream: string,
    { from, direction = 'forwards' }: { from?: number; direction?: Direction } = {},
  ): AsyncGenerator<Recorded> {
    const step = direction === 'forwards' ? 1 : -1;
    let next = from ?? (direction === 'forwards' ? 0 : Number.MAX_SAFE_INTEGER);
    for (;;) {
      this.assertOpen();
      const page = this.streamPage(stream, next, direction);
      yield* page;
      const last = page.at(-1);
      if (!last || page.length < PAGE) return;
      next = last.revision + step;
      await nextTurn();
    }
  }

  override async *readAll({ after = 0n, filter }: LogRange = {}): AsyncGenerator<Recorded> {
    this.assertOpen();
    for await (const page of this.#pages(this.logReader(filter), after)) yield* page;
  }

  override async *readPages(through: Position): AsyncGenerator<Iterable<LogEntry>> {
    this.assertOpen();
    yield* this.#pages(this.entryReader(), 0n, through);
  }

  async *#pages<Item>(read: LogReader<Item>, after: Position, last?: Position): AsyncGenerator<Iterable<Item>> {
    for (let position = after; ; await nextTurn()) {
      this.assertOpen();
      const end = last !== undefined && last < this.tail ? last : this.tail;
      const through = windowAfter(position, end);
      yield read(position, through);
      if (through === end) return;
      position = through;
    }
  }

  /** Completes when the store is closed. A subscriber is called synchronously, so a slow one is not run over. */
  override subscribe({ after = 0n, filter }: LogRange = {}): Observable<Recorded> {
    return new Observable<Recorded>((subscriber) => {
      this.assertOpen();
      const readLog = this.logReader(filter);
      let position = after;
      let turn: NodeJS.Immediate | undefined;

      const emitPage = () => {
        turn = undefined;
        const through = windowAfter(position, this.tail);
        for (const event of this.#recentBetween(position, through, filter) ?? readLog(position, through)) {
          subscriber.next(event);
        }
        position = through;
        wake();
      };
      const wake = () => {
        if (turn || subscriber.closed || position >= this.tail) return;
        turn = setImmediate(() => {
          try {
            emitPage();
          } catch (error) {
            subscriber.error(error);
          }
        });
      };

      const follower: Follower = { wake, end: () => subscriber.complete() };
      this.#followers.add(follower);
      wake();
      return () => {
        this.#followers.delete(follower);
        clearImmediate(turn);
      };
    });
  }

  override async head(): Promise<Position> {
    this.assertOpen();
    return this.tail;
  }

  override async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.release();
    } finally {
      for (const follower of [...this.#followers]) follower.end();
    }
  }

  #recentBetween(after: Position, through: Position, filter: LogFilter | undefined): Recorded[] | undefined {
    const window = this.#recent.between(after, through);
    return window && filter
      ? window.filter(({ stream }) => filter.streamPrefixes.some((prefix) => stream.startsWith(prefix)))
      : window;
  }
}

function windowAfter(position: Position, end: Position): Position {
  const through = position + BigInt(PAGE);
  return through < end ? through : end;
}

type Direction = 'forwards' | 'backwards';

interface Follower {
  wake(): void;
  end(): void;
}
