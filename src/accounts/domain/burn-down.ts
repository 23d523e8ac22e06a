import { epochMs, type Instant } from '../../kernel/instant.js';
import { byCodeUnit } from '../../kernel/identifiers.js';
import type { SpendKind } from '../../promotions/domain/terms.js';
import { leastFrom, type Holding } from './holding.js';

/** What burn-down needs to know of a credit; amounts are minor units. */
export interface Burnable {
  readonly creditId: string;
  readonly appliedAt: Instant;
  /** Exclusive. */
  readonly expiresAt: Instant;
  readonly appliesTo: readonly string[];
  /** Null: all kinds. */
  readonly spendKinds: readonly SpendKind[] | null;
  readonly holding: Holding;
  readonly swept: boolean;
  readonly revoked: object | null;
}

/** What is to be paid for. */
export interface Spend {
  readonly product: string;
  readonly kind: SpendKind;
}

export interface BurnDown<Credit> {
  /** In the order drawn; none of zero. */
  readonly draws: readonly { readonly credit: Credit; readonly amount: bigint }[];
  readonly billable: bigint;
}

/** Soonest expiry first, then earliest applied, then by id. */
export const inBurnOrder = <Credit extends Burnable>(credits: readonly Credit[]): readonly Credit[] =>
  [...credits].sort(
    (a, b) =>
      byCodeUnit(a.expiresAt, b.expiresAt) ||
      byCodeUnit(a.appliedAt, b.appliedAt) ||
      byCodeUnit(a.creditId, b.creditId),
  );

/** Whether a credit is for such spend at all. */
export const covers = (
  { appliesTo, spendKinds }: Pick<Burnable, 'appliesTo' | 'spendKinds'>,
  { product, kind }: Spend,
): boolean => appliesTo.includes(product) && (spendKinds === null || spendKinds.includes(kind));

/** Live at `at`, and for such spend. Most credits of an old account have ended: that is asked first. */
const pays = (credit: Burnable, spend: Spend, at: Instant): boolean =>
  at < credit.expiresAt && credit.appliedAt <= at && !credit.swept && credit.revoked === null && covers(credit, spend);

/**
 * Which credits pay spend of `cost` at `at`, and what is left to bill. A credit gives at most the least that it holds
 * from `at` on, so late spend cannot take what later spend has already drawn.
 *
 * @param credits in burn order
 */
export function burnDown<Credit extends Burnable>(
  credits: readonly Credit[],
  spend: Spend,
  cost: bigint,
  at: Instant,
): BurnDown<Credit> {
  const draws: { credit: Credit; amount: bigint }[] = [];
  const atMs = epochMs(at);
  let billable = cost;
  for (const credit of credits) {
    if (billable === 0n) break;
    if (!pays(credit, spend, at)) continue;
    const least = leastFrom(credit.holding, atMs);
    const amount = least < billable ? least : billable;
    if (amount === 0n) continue;
    draws.push({ credit, amount });
    billable -= amount;
  }
  return { draws, billable };
}
