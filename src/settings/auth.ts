import type { Read } from './read.js';

/** Bearer tokens of an OAuth 2 or OpenID Connect identity provider. */
export interface TokenSettings {
  /** Where the provider's keys are: an address, or a file. */
  readonly jwks: URL | { readonly file: string };
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: ReadonlySet<string>;
  readonly clockSkewSeconds: number;
  /** The claims that bind a token. */
  readonly claims: { readonly advertisers: string; readonly marketplaces: string };
}

/** At least one of them. */
export interface AuthSettings {
  readonly tokens: TokenSettings | null;
  /** The file of hashed keys. */
  readonly apiKeys: string | null;
}

/**
 * What a signature may be made with: a pair of keys, of which only the provider has the one that signs. What is signed
 * with a shared secret, or with nothing, cannot be asked for.
 */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const DEFAULT_ALGORITHMS = 'RS256,PS256,ES256,EdDSA';
const MOST_SKEW_SECONDS = 300;

/** Null when nothing says how callers are known: then whoever reaches the service is let in, and it listens on loopback only. */
export function readAuth(read: Read): AuthSettings | null {
  const jwks = read('PROMOLEDGER_AUTH_JWKS', '', parseJwks);
  const issuer = read('PROMOLEDGER_AUTH_ISSUER', '', beside(jwks));
  const audience = read('PROMOLEDGER_AUTH_AUDIENCE', '', beside(jwks));
  const settings: Omit<TokenSettings, 'jwks'> = {
    issuer,
    audience,
    algorithms: read('PROMOLEDGER_AUTH_ALGORITHMS', DEFAULT_ALGORITHMS, parseAlgorithms),
    clockSkewSeconds: read('PROMOLEDGER_AUTH_CLOCK_SKEW_SECONDS', '30', parseSkew),
    claims: {
      advertisers: read('PROMOLEDGER_AUTH_ADVERTISERS_CLAIM', 'promoledger_advertisers', parseClaim),
      marketplaces: read('PROMOLEDGER_AUTH_MARKETPLACES_CLAIM', 'promoledger_marketplaces', parseClaim),
    },
  };
  const apiKeys = read('PROMOLEDGER_API_KEYS', '', (text) => text || null);
  const tokens = jwks === null ? null : { jwks, ...settings };
  return tokens === null && apiKeys === null ? null : { tokens, apiKeys };
}

/** Of an address it matters that nobody on the way can put keys of his own in: TLS, or this very machine. */
function parseJwks(text: string): TokenSettings['jwks'] | null | string[] {
  if (text === '') return null;
  if (!text.includes('://')) return { file: text };
  const url = URL.canParse(text) ? new URL(text) : null;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK_NAMES.has(url.hostname));
  return isSafe ? url : ['must be an https address, an http one on this machine, or the path of a file'];
}

/** As URLs spell them. */
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

const beside =
  (jwks: unknown) =>
  (text: string): string | string[] => {
    if (jwks !== null && text === '') return ['must be set where PROMOLEDGER_AUTH_JWKS is'];
    if (jwks === null && text !== '') return ['is of no use without PROMOLEDGER_AUTH_JWKS'];
    return text;
  };

function parseAlgorithms(text: string): ReadonlySet<string> | string[] {
  const names = text.split(',').map((name) => name.trim());
  const isKnown = names.every((name) => ASYMMETRIC_ALGORITHMS.includes(name));
  return isKnown ? new Set(names) : [`must be some of ${ASYMMETRIC_ALGORITHMS.join(', ')}, separated by commas`];
}

function parseSkew(text: string): number | string[] {
  const seconds = /^[0-9]{1,3}$/.test(text) ? Number(text) : NaN;
  return seconds <= MOST_SKEW_SECONDS ? seconds : [`must be a whole number of seconds from 0 to ${MOST_SKEW_SECONDS}`];
}

const parseClaim = (text: string): string | string[] =>
  /^[\x21-\x7e]{1,128}$/.test(text) ? text : ['must be the name of a claim: 1 to 128 characters without spaces'];
