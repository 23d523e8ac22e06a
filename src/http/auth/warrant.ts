import type { Warrant } from '../../commands/warrant.js';
import { type Caller, mayUse } from '../caller.js';

/** What gives credit, takes it back, or says how it is given: for `grants:write`. Every other fact is for `facts:write`. */
export const GRANTS: ReadonlySet<unknown> = new Set([
  'CreditApplied',
  'CreditRevoked',
  'PromotionPublished',
  'PromotionRevised',
  'PromotionTerminated',
]);

export const warrantOf = (caller: Caller): Warrant => ({
  advertisers: caller.advertisers,
  marketplaces: caller.marketplaces,
  mayState: (type) => mayUse(caller, GRANTS.has(type) ? 'grants:write' : 'facts:write'),
});
