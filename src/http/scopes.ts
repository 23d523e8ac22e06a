import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExtension, ApiSecurity } from '@nestjs/swagger';
import { Refuses } from './openapi.js';

/** What a caller may do. `admin` may do everything. */
export const SCOPES = ['facts:write', 'grants:write', 'runs:execute', 'ledger:read', 'audit:read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * How a route keeps a caller that is bound to advertisers or marketplaces within its bounds:
 * `path`: its path names the advertiser and the marketplace; others are asked for under a name that nobody has;
 * `own`: the handler narrows what it takes and answers to the caller's own;
 * `unbound`: it tells of everybody, so a bound caller is refused;
 * `anybody`: nothing of any advertiser is in it.
 */
export type Reach = 'path' | 'own' | 'unbound' | 'anybody';

export interface Need {
  /** One of these is enough. */
  readonly anyOf: readonly Scope[];
  readonly reach: Reach;
}

/** What the gate finds at a route: what it needs, or that it is open to those who do not say who they are. */
export interface RouteNeed {
  readonly need: Need | 'nothing';
}

/** For routes that Nest does not know: the `config` to declare them with. */
export const needing = (scope: Scope | readonly Scope[], reach: Reach): RouteNeed => ({
  need: { anyOf: typeof scope === 'string' ? [scope] : scope, reach },
});
export const NEEDING_NOTHING: RouteNeed = { need: 'nothing' };

/** Declares what a route needs. A route that declares nothing answers nobody. */
export function Needs(scope: Scope | readonly Scope[], reach: Reach) {
  const { need } = needing(scope, reach);
  const { anyOf } = need as Need;
  return applyDecorators(
    RouteConfig({ need }),
    ApiSecurity('bearer', [...anyOf]),
    ApiExtension('x-promoledger-needs', { anyOf, reach }),
    Refuses('unauthenticated', 'forbidden'),
  );
}

/** Declares that a route answers whoever asks. */
export const NeedsNothing = () => RouteConfig(NEEDING_NOTHING);
