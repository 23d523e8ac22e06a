import { never } from '../../kernel/decider.js';
import { minorOf, type Money } from '../../kernel/money.js';
import type {
  AmountTerms,
  AwardTerms,
  ConditionTerms,
  DisbursementTerms,
  EligibilityTerms,
  ExpiryTerms,
  PromotionTerms,
  SpendKind,
  StackingTerms,
  StageTerms,
  TermsV1,
  TermsV2,
} from './terms.js';

/** What terms of whatever version come to: nothing is optional any more, and there is one shape to decide by. */
export interface Rules {
  readonly timeZone: string;
  readonly marketplaces: readonly string[];
  /** Every marketplace is in one; those that the terms do not group stand alone, under their own name. */
  readonly regionOf: (marketplace: string) => string;
  readonly products: readonly string[];
  readonly awardFor: 'product' | 'all-products';
  readonly oncePer: 'marketplace' | 'region' | 'advertiser';
  readonly eligibility: {
    readonly invitation: 'required' | 'not-required';
    readonly partners: readonly string[] | null;
    readonly newTo: NonNullable<EligibilityTerms['newTo']> | null;
    readonly standing: 'good' | 'any';
    readonly payment: 'valid' | 'any';
  };
  readonly stacking: Required<StackingTerms>;
  readonly stages: readonly Stage[];
  readonly caps: {
    /** In minor units of the marketplace's currency; null: no cap. */
    readonly perMarketplace: (marketplace: string) => bigint | null;
    readonly perProduct: (marketplace: string) => bigint | null;
    /** In minor units of `currency`, as all caps are that sum over marketplaces. */
    readonly perRegion: bigint | null;
    readonly perAdvertiser: bigint | null;
    readonly budget: bigint | null;
    readonly redemptions: number | null;
  };
  /** Of every amount that is granted and capped, but where a marketplace has a currency of its own. */
  readonly currency: string;
  /** Of what is granted and capped in a marketplace; another than `currency` only where no cap sums over marketplaces. */
  readonly currencyIn: (marketplace: string) => string;
  readonly fxMaxAge: string;
}

export interface Stage {
  /** Null: the one stage of version 1, whose credits' ids name none. */
  readonly id: string | null;
  readonly qualifying: ConditionTerms;
  readonly award: AwardTerms;
  readonly disbursement: Required<DisbursementTerms>;
  readonly expiry: ExpiryTerms & { readonly settlementGrace: string };
  readonly appliesTo: readonly string[];
  readonly spendKinds: readonly SpendKind[];
}

/** The amount of an award in a marketplace, where it does not depend on spend. */
export function amountIn(award: AwardTerms, marketplace: string): Money | null {
  return 'amount' in award ? inMarketplace(award.amount, marketplace) : null;
}

export function rulesOf(terms: PromotionTerms): Rules {
  return terms.version === 1 ? rulesOfV1(terms) : rulesOfV2(terms);
}

const SPEND_KINDS: readonly SpendKind[] = ['clicks', 'impressions'];

/** Version 1 says what version 2 says with one stage, for invited advertisers, of conditions on one campaign. */
function rulesOfV1(terms: TermsV1): Rules {
  const { qualifying, award, eligibility } = terms;
  const { weeks, changesPerWeek, changes, activeFor, activity, actions } = qualifying;
  const cap = minorOf(award.capPerMarketplace);
  return {
    timeZone: terms.timeZone,
    marketplaces: terms.marketplaces,
    regionOf: (marketplace) => marketplace,
    products: terms.products,
    awardFor: 'product',
    oncePer: 'marketplace',
    eligibility: { ...ELIGIBILITY, invitation: 'required', partners: eligibility.partners ?? null },
    stacking: stackingOf(terms),
    stages: [
      {
        id: null,
        qualifying: {
          campaign: {
            all: [
              { weeklyChanges: { weeks, changesPerWeek, actions } },
              { totalChanges: { changes, actions } },
              { activeFor: { duration: activeFor, activity } },
            ],
          },
        },
        award: { amount: award.amount },
        disbursement: terms.disbursement,
        expiry: terms.expiry,
        appliesTo: award.appliesTo,
        spendKinds: SPEND_KINDS,
      },
    ],
    caps: {
      perMarketplace: () => cap,
      perProduct: () => null,
      perRegion: null,
      perAdvertiser: null,
      budget: null,
      redemptions: null,
    },
    currency: award.amount.currency,
    currencyIn: () => award.amount.currency,
    fxMaxAge: terms.fx.maxAge,
  };
}

