import type { Bounds } from '../kernel/bounds.js';

/** What somebody may state: of whom, and which kinds of facts. */
export interface Warrant extends Bounds {
  mayState(type: string): boolean;
}
