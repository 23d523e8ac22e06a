import type { Position } from '../event-store/event-store.js';
import { accountStream } from '../kernel/identifiers.js';
import { ENTRY_KINDS, type EntryKind } from './books-model.js';
import type { LineKind } from './accounts-model.js';
import type { ReadModelDatabase, Statement } from './database.js';

const EVENT_OF: Readonly<Record<LineKind, EntryKind>> = {
  'credit-applied': 'CreditApplied',
  click: 'ClickSpent',
  impressions: 'ImpressionsSpent',
  'click-reversed': 'ClickReversed',
  'credit-revoked': 'CreditRevoked',
  'credit-expired': 'CreditExpired',
};
const KIND_OF_LINE = [
  'CASE kind',
  ...Object.entries(EVENT_OF).map(([line, event]) => `WHEN '${line}' THEN ${ENTRY_KINDS.indexOf(event)}`),
  'END',
].join(' ');

/** So many rows of a section or an account are read at a time. */
const CHUNK = 64;

/** Where a transaction stands in the journal: by its effective instant, then its position. */
export interface JournalPlace {
  readonly effectiveMs: number;
  readonly position: Position;
}

/** An event that moves money. */
export interface JournalRow extends JournalPlace {
  readonly kind: EntryKind;
  /** As the tables know it. */
  readonly account: bigint;
}

interface Row {
  readonly effective: bigint;
  readonly position: bigint;
  readonly account: bigint;
  /** Its number among ENTRY_KINDS. */
  readonly kind: bigint;
}

type Read = (after: JournalPlace, untilMs: number) => readonly Row[];

/** Lists the events of accounts or of sections of the books in effective order, each once, from the tables' own order. */
export class JournalIndex {
  private readonly statements: Record<'section' | 'account' | 'accounts' | 'named' | 'line' | 'sweep', Statement>;

  constructor(db: ReadModelDatabase) {
    this.statements = {
      section: db.prepare(`SELECT effective, position, account, kind FROM ledger_entries
        WHERE section = :source AND (effective, position) > (:effective, :position) AND effective < :until
        ORDER BY effective, position LIMIT ${CHUNK}`),
      // An account's sweeps are in no line; both halves come in this order by an index and are merged.
      account: db.prepare(`SELECT effective, position, account, ${KIND_OF_LINE} AS kind
        FROM account_lines
        WHERE account = :source AND (effective, position) > (:effective, :position) AND effective < :until
        UNION ALL
        SELECT expires_at, swept_position, account, ${ENTRY_KINDS.indexOf('CreditExpired')} FROM credits
        WHERE account = :source AND swept_position IS NOT NULL
          AND (expires_at, swept_position) > (:effective, :position) AND expires_at < :until
        ORDER BY effective, position LIMIT ${CHUNK}`),
      accounts: db.prepare('SELECT id, marketplace FROM accounts WHERE advertiser_id = ?'),
      named: db.prepare('SELECT advertiser_id AS advertiserId, marketplace FROM accounts WHERE id = ?'),
      line: db.prepare(`SELECT credit_id AS creditId, click_id AS clickId, impressions_id AS impressionsId
        FROM account_lines WHERE account = ? AND effective = ? AND position = ?`),
      sweep: db.prepare('SELECT credit_id AS creditId FROM credits WHERE account = ? AND swept_position = ?'),
    };
  }

  ofSections(sections: readonly bigint[], after: JournalPlace, untilMs: number): Generator<JournalRow, undefined> {
    return this.merged(
      sections.map((section) => this.reading(this.statements.section, section)),
      after,
      untilMs,
    );
  }

  /** Of all accounts of the advertiser, or of the one in a marketplace. */
  ofAdvertiser(
    advertiserId: string,
    marketplace: string | undefined,
    after: JournalPlace,
    untilMs: number,
  ): Generator<JournalRow, undefined> {
    const accounts = this.statements.accounts
      .all(advertiserId)
      .filter((account) => marketplace === undefined || account['marketplace'] === marketplace);
    const sources = accounts.map(({ id }) => this.reading(this.statements.account, id as bigint));
    return this.merged(sources, after, untilMs);
  }

  private reading(statement: Statement, source: bigint): Read {
    return ({ effectiveMs: effective, position }, until) =>
      statement.all({ source, effective, position, until }) as unknown as Row[];
  }

  /** The rows of all sources in order: an event that is in several is given once. */
  private *merged(sources: readonly Read[], after: JournalPlace, untilMs: number): Generator<JournalRow, undefined> {
    const open = sources.map((read) => new Source(read, after, untilMs)).filter((source) => source.head !== undefined);
    while (open.length > 0) {
      const first = open.reduce((a, b) => (isBefore(b.head!, a.head!) ? b : a)).head!;
      yield rowOf(first);
      for (const source of open) source.skip(first);
      if (open.some(({ head }) => head === undefined)) {
        open.splice(0, open.length, ...open.filter(({ head }) => head !== undefined));
      }
    }
    return undefined;
  }

  /** How the store finds the row's event. */
  eventOf({ account, effectiveMs, position, kind }: JournalRow): { readonly stream: string; readonly id: string } {
    const { named, line, sweep } = this.statements;
    const { advertiserId, marketplace } = named.get(account) as Record<string, string>;
    const { creditId, clickId, impressionsId } = (kind === 'CreditExpired'
      ? sweep.get(account, position)
      : line.get(account, effectiveMs, position)) as unknown as Line;
    const key = impressionsId ?? clickId ?? creditId;
    return { stream: accountStream(advertiserId!, marketplace!), id: `${kind}:${key}` };
  }
}

/** Names of what an event is of: one of the three is its natural key. */
interface Line {
  readonly creditId?: string | null;
  readonly clickId?: string | null;
  readonly impressionsId?: string | null;
}

const rowOf = ({ effective, position, account, kind }: Row): JournalRow => ({
  effectiveMs: Number(effective),
  position,
  account,
  kind: ENTRY_KINDS[Number(kind)]!,
});

const isBefore = (a: Row, b: Row): boolean =>
  a.effective === b.effective ? a.position < b.position : a.effective < b.effective;

/** The rows of one section or account, read in chunks. */
class Source {
  private rows: readonly Row[];
  private index = 0;

  constructor(
    private readonly read: Read,
    after: JournalPlace,
    private readonly untilMs: number,
  ) {
    this.rows = read(after, untilMs);
  }

  get head(): Row | undefined {
    return this.rows[this.index];
  }

  /** Goes on behind the row if it is the first. */
  skip(row: Row): void {
    if (this.head?.position !== row.position) return;
    this.index += 1;
    if (this.index < this.rows.length || this.rows.length < CHUNK) return;
    this.rows = this.read({ effectiveMs: Number(row.effective), position: row.position }, this.untilMs);
    this.index = 0;
  }
}
