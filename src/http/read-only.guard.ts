import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problem.js';
import type { RouteNeed } from './scopes.js';

/** Lets through what only reads, where a ledger is served read-only: whatever would record something is `forbidden`. */
export class ReadOnlyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { method, routeOptions } = context.switchToHttp().getRequest<FastifyRequest>();
    if (method === 'GET' || method === 'HEAD') return true;
    const { need } = routeOptions.config as Partial<RouteNeed>;
    if (typeof need === 'object' && need.anyOf.every((scope) => scope.endsWith(':read'))) return true;
    throw new ProblemError('forbidden', 'This ledger is served read-only: nothing is recorded in it.');
  }
}
