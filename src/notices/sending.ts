import { lookup } from 'node:dns';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import type { LookupFunction } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { addressIn, isPublic, type Endpoint } from './endpoint.js';

/** An attempt that has no answer by then has failed. */
const TIMEOUT_MS = 20_000;
/** So much of an answer is read; nothing in it counts. */
const ANSWER_BYTES = 64 * 1024;
/** A receiver cannot put an attempt off for longer. */
export const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;

export interface Message {
  readonly id: string;
  readonly body: string;
}

/** What came of an attempt. `why` is for an operator: it holds nothing of what the receiver answered but its status. */
export type Attempt =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'gone'; readonly why: string }
  | { readonly outcome: 'failed'; readonly why: string; readonly retryAfterMs: number | null };

/** Sends a message once, signed as of `nowMs`. Never throws; an aborted attempt has failed. */
export type Send = (endpoint: Endpoint, message: Message, nowMs: number, gone: AbortSignal) => Promise<Attempt>;

/** `webhook-signature`: one for each secret of the endpoint. After the Standard Webhooks specification, 1.0.0. */
export const signatureOf = (secrets: readonly string[], { id, body }: Message, nowMs: number): string =>
  secrets.map((secret) => new Webhook(secret).sign(id, new Date(nowMs), body)).join(' ');

/** Sends over HTTP, or a shorter `timeoutMs` for a test. Redirects are not followed: they are answers like others. */
export const sendOverHttp =
  (timeoutMs = TIMEOUT_MS): Send =>
  async (endpoint, message, nowMs, gone) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await post(endpoint, message, nowMs, AbortSignal.any([gone, timeout]));
      return attemptOf(answer, nowMs);
    } catch (error) {
      const why = timeout.aborted ? `no answer within ${timeoutMs} ms` : faultOf(error);
      return { outcome: 'failed', why, retryAfterMs: null };
    }
  };

function post(endpoint: Endpoint, message: Message, nowMs: number, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, secrets, allowPrivate } = endpoint;
  const address = addressIn(url);
  if (!allowPrivate && address !== null && !isPublic(address)) return Promise.reject(new NotPublicError());
  const body = Buffer.from(message.body);
  const options: RequestOptions = {
    method: 'POST',
    agent: false,
    signal,
    lookup: allowPrivate ? lookup : publicLookup,
    headers: {
      'content-type': 'application/json',
      'content-length': body.length,
      'user-agent': 'promoledger',
      'webhook-id': message.id,
      'webhook-timestamp': String(Math.floor(nowMs / 1000)),
      'webhook-signature': signatureOf(secrets, message, nowMs),
    },
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length) > ANSWER_BYTES && answer.destroy());
      // Its status is all that counts: what becomes of the rest does not.
      answer.on('error', () => undefined);
      resolve(answer);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The address that is connected to is the one that was looked at: a name cannot point elsewhere in between. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, '', 0);
    const [first] = found;
    if (!first || !found.every(({ address }) => isPublic(address))) return callback(new NotPublicError(), '', 0);
    if (options.all) callback(null, found);
    else callback(null, first.address, first.family);
  });
};

class NotPublicError extends Error {
  readonly code = 'the address is not public';
}

function attemptOf({ statusCode = 0, headers }: IncomingMessage, nowMs: number): Attempt {
  const why = `answered ${statusCode}`;
  if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered' };
  if (statusCode === 410) return { outcome: 'gone', why };
  return { outcome: 'failed', why, retryAfterMs: retryAfterMs(headers['retry-after'], nowMs) };
}

/** RFC 9110, 10.2.3: seconds, or a date. Null when it says nothing that can be kept to. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : null;
}

/** The code of a network fault, never its text: that names addresses within. */
const faultOf = (error: unknown): string => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? `not reached: ${code}` : 'not reached';
};
