import type { CreditApplied } from '../accounts/domain/events.js';
import type { Position } from '../event-store/event-store.js';
import { type Bounds, UNBOUND } from '../kernel/bounds.js';
import { epochMs, type Instant, plusMs } from '../kernel/instant.js';
import { formatMinor, type Money, moneyOf } from '../kernel/money.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import type { AccountRow, AccountsReader, CreditRow, Standing } from './accounts-reader.js';
import { badCursor, cursorAfter, openCursor, type Page, type Paging } from './cursors.js';
import type { ReadModelDatabase, Statement } from './database.js';
import type { Moment } from './moment.js';

/** So many rows are read at a time by what walks over all accounts: no statement stays open while others write. */
const CHUNK = 500;

export type CreditStatus = 'active' | 'exhausted' | 'expired' | 'revoked';

export interface Balance {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly currency: string;
  /** Plain amounts in `currency`, as are those of the credits that are not Money. */
  readonly available: string;
  readonly billed: string;
  readonly credits: readonly CreditBalance[];
}

export interface CreditBalance extends Pick<
  CreditApplied['data'],
  | 'creditId'
  | 'promotionId'
  | 'product'
  | 'granted'
  | 'applied'
  | 'qualifiedAt'
  | 'appliedAt'
  | 'expiresAt'
  | 'fx'
  | 'origin'
> {
  readonly status: CreditStatus;
  readonly remaining: string;
  readonly drawn: string;
  /** Absent, as `revision` is, where the credit does not name it. */
  readonly stage?: string;
  /** Of the promotion, by which it was granted. */
  readonly revision?: number;
  /** Whether it was applied as soon after qualifying as the terms promise; null for a manual grant. */
  readonly withinSla: boolean | null;
}

export interface AccountKey {
  readonly advertiserId: string;
  readonly marketplace: string;
}

export interface ListedAccount extends AccountKey {
  readonly currency: string;
  readonly standing: Standing;
  readonly available: Money;
}

/** An account whose opening is known. */
export interface AccountAt {
  readonly currency: string;
  readonly openedAt: Instant;
  /** Whether it was open at the moment. */
  readonly open: boolean;
  readonly standing: Standing;
  readonly paymentValid: boolean;
}

export class AccountQueries {
  private readonly listings = new Map<string, Statement>();
  private readonly statements: Record<
    'all' | 'ofPromotion' | 'countOfPromotion' | 'ofAdvertiser' | 'sweepable',
    Statement
  >;

  constructor(
    private readonly db: ReadModelDatabase,
    private readonly reader: AccountsReader,
    /**
     * How long after qualifying a credit was due, in ms, by the promotion's terms as known at a position: of credits from
     * before there was a second version of terms, which do not say it themselves.
     */
    private readonly serviceLevelMs: (promotionId: string, known: Position) => number,
  ) {
    this.statements = {
      all: db.prepare(`SELECT advertiser_id AS advertiserId, marketplace FROM accounts
        WHERE (advertiser_id, marketplace) > (?, ?) AND position <= ? ORDER BY advertiser_id, marketplace LIMIT ${CHUNK}`),
      countOfPromotion: db.prepare(`SELECT count(*) AS count FROM credits WHERE promotion_id = ? AND position <= ?`),
      ofPromotion: db.prepare(`SELECT data FROM credits WHERE promotion_id = ? AND position <= ? ORDER BY position`),
      ofAdvertiser: db.prepare(`SELECT c.data FROM accounts a CROSS JOIN credits c ON c.account = a.id
        WHERE a.advertiser_id = ? AND c.position <= ?`),
      sweepable: db.prepare(`SELECT c.id, c.sweepable_at AS sweepableAt, c.account,
          a.advertiser_id AS advertiserId, a.marketplace
        FROM credits c CROSS JOIN accounts a ON a.id = c.account
        WHERE c.swept_position IS NULL AND c.revoked_position IS NULL
          AND c.sweepable_at <= ? AND (c.sweepable_at, c.id) > (?, ?)
        ORDER BY c.sweepable_at, c.id LIMIT ${CHUNK}`),
    };
  }

