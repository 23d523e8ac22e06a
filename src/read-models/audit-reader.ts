import type { Position } from '../event-store/event-store.js';
import { epochMs, instantOf, type Instant } from '../kernel/instant.js';
import type { SpendKind } from '../promotions/domain/terms.js';
import type { AccountKey } from './accounts-queries.js';
import type { AccountsReader } from './accounts-reader.js';
import type { ReadModelDatabase, Statement } from './database.js';
import { instantIn, type Moment } from './moment.js';
import { LAPSE_COLUMNS, LINE_COLUMNS, lineOf, type LineRow, type StatementLine } from './statement.js';

/** So many lines are read at a time: no statement stays open while others write. */
const CHUNK = 500;
/** So many lines of an account are looked at to find that something happened to it lately. */
const LATEST_LINES = 200;
const LAST_POSITION = 2n ** 63n - 1n;

/** A credit that was to be swept and is not. */
export interface UnsweptCredit extends AccountKey {
  readonly creditId: string;
  readonly sweepableAt: Instant;
}

/** What a click, or some impressions, put on the bill and was not reversed. */
export interface BilledSpend {
  readonly at: Instant;
  readonly position: Position;
  readonly kind: SpendKind;
  readonly product: string;
  readonly billedMinor: bigint;
  /** Of impressions. */
  readonly impressionsId: string | null;
}

/** What an account's statement tells, its balance after each line apart. */
export type AccountLine = Omit<StatementLine, 'balance'>;

/** What closing a period, comparing two moments and the report of the gap ask of the accounts' tables. */
export class AuditReader {
  private readonly statements: Record<
    'account' | 'opening' | 'unswept' | 'line' | 'opened' | 'latest' | 'lapses' | 'billed',
    Statement
  >;

  constructor(
    db: ReadModelDatabase,
    private readonly reader: AccountsReader,
  ) {
    this.statements = {
      account: db.prepare(`SELECT id, currency FROM accounts
        WHERE advertiser_id = ? AND marketplace = ? AND position <= ?`),
      opening: db.prepare('SELECT min(opened_at) AS openedAt FROM accounts WHERE position <= ?'),
      unswept: db.prepare(`SELECT c.credit_id AS creditId, c.sweepable_at AS sweepableAt,
          a.advertiser_id AS advertiserId, a.marketplace
        FROM credits c CROSS JOIN accounts a ON a.id = c.account
        WHERE c.sweepable_at < :before AND c.position <= :known
          AND coalesce(c.swept_position > :known, 1) AND coalesce(c.revoked_position > :known, 1)
        ORDER BY c.sweepable_at, c.id LIMIT :limit`),
      line: db.prepare(`SELECT ${LINE_COLUMNS} FROM account_lines
        WHERE account = ? AND effective = ? AND position = ?`),
      opened: db.prepare(`SELECT 1 FROM accounts
        WHERE advertiser_id = ? AND marketplace = ? AND position > ? AND position <= ?`),
      latest: db.prepare(`SELECT max(position > :after AND position <= :known) AS changed FROM (
        SELECT position FROM account_lines WHERE account = :account AND effective <= :asOf
        ORDER BY effective DESC, position DESC LIMIT ${LATEST_LINES})`),
      lapses: db.prepare(`SELECT ${LAPSE_COLUMNS} FROM credits
        WHERE account = :account AND expires_at <= :until AND position <= :known`),
      billed: db.prepare(`SELECT effective, position, kind, product, billable, impressions_id AS impressionsId
        FROM account_lines line
        WHERE account = :account AND (effective, position) > (:effective, :position) AND effective < :until
          AND position <= :known AND kind IN ('click', 'impressions') AND billable <> '0'
          AND NOT EXISTS (SELECT 1 FROM account_lines reversal
            WHERE reversal.kind = 'click-reversed' AND reversal.account = line.account
              AND reversal.click_id = line.click_id
              AND reversal.effective <= :asOf AND reversal.position <= :known)
        ORDER BY effective, position LIMIT ${CHUNK}`),
    };
  }

