import type { Position } from '../event-store/event-store.js';
import { epochMs, type Instant, instantOf, parseInstant } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import { type Draw, drawsIn, type LineKind } from './accounts-model.js';
import type { AccountsReader } from './accounts-reader.js';
import { badCursor, cursorAfter, isPosition, openCursor, type Page, type Paging } from './cursors.js';
import type { ReadModelDatabase, Statement } from './database.js';
import type { Moment } from './moment.js';

export interface StatementLine {
  readonly effectiveAt: Instant;
  /** Null, as is the position, for the lapse of a credit that is not swept. */
  readonly recordedAt: Instant | null;
  readonly position: string | null;
  readonly kind: LineKind;
  readonly creditId?: string;
  readonly clickId?: string;
  readonly impressionsId?: string;
  readonly draws?: readonly Draw[];
  /** Plain amounts in the account's currency: the changes of the credit balance and of the bill, and the balance after. */
  readonly amount: string;
  readonly billable: string;
  readonly balance: string;
}

export interface Period {
  readonly from?: Instant;
  /** Exclusive. */
  readonly to?: Instant;
}

/** Where the lapse of an unswept credit stands among the lines of its instant: after every position. */
const LAST = 2n ** 63n - 1n;

/** What `lineOf` reads of the table of lines. */
export const LINE_COLUMNS = `effective, position AS place, NULL AS lapsing, recorded, kind, credit_id AS creditId,
  click_id AS clickId, impressions_id AS impressionsId, draws, amount, billable`;
/** The same of the table of credits: the line at a credit's end. */
export const LAPSE_COLUMNS = `expires_at AS effective, iif(swept_position <= :known, swept_position, ${LAST}) AS place,
  id AS lapsing, iif(swept_position <= :known, swept_recorded, NULL) AS recorded, 'credit-expired' AS kind,
  credit_id AS creditId, NULL AS clickId, NULL AS impressionsId, NULL AS draws, '0' AS amount, '0' AS billable`;

export interface LineRow {
  readonly effective: bigint;
  readonly place: bigint;
  /** The lapsing credit of a line that is derived; null when the line is stored. */
  readonly lapsing: bigint | null;
  readonly recorded: bigint | null;
  readonly kind: LineKind;
  readonly creditId: string | null;
  readonly clickId: string | null;
  readonly impressionsId: string | null;
  readonly draws: string | null;
  readonly amount: string;
  readonly billable: string;
}

/** The lines of one account in effective order, ties by position. */
export class Statements {
  private readonly lines: Statement;

  constructor(
    db: ReadModelDatabase,
    private readonly reader: AccountsReader,
  ) {
    // Both halves come in this order by an index, so SQLite merges them and reads no further than the page.
    this.lines = db.prepare(`
      SELECT ${LINE_COLUMNS} FROM account_lines
      WHERE account = :account AND effective >= :from AND effective < :until AND position <= :known
      UNION ALL
      SELECT ${LAPSE_COLUMNS} FROM credits
      WHERE account = :account AND expires_at >= :from AND expires_at < :until AND position <= :known
      ORDER BY effective, place, creditId`);
  }

  /** Lines effective in the period and by `asOf`. */
  statement(
    asked: Moment,
    advertiserId: string,
    marketplace: string,
    period: Period,
    paging: Paging,
  ): Page<StatementLine> | Refusal {
    const list = `statement ${advertiserId} ${marketplace}`;
    const opened = openCursor(list, asked, paging.cursor);
    if (isRefusal(opened)) return opened;
    const { moment } = opened;
    const place = opened.place && placeOf(opened.place);
    if (opened.place && !place) return badCursor();
    const account = this.reader.account(advertiserId, marketplace, moment.known);
    if (isRefusal(account)) return account;

    const items: StatementLine[] = [];
    let next: string | null = null;
    let last: LineRow | undefined;
    const fromMs = place?.effectiveMs ?? (period.from === undefined ? -Infinity : epochMs(period.from));
    const untilMs = Math.min(period.to === undefined ? Infinity : epochMs(period.to), epochMs(moment.asOf) + 1);
    // A page begins with the whole instant of its place: the balance is known at the instant before.
    let balance = this.reader.available(account.id, fromMs - 1, moment.known);
    for (const row of this.rows(account.id, fromMs, untilMs, moment.known)) {
      const amountMinor = row.lapsing === null ? BigInt(row.amount) : -this.lapseOf(row, moment.known);
      if (row.lapsing !== null && amountMinor === 0n) continue;
      balance += amountMinor;
      if (place && !isAfter(row, place)) continue;
      if (last && items.length === paging.limit) {
        next = cursorAfter(list, moment, textsOf(last));
        break;
      }
      items.push(lineOf(row, amountMinor, balance, account.currency));
      last = row;
    }
    return { items, next, moment };
  }

  private rows(account: number, from: number, until: number, known: Position): Iterable<LineRow> {
    return this.lines.iterate({ account, from, until, known }) as unknown as Iterable<LineRow>;
  }

  /** What the credit holds when it ends, by what is known. */
  private lapseOf({ lapsing, effective }: LineRow, known: Position): bigint {
    return this.reader.creditSums(Number(lapsing), Number(effective) - 1, known).held;
  }
}

export function lineOf(row: LineRow, amountMinor: bigint, balance: bigint, currency: string): StatementLine {
  return {
    effectiveAt: instantOf(Number(row.effective)),
    recordedAt: row.recorded === null ? null : instantOf(Number(row.recorded)),
    position: row.place === LAST ? null : String(row.place),
    kind: row.kind,
    ...(row.creditId === null ? {} : { creditId: row.creditId }),
    ...(row.clickId === null ? {} : { clickId: row.clickId }),
    ...(row.impressionsId === null ? {} : { impressionsId: row.impressionsId }),
    ...(row.draws === null ? {} : { draws: drawsIn(row.draws, amountMinor, currency) }),
    amount: formatMinor(amountMinor, currency),
    billable: formatMinor(BigInt(row.billable), currency),
    balance: formatMinor(balance, currency),
  };
}

/** A line's place in the order. */
interface Place {
  readonly effectiveMs: number;
  readonly position: bigint;
  readonly creditId: string;
}

const textsOf = ({ effective, place, creditId }: LineRow): string[] => [
  instantOf(Number(effective)),
  place === LAST ? '' : String(place),
  creditId ?? '',
];

function placeOf([at = '', position = '', creditId, ...rest]: readonly string[]): Place | undefined {
  const instant = parseInstant(at);
  if (!instant || creditId === undefined || rest.length > 0 || (position !== '' && !isPosition(position)))
    return undefined;
  return { effectiveMs: epochMs(instant), position: position === '' ? LAST : BigInt(position), creditId };
}

function isAfter({ effective, place, creditId }: LineRow, after: Place): boolean {
  const effectiveMs = Number(effective);
  if (effectiveMs !== after.effectiveMs) return effectiveMs > after.effectiveMs;
  if (place !== after.position) return place > after.position;
  return (creditId ?? '') > after.creditId;
}
