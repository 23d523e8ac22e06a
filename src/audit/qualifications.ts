import type { AccountEvent } from '../accounts/domain/events.js';
import { effectiveAtOf } from '../accounts/domain/postings.js';
import type { EventStore } from '../event-store/event-store.js';
import { convert, type RateBook } from '../fx/domain/conversion.js';
import { accountStream, byCodeUnit, enrollmentStream, promotionStream } from '../kernel/identifiers.js';
import { earlier, type Instant } from '../kernel/instant.js';
import { minorOf } from '../kernel/money.js';
import { enrollmentOf } from '../promotions/domain/enrollment.js';
import type { PromotionCalendar } from '../promotions/domain/events.js';
import type { CampaignFacts, SpendFact, SubjectFacts } from '../promotions/domain/facts.js';
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
import type { Moment } from '../read-models/moment.js';
import type { Replayed, ReplayedAccount } from './replay.js';

/** Qualifications from nothing but the log, by its folds, and rates, which are compared by themselves. */
export class Qualifications {
  private readonly campaigns = new Map<string, (CampaignFacts & { readonly marketplace: string })[]>();
  private readonly accounts: ReadonlyMap<string, readonly ReplayedAccount[]>;

  constructor(
    private readonly store: EventStore,
    private readonly replayed: Replayed,
    private readonly rates: RateBook,
    private readonly moment: Moment,
  ) {
    for (const { owner, campaignId, activity, changes } of replayed.campaigns.values()) {
      if (!owner) continue;
      const { advertiserId, marketplace, product } = owner;
      const campaigns = this.campaigns.get(advertiserId) ?? [];
      this.campaigns.set(advertiserId, [...campaigns, { campaignId, marketplace, product, activity, changes }]);
    }
    this.accounts = Map.groupBy(replayed.accounts.values(), ({ advertiserId }) => advertiserId);
  }

  /** Of each account in each promotion. What was spent is read for one advertiser at a time, and kept no longer. */
  async *all(): AsyncGenerator<{ account: ReplayedAccount; promotionId: string; items: readonly Qualification[] }> {
    const promotions = [...this.replayed.promotions.values()];
    if (promotions.length === 0) return;
    for (const accounts of this.accounts.values()) {
      const spend: Spend = new Map();
      for (const account of accounts) spend.set(account, await spentBy(account, this.store, this.moment));
      for (const account of accounts) {
        for (const promotion of promotions) {
          yield { account, promotionId: promotion.promotionId, items: this.of(promotion, account, spend) };
        }
      }
    }
  }

  private of(promotion: Disbursements, account: ReplayedAccount, spend: Spend): readonly Qualification[] {
    const { terminated, promotionId, completed, begun, revisions } = promotion;
    if (revisions.length === 0) return [];
    const { asOf } = this.moment;
    const { terms, calendar } = revisionAt(revisions, asOf);
    const rules = rulesOf(terms);
    const revisionsOf = (other: string) => this.replayed.promotions.get(promotionStream(other))?.revisions ?? [];
    const asOne = marketplacesAsOne(rules, account.marketplace);
    return qualificationsOf({
      rules,
      calendar,
      facts: this.factsOf(promotionId, calendar, account, spend),
      terminatedAt: (terminated?.at as Instant | undefined) ?? null,
      excludedSince: notCombinableSince(promotionId, rules, this.creditsOf(account.advertiserId), revisionsOf),
      convertAt: (amount, currency, at) => convert(this.rates, amount, currency, at, rules.fxMaxAge),
      credits: this.creditsOf(account.advertiserId)
        .filter((credit) => credit.promotionId === promotionId && asOne.includes(credit.marketplace))
        .sort((a, b) => asOne.indexOf(a.marketplace) - asOne.indexOf(b.marketplace)),
      runs: runsOf(revisions, begun).map(({ run }) => run),
      completed,
      asOf,
    });
  }

  private factsOf(
    promotionId: string,
    { dormantFrom, start }: PromotionCalendar,
    account: ReplayedAccount,
    spend: Spend,
  ): SubjectFacts {
    const { asOf } = this.moment;
    const { advertiserId, marketplace, currency, openedAt } = account;
    const isOpen = openedAt !== null && openedAt <= asOf;
    const enrollment = this.replayed.enrollments.get(enrollmentStream(promotionId, advertiserId)) ?? [];
    const campaigns = this.campaigns.get(advertiserId) ?? [];
    const accounts = this.accounts.get(advertiserId) ?? [];
    return {
      advertiserId,
      marketplace,
      enrollment: enrollmentOf(enrollment),
      campaigns: campaigns.filter((campaign) => campaign.marketplace === marketplace),
      spend: isOpen ? spend.get(account)! : [],
      currency: isOpen ? currency : null,
      openedAt: isOpen ? openedAt : null,
      first: {
        campaign: earliest(
          campaigns.flatMap(({ activity }) => activity.flatMap(({ at, active }) => (active ? [at] : []))),
        ),
        spend: earliest(accounts.flatMap((each) => spend.get(each)!.map(({ at }) => at))),
        account: earliest(accounts.flatMap((each) => (each.openedAt && each.openedAt <= asOf ? [each.openedAt] : []))),
      },
      priorApiUse: campaigns.some(({ changes }) =>
        changes.some(({ at }) => dormantFrom !== null && at >= dormantFrom && at < start),
      ),
    };
  }

  private creditsOf(advertiserId: string): (HeldCredit & AnyCredit & { readonly marketplace: string })[] {
    return (this.accounts.get(advertiserId) ?? []).flatMap(({ marketplace, credits }) => {
      const grants = this.replayed.grants.get(accountStream(advertiserId, marketplace));
      return Object.entries(credits).map(([creditId, { revoked, ...credit }]) => ({
        ...credit,
        creditId,
        marketplace,
        ...grants!.get(creditId)!,
        status: revoked ? 'revoked' : credit.expiresAt <= this.moment.asOf ? 'expired' : 'applied',
      }));
    });
  }
}

/** In effective order. */
type Spend = Map<ReplayedAccount, readonly Spent[]>;

export interface Spent extends SpendFact {
  /** The fact's own id. */
  readonly id: string;
}

/** What an account spent by a moment, without what was reversed by then, in effective order: what its stream says of it. */
export async function spentBy(
  { advertiserId, marketplace }: Pick<ReplayedAccount, 'advertiserId' | 'marketplace'>,
  store: EventStore,
  { asOf, known }: Moment,
): Promise<readonly Spent[]> {
  const spent: Spent[] = [];
  const reversedClicks = new Set<string>();
  for await (const { position, type, data } of store.read(accountStream(advertiserId, marketplace))) {
    if (position > known) break;
    const event = { type, data } as AccountEvent;
    if (effectiveAtOf(event) > asOf) continue;
    if (event.type === 'ClickReversed') reversedClicks.add(event.data.clickId);
    if (event.type !== 'ClickSpent' && event.type !== 'ImpressionsSpent') continue;
    const { occurredAt: at, product, billable } = event.data;
    const what = { at, product, own: minorOf(billable) };
    if (event.type === 'ClickSpent') spent.push({ id: event.data.clickId, kind: 'clicks', ...what });
    else spent.push({ id: event.data.impressionsId, kind: 'impressions', ...what });
  }
  return spent
    .filter(({ id, kind }) => kind !== 'clicks' || !reversedClicks.has(id))
    .sort((a, b) => byCodeUnit(a.at, b.at));
}

const earliest = (instants: readonly Instant[]): Instant | null =>
  instants.length === 0 ? null : instants.reduce(earlier);
