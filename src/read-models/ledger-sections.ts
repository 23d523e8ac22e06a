import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Position } from '../event-store/event-store.js';
import { epochMs } from '../kernel/instant.js';
import { joined, ENTRY_KINDS, type EntryKind, type SectionGroup } from './books-model.js';
import type { ReadModelDatabase, Statement } from './database.js';
import type { Moment } from './moment.js';

/** So many entries are added up before the event loop gets its turn. */
const SLICE_ENTRIES = 20_000;
/** So many lines of an account are looked up in the sections. */
const SLICE_LINES = 2000;

/** Absent: of every one. */
export interface SectionFilter {
  readonly promotionId?: string;
  readonly marketplace?: string;
  readonly currency?: string;
}

/** A ledger account of all accounts, or the liabilities of a promotion's credits, in a marketplace and currency. */
export interface Section {
  readonly id: bigint;
  readonly group: SectionGroup;
  readonly name: string;
  readonly marketplace: string;
  readonly currency: string;
}

/** The sections of the books, and what their entries add up to. */
export class LedgerSections {
  private readonly statements: Record<
    'named' | 'boundary' | 'sum' | 'promotions' | 'lines' | 'parts' | 'sweeps',
    Statement
  >;

  constructor(db: ReadModelDatabase) {
    // An account's entries in few sections are found by its own lines, one by one.
    const partsOf = (lines: string) =>
      db.prepare(`WITH chosen AS MATERIALIZED (SELECT value AS section FROM json_each(:sections))
        SELECT e.section, sum(e.high) AS high, sum(e.low) AS low
        FROM (${lines}) line CROSS JOIN chosen CROSS JOIN ledger_entries e
          ON e.section = chosen.section AND e.effective = line.effective AND e.position = line.position
        GROUP BY e.section`);
    this.statements = {
      named: db.prepare(`SELECT id, kind AS "group", name, marketplace, currency FROM ledger_sections
        WHERE :name IS NULL OR name = :name`),
      boundary: db.prepare(`SELECT effective FROM ledger_entries
        WHERE section = ? AND effective >= ? AND effective < ? ORDER BY effective LIMIT 1 OFFSET ${SLICE_ENTRIES}`),
      sum: db.prepare(`SELECT kind, sum(high) AS high, sum(low) AS low FROM ledger_entries
        WHERE section = :section AND effective >= :from AND effective < :until AND position <= :known
        GROUP BY kind`),
      promotions: db.prepare('SELECT DISTINCT promotion_id AS promotionId FROM credits WHERE account = ?'),
      lines: db.prepare(`SELECT effective FROM account_lines
        WHERE account = ? AND effective >= ? AND effective < ? ORDER BY effective LIMIT 1 OFFSET ${SLICE_LINES}`),
      parts: partsOf(`SELECT effective, position FROM account_lines
        WHERE account = :account AND effective >= :from AND effective < :until AND position <= :known`),
      // An account's sweeps are in no line.
      sweeps: partsOf(`SELECT expires_at AS effective, swept_position AS position FROM credits
        WHERE account = :account AND expires_at < :until AND swept_position <= :known`),
    };
  }

  /** The sections that match, those of the groups named, in no order; with `name`, those of that name. */
  matching(
    { promotionId, marketplace, currency }: SectionFilter,
    groups: readonly SectionGroup[],
    name: string | null = null,
  ): Section[] {
    return (this.statements.named.all({ name }) as unknown as Section[]).filter(
      (section) =>
        groups.includes(section.group) &&
        (promotionId === undefined || (section.group !== 'clicks' && section.name === promotionId)) &&
        (marketplace === undefined || section.marketplace === marketplace) &&
        (currency === undefined || section.currency === currency),
    );
  }

  /** The sums of a section's entries in [from, until) by kind. */
  async sums(
    section: bigint,
    fromMs: number,
    untilMs: number,
    known: Position,
  ): Promise<ReadonlyMap<EntryKind, bigint>> {
    const sums = new Map<EntryKind, bigint>();
    for await (const { from, until } of slices(this.statements.boundary, section, fromMs, untilMs)) {
      const asked = { section, from, until, known };
      for (const { kind, high, low } of this.statements.sum.all(asked) as unknown as Record<string, bigint>[]) {
        const name = ENTRY_KINDS[Number(kind)]!;
        sums.set(name, joined(high!, low!) + (sums.get(name) ?? 0n));
      }
    }
    return sums;
  }

  /** What a section's entries come to. */
  async total(section: bigint, { asOf, known }: Moment): Promise<bigint> {
    const sums = await this.sums(section, -Infinity, epochMs(asOf) + 1, known);
    return [...sums.values()].reduce((sum, each) => sum + each, 0n);
  }

  /** What an account posted before an instant to some sections of its marketplace, each by itself. Reads its own lines. */
  async partsOf(
    account: bigint,
    sections: readonly Section[],
    untilMs: number,
    known: Position,
  ): Promise<ReadonlyMap<bigint, bigint>> {
    const promotions = new Set(this.statements.promotions.all(account).map(({ promotionId }) => promotionId));
    const ids = sections.filter(({ group, name }) => group === 'clicks' || promotions.has(name)).map(({ id }) => id);
    const sums = new Map<bigint, bigint>();
    if (ids.length === 0) return sums;
    const asked = { account, sections: `[${ids.join(',')}]`, known };
    const add = (parts: unknown) => {
      for (const { section, high, low } of parts as { section: bigint; high: bigint; low: bigint }[]) {
        sums.set(section, joined(high, low) + (sums.get(section) ?? 0n));
      }
    };
    add(this.statements.sweeps.all({ ...asked, until: untilMs }));
    for await (const slice of slices(this.statements.lines, account, -Infinity, untilMs)) {
      add(this.statements.parts.all({ ...asked, ...slice }));
    }
    return sums;
  }
}

/** [from, until) in parts of so many rows as the statement says; the event loop gets its turn behind each. */
async function* slices(boundary: Statement, owner: bigint, fromMs: number, untilMs: number) {
  for (let from = fromMs; from < untilMs; await nextTurn()) {
    const full = boundary.get(owner, from, untilMs)?.['effective'] as bigint | undefined;
    // What shares an instant is added up together, however much it is.
    const until = full === undefined ? untilMs : Math.max(Number(full), from + 1);
    yield { from, until };
    from = until;
  }
}
