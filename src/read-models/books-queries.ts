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

const CREDITS = `SELECT id, credit_id AS creditId, promotion_id AS promotionId, expires_at AS expiresAt,
    coalesce(swept_position <= :known, 0) AS swept, iif(revoked_position <= :known, revoked_at, NULL) AS revokedAt, data
  FROM credits WHERE account = :account AND applied_at <= :asOf AND position <= :known`;

/** Whether a name is `prefix` or begins with its levels. */
export const isWithin = (name: string, prefix: string): boolean => name === prefix || name.startsWith(`${prefix}:`);

/** What ledger accounts hold at a moment, from the read models' tables. Long work is done in slices. */
export class BooksQueries {
  readonly sections: LedgerSections;
  private readonly statements: Record<
    'accounts' | 'ofAdvertiser' | 'credits' | 'credit' | 'ofPromotion' | 'boundary',
    Statement
  >;

  constructor(
    db: ReadModelDatabase,
    private readonly reader: AccountsReader,
  ) {
    this.sections = new LedgerSections(db);
    this.statements = {
      accounts: db.prepare(`SELECT id, advertiser_id AS advertiserId, marketplace, currency, ${ACCOUNT_NAME} AS name
        FROM accounts WHERE ${ACCOUNT_NAME} >= ? AND ${ACCOUNT_NAME} < ? AND position <= ?
        ORDER BY ${ACCOUNT_NAME} LIMIT ${SLICE_ROWS}`),
      ofAdvertiser: db.prepare('SELECT id, marketplace FROM accounts WHERE advertiser_id = ? AND position <= ?'),
      credits: db.prepare(CREDITS),
      credit: db.prepare(`${CREDITS} AND credit_id = :creditId`),
      // Most of a promotion's credits have been swept, and are passed over before anything is added up.
      ofPromotion: db.prepare(`SELECT c.id, c.expires_at AS expiresAt, 0 AS swept,
          iif(c.revoked_position <= :known, c.revoked_at, NULL) AS revokedAt
        FROM credits c CROSS JOIN accounts a ON a.id = c.account
        WHERE c.promotion_id = :promotionId AND c.position > :after AND c.position <= :through
          AND c.applied_at <= :asOf AND c.expires_at <= :asOf AND coalesce(c.swept_position > :known, 1)
          AND coalesce(c.revoked_position > :known OR c.revoked_at > :asOf, 1)
          AND a.marketplace = :marketplace AND a.currency = :currency`),
      boundary: db.prepare(`SELECT position FROM credits
        WHERE promotion_id = ? AND position > ? AND position <= ? ORDER BY position LIMIT 1 OFFSET ${SLICE_ROWS - 1}`),
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
      // A bill is of no promotion, and does not lapse.
      ...(filter.promotionId === undefined && !filter.lapsed
        ? [this.perAccount('assets:receivable', moment, filter, after, (account) => this.receivable(account, moment))]
        : []),
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
    const { known } = moment;
    for (let after = 0n; ; await nextTurn()) {
      const full = this.statements.boundary.get(promotionId, after, known)?.['position'] as bigint | undefined;
      const asked = { promotionId, marketplace, currency, after, through: full ?? known, known, asOf };
      const rows = this.statements.ofPromotion.all(asked) as unknown as CreditEntry[];
      for (const credit of rows) sum += this.unswept(credit, moment);
      if (full === undefined) return sum;
      after = full;
    }
  }

  /** What the books owe on a credit: all that it holds until its sweep, effective at its end, or its revocation. */
  private unswept(credit: Pick<CreditEntry, 'id' | 'swept' | 'expiresAt' | 'revokedAt'>, moment: Moment): bigint {
    const asOfMs = epochMs(moment.asOf);
    if (credit.revokedAt !== null && Number(credit.revokedAt) <= asOfMs) return 0n;
    if (credit.swept === 1n && Number(credit.expiresAt) <= asOfMs) return 0n;
    return this.reader.creditSums(Number(credit.id), asOfMs, moment.known).held;
  }

  private receivable(account: AccountEntry, { asOf, known }: Moment): LedgerBalance[] {
    const balanceMinor = this.reader.billed(Number(account.id), epochMs(asOf), known);
    const levels = receivableAccount(account.advertiserId, account.marketplace);
    return balanceMinor === 0n ? [] : [lineOf(levels, account.currency, balanceMinor)];
  }

  private credits(
    account: AccountEntry,
    moment: Moment,
    { promotionId, lapsed = false, account: prefix }: BooksFilter,
  ): LedgerBalance[] {
    const { id, advertiserId, marketplace, currency } = account;
    const asked = { account: id, known: moment.known, asOf: epochMs(moment.asOf) };
    const creditId = levelsNamed(prefix)[4];
    const { credit: one, credits: all } = this.statements;
    const rows = creditId === undefined ? all.all(asked) : one.all({ ...asked, creditId });
    return (rows as unknown as CreditEntry[])
      .filter((credit) => promotionId === undefined || credit.promotionId === promotionId)
      .filter(({ expiresAt }) => !lapsed || Number(expiresAt) <= asked.asOf)
      .map((credit) => {
        const levels = creditAccount(advertiserId, marketplace, credit.creditId);
        return { ...lineOf(levels, currency, -this.unswept(credit, moment)), ...conversionOf(credit.data) };
      })
      .filter(({ balanceMinor, converted }) => balanceMinor !== 0n || converted !== undefined)
      .sort((a, b) => byCodeUnit(a.name, b.name));
  }

  /** The lines of account after account, in the order of their names: of those that the filter may be of. */
  private async *perAccount(
    root: string,
    { known }: Moment,
    { advertiserId, marketplace, account: prefix = root }: BooksFilter,
    after: BalancePlace | undefined,
    linesOf: (account: AccountEntry) => readonly LedgerBalance[],
  ): AsyncGenerator<LedgerBalance> {
    if (!isWithin(prefix, root) && !isWithin(root, prefix)) return;
    if (after && after.name >= `${root};`) return;
    const [of = advertiserId, within = marketplace] = levelsNamed(prefix).slice(2, 4);
    if (advertiserId !== undefined && of !== advertiserId) return;
    if (marketplace !== undefined && within !== marketplace) return;
    const range = namesOf(of, within);
    // The account of the place may have more lines.
    const placed = after && isWithin(after.name, root) ? after.name.split(':').slice(2, 4).join(':') : '';
    for (let from = placed > range.from ? placed : range.from; ; await nextTurn()) {
      const accounts = this.statements.accounts.all(from, range.end, known) as unknown as AccountEntry[];
      for (const account of accounts) {
        if (within === undefined || within === account.marketplace) yield* linesOf(account);
      }
      if (accounts.length < SLICE_ROWS) return;
      from = `${accounts[SLICE_ROWS - 1]!.name} `; // a blank comes before all that names are made of
    }
  }

  /** Ledger accounts of no single account. */
  private async *shared(
    moment: Moment,
    filter: BooksFilter,
    after: BalancePlace | undefined,
  ): AsyncGenerator<LedgerBalance> {
    const [root, , name] = levelsNamed(filter.account);
    if (filter.lapsed || (root !== undefined && root !== 'expenses' && root !== 'income')) return;
    const matching = this.sections.matching(filter, ['grants', 'revoked', 'breakage', 'clicks'], name);
    const sections = Map.groupBy(matching, (section) =>
      [ledgerAccountName(levelsOf(section)), section.currency].join(' '),
    );
    const all = [...sections.values()]
      .map((same) => ({ ...lineOf(levelsOf(same[0]!), same[0]!.currency, 0n), ids: same.map(({ id }) => id) }))
      .filter((line) => filter.account === undefined || isWithin(line.name, filter.account))
      .filter(
        (line) => !after || line.name > after.name || (line.name === after.name && line.currency > after.currency),
      )
      .sort((a, b) => byCodeUnit(a.name, b.name) || byCodeUnit(a.currency, b.currency));
    const ofAdvertiser = await this.partOf(filter, matching, moment);
    for (const { ids, ...line } of all) {
      let balanceMinor = 0n;
      for (const id of ids) {
        balanceMinor += ofAdvertiser ? (ofAdvertiser.get(id) ?? 0n) : await this.sections.total(id, moment);
      }
      if (balanceMinor !== 0n) yield { ...line, balanceMinor };
    }
  }

  /** What the advertiser's accounts posted to each section; null: no advertiser is asked for. */
  private async partOf(
    { advertiserId, marketplace }: BooksFilter,
    sections: readonly Section[],
    { asOf, known }: Moment,
  ): Promise<ReadonlyMap<bigint, bigint> | null> {
    if (advertiserId === undefined) return null;
    const sums = new Map<bigint, bigint>();
    for (const account of this.statements.ofAdvertiser.all(advertiserId, known)) {
      if (marketplace !== undefined && marketplace !== account['marketplace']) continue;
      const there = sections.filter((section) => section.marketplace === account['marketplace']);
      const parts = await this.sections.partsOf(account['id'] as bigint, there, epochMs(asOf) + 1, known);
      for (const [section, sum] of parts) sums.set(section, sum);
    }
    return sums;
  }
}

/** The levels of a ledger account's name, or of its beginning, as they are: none of no name. */
export const levelsNamed = (name: string | undefined): readonly string[] =>
  name === undefined ? [] : name.split(':').map((level) => level.replaceAll('%3A', ':').replaceAll('%25', '%'));

/** What the names of an advertiser's accounts lie between; of all without one. No name has a `;` or a `~`. */
function namesOf(advertiserId: string | undefined, marketplace: string | undefined) {
  if (advertiserId === undefined) return { from: '', end: '~' };
  const name = ledgerAccountName(marketplace === undefined ? [advertiserId] : [advertiserId, marketplace]);
  return { from: marketplace === undefined ? `${name}:` : name, end: `${name};` };
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
