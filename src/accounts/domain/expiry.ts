import { plusDays, plusWallClock } from '../../kernel/calendar.js';
import type { Instant } from '../../kernel/instant.js';
import type { PromotionTerms } from '../../promotions/domain/terms.js';

/** When a credit applied at `appliedAt` ends, and from when on it is swept; undefined beyond the year 9999. */
export function expiryOf(
  appliedAt: Instant,
  { expiry, timeZone }: PromotionTerms,
): { readonly expiresAt: Instant; readonly sweepableAt: Instant } | undefined {
  const expiresAt = plusWallClock(appliedAt, expiry.after, timeZone);
  const sweepableAt = expiresAt && plusDays(expiresAt, expiry.settlementGrace);
  return expiresAt && sweepableAt && { expiresAt, sweepableAt };
}
