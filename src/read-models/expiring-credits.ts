import type { Position } from '../event-store/event-store.js';
import type { AccountsReader } from './accounts-reader.js';
import type { ReadModelDatabase, Statement } from './database.js';

const CHUNK = 200;

/** Credits that will lapse with something left, by an index over when they end: never a scan of all there are. */
export class ExpiringCredits {
  private readonly ending: Statement;

  constructor(
    db: ReadModelDatabase,
    private readonly reader: AccountsReader,
  ) {
    this.ending = db.prepare(`SELECT c.id, c.expires_at AS expiresAt, a.currency
      FROM credits c CROSS JOIN accounts a ON a.id = c.account
      WHERE c.swept_position IS NULL AND c.revoked_position IS NULL
        AND (c.expires_at, c.id) > (?, ?) AND c.expires_at <= ? AND c.applied_at <= ? AND c.position <= ?
      ORDER BY c.expires_at, c.id LIMIT ${CHUNK}`);
  }

  /**
   * What each of them holds now, in minor units, of those that end in (`nowMs`, `untilMs`], the soonest first; in chunks,
   * between which others may work.
   */
  *within(
    nowMs: number,
    untilMs: number,
    known: Position,
  ): Generator<readonly { readonly currency: string; readonly heldMinor: bigint }[]> {
    for (let last = { expiresAt: BigInt(nowMs), id: 2n ** 62n }; ;) {
      const rows = this.ending.all(last.expiresAt, last.id, untilMs, nowMs, known) as unknown as Row[];
      yield rows.map(({ id, currency }) => {
        return { currency, heldMinor: this.reader.creditSums(Number(id), nowMs, known).held };
      });
      if (rows.length < CHUNK) return;
      last = rows[CHUNK - 1]!;
    }
  }
}

interface Row {
  readonly id: bigint;
  readonly expiresAt: bigint;
  readonly currency: string;
}
