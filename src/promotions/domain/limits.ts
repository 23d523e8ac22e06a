import type { CreditApplied } from '../../accounts/domain/events.js';
import { minorOf } from '../../kernel/money.js';
import type { Rules } from './rules.js';

/** A credit of the promotion that was given, by a run or by hand; that it ended or was revoked does not matter. */
export interface GivenCredit {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
  /** Null: of all stages. */
  readonly stage: string | null;
  /** In minor units of the currency of the terms. */
  readonly granted: bigint;
}

export const givenBy = ({
  advertiserId,
  marketplace,
  product,
  stage = null,
  granted,
}: Pick<CreditApplied['data'], 'advertiserId' | 'marketplace' | 'product' | 'granted'> & {
  readonly stage?: string | null;
}): GivenCredit => ({ advertiserId, marketplace, product, stage, granted: minorOf(granted) });

/** Whether what an account may be given depends on what was given in others. */
export const countsAllAccounts = ({ oncePer, caps }: Rules): boolean =>
  oncePer !== 'marketplace' ||
  [caps.perRegion, caps.perAdvertiser, caps.budget, caps.redemptions].some((cap) => cap !== null);

export type Limit = 'already-granted' | 'cap-exceeded' | 'budget-exhausted' | 'redemptions-exhausted';

/** Counts what a promotion has given, to tell what it may still give. */
export class Tally {
  private readonly sums = new Map<string, bigint>();
  private readonly places = new Map<string, (string | null)[]>();
  private total = 0n;
  private credits = 0;

  constructor(
    private readonly rules: Rules,
    given: Iterable<GivenCredit>,
  ) {
    for (const credit of given) this.add(credit);
  }

  add(credit: GivenCredit): void {
    for (const scope of scopesOf(credit, this.rules)) this.sums.set(scope, this.sum(scope) + credit.granted);
    const place = placeOf(credit, this.rules);
    this.places.set(place, [...(this.places.get(place) ?? []), credit.stage]);
    this.total += credit.granted;
    this.credits += 1;
  }

  /** Why the credit may not be given beside those counted: the first of all reasons, null when it may. */
  limitOf(credit: GivenCredit): Limit | null {
    const { caps } = this.rules;
    if (this.isTaken(credit)) return 'already-granted';
    if (caps.budget !== null && this.total + credit.granted > caps.budget) return 'budget-exhausted';
    if (caps.redemptions !== null && this.credits >= caps.redemptions) return 'redemptions-exhausted';
    const [product, marketplace, region, advertiser] = scopesOf(credit, this.rules);
    const isOver = (scope: string, cap: bigint | null) => cap !== null && this.sum(scope) + credit.granted > cap;
    return isOver(product, caps.perProduct(credit.marketplace)) ||
      isOver(marketplace, caps.perMarketplace(credit.marketplace)) ||
      isOver(region, caps.perRegion) ||
      isOver(advertiser, caps.perAdvertiser)
      ? 'cap-exceeded'
      : null;
  }

  private isTaken(credit: GivenCredit): boolean {
    const stages = this.places.get(placeOf(credit, this.rules)) ?? [];
    return stages.some((stage) => stage === null || credit.stage === null || stage === credit.stage);
  }

  private readonly sum = (scope: string): bigint => this.sums.get(scope) ?? 0n;
}

/** What the caps sum over: the advertiser's product in a marketplace, the marketplace, region, and all of it. */
const scopesOf = ({ advertiserId, marketplace, product }: GivenCredit, rules: Rules) =>
  [
    `product ${product} ${marketplace} ${advertiserId}`,
    `marketplace ${marketplace} ${advertiserId}`,
    `region ${rules.regionOf(marketplace)} ${advertiserId}`,
    `advertiser ${advertiserId}`,
  ] as const;

/** Where the same award is given once. */
function placeOf({ advertiserId, marketplace, product }: GivenCredit, { oncePer, regionOf }: Rules): string {
  const place = { marketplace, region: regionOf(marketplace), advertiser: '' }[oncePer];
  return `${place} ${product} ${advertiserId}`;
}
