import { plusDays } from '../../kernel/calendar.js';
import { later, type Instant } from '../../kernel/instant.js';
import type { PromotionCalendar } from './events.js';
import type { ConvertAt, SubjectFacts } from './facts.js';
import type { Rules } from './rules.js';
import type { AnchorTerms, EdgeTerms, MomentTerms, WindowTerms } from './terms.js';
import { earliest, type Outcome } from './verdict.js';
import { anchorWords, deadlineWords } from './words.js';

/** What every condition on one subject is looked at with. */
export interface Scope {
  readonly rules: Rules;
  readonly calendar: PromotionCalendar;
  /** One of the rules' products, or `ALL`. */
  readonly product: string;
  /** Effective at or before `asOf`. */
  readonly facts: SubjectFacts;
  readonly convertAt: ConvertAt;
  readonly asOf: Instant;
  /** When the condition with this id was met, as this scope sees it. */
  met(id: string): Happening;
}

/** When something happened, or else could at the earliest, and until when it can. */
export interface Happening {
  readonly at: Instant | null;
  readonly couldBeAt: Instant | null;
  readonly until: Instant | null;
}

/** Facts of a window lie in [from, end); what is reached at its very end counts. An `end` of null: it is open. */
export interface Span {
  readonly from: Instant;
  readonly end: Instant | null;
}

/** A window, or how it would be if what it begins with happened as soon as it can. */
export type Window =
  | { readonly span: Span; readonly waitsFor: null }
  | { readonly hoped: Span | null; readonly waitsFor: string; readonly until: Instant | null };

export const contains = ({ from, end }: Span, at: Instant): boolean => from <= at && (end === null || at < end);

/** Whether something that takes time may be reached then. */
export const reaches = ({ end }: Span, at: Instant): boolean => end === null || at <= end;

/** The first instant, from now on, at which a fact of the window could be. */
export function soonestIn(span: Span, asOf: Instant): Instant | null {
  const at = later(span.from, asOf);
  return contains(span, at) ? at : null;
}

/** By default the period. */
export function windowOf(terms: WindowTerms | undefined, scope: Scope): Window {
  const { start, end } = scope.calendar;
  if (!terms) return { span: { from: start, end }, waitsFor: null };
  const begins = edgeOf(terms.from, scope);
  if (begins.at !== null) return { span: spanFrom(begins.at, terms, scope), waitsFor: null };
  const hoped = begins.couldBeAt === null ? null : spanFrom(begins.couldBeAt, terms, scope);
  return { hoped, waitsFor: anchorWords(anchorIn(terms.from)), until: latestEnd(begins.until, terms, scope) };
}

function spanFrom(from: Instant, terms: WindowTerms, scope: Scope): Span {
  if (terms.for !== undefined) return { from, end: plusDays(from, terms.for) ?? null };
  return { from, end: terms.until === undefined ? null : edgeOf(terms.until, scope).at };
}

/** Until when anything can be in a window whose begin has not come: when it no longer can come, that is already over. */
function latestEnd(lastBegin: Instant | null, terms: WindowTerms, scope: Scope): Instant | null {
  const fixed = terms.until === undefined ? null : edgeOf(terms.until, scope).at;
  if (lastBegin === null) return fixed;
  if (scope.asOf >= lastBegin) return lastBegin;
  return terms.for === undefined ? fixed : earliest([fixed, plusDays(lastBegin, terms.for) ?? null]);
}

/** As it was computed when the terms were published: a later time zone database changes no window. */
function localInstant(local: string, { instants }: PromotionCalendar): Instant {
  const at = instants?.[local];
  if (!at) throw new Error(`the calendar does not know ${local}`);
  return at;
}

/** What an anchor is found by. */
type Found = Pick<Scope, 'rules' | 'calendar' | 'asOf' | 'met'> & {
  readonly facts: Pick<SubjectFacts, 'enrollment' | 'openedAt' | 'spend'>;
};

export function anchorOf(anchor: AnchorTerms, scope: Found): Happening {
  if (typeof anchor === 'string') return happened(localInstant(anchor, scope.calendar));
  if ('met' in anchor) return scope.met(anchor.met);
  const { calendar, facts, asOf } = scope;
  const { invitation, activatedAt } = facts.enrollment;
  switch (anchor.at) {
    case 'period-start':
      return happened(calendar.start);
    case 'period-end':
      return happened(calendar.end);
    case 'invitation':
      return happenedOrNow(invitation?.at, asOf);
    case 'activation':
      return happenedOrNow(activatedAt, asOf);
    case 'account-opened':
      return happenedOrNow(facts.openedAt, asOf);
    case 'first-impression':
      return happenedOrNow(facts.spend.find(({ kind }) => kind === 'impressions')?.at, asOf);
    case 'first-spend':
      return happenedOrNow(facts.spend[0]?.at, asOf);
  }
}

/** The anchor that an edge is, or is counted from. */
export const anchorIn = (edge: EdgeTerms): AnchorTerms =>
  typeof edge === 'object' && 'from' in edge ? edge.from : edge;

const edgeOf = (edge: EdgeTerms, scope: Scope): Happening =>
  typeof edge === 'object' && 'from' in edge ? momentOf(edge, scope) : anchorOf(edge, scope);

/** A moment some days after an anchor. */
export function momentOf({ from, after }: MomentTerms, scope: Scope): Happening {
  const anchor = anchorOf(from, scope);
  if (after === undefined) return anchor;
  const moved = (at: Instant | null): Instant | null => (at === null ? null : (plusDays(at, after) ?? null));
  // When the anchor can no longer come, it is over then, and not so many days after that.
  const isOver = anchor.until !== null && scope.asOf >= anchor.until;
  const until = isOver ? anchor.until : moved(anchor.until);
  return { at: moved(anchor.at), couldBeAt: moved(anchor.couldBeAt), until };
}

const happened = (at: Instant): Happening => ({ at, couldBeAt: at, until: at });

const happenedOrNow = (at: Instant | null | undefined, asOf: Instant): Happening =>
  at ? happened(at) : { at: null, couldBeAt: asOf, until: null };

/** What a condition comes to within its window, also while the window has not begun. */
export function within(window: Window, asOf: Instant, judge: (span: Span) => Outcome): Outcome {
  if (window.waitsFor === null) return judge(window.span);
  return waiting(window.waitsFor, window.until, window.hoped && judge(window.hoped), asOf);
}

/**
 * Nothing can be said before something else has happened.
 *
 * @param hoped what would be said if it happened as soon as it can
 */
export function waiting(waitsFor: string, lastAt: Instant | null, hoped: Outcome | null, asOf: Instant): Outcome {
  const couldBeMetAt = hoped?.couldBeMetAt ?? null;
  const until = hoped && couldBeMetAt === null ? earliest([lastAt, hoped.until]) : lastAt;
  const needs = deadlineWords(`${waitsFor} to begin with`, until, asOf);
  return { metAt: null, missing: { waitsFor }, needs, until, couldBeMetAt };
}
