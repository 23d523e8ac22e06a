import type { Instant } from '../../kernel/instant.js';

/** One unit of `base` is `rate` units of `quote`, says `source`, from `effectiveAt` on. */
export interface FxRate {
  readonly base: string;
  readonly quote: string;
  /** A decimal without needless zeros. */
  readonly rate: string;
  readonly source: string;
  readonly effectiveAt: Instant;
}

export interface FxRateRecorded {
  readonly type: 'FxRateRecorded';
  readonly data: FxRate;
}

export type FxEvent = FxRateRecorded;
