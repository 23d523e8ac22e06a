import type { Instant } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { never } from '../kernel/decider.js';
import type { AccountItem, Balance, DemoLedger, Page, StatementLine } from './ledger.js';

/** All that the ledger says of one account at one moment. */
export interface AccountBook {
  readonly account: AccountItem;
  readonly balance: Balance;
  readonly lines: readonly StatementLine[];
}

/** Sums of statement lines in minor units of one currency. */
export interface Sums {
  readonly granted: bigint;
  /** What valid clicks cost: those reversed are taken off again. */
  readonly spent: bigint;
  /** What clicks took from credits, less what reversals put back. */
  readonly drawn: bigint;
  /** What clicks and clawbacks put on the bill, less what reversals took off it. */
  readonly billed: bigint;
  readonly expired: bigint;
  readonly revoked: bigint;
  /** What credits had paid for and was billed after all, since they were revoked with clawback. */
  readonly clawedBack: bigint;
  /** What credits had paid for clicks that were reversed when the credits had ended: it went back to nobody. */
  readonly forfeited: bigint;
}

const NOTHING: Sums = {
  granted: 0n,
  spent: 0n,
  drawn: 0n,
  billed: 0n,
  expired: 0n,
  revoked: 0n,
  clawedBack: 0n,
  forfeited: 0n,
};

/** Reads every account's statement and balance through the ledger's own answers; `onAccount` is told of each. */
export async function readBooks(ledger: DemoLedger, asOf: Instant, onAccount: () => void): Promise<AccountBook[]> {
  const books: AccountBook[] = [];
  for await (const account of allPages((paging) => ledger.accounts({ asOf, ...paging }))) {
    const { advertiserId, marketplace } = account;
    const lines: StatementLine[] = [];
    for await (const line of allPages((paging) => ledger.statement(advertiserId, marketplace, { asOf, ...paging }))) {
      lines.push(line);
    }
    books.push({ account, balance: await ledger.balance(advertiserId, marketplace, { asOf }), lines });
    onAccount();
  }
  return books;
}

/** Every item of a list that is answered page by page. */
export async function* allPages<Item>(ask: (paging: { cursor?: string }) => Promise<Page<Item>>): AsyncGenerator<Item> {
  let page = await ask({});
  yield* page.items;
  while (page.next !== null) {
    page = await ask({ cursor: page.next });
    yield* page.items;
  }
}

/** The sums of the lines in effect at `asOf`. */
export function sumLines(lines: readonly StatementLine[], asOf: Instant): Sums {
  const costs = new Map<string, bigint>();
  return lines
    .filter(({ effectiveAt }) => effectiveAt <= asOf)
    .reduce((sums, line) => addLine(sums, line, costs), NOTHING);
}

/** `costs` remembers what each click cost, for its reversal. */
function addLine(sums: Sums, line: StatementLine, costs: Map<string, bigint>): Sums {
  const change = minorOfPlain(line.amount);
  const billable = minorOfPlain(line.billable);
  switch (line.kind) {
    case 'credit-applied':
      return { ...sums, granted: sums.granted + change };
    case 'click':
    case 'impressions':
      if (line.clickId !== undefined) costs.set(line.clickId, billable - change);
      return {
        ...sums,
        spent: sums.spent + billable - change,
        drawn: sums.drawn - change,
        billed: sums.billed + billable,
      };
    case 'click-reversed': {
      const cost = costs.get(line.clickId!) ?? 0n;
      const forfeited = sums.forfeited + cost - change + billable;
      return {
        ...sums,
        spent: sums.spent - cost,
        drawn: sums.drawn - change,
        billed: sums.billed + billable,
        forfeited,
      };
    }
    case 'credit-revoked':
      return {
        ...sums,
        revoked: sums.revoked - change,
        billed: sums.billed + billable,
        clawedBack: sums.clawedBack + billable,
      };
    case 'credit-expired':
      return { ...sums, expired: sums.expired - change };
    default:
      return never(line.kind);
  }
}

export const addSums = (a: Sums, b: Sums): Sums => ({
  granted: a.granted + b.granted,
  spent: a.spent + b.spent,
  drawn: a.drawn + b.drawn,
  billed: a.billed + b.billed,
  expired: a.expired + b.expired,
  revoked: a.revoked + b.revoked,
  clawedBack: a.clawedBack + b.clawedBack,
  forfeited: a.forfeited + b.forfeited,
});

/** What must be left of the credits. */
export const liveOf = (sums: Sums): bigint => sums.granted - sums.drawn - sums.expired - sums.revoked;

/** Adds up what each item of a group comes to, by the group's key, keys in order. */
export function totalBy<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  sumsOf: (item: Item) => Sums,
): ReadonlyMap<string, Sums> {
  const totals = new Map<string, Sums>();
  for (const item of items) totals.set(keyOf(item), addSums(totals.get(keyOf(item)) ?? NOTHING, sumsOf(item)));
  return new Map([...totals].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Minor units of a plain amount with exactly its currency's digits, signed. */
export const minorOfPlain = (amount: string): bigint => BigInt(amount.replace('.', ''));

/** `2022-10-04T07:00:00.000Z` → `2022-10-04 07:00:00Z`; milliseconds stay where there are any. */
export const shown = (instant: Instant): string => instant.replace('T', ' ').replace('.000Z', 'Z');

/** `-1234567n, 'EUR'` → `-12,345.67`. */
export const grouped = (minor: bigint, currency: string): string =>
  formatMinor(minor, currency).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');
