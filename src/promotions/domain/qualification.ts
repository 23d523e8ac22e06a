import type { Instant } from '../../kernel/instant.js';
import type { Money } from '../../kernel/money.js';
import { evaluate, type StageVerdict } from './conditions.js';
import { ineligibility, type Eligibility } from './eligibility.js';
import type { Claimed, DisbursementRunCompleted, PlannedRun, PromotionWeek } from './events.js';
import type { ConvertAt } from './facts.js';
import { leavesOf } from './furthest.js';
import type { Rules, Stage } from './rules.js';
import type { Outcome, SoFar, Verdict } from './verdict.js';

/** All that it takes to tell how an advertiser stands in a promotion and marketplace, effective at or before `asOf`. */
export interface Asked extends Eligibility {
  readonly convertAt: ConvertAt;
  /** Those of the promotion that take the advertiser's place here, in the order of their balance. */
  readonly credits: readonly HeldCredit[];
  /** Every run there is, of whatever revision. */
  readonly runs: readonly PlannedRun[];
  /** The runs completed by then, in the order of their dates. */
  readonly completed: readonly DisbursementRunCompleted['data'][];
}

/** A credit that was given. */
export interface HeldCredit {
  readonly creditId: string;
  readonly product: string;
  /** Null: it takes the place of every stage. */
  readonly stage: string | null;
  readonly status: 'applied' | 'expired' | 'revoked';
  readonly qualifiedAt: Instant | null;
  readonly campaignId: string | null;
}

export type QualificationStatus =
  'revoked' | 'expired' | 'applied' | 'ineligible' | 'missed' | 'in-progress' | 'deferred' | 'qualified';

/** A verdict as answers show it. */
export interface ConditionShown extends Omit<Verdict, 'parts' | 'soFar'> {
  readonly parts: readonly ConditionShown[];
}

export interface Qualification {
  /** Or `ALL`. */
  readonly product: string;
  /** Null: there is only one, without an id. */
  readonly stage: string | null;
  readonly status: QualificationStatus;
  readonly reasons: readonly string[];
  readonly qualifiedAt: Instant | null;
  readonly campaignId: string | null;
  readonly weeks: readonly (PromotionWeek & { readonly changes: number })[];
  readonly activeSeconds: number;
  readonly missing: { readonly weeks: number; readonly changes: number; readonly activeSeconds: number };
  readonly earliestRun: string | null;
  /** The credit that was given, which may be of another marketplace where the terms count several as one. */
  readonly creditId: string | null;
  /** What it comes to; null: spend has not settled it, or it is not offered here. */
  readonly award: Money | null;
  readonly conditions: ConditionShown;
  /** When spend settles the award, and what that takes; null: the award does not depend on it. */
  readonly settlement: Outcome | null;
}

/** How the advertiser stands: for each product, or for all of them as one, and each stage. */
export function qualificationsOf(asked: Asked): readonly Qualification[] {
  const { rules } = asked;
  const products = rules.awardFor === 'product' ? rules.products : ['ALL'];
  return products.flatMap((product) => {
    const verdicts = verdictsOf(asked, product);
    return verdicts.map((verdict, index) => {
      const credit = creditFor(asked, product, verdict.stage);
      // What was given was given for a campaign, whatever the facts now say.
      const told = credit?.campaignId ? verdictsOf(asked, product, credit.campaignId)[index]! : verdict;
      return qualificationOf(asked, product, told, credit);
    });
  });
}

/** Where a credit takes the place of one in this marketplace. */
export function marketplacesAsOne({ marketplaces, oncePer, regionOf }: Rules, marketplace: string): readonly string[] {
  if (oncePer === 'marketplace' || !marketplaces.includes(marketplace)) return [marketplace];
  if (oncePer === 'advertiser') return marketplaces;
  return marketplaces.filter((each) => regionOf(each) === regionOf(marketplace));
}

const verdictsOf = ({ rules, calendar, facts, convertAt, asOf }: Asked, product: string, told?: string) =>
  evaluate(rules, calendar, product, facts, convertAt, asOf, told);

const creditFor = ({ credits }: Asked, product: string, { id }: Stage): HeldCredit | undefined =>
  credits.find((credit) => takesPlaceOf(credit, product, id));

