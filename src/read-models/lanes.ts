import type { Position } from '../event-store/event-store.js';
import type { ReadModelDatabase, Statement } from './database.js';

/** Owners whose lane ends are remembered; the others are read again when they move. */
const REMEMBERED_OWNERS = 20_000;
/** From here on a late line goes to a falling lane, so that even a history told backwards stays in a few lanes. */
const RISING_LANES = 16;

/** The last line of a lane. */
interface LaneEnd {
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
        ${[...amounts, ...totals].map((name) => `${name} TEXT NOT NULL,`).join('\n        ')}
        PRIMARY KEY (owner, lane, position)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS ${table}_by_effective ON ${table} (owner, lane, effective)`);
    const lineOf = (condition: string) =>
      db.prepare(`SELECT position, effective, ${totals.join(', ')} FROM ${table} WHERE owner = ? AND lane = ?
        ${condition} LIMIT 1`);
    this.statements = {
      insert: db.prepare(`INSERT INTO ${table} (owner, lane, position, effective, ${[...amounts, ...totals].join(', ')})
        VALUES (?, ?, ?, ?${', ?, ?'.repeat(amounts.length)})`),
      range: db.prepare(`SELECT (SELECT max(lane) FROM ${table} WHERE owner = :owner) AS highest,
        (SELECT min(lane) FROM ${table} WHERE owner = :owner) AS lowest`),
      last: lineOf('ORDER BY position DESC'),
      knownLast: lineOf('AND position <= ? ORDER BY position DESC'),
      effectiveLast: lineOf('AND effective <= ? ORDER BY effective DESC, position DESC'),
      laterLast: lineOf('AND effective > ? ORDER BY effective'),
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
    const totals = amounts.map((amount, i) => amount + (ends[index]?.totals[i] ?? 0n));
    const lane = rises ? index : -1 - index;
    this.statements.insert.run(owner, lane, position, effectiveMs, ...amounts.map(String), ...totals.map(String));
    ends[index] = { effectiveMs, totals };
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

  /** Least recently used out first: a Map keeps its keys in the order in which they were put in. */
  private endsOf(owner: number): LaneEnds {
    const ends = this.ends.get(owner) ?? this.storedEnds(owner);
    this.ends.delete(owner);
    this.ends.set(owner, ends);
    if (this.ends.size > REMEMBERED_OWNERS) this.ends.delete(this.ends.keys().next().value as number);
    return ends;
  }

  private storedEnds(owner: number): LaneEnds {
    const { rising, falling } = this.storedLanes(owner);
    const endOf = (lane: number): LaneEnd => {
      const row = this.statements.last.get(owner, lane);
      if (!row) throw new Error(`lane ${lane} of ${owner} is empty`);
      return { effectiveMs: Number(row['effective']), totals: this.totalsOf(row) };
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
