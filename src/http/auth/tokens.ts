import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { Logger } from '@nestjs/common';
import type { TokenSettings } from '../../settings/auth.js';
import type { Caller } from '../caller.js';
import { ProblemError } from '../problem.js';
import { isScope, parseBounds, SUBJECT } from './api-keys.js';
import { ChangingFile } from './changing-file.js';
import { UnauthenticatedError } from './unauthenticated.js';

/** The provider is asked for its keys again after so long, */
const KEYS_HOLD_MS = 10 * 60_000;
/** and for a key that it did not have at most so often: keys rotate, and whoever makes names up must not make us ask. */
const ASK_AGAIN_MS = 30_000;
const ANSWER_WITHIN_MS = 5000;
/** After it could not be asked: requests are answered at once for so long, and it is let be. */
const LEFT_ALONE_MS = 5000;

/** What a JWT may be that opens this door: access tokens (RFC 9068), and what providers call just JWT. */
const TYPES: ReadonlySet<string> = new Set(['at+jwt', 'application/at+jwt', 'jwt']);

/** Checks bearer tokens against the provider's keys. */
export class Tokens {
  private readonly logger = new Logger('auth');
  private readonly keyOf: JWTVerifyGetKey;

  constructor(private readonly settings: TokenSettings) {
    const { jwks } = settings;
    this.keyOf = jwks instanceof URL ? remoteKeys(jwks) : keysInFile(jwks.file);
  }

  /**
   * Whose token it is. Throws UnauthenticatedError, which says no more than that it is not valid or has expired; why is
   * in the service's own log, at the level debug. Throws a problem while the keys cannot be had.
   */
  async callerOf(token: string): Promise<Caller> {
    const { issuer, audience, algorithms, clockSkewSeconds } = this.settings;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, this.keyOf, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: clockSkewSeconds,
        requiredClaims: ['exp', 'sub'],
      });
      const { typ = 'jwt' } = protectedHeader;
      if (!TYPES.has(typ.toLowerCase())) throw new Error('it is a token for something else');
      return this.callerIn(payload);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      this.logger.debug(`a token is refused: ${error instanceof Error ? error.message : 'it cannot be read'}`);
      const hasExpired = error instanceof errors.JWTExpired;
      throw new UnauthenticatedError(
        hasExpired ? 'The token has expired.' : 'The token is not valid.',
        'invalid_token',
      );
    }
  }

  /** Throws where a claim is not understood: a bound that cannot be read must not leave the caller unbound. */
  private callerIn(payload: JWTPayload): Caller {
    const { claims, clockSkewSeconds } = this.settings;
    const { sub, exp, scope, scp } = payload;
    if (!SUBJECT.test(sub ?? '')) throw new Error('its subject is not 1 to 256 printable characters without spaces');
    const { advertisers, marketplaces } = parseBounds(payload[claims.advertisers], payload[claims.marketplaces]);
    if (advertisers === undefined || marketplaces === undefined) throw new Error('its bounds are no lists of names');
    // What other services' scopes a token has is not for us to judge.
    const scopes = new Set(scopesIn(scope ?? scp).filter(isScope));
    return { subject: `token:${sub!}`, scopes, advertisers, marketplaces, endsAtMs: (exp! + clockSkewSeconds) * 1000 };
  }
}

/** A string with spaces between, or a list: providers do it both ways. */
function scopesIn(claim: unknown): readonly string[] {
  const list: unknown = typeof claim === 'string' ? claim.split(' ') : (claim ?? []);
  if (Array.isArray(list) && list.every((name) => typeof name === 'string')) return list;
  throw new Error('its scopes are neither text nor a list');
}

const unavailable = () =>
  new ProblemError('authentication-unavailable', 'Who asks cannot be found out now; ask again later.');

/** The service starts though the provider is away, and lets in by token once it has been reached. */
function remoteKeys(url: URL): JWTVerifyGetKey {
  const logger = new Logger('auth');
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: ANSWER_WITHIN_MS,
    cooldownDuration: ASK_AGAIN_MS,
    cacheMaxAge: KEYS_HOLD_MS,
  });
  let failedAtMs = -Infinity;
  return async (header, token) => {
    const isLetBe = Date.now() - failedAtMs < LEFT_ALONE_MS;
    if (isLetBe && !keys.fresh) throw unavailable();
    // With keys that still hold, a name that is not among them is only looked up when the provider answers.
    if (isLetBe) return createLocalJWKSet(keys.jwks()!)(header, token);
    try {
      return await keys(header, token);
    } catch (error) {
      if (isAboutTheToken(error)) throw error;
      failedAtMs = Date.now();
      logger.warn(`the identity provider's keys cannot be had: ${(error as Error).message}`);
      throw unavailable();
    }
  };
}

const isAboutTheToken = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported;

function keysInFile(path: string): JWTVerifyGetKey {
  const file = new ChangingFile(path, (text) => createLocalJWKSet(JSON.parse(text) as never));
  return (header, token) => file.current()(header, token);
}
