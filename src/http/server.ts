import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage, Server } from 'node:http';
import { parse } from 'node:querystring';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MAX_DEPTH, parseJson, TooDeepError } from '../kernel/json.js';
import { type Identify, keepGate } from './auth/gate.js';
import { CORRELATION_HEADER, correlationIdOf } from './correlation.js';
import { serveDocs } from './docs.js';
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  limitConnections,
  refuseUnreadable,
  serverOptions,
} from './limits/connections.js';
import { meterRequests } from './limits/metering.js';
import type { OperationsPerHour } from './limits/operations.js';
import { ProblemError, ProblemFilter, problemOf, sendProblem } from './problem.js';
import { drainOnStop } from './stopping.js';

/** An identifier of 128 characters may come percent-encoded. */
const LONGEST_PARAMETER = 3 * 128;

export function createAdapter(limits: ConnectionLimits = CONNECTION_LIMITS): FastifyAdapter {
  return new FastifyAdapter<Server>({
    logger: false,
    requestIdHeader: false,
    genReqId: ({ headers }: IncomingMessage) => correlationIdOf(headers),
    http: serverOptions(limits),
    bodyLimit: limits.bodyBytes,
    connectionTimeout: limits.idleMs,
    keepAliveTimeout: limits.keepAliveMs,
    // An import takes as long as it takes; what keeps sending is not cut.
    requestTimeout: 0,
    // What comes over a connection that is there is answered, and the connection closed: see `drainOnStop`.
    return503OnClosing: false,
    clientErrorHandler: refuseUnreadable,
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

/** What the edge asks of others; without them everybody is the local caller, and nobody's operations are counted. */
export interface Edge {
  readonly identify?: Identify;
  readonly operations?: OperationsPerHour;
  readonly connections?: ConnectionLimits;
  /** How long a stop waits for requests under way. */
  readonly stopSeconds?: number;
}

/**
 * Everything between Nest's controllers and the wire: limits, the gate, body parsers, problems, documents. Before
 * `init`.
 */
export function dressApp(app: NestFastifyApplication, edge: Edge = {}): NestFastifyApplication {
  const { identify, operations, connections = CONNECTION_LIMITS, stopSeconds = 10 } = edge;
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRequest', (request, reply, done) => {
    answerCorrelationId(request, reply);
    done();
  });
  limitConnections(fastify, connections, isImport);
  drainOnStop(fastify, stopSeconds);
  keepGate(app, identify);
  if (operations) meterRequests(fastify, operations);
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
const LINES = 'application/x-ndjson';

const isImport = ({ routeOptions, headers }: FastifyRequest): boolean =>
  routeOptions.url === IMPORT && (headers['content-type'] ?? '').startsWith(LINES);

/** JSON for every route but the import, whose body is a stream of lines and is not read here. */
function addBodyParsers(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (request.is404) return done(null);
    if (request.routeOptions.url === IMPORT) return done(unsupported(LINES));
    try {
      // An empty body is none.
      done(null, body.length === 0 ? undefined : parseJson(body as Buffer));
    } catch (error) {
      if (error instanceof TooDeepError) return done(tooDeep());
      done(new ProblemError('malformed-json', 'The body is not JSON in UTF-8.'));
    }
  });
  fastify.addContentTypeParser(LINES, (request, body, done) => {
    if (request.is404) done(null);
    else if (request.routeOptions.url === IMPORT) done(null, body);
    else done(unsupported('application/json'));
  });
}

const unsupported = (mediaType: string): ProblemError =>
  new ProblemError('unsupported-media-type', `The body must be ${mediaType}.`);

const tooDeep = (): ProblemError =>
  new ProblemError('invalid-command', 'The body has a fault.', [
    { path: '', message: `is nested more than ${MAX_DEPTH} deep` },
  ]);
