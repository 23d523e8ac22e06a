import { SetMetadata } from '@nestjs/common';

/** What a caller may do. `admin` may do everything. */
export const SCOPES = ['facts:write', 'grants:write', 'runs:execute', 'ledger:read', 'audit:read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * How a route keeps a caller that is bound to advertisers or marketplaces within its bounds:
 * `path`: its path names the advertiser and the marketplace, and they are checked;
 * `own`: the handler narrows what it takes and answers to the caller's own;
 * `unbound`: it tells of everybody, so a bound caller is refused;
 * `anybody`: nothing of any advertiser is in it.
 */
export type Reach = 'path' | 'own' | 'unbound' | 'anybody';

export interface Need {
  readonly scope: Scope;
  readonly reach: Reach;
}

export const NEED = Symbol('what a route needs of its caller');

/** Declares what a route needs. A route that declares nothing answers nobody. */
export const Needs = (scope: Scope, reach: Reach) => SetMetadata(NEED, { scope, reach } satisfies Need);
