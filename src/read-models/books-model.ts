import type { AccountEvent, ClickReversed, ClickSpent } from '../accounts/domain/events.js';
import { effectiveAtOf, postingsOf, type Posting, type PostingContext } from '../accounts/domain/postings.js';
import type { Recorded } from '../event-store/event-store.js';
import { epochMs } from '../kernel/instant.js';
import type { NamedEvents, ReadModel, ReadModelDatabase, Statement } from './database.js';
import type { KnownAccounts } from './known-accounts.js';

/** The kinds of events that make entries, by their number in `ledger_entries`: appended to, never reordered. */
export const ENTRY_KINDS = [
  'CreditApplied',
  'ClickSpent',
  'ImpressionsSpent',
  'ClickReversed',
  'CreditRevoked',
  'CreditExpired',
] as const satisfies readonly AccountEvent['type'][];
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** Ledger accounts of one kind: grants, what revocations took back, breakage, clicks, and the credits' liabilities. */
export type SectionGroup = 'grants' | 'revoked' | 'breakage' | 'clicks' | 'credits';

/** The levels of an account in the names of ledger accounts, by which these are ordered: see `ledgerAccountName`. */
export const ACCOUNT_NAME = "replace(replace(advertiser_id, '%', '%25'), ':', '%3A') || ':' || marketplace";

/**
 * Entries lie by section, which is a ledger account of all accounts in one marketplace and currency, or the liabilities
 * of a promotion's credits there: what a question of a promotion or a period is of lies together, in effective order.
 * What a single account is billed and a single credit holds is in `bill_lanes` and `credit_lanes`, and not here again.
 * An amount is high * 2^32 + low, in minor units, so that sums of either half are exact.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ledger_sections (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,        -- grants, revoked, breakage, clicks, credits
    name TEXT NOT NULL,        -- the promotion; of clicks the product
    marketplace TEXT NOT NULL,
    currency TEXT NOT NULL,
    UNIQUE (kind, name, marketplace, currency)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS ledger_entries (
    section INTEGER NOT NULL,
    effective INTEGER NOT NULL, -- ms
    position INTEGER NOT NULL,
    account INTEGER NOT NULL,
    kind INTEGER NOT NULL,      -- of ENTRY_KINDS
    high INTEGER NOT NULL,
    low INTEGER NOT NULL,
    PRIMARY KEY (section, effective, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS accounts_by_name ON accounts (${ACCOUNT_NAME})`;

/** The id of the event in its stream that the books look at besides it: a reversal does not say its click's product. */
export const namedIdOf = (event: Recorded): string | undefined =>
  event.type === 'ClickReversed' ? clickIdOf((event.data as ClickReversed['data']).clickId) : undefined;

const clickIdOf = (clickId: string): string => `ClickSpent:${clickId}`;

const HALF = 32n;
export const joined = (high: bigint, low: bigint): bigint => (high << HALF) + low;

interface KnownSection {
  readonly id: number;
  readonly group: SectionGroup;
  readonly marketplace: string;
  readonly currency: string;
}

/** Writes down the postings of account events. The accounts model is fed before it: it has the accounts and credits. */
export class BooksModel implements ReadModel {
  /** By name: there are few of one. */
  private readonly sections = new Map<string, KnownSection[]>();
  private readonly statements: Record<'section' | 'open' | 'entry', Statement>;

  constructor(
    db: ReadModelDatabase,
    private readonly accounts: KnownAccounts,
  ) {
    db.create(SCHEMA);
    this.statements = {
      section: db.prepare(`SELECT id FROM ledger_sections
        WHERE kind = ? AND name = ? AND marketplace = ? AND currency = ?`),
      open: db.prepare(
        'INSERT INTO ledger_sections (kind, name, marketplace, currency) VALUES (?, ?, ?, ?) RETURNING id',
      ),
      entry: db.prepare(`INSERT INTO ledger_entries (section, effective, position, account, kind, high, low)
        VALUES (?, ?, ?, ?, ?, ?, ?)`),
    };
  }

  apply({ stream, type, data, position }: Recorded, named: NamedEvents): void {
    const kind = ENTRY_KINDS.indexOf(type as EntryKind);
    if (kind < 0 || !stream.startsWith('account-')) return;
    const event = { type, data } as AccountEvent;
    const { marketplace } = event.data;
    const account = this.accounts.accountOf(stream, event.data);
    const context: PostingContext = {
      promotionOf: (creditId) => this.accounts.creditOf(account, creditId).promotionId,
      clickOf: (clickId) => named(stream, clickIdOf(clickId)).data as ClickSpent['data'],
    };
    const effectiveMs = epochMs(effectiveAtOf(event));
    const sums = new Map<number, bigint>();
    for (const posting of postingsOf(event, context)) {
      const section = this.sectionOf(posting, marketplace, context);
      if (section !== undefined) sums.set(section, posting.amountMinor + (sums.get(section) ?? 0n));
    }
    for (const [section, amount] of sums) {
      const [high, low] = [amount >> HALF, BigInt.asUintN(Number(HALF), amount)];
      this.statements.entry.run(section, effectiveMs, position, account.id, kind, high, low);
    }
  }

  forget(): void {
    this.sections.clear();
  }

  /** What accounts are billed has no section. */
  private sectionOf(posting: Posting, marketplace: string, context: PostingContext): number | undefined {
    const place = placeOf(posting, context);
    if (!place) return undefined;
    const [group, name] = place;
    const { currency } = posting;
    const named = this.sections.get(name) ?? [];
    const known = named.find((each) => {
      return each.group === group && each.marketplace === marketplace && each.currency === currency;
    });
    if (known) return known.id;
    const { section, open } = this.statements;
    const key = [group, name, marketplace, currency];
    const id = Number((section.get(...key) ?? open.get(...key))!['id']);
    this.sections.set(name, [...named, { id, group, marketplace, currency }]);
    return id;
  }
}

function placeOf({ account }: Posting, context: PostingContext): readonly [SectionGroup, string] | undefined {
  const [root, group, name = '', detail, creditId = ''] = account;
  if (root === 'liabilities') return ['credits', context.promotionOf(creditId)];
  if (root === 'expenses') return [detail === undefined ? 'grants' : 'revoked', name];
  if (root === 'income') return [group === 'clicks' ? 'clicks' : 'breakage', name];
  return undefined;
}