  balance(moment: Moment, advertiserId: string, marketplace: string): Balance | Refusal {
    const account = this.reader.account(advertiserId, marketplace, moment.known);
    if (isRefusal(account)) return account;
    const { currency } = account;
    const asOfMs = epochMs(moment.asOf);
    let available = 0n;
    const credits = this.reader.credits(account.id, moment.known, asOfMs).map((credit) => {
      const { held, drawn } = this.reader.creditSums(credit.id, asOfMs, moment.known);
      const ended = endOf(credit, moment.asOf);
      const remaining = ended ? 0n : held;
      available += remaining;
      const status = ended ?? (held === 0n ? 'exhausted' : 'active');
      return creditBalance(credit, status, remaining, drawn, currency, this.withinSla(credit));
    });
    const billed = formatMinor(this.reader.billed(account.id, asOfMs, moment.known), currency);
    return { advertiserId, marketplace, currency, available: formatMinor(available, currency), billed, credits };
  }

  /** Accounts open at the moment, by advertiserId, then marketplace. */
  accounts(
    moment: Moment,
    filter: Partial<AccountKey>,
    paging: Paging,
    bounds: Bounds = UNBOUND,
  ): Page<ListedAccount> | Refusal {
    const opened = openCursor('accounts', moment, paging.cursor);
    if (isRefusal(opened)) return opened;
    const [afterAdvertiser = '', afterMarketplace = '', ...rest] = opened.place ?? [];
    if (rest.length > 0) return badCursor();
    const { asOf, known } = opened.moment;
    const within = namesIn(bounds);
    const rows = this.listing({ ...filter, ...within }).all({
      ...filter,
      ...within,
      openBy: epochMs(asOf),
      known,
      afterAdvertiser,
      afterMarketplace,
      limit: paging.limit + 1,
    });
    const items = rows.slice(0, paging.limit).map((row) => this.listed(row as never, opened.moment));
    const last = items.at(-1);
    const more = rows.length > paging.limit && last !== undefined;
    const next = more ? cursorAfter('accounts', opened.moment, [last.advertiserId, last.marketplace]) : null;
    return { items, next, moment: opened.moment };
  }

  /** Undefined when no opening is known. */
  accountAt(advertiserId: string, marketplace: string, moment: Moment): AccountAt | undefined {
    const account = this.reader.account(advertiserId, marketplace, moment.known);
    if (isRefusal(account)) return undefined;
    return {
      currency: account.currency,
      openedAt: account.openedAt,
      open: account.openedAt <= moment.asOf,
      standing: this.reader.standing(account.id, moment),
      paymentValid: this.reader.paymentValid(account.id, moment),
    };
  }

  /** Null when it is not open at the moment, or not known. */
  openAccount(advertiserId: string, marketplace: string, moment: Moment): AccountAt | null {
    const account = this.accountAt(advertiserId, marketplace, moment);
    return account?.open ? account : null;
  }

  /** Every credit recorded by then, whenever it is applied, in the order of the balance. */
  creditsOf(advertiserId: string, marketplace: string, known: Position): CreditRow[] {
    const account = this.reader.account(advertiserId, marketplace, known);
    return isRefusal(account) ? [] : this.reader.credits(account.id, known);
  }

  /** Every credit of a promotion recorded by then, in any account and whenever it is applied, in the order recorded. */
  creditsOfPromotion(promotionId: string, known: Position): CreditApplied['data'][] {
    return this.statements.ofPromotion.all(promotionId, known).map(creditOf);
  }

  /** Every credit of an advertiser recorded by then, in any account and whenever it is applied. */
  creditsOfAdvertiser(advertiserId: string, known: Position): CreditApplied['data'][] {
    return this.statements.ofAdvertiser.all(advertiserId, known).map(creditOf);
  }

  /** How many credits of a promotion were recorded by then: so many of those that it has now, from the first on. */
  countOfPromotion(promotionId: string, known: Position): number {
    return Number(this.statements.countOfPromotion.get(promotionId, known)!['count']);
  }

  /** All accounts whose opening is known, by advertiserId, then marketplace. */
  *allAccounts(known: Position): Generator<AccountKey> {
    let last: AccountKey = { advertiserId: '', marketplace: '' };
    for (;;) {
      const rows = this.statements.all.all(last.advertiserId, last.marketplace, known) as unknown as AccountKey[];
      yield* rows;
      if (rows.length < CHUNK) return;
      last = rows[CHUNK - 1]!;
    }
  }

