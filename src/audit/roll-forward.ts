import { byCodeUnit } from '../kernel/identifiers.js';
import { epochMs, instantOf, plusMs } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import type { EntryKind } from '../read-models/books-model.js';
import type { BooksFilter, BooksQueries } from '../read-models/books-queries.js';
import { badCursor, cursorAfter, openCursor, type Page, type Paging } from '../read-models/cursors.js';
import type { Section } from '../read-models/ledger-sections.js';
import type { Moment } from '../read-models/moment.js';
import type { Month } from './domain/periods.js';

/** A plain amount, and the question that lists exactly what it is made of. */
export interface Figure {
  readonly amount: string;
  readonly drill: string;
}

/** opening + granted - drawn - expired - revoked + restored = closing. */
export interface RollForward {
  readonly promotionId: string;
  readonly marketplace: string;
  readonly currency: string;
  readonly opening: Figure;
  readonly granted: Figure;
  readonly drawn: Figure;
  readonly expired: Figure;
  readonly revoked: Figure;
  /** What reversals of clicks gave back. */
  readonly restored: Figure;
  readonly closing: Figure;
  /** What of the closing is of credits that have ended and are not swept: nothing can be paid from it any more. */
  readonly lapsed: Figure;
}

/** What moves a liability, and whether it raises it. */
const MOVES = {
  granted: [['CreditApplied'], 1n],
  drawn: [['ClickSpent', 'ImpressionsSpent'], -1n],
  expired: [['CreditExpired'], -1n],
  revoked: [['CreditRevoked'], -1n],
  restored: [['ClickReversed'], 1n],
} as const satisfies Record<string, readonly [readonly EntryKind[], bigint]>;

/**
 * How what is owed on a promotion's credits went through a month (of UTC), by promotion, marketplace and currency. A
 * liability ends with the credit's sweep, effective at its end, or with its revocation. As of an instant within the month
 * it goes as far as that; of a month that has not begun, nothing has moved.
 */
export async function rollForward(
  books: BooksQueries,
  asked: Moment,
  month: Month,
  filter: Pick<BooksFilter, 'promotionId' | 'marketplace' | 'currency'>,
  { limit, cursor }: Paging,
): Promise<Page<RollForward> | Refusal> {
  const list = `liability ${JSON.stringify([month.from, filter])}`;
  const opened = openCursor(list, asked, cursor);
  if (isRefusal(opened)) return opened;
  const { moment, place } = opened;
  if (place && place.length !== 3) return badCursor();
  const sections = books.sections
    .matching(filter, ['credits'])
    .sort(inOrder)
    .filter((section) => !place || inOrder(section, sectionAt(place)) > 0);
  const items: RollForward[] = [];
  for (const section of sections) {
    const item = await itemOf(books, section, moment, month);
    if (!item) continue;
    const last = items.at(-1);
    if (items.length === limit && last) {
      return { items, next: cursorAfter(list, moment, [last.promotionId, last.marketplace, last.currency]), moment };
    }
    items.push(item);
  }
  return { items, next: null, moment };
}

type Placed = Pick<Section, 'name' | 'marketplace' | 'currency'>;

const inOrder = (a: Placed, b: Placed): number =>
  byCodeUnit(a.name, b.name) || byCodeUnit(a.marketplace, b.marketplace) || byCodeUnit(a.currency, b.currency);

const sectionAt = ([name = '', marketplace = '', currency = '']: readonly string[]): Placed => ({
  name,
  marketplace,
  currency,
});

/** Undefined when nothing of the section is known by then. */
async function itemOf(
  books: BooksQueries,
  { id, name, marketplace, currency }: Section,
  { asOf, known }: Moment,
  { from, to }: Month,
): Promise<RollForward | undefined> {
  const endMs = Math.min(epochMs(to), epochMs(asOf) + 1);
  const fromMs = Math.min(epochMs(from), endMs);
  const before = await books.sections.sums(id, -Infinity, fromMs, known);
  const within = await books.sections.sums(id, fromMs, endMs, known);
  if (before.size === 0 && within.size === 0) return undefined;
  const end = instantOf(endMs);
  const moment = { asOf: plusMs(end, -1), known };
  const of = { promotionId: name, marketplace, currency };
  const figure = (amount: bigint, drill: string): Figure => ({ amount: formatMinor(amount, currency), drill });
  const journal = (period: object) => question('/v1/journal', moment, of, period);
  const opening = -total(before.values());
  const moved = (what: keyof typeof MOVES): Figure => {
    const [kinds, sign] = MOVES[what];
    const amount = -sign * total(kinds.map((kind) => within.get(kind) ?? 0n));
    return figure(amount, journal({ kind: kinds.join(','), from: instantOf(fromMs), to: end }));
  };
  const lapsed = await books.lapsed(moment, name, marketplace, currency);
  return {
    ...of,
    opening: figure(opening, journal({ to: instantOf(fromMs) })),
    granted: moved('granted'),
    drawn: moved('drawn'),
    expired: moved('expired'),
    revoked: moved('revoked'),
    restored: moved('restored'),
    closing: figure(opening - total(within.values()), journal({ to: end })),
    lapsed: figure(lapsed, question('/v1/trial-balance', moment, of, { lapsed: 'true' })),
  };
}

const total = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((sum, amount) => sum + amount, 0n);

/** A question about the promotion's liabilities, at a position, so that it is answered the same for ever. */
function question(path: string, { asOf, known }: Moment, of: object, more: object): string {
  const asked = { account: 'liabilities:credits', ...of, ...more, asOf, knownAt: `position:${known}` };
  return `${path}?${new URLSearchParams(asked).toString()}`;
}
