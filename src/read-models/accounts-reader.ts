import type { CreditApplied } from '../accounts/domain/events.js';
import type { Position } from '../event-store/event-store.js';
import { epochMs, instantOf, type Instant } from '../kernel/instant.js';
import { refuse, type Refusal } from '../kernel/refusal.js';
import type { AccountsModel } from './accounts-model.js';
import type { ReadModelDatabase, Statement } from './database.js';
import type { Moment } from './moment.js';

export type Standing = 'good' | 'suspended';

export interface AccountRow {
  readonly id: number;
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly currency: string;
  readonly openedAt: Instant;
}

/** A credit as it was known: its end is null until it is recorded. */
export interface CreditRow {
  readonly id: number;
  readonly position: Position;
  readonly data: CreditApplied['data'];
  /** Effective. */
  readonly revokedAt: Instant | null;
  readonly swept: boolean;
}

/** Reads the accounts' tables at a moment. Amounts are minor units of the account's currency. */
export class AccountsReader {
  private readonly statements: Record<'account' | 'fact' | 'credits' | 'live', Statement>;

  constructor(
    db: ReadModelDatabase,
    private readonly model: AccountsModel,
  ) {
    this.statements = {
      account: db.prepare(`SELECT id, currency, opened_at AS openedAt FROM accounts
        WHERE advertiser_id = ? AND marketplace = ? AND position <= ?`),
      fact: db.prepare(`SELECT value FROM account_facts
        WHERE account = ? AND kind = ? AND effective <= ? AND position <= ?
        ORDER BY effective DESC, position DESC LIMIT 1`),
      credits: db.prepare(`SELECT id, position, data,
          iif(revoked_position <= :known, revoked_at, NULL) AS revokedAt,
          coalesce(swept_position <= :known, 0) AS swept
        FROM credits WHERE account = :account AND applied_at <= :appliedBy AND position <= :known
        ORDER BY applied_at, credit_id`),
      live: db.prepare(`SELECT id FROM credits
        WHERE account = ? AND expires_at > ? AND applied_at <= ? AND position <= ?`),
    };
  }

  /** The account if its opening is known, be it not open yet. */
  account(advertiserId: string, marketplace: string, known: Position): AccountRow | Refusal {
    const row = this.statements.account.get(advertiserId, marketplace, known);
    if (!row) return refuse('unknown-account', 'There is no such account.');
    const { id, currency, openedAt } = row as { id: bigint; currency: string; openedAt: bigint };
    return { id: Number(id), advertiserId, marketplace, currency, openedAt: instantOf(Number(openedAt)) };
  }

  /** Good until a fact says otherwise. */
  standing(account: number, moment: Moment): Standing {
    return (this.fact(account, 'standing', moment) ?? 'good') as Standing;
  }

  /** No payment method is valid until a fact says so. */
  paymentValid(account: number, moment: Moment): boolean {
    return this.fact(account, 'payment', moment) === 'valid';
  }

  /** Credits known, applied by then, in the order in which balances list them: appliedAt, creditId. */
  credits(account: number, known: Position, appliedByMs = Infinity): CreditRow[] {
    return this.statements.credits.all({ account, known, appliedBy: appliedByMs }).map((row) => {
      const { id, position, data, revokedAt, swept } = row as {
        id: bigint;
        position: bigint;
        data: string;
        revokedAt: bigint | null;
        swept: bigint;
      };
      return {
        id: Number(id),
        position,
        data: JSON.parse(data) as CreditApplied['data'],
        revokedAt: revokedAt === null ? null : instantOf(Number(revokedAt)),
        swept: swept === 1n,
      };
    });
  }

  /** What the credit's movements come to: what it holds, its expiry left aside, and what unreversed clicks hold of it. */
  creditSums(credit: number, asOfMs: number, known: Position): { held: bigint; drawn: bigint } {
    const [held = 0n, drawn = 0n] = this.model.credits.sums(credit, asOfMs, known);
    return { held, drawn };
  }

  /** The least the credit holds at any instant from `atMs` on. */
  leastHeld(credit: number, atMs: number, known: Position): bigint {
    let { held } = this.creditSums(credit, atMs, known);
    let least = held;
    const lines = this.model.credits.linesAfter(credit, atMs, known);
    lines.forEach(({ effectiveMs, amounts: [moved = 0n] }, index) => {
      held += moved;
      // Movements of one instant count together.
      if (lines[index + 1]?.effectiveMs !== effectiveMs && held < least) least = held;
    });
    return least;
  }

  /** What all live credits hold. */
  available(account: number, asOfMs: number, known: Position): bigint {
    return this.statements.live
      .all(account, asOfMs, asOfMs, known)
      .reduce((sum, { id }) => sum + this.creditSums(Number(id), asOfMs, known).held, 0n);
  }

  billed(account: number, asOfMs: number, known: Position): bigint {
    return this.model.bills.sums(account, asOfMs, known)[0] ?? 0n;
  }

  private fact(account: number, kind: string, { asOf, known }: Moment): unknown {
    return this.statements.fact.get(account, kind, epochMs(asOf), known)?.['value'];
  }
}
