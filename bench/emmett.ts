import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Of Emmett what is used here; it is installed under bench/peers, and not with the ledger. */
interface EmmettSqlite {
  sqliteConnection(options: { fileName: string }): Connection;
  createEventStoreSchema(connection: Connection): Promise<void>;
  appendToStream(connection: Connection, stream: string, type: string, events: readonly object[]): Promise<object>;
}

interface Connection {
  command(sql: string): Promise<unknown>;
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

  private constructor(
    private readonly emmett: EmmettSqlite,
    readonly connection: Connection,
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
    return new Emmett(emmett, connection);
  }

  append(stream: string, events: readonly object[]): Promise<unknown> {
    this.turn = this.turn.then(() => this.emmett.appendToStream(this.connection, stream, 'account', events));
    return this.turn;
  }

  close(): void {
    this.connection.close();
  }
}
