import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { AuthSettings } from '../../settings/auth.js';
import { type Caller, LOCAL_CALLER } from '../caller.js';
import { ProblemError } from '../problem.js';
import { type ApiKeys, callerOfKey, looksLikeKey, parseKeys } from './api-keys.js';
import { ChangingFile } from './changing-file.js';
import type { Identify } from './gate.js';
import { Tokens } from './tokens.js';
import { UnauthenticatedError } from './unauthenticated.js';

/** No token that is meant for people's services is longer; a longer one costs nobody a signature's check. */
const LONGEST_CREDENTIALS = 8192;

/** How callers are known, by the settings. Throws when a file that they name cannot be used. */
export function identifyBy(auth: AuthSettings | null): Identify {
  if (!auth) return localCallers();
  const keys = auth.apiKeys === null ? null : new ChangingFile<ApiKeys>(auth.apiKeys, parseKeys);
  const tokens = auth.tokens && new Tokens(auth.tokens);
  return async (request) => {
    const credentials = credentialsOf(request);
    if (looksLikeKey(credentials)) return keyHolder(keys, credentials);
    if (!tokens) throw new UnauthenticatedError('The token is not valid.', 'invalid_token');
    return untilItsEnd(await tokens.callerOf(credentials));
  };
}

function keyHolder(keys: ChangingFile<ApiKeys> | null, credentials: string): Caller {
  const asOfNow = (): Caller => {
    const caller = keys && callerOfKey(keys.current(), credentials, Date.now());
    if (!caller) throw new UnauthenticatedError('The key is not valid.', 'invalid_token');
    return caller;
  };
  return { ...asOfNow(), asOfNow };
}

/** What is signed stays as it is until its time is over. */
function untilItsEnd(caller: Caller): Caller {
  const { endsAtMs = Infinity } = caller;
  const asOfNow = (): Caller => {
    if (Date.now() >= endsAtMs) throw new UnauthenticatedError('The token has expired.', 'invalid_token');
    return caller;
  };
  return { ...caller, asOfNow };
}

/** From the one header where they belong: never from a query, a cookie or a body. */
function credentialsOf({ raw }: FastifyRequest): string {
  // Node keeps the first of several, and another server on the way might have looked at the last.
  const given = raw.rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization',
  ).length;
  if (given > 1) throw new UnauthenticatedError('There is more than one Authorization header.', 'invalid_request');
  const header = raw.headers.authorization;
  if (header === undefined) throw new UnauthenticatedError('A bearer token or an API key is needed.');
  const credentials = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
  if (credentials === undefined || credentials.length > LONGEST_CREDENTIALS) {
    throw new UnauthenticatedError('The Authorization header is not "Bearer" and a token or key.', 'invalid_request');
  }
  return credentials;
}

/**
 * Without authentication the service answers this machine alone, and so it does not answer pages of other sites in this
 * machine's browser: neither one whose name was made to point here, nor one that sends its own requests.
 */
function localCallers(): Identify {
  /** What was let in last without an origin: most requests say the same. */
  let lastHost: string | undefined;
  return ({ headers: { host, origin } }) => {
    if (host !== undefined && host === lastHost && origin === undefined) return LOCAL_CALLER;
    const url = hostOf(`http://${host ?? ''}`);
    if (url === undefined || !isLoopbackName(url.hostname)) {
      throw new ProblemError(
        'forbidden',
        'Without authentication the service answers to the names of this machine only.',
      );
    }
    if (origin === undefined) lastHost = host;
    else if (hostOf(origin)?.host !== url.host) {
      throw new ProblemError('forbidden', 'Without authentication the service does not answer pages of other sites.');
    }
    return LOCAL_CALLER;
  };
}

const hostOf = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined);

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const isLoopback = (address: string): boolean => LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

const isLoopbackName = (hostname: string): boolean => {
  const name = hostname.replace(/^\[|\]$/g, '');
  return name === 'localhost' || (isIP(name) !== 0 && isLoopback(name));
};

/** Whether whatever listens there is reached from this machine only. A name counts by all that it resolves to. */
export async function isOnLoopback(host: string): Promise<boolean> {
  if (isIP(host) !== 0) return isLoopback(host);
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.length > 0 && found.every(({ address }) => isLoopback(address));
}
