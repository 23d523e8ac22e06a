import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  breakageAccount,
  clicksAccount,
  creditAccount,
  grantsAccount,
  ledgerAccountName,
  receivableAccount,
  revokedAccount,
  type LedgerAccount,
} from '../accounts/domain/postings.js';
import type { CreditApplied } from '../accounts/domain/events.js';
import type { Position } from '../event-store/event-store.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import { epochMs } from '../kernel/instant.js';
import { minorOf, type Money, moneyOf } from '../kernel/money.js';
import type { AccountsReader } from './accounts-reader.js';
import { ACCOUNT_NAME } from './books-model.js';
import { LedgerSections, type Section, type SectionFilter } from './ledger-sections.js';
import type { ReadModelDatabase, Statement } from './database.js';
import type { Moment } from './moment.js';

/** So many accounts or credits are looked at before the event loop gets its turn. */
const SLICE_ROWS = 200;

/** What ledger accounts are asked for: those that have entries of these. */
export interface BooksFilter extends SectionFilter {
  readonly advertiserId?: string;
  /** The name of a ledger account or its beginning, by whole levels. */
  readonly account?: string;
  /** Only credits that have ended and are neither swept nor revoked. */
  readonly lapsed?: boolean;
}

/** What a ledger account holds in a currency: what was posted to it there. */
export interface LedgerBalance {
  readonly levels: LedgerAccount;
  readonly name: string;
  readonly currency: string;
  readonly balanceMinor: bigint;
  /** Of a credit granted in another currency: what was posted of it, and what that cost. */
  readonly converted?: { readonly posted: Money; readonly cost: Money };
}

/** A place in the list of ledger accounts: pages go on behind it. */
export interface BalancePlace {
  readonly name: string;
  readonly currency: string;
}

interface CreditEntry {
  readonly id: bigint;
  readonly creditId: string;
  readonly promotionId: string;
  readonly expiresAt: bigint;
  readonly swept: bigint;
  readonly revokedAt: bigint | null;
  readonly data: string;
}

interface AccountEntry {
  readonly id: bigint;
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly currency: string;
  readonly name: string;
}

/** Whether a name is `prefix` or begins with its levels. */
export const isWithin = (name: string, prefix: string): boolean => name === prefix || name.startsWith(`${prefix}:`);

/** What ledger accounts hold at a moment, from the read models' tables. Long work is done in slices. */
export class BooksQueries {
  readonly sections: LedgerSections;
  private readonly statements: Record<'accounts' | 'ofAdvertiser' | 'credits' | 'ofPromotion', Statement>;

  constructor(
    db: ReadModelDatabase,
    private readonly reader: AccountsReader,
  ) {
    this.sections = new LedgerSections(db);
    this.statements = {
      accounts: db.prepare(`SELECT id, advertiser_id AS advertiserId, marketplace, currency, ${ACCOUNT_NAME} AS name
        FROM accounts WHERE ${ACCOUNT_NAME} >= ? AND position <= ? ORDER BY ${ACCOUNT_NAME} LIMIT ${SLICE_ROWS}`),
      ofAdvertiser: db.prepare('SELECT id, marketplace FROM accounts WHERE advertiser_id = ? AND position <= ?'),
      credits: db.prepare(`SELECT id, credit_id AS creditId, promotion_id AS promotionId, expires_at AS expiresAt,
          coalesce(swept_position <= :known, 0) AS swept, iif(revoked_position <= :known, revoked_at, NULL) AS revokedAt,
          data
        FROM credits WHERE account = :account AND applied_at <= :asOf AND position <= :known`),
      ofPromotion: db.prepare(`SELECT c.id, c.position, c.credit_id AS creditId, c.expires_at AS expiresAt,
          coalesce(c.swept_position <= :known, 0) AS swept, iif(c.revoked_position <= :known, c.revoked_at, NULL) AS revokedAt
        FROM credits c CROSS JOIN accounts a ON a.id = c.account
        WHERE c.promotion_id = :promotionId AND c.position > :after AND c.position <= :known
          AND c.applied_at <= :asOf AND c.expires_at <= :asOf AND a.marketplace = :marketplace AND a.currency = :currency
        ORDER BY c.position LIMIT ${SLICE_ROWS}`),
    };
  }

