import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type Bounds, UNBOUND } from '../kernel/bounds.js';
import { type Scope, SCOPES } from './scopes.js';

/** Who sends a request, and what it may do. Bounds of null do not bind. */
export interface Caller extends Bounds {
  /**
   * Stored with every event that it makes. `key:…` and `token:…`: neither can pass for the other, nor for the service's own
   * `scheduler`, `cli` and `local`.
   */
  readonly subject: string;
  readonly scopes: ReadonlySet<Scope>;
  /** When its token or key ends, in ms since 1970; absent for never. */
  readonly endsAtMs?: number;
  /**
   * The same caller as it is known now, for what goes on for long: a key may have been struck out or changed since.
   * Throws a problem when it is to be let in no more. Absent where nothing can change.
   */
  readonly asOfNow?: () => Caller;
}

/** Whoever reaches a service that has no authentication configured, and so listens on loopback only. */
export const LOCAL_CALLER: Caller = { subject: 'local', scopes: new Set(SCOPES), ...UNBOUND };

export const mayUse = ({ scopes }: Caller, ...anyOf: readonly Scope[]): boolean =>
  scopes.has('admin') || anyOf.some((scope) => scopes.has(scope));

const CALLERS = new WeakMap<FastifyRequest, Caller>();

/** For the gate alone. */
export const admit = (request: FastifyRequest, caller: Caller): void => void CALLERS.set(request, caller);

/** Of a request that the gate let in; throws where it did not look. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = CALLERS.get(request);
  if (!caller) throw new Error('a request came past the gate');
  return caller;
}

/** Undefined for a request that was let in without asking who sends it, or was turned away. */
export const knownCallerOf = (request: FastifyRequest): Caller | undefined => CALLERS.get(request);

/** A parameter of a handler: who calls. */
export const CalledBy = createParamDecorator((_: unknown, context: ExecutionContext): Caller =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
