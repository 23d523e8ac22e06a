import type { CreditApplied } from '../accounts/domain/events.js';
import type { Position } from '../event-store/event-store.js';
import { convert } from '../fx/domain/conversion.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import { plusMs, type Instant } from '../kernel/instant.js';
import { minorOf } from '../kernel/money.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import { dueByOf } from '../promotions/domain/calendar.js';
import { marketplacesAsOne, takesPlaceOf, type Qualification } from '../promotions/domain/qualification.js';
import { revisionAt } from '../promotions/domain/revisions.js';
import { rulesOf, type Rules } from '../promotions/domain/rules.js';
import type { SpendKind } from '../promotions/domain/terms.js';
import type { AccountKey, CreditStatus } from '../read-models/accounts-queries.js';
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

/** A promotion, and the credits it has given. */
export interface PromotionGiven {
  readonly promotionId: string;
  readonly rulesAt: (asOf: Instant) => Rules;
  /** By account: those of runs, and those by hand. */
  readonly byRuns: ReadonlyMap<string, readonly CreditApplied['data'][]>;
  readonly byHand: ReadonlyMap<string, readonly CreditApplied['data'][]>;
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
    const all = this.readModels.accounts.creditsOfPromotion(promotionId, known);
    const given = (by: 'run' | 'manual') =>
      Map.groupBy(
        all.filter(({ origin, appliedAt }) => origin === by && appliedAt <= asOf),
        textOf,
      );
    const rulesAt = (at: Instant) => rulesOf(revisionAt(promotion.revisions, at).terms);
    return { promotionId, rulesAt, byRuns: given('run'), byHand: given('manual') };
  }

  /** Where credits were given, and where they may be, in order. */
  accounts(
    { promotionId, rulesAt, byRuns, byHand }: PromotionGiven,
    filter: Partial<AccountKey>,
    moment: Moment,
  ): readonly AccountKey[] {
    const keys = new Map<string, AccountKey>();
    for (const [text, [credit]] of [...byRuns, ...byHand]) keys.set(text, credit!);
    const candidates = this.readModels.candidates(promotionId, rulesAt(moment.asOf), moment);
    for (const key of candidates) keys.set(textOf(key), key);
    const { advertiserId, marketplace } = filter;
    return [...keys.values()]
      .filter((key) => marketplace === undefined || key.marketplace === marketplace)
      .filter((key) => advertiserId === undefined || key.advertiserId === advertiserId)
      .sort(byKey);
  }

  /** In the order qualified, as runs give their credits. */
  of(key: AccountKey, currency: string, promotion: PromotionGiven, moment: Moment): readonly Wait[] {
    const balance = this.queries.balance(moment, key.advertiserId, key.marketplace);
    const shown = new Map(isRefusal(balance) ? [] : balance.credits.map((credit) => [credit.creditId, credit]));
    const given = (promotion.byRuns.get(textOf(key)) ?? []).map((credit): Wait => {
      const { status, withinSla = null } = shown.get(credit.creditId) ?? {};
      const { product, stage = null, qualifiedAt } = credit;
      return { product, stage, qualifiedAt: qualifiedAt!, withinSla, ...endedBy(credit, status) };
    });
    const madeGood = this.grantsFor(key, promotion, moment.asOf).flatMap((credit) => {
      const { status } = shown.get(credit.creditId) ?? {};
      return this.endedByHand(credit, status, key, currency, promotion, moment.known);
    });
    const waiting = this.entitled(key, promotion, moment).map((item) =>
      this.waiting(item, currency, promotion.rulesAt(moment.asOf), moment),
    );
    return [...given, ...madeGood, ...waiting].sort(inOrderEarned);
  }

  /** Grants by hand, here and wherever the terms count it as here, in the order applied. */
  private grantsFor({ advertiserId, marketplace }: AccountKey, { rulesAt, byHand }: PromotionGiven, asOf: Instant) {
    return marketplacesAsOne(rulesAt(asOf), marketplace)
      .flatMap((each) => byHand.get(textOf({ advertiserId, marketplace: each })) ?? [])
      .sort((a, b) => byCodeUnit(a.appliedAt, b.appliedAt) || byCodeUnit(a.creditId, b.creditId));
  }

  /** The waits that a grant has made good; none when nobody had qualified for what it takes the place of. */
  private endedByHand(
    credit: CreditApplied['data'],
    status: CreditStatus | undefined,
    key: AccountKey,
    currency: string,
    promotion: PromotionGiven,
    known: Position,
  ): readonly Wait[] {
    // Who qualified is asked of the facts as they were just before it: from then on the grant stands in the place.
    const before = { asOf: plusMs(credit.appliedAt, -1), known };
    const rules = promotion.rulesAt(before.asOf);
    const ended = endedBy(credit, status);
    return this.entitled(key, promotion, before)
      .filter(({ product, stage }) => takesPlaceOf({ ...credit, stage: credit.stage ?? null }, product, stage))
      .map((item) => this.waiting(item, currency, rules, before))
      .sort(inOrderEarned)
      .map((wait, index): Wait => {
        const { product, stage: id, qualifiedAt } = wait;
        const stage = rules.stages.find((each) => each.id === id)!;
        const withinSla = credit.appliedAt <= dueByOf(stage, rules.timeZone, qualifiedAt);
        // A grant elsewhere is in money of elsewhere: here it is what the award would have come to.
        const here = credit.marketplace === key.marketplace ? ended.creditMinor : wait.creditMinor;
        return { ...ended, product, stage: id, qualifiedAt, withinSla, creditMinor: index === 0 ? here : 0n };
      });
  }

  /** Who has earned it at a moment, and has no credit then. */
  private entitled(
    { advertiserId, marketplace }: AccountKey,
    { promotionId }: PromotionGiven,
    moment: Moment,
  ): readonly Qualification[] {
    const answer = this.queries.qualification(moment, advertiserId, marketplace, promotionId);
    const items = isRefusal(answer) ? [] : answer.items;
    return items.filter(({ status }) => status === 'qualified' || status === 'deferred');
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

/** What a credit says of the wait that it has ended. */
function endedBy(
  { appliedAt, appliesTo, spendKinds, applied }: CreditApplied['data'],
  status: CreditStatus | undefined,
): Pick<Wait, 'status' | 'appliedAt' | 'until' | 'pays' | 'creditMinor'> {
  return {
    status: status === 'expired' || status === 'revoked' ? status : 'applied',
    appliedAt,
    until: appliedAt,
    pays: { appliesTo, spendKinds: spendKinds ?? null },
    creditMinor: minorOf(applied),
  };
}

const inOrderEarned = (a: Wait, b: Wait): number =>
  byCodeUnit(a.qualifiedAt, b.qualifiedAt) ||
  byCodeUnit(a.product, b.product) ||
  byCodeUnit(a.stage ?? '', b.stage ?? '');

const textOf = ({ advertiserId, marketplace }: AccountKey): string => `${advertiserId} ${marketplace}`;

export const byKey = (a: AccountKey, b: AccountKey): number =>
  byCodeUnit(a.advertiserId, b.advertiserId) || byCodeUnit(a.marketplace, b.marketplace);
