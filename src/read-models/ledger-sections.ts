import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Position } from '../event-store/event-store.js';
import { joined, ENTRY_KINDS, type EntryKind, type SectionGroup } from './books-model.js';
import type { ReadModelDatabase, Statement } from './database.js';

/** So many entries are added up before the event loop gets its turn. */
const SLICE_ENTRIES = 20_000;

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
  private readonly statements: Record<'all' | 'boundary' | 'sum', Statement>;

  constructor(db: ReadModelDatabase) {
    this.statements = {
      all: db.prepare('SELECT id, kind AS "group", name, marketplace, currency FROM ledger_sections'),
      boundary: db.prepare(`SELECT effective FROM ledger_entries
        WHERE section = ? AND effective >= ? AND effective < ? ORDER BY effective LIMIT 1 OFFSET ${SLICE_ENTRIES}`),
      sum: db.prepare(`SELECT kind, sum(high) AS high, sum(low) AS low FROM ledger_entries
        WHERE section = :section AND effective >= :from AND effective < :until AND position <= :known
          AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
        GROUP BY kind`),
    };
  }

  /** The sections that match, those of the groups named, in no order. */
  matching({ promotionId, marketplace, currency }: SectionFilter, groups: readonly SectionGroup[]): Section[] {
    return (this.statements.all.all() as unknown as Section[]).filter(
      (section) =>
        groups.includes(section.group) &&
        (promotionId === undefined || (section.group !== 'clicks' && section.name === promotionId)) &&
        (marketplace === undefined || section.marketplace === marketplace) &&
        (currency === undefined || section.currency === currency),
    );
  }

  /** The sums of a section's entries in [from, until) by kind; of some accounts only when these are named. */
  async sums(
    section: bigint,
    fromMs: number,
    untilMs: number,
    known: Position,
    accounts: readonly bigint[] | null = null,
  ): Promise<ReadonlyMap<EntryKind, bigint>> {
    const sums = new Map<EntryKind, bigint>();
    for (let from = fromMs; from < untilMs; await nextTurn()) {
      const full = this.statements.boundary.get(section, from, untilMs)?.['effective'] as bigint | undefined;
      // What shares an instant is added up together, however much it is.
      const until = full === undefined ? untilMs : Math.max(Number(full), from + 1);
      const asked = { section, from, until, known, accounts: accounts && `[${accounts.join(',')}]` };
      for (const { kind, high, low } of this.statements.sum.all(asked) as unknown as Record<string, bigint>[]) {
        const name = ENTRY_KINDS[Number(kind)]!;
        sums.set(name, joined(high!, low!) + (sums.get(name) ?? 0n));
      }
      from = until;
    }
    return sums;
  }
}
