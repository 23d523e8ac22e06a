import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage } from 'node:http';
import { parse } from 'node:querystring';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Identify, keepGate } from './auth/gate.js';
import { CORRELATION_HEADER, correlationIdOf } from './correlation.js';
import { serveDocs } from './docs.js';
import { ProblemError, ProblemFilter, problemOf, sendProblem } from './problem.js';

const BODY_LIMIT_BYTES = 4 * 1024 * 1024;
/** No byte either way for so long: the connection is dropped. Live events send a heartbeat more often. */
const IDLE_MS = 300_000;
/** An identifier of 128 characters may come percent-encoded. */
const LONGEST_PARAMETER = 3 * 128;

export function createAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    logger: false,
    requestIdHeader: false,
    genReqId: ({ headers }: IncomingMessage) => correlationIdOf(headers),
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: IDLE_MS,
    // An import takes as long as it takes; what keeps sending is not cut.
    requestTimeout: 0,
    // The router's own refusals, of a path that cannot be decoded, come before Nest could see them.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      answerCorrelationId(request, reply);
      sendProblem(reply, problemOf('not-found', 'The path cannot be read.'));
    },
    routerOptions: {
      maxParamLength: LONGEST_PARAMETER,
      // A plus is a plus, as in the offset of an instant: a query is no form.
      querystringParser: (query) => parse(query.replaceAll('+', '%2B')),
    },
  });
}

/** Everything between Nest's controllers and the wire: the gate, body parsers, problems, documents. Before `init`. */
export function dressApp(app: NestFastifyApplication, identify?: Identify): NestFastifyApplication {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRequest', async (request, reply) => answerCorrelationId(request, reply));
  keepGate(app, identify);
  app.useGlobalFilters(new ProblemFilter());
  addBodyParsers(app);
  serveDocs(app);
  return app;
}

/** On the connection itself, so that answers that are written past Fastify bear it, too. */
const answerCorrelationId = ({ id }: FastifyRequest, { raw }: FastifyReply): void => {
  raw.setHeader(CORRELATION_HEADER, id);
};

const IMPORT = '/v1/import';

/** JSON for every route but the import, whose body is a stream of lines and is not read here. */
function addBodyParsers(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (request.is404) return done(null);
    if (request.routeOptions.url === IMPORT) return done(unsupported('application/x-ndjson'));
    try {
      done(null, parseJson(body as Buffer));
    } catch {
      done(new ProblemError('malformed-json', 'The body is not JSON in UTF-8.'));
    }
  });
  fastify.addContentTypeParser('application/x-ndjson', (request, body, done) => {
    if (request.is404) done(null);
    else if (request.routeOptions.url === IMPORT) done(null, body);
    else done(unsupported('application/json'));
  });
}

const unsupported = (mediaType: string): ProblemError =>
  new ProblemError('unsupported-media-type', `The body must be ${mediaType}.`);

/** An empty body is none. Keys such as `__proto__` become plain fields, which nobody knows. */
function parseJson(body: Buffer): unknown {
  return body.length === 0 ? undefined : JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
}
