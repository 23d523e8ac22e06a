import { parseInstant } from '../kernel/instant.js';
import { refuse, type Refusal } from '../kernel/refusal.js';
import type { Moment } from './moment.js';

export interface Paging {
  /** At most so many items, from 1. */
  readonly limit: number;
  /** The `next` of the page before. */
  readonly cursor?: string;
}

/** As a question says it, where a cursor that is not there may stand as undefined. */
export const pagingOf = ({
  limit,
  cursor,
}: {
  readonly limit: number;
  readonly cursor?: string | undefined;
}): Paging => (cursor === undefined ? { limit } : { limit, cursor });

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Null on the last page. */
  readonly next: string | null;
  /** What the items are an answer of: the moment of the first page, whatever was asked with the cursor. */
  readonly moment: Moment;
}

/**
 * A cursor holds the moment of the first page and the place after which the next one begins, so that pages fit together
 * while facts keep arriving. `list` says what it is a cursor of; it opens no other list.
 */
export function cursorAfter(list: string, { asOf, known }: Moment, place: readonly string[]): string {
  return Buffer.from(JSON.stringify([list, asOf, String(known), ...place])).toString('base64url');
}

/** The moment and the place to go on from: no place without a cursor. */
export function openCursor(
  list: string,
  moment: Moment,
  cursor: string | undefined,
): { moment: Moment; place?: readonly string[] } | Refusal {
  if (cursor === undefined) return { moment };
  const [of, asOfText = '', known = '', ...place] = textsOf(cursor);
  const asOf = parseInstant(asOfText);
  if (of !== list || !asOf || !isPosition(known)) return badCursor();
  return { moment: { asOf, known: BigInt(known) }, place };
}

export const badCursor = (): Refusal =>
  refuse('invalid-command', 'The cursor cannot be read.', [{ path: '/cursor', message: 'is not one of this list' }]);

export const isPosition = (text: string): boolean => /^[0-9]{1,18}$/.test(text);

function textsOf(cursor: string): string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : [];
  } catch {
    return [];
  }
}
