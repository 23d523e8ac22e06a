import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { actingAs } from '../../commands/origin.js';
import { isBound } from '../../kernel/bounds.js';
import { admit, type Caller, knownCallerOf, LOCAL_CALLER, mayUse } from '../caller.js';
import { problemFor, ProblemError, sendProblem } from '../problem.js';
import type { Need, RouteNeed } from '../scopes.js';

/** Who sends a request. Throws a problem when that is not to be told. */
export type Identify = (request: FastifyRequest) => Caller | Promise<Caller>;

/**
 * Lets in who may: before a body is read, and for every route that Fastify has, be it Nest's or not. A route that does
 * not declare what it needs lets in nobody, so a new one cannot be open by mistake.
 */
export function keepGate(app: NestFastifyApplication, identify: Identify = () => LOCAL_CALLER): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      try {
        await letIn(request, identify);
      } catch (error) {
        await refuseAt(reply, error);
      }
    });
  app.useGlobalInterceptors(new OriginOfEvents());
}

async function letIn(request: FastifyRequest, identify: Identify): Promise<void> {
  if (request.is404) return;
  const { need } = request.routeOptions.config as Partial<RouteNeed>;
  if (need === 'nothing') return;
  const caller = await identify(request);
  if (!need || !mayUse(caller, ...need.anyOf)) throw new ProblemError('forbidden', 'The caller may not do this.');
  keepWithinBounds(request, caller, need);
  admit(request, caller);
}

function keepWithinBounds(_request: FastifyRequest, caller: Caller, { reach }: Need): void {
  if (reach === 'unbound' && isBound(caller)) {
    throw new ProblemError(
      'forbidden',
      'The caller is bound to some advertisers or marketplaces; this is of all of them.',
    );
  }
}

async function refuseAt(reply: FastifyReply, error: unknown): Promise<void> {
  sendProblem(reply, problemFor(error));
  await reply;
}

/** Every event that a request makes bears who sent it, and its correlation id. */
class OriginOfEvents implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = knownCallerOf(request);
    if (!caller) return next.handle();
    return actingAs({ actor: caller.subject, correlationId: request.id }, () => next.handle());
  }
}
