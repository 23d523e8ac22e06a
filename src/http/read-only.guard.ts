import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problem.js';
import { NEED, type Need } from './scopes.js';

/** Lets through what only reads, where a ledger is served read-only: whatever would record something is `forbidden`. */
export class ReadOnlyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { method } = context.switchToHttp().getRequest<FastifyRequest>();
    if (method === 'GET' || method === 'HEAD') return true;
    const need = Reflect.getMetadata(NEED, context.getHandler()) as Need | undefined;
    if (need?.scope.endsWith(':read')) return true;
    throw new ProblemError('forbidden', 'This ledger is served read-only: nothing is recorded in it.');
  }
}
