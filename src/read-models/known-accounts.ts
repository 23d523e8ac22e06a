import type { ReadModelDatabase, Statement } from './database.js';

/** So many accounts and credits are remembered: all are forgotten when there are more. */
const REMEMBERED = 100_000;

/** What never changes of an account. */
export interface KnownAccount {
  readonly id: number;
  /** By creditId, as they are asked for. */
  readonly credits: Map<string, KnownCredit>;
}

export interface KnownCredit {
  readonly id: number;
  readonly promotionId: string;
}

/** Accounts and credits by the names that events have for them: each is read from its table once. */
export class KnownAccounts {
  /** By stream. */
  private readonly accounts = new Map<string, KnownAccount>();
  private remembered = 0;
  private readonly statements: Record<'account' | 'credit', Statement>;

  /** The model creates the tables. */
  constructor(db: ReadModelDatabase) {
    this.statements = {
      account: db.prepare('SELECT id FROM accounts WHERE advertiser_id = ? AND marketplace = ?'),
      credit: db.prepare('SELECT id, promotion_id AS promotionId FROM credits WHERE account = ? AND credit_id = ?'),
    };
  }

  accountOf(stream: string, key: { readonly advertiserId: string; readonly marketplace: string }): KnownAccount {
    return this.accounts.get(stream) ?? this.storedAccount(stream, key.advertiserId, key.marketplace);
  }

  creditOf(account: KnownAccount, creditId: string): KnownCredit {
    return account.credits.get(creditId) ?? this.storedCredit(account, creditId);
  }

  forget(): void {
    this.accounts.clear();
    this.remembered = 0;
  }

  private storedAccount(stream: string, advertiserId: string, marketplace: string): KnownAccount {
    const row = this.statements.account.get(advertiserId, marketplace);
    if (!row) throw new Error(`no account ${advertiserId} ${marketplace} was opened`);
    const account = { id: Number(row['id']), credits: new Map<string, KnownCredit>() };
    this.countOneMore();
    this.accounts.set(stream, account);
    return account;
  }

  private storedCredit(account: KnownAccount, creditId: string): KnownCredit {
    const row = this.statements.credit.get(account.id, creditId);
    if (!row) throw new Error(`no credit ${creditId} was applied`);
    const credit = { id: Number(row['id']), promotionId: String(row['promotionId']) };
    this.countOneMore();
    account.credits.set(creditId, credit);
    return credit;
  }

  private countOneMore(): void {
    if (this.remembered >= REMEMBERED) this.forget();
    this.remembered += 1;
  }
}
