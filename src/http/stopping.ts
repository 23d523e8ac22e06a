import type { Server } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Line } from '../commands/import.js';
import { problemOf, sendProblem } from './problem.js';

/** How often connections that have become idle are let go while the server closes. */
const SWEEP_MS = 50;

const STOPPING = new WeakMap<Server, AbortController>();

/**
 * From the moment the server is closed: it is not ready any more, takes no new connections, and answers the requests that
 * are there. Connections that are still busy after `seconds` are cut. Before any hook that asks who calls.
 */
export function drainOnStop(fastify: FastifyInstance, seconds: number): void {
  const server = fastify.server;
  const stopping = new AbortController();
  STOPPING.set(server, stopping);
  fastify.addHook('preClose', async () => {
    stopping.abort();
    if (!server.listening) return;
    // A connection whose answer began before this would be kept alive for the client's next request.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    const cut = setTimeout(() => server.closeAllConnections(), seconds * 1000);
    server.once('close', () => {
      clearInterval(sweep);
      clearTimeout(cut);
    });
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!stopping.signal.aborted || request.routeOptions.url !== '/health/ready') return done();
    sendProblem(
      reply,
      problemOf('stopping', 'The service is stopping: ask another instance, or this one when it is back.'),
    );
  });
}

/** From where on an import is to be sent again. */
export interface StoppedAt {
  readonly line: number;
}

/** The lines until the service stops: then they end after the batch that is being recorded, and `stop` is told. */
export async function* untilStopped(
  { server: { server } }: FastifyRequest,
  batches: AsyncIterable<readonly Line[]>,
  stop: (stopped: StoppedAt) => void,
): AsyncGenerator<readonly Line[]> {
  const stopping = STOPPING.get(server)?.signal;
  if (!stopping) {
    yield* batches;
    return;
  }
  const { promise: aborted, resolve } = Promise.withResolvers<'stopped'>();
  const abort = () => resolve('stopped');
  stopping.addEventListener('abort', abort);
  const source = batches[Symbol.asyncIterator]();
  let line = 1;
  try {
    for (;;) {
      if (stopping.aborted) return stop({ line });
      const next = source.next();
      // Whoever has stopped waiting for it does not hear of the connection's end.
      next.catch(() => undefined);
      const batch = await Promise.race([next, aborted]);
      if (batch === 'stopped') return stop({ line });
      if (batch.done) return;
      yield batch.value;
      line = (batch.value.at(-1)?.line ?? line - 1) + 1;
    }
  } finally {
    stopping.removeEventListener('abort', abort);
  }
}
