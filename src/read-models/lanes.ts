import type { Position } from '../event-store/event-store.js';
import type { ReadModelDatabase, Statement } from './database.js';

/** Of so many owners the lane ends are remembered: all are read again as they move when there are more. */
const REMEMBERED_OWNERS = 50_000;
/** From here on a late line goes to a falling lane, so that even a history told backwards stays in a few lanes. */
const RISING_LANES = 16;

/** Of so many lines of a lane the first is marked. */
const MARK_LINES = 16;
const IS_MARKED = `nth % ${MARK_LINES} = 0`;

/** The last line of a lane. */
interface LaneEnd {
  readonly nth: number;
  readonly effectiveMs: number;
  readonly totals: readonly bigint[];
}

interface LaneEnds {
  readonly rising: LaneEnd[];
  readonly falling: LaneEnd[];
}

/**
 * Sums over {effective ≤ T, position ≤ K} by index seeks, of lines that arrive in position order with any effective
 * time, and are never rewritten.
 *
 * Each owner's lines are dealt into lanes (patience sorting): in a rising lane the effective times never fall, so what
 * a moment includes of it is its beginning, up to the earlier of "last line with effective ≤ T" and "last line with
 * position ≤ K", and each line bears the lane's running totals. Facts in order need one lane; one that is late opens
 * another. In a falling lane the times strictly fall: there the lines with effective > T are the beginning, to be taken
 * off what is known. Rising lanes are numbered 0, 1, …, falling ones -1, -2, ….
 *
 * Lines lie by position. By effective time an index has one line in some, the marks: from a mark on, the few lines up to
 * the next are looked through.
 *
 * Amounts and totals are decimal text: a sum may exceed 2^63, and SQL neither adds nor compares them.
 */
export class Lanes {
  /** For lines to be added: who asks may have lanes of its own on the same file, and sees none of this. */
  private readonly ends = new Map<number, LaneEnds>();
  private readonly statements: Record<
    'insert' | 'range' | 'last' | 'knownLast' | 'effectiveLast' | 'laterLast' | 'after',
    Statement
  >;

  /** `amounts` names what the lines of `table` add to. */
  constructor(
    db: ReadModelDatabase,
    table: string,
    private readonly amounts: readonly string[],
  ) {
    const totals = amounts.map((name) => `${name}_total`);
    db.create(`
      CREATE TABLE IF NOT EXISTS ${table} (
        owner INTEGER NOT NULL,
        lane INTEGER NOT NULL,
        position INTEGER NOT NULL,
        effective INTEGER NOT NULL, -- ms
        nth INTEGER NOT NULL,       -- in its lane, from 0
        ${[...amounts, ...totals].map((name) => `${name} TEXT NOT NULL,`).join('\n        ')}
        PRIMARY KEY (owner, lane, position)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS ${table}_marks ON ${table} (owner, lane, effective) WHERE ${IS_MARKED}`);
    const line = `SELECT position, effective, nth, ${totals.join(', ')} FROM ${table} WHERE owner = ?1 AND lane = ?2`;
    /** The last line that is on one side of an effective time: it lies between the mark next to that time and the one behind. */
    const lastOf = (side: string, nearest: string) =>
      db.prepare(`SELECT * FROM (
          ${line} AND position >= (SELECT position FROM ${table}
            WHERE owner = ?1 AND lane = ?2 AND ${IS_MARKED} AND ${side} ORDER BY ${nearest} LIMIT 1)
          ORDER BY position LIMIT ${MARK_LINES})
        WHERE ${side} ORDER BY position DESC LIMIT 1`);
    this.statements = {
      insert:
        db.prepare(`INSERT INTO ${table} (owner, lane, position, effective, nth, ${[...amounts, ...totals].join(', ')})
        VALUES (?, ?, ?, ?, ?${', ?, ?'.repeat(amounts.length)})`),
      range: db.prepare(`SELECT (SELECT max(lane) FROM ${table} WHERE owner = :owner) AS highest,
        (SELECT min(lane) FROM ${table} WHERE owner = :owner) AS lowest`),
      last: db.prepare(`${line} ORDER BY position DESC LIMIT 1`),
      knownLast: db.prepare(`${line} AND position <= ?3 ORDER BY position DESC LIMIT 1`),
      effectiveLast: lastOf('effective <= ?3', 'effective DESC, position DESC'),
      laterLast: lastOf('effective > ?3', 'effective'),
      after: db.prepare(`SELECT effective, ${amounts.join(', ')} FROM ${table}
        WHERE owner = ? AND effective > ? AND position <= ? ORDER BY effective`),
    };
  }

