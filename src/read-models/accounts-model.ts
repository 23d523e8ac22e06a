import type { Position, Recorded } from '../event-store/event-store.js';
import { movementsOf, type Movement } from '../../projections/credit-balances.js';
import type { AccountEvent, CreditApplied, CreditPart } from '../accounts/domain/events.js';
import { effectiveAtOf } from '../accounts/domain/postings.js';
import { never } from '../kernel/decider.js';
import { epochMs } from '../kernel/instant.js';
import { formatMinor, minorOf } from '../kernel/money.js';
import type { ReadModel, ReadModelDatabase, Statement } from './database.js';
import { type KnownAccount, KnownAccounts } from './known-accounts.js';
import { Lanes } from './lanes.js';
import { RepeatedInstant } from './moment.js';

/** Instants are ms since 1970, amounts are texts; `position` columns say from where in the log on a row counts. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY,
    advertiser_id TEXT NOT NULL,
    marketplace TEXT NOT NULL,
    currency TEXT NOT NULL,
    position INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    UNIQUE (advertiser_id, marketplace)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS account_facts (
    account INTEGER NOT NULL,
    kind TEXT NOT NULL,      -- standing, payment
    effective INTEGER NOT NULL,
    position INTEGER NOT NULL,
    value TEXT NOT NULL,     -- good, suspended; valid, invalid
    PRIMARY KEY (account, kind, effective, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS credits (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    credit_id TEXT NOT NULL,
    promotion_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    applied_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    sweepable_at INTEGER NOT NULL,
    data TEXT NOT NULL,      -- of CreditApplied
    -- Its end, filled in once when it comes; whoever does not know that position yet reads null.
    revoked_position INTEGER,
    revoked_at INTEGER,
    swept_position INTEGER,
    swept_recorded INTEGER,
    UNIQUE (account, credit_id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS credits_by_promotion ON credits (promotion_id, position);
  CREATE INDEX IF NOT EXISTS credits_by_expiry ON credits (account, expires_at);
  CREATE INDEX IF NOT EXISTS credits_unswept ON credits (sweepable_at)
    WHERE swept_position IS NULL AND revoked_position IS NULL;
  CREATE INDEX IF NOT EXISTS credits_ending ON credits (expires_at, id)
    WHERE swept_position IS NULL AND revoked_position IS NULL;
  CREATE TABLE IF NOT EXISTS account_lines (
    account INTEGER NOT NULL,
    effective INTEGER NOT NULL,
    position INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    kind TEXT NOT NULL,
    credit_id TEXT,
    click_id TEXT,
    impressions_id TEXT,
    product TEXT,            -- of a click or impressions
    draws TEXT,              -- of a click or impressions: see drawsIn
    amount TEXT NOT NULL,    -- minor units, signed: what the credit balance gains
    billable TEXT NOT NULL,  -- minor units, signed: what the bill gains
    PRIMARY KEY (account, effective, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS account_reversals ON account_lines (account, click_id) WHERE kind = 'click-reversed'`;

export type LineKind =
  'credit-applied' | 'click' | 'impressions' | 'click-reversed' | 'credit-revoked' | 'credit-expired';

/** Of spend, in plain amounts. */
export interface Draw {
  readonly creditId: string;
  readonly amount: string;
}

/** Whose event it is, and where it stands in the log and in time. */
interface Booking {
  readonly account: KnownAccount;
  readonly position: Position;
  readonly effectiveMs: number;
  readonly recordedMs: number;
}

interface Line {
  readonly kind: LineKind;
  readonly creditId?: string;
  readonly clickId?: string;
  readonly impressionsId?: string;
  readonly product?: string;
  readonly draws?: readonly CreditPart[];
  readonly amountMinor: bigint;
  readonly billableMinor: bigint;
}

/**
 * The accounts, their facts, credits and statement lines. What credits hold and have drawn, and what accounts are
 * billed, are sums over both time axes and lie in lanes. Decisions are in the events; nothing is decided here. A lapse
 * is not stored: at its `expiresAt` a credit loses what it then holds, by what is known, swept or not.
 */