  /** Accounts with a credit that is due to be swept at `asOf`, once each, by what all is recorded of them. */
  *sweepable(asOf: Instant): Generator<AccountKey> {
    const given = new Set<bigint>();
    let last = { sweepableAt: -Infinity as number | bigint, id: 0n };
    for (;;) {
      const rows = this.statements.sweepable.all(epochMs(asOf), last.sweepableAt, last.id) as unknown as DueCredit[];
      for (const { account, advertiserId, marketplace } of rows) {
        if (given.has(account)) continue;
        given.add(account);
        yield { advertiserId, marketplace };
      }
      if (rows.length < CHUNK) return;
      last = rows[CHUNK - 1]!;
    }
  }

  /** By the terms as they were when the credit was given; null for a credit that nobody qualified for. */
  private withinSla({ data, position }: CreditRow): boolean | null {
    const { qualifiedAt, appliedAt, promotionId, dueBy } = data;
    return qualifiedAt && appliedAt <= (dueBy ?? plusMs(qualifiedAt, this.serviceLevelMs(promotionId, position)));
  }

  private listing(filter: Partial<AccountKey> & ReturnType<typeof namesIn>): Statement {
    const filters = [
      filter.advertiserId === undefined ? '' : 'AND advertiser_id = :advertiserId',
      filter.marketplace === undefined ? '' : 'AND marketplace = :marketplace',
      filter.advertisers === undefined ? '' : 'AND advertiser_id IN (SELECT value FROM json_each(:advertisers))',
      filter.marketplaces === undefined ? '' : 'AND marketplace IN (SELECT value FROM json_each(:marketplaces))',
    ].join(' ');
    const known = this.listings.get(filters);
    if (known) return known;
    const statement = this.db.prepare(`SELECT id, advertiser_id AS advertiserId, marketplace, currency FROM accounts
      WHERE (advertiser_id, marketplace) > (:afterAdvertiser, :afterMarketplace) ${filters}
        AND opened_at <= :openBy AND position <= :known
      ORDER BY advertiser_id, marketplace LIMIT :limit`);
    this.listings.set(filters, statement);
    return statement;
  }

  private listed(row: Omit<AccountRow, 'openedAt'>, moment: Moment): ListedAccount {
    const { advertiserId, marketplace, currency } = row;
    const id = Number(row.id);
    const available = moneyOf(this.reader.available(id, epochMs(moment.asOf), moment.known), currency);
    return { advertiserId, marketplace, currency, standing: this.reader.standing(id, moment), available };
  }
}

/** Lists of names as JSON; absent where they do not bind. */
const namesIn = ({ advertisers, marketplaces }: Bounds): { advertisers?: string; marketplaces?: string } => ({
  ...(advertisers && { advertisers: JSON.stringify([...advertisers]) }),
  ...(marketplaces && { marketplaces: JSON.stringify([...marketplaces]) }),
});

interface DueCredit extends AccountKey {
  readonly id: bigint;
  readonly sweepableAt: bigint;
  readonly account: bigint;
}

/** How the credit has ended by then. */
export function endOf(credit: CreditRow, asOf: Instant): 'revoked' | 'expired' | undefined {
  if (credit.revokedAt !== null && credit.revokedAt <= asOf) return 'revoked';
  return credit.data.expiresAt <= asOf ? 'expired' : undefined;
}

function creditBalance(
  { data }: CreditRow,
  status: CreditStatus,
  remaining: bigint,
  drawn: bigint,
  currency: string,
  withinSla: boolean | null,
): CreditBalance {
  const { creditId, promotionId, product, granted, applied, qualifiedAt, appliedAt, expiresAt, fx, origin } = data;
  const { stage, revision } = data;
  return {
    creditId,
    promotionId,
    product,
    status,
    granted,
    applied,
    remaining: formatMinor(remaining, currency),
    drawn: formatMinor(drawn, currency),
    qualifiedAt,
    appliedAt,
    expiresAt,
    withinSla,
    fx,
    origin,
    ...(stage === undefined ? {} : { stage }),
    ...(revision === undefined ? {} : { revision }),
  };
}

const creditOf = ({ data }: Record<string, unknown>) => JSON.parse(String(data)) as CreditApplied['data'];
