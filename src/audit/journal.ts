import { setImmediate as nextTurn } from 'node:timers/promises';
import { effectiveAtOf } from '../accounts/domain/postings.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import { accountStream } from '../kernel/identifiers.js';
import { epochMs, instantOf, parseInstant } from '../kernel/instant.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import type { SectionGroup } from '../read-models/books-model.js';
import { levelsNamed, type BooksFilter, type LedgerBalance } from '../read-models/books-queries.js';
import { badCursor, cursorAfter, isPosition, openCursor, type Page, type Paging } from '../read-models/cursors.js';
import type { JournalPlace, JournalRow } from '../read-models/journal-index.js';
import type { Moment } from '../read-models/moment.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { Month } from './domain/periods.js';
import { rollForward } from './roll-forward.js';
import { TotalsAtCost, type Total } from './totals.js';
import { accountEvent, matches, TransactionReader, type JournalFilter, type Transaction } from './transactions.js';

export type { JournalFilter, Transaction } from './transactions.js';

/** So many events are made into transactions at a time. */
const BATCH_EVENTS = 200;
/** So many rows of the index at most are looked at for a page: one that finds little is short, and says where to go on. */
const PAGE_ROWS = 5000;
const START: JournalPlace = { effectiveMs: -Infinity, position: 0n };

/** What a ledger account holds in a currency. */
export interface AccountBalance {
  /** As `ledgerAccountName` writes it. */
  readonly account: string;
  readonly currency: string;
  readonly balanceMinor: bigint;
}

export interface TrialBalance extends Page<LedgerBalance> {
  /** Of all that the filter keeps, by currency; null on pages behind the first. */
  readonly totals: readonly Total[] | null;
}

/** The books: every event that moves money as its double entry, and what these add up to. */
export class Books {
  private readonly reader: TransactionReader;

  constructor(
    private readonly store: EventStore,
    private readonly readModels: ReadModels,
  ) {
    this.reader = new TransactionReader(store);
  }

  /**
   * The transactions effective by `asOf` and recorded up to `known`, in the order of the log, beginning behind `after`.
   * Read from the store as they are taken: a ledger of any size needs no more memory than a small one.
   */
  async *transactions(moment: Moment, filter: JournalFilter = {}, after: Position = 0n): AsyncIterable<Transaction> {
    for await (const events of batches(this.events(moment, filter, after))) {
      const effective = events.filter((event) => effectiveAtOf(accountEvent(event)) <= moment.asOf);
      for (const transaction of await this.reader.of(effective)) {
        if (matches(filter, transaction)) yield transaction;
      }
      // Whoever takes them may not wait for anything himself, as one who makes a text of them.
      await nextTurn();
    }
  }

  /** The transactions in effective order, ties by position, through the index. A page may be short, and not the last. */
  async journal(asked: Moment, filter: JournalFilter, paging: Paging): Promise<Page<Transaction> | Refusal> {
    const list = `journal ${JSON.stringify(filter)}`;
    const opened = openCursor(list, asked, paging.cursor);
    if (isRefusal(opened)) return opened;
    const { moment } = opened;
    const place = opened.place && placeOf(opened.place);
    if (opened.place && !place) return badCursor();
    const untilMs = Math.min(filter.to === undefined ? Infinity : epochMs(filter.to), epochMs(moment.asOf) + 1);
    const from = { effectiveMs: filter.from === undefined ? -Infinity : epochMs(filter.from), position: 0n };
    const rows = this.rows(filter, place ?? from, untilMs);
    const next = (last: JournalPlace) => cursorAfter(list, moment, textsOf(last));
    const items: Transaction[] = [];
    let looked = 0;
    for (let last = place ?? START; ;) {
      const batch: JournalRow[] = [];
      let isEnd = false;
      while (batch.length <= paging.limit - items.length && looked < PAGE_ROWS) {
        const { value: row } = rows.next();
        if (!row) {
          isEnd = true;
          break;
        }
        looked += 1;
        last = row;
        if (row.position <= moment.known && (filter.kinds?.includes(row.kind) ?? true)) batch.push(row);
      }
      for (const transaction of await this.load(batch)) {
        if (!matches(filter, transaction)) continue;
        if (items.length === paging.limit) return { items, next: next(placeIn(items.at(-1)!)), moment };
        items.push(transaction);
      }
      if (isEnd) return { items, next: null, moment };
      if (looked >= PAGE_ROWS) return { items, next: next(last), moment };
    }
  }

  /** See `BooksQueries.balances`. */
  lines(moment: Moment, filter: BooksFilter = {}): AsyncIterable<LedgerBalance> {
    return this.readModels.books.balances(moment, filter);
  }

  /** Every ledger account whose balance is not zero, by name, then currency, both by code unit. */
  async *trialBalanceAll(moment: Moment, filter: BooksFilter = {}): AsyncIterable<AccountBalance> {
    for await (const { name, currency, balanceMinor } of this.lines(moment, filter)) {
      if (balanceMinor !== 0n) yield { account: name, currency, balanceMinor };
    }
  }