export class AccountsModel implements ReadModel {
  /** By credit: what it holds, and what spend holds of it that is not reversed. */
  readonly credits: Lanes;
  /** By account: what spend, reversals and revocations put on the bill. */
  readonly bills: Lanes;
  /** What of them never changes: others who write look it up here. */
  readonly known: KnownAccounts;
  private readonly recorded = new RepeatedInstant();
  private readonly statements: Record<'open' | 'fact' | 'end' | 'applied' | 'revoke' | 'sweep' | 'line', Statement>;

  constructor(db: ReadModelDatabase) {
    db.create(SCHEMA);
    this.credits = new Lanes(db, 'credit_lanes', ['held', 'drawn']);
    this.bills = new Lanes(db, 'bill_lanes', ['billed']);
    this.known = new KnownAccounts(db);
    this.statements = {
      open: db.prepare(`INSERT INTO accounts (advertiser_id, marketplace, currency, position, opened_at)
        VALUES (?, ?, ?, ?, ?)`),
      fact: db.prepare('INSERT INTO account_facts (account, kind, effective, position, value) VALUES (?, ?, ?, ?, ?)'),
      end: db.prepare('SELECT expires_at AS expiresAt, swept_position AS swept FROM credits WHERE id = ?'),
      applied:
        db.prepare(`INSERT INTO credits (account, credit_id, promotion_id, position, applied_at, expires_at, sweepable_at, data)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`),
      revoke: db.prepare('UPDATE credits SET revoked_position = ?, revoked_at = ? WHERE id = ?'),
      sweep: db.prepare('UPDATE credits SET swept_position = ?, swept_recorded = ? WHERE id = ?'),
      line: db.prepare(`INSERT INTO account_lines
        (account, effective, position, recorded, kind, credit_id, click_id, impressions_id, product,
        draws, amount, billable) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    };
  }

  apply(event: Recorded): void {
    if (!event.stream.startsWith('account-')) return;
    const fact = { type: event.type, data: event.data } as AccountEvent;
    const effectiveMs = epochMs(effectiveAtOf(fact));
    if (fact.type === 'AccountOpened') {
      const { advertiserId, marketplace, currency } = fact.data;
      this.statements.open.run(advertiserId, marketplace, currency, event.position, effectiveMs);
      return;
    }
    const account = this.known.accountOf(event.stream, fact.data);
    const booking: Booking = {
      account,
      position: event.position,
      effectiveMs,
      recordedMs: this.recorded.msOf(event.recordedAt),
    };
    switch (fact.type) {
      case 'AccountStandingChanged':
        return this.state(booking, 'standing', fact.data.standing);
      case 'PaymentMethodChanged':
        return this.state(booking, 'payment', fact.data.valid ? 'valid' : 'invalid');
      case 'CreditApplied':
        return this.applied(booking, fact.data);
      case 'ClickSpent': {
        const { clickId, product, draws } = fact.data;
        return this.book(booking, { kind: 'click', clickId, product, draws, ...this.move(booking, fact) });
      }
      case 'ImpressionsSpent': {
        const { impressionsId, product, draws } = fact.data;
        return this.book(booking, { kind: 'impressions', impressionsId, product, draws, ...this.move(booking, fact) });
      }
      case 'ClickReversed':
        return this.book(booking, { kind: 'click-reversed', clickId: fact.data.clickId, ...this.move(booking, fact) });
      case 'CreditRevoked': {
        const { creditId } = fact.data;
        const { id } = this.known.creditOf(account, creditId);
        this.statements.revoke.run(booking.position, effectiveMs, id);
        // On a credit that has ended it takes what had lapsed already: the lapse is derived and no movement.
        const nothing = { amountMinor: 0n, billableMinor: minorOf(fact.data.clawedBack) };
        const moved = this.hasEnded(id, effectiveMs) ? nothing : this.move(booking, fact);
        return this.book(booking, { kind: 'credit-revoked', creditId, ...moved });
      }
      case 'CreditExpired': {
        const { id } = this.known.creditOf(account, fact.data.creditId);
        this.statements.sweep.run(booking.position, booking.recordedMs, id);
        return;
      }
      default:
        never(fact);
    }
  }

  forget(): void {
    this.credits.forget();
    this.bills.forget();
    this.known.forget();
  }

  private state({ account, effectiveMs, position }: Booking, kind: 'standing' | 'payment', value: string): void {
    this.statements.fact.run(account.id, kind, effectiveMs, position, value);
  }

  private applied(booking: Booking, data: CreditApplied['data']): void {
    const { creditId, promotionId, expiresAt, sweepableAt } = data;
    const amountMinor = minorOf(data.applied);
    const row = this.statements.applied.get(
      booking.account.id,
      creditId,
      promotionId,
      booking.position,
      booking.effectiveMs,
      epochMs(expiresAt),
      epochMs(sweepableAt),
      JSON.stringify(data),
    );
    this.credits.add(Number(row!['id']), booking.effectiveMs, booking.position, [amountMinor, 0n]);
    this.book(booking, { kind: 'credit-applied', creditId, amountMinor, billableMinor: 0n });
  }

  /** Writes down what the event moves, and answers with what it comes to. A lane knows a line by its position. */
  private move({ account, effectiveMs, position }: Booking, event: Parameters<typeof movementsOf>[0]) {
    const { billed, credits } = movementsOf(event);
    let amountMinor = 0n;
    for (const { creditId, held, drawn } of byCredit(credits)) {
      this.credits.add(this.known.creditOf(account, creditId).id, effectiveMs, position, [held, drawn]);
      amountMinor += held;
    }
    return { amountMinor, billableMinor: billed };
  }

  private book({ account, effectiveMs, position, recordedMs }: Booking, line: Line): void {
    this.statements.line.run(
      account.id,
      effectiveMs,
      position,
      recordedMs,
      line.kind,
      line.creditId ?? null,
      line.clickId ?? null,
      line.impressionsId ?? null,
      line.product ?? null,
      line.draws ? drawsColumn(line.draws) : null,
      String(line.amountMinor),
      String(line.billableMinor),
    );
    if (line.billableMinor !== 0n) this.bills.add(account.id, effectiveMs, position, [line.billableMinor]);
  }

  private hasEnded(credit: number, atMs: number): boolean {
    const { expiresAt, swept } = this.statements.end.get(credit)!;
    return swept !== null || atMs >= Number(expiresAt);
  }
}

/** Nearly all spend draws on one credit, which is all that its line has to say: the amount is the line's own. */
function drawsColumn(draws: readonly CreditPart[]): string {
  if (draws.length < 2) return draws[0]?.creditId ?? '';
  return JSON.stringify(draws.map(({ creditId, amount }) => ({ creditId, amount: amount.amount })));
}

/** What spend drew on, from its column. No id begins with a bracket. */
export function drawsIn(column: string, amountMinor: bigint, currency: string): readonly Draw[] {
  if (column === '') return [];
  if (column.startsWith('[')) return JSON.parse(column) as readonly Draw[];
  return [{ creditId: column, amount: formatMinor(-amountMinor, currency) }];
}

/** One movement a credit: a click restored in one part and clawed back in another names it once. */
function byCredit(movements: readonly Movement[]): readonly Movement[] {
  const sums = movements.length < 2 ? movements : summed(movements);
  return sums.filter(({ held, drawn }) => held !== 0n || drawn !== 0n);
}

function summed(movements: readonly Movement[]): readonly Movement[] {
  const sums = new Map<string, Movement>();
  for (const { creditId, held, drawn } of movements) {
    const sum = sums.get(creditId);
    sums.set(creditId, { creditId, held: held + (sum?.held ?? 0n), drawn: drawn + (sum?.drawn ?? 0n) });
  }
  return [...sums.values()];
}