  /** The earliest fact of any account: nothing happens in one before it is open. Null: none is known. */
  earliestFactAt(known: Position): Instant | null {
    return instantIn(this.statements.opening.get(known)?.['openedAt']);
  }

  /** Credits that could be swept before an instant and had not been, nor revoked, by what is known; the oldest first. */
  unswept(before: Instant, known: Position, limit: number): readonly UnsweptCredit[] {
    return this.statements.unswept.all({ before: epochMs(before), known, limit }).map((row) => ({
      advertiserId: String(row['advertiserId']),
      marketplace: String(row['marketplace']),
      creditId: String(row['creditId']),
      sweepableAt: instantOf(Number(row['sweepableAt'])),
    }));
  }

  /** The account's line that an event made; undefined when it made none. */
  lineAt(key: AccountKey, effectiveAt: Instant, position: Position): AccountLine | undefined {
    const account = this.accountOf(key, position);
    const row = account && this.statements.line.get(account.id, epochMs(effectiveAt), position);
    return row && lineShown(row as unknown as LineRow, null, account.currency);
  }

  /**
   * Whether the account was opened after a position and by the moment, or had a line then: only those of the latest effect
   * are looked at, so false says nothing.
   */
  hasChangedLately({ advertiserId, marketplace }: AccountKey, after: Position, { asOf, known }: Moment): boolean {
    if (this.statements.opened.get(advertiserId, marketplace, after, known)) return true;
    const account = this.accountOf({ advertiserId, marketplace }, known);
    if (!account) return false;
    const row = this.statements.latest.get({ account: account.id, after, known, asOf: epochMs(asOf) });
    return row?.['changed'] === 1n;
  }

  /** The lines of credits that lapsed by the moment with something left, by creditId. */
  lapsesBy(key: AccountKey, { asOf, known }: Moment): ReadonlyMap<string, AccountLine> {
    const account = this.accountOf(key, known);
    const rows = account ? this.statements.lapses.all({ account: account.id, until: epochMs(asOf), known }) : [];
    const lapses = new Map<string, AccountLine>();
    for (const row of rows as unknown as LineRow[]) {
      const { held } = this.reader.creditSums(Number(row.lapsing), Number(row.effective) - 1, known);
      if (held !== 0n) lapses.set(row.creditId!, lineShown(row, -held, account!.currency));
    }
    return lapses;
  }

  /** What was billed for spend in [from, until) and is not reversed at the moment, in effective order, in chunks. */
  *billedBetween(key: AccountKey, from: Instant, until: Instant, { asOf, known }: Moment): Generator<BilledSpend[]> {
    const account = this.accountOf(key, known);
    if (!account) return;
    const asked = { account: account.id, until: epochMs(until), known, asOf: epochMs(asOf) };
    let after = { effective: epochMs(from) - 1, position: LAST_POSITION };
    for (;;) {
      const spend = this.statements.billed.all({ ...asked, ...after }).map(spendOf);
      yield spend;
      const last = spend.at(-1);
      if (!last || spend.length < CHUNK) return;
      after = { effective: epochMs(last.at), position: last.position };
    }
  }

  private accountOf({ advertiserId, marketplace }: AccountKey, known: Position) {
    const row = this.statements.account.get(advertiserId, marketplace, known);
    return row && { id: Number(row['id']), currency: String(row['currency']) };
  }
}

function lineShown(row: LineRow, lapsedMinor: bigint | null, currency: string): AccountLine {
  const { balance: _, ...line } = lineOf(row, lapsedMinor ?? BigInt(row.amount), 0n, currency);
  return line;
}

const spendOf = (row: Record<string, unknown>): BilledSpend => ({
  at: instantOf(Number(row['effective'])),
  position: row['position'] as bigint,
  kind: row['kind'] === 'click' ? 'clicks' : 'impressions',
  product: String(row['product']),
  billedMinor: BigInt(row['billable'] as string),
  impressionsId: row['impressionsId'] as string | null,
});
