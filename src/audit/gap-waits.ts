import type { CreditApplied } from '../accounts/domain/events.js';
import { convert } from '../fx/domain/conversion.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import { minorOf } from '../kernel/money.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import { dueByOf } from '../promotions/domain/calendar.js';
import type { Qualification } from '../promotions/domain/qualification.js';
import { revisionAt } from '../promotions/domain/revisions.js';
import { rulesOf, type Rules } from '../promotions/domain/rules.js';
import type { SpendKind } from '../promotions/domain/terms.js';
import type { AccountKey } from '../read-models/accounts-queries.js';
import type { Moment } from '../read-models/moment.js';
import type { Queries } from '../read-models/queries.js';
import type { ReadModels } from '../read-models/read-models.js';

/** A time in which somebody had qualified and had no credit yet. */
export interface Wait {
  /** Or `ALL`. */
  readonly product: string;
  readonly stage: string | null;
  readonly status: Qualification['status'];
  readonly qualifiedAt: Instant;
  /** Null: it still waits. */
  readonly appliedAt: Instant | null;
  /** Exclusive: when it was applied, or `asOf`. */
  readonly until: Instant;
  /** Null while it waits and the service level is not broken. */
  readonly withinSla: boolean | null;
  readonly pays: { readonly appliesTo: readonly string[]; readonly spendKinds: readonly SpendKind[] | null };
  /** Of one that waits, by the rates of `asOf`; null: there is none, or spend has not settled the award. */
  readonly creditMinor: bigint | null;
}

/** A promotion, and the credits its runs have given. */
export interface PromotionGiven {
  readonly promotionId: string;
  readonly rules: Rules;
  /** By account. */
  readonly credits: ReadonlyMap<string, readonly CreditApplied['data'][]>;
}

/** Finds who waited, or waits, for a credit that was earned. */
export class Waits {
  constructor(
    private readonly queries: Queries,
    private readonly readModels: ReadModels,
  ) {}

  promotionOf(promotionId: string, { asOf, known }: Moment): PromotionGiven | Refusal {
    const promotion = this.readModels.promotions.stateOf(promotionId, known);
    if (!promotion?.calendar) return refuse('unknown-promotion', `no promotion ${promotionId} is published`);
    const { terms } = revisionAt(promotion.revisions, asOf);
    const given = this.readModels.accounts.creditsOfPromotion(promotionId, known);
    const byRuns = given.filter(({ origin, qualifiedAt }) => origin === 'run' && qualifiedAt !== null);
    return { promotionId, rules: rulesOf(terms), credits: Map.groupBy(byRuns, textOf) };
  }

  /** Where credits were given, and where they may be, in order. */
  accounts(
    { promotionId, rules, credits }: PromotionGiven,
    filter: Partial<AccountKey>,
    moment: Moment,
  ): readonly AccountKey[] {
    const keys = new Map<string, AccountKey>();
    for (const [text, [credit]] of credits) keys.set(text, credit!);
    for (const key of this.readModels.candidates(promotionId, rules, moment)) keys.set(textOf(key), key);
    const { advertiserId, marketplace } = filter;
    return [...keys.values()]
      .filter((key) => marketplace === undefined || key.marketplace === marketplace)
      .filter((key) => advertiserId === undefined || key.advertiserId === advertiserId)
      .sort(byKey);
  }

  /** In the order qualified, as runs give their credits. */
  of(key: AccountKey, currency: string, promotion: PromotionGiven, moment: Moment): readonly Wait[] {
    const { asOf } = moment;
    const { advertiserId, marketplace } = key;
    const applied = (promotion.credits.get(textOf(key)) ?? []).filter(({ appliedAt }) => appliedAt <= asOf);
    const balance = this.queries.balance(moment, advertiserId, marketplace);
    const shown = new Map(isRefusal(balance) ? [] : balance.credits.map((credit) => [credit.creditId, credit]));
    const answer = this.queries.qualification(moment, advertiserId, marketplace, promotion.promotionId);
    const items = isRefusal(answer) ? [] : answer.items;
    const given = applied.map((credit): Wait => {
      const { status = 'active', withinSla = null } = shown.get(credit.creditId) ?? {};
      return {
        product: credit.product,
        stage: credit.stage ?? null,
        status: status === 'expired' || status === 'revoked' ? status : 'applied',
        qualifiedAt: credit.qualifiedAt!,
        appliedAt: credit.appliedAt,
        until: credit.appliedAt,
        withinSla,
        pays: { appliesTo: credit.appliesTo, spendKinds: credit.spendKinds ?? null },
        creditMinor: minorOf(credit.applied),
      };
    });
    const waiting = items
      .filter(({ status }) => status === 'qualified' || status === 'deferred')
      .map((item) => this.waiting(item, currency, promotion.rules, moment));
    return [...given, ...waiting].sort(
      (a, b) =>
        byCodeUnit(a.qualifiedAt, b.qualifiedAt) ||
        byCodeUnit(a.product, b.product) ||
        byCodeUnit(a.stage ?? '', b.stage ?? ''),
    );
  }

  private waiting(item: Qualification, currency: string, rules: Rules, { asOf, known }: Moment): Wait {
    const { product, status, award } = item;
    const qualifiedAt = item.qualifiedAt!;
    const stage = rules.stages.find(({ id }) => id === item.stage)!;
    const book = this.readModels.rates.book(known);
    const converted = award && convert(book, award, currency, asOf, rules.fxMaxAge);
    return {
      product,
      stage: item.stage,
      status,
      qualifiedAt,
      appliedAt: null,
      until: asOf,
      withinSla: asOf > dueByOf(stage, rules.timeZone, qualifiedAt) ? false : null,
      pays: { appliesTo: stage.appliesTo, spendKinds: stage.spendKinds },
      creditMinor: converted && !isRefusal(converted) ? minorOf(converted.money) : null,
    };
  }
}

const textOf = ({ advertiserId, marketplace }: AccountKey): string => `${advertiserId} ${marketplace}`;

export const byKey = (a: AccountKey, b: AccountKey): number =>
  byCodeUnit(a.advertiserId, b.advertiserId) || byCodeUnit(a.marketplace, b.marketplace);
