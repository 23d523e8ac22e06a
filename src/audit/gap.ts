import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ImpressionsSpent } from '../accounts/domain/events.js';
import type { EventStore } from '../event-store/event-store.js';
import { covers } from '../accounts/domain/burn-down.js';
import { accountStream, byCodeUnit } from '../kernel/identifiers.js';
import { DAY_MS, epochMs, type Instant } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import type { SpendKind } from '../promotions/domain/terms.js';
import type { AccountKey } from '../read-models/accounts-queries.js';
import type { BilledSpend } from '../read-models/audit-reader.js';
import { badCursor, cursorAfter, openCursor, type Page, type Paging } from '../read-models/cursors.js';
import type { Moment } from '../read-models/moment.js';
import type { Queries } from '../read-models/queries.js';
import type { ReadModels } from '../read-models/read-models.js';
import { byKey, Waits, type PromotionGiven, type Wait } from './gap-waits.js';

export interface GapAsked {
  readonly promotionId: string;
  readonly marketplace?: string;
  readonly advertiserId?: string;
}

/** Clicks (and impressions) that were billed while an advertiser had qualified and the credit was not applied. */
export interface Gap
  extends AccountKey, Pick<Wait, 'product' | 'stage' | 'status' | 'qualifiedAt' | 'appliedAt' | 'withinSla'> {
  /** Whole days of 24 hours, up to `asOf` while it waits. */
  readonly daysWaited: number;
  /** That the credit is for, billed in the window; clicks that were reversed are not counted. */
  readonly clicks: number;
  readonly impressions: number;
  readonly currency: string;
  /** Plain amounts: what those facts were billed, what the credit is, and what of them it would have paid. */
  readonly billed: string;
  /** Of one that waits, what it would come to by the rates of `asOf`; null: there is none, or spend has not settled it. */
  readonly credit: string | null;
  readonly coverable: string;
}

export interface GapTotal {
  readonly promotionId: string;
  readonly currency: string;
  /** How many waits had facts that were billed, of how many. */
  readonly gaps: number;
  readonly waits: number;
  /** What is in several gaps is counted once. */
  readonly clicks: number;
  readonly impressions: number;
  readonly billed: string;
  readonly coverable: string;
}

interface Sums {
  clicks: number;
  impressions: number;
  billedMinor: bigint;
  coverableMinor: bigint;
}

/** The gaps of one account, in the order of its waits, and their sums with each fact once. */
interface AccountGaps {
  readonly gaps: readonly Gap[];
  readonly currency: string;
  readonly once: Sums;
}

/** Reports what advertisers were billed between qualifying and their credit. */
export class GapReport {
  private readonly waits: Waits;

  constructor(
    private readonly store: EventStore,
    queries: Queries,
    private readonly readModels: ReadModels,
  ) {
    this.waits = new Waits(queries, readModels);
  }

  /**
   * By advertiserId and marketplace, then as qualified. Everybody in the promotion is looked at for the first page, whose
   * `totals` are of all pages; those of later pages are null.
   */
  async gaps(
    asked: Moment,
    { promotionId, ...filter }: GapAsked,
    { limit, cursor }: Paging,
  ): Promise<(Page<Gap> & { readonly totals: readonly GapTotal[] | null }) | Refusal> {
    const list = ['gap', promotionId, filter.marketplace ?? '', filter.advertiserId ?? ''].join(' ');
    const opened = openCursor(list, asked, cursor);
    if (isRefusal(opened)) return opened;
    const { moment, place } = opened;
    const [advertiserId = '', marketplace = '', skipped = '0', ...rest] = place ?? [];
    if (rest.length > 0 || !/^[0-9]{1,9}$/.test(skipped)) return badCursor();
    const promotion = this.waits.promotionOf(promotionId, moment);
    if (isRefusal(promotion)) return promotion;
    const totals = new Totals(promotionId);
    const items: Gap[] = [];
    let next: string | null = null;
    for (const key of this.waits.accounts(promotion, filter, moment)) {
      const order = byKey(key, { advertiserId, marketplace });
      if (order < 0) continue;
      if (next !== null && cursor !== undefined) break;
      // Everybody is looked at: others get their turn in between.
      await nextTurn();
      const account = await this.gapsOf(key, promotion, moment);
      if (!account) continue;
      totals.add(account);
      const first = order === 0 ? Number(skipped) : 0;
      account.gaps.slice(first).forEach((gap, index) => {
        if (items.length < limit) items.push(gap);
        else next ??= cursorAfter(list, moment, [key.advertiserId, key.marketplace, String(first + index)]);
      });
    }
    return { items, next, totals: cursor === undefined ? totals.list() : null, moment };
  }

