import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Line, MAX_BATCH } from '../../commands/import.js';
import { GRANTS } from '../auth/warrant.js';
import { isObject } from '../fields.js';
import { knownCallerOf } from '../caller.js';
import { ProblemError } from '../problem.js';
import type { Need, RouteNeed, Scope } from '../scopes.js';
import { type OperationsPerHour, rateLimitHeaders, ruleOf, type Standing, type Taken } from './operations.js';

/** Takes the first of some commands for which there are operations left. */
type TakeFirst = (commands: readonly unknown[]) => Promise<Taken>;

const STREAMS = new WeakMap<FastifyRequest, TakeFirst>();

/**
 * Counts each request's operations before its handler runs: the commands of an array, or one. An import's lines are
 * counted by `metered`, as they come. An `ApiChangeRecorded` is one however many changes it tells of: they were made
 * elsewhere, and one command is asked of the ledger.
 */
export function meterRequests(fastify: FastifyInstance, operations: OperationsPerHour): void {
  fastify.addHook('onClose', async () => operations.close());
  fastify.addHook('preHandler', async (request, reply) => {
    const { need } = request.routeOptions.config as Partial<RouteNeed>;
    const subject = knownCallerOf(request)?.subject;
    if (subject === undefined || !need || need === 'nothing') return;
    if (isStream(request.body)) {
      const scopesOf = (commands: readonly unknown[]) => commands.map((command) => scopeOf(command, need));
      STREAMS.set(request, (commands) => operations.take(subject, scopesOf(commands), 'first'));
      return;
    }
    const wanted = commandsOf(request.body).map((command) => scopeOf(command, need));
    const { standings, short } = await operations.take(subject, wanted, 'all');
    reply.headers(rateLimitHeaders(standings));
    if (short) refuseRate(reply, short, wanted.filter((scope) => scope === short.scope).length);
  });
}

const isStream = (body: unknown): boolean => isObject(body) && typeof body['pipe'] === 'function';

/** An array that is too long for one request is refused whole, and is one request. */
const commandsOf = (body: unknown): readonly unknown[] =>
  Array.isArray(body) && body.length > 0 && body.length <= MAX_BATCH ? (body as unknown[]) : [body];

/** What a command counts as on a route that takes several kinds; every other route has one scope. */
function scopeOf(command: unknown, { anyOf }: Need): Scope {
  const [first] = anyOf;
  if (anyOf.length > 1 && isObject(command) && GRANTS.has(command['type'])) return 'grants:write';
  return first!;
}

/** Throws the 429, with the seconds after which there will be enough. */
export function refuseRate(reply: FastifyReply, short: Standing, wanted: number): never {
  reply.header('retry-after', String(short.resetSeconds));
  throw new ProblemError('rate-limited', ruleOf(short, wanted));
}

/** Why an import took no more, and from which line on it is to be sent again. */
export interface Stopped {
  readonly line: number;
  readonly why: { readonly short: Standing } | { readonly problem: ProblemError };
}

type Stop = (stopped: Stopped) => void;

/** The lines for which the client has operations left. At the first that it has none for they end, and `stop` is told. */
export async function* metered(
  request: FastifyRequest,
  batches: AsyncIterable<readonly Line[]>,
  stop: Stop,
): AsyncGenerator<readonly Line[]> {
  const take = STREAMS.get(request);
  if (!take) {
    yield* batches;
    return;
  }
  for await (const batch of batches) {
    const { count, short } = await take(batch.map((line) => ('command' in line ? line.command : undefined)));
    if (count > 0) yield batch.slice(0, count);
    if (short) return stop({ line: batch[count]!.line, why: { short } });
  }
}
