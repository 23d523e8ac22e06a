import type { Instant } from '../../kernel/instant.js';
import type { AtomTerms } from './terms.js';
import { metSince, type Outcome } from './verdict.js';
import { contains, soonestIn, type Scope, type Span } from './windows.js';
import { deadlineWords, instantWords } from './words.js';

type Attested = Extract<AtomTerms, { attested: object }>['attested'];
type Redeemed = Extract<AtomTerms, { redeemed: object }>['redeemed'];

export function attested({ action, by }: Attested, span: Span, scope: Scope): Outcome {
  const attestation = scope.facts.enrollment.attested.find(
    (each) => each.action === action && (by?.includes(each.by) ?? true) && contains(span, each.at),
  );
  const needs = `"${action}" attested${by ? ` by ${by.join(' or ')}` : ''}`;
  return attestation ? metSince(attestation.at) : awaited({ attestation: action }, needs, span, scope.asOf);
}

/** A code is redeemed once: one that was redeemed outside of the window is spent. */
export function redeemed({ codes }: Redeemed, span: Span, scope: Scope): Outcome {
  const those = scope.facts.enrollment.redeemed.filter(({ code }) => codes.includes(code));
  const redemption = those.find(({ at }) => contains(span, at));
  if (redemption) return metSince(redemption.at);
  const left = codes.filter((code) => !those.some((each) => each.code === code));
  const outcome = awaited({ codes: left.length }, 'one of the codes redeemed', span, scope.asOf);
  const lastAt = those.at(-1)?.at;
  return left.length > 0 || lastAt === undefined ? outcome : inVain(outcome, 'each code was redeemed', lastAt);
}

/** An offer is activated once. */
export function offerActivated(span: Span, { facts, asOf }: Scope): Outcome {
  const { activatedAt } = facts.enrollment;
  if (activatedAt !== null && contains(span, activatedAt)) return metSince(activatedAt);
  const outcome = awaited({ activation: true }, 'the offer activated', span, asOf);
  return activatedAt === null ? outcome : inVain(outcome, 'it was activated', activatedAt);
}

const awaited = (missing: object, needs: string, span: Span, asOf: Instant): Outcome => ({
  metAt: null,
  missing,
  needs: deadlineWords(needs, span.end, asOf),
  until: span.end,
  couldBeMetAt: soonestIn(span, asOf),
});

const inVain = (outcome: Outcome, why: string, at: Instant): Outcome => ({
  ...outcome,
  needs: `${outcome.needs}, but ${why} at ${instantWords(at)}`,
  until: outcome.until === null || at < outcome.until ? at : outcome.until,
  couldBeMetAt: null,
});
