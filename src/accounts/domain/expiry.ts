import { endOfDay, localToInstant, plusDays, plusWallClock } from '../../kernel/calendar.js';
import type { Instant } from '../../kernel/instant.js';
import type { Stage } from '../../promotions/domain/rules.js';

/** When a credit applied at `appliedAt` ends, and from when on it is swept; undefined beyond the year 9999. */
export function expiryOf(
  appliedAt: Instant,
  expiry: Stage['expiry'],
  timeZone: string,
): { readonly expiresAt: Instant; readonly sweepableAt: Instant } | undefined {
  const expiresAt = 'on' in expiry ? localToInstant(expiry.on, timeZone) : endAfter(appliedAt, expiry, timeZone);
  const sweepableAt = expiresAt && plusDays(expiresAt, expiry.settlementGrace);
  return expiresAt && sweepableAt && { expiresAt, sweepableAt };
}

function endAfter(
  appliedAt: Instant,
  expiry: Extract<Stage['expiry'], { after: string }>,
  timeZone: string,
): Instant | undefined {
  const at = plusWallClock(appliedAt, expiry.after, timeZone);
  return at && expiry.endOfDay ? endOfDay(at, timeZone) : at;
}
