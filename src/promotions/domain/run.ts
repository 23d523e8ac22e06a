import type { Conversion } from '../../fx/domain/conversion.js';
import { localToInstant } from '../../kernel/calendar.js';
import { byCodeUnit } from '../../kernel/identifiers.js';
import type { Instant } from '../../kernel/instant.js';
import { minorOf, type Money } from '../../kernel/money.js';
import { isRefusal, type Refusal } from '../../kernel/refusal.js';
import { dueByOf } from './calendar.js';
import type { DeferralReason, LeftOutReason, PlannedRun } from './events.js';
import { Tally, type GivenCredit } from './limits.js';
import type { Rules, Stage } from './rules.js';

/** What somebody has qualified for. Whoever is not eligible for it, whatever a run may do, claims nothing. */
export interface Claim {
  readonly advertiserId: string;
  readonly marketplace: string;
  /** Or `ALL`. */
  readonly product: string;
  readonly stage: Stage;
  readonly qualifiedAt: Instant;
  readonly campaignId: string | null;
  readonly award: Money;
}

/** What a run knows of the account it would give a credit to; null when it is not open at the time of the run. */
export type RunAccount = {
  readonly currency: string;
  readonly standing: 'good' | 'suspended';
  readonly paymentValid: boolean;
} | null;

/** All that a run is decided on, as it is known when it starts. */
export interface RunFacts {
  /** In any order; those that are earned later than the run, or of a stage that it does not disburse, wait. */
  readonly claims: Iterable<Claim>;
  /** Credits of the promotion recorded before the run, whenever they are applied. */
  readonly given: Iterable<GivenCredit>;
  readonly accountOf: (claim: Claim) => RunAccount;
  /** As at the time of the run. */
  readonly convert: (award: Money, currency: string) => Conversion | Refusal;
}

/** What becomes of a claim: a credit, reasons to look at it again in the next run, or one for which it is left out for good. */
export type RunDecision = { readonly claim: Claim } & (
  | { readonly applied: Money; readonly fx: Conversion['fx']; readonly dueBy: Instant }
  | { readonly deferred: readonly DeferralReason[] }
  | { readonly leftOut: LeftOutReason }
);

/**
 * Decides a whole run, in its order: who qualified first is given first, as long as caps, budget and redemptions last. Of
 * what was given already, to the advertiser in that place, nothing is said any more.
 */
export function decideRun(rules: Rules, run: PlannedRun, facts: RunFacts): readonly RunDecision[] {
  const claims = [...facts.claims].filter((claim) => isOf(run, claim)).sort(inRunOrder(rules));
  if (claims.length === 0) return [];
  const tally = new Tally(rules, facts.given);
  return claims.flatMap((claim): RunDecision[] => {
    const credit = creditOf(claim);
    const limit = tally.limitOf(credit);
    if (limit === 'already-granted') return [];
    if (limit === 'budget-exhausted' || limit === 'redemptions-exhausted') return [{ claim, leftOut: limit }];
    if (isOver(claim.stage, rules, run.runAt)) return [{ claim, leftOut: 'credit-would-be-over' }];
    const decision = decideCredit(rules, claim, facts, limit === 'cap-exceeded');
    if ('applied' in decision) tally.add(credit);
    return [{ claim, ...decision }];
  });
}

const isOf = ({ runAt, stages }: PlannedRun, { qualifiedAt, stage }: Claim): boolean =>
  qualifiedAt <= runAt && (stages === undefined || stages.includes(stage.id ?? ''));

const inRunOrder =
  ({ stages }: Rules) =>
  (a: Claim, b: Claim): number =>
    byCodeUnit(a.qualifiedAt, b.qualifiedAt) ||
    byCodeUnit(a.advertiserId, b.advertiserId) ||
    byCodeUnit(a.marketplace, b.marketplace) ||
    byCodeUnit(a.product, b.product) ||
    stages.indexOf(a.stage) - stages.indexOf(b.stage);

const creditOf = ({ advertiserId, marketplace, product, stage, award }: Claim): GivenCredit => ({
  advertiserId,
  marketplace,
  product,
  stage: stage.id,
  granted: minorOf(award),
});

/** Whether a credit that ends on a fixed date would have ended before it begins. */
const isOver = ({ expiry }: Stage, { timeZone }: Rules, runAt: Instant): boolean =>
  'on' in expiry && localToInstant(expiry.on, timeZone) <= runAt;

/** Whether the credit can be applied now, or every reason for which it is put off, in the order in which they are told. */
function decideCredit(rules: Rules, claim: Claim, { accountOf, convert }: RunFacts, isOverCap: boolean) {
  const { eligibility, timeZone } = rules;
  const reasons: DeferralReason[] = [];
  const account = accountOf(claim);
  if (!account) reasons.push('account-not-open');
  if (account?.standing === 'suspended' && eligibility.standing === 'good') reasons.push('standing-suspended');
  if (account?.paymentValid === false && eligibility.payment === 'valid') reasons.push('payment-method-invalid');
  if (isOverCap) reasons.push('cap-exceeded');
  const conversion = account && convert(claim.award, account.currency);
  if (conversion && isRefusal(conversion)) reasons.push(rateReason(conversion));
  else if (conversion && minorOf(conversion.money) === 0n) reasons.push('precision');
  else if (conversion && reasons.length === 0) {
    const dueBy = dueByOf(claim.stage, timeZone, claim.qualifiedAt);
    return { applied: conversion.money, fx: conversion.fx, dueBy };
  }
  return { deferred: reasons };
}

const rateReason = ({ refused }: Refusal): DeferralReason => (refused === 'stale-fx-rate' ? refused : 'no-fx-rate');
