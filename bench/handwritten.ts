import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clicks } from './clicks.js';
import { openLedgerFile } from '../src/event-store/sqlite/ledger-file.js';

/** A click as the ledger stores it, decided beforehand: the ceiling decides nothing. */
export interface ReadyClick {
  readonly account: number;
  readonly key: string;
  readonly data: object;
}

/** As good as decided: nothing is drawn on. */
export const DECIDED = { draws: [], billable: { amount: '0.00', currency: 'USD' } };

export function readyClick(account: number, clicks: Clicks): ReadyClick {
  const data = clicks.data();
  return { account, key: String(data['clickId']), data: { ...data, ...DECIDED } };
}

/**
 * The ceiling of appending: a loop by hand on `node:sqlite`, in the ledger's own file layout and with its durability
 * (WAL, synchronous=FULL), that knows each stream's end, writes JSON and commits. It looks up nothing and refuses nothing
 * but what the unique indexes refuse.
 */
export class HandwrittenLog {
  private readonly db: DatabaseSync;
  private readonly insert: StatementSync;
  private readonly ends = new Map<number, { streamId: number; revision: number }>();
  private readonly typeId: number;
  private position: number;
  private queue: { click: ReadyClick; done: () => void }[] = [];

  constructor(path: string) {
    this.db = openLedgerFile(path);
    this.position = Number(this.db.prepare('SELECT max(position) AS last FROM events').get()!['last'] ?? 0);
    this.typeId = this.idOf('types', 'type_id', 'ClickSpent');
    this.insert = this.db
      .prepare(`INSERT INTO events (position, stream_id, revision, type_id, key, data, metadata, recorded_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  }

  /** One event, one transaction. */
  append(click: ReadyClick): void {
    this.db.exec('BEGIN IMMEDIATE');
    this.write(click);
    this.db.exec('COMMIT');
  }

  /** What arrives in one turn of the event loop shares a transaction; resolves when it is on disk. */
  appendInGroup(click: ReadyClick): Promise<void> {
    return new Promise((done) => {
      this.queue.push({ click, done });
      if (this.queue.length > 1) return;
      setImmediate(() => {
        const group = this.queue;
        this.queue = [];
        this.db.exec('BEGIN IMMEDIATE');
        for (const each of group) this.write(each.click);
        this.db.exec('COMMIT');
        for (const each of group) each.done();
      });
    });
  }

  close(): void {
    this.db.close();
  }

  private write({ account, key, data }: ReadyClick): void {
    const end = this.endOf(account);
    end.revision += 1;
    this.position += 1;
    const json = JSON.stringify(data);
    this.insert.run(this.position, end.streamId, end.revision, this.typeId, key, json, '{"version":1}', Date.now());
  }

  private endOf(account: number): { streamId: number; revision: number } {
    const known = this.ends.get(account);
    if (known) return known;
    const streamId = this.idOf('streams', 'stream_id', `account-advertiser-${account}.US`);
    const last = this.db.prepare('SELECT max(revision) AS last FROM events WHERE stream_id = ?').get(streamId)!['last'];
    const end = { streamId, revision: last === null ? -1 : Number(last) };
    this.ends.set(account, end);
    return end;
  }

  private idOf(table: string, column: string, name: string): number {
    this.db.prepare(`INSERT OR IGNORE INTO ${table} (name) VALUES (?)`).run(name);
    return Number(this.db.prepare(`SELECT ${column} AS id FROM ${table} WHERE name = ?`).get(name)!['id']);
  }
}
