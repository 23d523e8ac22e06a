import type { AccountEvent } from '../accounts/domain/events.js';
import { effectiveAtOf } from '../accounts/domain/postings.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import { accountStream } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import type { AccountKey, CreditBalance } from '../read-models/accounts-queries.js';
import type { Standing } from '../read-models/accounts-reader.js';
import type { AccountLine } from '../read-models/audit-reader.js';
import { badCursor, cursorAfter, isPosition, openCursor, type Page, type Paging } from '../read-models/cursors.js';
import type { Moment } from '../read-models/moment.js';
import type { ReadModels } from '../read-models/read-models.js';
import { accountEvent } from './transactions.js';
import { Turns } from './turns.js';

/** So many changes stand with their account; all of them are a list of their own. */
const NAMED_CHANGES = 20;
/** So many events are looked at for a page, and those of its last account: one that finds little says where to go on. */
const PAGE_EVENTS = 5000;
/** So many are looked at before the event loop gets its turn. */
const TURN_EVENTS = 100;
/** Of a longer stretch of a stream the middle is looked at, to find a position in it. */
const STRETCH_EVENTS = 500;

/** What is said of an account at a moment; amounts are plain and in its currency. */
export interface Figures {
  readonly available: string;
  readonly billed: string;
  readonly standing: Standing;
  readonly paymentValid: boolean;
}

/** An event that became known between the two moments, and the line of the statement that it made. */
export interface Change {
  readonly position: string;
  readonly recordedAt: Instant;
  readonly effectiveAt: Instant;
  readonly event: Pick<Recorded, 'stream' | 'revision' | 'id' | 'type'>;
  /** Null: it made none. What it made of a lapse stands with the account. */
  readonly line: AccountLine | null;
}

/** How the answers of an account differ; null: it, the credit or the line was not known then. */
export interface AccountDifference extends AccountKey {
  readonly currency: string;
  readonly before: Figures | null;
  readonly after: Figures;
  /** Credits of which a figure changed. */
  readonly credits: readonly {
    readonly creditId: string;
    readonly before: CreditBalance | null;
    readonly after: CreditBalance;
  }[];
  /** Lines of credits that lapsed, of which the amount or the sweep changed. */
  readonly lapses: readonly { readonly before: AccountLine | null; readonly after: AccountLine | null }[];
  readonly events: number;
  /** The first of them. */
  readonly changes: readonly Change[];
}

const ACCOUNTS = { streamPrefixes: ['account-'] };

/** Compares what two moments of knowledge say of one instant. The cost of all pages is that of the events between them. */
export class Diff {
  constructor(
    private readonly store: EventStore,
    private readonly readModels: ReadModels,
  ) {}

  /** The accounts of which something became known after `from`, in the order in which it did. A page may be short. */
  async accounts(from: Position, asked: Moment, { limit, cursor }: Paging): Promise<Page<AccountDifference> | Refusal> {
    const list = `diff ${from}`;
    const opened = openCursor(list, asked, cursor);
    if (isRefusal(opened)) return opened;
    const { moment } = opened;
    const place = placeIn(opened.place, from);
    if (place === undefined) return badCursor();
    if (from > moment.known) return backwards();
    const items: AccountDifference[] = [];
    const seen = new Set<string>();
    const turns = new Turns(TURN_EVENTS);
    let last: Position = place;
    let looked = 0;
    const page = (isEnd: boolean) => ({
      items,
      next: isEnd ? null : cursorAfter(list, moment, [String(last)]),
      moment,
    });
    for await (const event of this.store.readAll({ after: place, filter: ACCOUNTS })) {
      if (event.position > moment.known) break;
      if (looked >= PAGE_EVENTS) return page(false);
      looked += 1;
      await turns.after();
      if (!seen.has(event.stream) && isSeen(event, moment)) {
        // What an earlier page has told of is not told again.
        if (place === from || !(await this.hasChangedBetween(event, from, place, moment, turns))) {
          if (items.length === limit) return page(false);
          const item = await this.difference(event, from, moment, turns);
          looked += item.events;
          items.push(item);
        }
        seen.add(event.stream);
      }
      last = event.position;
    }
    return page(true);
  }

  /** Every event of one account that became known after `from`, in the order in which it did. A page may be short. */
  async changes(
    { advertiserId, marketplace }: AccountKey,
    from: Position,
    asked: Moment,
    { limit, cursor }: Paging,
  ): Promise<Page<Change> | Refusal> {
    const list = `diff ${from} ${advertiserId} ${marketplace}`;
    const opened = openCursor(list, asked, cursor);
    if (isRefusal(opened)) return opened;
    const { moment } = opened;
    const place = placeIn(opened.place, from);
    if (place === undefined) return badCursor();
    if (from > moment.known) return backwards();
    const account = this.readModels.accounts.accountAt(advertiserId, marketplace, moment);
    if (!account) return refuse('unknown-account', 'There is no such account.');
    const items: Change[] = [];
    const turns = new Turns(TURN_EVENTS);
    let last = place;
    let looked = 0;
    for await (const event of this.behind(accountStream(advertiserId, marketplace), place, turns)) {
      if (event.position > moment.known) break;
      if (items.length === limit || looked === PAGE_EVENTS) {
        return { items, next: cursorAfter(list, moment, [String(last)]), moment };
      }
      looked += 1;
      await turns.after();
      if (isSeen(event, moment)) items.push(this.changeOf(event));
      last = event.position;
    }
    return { items, next: null, moment };
  }

