import { DAY_MS, plusMs, type Instant } from '../kernel/instant.js';
import { minorOf } from '../kernel/money.js';
import { grouped, minorOfPlain, shown, type AccountBook } from './books.js';
import type { CreditItem, DemoLedger, StatementLine } from './ledger.js';
import { left, right, table } from './table.js';

/** A line that a click or its reversal made, recorded at a position. */
type Fact = StatementLine & { readonly position: string; readonly recordedAt: Instant };

const isFact = (line: StatementLine): line is Fact =>
  (line.kind === 'click' || line.kind === 'click-reversed') && line.position !== null && line.recordedAt !== null;

const movesBalance = (line: StatementLine): boolean => minorOfPlain(line.amount) !== 0n;

/** One account's life: what the ledger says of it at five moments, each asked for anew. */
export async function lifeOf(book: AccountBook, ledger: DemoLedger): Promise<readonly string[]> {
  const { advertiserId, marketplace } = book.account;
  const rows: string[][] = [];
  for (const { asOf, what } of momentsOf(book)) {
    const { available, billed, currency } = await ledger.balance(advertiserId, marketplace, { asOf });
    const amounts = [available, billed].map((amount) => grouped(minorOfPlain(amount), currency));
    rows.push([shown(asOf), what, ...amounts]);
  }
  const { currency } = book.account;
  const columns = [left('as of'), left(''), right(`available ${currency}`), right(`billed ${currency}`)];
  return [`Advertiser ${advertiserId} in ${marketplace}`, ...table(columns, rows)];
}

/** The account whose one credit saw the most: drawn on, partly given back, touched by a late click, expired in part. */
export function mostEventful(books: readonly AccountBook[]): AccountBook | undefined {
  const scored = books
    .filter(({ balance }) => balance.credits.length === 1 && balance.credits[0]?.qualifiedAt)
    .map((book) => ({ book, score: scoreOf(book) }));
  return scored.sort((a, b) => b.score - a.score)[0]?.book;
}

function scoreOf({ lines, balance }: AccountBook): number {
  const [credit] = balance.credits;
  const half = credit !== undefined && minorOfPlain(credit.drawn) * 2n > minorOf(credit.applied);
  return [
    lines.some((line) => line.kind === 'credit-expired' && movesBalance(line)),
    lines.some((line) => line.kind === 'click-reversed' && movesBalance(line)),
    half,
    credit?.granted.currency !== credit?.applied.currency,
    lateFacts(lines).length > 0,
  ].filter(Boolean).length;
}

/** Facts that moved the balance and were recorded after another of the account that happened a day or more later. */
function lateFacts(lines: readonly StatementLine[]): readonly Fact[] {
  const recorded = lines.filter(isFact).sort((a, b) => (BigInt(a.position) < BigInt(b.position) ? -1 : 1));
  let newest = '';
  return recorded.filter((fact) => {
    const late = newest >= plusMs(fact.effectiveAt, DAY_MS);
    if (fact.effectiveAt > newest) newest = fact.effectiveAt;
    return late && movesBalance(fact);
  });
}

interface Told {
  readonly asOf: Instant;
  readonly what: string;
}

function momentsOf({ lines, balance }: AccountBook): readonly Told[] {
  const [credit] = balance.credits;
  if (credit === undefined) return [];
  const { currency } = credit.applied;
  const money = (plain: string) => `${currency} ${grouped(minorOfPlain(plain.replace('-', '')), currency)}`;
  const draws = lines.filter((line) => line.kind === 'click' && movesBalance(line));
  const halfway = draws[Math.floor(draws.length / 2)];
  const late = lateFacts(lines).find((fact) => fact.kind === 'click' && fact !== halfway);
  const turning = late ?? lines.find((line) => line.kind === 'click-reversed' && movesBalance(line));
  const lapse = lines.find((line) => line.kind === 'credit-expired');
  const told = [
    { asOf: plusMs(credit.appliedAt, -DAY_MS), what: dayBefore(credit) },
    { asOf: credit.appliedAt, what: applying(credit) },
    halfway && {
      asOf: halfway.effectiveAt,
      what: `midway through its clicks: this one draws ${money(halfway.amount)}`,
    },
    turning && { asOf: turning.effectiveAt, what: turningText(turning, money) },
    { asOf: credit.expiresAt, what: `the credit ends${lapse ? `, ${money(lapse.amount)} unused` : ', used up'}` },
  ];
  return told.filter((moment) => moment !== undefined).sort((a, b) => (a.asOf < b.asOf ? -1 : 1));
}

const dayBefore = ({ product, qualifiedAt }: CreditItem): string =>
  `the day before; qualified for ${product} on ${qualifiedAt?.slice(0, 10)}`;

function applying({ granted, applied }: CreditItem): string {
  const [given, received] = [granted, applied].map(
    (money) => `${money.currency} ${grouped(minorOf(money), money.currency)}`,
  );
  return given === received ? `the run applies ${given}` : `the run applies ${given}, which is ${received}`;
}

const turningText = (line: StatementLine, money: (plain: string) => string): string =>
  line.kind === 'click'
    ? `a click that was reported late draws ${money(line.amount)} (position ${line.position})`
    : `a click was invalid: ${money(line.amount)} go back on the credit`;

/** One balance at one moment, as believed at two: what was recorded in between explains the difference. */
export interface Disagreement {
  readonly book: AccountBook;
  readonly late: readonly Fact[];
}

/** The account with the most facts (but no more than three) that happened by `asOf` and were recorded after `known`. */
export function disagreementIn(books: readonly AccountBook[], asOf: Instant, known: bigint): Disagreement | undefined {
  const found = books
    .map((book) => {
      const late = book.lines.filter(
        (line) => line.effectiveAt <= asOf && movesBalance(line) && BigInt(line.position ?? 0) > known,
      );
      return { book, late: late.filter(isFact), others: late.some((line) => !isFact(line)) };
    })
    .filter(({ late, others }) => late.length > 0 && late.length <= 3 && !others);
  return found.sort((a, b) => b.late.length - a.late.length)[0];
}

export async function tellDisagreement(
  { book, late }: Disagreement,
  asOf: Instant,
  known: bigint,
  ledger: DemoLedger,
): Promise<{ readonly lines: readonly string[]; readonly explained: boolean }> {
  const { advertiserId, marketplace, currency } = book.account;
  const then = await ledger.balance(advertiserId, marketplace, { asOf, knownAt: `position:${known}` });
  const now = await ledger.balance(advertiserId, marketplace, { asOf });
  const difference = minorOfPlain(now.available) - minorOfPlain(then.available);
  const explained = late.reduce((sum, fact) => sum + minorOfPlain(fact.amount), 0n) === difference;
  const plain = (minor: bigint) => grouped(minor, currency);
  const rows = late.map((fact) => [
    `${fact.kind} ${fact.clickId}`,
    shown(fact.effectiveAt),
    shown(fact.recordedAt),
    fact.position,
    plain(minorOfPlain(fact.amount)),
  ]);
  const columns = [left('what came late'), left('happened'), left('recorded'), right('position'), right(currency)];
  return {
    explained,
    lines: [
      `What had advertiser ${advertiserId} in ${marketplace} available at ${shown(asOf)}?`,
      `  knownAt=position:${known}, right after the November run:  ${currency} ${plain(minorOfPlain(then.available))}`,
      `  all that is known today:  ${currency} ${plain(minorOfPlain(now.available))}`,
      ...table(columns, rows, [['the difference', '', '', '', plain(difference)]]),
      explained
        ? 'These facts explain the difference to the last minor unit.'
        : 'These facts do NOT explain the difference.',
    ],
  };
}