const ELIGIBILITY: Rules['eligibility'] = {
  invitation: 'not-required',
  partners: null,
  newTo: null,
  standing: 'good',
  payment: 'valid',
};

/** Of terms of whatever version; what `eligibility` excludes, is excluded here. */
export function stackingOf(terms: PromotionTerms): Rules['stacking'] {
  if (terms.version === 1) return { with: 'any', excludes: [] };
  const { with: others = 'any', excludes = [] } = terms.stacking ?? {};
  return { with: others, excludes: [...(terms.eligibility?.excludes ?? []), ...excludes] };
}

function rulesOfV2(terms: TermsV2): Rules {
  const { caps = {}, regions = {} } = terms;
  const regionOf = new Map(Object.entries(regions).flatMap(([name, members]) => members.map((each) => [each, name])));
  const minorOrNull = (amount: Money | undefined) => (amount ? minorOf(amount) : null);
  const minorIn = (amount: AmountTerms | undefined) => (marketplace: string) =>
    amount ? minorOf(inMarketplace(amount, marketplace)) : null;
  const { excludes: _, ...eligibility } = terms.eligibility ?? {};
  const award = terms.stages[0]!.award;
  return {
    timeZone: terms.timeZone,
    marketplaces: terms.marketplaces,
    regionOf: (marketplace) => regionOf.get(marketplace) ?? marketplace,
    products: terms.products,
    awardFor: terms.awardFor ?? 'product',
    oncePer: terms.oncePer ?? 'marketplace',
    eligibility: { ...ELIGIBILITY, ...eligibility },
    stacking: stackingOf(terms),
    stages: terms.stages.map((stage) => stageOf(stage, terms)),
    caps: {
      perMarketplace: minorIn(caps.perMarketplace),
      perProduct: minorIn(caps.perProduct),
      perRegion: minorOrNull(caps.perRegion),
      perAdvertiser: minorOrNull(caps.perAdvertiser),
      budget: minorOrNull(caps.budget),
      redemptions: caps.redemptions ?? null,
    },
    currency: currencyOf(award),
    currencyIn: (marketplace) => currencyOf(award, marketplace),
    fxMaxAge: terms.fx?.maxAge ?? 'P7D',
  };
}

const stageOf = (stage: StageTerms, { products, period }: TermsV2): Stage => ({
  id: stage.id,
  qualifying: stage.qualifying,
  award: stage.award,
  disbursement: disbursementOf(stage.disbursement, period.end),
  expiry: { settlementGrace: 'P3D', ...stage.expiry },
  appliesTo: stage.pays?.products ?? products,
  spendKinds: stage.pays?.spend ?? SPEND_KINDS,
});

function disbursementOf(disbursement: DisbursementTerms, periodEnd: string): Stage['disbursement'] {
  const defaults = { time: '00:00', holidays: [] };
  switch (disbursement.schedule) {
    case 'first-tuesday':
      return disbursement;
    case 'monthly':
    case 'dates':
      return { ...defaults, ...disbursement };
    case 'daily':
    case 'business-days':
    case 'weekly':
      return { ...defaults, until: lastRunDate(periodEnd), ...disbursement };
    default:
      return never(disbursement);
  }
}

/** The last date of daily and weekly runs where the terms name none: a year after the period's end. */
export const lastRunDate = (periodEnd: string): string =>
  Temporal.PlainDateTime.from(periodEnd).add('P1Y').toPlainDate().toString();

export const inMarketplace = (amount: AmountTerms, marketplace: string): Money =>
  'default' in amount ? (amount.in[marketplace] ?? amount.default) : amount;

/** Of what an award comes to in a marketplace; with none, of the default. */
export function currencyOf(award: AwardTerms, marketplace = ''): string {
  if ('amount' in award) return inMarketplace(award.amount, marketplace).currency;
  const amount = 'tiers' in award ? award.tiers[0]!.amount : award.match.upTo;
  return inMarketplace(amount, marketplace).currency;
}
