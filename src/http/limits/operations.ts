import { hash } from 'node:crypto';
import type { Scope } from '../scopes.js';
import { type Counters, HOUR_SECONDS, type Run } from './counters.js';

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
  constructor(
    private readonly quotas: ReadonlyMap<Scope, number>,
    private readonly counters: Counters,
  ) {}

  /** Takes operations, each named by its scope: `all` of them or none, or as many as there are of the `first`. */
  async take(subject: string, wanted: readonly Scope[], how: 'all' | 'first'): Promise<Taken> {
    const scopes = [...new Set(wanted)].filter((scope) => this.quotas.has(scope));
    if (scopes.length === 0) return { count: wanted.length, standings: [], short: undefined };
    const limits = scopes.map((scope) => ({ key: keyOf(subject, scope), quota: this.quotas.get(scope)! }));
    const limited = wanted.filter((scope) => this.quotas.has(scope));
    const { count, short, after } = await this.counters.take(limits, runsOf(limited, scopes), how);
    const standings = scopes.map((scope, i): Standing => {
      const { used, endsInMs } = after[i]!;
      const { quota } = limits[i]!;
      return {
        scope,
        quota,
        remaining: Math.max(0, quota - used),
        resetSeconds: Math.max(1, Math.ceil(endsInMs / 1000)),
      };
    });
    if (short === undefined) return { count: wanted.length, standings, short };
    return { count: how === 'all' ? 0 : placeOf(count, wanted, this.quotas), standings, short: standings[short] };
  }

  close(): void {
    this.counters.close();
  }
}

/** Neighbours of one scope together. */
function runsOf(wanted: readonly Scope[], scopes: readonly Scope[]): Run[] {
  const runs: { limit: number; count: number }[] = [];
  for (const scope of wanted) {
    const limit = scopes.indexOf(scope);
    const last = runs.at(-1);
    if (last?.limit === limit) last.count += 1;
    else runs.push({ limit, count: 1 });
  }
  return runs;
}

/** The place of the first that was not granted, where so many were that have a limit. */
function placeOf(granted: number, wanted: readonly Scope[], quotas: ReadonlyMap<Scope, number>): number {
  let left = granted;
  return wanted.findIndex((scope) => {
    if (!quotas.has(scope)) return false;
    left -= 1;
    return left < 0;
  });
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
const keyOf = (subject: string, scope: Scope): string => hash('sha256', `${scope}\n${subject}`, 'base64url');
