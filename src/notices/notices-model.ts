import type { Position, Recorded } from '../event-store/event-store.js';
import { type Bounds, UNBOUND } from '../kernel/bounds.js';
import { accountStream } from '../kernel/identifiers.js';
import { earlier, epochMs, instantOf, plusMs, type Instant } from '../kernel/instant.js';
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

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notices (
    position INTEGER NOT NULL, -- of the last event before it was told
    ordinal INTEGER NOT NULL,  -- among those told there, from 0
    advertiser_id TEXT NOT NULL,
    marketplace TEXT NOT NULL,
    notice TEXT NOT NULL,      -- JSON
    PRIMARY KEY (position, ordinal)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS notices_by_advertiser ON notices (advertiser_id, position, ordinal);
  CREATE TABLE IF NOT EXISTS notice_credits (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    credit_id TEXT NOT NULL,
    due INTEGER,               -- ms: from when on the clock tells that it is about to end; null: it need not
    credit TEXT NOT NULL,      -- JSON, amounts in minor units
    UNIQUE (account, credit_id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS notice_credits_due ON notice_credits (due, id) WHERE due IS NOT NULL`;

/** Where a notice stands among all: what a reader resumes after. */
export interface Place {
  readonly position: Position;
  readonly ordinal: number;
}

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
  private last: Position | undefined;

  /** `clock`: a log never knows of a later instant than the service does. */
  constructor(
    private readonly db: ReadModelDatabase,
    private readonly clock: () => Instant,
  ) {
    db.create(SCHEMA);
    this.statements = {
      tell: db.prepare('INSERT INTO notices VALUES (?, ?, ?, ?, ?)'),
      ordinal: db.prepare('SELECT max(ordinal) AS ordinal FROM notices WHERE position = ?'),
      all: db.prepare(`SELECT position, ordinal, notice FROM notices
        WHERE (position, ordinal) > (?1, ?2) AND position <= ?3
          AND (?4 IS NULL OR marketplace IN (SELECT value FROM json_each(?4)))
        ORDER BY position, ordinal LIMIT ?5`),
      some: db.prepare(`SELECT position, ordinal, notice FROM notices
        WHERE advertiser_id IN (SELECT value FROM json_each(?6)) AND (position, ordinal) > (?1, ?2) AND position <= ?3
          AND (?4 IS NULL OR marketplace IN (SELECT value FROM json_each(?4)))
        ORDER BY position, ordinal LIMIT ?5`),
      credit: db.prepare('SELECT credit FROM notice_credits WHERE account = ? AND credit_id = ?'),
      save: db.prepare(`INSERT INTO notice_credits (account, credit_id, due, credit) VALUES (?, ?, ?, ?)
        ON CONFLICT (account, credit_id) DO UPDATE SET due = excluded.due, credit = excluded.credit`),
      due: db.prepare('SELECT due, credit FROM notice_credits WHERE due <= ? ORDER BY due, id'),
      nextDue: db.prepare('SELECT min(due) AS due FROM notice_credits WHERE due > ?'),
    };
  }

  apply(event: Recorded): void {
    const recordedAt = earlier(event.recordedAt, this.clock());
    // What is recorded within one millisecond comes at once: nobody could have been told in between.
    for (const { place, notice, credit } of this.fallenDue(plusMs(recordedAt, -1))) {
      this.tell(place, notice);
      this.save(withTold(credit, 'credit-expiring'), null);
    }
    this.last = event.position;
    if (!event.stream.startsWith('account-') && event.type !== 'DisbursementRunCompleted') return;
    const fact = { type: event.type, data: event.data } as NoticedEvent;
    const { notices, credits } = step(fact, event.position, (creditId) => this.creditOf(event.stream, creditId));
    notices.forEach((notice, ordinal) => this.tell({ position: event.position, ordinal }, notice));
    for (const credit of credits) this.save(credit, expiringFrom(credit, recordedAt));
  }

  forget(): void {
    this.last = undefined;
  }

  /** The last event that was looked at, committed or not. */
  get tail(): Position {
    return this.last ?? this.db.checkpoint()?.position ?? 0n;
  }

  /** Those after a place and told up to `known`, at most `limit`. */
  after(place: Place, known: Position, limit: number, { advertisers, marketplaces }: Bounds = UNBOUND): Placed[] {
    const within = marketplaces && JSON.stringify([...marketplaces]);
    const asked = [place.position, place.ordinal, known, within, limit] as const;
    const { all, some } = this.statements;
    const rows = advertisers === null ? all.all(...asked) : some.all(...asked, JSON.stringify([...advertisers]));
    return rows.map((row) => ({
      place: { position: row['position'] as bigint, ordinal: Number(row['ordinal']) },
      notice: JSON.parse(String(row['notice'])) as Notice,
    }));
  }

  /** What the clock has to tell at `now`, after all others, while the event at `last` is the last; otherwise nothing. */
  due(now: Instant, last = this.tail): Placed[] {
    const due = this.db.snapshot(() => (this.tail === last ? this.fallenDue(now) : []));
    return due.map(({ place, notice }) => ({ place, notice }));
  }

  /** When the clock will have something to tell next, as the log stands; null: never. */
  nextDue(now: Instant): Instant | null {
    const due = this.statements.nextDue.get(epochMs(now))?.['due'];
    return typeof due === 'bigint' ? instantOf(Number(due)) : null;
  }

  private fallenDue(now: Instant): (Placed & { credit: CreditUse })[] {
    const rows = this.statements.due.all(epochMs(now));
    if (rows.length === 0) return [];
    const position = this.tail;
    const told = this.statements.ordinal.get(position)?.['ordinal'];
    const first = typeof told === 'bigint' ? Number(told) + 1 : 0;
    return rows.map((row, index) => {
      const credit = read(String(row['credit']));
      const notice = expiringNotice(credit, instantOf(Number(row['due'])));
      return { place: { position, ordinal: first + index }, notice, credit };
    });
  }

  private tell({ position, ordinal }: Place, notice: Notice): void {
    this.statements.tell.run(position, ordinal, notice.advertiserId, notice.marketplace, JSON.stringify(notice));
  }

  private creditOf(stream: string, creditId: string): CreditUse {
    const row = this.statements.credit.get(stream, creditId);
    if (!row) throw new Error(`no credit ${creditId} was applied`);
    return read(String(row['credit']));
  }

  private save(credit: CreditUse, due: Instant | null): void {
    const account = accountStream(credit.advertiserId, credit.marketplace);
    this.statements.save.run(account, credit.creditId, due && epochMs(due), written(credit));
  }
}

/** As JSON has no bigint. */
const written = ({ appliedMinor, heldMinor, drawnMinor, ...rest }: CreditUse): string =>
  JSON.stringify({ ...rest, minor: [appliedMinor, heldMinor, drawnMinor].map(String) });

function read(text: string): CreditUse {
  const { minor, ...rest } = JSON.parse(text) as Omit<CreditUse, `${string}Minor`> & { minor: string[] };
  const [appliedMinor, heldMinor, drawnMinor] = minor.map(BigInt) as [bigint, bigint, bigint];
  return { ...rest, appliedMinor, heldMinor, drawnMinor };
}
