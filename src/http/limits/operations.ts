import { createHash } from 'node:crypto';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Scope } from '../scopes.js';
import { type Counters, HOUR_SECONDS } from './counters.js';

/** How a client stands with one limit, after what was just counted. */
export interface Standing {
  readonly scope: Scope;
  readonly quota: number;
  readonly remaining: number;
  /** Until its hour begins anew. */
  readonly resetSeconds: number;
}

/** What became of the operations asked for. */
export interface Taken {
  /** So many of them, from the first on, may be performed. */
  readonly count: number;
  /** One for each limit that was asked; none where nothing is limited. */
  readonly standings: readonly Standing[];
  /** Where the first one is short that may not; undefined when all may. */
  readonly short: Standing | undefined;
}

/**
 * The operations that each client has in an hour, scope by scope: the sum of what its requests ask for, as advertising
 * APIs count them. The hour begins with a client's first operation. What is refused for want of them is not counted.
 */
export class OperationsPerHour {
  private readonly limiters: ReadonlyMap<Scope, RateLimiterAbstract>;

  constructor(
    quotas: ReadonlyMap<Scope, number>,
    private readonly counters: Counters,
  ) {
    this.limiters = new Map([...quotas].map(([scope, quota]) => [scope, counters.limiter(quota)]));
  }

  /** Takes operations, each named by its scope: `all` of them or none, or as many as there are of the `first`. */
  async take(subject: string, wanted: readonly Scope[], how: 'all' | 'first'): Promise<Taken> {
    const limited = [...Map.groupBy(wanted, (scope) => scope)].filter(([scope]) => this.limiters.has(scope));
    const charges = await Promise.all(limited.map(([scope, some]) => this.charge(subject, scope, some.length)));
    const left = new Map(charges.map(({ standing, granted }) => [standing.scope, granted]));
    const firstShort = wanted.findIndex((scope) => {
      const some = left.get(scope);
      if (some) left.set(scope, some - 1);
      return some === 0;
    });
    const refusesAll = firstShort >= 0 && how === 'all';
    for (const charge of charges) {
      const { scope } = charge.standing;
      const unused = refusesAll ? charge.granted : left.get(scope)!;
      if (unused > 0) await this.limiters.get(scope)!.reward(keyOf(subject, scope), unused);
      charge.standing.remaining += unused;
    }
    const standings = charges.map(({ standing }) => standing);
    return {
      count: firstShort < 0 ? wanted.length : refusesAll ? 0 : firstShort,
      standings,
      short: standings.find(({ scope }) => scope === wanted[firstShort]),
    };
  }

  /** As many of `wanted` (at least 1) as there are. */
  private async charge(subject: string, scope: Scope, wanted: number) {
    const limiter = this.limiters.get(scope)!;
    const key = keyOf(subject, scope);
    const counted = await consumed(limiter, key, wanted);
    const free = Math.max(0, limiter.points - (counted.consumedPoints - wanted));
    const granted = Math.min(wanted, free);
    if (granted < wanted) await limiter.reward(key, wanted - granted);
    const resetSeconds = Math.max(1, Math.ceil(counted.msBeforeNext / 1000));
    return { granted, standing: { scope, quota: limiter.points, remaining: free - granted, resetSeconds } };
  }

  close(): void {
    this.counters.close();
  }
}

/** The rule in words, for the `detail` of a refusal. */
export function ruleOf({ scope, quota, remaining, resetSeconds }: Standing, wanted: number): string {
  const rule =
    `A client has ${quota} operations of ${scope} in an hour: each command, each line of an import and each other ` +
    `request is one. ${remaining} are left and ${wanted} were asked for; the hour ends in ${resetSeconds} s.`;
  return wanted > quota ? `${rule} No hour has so many: send fewer at once.` : rule;
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-11: what the limits are, and how the client stands with them. */
export const rateLimitHeaders = (standings: readonly Standing[]): Readonly<Record<string, string>> =>
  standings.length === 0
    ? {}
    : {
        'ratelimit-policy': standings.map(({ scope, quota }) => `"${scope}";q=${quota};w=${HOUR_SECONDS}`).join(', '),
        ratelimit: standings
          .map(({ scope, remaining, resetSeconds }) => `"${scope}";r=${remaining};t=${resetSeconds}`)
          .join(', '),
      };

/** Of a subject nothing is kept that names it. */
const keyOf = (subject: string, scope: Scope): string =>
  createHash('sha256').update(`${scope}\n${subject}`).digest('base64url');

/** The library counts first and then rejects what is too much, with the same result. */
async function consumed(limiter: RateLimiterAbstract, key: string, points: number): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key, points);
  } catch (result) {
    if (result instanceof RateLimiterRes) return result;
    throw result;
  }
}
