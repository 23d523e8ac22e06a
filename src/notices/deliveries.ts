import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Place } from './notices-model.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL,
    due INTEGER NOT NULL,
    ordinal INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS endpoints (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    disabled_at INTEGER,       -- ms
    delivered_at INTEGER
  ) STRICT;
  CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    notice_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,       -- queued, delivered, dead
    attempts INTEGER NOT NULL, -- failed ones, since it was queued
    due INTEGER NOT NULL,      -- ms: when it is tried next
    created INTEGER NOT NULL,
    ended INTEGER,
    why TEXT,                  -- what came of the last attempt
    UNIQUE (endpoint, notice_id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS deliveries_queued ON deliveries (endpoint, due, id) WHERE state = 'queued';
  CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (endpoint, created) WHERE state = 'queued';
  CREATE INDEX IF NOT EXISTS deliveries_dead ON deliveries (endpoint, id) WHERE state = 'dead';
  CREATE INDEX IF NOT EXISTS deliveries_died ON deliveries (ended) WHERE state = 'dead';
  CREATE INDEX IF NOT EXISTS deliveries_delivered ON deliveries (ended) WHERE state = 'delivered'`;

/** What was delivered is remembered so long: the same notice is not queued for the endpoint a second time. */
const REMEMBERED_MS = 7 * 86_400_000;

/** A notice on its way to an endpoint. Instants are ms since 1970. */
export interface Delivery {
  readonly id: number;
  readonly endpoint: string;
  readonly noticeId: string;
  readonly kind: string;
  readonly body: string;
  /** Failed ones so far. */
  readonly attempts: number;
  readonly dueMs: number;
  readonly createdMs: number;
  readonly endedMs: number | null;
  /** What came of the last attempt. */
  readonly why: string | null;
}

/** One notice for one endpoint. */
export interface Outgoing {
  readonly endpoint: string;
  readonly noticeId: string;
  readonly kind: string;
  readonly body: string;
  /** Why it is a dead letter at once. */
  readonly dead?: string;
}

/** So many dead letters of an endpoint. */
export interface LettersOf {
  readonly endpoint: string;
  readonly letters: number;
}

export interface EndpointState {
  readonly disabledAtMs: number | null;
  readonly deliveredAtMs: number | null;
  readonly queued: number;
  readonly dead: number;
  /** When the oldest that is queued was queued. */
  readonly oldestMs: number | null;
}

/**
 * What is to be sent, what could not be, and how far the notices have been queued: in a file of this process's own, which is
 * not made again from the log. What is queued changes together with the cursor, in one transaction: after a crash both are
 * older and agree, and what was sent meanwhile is sent again under the same id.
 */
export class Deliveries {
  private readonly sql: DatabaseSync;
  private readonly statements;

  /** `path` is a file, or `:memory:`. One process owns the file; a second one fails at once. */
  constructor(path: string) {
    this.sql = new DatabaseSync(path);
    this.sql.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    this.sql.exec(SCHEMA);
    const columns = 'id, endpoint, notice_id, kind, body, attempts, due, created, ended, why';
    const prepared = {
      cursor: 'SELECT position, due, ordinal FROM cursor',
      move: 'INSERT OR REPLACE INTO cursor VALUES (1, ?, ?, ?)',
      endpoint: 'SELECT url, disabled_at, delivered_at FROM endpoints WHERE id = ?',
      configure: `INSERT INTO endpoints (id, url) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE
        SET url = excluded.url, disabled_at = NULL WHERE url <> excluded.url`,
      disable: 'UPDATE endpoints SET disabled_at = ? WHERE id = ?',
      accepted: 'UPDATE endpoints SET delivered_at = ? WHERE id = ?',
      add: `INSERT OR IGNORE INTO deliveries (endpoint, notice_id, kind, body, state, attempts, due, created, ended, why)
        VALUES (?1, ?2, ?3, ?4, iif(?6 IS NULL, 'queued', 'dead'), 0, ?5, ?5, iif(?6 IS NULL, NULL, ?5), ?6)`,
      due: `SELECT ${columns} FROM deliveries WHERE state = 'queued' AND endpoint = ? AND due <= ?
        ORDER BY due, id LIMIT ?`,
      nextDue: `SELECT min(due) AS due FROM deliveries WHERE state = 'queued' AND endpoint = ? AND due > ?`,
      delivered: `UPDATE deliveries SET state = 'delivered', ended = ?, why = NULL WHERE id = ?`,
      failed: 'UPDATE deliveries SET attempts = attempts + 1, due = ?, why = ? WHERE id = ?',
      dead: `UPDATE deliveries SET state = 'dead', attempts = attempts + 1, ended = ?, why = ? WHERE id = ?`,
      allDead: `UPDATE deliveries SET state = 'dead', ended = ?, why = ? WHERE state = 'queued' AND endpoint = ?`,
      letters: `SELECT ${columns} FROM deliveries WHERE state = 'dead' AND id > ? AND (?2 IS NULL OR endpoint = ?2)
        ORDER BY id LIMIT ?3`,
      letter: `SELECT ${columns} FROM deliveries WHERE state = 'dead' AND id = ?`,
      resend: `UPDATE deliveries SET state = 'queued', attempts = 0, due = ?1, ended = NULL
        WHERE state = 'dead' AND endpoint = ?2 AND (?3 IS NULL OR id = ?3)`,
      counts: `SELECT (SELECT count(*) FROM deliveries WHERE state = 'queued' AND endpoint = ?1) AS queued,
        (SELECT count(*) FROM deliveries WHERE state = 'dead' AND endpoint = ?1) AS dead,
        (SELECT min(created) FROM deliveries WHERE state = 'queued' AND endpoint = ?1) AS oldest`,
      discard: `DELETE FROM deliveries WHERE state = 'dead' AND id = ?`,
      discardAll: `DELETE FROM deliveries WHERE state = 'dead' AND endpoint = ?`,
      oldDead: `SELECT endpoint, count(*) AS letters FROM deliveries WHERE state = 'dead' AND ended < ?
        GROUP BY endpoint ORDER BY endpoint`,
      dropDead: `DELETE FROM deliveries WHERE state = 'dead' AND ended < ?`,
      waiting: `SELECT DISTINCT endpoint FROM deliveries WHERE state = 'queued'`,
      bring: `UPDATE deliveries SET due = iif(attempts = 0, ?1, ?2) WHERE state = 'queued' AND endpoint = ?3 AND due > ?2`,
      forget: `DELETE FROM deliveries WHERE state = 'delivered' AND ended < ?`,
    } as const;
    this.statements = Object.fromEntries(
      Object.entries(prepared).map(([name, text]) => [name, this.sql.prepare(text)]),
    ) as Record<keyof typeof prepared, StatementSync>;
    this.statements.cursor.setReadBigInts(true);
  }

  /** How far the notices have been queued; undefined when nothing was ever looked at. */
  cursor(): Place | undefined {
    const row = this.statements.cursor.get();
    return row && { position: row['position'] as bigint, due: Number(row['due']), ordinal: Number(row['ordinal']) };
  }

  /** Queues what is new and moves the cursor, at once or not at all. What the endpoint was told of already is left out. */
  queue(outgoing: readonly Outgoing[], through: Place, nowMs: number): void {
    this.transaction(() => {
      this.statements.forget.run(nowMs - REMEMBERED_MS);
      for (const { endpoint, noticeId, kind, body, dead = null } of outgoing) {
        this.statements.add.run(endpoint, noticeId, kind, body, nowMs, dead);
      }
      this.statements.move.run(through.position, through.due, through.ordinal);
    });
  }

  /** Takes the endpoint up; one that was disabled at another URL is enabled. A start that changes nothing writes nothing. */
  configure(endpoint: string, url: string): void {
    this.statements.configure.run(endpoint, url);
  }

  /** Those to be tried by now, the longest due first. */
  due(endpoint: string, nowMs: number, limit: number): readonly Delivery[] {
    return this.statements.due.all(endpoint, nowMs, limit).map(deliveryOf);
  }

  nextDueMs(endpoint: string, nowMs: number): number | null {
    return this.statements.nextDue.get(endpoint, nowMs)?.['due'] as number | null;
  }

  delivered({ id, endpoint }: Delivery, nowMs: number): void {
    this.transaction(() => {
      this.statements.delivered.run(nowMs, id);
      this.statements.accepted.run(nowMs, endpoint);
    });
  }

  failed({ id }: Delivery, why: string, dueMs: number): void {
    this.statements.failed.run(dueMs, why, id);
  }

  died({ id }: Delivery, why: string, nowMs: number): void {
    this.statements.dead.run(nowMs, why, id);
  }

  /** No attempt is due later than `latestMs`: one that is was put off by a clock that ran ahead. */
  bringForward(endpoint: string, nowMs: number, latestMs: number): void {
    this.statements.bring.run(nowMs, latestMs, endpoint);
  }

  /** What is queued for endpoints that are not among `known` becomes dead letters; of whom, and how many. */
  settleOthers(known: ReadonlySet<string>, why: string, nowMs: number): readonly LettersOf[] {
    return this.transaction(() => {
      const others = this.statements.waiting.all().map((row) => String(row['endpoint']));
      return others
        .filter((endpoint) => !known.has(endpoint))
        .map((endpoint) => ({ endpoint, letters: Number(this.statements.allDead.run(nowMs, why, endpoint).changes) }));
    });
  }

  /** Drops a dead letter; whether there was one. */
  discard(id: number): boolean {
    return this.statements.discard.run(id).changes > 0;
  }

  /** Drops all dead letters of an endpoint; how many. */
  discardAll(endpoint: string): number {
    return Number(this.statements.discardAll.run(endpoint).changes);
  }

  /** Drops the dead letters that died before `beforeMs`; whose, and how many. */
  forgetDead(beforeMs: number): readonly LettersOf[] {
    return this.transaction(() => {
      const old = this.statements.oldDead.all(beforeMs);
      if (old.length > 0) this.statements.dropDead.run(beforeMs);
      return old.map((row) => ({ endpoint: String(row['endpoint']), letters: Number(row['letters']) }));
    });
  }

  /** Nothing more is sent to it: what is queued becomes dead letters. */
  disable(endpoint: string, why: string, nowMs: number): void {
    this.transaction(() => {
      this.statements.disable.run(nowMs, endpoint);
      this.statements.allDead.run(nowMs, why, endpoint);
    });
  }

  /** Queues a dead letter anew, or all of the endpoint's, and takes a disabled endpoint up again; how many. */
  resend(endpoint: string, id: number | null, nowMs: number): number {
    return this.transaction(() => {
      const { changes } = this.statements.resend.run(nowMs, endpoint, id);
      this.statements.disable.run(null, endpoint);
      return Number(changes);
    });
  }

  /** Dead letters with an id above `after`. */
  deadLetters(after: number, limit: number, endpoint: string | null): readonly Delivery[] {
    return this.statements.letters.all(after, endpoint, limit).map(deliveryOf);
  }

  deadLetter(id: number): Delivery | undefined {
    const row = this.statements.letter.get(id);
    return row && deliveryOf(row);
  }

  isDisabled(endpoint: string): boolean {
    return (this.statements.endpoint.get(endpoint)?.['disabled_at'] ?? null) !== null;
  }

  stateOf(endpoint: string): EndpointState {
    const { disabled_at: disabled = null, delivered_at: delivered = null } =
      this.statements.endpoint.get(endpoint) ?? {};
    const { queued, dead, oldest } = this.statements.counts.get(endpoint) as Record<string, number | null>;
    return {
      disabledAtMs: disabled as number | null,
      deliveredAtMs: delivered as number | null,
      queued: queued ?? 0,
      dead: dead ?? 0,
      oldestMs: oldest ?? null,
    };
  }

  close(): void {
    this.sql.close();
  }

  private transaction<T>(work: () => T): T {
    this.sql.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.sql.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.sql.isTransaction) this.sql.exec('ROLLBACK');
      throw error;
    }
  }
}

const deliveryOf = (row: Record<string, unknown>): Delivery => ({
  id: row['id'] as number,
  endpoint: row['endpoint'] as string,
  noticeId: row['notice_id'] as string,
  kind: row['kind'] as string,
  body: row['body'] as string,
  attempts: row['attempts'] as number,
  dueMs: row['due'] as number,
  createdMs: row['created'] as number,
  endedMs: row['ended'] as number | null,
  why: row['why'] as string | null,
});
