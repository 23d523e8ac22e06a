import type { Position, Recorded } from '../event-store/event-store.js';
import { type Bounds, UNBOUND } from '../kernel/bounds.js';
import { earlier, epochMs, instantOf, type Instant } from '../kernel/instant.js';
import type { ReadModel, ReadModelDatabase } from '../read-models/database.js';
import {
  expiringFrom,
  expiringNotice,
  step,
  withTold,
  type CreditUse,
  type Notice,
  type NoticedEvent,
} from './domain/notices.js';
import { NoticeCredits, useAsText, useIn } from './notice-credits.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notices (
    position INTEGER NOT NULL, -- of the last event before it was told
    due INTEGER NOT NULL,      -- ms: when the clock came to tell it; 0: the event at that position tells it
    ordinal INTEGER NOT NULL,  -- among those that the event tells, from 0; of what the clock tells the credit's id below
    advertiser_id TEXT NOT NULL,
    marketplace TEXT NOT NULL,
    notice TEXT NOT NULL,      -- JSON
    PRIMARY KEY (position, due, ordinal)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS notices_by_advertiser ON notices (advertiser_id, position, due, ordinal);
  CREATE TABLE IF NOT EXISTS notice_credits (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    advertiser_id TEXT NOT NULL,
    marketplace TEXT NOT NULL,
    credit_id TEXT NOT NULL,
    due INTEGER,               -- ms: from when on the clock tells that it is about to end; null: it need not
    since INTEGER NOT NULL,    -- position of the event that made it due then
    credit TEXT NOT NULL,      -- JSON, amounts in minor units
    UNIQUE (account, credit_id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS notice_credits_due ON notice_credits (due, id) WHERE due IS NOT NULL;
  CREATE INDEX IF NOT EXISTS notice_credits_since ON notice_credits (since) WHERE due IS NOT NULL;
  CREATE INDEX IF NOT EXISTS notice_credits_by_advertiser ON notice_credits (advertiser_id, due, id)
    WHERE due IS NOT NULL;
  CREATE INDEX IF NOT EXISTS notice_credits_by_marketplace ON notice_credits (marketplace, due, id)
    WHERE due IS NOT NULL`;

/** So many credits are settled at once. */
const PIECE = 500;

/** Where a notice stands among all: what a reader resumes after. */
export interface Place {
  readonly position: Position;
  /** ms since 1970 when the clock came to tell it; 0 when the event at `position` tells it: those come first. */
  readonly due: number;
  readonly ordinal: number;
}

/** A reader was told, as of an event, all that was due by then. */
export interface ToldByClock {
  readonly position: Position;
  readonly dueMs: number;
}

/** What a reader asks of the clock. */
export interface DueAsked {
  /** The event that is taken to be the last. */
  readonly last?: Position;
  readonly after?: Place;
  readonly told?: ToldByClock | undefined;
  readonly bounds?: Bounds;
  readonly limit?: number;
}

/** When an event was recorded, and when that was by the clock. */
interface Recording {
  readonly recordedAt: Instant;
  readonly knownAt: Instant;
  readonly knownMs: number;
}

/** A time in ms and the id of a credit. */
type At = readonly [number, number];
const ALL = Number.MAX_SAFE_INTEGER;

const IN = (column: string, list: string) => `${column} IN (SELECT value FROM json_each(${list}))`;

/**
 * What is due by ?1 after (?2, ?3), and what was made due behind the position ?4 for a time up to ?5 and after (?6, ?7), at
 * most ?8. Of bound readers only what is theirs (?9, ?10) is looked at, and what was recorded since they looked last.
 */
const dueOf = (index: string, theirs: string): string => `
  SELECT due, id, credit FROM notice_credits INDEXED BY notice_credits_${index}
    WHERE due IS NOT NULL AND ${theirs} AND due <= ?1 AND (due, id) > (?2, ?3)
      AND (?9 IS NULL OR ${IN('advertiser_id', '?9')}) AND (?10 IS NULL OR ${IN('marketplace', '?10')})
  UNION ALL
  SELECT due, id, credit FROM notice_credits INDEXED BY notice_credits_since
    WHERE due IS NOT NULL AND since > ?4 AND due <= ?5 AND (due, id) > (?6, ?7)
      AND (?9 IS NULL OR ${IN('advertiser_id', '?9')}) AND (?10 IS NULL OR ${IN('marketplace', '?10')})
  ORDER BY due, id LIMIT ?8`;

export interface Placed {
  readonly place: Place;
  readonly notice: Notice;
}

/**
 * Every notice of the log, in the order in which they are told. What the clock tells has its place in it as well: time
 * passes with what is recorded, so that it comes right before the first event that was recorded after it had become due.
 * What has become due since the last event is told by `due`, at the place that it keeps.
 */
export class NoticesModel implements ReadModel {
  private readonly statements;
  private readonly credits: NoticeCredits;
  private last: Position | undefined;
  /** When the last event was recorded: what is committed together was recorded at once. */
  private recorded: Recording | undefined;
  /** No credit becomes due before, saved or not; undefined when the tables have not been asked. */
  private firstDueMs: number | undefined;

  constructor(
    private readonly db: ReadModelDatabase,
    private readonly clock: () => Instant,
  ) {
    db.create(SCHEMA);
    this.credits = new NoticeCredits(db);
    this.statements = {
      tell: db.prepare('INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?)'),
      all: db.prepare(`SELECT position, due, ordinal, notice FROM notices
        WHERE (position, due, ordinal) > (?1, ?2, ?3) AND position <= ?4
          AND (?5 IS NULL OR ${IN('marketplace', '?5')})
        ORDER BY position, due, ordinal LIMIT ?6`),
      some: db.prepare(`SELECT position, due, ordinal, notice FROM notices
        WHERE ${IN('advertiser_id', '?7')} AND (position, due, ordinal) > (?1, ?2, ?3) AND position <= ?4
          AND (?5 IS NULL OR ${IN('marketplace', '?5')})
        ORDER BY position, due, ordinal LIMIT ?6`),
      settle: db.prepare('UPDATE notice_credits SET due = NULL, credit = ? WHERE id = ?'),
      piece: db.prepare('SELECT due, id, credit FROM notice_credits WHERE due <= ? ORDER BY due, id LIMIT ?'),
      dueOfAll: db.prepare(dueOf('due', 'TRUE')),
      dueByAdvertiser: db.prepare(dueOf('by_advertiser', IN('advertiser_id', '?9'))),
      dueByMarketplace: db.prepare(dueOf('by_marketplace', IN('marketplace', '?10'))),
      lastDue: db.prepare('SELECT due, id FROM notice_credits WHERE due <= ? ORDER BY due DESC, id DESC LIMIT 1'),
      nextDue: db.prepare('SELECT min(due) AS due FROM notice_credits WHERE due > ?'),
    };
  }

  apply(event: Recorded): void {
    const { knownAt, knownMs } = this.byTheClock(event.recordedAt);
    // What is recorded within one millisecond comes at once: nobody could have been told in between.
    this.settle(knownMs - 1);
    this.last = event.position;
    if (!event.stream.startsWith('account-') && event.type !== 'DisbursementRunCompleted') return;
    const fact = { type: event.type, data: event.data } as NoticedEvent;
    const { stream, position } = event;
    const { notices, credits } = step(fact, position, (creditId) => this.credits.of(stream, creditId));
    notices.forEach((notice, ordinal) => this.tell({ position, due: 0, ordinal }, notice));
    for (const credit of credits) {
      const due = expiringFrom(credit, knownAt);
      const dueMs = due && epochMs(due);
      this.credits.change(stream, credit, dueMs, position);
      this.firstDueMs = Math.min(this.firstDueMs!, dueMs ?? Infinity);
    }
  }

  flush(): void {
    this.credits.flush();
  }

  forget(): void {
    this.last = undefined;
    this.firstDueMs = undefined;
    this.credits.forget();
  }

  /** The last event that was looked at, committed or not. */
  get tail(): Position {
    return this.last ?? this.db.checkpoint()?.position ?? 0n;
  }

  /** Those after a place and told up to `known`, at most `limit`. */
  after(place: Place, known: Position, limit: number, { advertisers, marketplaces }: Bounds = UNBOUND): Placed[] {
    const within = marketplaces && JSON.stringify([...marketplaces]);
    const asked = [place.position, place.due, place.ordinal, known, within, limit] as const;
    const { all, some } = this.statements;
    const rows = advertisers === null ? all.all(...asked) : some.all(...asked, JSON.stringify([...advertisers]));
    return rows.map((row) => ({
      place: { position: row['position'] as bigint, due: Number(row['due']), ordinal: Number(row['ordinal']) },
      notice: JSON.parse(String(row['notice'])) as Notice,
    }));
  }

  /**
   * What the clock has to tell at `now` and no event has settled, after all others, at most `limit` of it. What the reader
   * was told before (`told`) is left out, though events have moved its place since. Null when `last` is not the last event.
   */
  due(now: Instant, asked: DueAsked = {}): Placed[] | null {
    return this.db.snapshot(() => {
      const { tail } = this;
      return asked.last === undefined || asked.last === tail ? this.dueAt(tail, epochMs(now), asked) : null;
    });
  }

  private dueAt(position: Position, nowMs: number, { after, told, bounds = UNBOUND, limit = ALL }: DueAsked): Placed[] {
    if (after !== undefined && after.position > position) return [];
    const from: At = after === undefined || after.position < position ? [0, 0] : [after.due, after.ordinal];
    const fresh: At = told && told.dueMs >= from[0] ? [told.dueMs, ALL] : from;
    const again = told ? ([told.position, Math.min(told.dueMs, nowMs)] as const) : ([position, 0] as const);
    const advertisers = bounds.advertisers && JSON.stringify([...bounds.advertisers]);
    const marketplaces = bounds.marketplaces && JSON.stringify([...bounds.marketplaces]);
    const { dueOfAll, dueByAdvertiser, dueByMarketplace } = this.statements;
    const statement = advertisers ? dueByAdvertiser : marketplaces ? dueByMarketplace : dueOfAll;
    const rows = statement.all(nowMs, ...fresh, ...again, ...from, limit, advertisers, marketplaces);
    return rows.map((row) => this.placed(row, position)).map(({ place, notice }) => ({ place, notice }));
  }

  /** The place of the last that `due` has. */
  lastDue(now: Instant, last: Position): Place | null {
    return this.db.snapshot(() => {
      const row = this.tail === last ? this.statements.lastDue.get(epochMs(now)) : undefined;
      return row ? { position: last, due: Number(row['due']), ordinal: Number(row['id']) } : null;
    });
  }

  /** When the clock will have something to tell next, as the log stands; null: never. */
  nextDue(now: Instant): Instant | null {
    const due = this.statements.nextDue.get(epochMs(now))?.['due'];
    return typeof due === 'bigint' ? instantOf(Number(due)) : null;
  }

  /** A log never knows of a later instant than the service does. */
  private byTheClock(recordedAt: Instant): Recording {
    if (this.recorded?.recordedAt === recordedAt) return this.recorded;
    const knownAt = earlier(recordedAt, this.clock());
    return (this.recorded = { recordedAt, knownAt, knownMs: epochMs(knownAt) });
  }

  /** Writes down what was due by then, in the order and at the places that `due` has told. */
  private settle(untilMs: number): void {
    this.firstDueMs ??= this.storedFirstDue();
    if (untilMs < this.firstDueMs) return;
    this.flush();
    for (let rows; (rows = this.statements.piece.all(untilMs, PIECE)).length > 0;) {
      for (const row of rows) {
        const { place, notice, credit } = this.placed(row, this.tail);
        this.tell(place, notice);
        this.statements.settle.run(useAsText(withTold(credit, 'credit-expiring')), place.ordinal);
        this.credits.forgetOne(credit);
      }
    }
    this.firstDueMs = this.storedFirstDue();
  }

  private storedFirstDue(): number {
    return Number(this.statements.nextDue.get(-Infinity)?.['due'] ?? Infinity);
  }

  private placed(row: Record<string, unknown>, position: Position): Placed & { credit: CreditUse } {
    const due = Number(row['due']);
    const credit = useIn(String(row['credit']));
    const notice = expiringNotice(credit, instantOf(due));
    return { place: { position, due, ordinal: Number(row['id']) }, notice, credit };
  }

  private tell({ position, due, ordinal }: Place, notice: Notice): void {
    const { advertiserId, marketplace } = notice;
    this.statements.tell.run(position, due, ordinal, advertiserId, marketplace, JSON.stringify(notice));
  }
}
