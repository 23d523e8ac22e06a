import { byCodeUnit } from '../../kernel/identifiers.js';
import type { Instant } from '../../kernel/instant.js';
import { formatMinor, minorOf, moneyOf, type Money } from '../../kernel/money.js';

/** A credit that was given, or would have been. */
export interface PreviewedCredit {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
  /** Null: the terms have one only. */
  readonly stage: string | null;
  readonly qualifiedAt: Instant | null;
  readonly appliedAt: Instant;
  readonly granted: Money;
  /** In the currency of the account. */
  readonly applied: Money;
}

/** With the month of its run, `2022-10`, on the promotion's wall clock. */
export type MonthlyCredit = PreviewedCredit & { readonly month: string };

export interface Cost {
  readonly month: string;
  readonly marketplace: string;
  /** Of the terms, as the amount is. */
  readonly currency: string;
  readonly amount: string;
  readonly credits: number;
}

/** What the terms would have done (`here`) against what was done (`there`). Lists are capped, their lengths are not. */
export interface Difference {
  readonly onlyHere: readonly PreviewedCredit[];
  readonly onlyThere: readonly PreviewedCredit[];
  readonly changed: readonly { readonly here: PreviewedCredit; readonly there: PreviewedCredit }[];
  readonly counts: { readonly onlyHere: number; readonly onlyThere: number; readonly changed: number };
  /** What more it would have cost, by month and marketplace where it is not the same; less with a minus. */
  readonly cost: readonly Cost[];
}

/** What credits come to, by month and marketplace, and in all. */
export function costOf(credits: readonly MonthlyCredit[]) {
  const amounts = [...Map.groupBy(credits, ({ granted }) => granted.currency)].map(([currency, some]) =>
    moneyOf(sumOf(some), currency),
  );
  return { byMonth: rowsOf(credits, []), total: { credits: credits.length, amounts } };
}

export function differenceOf(
  here: readonly MonthlyCredit[],
  there: readonly MonthlyCredit[],
  most: number,
): Difference {
  const real = new Map(there.map((credit) => [keyOf(credit), credit]));
  const previewed = new Set(here.map(keyOf));
  const onlyHere = here.filter((credit) => !real.has(keyOf(credit)));
  const onlyThere = there.filter((credit) => !previewed.has(keyOf(credit)));
  const changed = here.flatMap((credit) => {
    const other = real.get(keyOf(credit));
    return other && textOf(other) !== textOf(credit) ? [{ here: plain(credit), there: plain(other) }] : [];
  });
  return {
    onlyHere: onlyHere.slice(0, most).map(plain),
    onlyThere: onlyThere.slice(0, most).map(plain),
    changed: changed.slice(0, most),
    counts: { onlyHere: onlyHere.length, onlyThere: onlyThere.length, changed: changed.length },
    cost: rowsOf(here, there).filter(({ amount, credits }) => credits !== 0 || !/^[-0.]+$/.test(amount)),
  };
}

/** What `more` come to above `less`. */
function rowsOf(more: readonly MonthlyCredit[], less: readonly MonthlyCredit[]): readonly Cost[] {
  const rows = new Map<string, { cost: Omit<Cost, 'amount' | 'credits'>; minor: bigint; credits: number }>();
  for (const [sign, credits] of [[1, more] as const, [-1, less] as const]) {
    for (const { month, marketplace, granted } of credits) {
      const { currency } = granted;
      const key = [month, marketplace, currency].join(' ');
      const row = rows.get(key) ?? { cost: { month, marketplace, currency }, minor: 0n, credits: 0 };
      rows.set(key, { ...row, minor: row.minor + BigInt(sign) * minorOf(granted), credits: row.credits + sign });
    }
  }
  return [...rows]
    .sort(([a], [b]) => byCodeUnit(a, b))
    .map(([, { cost, minor, credits }]) => ({ ...cost, amount: formatMinor(minor, cost.currency), credits }));
}

const sumOf = (credits: readonly PreviewedCredit[]): bigint =>
  credits.reduce((sum, { granted }) => sum + minorOf(granted), 0n);

const keyOf = ({ advertiserId, marketplace, product, stage }: PreviewedCredit): string =>
  [advertiserId, marketplace, product, stage].join(' ');

export const plain = ({ month: _month, ...credit }: MonthlyCredit): PreviewedCredit => credit;

const textOf = ({ qualifiedAt, appliedAt, granted, applied }: PreviewedCredit): string =>
  JSON.stringify([qualifiedAt, appliedAt, granted.amount, granted.currency, applied.amount, applied.currency]);
