import { ledgerAccountName } from '../accounts/domain/postings.js';
import type { Position } from '../event-store/event-store.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import { badCursor, cursorAfter, isPosition, openCursor, type Page, type Paging } from '../read-models/cursors.js';
import type { Moment } from '../read-models/moment.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { Books, Transaction } from './journal.js';
import { reportedMoment, type ClosedPeriod } from './periods.js';
import { transactionView } from './views.js';

/** So many facts are named with a line; all of them are a list of their own. */
const NAMED_FACTS = 20;

interface Fact {
  readonly position: string;
  readonly recordedAt: Instant;
  readonly effectiveAt: Instant;
  readonly event: Transaction['event'];
  readonly description: string;
}

/** What is known now of a ledger account in a currency, beside what was reported. Amounts are plain; negative: credit. */
export interface RestatedLine {
  readonly account: string;
  readonly currency: string;
  readonly reported: string;
  readonly restated: string;
  readonly difference: string;
  /** How many facts make the difference, and the first of them with what each posted here. */
  readonly lateFacts: number;
  readonly facts: readonly (Fact & { readonly amount: string })[];
}

/** A fact of a closed period that was recorded after it was closed, with all its postings. */
export type LateFact = ReturnType<typeof transactionView>;

interface Sum {
  readonly account: string;
  readonly currency: string;
  count: number;
}

/** What became known of closed periods after they were closed: the late facts, and what they change line by line. */
export class LateFacts {
  constructor(
    private readonly books: Books,
    private readonly readModels: ReadModels,
  ) {}

  /** The ledger accounts that late facts have posted to, by name, then currency. Reads what was recorded since. */
  async difference(
    closed: ClosedPeriod,
    asked: Moment,
    { limit, cursor }: Paging,
  ): Promise<Page<RestatedLine> | Refusal> {
    const list = `period ${closed.period} difference`;
    const opened = openCursor(list, { asOf: closed.asOf, known: asked.known }, cursor);
    if (isRefusal(opened)) return opened;
    const { moment } = opened;
    const [account = '', currency = '', ...rest] = opened.place ?? [];
    if (rest.length > 0) return badCursor();
    const after = { account, currency };
    const touched = (await this.touched(closed, moment)).filter((sum) => inOrder(sum, after) > 0);
    const lines = await this.restate(closed, moment, touched.slice(0, limit));
    const last = lines.at(-1);
    const isMore = touched.length > limit && last !== undefined;
    return { items: lines, next: isMore ? cursorAfter(list, moment, [last.account, last.currency]) : null, moment };
  }

  /** In the order recorded; of one ledger account and currency, or of all. */
  async list(
    closed: ClosedPeriod,
    asked: Moment,
    { account, currency }: { readonly account?: string; readonly currency?: string },
    { limit, cursor }: Paging,
  ): Promise<Page<LateFact> | Refusal> {
    const list = `period ${closed.period} late facts ${account ?? ''} ${currency ?? ''}`;
    const opened = openCursor(list, { asOf: closed.asOf, known: asked.known }, cursor);
    if (isRefusal(opened)) return opened;
    const { moment } = opened;
    const [place = closed.position, ...rest] = opened.place ?? [];
    if (rest.length > 0 || !isPosition(place)) return badCursor();
    const items: LateFact[] = [];
    for await (const transaction of this.books.transactions(moment, {}, BigInt(place))) {
      const isMeant = transaction.postings.some(
        (posting) =>
          (account === undefined || ledgerAccountName(posting.account) === account) &&
          (currency === undefined || posting.currency === currency),
      );
      if (!isMeant) continue;
      if (items.length === limit) return { items, next: cursorAfter(list, moment, [items.at(-1)!.position]), moment };
      items.push(transactionView(transaction));
    }
    return { items, next: null, moment };
  }

  private async touched(closed: ClosedPeriod, moment: Moment): Promise<readonly Sum[]> {
    const sums = new Map<string, Sum>();
    for await (const { postings } of this.late(closed, moment)) {
      for (const posting of postings) {
        const account = ledgerAccountName(posting.account);
        const key = keyOf({ account, currency: posting.currency });
        const sum = sums.get(key) ?? { account, currency: posting.currency, count: 0 };
        sum.count += 1;
        sums.set(key, sum);
      }
    }
    return [...sums.values()].sort(inOrder);
  }

  /** Both balances as the books have them, each by itself: what the facts posted must make the difference. */
  private async restate(closed: ClosedPeriod, moment: Moment, lines: readonly Sum[]): Promise<readonly RestatedLine[]> {
    if (lines.length === 0) return [];
    const wanted = new Set(lines.map(keyOf));
    const reported = await this.balances(reportedMoment(closed), lines);
    const restated = await this.balances(moment, lines);
    const facts = new Map<string, RestatedLine['facts'][number][]>();
    for await (const transaction of this.late(closed, moment)) {
      for (const { account, currency, amountMinor } of transaction.postings) {
        const key = keyOf({ account: ledgerAccountName(account), currency });
        const named = facts.get(key) ?? [];
        if (!wanted.has(key) || named.length === NAMED_FACTS) continue;
        facts.set(key, [...named, { ...factOf(transaction), amount: formatMinor(amountMinor, currency) }]);
      }
    }
    return lines.map(({ account, currency, count }) => {
      const key = keyOf({ account, currency });
      const [before, now] = [reported.get(key) ?? 0n, restated.get(key) ?? 0n];
      return {
        account,
        currency,
        reported: formatMinor(before, currency),
        restated: formatMinor(now, currency),
        difference: formatMinor(now - before, currency),
        lateFacts: count,
        facts: facts.get(key) ?? [],
      };
    });
  }

  private async balances(moment: Moment, lines: readonly Sum[]): Promise<ReadonlyMap<string, bigint>> {
    const balances = new Map<string, bigint>();
    for (const { account, currency } of lines) {
      const before = { name: account, currency: '' };
      for await (const line of this.readModels.books.balances(moment, { account, currency }, before)) {
        // The name is also the beginning of those below it.
        if (line.name === account) balances.set(keyOf({ account, currency }), line.balanceMinor);
        break;
      }
    }
    return balances;
  }

  /** Effective by the period's end, and recorded after what was known when it was closed. */
  private late({ position }: ClosedPeriod, moment: Moment): AsyncIterable<Transaction> {
    const after: Position = BigInt(position);
    return this.books.transactions(moment, {}, after);
  }
}

const keyOf = ({ account, currency }: { readonly account: string; readonly currency: string }) =>
  `${account} ${currency}`;

const inOrder = (a: Omit<Sum, 'count'>, b: Omit<Sum, 'count'>): number =>
  byCodeUnit(a.account, b.account) || byCodeUnit(a.currency, b.currency);

const factOf = ({ position, recordedAt, effectiveAt, event, description }: Transaction): Fact => ({
  position: String(position),
  recordedAt,
  effectiveAt,
  event,
  description,
});
