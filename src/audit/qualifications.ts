import { convert, type RateBook } from '../fx/domain/conversion.js';
import { accountStream, enrollmentStream, promotionStream } from '../kernel/identifiers.js';
import { earlier, type Instant } from '../kernel/instant.js';
import { enrollmentOf } from '../promotions/domain/enrollment.js';
import type { PromotionCalendar } from '../promotions/domain/events.js';
import type { CampaignFacts, SubjectFacts } from '../promotions/domain/facts.js';
import {
  marketplacesAsOne,
  qualificationsOf,
  type HeldCredit,
  type Qualification,
} from '../promotions/domain/qualification.js';
import { revisionAt, runsOf } from '../promotions/domain/revisions.js';
import { rulesOf } from '../promotions/domain/rules.js';
import { notCombinableSince, type AnyCredit } from '../promotions/domain/stacking.js';
import type { Disbursements } from '../../projections/disbursements.js';
import type { Replayed, ReplayedAccount } from './replay.js';

/** Qualifications from nothing but the folds, and rates, which are compared by themselves. */
export class Qualifications {
  private readonly campaigns = new Map<string, (CampaignFacts & { readonly marketplace: string })[]>();
  private readonly accounts: ReadonlyMap<string, readonly ReplayedAccount[]>;

  constructor(
    private readonly replayed: Replayed,
    private readonly rates: RateBook,
    private readonly asOf: Instant,
  ) {
    for (const { owner, campaignId, activity, changes } of replayed.campaigns.values()) {
      if (!owner) continue;
      const { advertiserId, marketplace, product } = owner;
      const campaigns = this.campaigns.get(advertiserId) ?? [];
      this.campaigns.set(advertiserId, [...campaigns, { campaignId, marketplace, product, activity, changes }]);
    }
    this.accounts = Map.groupBy(replayed.accounts.values(), ({ advertiserId }) => advertiserId);
  }

  of(promotion: Disbursements, account: ReplayedAccount): readonly Qualification[] {
    const { terminated, promotionId, completed, begun, revisions } = promotion;
    if (revisions.length === 0) return [];
    const { terms, calendar } = revisionAt(revisions, this.asOf);
    const rules = rulesOf(terms);
    const revisionsOf = (other: string) => this.replayed.promotions.get(promotionStream(other))?.revisions ?? [];
    const asOne = marketplacesAsOne(rules, account.marketplace);
    return qualificationsOf({
      rules,
      calendar,
      facts: this.factsOf(promotionId, calendar, account),
      terminatedAt: (terminated?.at as Instant | undefined) ?? null,
      excludedSince: notCombinableSince(promotionId, rules, this.creditsOf(account.advertiserId), revisionsOf),
      convertAt: (amount, currency, at) => convert(this.rates, amount, currency, at, rules.fxMaxAge),
      credits: this.creditsOf(account.advertiserId)
        .filter((credit) => credit.promotionId === promotionId && asOne.includes(credit.marketplace))
        .sort((a, b) => asOne.indexOf(a.marketplace) - asOne.indexOf(b.marketplace)),
      runs: runsOf(revisions, begun).map(({ run }) => run),
      completed,
      asOf: this.asOf,
    });
  }

  private factsOf(
    promotionId: string,
    { dormantFrom, start }: PromotionCalendar,
    account: ReplayedAccount,
  ): SubjectFacts {
    const { advertiserId, marketplace, currency, openedAt } = account;
    const isOpen = openedAt !== null && openedAt <= this.asOf;
    const enrollment = this.replayed.enrollments.get(enrollmentStream(promotionId, advertiserId)) ?? [];
    const campaigns = this.campaigns.get(advertiserId) ?? [];
    const accounts = this.accounts.get(advertiserId) ?? [];
    return {
      advertiserId,
      marketplace,
      enrollment: enrollmentOf(enrollment),
      campaigns: campaigns.filter((campaign) => campaign.marketplace === marketplace),
      spend: isOpen ? this.spendOf(account) : [],
      currency: isOpen ? currency : null,
      openedAt: isOpen ? openedAt : null,
      first: {
        campaign: earliest(
          campaigns.flatMap(({ activity }) => activity.flatMap(({ at, active }) => (active ? [at] : []))),
        ),
        spend: earliest(accounts.flatMap((each) => this.spendOf(each).map(({ at }) => at))),
        account: earliest(
          accounts.flatMap((each) => (each.openedAt && each.openedAt <= this.asOf ? [each.openedAt] : [])),
        ),
      },
      priorApiUse: campaigns.some(({ changes }) =>
        changes.some(({ at }) => dormantFrom !== null && at >= dormantFrom && at < start),
      ),
    };
  }

  private readonly spendOf = ({ advertiserId, marketplace }: ReplayedAccount) =>
    this.replayed.spend.get(accountStream(advertiserId, marketplace))?.() ?? [];

  private creditsOf(advertiserId: string): (HeldCredit & AnyCredit & { readonly marketplace: string })[] {
    return (this.accounts.get(advertiserId) ?? []).flatMap(({ marketplace, credits }) => {
      const grants = this.replayed.grants.get(accountStream(advertiserId, marketplace));
      return Object.entries(credits).map(([creditId, { revoked, ...credit }]) => ({
        ...credit,
        creditId,
        marketplace,
        ...grants!.get(creditId)!,
        status: revoked ? 'revoked' : credit.expiresAt <= this.asOf ? 'expired' : 'applied',
      }));
    });
  }
}

const earliest = (instants: readonly Instant[]): Instant | null =>
  instants.length === 0 ? null : instants.reduce(earlier);
