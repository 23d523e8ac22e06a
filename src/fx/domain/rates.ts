import { plainCodec, type Decider } from '../../kernel/decider.js';
import type { FxEvent, FxRateRecorded } from './events.js';

/** Rates are facts that nothing contradicts: each is taken as it is said. */
export const fxDecider: Decider<null, FxRateRecorded, FxEvent> = {
  initial: null,
  decide: (command) => [command],
  evolve: (state) => state,
  idOf: ({ type, data }) => `${type}:${data.source}@${data.effectiveAt}`,
  codec: plainCodec(1),
};
