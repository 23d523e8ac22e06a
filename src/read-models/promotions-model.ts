import { disbursements, type Disbursements } from '../../projections/disbursements.js';
import type { Position, Recorded } from '../event-store/event-store.js';
import type { EventLike } from '../kernel/decider.js';
import { epochMs } from '../kernel/instant.js';
import { enrollmentOf } from '../promotions/domain/enrollment.js';
import type { EnrollmentEvent, PromotionEvent } from '../promotions/domain/events.js';
import type { EnrollmentFacts } from '../promotions/domain/facts.js';
import type { ReadModel, ReadModelDatabase, Statement } from './database.js';
import type { Moment } from './moment.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS promotion_events (
    promotion_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (promotion_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS enrollment_facts (
    promotion_id TEXT NOT NULL,
    advertiser_id TEXT NOT NULL,
    effective INTEGER NOT NULL,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (promotion_id, advertiser_id, effective, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS enrollment_invited ON enrollment_facts (promotion_id, advertiser_id)
    WHERE type = 'AdvertiserInvited'`;

const CHUNK = 500;
const STATES = 64;

/** A promotion has few events, so what it was at a position is folded from them, and the last answers are kept. */
export class PromotionsModel implements ReadModel {
  private readonly states = new Map<string, Disbursements>();
  private readonly statements: Record<
    'add' | 'enroll' | 'last' | 'events' | 'starts' | 'ids' | 'enrollment' | 'invited',
    Statement
  >;

  constructor(db: ReadModelDatabase) {
    db.create(SCHEMA);
    this.statements = {
      add: db.prepare('INSERT INTO promotion_events (promotion_id, position, type, data) VALUES (?, ?, ?, ?)'),
      enroll: db.prepare(`INSERT INTO enrollment_facts
        (promotion_id, advertiser_id, effective, position, type, data) VALUES (?, ?, ?, ?, ?, ?)`),
      last: db.prepare('SELECT max(position) AS last FROM promotion_events WHERE promotion_id = ? AND position <= ?'),
      events: db.prepare(`SELECT type, data FROM promotion_events
        WHERE promotion_id = ? AND position <= ? ORDER BY position`),
      starts: db.prepare(`SELECT data ->> '$.date' AS date, position FROM promotion_events
        WHERE promotion_id = ? AND position <= ? AND type = 'DisbursementRunStarted'`),
      ids: db.prepare(`SELECT DISTINCT promotion_id AS id FROM promotion_events
        WHERE promotion_id > ? AND position <= ? ORDER BY promotion_id LIMIT ?`),
      enrollment: db.prepare(`SELECT type, data FROM enrollment_facts
        WHERE promotion_id = ? AND advertiser_id = ? AND effective <= ? AND position <= ?
        ORDER BY effective, position`),
      invited: db.prepare(`SELECT advertiser_id AS id FROM enrollment_facts
        WHERE type = 'AdvertiserInvited' AND promotion_id = ? AND advertiser_id > ? AND effective <= ? AND position <= ?
        ORDER BY advertiser_id LIMIT ${CHUNK}`),
    };
  }

  apply(event: Recorded): void {
    if (event.stream.startsWith('promotion-')) {
      const { promotionId } = (event as unknown as PromotionEvent).data;
      this.statements.add.run(promotionId, event.position, event.type, JSON.stringify(event.data));
    } else if (event.stream.startsWith('enrollment-')) {
      const { promotionId, advertiserId, occurredAt } = (event as unknown as EnrollmentEvent).data;
      const at = epochMs(occurredAt);
      this.statements.enroll.run(promotionId, advertiserId, at, event.position, event.type, JSON.stringify(event.data));
    }
  }

  forget(): void {
    this.states.clear();
  }

  /** The promotion as known at a position; undefined when it was not published. */
  stateOf(promotionId: string, known: Position): Disbursements | undefined {
    const last = this.statements.last.get(promotionId, known)?.['last'];
    if (typeof last !== 'bigint') return undefined;
    const key = `${promotionId} ${last}`;
    const kept = this.states.get(key);
    if (kept) return kept;
    const state = this.statements.events
      .all(promotionId, last)
      .map(eventOf<PromotionEvent>)
      .reduce((folded, event) => disbursements.evolve(folded, event), disbursements.initial());
    if (this.states.size >= STATES) this.states.delete(this.states.keys().next().value!);
    this.states.set(key, state);
    return state;
  }

  /** By date, where the runs that were begun were: each decided on what was recorded before. */
  startsOf(promotionId: string, known: Position): ReadonlyMap<string, Position> {
    const rows = this.statements.starts.all(promotionId, known);
    return new Map(rows.map(({ date, position }) => [String(date), position as Position]));
  }

  /** Ids of the promotions known at a position, behind `after`. */
  idsAfter(after: string, known: Position, limit: number): string[] {
    return this.statements.ids.all(after, known, limit).map(({ id }) => String(id));
  }

  /** What the advertiser has to do with the promotion by then. */
  enrollment(promotionId: string, advertiserId: string, { asOf, known }: Moment): EnrollmentFacts {
    const rows = this.statements.enrollment.all(promotionId, advertiserId, epochMs(asOf), known);
    return enrollmentOf(rows.map(eventOf<EnrollmentEvent>));
  }

  /** Advertisers whose invitation is in effect by then, in order; read in chunks, safe while others write. */
  *invited(promotionId: string, { asOf, known }: Moment): Generator<string> {
    for (let last = ''; ;) {
      const ids = this.statements.invited.all(promotionId, last, epochMs(asOf), known).map(({ id }) => String(id));
      yield* ids;
      if (ids.length < CHUNK) return;
      last = ids.at(-1)!;
    }
  }
}

const eventOf = <Event extends EventLike>({ type, data }: Record<string, unknown>): Event =>
  ({ type, data: JSON.parse(String(data)) as unknown }) as unknown as Event;