  /** The stream's events behind a position; how many lie before it matters little. */
  private async *behind(stream: string, position: Position, turns: Turns): AsyncGenerator<Recorded> {
    let [from, end] = [0, 1 + ((await firstOf(this.store.read(stream, { direction: 'backwards' })))?.revision ?? -1)];
    while (end - from > STRETCH_EVENTS) {
      const middle = Math.floor((from + end) / 2);
      const event = await firstOf(this.store.read(stream, { from: middle }));
      if (event && event.position <= position) from = middle;
      else end = middle;
      await turns.after(TURN_EVENTS);
    }
    for await (const event of this.store.read(stream, { from })) {
      if (event.position > position) yield event;
      else await turns.after();
    }
  }

  /** `first` is the account's first event that counts. */
  private async difference(first: Recorded, from: Position, moment: Moment, turns: Turns): Promise<AccountDifference> {
    await turns.after(TURN_EVENTS);
    const { advertiserId, marketplace } = first.data as AccountEvent['data'] satisfies AccountKey;
    const key = { advertiserId, marketplace };
    const [earlier, later] = [{ asOf: moment.asOf, known: from }, moment];
    const [before, after] = [this.answer(key, earlier), this.answer(key, later)];
    if (!after) throw new Error(`${first.stream} has events, and no account is known`);
    const known = new Map(before?.credits.map((credit) => [credit.creditId, credit]));
    const credits = after.credits
      .map((credit) => ({ creditId: credit.creditId, before: known.get(credit.creditId) ?? null, after: credit }))
      .filter((credit) => !same(credit.before, credit.after));
    let events = 0;
    const changes: Change[] = [];
    for await (const event of this.store.read(first.stream, { from: first.revision })) {
      if (event.position > moment.known) break;
      await turns.after();
      if (!isSeen(event, moment)) continue;
      events += 1;
      if (changes.length < NAMED_CHANGES) changes.push(this.changeOf(event));
    }
    const { currency } = after;
    const figures = { before: before?.figures ?? null, after: after.figures };
    return { ...key, currency, ...figures, credits, lapses: this.lapses(key, earlier, later), events, changes };
  }

  private answer({ advertiserId, marketplace }: AccountKey, moment: Moment) {
    const { accounts } = this.readModels;
    const account = accounts.accountAt(advertiserId, marketplace, moment);
    const balance = accounts.balance(moment, advertiserId, marketplace);
    if (!account || isRefusal(balance)) return undefined;
    const { available, billed, currency, credits } = balance;
    const { standing, paymentValid } = account;
    return { currency, credits, figures: { available, billed, standing, paymentValid } };
  }

  private lapses(key: AccountKey, earlier: Moment, later: Moment): AccountDifference['lapses'] {
    const before = this.readModels.audit.lapsesBy(key, earlier);
    const after = this.readModels.audit.lapsesBy(key, later);
    return [...new Set([...before.keys(), ...after.keys()])]
      .map((creditId) => ({ before: before.get(creditId) ?? null, after: after.get(creditId) ?? null }))
      .filter((lapse) => !same(lapse.before, lapse.after));
  }

  private changeOf(recorded: Recorded): Change {
    const { stream, revision, id, type, position, recordedAt } = recorded;
    const event = accountEvent(recorded);
    const effectiveAt = effectiveAtOf(event);
    return {
      position: String(position),
      recordedAt,
      effectiveAt,
      event: { stream, revision, id, type },
      line: this.readModels.audit.lineAt(event.data, effectiveAt, position) ?? null,
    };
  }

  /** Whether the account had events that count after `from`, up to `place`; this one stands behind that. */
  private async hasChangedBetween(
    { stream, revision, data }: Recorded,
    from: Position,
    place: Position,
    moment: Moment,
    turns: Turns,
  ): Promise<boolean> {
    if (revision === 0) return false;
    if (this.readModels.audit.hasChangedLately(data as AccountKey, from, { ...moment, known: place })) return true;
    for await (const event of this.store.read(stream, { from: revision - 1, direction: 'backwards' })) {
      if (event.position <= from) return false;
      await turns.after();
      if (event.position <= place && isSeen(event, moment)) return true;
    }
    return false;
  }
}

/** Whether an event is seen as of then. That an account is there is known from its opening on, whenever it takes effect. */
const isSeen = (event: Recorded, { asOf }: Moment): boolean =>
  event.type === 'AccountOpened' || effectiveAtOf(accountEvent(event)) <= asOf;

async function firstOf(events: AsyncIterable<Recorded>): Promise<Recorded | undefined> {
  for await (const event of events) return event;
  return undefined;
}

/** The position after which a page begins; undefined when the cursor's is none. */
function placeIn(place: readonly string[] | undefined, from: Position): Position | undefined {
  if (!place) return from;
  const [position = '', ...rest] = place;
  return rest.length === 0 && isPosition(position) && BigInt(position) >= from ? BigInt(position) : undefined;
}

const backwards = (): Refusal =>
  refuse('invalid-command', 'from is later than to.', [{ path: '/from', message: 'is later than to' }]);

/** As they stand in an answer. */
const same = (a: object | null, b: object | null): boolean => JSON.stringify(a) === JSON.stringify(b);
