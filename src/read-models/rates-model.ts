import type { Position, Recorded } from '../event-store/event-store.js';
import type { RateBook, RecordedRate } from '../fx/domain/conversion.js';
import type { FxEvent } from '../fx/domain/events.js';
import { epochMs, instantOf } from '../kernel/instant.js';
import type { ReadModel, ReadModelDatabase, Statement } from './database.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS fx_rates (
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    effective INTEGER NOT NULL,
    position INTEGER NOT NULL,
    rate TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (base, quote, effective, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS fx_bases ON fx_rates (quote, base)`;

/** Rates by pair and effective time: the order in which a conversion looks for them. */
export class RatesModel implements ReadModel {
  private readonly statements: Record<'add' | 'rates' | 'bases', Statement>;

  constructor(db: ReadModelDatabase) {
    db.create(SCHEMA);
    this.statements = {
      add: db.prepare(
        'INSERT INTO fx_rates (base, quote, effective, position, rate, source) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      rates: db.prepare(`SELECT effective, position, rate, source FROM fx_rates
        WHERE base = ? AND quote = ? AND effective <= ? AND position <= ?
        ORDER BY effective DESC, position DESC LIMIT ? OFFSET ?`),
      bases: db.prepare(`SELECT DISTINCT base FROM fx_rates WHERE quote = ?
        INTERSECT SELECT DISTINCT base FROM fx_rates WHERE quote = ? ORDER BY base`),
    };
  }

  apply(event: Recorded): void {
    if (!event.stream.startsWith('fx-')) return;
    const { base, quote, rate, source, effectiveAt } = (event as unknown as FxEvent).data;
    this.statements.add.run(base, quote, epochMs(effectiveAt), event.position, rate, source);
  }

  forget(): void {
    // Nothing is kept outside the table.
  }

  /** The rates recorded up to a position. */
  book(known: Position): RateBook {
    const { rates, bases } = this.statements;
    return {
      *rates(base, quote, at): Generator<RecordedRate> {
        // The first page nearly always has the rate that is wanted.
        for (let offset = 0, size = 4; ; offset += size, size = 256) {
          const rows = rates.all(base, quote, epochMs(at), known, size, offset);
          for (const row of rows) {
            yield {
              base,
              quote,
              rate: String(row['rate']),
              source: String(row['source']),
              effectiveAt: instantOf(Number(row['effective'])),
              position: row['position'] as bigint,
            };
          }
          if (rows.length < size) return;
        }
      },
      commonBases: (quote, other) => bases.all(quote, other).map(({ base }) => String(base)),
    };
  }
}