  add(owner: number, effectiveMs: number, position: Position, amounts: readonly bigint[]): void {
    const { rising, falling } = this.endsOf(owner);
    let index = rising.findIndex((end) => end.effectiveMs <= effectiveMs);
    if (index < 0 && rising.length < RISING_LANES) index = rising.length;
    const rises = index >= 0;
    if (!rises) {
      const fits = falling.findIndex((end) => end.effectiveMs > effectiveMs);
      index = fits < 0 ? falling.length : fits;
    }
    const ends = rises ? rising : falling;
    const end = ends[index];
    const nth = end ? end.nth + 1 : 0;
    const totals = end ? amounts.map((amount, i) => amount + end.totals[i]!) : amounts;
    const lane = rises ? index : -1 - index;
    this.statements.insert.run(owner, lane, position, effectiveMs, nth, ...amounts.map(String), ...totals.map(String));
    ends[index] = { nth, effectiveMs, totals };
  }

  /** The sums at a moment, one for each amount. */
  sums(owner: number, asOfMs: number, known: Position): bigint[] {
    const { rising, falling } = this.storedLanes(owner);
    const sums = this.amounts.map(() => 0n);
    const accumulate = (row: Record<string, unknown> | undefined, sign: bigint) => {
      if (row) this.totalsOf(row).forEach((total, i) => (sums[i] = (sums[i] ?? 0n) + sign * total));
    };
    const { knownLast, effectiveLast, laterLast } = this.statements;
    for (let lane = -falling; lane < rising; lane += 1) {
      const lastKnown = knownLast.get(owner, lane, known);
      if (!lastKnown) continue;
      if (lane >= 0) {
        accumulate(earlier(lastKnown, effectiveLast.get(owner, lane, asOfMs)), 1n);
      } else {
        accumulate(lastKnown, 1n);
        accumulate(earlier(lastKnown, laterLast.get(owner, lane, asOfMs)), -1n);
      }
    }
    return sums;
  }

  /** The owner's lines effective after `afterMs`, in effective order: reads them all. */
  linesAfter(owner: number, afterMs: number, known: Position): { effectiveMs: number; amounts: bigint[] }[] {
    return this.statements.after.all(owner, afterMs, known).map((row) => ({
      effectiveMs: Number(row['effective']),
      amounts: this.amounts.map((name) => BigInt(row[name] as string)),
    }));
  }

  /** In how many lanes the owner's lines lie. */
  lanesOf(owner: number): number {
    const { rising, falling } = this.storedLanes(owner);
    return rising + falling;
  }

  forget(): void {
    this.ends.clear();
  }

  private endsOf(owner: number): LaneEnds {
    const known = this.ends.get(owner);
    if (known) return known;
    if (this.ends.size >= REMEMBERED_OWNERS) this.ends.clear();
    const ends = this.storedEnds(owner);
    this.ends.set(owner, ends);
    return ends;
  }

  private storedEnds(owner: number): LaneEnds {
    const { rising, falling } = this.storedLanes(owner);
    const endOf = (lane: number): LaneEnd => {
      const row = this.statements.last.get(owner, lane);
      if (!row) throw new Error(`lane ${lane} of ${owner} is empty`);
      return { nth: Number(row['nth']), effectiveMs: Number(row['effective']), totals: this.totalsOf(row) };
    };
    return {
      rising: Array.from({ length: rising }, (_, index) => endOf(index)),
      falling: Array.from({ length: falling }, (_, index) => endOf(-1 - index)),
    };
  }

  /** How many rising and falling lanes the owner's lines lie in. */
  private storedLanes(owner: number): { rising: number; falling: number } {
    const { highest, lowest } = this.statements.range.get({ owner }) as {
      highest: bigint | null;
      lowest: bigint | null;
    };
    return { rising: Number(highest ?? -1n) + 1, falling: -Math.min(0, Number(lowest ?? 0n)) };
  }

  private totalsOf(row: Record<string, unknown>): bigint[] {
    return this.amounts.map((name) => BigInt(row[`${name}_total`] as string));
  }
}

type Row = Record<string, unknown>;

/** Of two lines of a lane the one that came first; undefined when there is no second. */
const earlier = (a: Row, b: Row | undefined): Row | undefined =>
  b && (a['position'] as bigint) <= (b['position'] as bigint) ? a : b;