  /** Ledger accounts whose balance is not zero, by name, then currency. The first page adds up all of them. */
  async trialBalance(asked: Moment, filter: BooksFilter, { limit, cursor }: Paging): Promise<TrialBalance | Refusal> {
    const list = `trial-balance ${JSON.stringify(filter)}`;
    const opened = openCursor(list, asked, cursor);
    if (isRefusal(opened)) return opened;
    const { moment, place } = opened;
    const [name = '', currency = '', ...rest] = place ?? [];
    if (place && (rest.length > 0 || currency === '')) return badCursor();
    const totals = place ? null : new TotalsAtCost();
    const items: LedgerBalance[] = [];
    let next: string | null = null;
    for await (const line of this.readModels.books.balances(moment, filter, place && { name, currency })) {
      totals?.add(line);
      if (line.balanceMinor === 0n || next !== null) continue;
      const last = items.at(-1);
      if (items.length < limit) items.push(line);
      else if (last) next = cursorAfter(list, moment, [last.name, last.currency]);
      if (next !== null && !totals) break;
    }
    return { items, next, totals: totals && totals.all(), moment };
  }

  /** See `rollForward`. */
  rollForward(moment: Moment, month: Month, filter: BooksFilter, paging: Paging) {
    return rollForward(this.readModels.books, moment, month, filter, paging);
  }

  /** Rows of the index that may be of the filter's transactions, none of them left out. */
  private rows(filter: JournalFilter, after: JournalPlace, untilMs: number): Generator<JournalRow, undefined> {
    const [root, group, third, fourth] = levelsNamed(filter.account);
    const isOfAccounts = root === 'assets' || root === 'liabilities';
    const advertiserId = filter.advertiserId ?? (isOfAccounts ? third : undefined);
    const marketplace = filter.marketplace ?? (isOfAccounts ? fourth : undefined);
    const { journal, books } = this.readModels;
    if (advertiserId !== undefined) return journal.ofAdvertiser(advertiserId, marketplace, after, untilMs);
    const { promotionId, currency } = filter;
    const asked = {
      ...(marketplace === undefined ? {} : { marketplace }),
      ...(promotionId === undefined ? {} : { promotionId }),
      ...(currency === undefined ? {} : { currency }),
    };
    const groups = filter.account === undefined ? groupsOf(filter) : groupsWithin(root, group, fourth);
    const sections = books.sections
      .matching(asked, groups)
      .filter(({ name }) => isOfAccounts || third === undefined || name === third);
    return journal.ofSections(
      sections.map(({ id }) => id),
      after,
      untilMs,
    );
  }

  /** The transactions of rows, in their order: what a row names moves no money now and then. */
  private async load(rows: readonly JournalRow[]): Promise<Transaction[]> {
    const wanted = Map.groupBy(
      rows.map((row) => this.readModels.journal.eventOf(row)),
      ({ stream }) => stream,
    );
    const found = new Map<Position, Recorded>();
    for (const [stream, events] of wanted) {
      const facts = await this.store.find(
        stream,
        events.map(({ id }) => id),
      );
      for (const fact of facts.values()) found.set(fact.position, fact);
    }
    return this.reader.of(
      rows.map(({ position }) => {
        const event = found.get(position);
        if (!event) throw new Error(`the store has no event at position ${position}, which the books have`);
        return event;
      }),
    );
  }

  /** Account events; of one account only its own stream is read. */
  private async *events(
    { known }: Moment,
    { advertiserId, marketplace }: JournalFilter,
    after: Position,
  ): AsyncIterable<Recorded> {
    const isOne = advertiserId !== undefined && marketplace !== undefined;
    const events = isOne
      ? this.store.read(accountStream(advertiserId, marketplace))
      : this.store.readAll({ after, filter: { streamPrefixes: ['account-'] } });
    for await (const event of events) {
      if (event.position > known) return;
      if (event.position > after) yield event;
    }
  }
}

async function* batches(events: AsyncIterable<Recorded>): AsyncIterable<readonly Recorded[]> {
  let batch: Recorded[] = [];
  for await (const event of events) {
    batch.push(event);
    if (batch.length < BATCH_EVENTS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** What every transaction has an entry in; one in a currency or of a promotion may have it in any. */
const groupsOf = ({ promotionId, currency }: JournalFilter): readonly SectionGroup[] =>
  promotionId === undefined && currency === undefined
    ? ['grants', 'revoked', 'breakage', 'clicks']
    : ['grants', 'revoked', 'breakage', 'clicks', 'credits'];

/** Where the entries of ledger accounts of these levels are. What puts something on a bill is a click, or a clawback. */
function groupsWithin(root = '', group: string | undefined, detail: string | undefined): readonly SectionGroup[] {
  switch (root) {
    case 'assets':
      return ['clicks', 'revoked'];
    case 'expenses':
      return detail === undefined ? ['grants', 'revoked'] : ['revoked'];
    case 'income':
      return group === undefined ? ['breakage', 'clicks'] : group === 'clicks' ? ['clicks'] : ['breakage'];
    case 'liabilities':
      return ['credits'];
    default:
      return [];
  }
}

const placeIn = ({ effectiveAt, position }: Transaction): JournalPlace => ({
  effectiveMs: epochMs(effectiveAt),
  position,
});

const textsOf = ({ effectiveMs, position }: JournalPlace): string[] => [instantOf(effectiveMs), String(position)];

function placeOf([at = '', position = '', ...rest]: readonly string[]): JournalPlace | undefined {
  const instant = parseInstant(at);
  if (!instant || !isPosition(position) || rest.length > 0) return undefined;
  return { effectiveMs: epochMs(instant), position: BigInt(position) };
}
