import type { Position } from '../event-store/event-store.js';

/** What is told of the feeding, to be counted and traced. It never throws. */
export interface ProjectionObserver {
  /** So many events, the last of them at `through`, were included together; that began at `startedMs` of `performance.now()`. */
  projected(through: Position, events: number, startedMs: number): void;
  /** Nothing can be written at the moment; it is tried again. */
  held(error: Error): void;
  /** The models stand still. */
  stopped(error: Error): void;
  /** They were built anew; or why not, and the former ones go on. */
  rebuilt(error: Error | null): void;
}

export const UNOBSERVED: ProjectionObserver = {
  projected: () => undefined,
  held: () => undefined,
  stopped: () => undefined,
  rebuilt: () => undefined,
};
