import type { Position } from '../event-store/event-store.js';
import type { Instant } from '../kernel/instant.js';

/** A point on both time axes: what had happened by `asOf`, as the log said it up to and including `known`. */
export interface Moment {
  readonly asOf: Instant;
  readonly known: Position;
}