/** Whether a credit stands in the place of what a stage gives. */
export const takesPlaceOf = (
  { product, stage }: Pick<HeldCredit, 'product' | 'stage'>,
  forProduct: string,
  id: string | null,
): boolean => product === forProduct && (stage === null || id === null || stage === id);

function qualificationOf(
  asked: Asked,
  product: string,
  verdict: StageVerdict,
  credit: HeldCredit | undefined,
): Qualification {
  const { rules, calendar, facts } = asked;
  const { stage, tree, settlement } = verdict;
  const { status, reasons } = statusOf(asked, product, verdict, credit);
  const waits = status === 'in-progress' || status === 'qualified' || status === 'deferred';
  const isOffered = rules.marketplaces.includes(facts.marketplace);
  const soFar = leavesOf(tree).reduce<SoFar>((sum, leaf) => ({ ...leaf.soFar, ...sum }), {});
  return {
    product,
    stage: stage.id,
    status,
    reasons,
    qualifiedAt: credit ? credit.qualifiedAt : verdict.qualifiedAt,
    campaignId: credit ? credit.campaignId : verdict.campaignId,
    weeks: calendar.weeks.map((week, index) => ({ ...week, changes: soFar.weeks?.[index] ?? 0 })),
    activeSeconds: Math.floor((soFar.activeMs ?? 0) / 1000),
    missing: {
      weeks: soFar.weeksToGo ?? 0,
      changes: soFar.changesToGo ?? 0,
      activeSeconds: Math.ceil((soFar.activeMsToGo ?? 0) / 1000),
    },
    earliestRun: waits && isOffered ? earliestRun(asked, stage, verdict.couldQualifyAt) : null,
    creditId: credit?.creditId ?? null,
    award: isOffered ? verdict.award : null,
    conditions: shown(tree),
    settlement: settlement && outcomeShown(settlement),
  };
}

function statusOf(
  asked: Asked,
  product: string,
  { stage, qualifiedAt, until }: StageVerdict,
  credit: HeldCredit | undefined,
): { readonly status: QualificationStatus; readonly reasons: readonly string[] } {
  const { facts, runs, completed, asOf } = asked;
  if (credit) return { status: credit.status, reasons: [] };
  const isThis = (claimed: Claimed) =>
    claimed.advertiserId === facts.advertiserId &&
    claimed.marketplace === facts.marketplace &&
    claimed.product === product &&
    (claimed.stage ?? null) === stage.id;
  // Only the first run that leaves it out says so; when a later one puts it off, the terms have changed in between.
  const told = completed.findLast((run) => run.deferrals.some(isThis) || run.leftOut?.some(isThis));
  const forGood = [...ineligibility(asked, qualifiedAt), ...(told?.leftOut?.find(isThis)?.reasons ?? [])];
  if (forGood.length > 0) return { status: 'ineligible', reasons: forGood };
  if (qualifiedAt === null) return { status: until !== null && asOf >= until ? 'missed' : 'in-progress', reasons: [] };
  const looked = completed.findLast(({ date }) =>
    disburses(
      runs.find((run) => run.date === date),
      stage,
    ),
  );
  const putOff = looked?.deferrals.find(isThis);
  if (putOff) return { status: 'deferred', reasons: putOff.reasons };
  // By version 1, whose one stage has no id, who comes after the last run goes on waiting.
  const isTooLate = stage.id !== null && earliestRun(asked, stage, qualifiedAt) === null;
  return { status: isTooLate ? 'missed' : 'qualified', reasons: [] };
}

const disburses = (run: PlannedRun | undefined, { id }: Stage): boolean => run?.stages?.includes(id ?? '') ?? true;

/** The first run not completed that disburses the stage, at or after it was, or could be, qualified for. */
function earliestRun({ runs, completed }: Asked, stage: Stage, qualifiedAt: Instant | null): string | null {
  if (qualifiedAt === null) return null;
  const done = new Set(completed.map(({ date }) => date));
  const next = runs.find((run) => run.runAt >= qualifiedAt && !done.has(run.date) && disburses(run, stage));
  return next?.date ?? null;
}

function shown({ soFar: _, parts, ...verdict }: Verdict): ConditionShown {
  return { ...verdict, parts: parts.map(shown) };
}

const outcomeShown = ({ metAt, missing, needs, until, couldBeMetAt }: Outcome): Outcome => ({
  metAt,
  missing,
  needs,
  until,
  couldBeMetAt,
});