  /**
   * Every ledger account with a balance or with a credit converted from another currency, by name, then currency: behind
   * a place when one is given. A posting of another currency than its account's others is in a line of its own.
   */
  async *balances(moment: Moment, filter: BooksFilter = {}, after?: BalancePlace): AsyncGenerator<LedgerBalance> {
    const isBehind = ({ name, currency }: LedgerBalance) =>
      !after || name > after.name || (name === after.name && currency > after.currency);
    const isAsked = (line: LedgerBalance) =>
      (filter.account === undefined || isWithin(line.name, filter.account)) &&
      (filter.currency === undefined || filter.currency === line.currency);
    for (const lines of [
      this.perAccount('assets:receivable', moment, filter, after, (account) =>
        this.receivable(account, moment, filter),
      ),
      this.shared(moment, filter, after),
      this.perAccount('liabilities:credits', moment, filter, after, (account) => this.credits(account, moment, filter)),
    ]) {
      for await (const line of lines) if (isBehind(line) && isAsked(line)) yield line;
    }
  }

  /** What credits of a promotion had not been swept or revoked by then, though they had ended. */
  async lapsed(moment: Moment, promotionId: string, marketplace: string, currency: string): Promise<bigint> {
    const asOf = epochMs(moment.asOf);
    let sum = 0n;
    for (let after = 0n; ; await nextTurn()) {
      const asked = { promotionId, marketplace, currency, after, known: moment.known, asOf };
      const rows = this.statements.ofPromotion.all(asked) as unknown as (CreditEntry & { position: bigint })[];
      for (const credit of rows) sum += this.unswept(credit, moment);
      if (rows.length < SLICE_ROWS) return sum;
      after = rows[SLICE_ROWS - 1]!.position;
    }
  }

  /** What the books owe on a credit: all that it holds until its sweep, effective at its end, or its revocation. */
  private unswept(credit: Pick<CreditEntry, 'id' | 'swept' | 'expiresAt' | 'revokedAt'>, moment: Moment): bigint {
    const asOfMs = epochMs(moment.asOf);
    if (credit.revokedAt !== null && Number(credit.revokedAt) <= asOfMs) return 0n;
    if (credit.swept === 1n && Number(credit.expiresAt) <= asOfMs) return 0n;
    return this.reader.creditSums(Number(credit.id), asOfMs, moment.known).held;
  }

  private receivable(
    account: AccountEntry,
    { asOf, known }: Moment,
    { promotionId, lapsed = false }: BooksFilter,
  ): LedgerBalance[] {
    if (promotionId !== undefined || lapsed) return [];
    const balanceMinor = this.reader.billed(Number(account.id), epochMs(asOf), known);
    const levels = receivableAccount(account.advertiserId, account.marketplace);
    return balanceMinor === 0n ? [] : [lineOf(levels, account.currency, balanceMinor)];
  }

  private credits(
    account: AccountEntry,
    moment: Moment,
    { promotionId, lapsed = false }: BooksFilter,
  ): LedgerBalance[] {
    const { id, advertiserId, marketplace, currency } = account;
    const asked = { account: id, known: moment.known, asOf: epochMs(moment.asOf) };
    return (this.statements.credits.all(asked) as unknown as CreditEntry[])
      .filter((credit) => promotionId === undefined || credit.promotionId === promotionId)
      .filter(({ expiresAt }) => !lapsed || Number(expiresAt) <= asked.asOf)
      .map((credit) => {
        const levels = creditAccount(advertiserId, marketplace, credit.creditId);
        return { ...lineOf(levels, currency, -this.unswept(credit, moment)), ...conversionOf(credit.data) };
      })
      .filter(({ balanceMinor, converted }) => balanceMinor !== 0n || converted !== undefined)
      .sort((a, b) => byCodeUnit(a.name, b.name));
  }

