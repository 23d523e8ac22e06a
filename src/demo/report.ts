import type { Instant } from '../kernel/instant.js';
import { minorOf } from '../kernel/money.js';
import {
  addSums,
  grouped,
  liveOf,
  minorOfPlain,
  shown,
  sumLines,
  totalBy,
  type AccountBook,
  type Sums,
} from './books.js';
import type { AccountItem, RunResult, SweepResult } from './ledger.js';
import { left, right, table } from './table.js';

export interface PerformedSweep extends SweepResult {
  readonly asOf: Instant;
}

/** Of each run: how many were applied, how soon, and who was put off for what. */
export function runsTable(runs: readonly RunResult[], books: readonly AccountBook[]): readonly string[] {
  const credits = books.flatMap(({ balance }) => balance.credits);
  const rows = runs.map((run) => {
    const given = credits.filter(({ appliedAt, withinSla }) => appliedAt === run.runAt && withinSla !== null);
    const kept = given.filter(({ withinSla }) => withinSla === true);
    const share = given.length === 0 ? '-' : `${kept.length} of ${given.length}`;
    return [run.date, shown(run.runAt), `${run.applied}`, share, `${run.deferred}`, reasonsOf(run)];
  });
  const columns = [
    left('Run'),
    left('performed as of'),
    right('applied'),
    right('within 30 days'),
    right('deferred'),
    left('because'),
  ];
  return table(columns, rows);
}

function reasonsOf(run: RunResult): string {
  const counts = new Map<string, number>();
  for (const reason of run.deferrals.flatMap(({ reasons }) => reasons))
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
}

/** What each expiry run found unused, a column a run, a line a currency. */
export function sweepsTable(sweeps: readonly PerformedSweep[]): readonly string[] {
  const currencies = [...new Set(sweeps.flatMap(({ amounts }) => amounts.map(({ currency }) => currency)))].sort();
  const rows = currencies.map((currency) => [
    currency,
    ...sweeps.map(({ amounts }) => {
      const unused = amounts.find((money) => money.currency === currency);
      return unused === undefined ? '-' : grouped(minorOf(unused), currency);
    }),
  ]);
  const ended = ['credits ended', ...sweeps.map(({ expired }) => `${expired}`)];
  return table([left('unused'), ...sweeps.map(({ asOf }) => right(asOf.slice(0, 10)))], rows, [ended]);
}

/** What each marketplace was granted, what its clicks cost, and who paid: amounts in its currency but for the first. */
export function marketplacesTable(books: readonly AccountBook[], asOf: Instant): readonly string[] {
  const markets = Map.groupBy(books, ({ account }) => account.marketplace);
  const rows = [...markets]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([marketplace, own]) => {
      const currency = own[0]?.account.currency ?? '';
      const sums = own.map(({ lines }) => sumLines(lines, asOf)).reduce(addSums);
      return [marketplace, currency, `${own.length}`, ...creditsOf(own), ...amountsOf(sums, currency)];
    });
  const totals = [['all', 'USD', `${books.length}`, ...creditsOf(books)]];
  return table(MARKETPLACE_COLUMNS, rows, totals);
}

const MARKETPLACE_COLUMNS = [
  left(''),
  left(''),
  right('accounts'),
  right('credits'),
  right('granted USD'),
  right('granted'),
  right('spent'),
  right('by credits'),
  right('billed'),
  right('expired'),
  right('revoked'),
];

const amountsOf = (sums: Sums, currency: string): readonly string[] =>
  [sums.granted, sums.spent, sums.drawn, sums.billed, sums.expired, sums.revoked].map((minor) =>
    grouped(minor, currency),
  );

/** How many credits, and what they were granted as, in the currency of the terms. */
function creditsOf(books: readonly AccountBook[]): readonly string[] {
  const granted = books.flatMap(({ balance }) => balance.credits.map((credit) => credit.granted));
  const currency = granted[0]?.currency ?? 'USD';
  return [
    `${granted.length}`,
    grouped(
      granted.reduce((sum, money) => sum + minorOf(money), 0n),
      currency,
    ),
  ];
}

export interface Checked {
  readonly lines: readonly string[];
  readonly balanced: boolean;
}

/**
 * By currency, that the lines of all statements add up to what the ledger says is available. `accounts` are its answer
 * for that very moment: another question than the statements, so the two can disagree.
 */
export function liabilityCheck(
  books: readonly AccountBook[],
  accounts: readonly AccountItem[],
  asOf: Instant,
): Checked {
  const available = new Map<string, bigint>();
  for (const { currency, available: amount } of accounts) {
    available.set(currency, (available.get(currency) ?? 0n) + minorOf(amount));
  }
  const totals = totalBy(
    books,
    ({ account }) => account.currency,
    ({ lines }) => sumLines(lines, asOf),
  );
  const checks = [...totals].map(([currency, sums]) => ({ currency, sums, said: available.get(currency) ?? 0n }));
  const rows = checks.map(({ currency, sums, said }) => [
    currency,
    ...[sums.granted, sums.drawn, sums.expired, sums.revoked, liveOf(sums), said].map((minor) =>
      grouped(minor, currency),
    ),
    liveOf(sums) === said ? 'balanced' : 'DIFFERS',
  ]);
  const columns = ['granted', '- by credits', '- expired', '- revoked', '= live', 'ledger says'].map(right);
  return {
    lines: table([left(''), ...columns, left('')], rows),
    balanced: checks.every(({ sums, said }) => liveOf(sums) === said),
  };
}

/** By currency, how the cost of clicks was paid; what was clawed back or forfeited was paid by a credit and again. */
export function whoPaidTable(books: readonly AccountBook[], asOf: Instant): readonly string[] {
  const totals = totalBy(
    books,
    ({ account }) => account.currency,
    ({ lines }) => sumLines(lines, asOf),
  );
  const rows = [...totals].map(([currency, { spent, drawn, billed, clawedBack, forfeited }]) => [
    currency,
    ...[spent, drawn, billed, clawedBack, forfeited].map((minor) => grouped(minor, currency)),
  ]);
  const columns = ['spent', '= by credits', '+ billed', '- clawed back', '- forfeited'].map(right);
  return table([left(''), ...columns], rows);
}

/** Accounts whose statement adds up to another bill than their balance shows. */
export const billsThatDiffer = (books: readonly AccountBook[], asOf: Instant): readonly AccountBook[] =>
  books.filter(({ lines, balance }) => sumLines(lines, asOf).billed !== minorOfPlain(balance.billed));
