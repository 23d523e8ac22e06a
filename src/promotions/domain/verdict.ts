import { earlier, later, type Instant } from '../../kernel/instant.js';

/** How a condition stands: since when it holds, or what is missing and what would satisfy it. */
export interface Verdict {
  readonly kind: string;
  /** By which windows refer to it; null: none do. */
  readonly id: string | null;
  /** What is asked, in words. */
  readonly says: string;
  /** Since when it holds; null: it does not. */
  readonly metAt: Instant | null;
  /** What is missing, as data; null when it is met. */
  readonly missing: object | null;
  /** What would satisfy it, in words; null when it is met. */
  readonly needs: string | null;
  /** When it is missed, if it or the part with the first deadline is not met by then; null: never, or it is met. */
  readonly until: Instant | null;
  /** When it would be met if all that it needs came as soon as it can; null: it no longer can. */
  readonly couldBeMetAt: Instant | null;
  /** Whose condition it is; null: no campaign's, or of one that is still to be made. */
  readonly campaignId: string | null;
  readonly parts: readonly Verdict[];
  /** How far a condition on changes or active time has come, whether it is met or not. */
  readonly soFar: SoFar | null;
}

export interface SoFar {
  /** Changes in each week of the calendar. */
  readonly weeks?: readonly number[];
  /** Weeks, in the longest row there has been, and to go in the one that can still continue. */
  readonly longestRow?: number;
  readonly weeksToGo?: number;
  readonly changes?: number;
  readonly changesToGo?: number;
  readonly activeMs?: number;
  readonly activeMsToGo?: number;
}

/** What an atom comes to: a verdict but for what the terms say of it. */
export type Outcome = Pick<Verdict, 'metAt' | 'missing' | 'needs' | 'until' | 'couldBeMetAt'> & {
  readonly soFar?: SoFar | null;
};

export const metSince = (metAt: Instant): Outcome => ({
  metAt,
  missing: null,
  needs: null,
  until: null,
  couldBeMetAt: metAt,
});

/** The latest of instants that must all be there. */
export const latest = (instants: readonly (Instant | null)[]): Instant | null =>
  instants.reduce((last, at) => (last !== null && at !== null ? later(last, at) : null));

/** The earliest of those that are there. */
export const earliest = (instants: readonly (Instant | null)[]): Instant | null =>
  instants.reduce((first, at) => (first !== null && at !== null ? earlier(first, at) : (first ?? at)), null);

/** The last of several deadlines; one that is open has none. */
export const lastDeadline = (untils: readonly (Instant | null)[]): Instant | null =>
  untils.length === 0 ? null : latest(untils);

/** Every part must hold: since the last of them does, and until the first deadline of those that do not. */
export function allOf(parts: readonly Outcome[]): Outcome {
  const metAt = latest(parts.map((part) => part.metAt));
  if (metAt !== null) return metSince(metAt);
  const unmet = parts.filter((part) => part.metAt === null);
  return {
    metAt,
    missing: { of: parts.length, conditions: unmet.length },
    needs: unmet.map(({ needs }) => needs).join('; and '),
    until: earliest(unmet.map(({ until }) => until)),
    couldBeMetAt: latest(parts.map(({ couldBeMetAt }) => couldBeMetAt)),
  };
}

/** One part is enough: the first that holds, and as long as any can. */
export function anyOf(parts: readonly Outcome[]): Outcome {
  const metAt = earliest(parts.map((part) => part.metAt));
  if (metAt !== null) return metSince(metAt);
  return {
    metAt,
    missing: { of: parts.length, conditions: 1 },
    needs: parts.map(({ needs }) => needs).join('; or '),
    until: lastDeadline(parts.map(({ until }) => until)),
    couldBeMetAt: earliest(parts.map(({ couldBeMetAt }) => couldBeMetAt)),
  };
}
