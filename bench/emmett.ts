import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Of Emmett what is used here; it is installed under bench/peers, and not with the ledger. */
interface EmmettSqlite {
  sqliteConnection(options: { fileName: string }): Connection;
  createEventStoreSchema(connection: Connection): Promise<void>;
  appendToStream(connection: Connection, stream: string, type: string, events: readonly object[]): Promise<object>;
  getSQLiteEventStore(options: { fileName: string }): { consumer(options: object): Consumer };
}

interface Consumer {
  processor(options: {
    processorId: string;
    startFrom: 'BEGINNING';
    stopAfter: (message: Message) => boolean;
    eachMessage: (message: Message, context: { connection: Connection }) => Promise<void>;
  }): void;
  start(): Promise<void>;
  close(): Promise<void>;
}

interface Message {
  readonly metadata: { readonly streamName: string; readonly globalPosition: bigint };
}

interface Connection {
  command(sql: string, values?: readonly string[]): Promise<unknown>;
  querySingle<T>(sql: string): Promise<T | null>;
  close(): void;
}

const PEERS = createRequire(new URL('../../bench/peers/package.json', import.meta.url));
const load = async <T>(name: string): Promise<T> => (await import(pathToFileURL(PEERS.resolve(name)).href)) as T;

/**
 * Emmett on SQLite, made equally durable: write-ahead logging is forced and checked, since it does not wait for its own
 * pragma. It is spared opening the file for each append, as its event store does. One transaction at a time is what its
 * connection can do.
 */
export class Emmett {
  private turn: Promise<unknown> = Promise.resolve();
  private rebuilds = 0;

  private constructor(
    private readonly emmett: EmmettSqlite,
    readonly connection: Connection,
    private readonly path: string,
  ) {}

  static async open(path: string): Promise<Emmett> {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
    const emmett = await load<EmmettSqlite>('@event-driven-io/emmett-sqlite');
    const connection = emmett.sqliteConnection({ fileName: path });
    await connection.command('PRAGMA journal_mode = WAL');
    const mode = await connection.querySingle<{ journal_mode: string }>('PRAGMA journal_mode');
    const durability = await connection.querySingle<{ synchronous: number }>('PRAGMA synchronous');
    if (mode?.journal_mode !== 'wal' || durability?.synchronous !== 2) throw new Error('Emmett is not equally durable');
    await emmett.createEventStoreSchema(connection);
    return new Emmett(emmett, connection, path);
  }

  append(stream: string, events: readonly object[]): Promise<unknown> {
    this.turn = this.turn.then(() => this.emmett.appendToStream(this.connection, stream, 'account', events));
    return this.turn;
  }

  /** Builds a table anew from the first event, how many each stream has, with its own consumer. What it read, and how long it took. */
  async countByStream(): Promise<{ done: number; ms: number }> {
    const end = 'SELECT max(global_position) AS last FROM emt_messages';
    const last = BigInt((await this.connection.querySingle<{ last: number }>(end))!.last);
    await this.connection.command('DROP TABLE IF EXISTS counts');
    await this.connection.command('CREATE TABLE counts (stream TEXT PRIMARY KEY, events INTEGER NOT NULL)');
    const store = this.emmett.getSQLiteEventStore({ fileName: this.path });
    const consumer = store.consumer({ pulling: { batchSize: 1000, pullingFrequencyInMs: 0 } });
    consumer.processor({
      processorId: `counts-${(this.rebuilds += 1)}`,
      startFrom: 'BEGINNING',
      stopAfter: ({ metadata }) => metadata.globalPosition === last,
      eachMessage: async ({ metadata }, { connection }) => {
        await connection.command('INSERT INTO counts VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1', [
          metadata.streamName,
        ]);
      },
    });
    const startedMs = performance.now();
    await consumer.start();
    const ms = performance.now() - startedMs;
    await consumer.close();
    return { done: Number(last), ms };
  }

  close(): void {
    this.connection.close();
  }
}
