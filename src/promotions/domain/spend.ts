import { isRefusal } from '../../kernel/refusal.js';
import type { Instant } from '../../kernel/instant.js';
import { divideHalfEven, minorOf, moneyOf, ratioOf, type Money } from '../../kernel/money.js';
import type { SpendFact } from './facts.js';
import { inMarketplace } from './rules.js';
import type { AmountTerms, AwardTerms, SpendTerms } from './terms.js';
import { metSince, type Outcome } from './verdict.js';
import { contains, soonestIn, windowOf, within, type Scope, type Span } from './windows.js';
import { deadlineWords, instantWords, moneyWords } from './words.js';

/** At least so much own spend within the window. */
export function spendReached(terms: SpendTerms & { readonly amount: AmountTerms }, span: Span, scope: Scope): Outcome {
  const facts = ownSpend(terms, span, scope);
  const amount = inMarketplace(terms.amount, scope.facts.marketplace);
  const needed = inAccountCurrency(amount, span, scope);
  if ('refused' in needed) return withoutRate(amount, needed.refused, facts, span, scope);
  const reachedAt = whenReached(facts, needed.minor);
  if (reachedAt !== null) return metSince(reachedAt);
  const spent = sumOf(facts);
  const missing = moneyOf(needed.minor - spent, needed.currency);
  return {
    metAt: null,
    missing: { spend: missing },
    needs: deadlineWords(
      `${moneyWords(missing)} more of own spend (${moneyWords(moneyOf(spent, needed.currency))} so far)`,
      span.end,
      scope.asOf,
    ),
    until: span.end,
    couldBeMetAt: soonestIn(span, scope.asOf),
  };
}

/** An award that depends on spend: when what it comes to is settled, and what that is. */
export interface Settlement extends Outcome {
  readonly award: Money | null;
}

/** Null: the award does not depend on spend. */
export function settlementOf(award: AwardTerms, scope: Scope): Settlement | null {
  if ('amount' in award) return null;
  let settled: Money | null = null;
  const outcome = within(windowOf(award.of.window, scope), scope.asOf, (span) => {
    const judged = 'tiers' in award ? tiersReached(award, span, scope) : matched(award, span, scope);
    settled = judged.metAt === null ? null : judged.award;
    return judged;
  });
  return { ...outcome, award: outcome.metAt === null ? null : settled };
}

/** The highest tier at once when it is reached, or the highest there is when the window has closed. */
function tiersReached(award: Extract<AwardTerms, { tiers: object }>, span: Span, scope: Scope): Settlement {
  const facts = ownSpend(award.of, span, scope);
  let best: Money | null = null;
  let last: Instant | null = null;
  const { marketplace } = scope.facts;
  const tiers = award.tiers.map((tier) => ({
    spend: inMarketplace(tier.spend, marketplace),
    amount: inMarketplace(tier.amount, marketplace),
  }));
  for (const tier of tiers) {
    const needed = inAccountCurrency(tier.spend, span, scope);
    if ('refused' in needed) return { ...withoutRate(tier.spend, needed.refused, facts, span, scope), award: null };
    last = whenReached(facts, needed.minor);
    if (last !== null) best = tier.amount;
  }
  const most = tiers.at(-1)!.spend;
  return settle(best, last, `own spend of ${moneyWords(most)}`, span, scope);
}

/** The most at once when it is reached, or what there is when the window has closed. */
function matched({ match, of }: Extract<AwardTerms, { match: object }>, span: Span, scope: Scope): Settlement {
  const { numerator, denominator } = ratioOf(String(match.percent));
  const upTo = inMarketplace(match.upTo, scope.facts.marketplace);
  const { currency } = upTo;
  const most = minorOf(upTo);
  // As much spend as makes the match the most it can be, rounded up.
  const spendOf = (minor: bigint) => (minor * 100n * denominator + numerator - 1n) / numerator;
  const enough = inAccountCurrency(moneyOf(spendOf(most), currency), span, scope);
  const facts = ownSpend(of, span, scope);
  if ('refused' in enough) return { ...withoutRate(upTo, enough.refused, facts, span, scope), award: null };
  const mostAt = whenReached(facts, enough.minor);
  const needs = `own spend of ${moneyWords(moneyOf(enough.minor, enough.currency))}`;
  if (mostAt !== null) return settle(upTo, mostAt, needs, span, scope);
  const spent = scope.convertAt(moneyOf(sumOf(facts), enough.currency), currency, span.from);
  if (isRefusal(spent)) return { ...withoutRate(upTo, spent.refused, facts, span, scope), award: null };
  const minor = divideHalfEven(minorOf(spent.money) * numerator, 100n * denominator);
  return settle(minor === 0n ? null : moneyOf(minor < most ? minor : most, currency), null, needs, span, scope);
}

function settle(award: Money | null, mostAt: Instant | null, needs: string, span: Span, scope: Scope): Settlement {
  const { asOf } = scope;
  if (mostAt !== null) return { ...metSince(mostAt), award };
  const closed = span.end !== null && asOf >= span.end;
  if (closed && award !== null) return { ...metSince(span.end), award };
  return {
    metAt: null,
    missing: { settled: false },
    needs: deadlineWords(award === null ? needs : `${needs}, or the end of the time for it`, span.end, asOf),
    until: award === null ? span.end : null,
    couldBeMetAt: soonestIn(span, asOf) ?? (award === null ? null : span.end),
    award: null,
  };
}

/** What was billed, in the window, for the products and kinds of spend that count. */
function ownSpend({ products, spend: kinds }: SpendTerms, span: Span, scope: Scope): readonly SpendFact[] {
  const { rules, product, facts } = scope;
  const counting = products ?? (product === 'ALL' ? rules.products : [product]);
  return facts.spend.filter(
    (fact) =>
      contains(span, fact.at) && counting.includes(fact.product) && (kinds === undefined || kinds.includes(fact.kind)),
  );
}

const sumOf = (facts: readonly SpendFact[]): bigint => facts.reduce((sum, { own }) => sum + own, 0n);

function whenReached(facts: readonly SpendFact[], needed: bigint): Instant | null {
  let spent = 0n;
  for (const { at, own } of facts) {
    spent += own;
    if (spent >= needed) return at;
  }
  return null;
}

/** An amount of the terms in the account's currency, by the rates of the window's start; in its own without an account. */
function inAccountCurrency(amount: Money, span: Span, { facts, convertAt }: Scope) {
  const currency = facts.currency ?? amount.currency;
  const converted = convertAt(amount, currency, span.from);
  return isRefusal(converted) ? converted : { minor: minorOf(converted.money), currency };
}

/** Without a rate nobody can say what the amount comes to; if there was spend, one that is recorded later may say it. */
const withoutRate = (
  amount: Money,
  reason: string,
  facts: readonly SpendFact[],
  span: Span,
  scope: Scope,
): Outcome => ({
  metAt: null,
  missing: { spend: amount, reason },
  needs: `a rate from ${amount.currency} to ${scope.facts.currency} as at ${instantWords(span.from)}`,
  until: facts.length > 0 ? null : span.end,
  couldBeMetAt: null,
});
