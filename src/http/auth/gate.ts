import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { actingAs } from '../../commands/origin.js';
import { isBound, isWithin } from '../../kernel/bounds.js';
import { admit, type Caller, knownCallerOf, mayUse } from '../caller.js';
import { problemFor, ProblemError, sendProblem } from '../problem.js';
import type { RouteNeed } from '../scopes.js';
import { identifyBy } from './identify.js';
import { UnauthenticatedError } from './unauthenticated.js';

/** Who sends a request. Throws a problem when that is not to be told. */
export type Identify = (request: FastifyRequest) => Caller | Promise<Caller>;

/**
 * Lets in who may: before a body is read, and for every route that Fastify has, be it Nest's or not. A route that does
 * not declare what it needs lets in nobody, so a new one cannot be open by mistake.
 */
export function keepGate(app: NestFastifyApplication, identify: Identify = identifyBy(null)): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRequest', async (request, reply) => {
    try {
      const caller = await letIn(request, identify);
      if (caller) endWith(caller, reply);
    } catch (error) {
      await turnAway(request, reply, error);
    }
  });
  // Every event that a request makes bears who sent it, and its correlation id.
  fastify.addHook('preHandler', (request, _reply, done) => {
    const caller = knownCallerOf(request);
    if (caller) actingAs({ actor: caller.subject, correlationId: request.id }, done);
    else done();
  });
}

/** Undefined where it is not asked who calls. */
async function letIn(request: FastifyRequest, identify: Identify): Promise<Caller | undefined> {
  if (request.is404) return undefined;
  const need = needOf(request);
  if (need === 'nothing') return undefined;
  const caller = await identify(request);
  if (!need || !mayUse(caller, ...need.anyOf)) throw new ProblemError('forbidden', 'The caller may not do this.');
  if (need.reach === 'unbound' && isBound(caller)) throw new ProblemError('forbidden', 'The caller may not do this.');
  if (need.reach === 'path') hideOthers(request, caller);
  admit(request, caller);
  return caller;
}

/** The longest that a timer of Node's waits. */
const LONGEST_MS = 2 ** 31 - 1;

/** A live feed goes on for days: it ends with the token or key that opened it. Whatever else is under way is answered. */
function endWith({ endsAtMs }: Caller, { raw }: FastifyReply): void {
  if (endsAtMs === undefined || endsAtMs - Date.now() > LONGEST_MS) return;
  const isLive = () => String(raw.getHeader('content-type')).startsWith('text/event-stream');
  const timer = setTimeout(() => isLive() && raw.end(), endsAtMs - Date.now()).unref();
  raw.once('close', () => clearTimeout(timer));
}

const needOf = ({ routeOptions }: FastifyRequest) => (routeOptions.config as Partial<RouteNeed>).need;

/** No account will ever have this name: brackets are in no identifier, so nobody can open one. */
const NOBODY = '(nobody)';

/**
 * Whoever lies beyond a caller's bounds is asked for under a name that nobody has, so that the answer is in every byte
 * that of an advertiser who does not exist, whatever the route answers then. It costs what such an answer costs.
 */
function hideOthers(request: FastifyRequest, caller: Caller): void {
  const path = request.params as { advertiserId?: string; marketplace?: string };
  if (isWithin(caller, path)) return;
  if (path.advertiserId === undefined) throw new ProblemError('forbidden', 'The caller may not do this.');
  path.advertiserId = NOBODY;
}

const REALM = 'Bearer realm="promoledger"';

/** What a client is to do about it, as RFC 6750 has it. */
function challengeOf(request: FastifyRequest, error: unknown): string | undefined {
  if (error instanceof UnauthenticatedError) return error.error ? `${REALM}, error="${error.error}"` : REALM;
  if (!(error instanceof ProblemError) || error.code !== 'forbidden') return undefined;
  const need = needOf(request);
  const scope = typeof need === 'object' ? `, scope="${need.anyOf.join(' ')}"` : '';
  return `${REALM}, error="insufficient_scope"${scope}`;
}

async function turnAway(request: FastifyRequest, reply: FastifyReply, error: unknown): Promise<void> {
  const challenge = challengeOf(request, error);
  if (challenge !== undefined) reply.header('www-authenticate', challenge);
  sendProblem(reply, problemFor(error));
  await reply;
}
