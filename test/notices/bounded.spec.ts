import { describe, expect, it } from '@jest/globals';
import { DatabaseSync } from 'node:sqlite';
import type { Recorded } from '../../src/event-store/event-store.js';
import type { Bounds } from '../../src/kernel/bounds.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { type Instant, plusMs } from '../../src/kernel/instant.js';
import { BEGINNING } from '../../src/notices/feed.js';
import { NoticesModel, type Place, type Placed } from '../../src/notices/notices-model.js';
import { ReadModelDatabase, type Statement } from '../../src/read-models/database.js';
import { at } from './told.js';

const NOW = at('10-28T00:00');
const CREDITS = 1200;
const ADVERTISERS = 40;

/** Counts the rows that its statements answer with, and keeps how they are written. */
class CountingDatabase extends ReadModelDatabase {
  rows = 0;
  most = 0;
  readonly asked = new Set<string>();

  override prepare(sql: string): Statement {
    const statement = super.prepare(sql);
    const all = statement.all.bind(statement);
    statement.all = (...parameters) => {
      const rows = all(...parameters);
      this.asked.add(sql);
      this.rows += rows.length;
      this.most = Math.max(this.most, rows.length);
      return rows;
    };
    return statement;
  }

  counting<T>(work: () => T): { result: T; rows: number; most: number } {
    this.rows = this.most = 0;
    return { result: work(), rows: this.rows, most: this.most };
  }
}

let position = 0n;
function applied(nth: number, recordedAt: Instant): Recorded {
  const advertiserId = `adv-${nth % ADVERTISERS}`;
  const marketplace = nth % 2 === 0 ? 'DE' : 'FR';
  const amount = { amount: '10.00', currency: 'EUR' };
  const data = {
    ...{ advertiserId, marketplace, creditId: `c-${nth}`, promotionId: 'p', product: 'SP', granted: amount },
    ...{ applied: amount, fx: null, qualifiedAt: null, campaignId: null, appliedAt: recordedAt, origin: 'manual' },
    ...{ expiresAt: at('11-02T00:00'), sweepableAt: at('11-02T00:00'), appliesTo: ['SP'] },
  };
  position += 1n;
  const stream = accountStream(advertiserId, marketplace);
  return {
    id: `CreditApplied:${nth}`,
    stream,
    type: 'CreditApplied',
    data,
    recordedAt,
    position,
  } as unknown as Recorded;
}

/** So many credits that are due in one millisecond, under a clock that stands still: no event settles them. */
function world() {
  position = 0n;
  const db = new CountingDatabase(':memory:');
  const clock = { now: NOW };
  const model = new NoticesModel(db, () => clock.now);
  for (let nth = 0; nth < CREDITS; nth += 1) model.apply(applied(nth, NOW));
  model.flush();
  return { db, model, clock };
}

/** All pages of what the clock tells. */
function pages(model: NoticesModel, limit: number, bounds?: Bounds): Placed[] {
  const told: Placed[] = [];
  for (let after: Place = BEGINNING; ;) {
    const page = model.due(NOW, { after, limit, ...(bounds ? { bounds } : {}) })!;
    told.push(...page);
    if (page.length < limit) return told;
    after = page.at(-1)!.place;
  }
}

const keys = (placed: readonly Placed[]) => placed.map(({ place, notice }) => [place, notice.id]);

describe('what the clock tells', () => {
  it('is read a page at a time, each credit once, in the order of all', () => {
    const { db, model } = world();
    expect(db.counting(() => model.due(NOW, { limit: 10 })).rows).toBe(10);
    const all = db.counting(() => pages(model, 100));
    expect([all.rows, all.most]).toEqual([CREDITS, 100]);
    expect(keys(all.result)).toEqual(keys(model.due(NOW)!));
    expect(new Set(all.result.map(({ notice }) => notice.id)).size).toBe(CREDITS);
  });

  it('is read for a bound caller of its own credits alone', () => {
    const { db, model } = world();
    const whole = model.due(NOW)!;
    const each: [Bounds, (placed: Placed) => boolean][] = [
      [
        { advertisers: new Set(['adv-3', 'adv-8']), marketplaces: null },
        ({ notice }) => /^adv-[38]$/.test(notice.advertiserId),
      ],
      [{ advertisers: null, marketplaces: new Set(['FR']) }, ({ notice }) => notice.marketplace === 'FR'],
      [
        { advertisers: new Set(['adv-3', 'adv-8']), marketplaces: new Set(['FR']) },
        ({ notice }) => notice.advertiserId === 'adv-3',
      ],
      [{ advertisers: new Set(), marketplaces: null }, () => false],
    ];
    for (const [bounds, isTheirs] of each) {
      const found = db.counting(() => pages(model, 50, bounds));
      expect(keys(found.result)).toEqual(keys(whole.filter(isTheirs)));
      expect(found.rows).toBe(found.result.length);
    }
  });

  it('is not told again to who follows, though an event that does not settle it moves its place', () => {
    const { db, model } = world();
    const told = { position: model.tail, dueMs: Date.parse(NOW) };
    const after = model.due(NOW)!.at(-1)!.place;
    expect(db.counting(() => model.due(NOW, { after, told })).rows).toBe(0);
    model.apply(applied(CREDITS, NOW));
    model.flush();
    const next = db.counting(() => model.due(NOW, { after, told }));
    expect(next.rows).toBe(1);
    expect(next.result).toMatchObject([{ notice: { data: { creditId: `c-${CREDITS}` } } }]);
    // Who has not been told is told of all, at the new place.
    expect(model.due(NOW, { after })).toHaveLength(CREDITS + 1);
  });

  it('is written down in pieces, in the order and at the places that were told', () => {
    const { db, model, clock } = world();
    const told = model.due(NOW)!;
    const later = applied(CREDITS, plusMs(NOW, 1));
    clock.now = later.recordedAt;
    const { most, rows } = db.counting(() => model.apply(later));
    expect(most).toBeLessThanOrEqual(500);
    expect(rows).toBe(CREDITS);
    model.flush();
    const written = model
      .after(told[0]!.place, later.position, 10_000)
      .filter(({ notice }) => notice.position === null);
    expect(keys(written)).toEqual(keys(told.slice(1)));
    expect(model.due(NOW)).toEqual([]);
  });

  it('is found by an index, however much else there is', () => {
    const { db, model } = world();
    model.due(NOW);
    model.due(NOW, { bounds: { advertisers: new Set(['adv-1']), marketplaces: null } });
    model.due(NOW, { bounds: { advertisers: null, marketplaces: new Set(['DE']) } });
    const plans = [...db.asked].filter((sql) => sql.includes('notice_credits')).map((sql) => planOf(sql));
    expect(plans.length).toBeGreaterThanOrEqual(3);
    for (const plan of plans) {
      expect(plan.filter((step) => /SCAN notice_credits/.test(step))).toEqual([]);
      expect(plan.filter((step) => /SEARCH notice_credits USING (COVERING )?INDEX/.test(step)).length).toBeGreaterThan(
        0,
      );
    }
  });
});

function planOf(sql: string): string[] {
  const own = new DatabaseSync(':memory:');
  new NoticesModel(
    {
      create: (schema: string) => own.exec(schema),
      prepare: (text: string) => own.prepare(text),
    } as unknown as ReadModelDatabase,
    () => NOW,
  );
  return own
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all()
    .map((row) => String(row['detail']));
}
