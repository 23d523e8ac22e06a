import type { Instant } from '../../kernel/instant.js';
import type { Money } from '../../kernel/money.js';
import { once } from '../../kernel/once.js';
import { Evaluation } from './evaluation.js';
import { invitationOf } from './eligibility.js';
import type { PromotionCalendar } from './events.js';
import type { ConvertAt, SubjectFacts } from './facts.js';
import { amountIn, type Rules, type Stage } from './rules.js';
import { settlementOf } from './spend.js';
import { allOf, metSince, type Outcome, type Verdict } from './verdict.js';
import type { Scope } from './windows.js';
import { deadlineWords } from './words.js';

export type { Verdict } from './verdict.js';

/** How an advertiser stands in one stage, for one product in one marketplace. */
export interface StageVerdict {
  readonly stage: Stage;
  readonly tree: Verdict;
  /** When all that it takes was there: the conditions, the invitation, and what the award depends on. */
  readonly qualifiedAt: Instant | null;
  /** The campaign that met the conditions, or else has come furthest. */
  readonly campaignId: string | null;
  /** What it comes to in the marketplace; null: spend has not settled it. */
  readonly award: Money | null;
  readonly couldQualifyAt: Instant | null;
  /** Up to when it can be qualified for; null: for ever, or it is. */
  readonly until: Instant | null;
  /** When spend settles the award, and what that takes; null: the award does not depend on it. */
  readonly settlement: Outcome | null;
}

/**
 * How each stage stands, by the facts effective at or before `asOf`.
 *
 * @param product one of the rules' products, or `ALL`
 * @param told the campaign to tell of, where it is settled which; else the first to qualify, or the furthest
 */
export function evaluate(
  rules: Rules,
  calendar: PromotionCalendar,
  product: string,
  facts: SubjectFacts,
  convertAt: ConvertAt,
  asOf: Instant,
  told: string | null = null,
): readonly StageVerdict[] {
  const isListed = rules.marketplaces.includes(facts.marketplace);
  const seen = isListed ? effectiveBy(facts, rules, asOf) : withoutFacts(facts);
  const evaluation = new Evaluation({ rules, calendar, product, facts: seen, convertAt, asOf }, told);
  return rules.stages.map((stage) => {
    const tree = evaluation.verdict(stage.qualifying);
    const settlement = settlementOf(stage.award, evaluation.scope);
    const whole = allOf([tree, invited(evaluation.scope), ...(settlement ? [settlement] : [])]);
    return {
      stage,
      tree,
      qualifiedAt: isListed ? whole.metAt : null,
      campaignId: campaignIn(tree),
      award: settlement ? settlement.award : amountIn(stage.award, facts.marketplace),
      couldQualifyAt: isListed ? whole.couldBeMetAt : null,
      until: whole.until,
      settlement,
    };
  });
}

/** Where an invitation is asked for nobody qualifies before it, and one after the period comes to nothing. */
function invited({ rules, calendar, facts, asOf }: Scope): Outcome {
  const invitedAt = facts.enrollment.invitation?.at ?? null;
  if (rules.eligibility.invitation === 'not-required') return metSince(calendar.start);
  if (invitedAt !== null && invitedAt <= calendar.end) return metSince(invitedAt);
  return {
    metAt: null,
    missing: { invitation: true },
    needs: deadlineWords('an invitation', calendar.end, asOf),
    until: calendar.end,
    couldBeMetAt: invitedAt === null && asOf <= calendar.end ? asOf : null,
  };
}

/** The campaign by which it was met, or the first told of. */
function campaignIn(verdict: Verdict): string | null {
  if (verdict.kind === 'campaign') return verdict.campaignId;
  const meets = verdict.parts.filter(({ metAt }) => metAt !== null && metAt === verdict.metAt);
  for (const part of [...meets, ...verdict.parts]) {
    const campaignId = campaignIn(part);
    if (campaignId !== null) return campaignId;
  }
  return null;
}

/** What counts by then. What is long is looked at only if a condition asks for it. */
function effectiveBy(facts: SubjectFacts, rules: Rules, asOf: Instant): SubjectFacts {
  const { enrollment } = facts;
  const invitation = invitationOf(rules, enrollment);
  const by = <T extends { readonly at: Instant }>(all: readonly T[]) => all.filter(({ at }) => at <= asOf);
  const known = (at: Instant | null) => (at !== null && at <= asOf ? at : null);
  const campaigns = once(() =>
    facts.campaigns.map((campaign) => ({
      ...campaign,
      activity: by(campaign.activity),
      changes: by(campaign.changes),
    })),
  );
  const spend = once(() => by(facts.spend));
  return {
    advertiserId: facts.advertiserId,
    marketplace: facts.marketplace,
    enrollment: {
      invitation: invitation && invitation.at <= asOf ? invitation : null,
      withdrawnAt: known(enrollment.withdrawnAt),
      activatedAt: known(enrollment.activatedAt),
      redeemed: by(enrollment.redeemed),
      attested: by(enrollment.attested),
    },
    currency: facts.currency,
    openedAt: known(facts.openedAt),
    priorApiUse: facts.priorApiUse,
    get campaigns() {
      return campaigns();
    },
    get spend() {
      return spend();
    },
    get first() {
      return facts.first;
    },
  };
}

/** Where the promotion is not offered nothing counts. */
const withoutFacts = ({ advertiserId, marketplace, currency, priorApiUse }: SubjectFacts): SubjectFacts => ({
  advertiserId,
  marketplace,
  enrollment: { invitation: null, withdrawnAt: null, activatedAt: null, redeemed: [], attested: [] },
  campaigns: [],
  spend: [],
  currency,
  openedAt: null,
  first: { campaign: null, spend: null, account: null },
  priorApiUse,
});
