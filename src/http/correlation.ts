import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** In requests and answers: what a client, the log, the events and the traces call one request by. */
export const CORRELATION_HEADER = 'x-request-id';

/** The id that the client gave, when it is one that may stand in a line of a log; else a new one. It is `request.id`. */
export function correlationIdOf(headers: IncomingHttpHeaders): string {
  const given = headers[CORRELATION_HEADER];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}
