import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Position, Recorded } from '../event-store/event-store.js';
import { convert } from '../fx/domain/conversion.js';
import type { CreditApplied } from '../accounts/domain/events.js';
import { plusMs, type Instant } from '../kernel/instant.js';
import type { ReadModels } from '../read-models/read-models.js';
import { evaluate } from './domain/conditions.js';
import { ineligibility } from './domain/eligibility.js';
import type { PlannedRun, PromotionCalendar } from './domain/events.js';
import type { ConvertAt, SubjectFacts } from './domain/facts.js';
import { givenBy, type GivenCredit } from './domain/limits.js';
import type { Rules } from './domain/rules.js';
import type { Claim } from './domain/run.js';

/** What runs are decided by, and on whose enrollments. */
export interface Offered {
  readonly promotionId: string;
  readonly rules: Rules;
  readonly calendar: PromotionCalendar;
  readonly terminatedAt: Instant | null;
}

/** What an advertiser earns up to `until`, as far as it is known. */
interface Earned {
  readonly until: Instant;
  readonly claims: readonly (Claim & { readonly facts: SubjectFacts })[];
}

/** So many candidates of whom nothing new is known are walked before others get their turn. */
const A_TURN = 1000;

interface Candidate {
  readonly advertiserId: string;
  readonly marketplaces: readonly string[];
}

/**
 * Who claims what at each of several runs, in their order, as each of them would find it by itself. What an advertiser
 * has earned stays earned, unless a click is reversed on which it depends: so everybody is looked at once, at the last of the
 * runs or just before the next reversal, and again when more is recorded of them between two runs.
 */
export class Claims {
  private readonly earned = new Map<string, Earned>();
  private candidates: readonly Candidate[] | undefined;
  /** Of those who have claims, since when they have a credit that this promotion's may not be combined with. */
  private readonly notCombinable = new Map<string, Instant | null>();
  private given: GivenCredit[] | undefined;

  constructor(
    private readonly readModels: ReadModels,
    private readonly offered: Offered,
    /** The time of the last run that may be asked for. */
    private readonly horizon: Instant,
  ) {}

  /** More is known from now on. */
  recorded({ stream, type, data }: Pick<Recorded, 'stream' | 'type' | 'data'>): void {
    if (stream.startsWith('fx-')) this.earned.clear();
    if (type === 'CreditApplied') {
      const credit = data as CreditApplied['data'];
      if (credit.promotionId === this.offered.promotionId) this.given?.push(givenBy(credit));
      this.notCombinable.delete(credit.advertiserId);
      return;
    }
    // What a run itself records, and what the promotion was revised to, is asked for anew with each run; what is said of
    // the books is nobody's activity.
    if (stream.startsWith('promotion-') || stream.startsWith('audit-')) return;
    const { advertiserId } = data as { readonly advertiserId?: string };
    // A pause or an end says the campaign, not whose it is.
    if (advertiserId === undefined) this.earned.clear();
    else this.earned.delete(advertiserId);
    this.candidates = undefined;
  }

  /** Credits of the promotion, in any account. */
  givenBefore(known: Position): readonly GivenCredit[] {
    const { promotionId } = this.offered;
    return (this.given ??= this.readModels.accounts.creditsOfPromotion(promotionId, known).map(givenBy));
  }

  /** What may be claimed at a run, by whomever it is not kept from for good. */
  async at({ runAt }: PlannedRun, known: Position): Promise<readonly Claim[]> {
    const { rules, calendar, terminatedAt } = this.offered;
    const convertAt = this.convertAt(known);
    this.candidates ??= this.allCandidates(known);
    const claims: Claim[] = [];
    let walked = 0;
    for (const candidate of this.candidates) {
      if ((walked += 1) % A_TURN === 0) await nextTurn();
      const before = this.earned.get(candidate.advertiserId);
      const isKnown = before && before.until >= runAt;
      const earned = isKnown ? before.claims : await this.earnedBy(candidate, runAt, known, convertAt);
      for (const { facts, ...claim } of earned) {
        if (claim.qualifiedAt > runAt) continue;
        const seen = rules.eligibility.newTo ? { ...facts, first: firstBy(facts.first, runAt) } : facts;
        const excludedSince = this.notCombinableSince(claim.advertiserId, known);
        const asked = { rules, calendar, facts: seen, terminatedAt, excludedSince, asOf: runAt };
        if (ineligibility(asked, claim.qualifiedAt).length === 0) claims.push(claim);
      }
    }
    return claims;
  }

  private async earnedBy(candidate: Candidate, runAt: Instant, known: Position, convertAt: ConvertAt) {
    // Everybody is looked at: others get their turn in between.
    await nextTurn();
    const reversal = this.readModels.nextReversal(candidate.advertiserId, { asOf: runAt, known });
    const until = reversal !== null && reversal <= this.horizon ? plusMs(reversal, -1) : this.horizon;
    const claims = candidate.marketplaces.flatMap((marketplace) =>
      this.claimsIn(candidate.advertiserId, marketplace, until, known, convertAt),
    );
    this.earned.set(candidate.advertiserId, { until, claims });
    return claims;
  }

  private claimsIn(
    advertiserId: string,
    marketplace: string,
    asOf: Instant,
    known: Position,
    convertAt: ConvertAt,
  ): Earned['claims'] {
    const { promotionId, rules, calendar } = this.offered;
    const facts = this.readModels.subjectFacts(promotionId, advertiserId, marketplace, { asOf, known }, calendar);
    if (!facts) return [];
    const products = rules.awardFor === 'product' ? rules.products : ['ALL'];
    return products.flatMap((product) =>
      evaluate(rules, calendar, product, facts, convertAt, asOf).flatMap(({ stage, qualifiedAt, campaignId, award }) =>
        qualifiedAt && award
          ? [{ advertiserId, marketplace, product, stage, qualifiedAt, campaignId, award, facts }]
          : [],
      ),
    );
  }

  private allCandidates(known: Position): readonly Candidate[] {
    const { promotionId, rules } = this.offered;
    const all = [...this.readModels.candidates(promotionId, rules, { asOf: this.horizon, known })];
    return [...Map.groupBy(all, ({ advertiserId }) => advertiserId)].map(([advertiserId, keys]) => ({
      advertiserId,
      marketplaces: keys.map(({ marketplace }) => marketplace),
    }));
  }

  private notCombinableSince(advertiserId: string, known: Position): Instant | null {
    const { promotionId, rules } = this.offered;
    const before = this.notCombinable.get(advertiserId);
    if (before !== undefined) return before;
    const since = this.readModels.notCombinableSince(promotionId, rules, advertiserId, known);
    this.notCombinable.set(advertiserId, since);
    return since;
  }

  private convertAt(known: Position): ConvertAt {
    const book = this.readModels.rates.book(known);
    return (amount, currency, at) => convert(book, amount, currency, at, this.offered.rules.fxMaxAge);
  }
}

/** What is later than the run is not there yet. */
const firstBy = ({ campaign, spend, account }: SubjectFacts['first'], asOf: Instant): SubjectFacts['first'] => {
  const by = (at: Instant | null) => (at !== null && at <= asOf ? at : null);
  return { campaign: by(campaign), spend: by(spend), account: by(account) };
};
