import {
  AccessDeniedError,
  DeadlineExceededError,
  EventStoreDBClient,
  InvalidArgumentError,
  MaxAppendSizeExceededError,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../event-store.js';
import { ForeignEventError } from './wire.js';

/** How long an answer is waited for, in ms. */
export interface Patience {
  /** For one attempt. */
  readonly attemptMs: number;
  /** For the server to come back, whoever asks: a leader election is ridden out, in an outage nobody is kept waiting. */
  readonly totalMs: number;
}

const PATIENCE: Patience = { attemptMs: 3_000, totalMs: 5_000 };
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
const CLOSING_MS = 500;
/** The client's default. */
const KEEP_ALIVE_TIMEOUT_MS = 10_000;

type ErrorKind = new (...args: never[]) => Error;

/** What a repetition cannot mend; everything else (away, late, not the leader, cut off) may be better a moment later. */
const FINAL: readonly ErrorKind[] = [
  ForeignEventError,
  WrongExpectedVersionError,
  MaxAppendSizeExceededError,
  StreamNotFoundError,
  StreamDeletedError,
  InvalidArgumentError,
];

/** What the client's reads are, as far as it matters here. */
interface Reading<T> extends AsyncIterable<T> {
  on(event: 'error', listener: () => void): unknown;
  destroy(): unknown;
  cancel(): Promise<void>;
}

/**
 * The client, and what makes it fit for a cluster: operations are repeated with a jittered back-off, and told apart in
 * time from a server that is away. The client finds a new leader by itself, when its calls fail.
 */
export class Connection {
  #client: EventStoreDBClient;
  readonly #closing = new AbortController();
  /** Since when the server does not answer, in ms since 1970. */
  #lostAt: number | undefined;
  #return = new AbortController();
  /** How often the client was replaced. */
  #replaced = 0;

  /** `connectionString` as the server's documentation gives it; `report` is told in a line when the server goes and comes. */
  constructor(
    private readonly connectionString: string,
    private readonly report: (message: string) => void,
    readonly patience: Patience = PATIENCE,
    private readonly reconnected: () => void = () => undefined,
  ) {
    this.#client = connect(connectionString);
  }

  /** To be asked for anew for each call: a client whose connection does not answer any more is replaced. */
  get client(): EventStoreDBClient {
    return this.#client;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  assertOpen(): void {
    if (this.closing.aborted) throw new StoreUnavailableError('the store is closed');
  }

  /**
   * The operation's answer. Throws StoreUnavailableError when none came in time, and what is `final`, or final anyway, at
   * once.
   */
  async attempt<T>(
    operation: (client: EventStoreDBClient, deadlineMs: number) => Promise<T>,
    final: readonly ErrorKind[] = [],
  ): Promise<T> {
    for (let failures = 0; ; failures += 1) {
      this.assertOpen();
      const client = this.#client;
      try {
        const answer = await operation(client, this.patience.attemptMs);
        this.found();
        return answer;
      } catch (error) {
        if ([...FINAL, ...final].some((kind) => error instanceof kind)) throw error;
        if (this.closing.aborted) throw new StoreUnavailableError('the store was closed', { cause: error });
        if (error instanceof DeadlineExceededError || error instanceof LateError) this.replace(client);
        this.lost(error);
        const pause = pauseAfter(failures);
        const away = Date.now() + pause - this.#lostAt!;
        if (error instanceof AccessDeniedError || away > this.patience.totalMs) throw unavailable(error);
        await this.pause(pause, this.closing);
      }
    }
  }

  /** All that a read answers, attempted as a whole; nothing for a stream that does not exist. */
  collect<T>(start: (client: EventStoreDBClient) => Reading<T>, final?: readonly ErrorKind[]): Promise<T[]> {
    return this.attempt(async (client, deadlineMs) => {
      const events: T[] = [];
      const reading = start(client);
      // A read has no deadline of its own: it is cut off when nothing has come for so long. A read that was cut ends as if
      // it were complete, hence the flag.
      let isLate = false;
      const cut = () => {
        isLate = true;
        reading.cancel().catch(() => undefined);
        reading.destroy();
      };
      const timer = setTimeout(cut, deadlineMs);
      this.closing.addEventListener('abort', cut);
      // Of a call that breaks the client may tell more than once.
      reading.on('error', () => undefined);
      try {
        for await (const event of reading) {
          events.push(event);
          timer.refresh();
        }
      } catch (error) {
        if (error instanceof StreamNotFoundError) return [];
        if (!isLate) throw error;
      } finally {
        clearTimeout(timer);
        this.closing.removeEventListener('abort', cut);
      }
      // A read that is cut off by the client's end, too, ends as if it were complete.
      if (isLate || client !== this.#client) throw new LateError(`no answer within ${deadlineMs} ms`);
      return events;
    }, final);
  }

  /** Throws StoreUnavailableError when the server has been away for longer than anybody is kept waiting. */
  assertReachable(): void {
    const away = this.#lostAt === undefined ? 0 : Date.now() - this.#lostAt;
    if (away > this.patience.totalMs) throw new StoreUnavailableError('EventStoreDB does not answer');
  }

  /** Waits before the next attempt after so many failures; ends early, without an error, when `signal` says so. */
  async backOff(failures: number, signal: AbortSignal): Promise<void> {
    await this.pause(pauseAfter(failures), signal);
  }

  /** To be told what a subscription learns of the server. */
  lost(error: unknown): void {
    if (this.#lostAt === undefined) this.report(`EventStoreDB does not answer (${messageOf(error)}); trying again`);
    this.#lostAt ??= Date.now();
  }

  found(): void {
    if (this.#lostAt === undefined) return;
    this.#lostAt = undefined;
    this.report('EventStoreDB answers again');
    this.reconnected();
    this.#return.abort();
    this.#return = new AbortController();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    // It waits for its streams to end, and not all of them tell.
    await Promise.race([this.#client.dispose(), sleep(CLOSING_MS)]);
  }

  /**
   * The client looks for another node when a connection breaks, but not when one is silent. What still waits on the old
   * client is cut off, and attempted on the new one.
   */
  private replace(client: EventStoreDBClient): void {
    if (client !== this.#client || this.closing.aborted) return;
    this.#replaced += 1;
    this.#client = connect(asOther(this.connectionString, this.#replaced));
    void client.dispose();
  }

  /** Whoever waits goes on as soon as somebody else has reached the server. */
  private async pause(ms: number, stop: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([stop, this.#return.signal]);
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}

/** Nothing came in time. */
class LateError extends Error {}

/**
 * The same server by other options: gRPC shares a connection among all clients of a process whose options are equal, so
 * that a new client with the same ones would wait on the old connection.
 */
function asOther(connectionString: string, nth: number): string {
  const given = /[?&]keep[-_]?alive[-_]?timeout=(\d+)/i.exec(connectionString)?.[1];
  const timeoutMs = Number(given ?? KEEP_ALIVE_TIMEOUT_MS) + nth;
  return `${connectionString}${connectionString.includes('?') ? '&' : '?'}keepAliveTimeout=${timeoutMs}`;
}

function connect(connectionString: string): EventStoreDBClient {
  const client = EventStoreDBClient.connectionString(connectionString);
  // Appends get a call each, with a deadline of its own. The client's other way, one shared batch stream, keeps its books
  // in a place common to all clients of a process: when it breaks, answers are lost and rejections go unhandled.
  (client as unknown as { supports: () => Promise<boolean> }).supports = async () => false;
  return client;
}

/** Full jitter: those who failed together do not come back together. */
const pauseAfter = (failures: number): number =>
  Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));

function unavailable(error: unknown): StoreUnavailableError {
  const why =
    error instanceof AccessDeniedError ? 'refuses these credentials' : `cannot be reached: ${messageOf(error)}`;
  return new StoreUnavailableError(`EventStoreDB ${why}`, { cause: error });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
