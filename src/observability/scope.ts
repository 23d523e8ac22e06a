import { AsyncLocalStorage } from 'node:async_hooks';
import type { SpanContext } from '@opentelemetry/api';
import { currentOrigin } from '../commands/origin.js';

/** The request that what runs now belongs to. */
export interface Scope {
  readonly correlationId: string;
  /** Of the request's span, when there are traces. */
  readonly span: SpanContext | undefined;
}

const SCOPES = new AsyncLocalStorage<Scope>();

export const within = <T>(scope: Scope, work: () => T): T => SCOPES.run(scope, work);

export const currentScope = (): Scope | undefined => SCOPES.getStore();

/** Of the request, or of the part of the service that acts by itself. */
export const currentCorrelationId = (): string | undefined =>
  SCOPES.getStore()?.correlationId ?? currentOrigin()?.correlationId;
