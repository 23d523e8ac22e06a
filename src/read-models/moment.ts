import type { Position } from '../event-store/event-store.js';
import { epochMs, instantOf, type Instant } from '../kernel/instant.js';

/** A point on both time axes: what had happened by `asOf`, as the log said it up to and including `known`. */
export interface Moment {
  readonly asOf: Instant;
  readonly known: Position;
}

/** The instant in a column of ms since 1970; null when there is none. */
export const instantIn = (column: unknown): Instant | null =>
  typeof column === 'bigint' ? instantOf(Number(column)) : null;

/** An instant that is mostly the one asked for before: events that were committed together were recorded at once. */
export class RepeatedInstant {
  private last: Instant | undefined;
  private ms = 0;

  /** In ms since 1970. */
  msOf(instant: Instant): number {
    if (instant !== this.last) this.ms = epochMs(instant);
    this.last = instant;
    return this.ms;
  }
}
