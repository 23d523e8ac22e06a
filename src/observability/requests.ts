import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { knownCallerOf } from '../http/caller.js';
import { needing, NEEDING_NOTHING } from '../http/scopes.js';
import { actorHash } from './logging.js';
import type { Observability } from './observability.js';
import { within, type Scope } from './scope.js';
import { finish } from './tracing.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** They last as long as somebody follows. */
const LIVE_FEEDS = new Set(['/v1/events/live', '/v1/notices/live']);
/** Asked for by machines, again and again. */
const QUIET = /^\/(health\/|metrics$|docs)/;

/** The route's template, never the path: that has ids in it. */
const routeOf = ({ is404, routeOptions }: FastifyRequest): string =>
  is404 ? 'unmatched' : (routeOptions.url ?? 'unmatched');

/** Counts, times, logs and traces every request that is routed. To be called before what may turn requests away. */
export function observeRequests(app: NestFastifyApplication, observability: Observability): void {
  const fastify = app.getHttpAdapter().getInstance();
  const scopes = new WeakMap<FastifyRequest, Scope>();
  fastify.addHook('onRequest', (request, reply, done) => {
    const scope = begin(request, reply, observability);
    scopes.set(request, scope);
    within(scope, done);
  });
  // A body is read in the connection's turn, and what follows it would not know the request any more.
  fastify.addHook('preHandler', (request, _reply, done) => within(scopes.get(request)!, done));
}

function begin(request: FastifyRequest, { raw }: FastifyReply, { metrics, log, tracing }: Observability): Scope {
  const startedMs = performance.now();
  const { id: correlationId, headers } = request;
  const method = METHODS.has(request.method) ? request.method : 'OTHER';
  const route = routeOf(request);
  const span = tracing?.request(method, route, headers, correlationId);
  const isLive = LIVE_FEEDS.has(route);
  if (isLive) metrics.followers.inc({ route });
  // At the end of the answer, or when the connection breaks before.
  raw.once('close', () => {
    const seconds = (performance.now() - startedMs) / 1000;
    const status = raw.statusCode;
    metrics.requests.inc({ method, route, status });
    if (isLive) metrics.followers.dec({ route });
    else metrics.requestSeconds.observe({ method, route }, seconds);
    if (span) {
      span.setAttribute('http.response.status_code', status);
      finish(span, status >= 500);
    }
    const subject = knownCallerOf(request)?.subject;
    log.write(status === 500 ? 'error' : QUIET.test(route) ? 'debug' : 'info', 'http', 'request', {
      correlationId,
      method,
      route,
      status,
      durationMs: Math.round(seconds * 10_000) / 10,
      ...(raw.writableFinished ? {} : { cut: true }),
      ...(subject === undefined ? {} : { actor: actorHash(subject) }),
    });
  });
  return { correlationId, span: span?.spanContext() };
}

/** `GET /metrics`, in Prometheus' text format; `refresh` takes the figures that are taken when they are asked for. */
export function serveMetrics(
  app: NestFastifyApplication,
  { metrics: { registry } }: Observability,
  access: 'guarded' | 'open',
  refresh: () => Promise<void>,
): void {
  const config = access === 'open' ? NEEDING_NOTHING : needing('audit:read', 'unbound');
  app
    .getHttpAdapter()
    .getInstance()
    .get('/metrics', { config }, async (_request, reply) => {
      await refresh();
      return reply.type(registry.contentType).send(await registry.metrics());
    });
}