  /** The lines of account after account, in the order of their names. */
  private async *perAccount(
    root: string,
    { known }: Moment,
    { advertiserId, marketplace, account: prefix = root }: BooksFilter,
    after: BalancePlace | undefined,
    linesOf: (account: AccountEntry) => readonly LedgerBalance[],
  ): AsyncGenerator<LedgerBalance> {
    if (!isWithin(prefix, root) && !isWithin(root, prefix)) return;
    const end = `${root};`; // behind all that begin with `root:`
    if (after && after.name >= end) return;
    // The account of the place may have more lines.
    let from = after && isWithin(after.name, root) ? after.name.split(':').slice(2, 4).join(':') : '';
    for (; ; await nextTurn()) {
      const accounts = this.statements.accounts.all(from, known) as unknown as AccountEntry[];
      for (const account of accounts) {
        if (advertiserId !== undefined && advertiserId !== account.advertiserId) continue;
        if (marketplace !== undefined && marketplace !== account.marketplace) continue;
        const name = `${root}:${account.name}`;
        if (!isWithin(name, prefix) && !isWithin(prefix, name)) continue;
        yield* linesOf(account);
      }
      if (accounts.length < SLICE_ROWS) return;
      from = `${accounts[SLICE_ROWS - 1]!.name} `; // a blank comes before all that names are made of
    }
  }

  /** Ledger accounts of no single account. */
  private async *shared(
    { asOf, known }: Moment,
    filter: BooksFilter,
    after: BalancePlace | undefined,
  ): AsyncGenerator<LedgerBalance> {
    if (filter.lapsed) return;
    const accounts = this.accountsOf(filter, known);
    const sections = Map.groupBy(
      this.sections.matching(filter, ['grants', 'revoked', 'breakage', 'clicks']),
      (section) => [ledgerAccountName(levelsOf(section)), section.currency].join(' '),
    );
    const all = [...sections.values()]
      .map((same) => ({ ...lineOf(levelsOf(same[0]!), same[0]!.currency, 0n), ids: same.map(({ id }) => id) }))
      .filter(({ name }) => filter.account === undefined || isWithin(name, filter.account))
      .filter(({ name, currency }) => !after || name > after.name || (name === after.name && currency > after.currency))
      .sort((a, b) => byCodeUnit(a.name, b.name) || byCodeUnit(a.currency, b.currency));
    for (const { ids, ...line } of all) {
      let balanceMinor = 0n;
      for (const id of ids) {
        const sums = await this.sections.sums(id, -Infinity, epochMs(asOf) + 1, known, accounts);
        for (const sum of sums.values()) balanceMinor += sum;
      }
      if (balanceMinor !== 0n) yield { ...line, balanceMinor };
    }
  }

  /** Null: of all. */
  private accountsOf({ advertiserId, marketplace }: BooksFilter, known: Position): readonly bigint[] | null {
    if (advertiserId === undefined) return null;
    return this.statements.ofAdvertiser
      .all(advertiserId, known)
      .filter((account) => marketplace === undefined || marketplace === account['marketplace'])
      .map(({ id }) => id as bigint);
  }
}

const lineOf = (levels: LedgerAccount, currency: string, balanceMinor: bigint): LedgerBalance => ({
  levels,
  name: ledgerAccountName(levels),
  currency,
  balanceMinor,
});

function levelsOf({ group, name }: Section): LedgerAccount {
  switch (group) {
    case 'grants':
      return grantsAccount(name);
    case 'revoked':
      return revokedAccount(name);
    case 'breakage':
      return breakageAccount(name);
    default:
      return clicksAccount(name);
  }
}

function conversionOf(text: string): Pick<LedgerBalance, 'converted'> {
  const { granted, applied } = JSON.parse(text) as CreditApplied['data'];
  if (granted.currency === applied.currency) return {};
  const negated = (money: Money) => moneyOf(-minorOf(money), money.currency);
  return { converted: { posted: negated(applied), cost: negated(granted) } };
}
