import { ledgerAccountName } from '../accounts/domain/postings.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import { badCursor, cursorAfter, isPosition, openCursor, type Page, type Paging } from '../read-models/cursors.js';
import type { Moment } from '../read-models/moment.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { Books, Transaction } from './journal.js';
import { reportedMoment, type ClosedPeriod } from './periods.js';
import { Turns } from './turns.js';
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

interface Line {
  readonly account: string;
  readonly currency: string;
}

/** What late facts have posted to a line: how many, and the first of them. */
interface Posted extends Line {
  count: number;
  readonly facts: RestatedLine['facts'][number][];
}

/** So many balances are read before the event loop gets its turn. */
const TURN_LINES = 20;

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
    const posted = await this.posted(closed, moment, { account, currency }, limit + 1);
    const lines = posted.slice(0, limit);
    const reported = await this.balances(reportedMoment(closed), lines);
    const restated = await this.balances(moment, lines);
    const last = lines.at(-1);
    const isMore = posted.length > limit && last !== undefined;
    return {
      items: lines.map((line, index) => restatedLine(line, reported[index]!, restated[index]!)),
      next: isMore ? cursorAfter(list, moment, [last.account, last.currency]) : null,
      moment,
    };
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

  /** The first lines behind a place that late facts have posted to: `most` of them, whatever many more there are. */
  private async posted(closed: ClosedPeriod, moment: Moment, after: Line, most: number): Promise<Posted[]> {
    const lines = new Map<string, Posted>();
    const first = () => [...lines.values()].sort(inOrder).slice(0, most);
    // Effective by the period's end, and recorded after what was known when it was closed.
    for await (const transaction of this.books.transactions(moment, {}, BigInt(closed.position))) {
      for (const { account: levels, currency, amountMinor } of transaction.postings) {
        const line = { account: ledgerAccountName(levels), currency };
        if (inOrder(line, after) <= 0) continue;
        const key = `${line.account} ${currency}`;
        const posted = lines.get(key) ?? { ...line, count: 0, facts: [] };
        posted.count += 1;
        if (posted.facts.length < NAMED_FACTS) {
          posted.facts.push({ ...factOf(transaction), amount: formatMinor(amountMinor, currency) });
        }
        lines.set(key, posted);
      }
      if (lines.size <= 2 * most) continue;
      const kept = first();
      // What is left out comes behind all that is kept, and would again.
      lines.clear();
      for (const line of kept) lines.set(`${line.account} ${line.currency}`, line);
    }
    return first();
  }

  /** As the books have them, each by itself: what the facts posted must make the difference. */
  private async balances(moment: Moment, lines: readonly Line[]): Promise<readonly bigint[]> {
    const balances: bigint[] = [];
    const turns = new Turns(TURN_LINES);
    for (const { account, currency } of lines) {
      await turns.after();
      balances.push(await this.balanceOf(moment, account, currency));
    }
    return balances;
  }

  private async balanceOf(moment: Moment, account: string, currency: string): Promise<bigint> {
    for await (const line of this.readModels.books.balances(moment, { account, currency })) {
      // The name is also the beginning of those below it, and comes before them.
      return line.name === account ? line.balanceMinor : 0n;
    }
    return 0n;
  }
}

function restatedLine({ account, currency, count, facts }: Posted, reported: bigint, restated: bigint): RestatedLine {
  return {
    account,
    currency,
    reported: formatMinor(reported, currency),
    restated: formatMinor(restated, currency),
    difference: formatMinor(restated - reported, currency),
    lateFacts: count,
    facts,
  };
}

const inOrder = (a: Line, b: Line): number => byCodeUnit(a.account, b.account) || byCodeUnit(a.currency, b.currency);

const factOf = ({ position, recordedAt, effectiveAt, event, description }: Transaction): Fact => ({
  position: String(position),
  recordedAt,
  effectiveAt,
  event,
  description,
});
