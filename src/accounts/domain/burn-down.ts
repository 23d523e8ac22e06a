import type { Instant } from '../../kernel/instant.js';
import { byCodeUnit } from '../../kernel/identifiers.js';
import { leastFrom, type Holding } from './holding.js';

/** What burn-down needs to know of a credit; amounts are minor units. */
export interface Burnable {
  readonly creditId: string;
  readonly appliedAt: Instant;
  /** Exclusive. */
  readonly expiresAt: Instant;
  readonly appliesTo: readonly string[];
  readonly holding: Holding;
  readonly swept: boolean;
  readonly revoked: object | null;
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

/** Live at `at`, and for this product. */
const pays = (credit: Burnable, product: string, at: Instant): boolean =>
  credit.appliedAt <= at &&
  at < credit.expiresAt &&
  !credit.swept &&
  credit.revoked === null &&
  credit.appliesTo.includes(product);

/**
 * Which credits pay a click of `cost` at `at`, and what is left to bill. A credit gives at most the least that it holds
 * from `at` on, so a late click cannot take what a later one has already drawn.
 *
 * @param credits in burn order
 */
export function burnDown<Credit extends Burnable>(
  credits: readonly Credit[],
  product: string,
  cost: bigint,
  at: Instant,
): BurnDown<Credit> {
  const draws: { credit: Credit; amount: bigint }[] = [];
  let billable = cost;
  for (const credit of credits) {
    if (billable === 0n) break;
    if (!pays(credit, product, at)) continue;
    const least = leastFrom(credit.holding, at);
    const amount = least < billable ? least : billable;
    if (amount === 0n) continue;
    draws.push({ credit, amount });
    billable -= amount;
  }
  return { draws, billable };
}
