import { AsyncLocalStorage } from 'node:async_hooks';

/** By whom and on which occasion events are made: it is stored with each of them. */
export interface Origin {
  /** The caller's subject, or the part of the service that acts by itself: `scheduler`, `cli`. */
  readonly actor: string;
  readonly correlationId: string;
}

const ORIGINS = new AsyncLocalStorage<Origin>();

/** Whatever `work` sends to the ledger, and all that follows from it, is of this origin. */
export const actingAs = <T>(origin: Origin, work: () => T): T => ORIGINS.run(origin, work);

/** Undefined where nobody said. To be asked when a command is handed over: commands of several origins are decided together. */
export const currentOrigin = (): Origin | undefined => ORIGINS.getStore();