  private async gapsOf(key: AccountKey, promotion: PromotionGiven, moment: Moment): Promise<AccountGaps | undefined> {
    const { advertiserId, marketplace } = key;
    const account = this.readModels.accounts.accountAt(advertiserId, marketplace, moment);
    if (!account) return undefined;
    const { currency } = account;
    const waits = this.waits.of(key, currency, promotion, moment);
    const sums = waits.map((): Sums => ({ clicks: 0, impressions: 0, billedMinor: 0n, coverableMinor: 0n }));
    const once: Sums = { clicks: 0, impressions: 0, billedMinor: 0n, coverableMinor: 0n };
    for (const [from, until] of windowsOf(waits)) {
      for (const spend of this.readModels.audit.billedBetween(key, from, until, moment)) {
        await nextTurn();
        const impressions = await this.impressionsIn(key, spend);
        for (const { at, kind, product, billedMinor, impressionsId } of spend) {
          const quantity = impressionsId === null ? 1 : impressions.get(impressionsId)!;
          let rest = billedMinor;
          const isIn = waits.map(
            (wait) => wait.qualifiedAt <= at && at < wait.until && covers(wait.pays, { product, kind }),
          );
          if (!isIn.includes(true)) continue;
          waits.forEach(({ creditMinor }, index) => {
            if (!isIn[index]) return;
            const sum = sums[index]!;
            // As credits burn down: of what one has paid, another pays nothing.
            const left = creditMinor === null ? 0n : creditMinor - sum.coverableMinor;
            const paid = left < rest ? left : rest;
            rest -= paid;
            addTo(sum, kind, quantity, billedMinor, paid);
          });
          addTo(once, kind, quantity, billedMinor, billedMinor - rest);
        }
      }
    }
    const gaps = waits.map((wait, index) => gapOf(key, currency, wait, sums[index]!));
    return { gaps, currency, once };
  }

  /** How many impressions there were of each fact: the read models know what they cost only. */
  private async impressionsIn(
    { advertiserId, marketplace }: AccountKey,
    spend: readonly BilledSpend[],
  ): Promise<ReadonlyMap<string, number>> {
    const keys = spend.flatMap(({ impressionsId }) => (impressionsId === null ? [] : [impressionsId]));
    if (keys.length === 0) return new Map();
    const ids = keys.map((key) => `ImpressionsSpent:${key}`);
    const events = await this.store.find(accountStream(advertiserId, marketplace), ids);
    return new Map(
      [...events.values()].map(({ data }) => {
        const { impressionsId, impressions } = data as ImpressionsSpent['data'];
        return [impressionsId, impressions];
      }),
    );
  }
}

/** Sums by currency: amounts in different ones are never added. */
class Totals {
  private readonly byCurrency = new Map<string, Sums & { gaps: number; waits: number }>();

  constructor(private readonly promotionId: string) {}

  add({ gaps, currency, once }: AccountGaps): void {
    if (gaps.length === 0) return;
    const none = { gaps: 0, waits: 0, clicks: 0, impressions: 0, billedMinor: 0n, coverableMinor: 0n };
    const sum = this.byCurrency.get(currency) ?? none;
    sum.gaps += gaps.filter(({ clicks, impressions }) => clicks + impressions > 0).length;
    sum.waits += gaps.length;
    sum.clicks += once.clicks;
    sum.impressions += once.impressions;
    sum.billedMinor += once.billedMinor;
    sum.coverableMinor += once.coverableMinor;
    this.byCurrency.set(currency, sum);
  }

  list(): readonly GapTotal[] {
    return [...this.byCurrency]
      .sort(([a], [b]) => byCodeUnit(a, b))
      .map(([currency, { gaps, waits, clicks, impressions, billedMinor, coverableMinor }]) => ({
        promotionId: this.promotionId,
        currency,
        gaps,
        waits,
        clicks,
        impressions,
        billed: formatMinor(billedMinor, currency),
        coverable: formatMinor(coverableMinor, currency),
      }));
  }
}

/** The times in which somebody waits, those that overlap as one. */
function windowsOf(waits: readonly Wait[]): readonly (readonly [from: Instant, until: Instant])[] {
  const windows: [Instant, Instant][] = [];
  for (const { qualifiedAt, until } of waits) {
    const last = windows.at(-1);
    if (!last || qualifiedAt > last[1]) windows.push([qualifiedAt, until]);
    else if (until > last[1]) last[1] = until;
  }
  return windows;
}

function addTo(sum: Sums, kind: SpendKind, quantity: number, billedMinor: bigint, coverableMinor: bigint): void {
  sum[kind] += quantity;
  sum.billedMinor += billedMinor;
  sum.coverableMinor += coverableMinor;
}

const gapOf = (key: AccountKey, currency: string, wait: Wait, sums: Sums): Gap => ({
  advertiserId: key.advertiserId,
  marketplace: key.marketplace,
  product: wait.product,
  stage: wait.stage,
  status: wait.status,
  qualifiedAt: wait.qualifiedAt,
  appliedAt: wait.appliedAt,
  daysWaited: Math.floor((epochMs(wait.until) - epochMs(wait.qualifiedAt)) / DAY_MS),
  withinSla: wait.withinSla,
  clicks: sums.clicks,
  impressions: sums.impressions,
  currency,
  billed: formatMinor(sums.billedMinor, currency),
  credit: wait.creditMinor === null ? null : formatMinor(wait.creditMinor, currency),
  coverable: formatMinor(sums.coverableMinor, currency),
});
