import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ProblemCode, problemOf, sendProblem } from '../problem.js';

/** What one connection, and all of them, may take of the process. Times in milliseconds, sizes in bytes. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly bodyBytes: number;
  /** Of a request line and its header fields, together. */
  readonly headerBytes: number;
  readonly headerCount: number;
  readonly urlLength: number;
  /** Until a request's header is there. */
  readonly headersMs: number;
  /** Until its body is there; an import's may take as long as it likes while it moves. */
  readonly bodyMs: number;
  /** For a client that takes nothing of an answer that is ready. */
  readonly answerMs: number;
  /** For a client that still sends what nobody reads, when its answer is there: it gets to read that, and no more. */
  readonly lingerMs: number;
  /** Without a byte either way, in the middle of whatever it be. Live events send a heartbeat more often. */
  readonly idleMs: number;
  /** Between an answer and the next request. */
  readonly keepAliveMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  maxConnections: 1000,
  bodyBytes: 4 * 1024 * 1024,
  headerBytes: 16 * 1024,
  headerCount: 100,
  urlLength: 8 * 1024,
  headersMs: 10_000,
  bodyMs: 30_000,
  answerMs: 30_000,
  lingerMs: 1000,
  idleMs: 300_000,
  // Longer than a load balancer's own, so that it is never the service that hangs up on one about to send.
  keepAliveMs: 75_000,
};

/** For Node's own server. */
export const serverOptions = ({ headerBytes, headersMs }: ConnectionLimits): ServerOptions => ({
  maxHeaderSize: headerBytes,
  headersTimeout: headersMs,
  connectionsCheckingInterval: Math.ceil(headersMs / 4),
});

/** Everything that is not an option of the server. Before any other hook. */
export function limitConnections(fastify: FastifyInstance, limits: ConnectionLimits, isStreamed: IsStreamed): void {
  fastify.server.maxConnections = limits.maxConnections;
  // One more than is allowed, so that it shows; what is above that Node leaves out.
  fastify.server.maxHeadersCount = limits.headerCount + 1;
  fastify.addHook('onRequest', (request, reply, done) => {
    const tooMuch = tooMuchOf(request, limits);
    if (tooMuch) sendProblem(reply.header('connection', 'close'), tooMuch);
    else done();
  });
  fastify.addHook('preParsing', (request, reply, payload, done) => {
    done(null, payload);
    if (!hasBody(request) || isStreamed(request)) return;
    // A body that came with its header is here in the next turn: nobody needs to watch over it.
    setImmediate(() => {
      if (request.raw.complete || reply.raw.closed) return;
      const late = setTimeout(() => {
        // The header makes Node close the connection once this is sent.
        sendProblem(reply.header('connection', 'close'), problemOf('request-timeout', lateBody(limits.bodyMs)));
      }, limits.bodyMs).unref();
      payload.once('end', () => clearTimeout(late));
      reply.raw.once('close', () => clearTimeout(late));
    });
  });
  fastify.addHook('onSend', ({ raw }, reply, payload, done) => {
    const { socket } = raw;
    // What a test injects comes over no connection.
    if (socket instanceof Socket) {
      if (!raw.complete) endUnread(raw, reply, isStream(payload), limits.lingerMs);
      // A stream may have nothing to say for a while. Node sets another time again when the answer is sent.
      if (!isStream(payload)) socket.setTimeout(limits.answerMs);
    }
    done();
  });
}

const isStream = (payload: unknown): boolean =>
  typeof payload === 'object' && payload !== null && !Buffer.isBuffer(payload);

/**
 * Answers before the whole request was read, so that whoever sends on does so for `lingerMs` and not for ever: what
 * still comes meanwhile is thrown away, since an end at once would be a reset that can take the answer from the client.
 */
function endUnread(request: IncomingMessage, reply: FastifyReply, isStreamed: boolean, lingerMs: number): void {
  const { socket } = request;
  if (!isStreamed) {
    reply.header('connection', 'close');
    // What Node does to a connection that is to be closed, when the answer is written; it would destroy it at once.
    socket.destroySoon = () => void socket.end();
  }
  reply.raw.once('finish', () => {
    if (request.complete && isStreamed) return;
    request.resume();
    const cut = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(cut));
    // An import that stopped early, and whose rest came after all, has a connection as good as any.
    if (isStreamed) request.once('end', () => clearTimeout(cut));
  });
}

/** Whether a request's body is read by its handler, piece by piece. */
type IsStreamed = (request: FastifyRequest) => boolean;

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const lateBody = (ms: number): string => `The body must be there ${ms / 1000} s after the header.`;

function tooMuchOf({ raw }: FastifyRequest, { headerCount, urlLength }: ConnectionLimits) {
  if (raw.rawHeaders.length / 2 > headerCount) {
    return problemOf('headers-too-large', `A request has at most ${headerCount} header fields.`);
  }
  if ((raw.url ?? '').length > urlLength) {
    return problemOf('uri-too-long', `A path and its query have at most ${urlLength} characters.`);
  }
  return undefined;
}

const UNREADABLE: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'The header of the request is larger than the service takes.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The header of the request did not arrive in time.'],
};

/** Answers what Node's parser refuses, before there is a request. Of the fault nothing is told but its kind. */
export function refuseUnreadable(
  error: NodeJS.ErrnoException & { readonly rawPacket?: unknown },
  socket: Socket,
): void {
  const sending = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage;
  if (error.code === 'ECONNRESET' || !socket.writable || sending?.headersSent) return void socket.destroy();
  const [code, detail] = UNREADABLE[error.code ?? ''] ?? (['malformed-request', 'The request is not HTTP.'] as const);
  const problem = problemOf(code, detail);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  const { rawPacket } = error;
  const isHead = Buffer.isBuffer(rawPacket) && rawPacket.toString('latin1', 0, 5) === 'HEAD ';
  const cut = setTimeout(() => socket.destroy(), CONNECTION_LIMITS.lingerMs);
  socket.once('close', () => clearTimeout(cut));
  socket.end(`${head.join('\r\n')}\r\n\r\n${isHead ? '' : body}`);
}
