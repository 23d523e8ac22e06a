import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { newKey } from '../../src/http/auth/api-keys.js';
import { createHttpApp } from '../../src/main.js';
import { loadSettings } from '../../src/settings.js';

export const ISSUER = 'https://identity.example/realms/ads';
export const AUDIENCE = 'promoledger';

/** An identity provider: its keys are served over HTTP, may change, and it may be away. */
export class Provider {
  private readonly server: Server;
  private readonly pairs = new Map<string, { privateKey: CryptoKey; jwk: JWK; alg: string }>();
  published: JWK[] = [];
  asked = 0;
  isAway = false;

  private constructor() {
    this.server = createServer((_, response) => {
      this.asked += 1;
      if (this.isAway) return void response.writeHead(500).end();
      response.setHeader('content-type', 'application/jwk-set+json');
      response.end(JSON.stringify({ keys: this.published }));
    });
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    await new Promise<void>((resolve) => provider.server.listen(0, '127.0.0.1', resolve));
    await provider.addKey('rsa-1', 'RS256');
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks`;
  }

  async addKey(kid: string, alg: string, isPublished = true): Promise<JWK> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
    this.pairs.set(kid, { privateKey, jwk, alg });
    if (isPublished) this.published.push(jwk);
    return jwk;
  }

  /** A good token, but for what is said. An undefined claim is left out. */
  token(claims: Record<string, unknown> = {}, { kid = 'rsa-1', header = {} }: Signing = {}): Promise<string> {
    const { privateKey, alg } = this.pairs.get(kid)!;
    const nowSeconds = Math.floor(Date.now() / 1000);
    const payload: JWTPayload = {
      ...{ iss: ISSUER, aud: AUDIENCE, sub: 'tester', iat: nowSeconds, exp: nowSeconds + 300, scope: 'ledger:read' },
      ...claims,
    };
    return new SignJWT(payload).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(privateKey);
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

interface Signing {
  readonly kid?: string;
  readonly header?: Record<string, unknown>;
}

export interface Response {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: { readonly code?: string; readonly detail?: string } & Record<string, unknown>;
}

/** The service with authentication, over real HTTP, in this process. */
export interface Guarded {
  readonly url: string;
  readonly app: NestFastifyApplication;
  readonly provider: Provider;
  readonly keysFile: string;
  /** Writes the file of keys anew and answers the keys themselves, in order. */
  keys(...entries: readonly Record<string, unknown>[]): string[];
  call(
    method: string,
    path: string,
    token?: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Response>;
  stop(): Promise<void>;
}

/** `dress` may add to it before it listens. */
export async function startGuarded(
  env: Record<string, string> = {},
  dress: (fastify: FastifyInstance) => void = () => undefined,
): Promise<Guarded> {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-auth-'));
  const keysFile = join(directory, 'keys.json');
  const keys: Guarded['keys'] = (...entries) => {
    const made = entries.map((entry, index) => ({ ...newKey(`key-${index}`), entry }));
    const file = made.map(({ sha256, entry }, index) => ({ id: `key-${index}`, sha256, ...entry }));
    writeFileSync(keysFile, JSON.stringify({ keys: file }));
    return made.map(({ key }) => key);
  };
  keys();
  const provider = await Provider.start();
  const app = await createHttpApp(
    loadSettings({
      PROMOLEDGER_STORE: 'memory:',
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_LOG_LEVEL: 'error',
      PROMOLEDGER_AUTH_JWKS: provider.url,
      PROMOLEDGER_AUTH_ISSUER: ISSUER,
      PROMOLEDGER_AUTH_AUDIENCE: AUDIENCE,
      PROMOLEDGER_API_KEYS: keysFile,
      ...env,
    }),
  );
  dress(app.getHttpAdapter().getInstance());
  await app.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  return {
    url,
    app,
    provider,
    keysFile,
    keys,
    async call(method, path, token, body, headers = {}) {
      const given = new Headers(headers);
      if (token !== undefined) given.set('authorization', `Bearer ${token}`);
      if (body !== undefined && !given.has('content-type')) given.set('content-type', 'application/json');
      const gone = new AbortController();
      const response = await fetch(url + path, {
        method,
        headers: given,
        signal: gone.signal,
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      // A live feed has no end: that it has begun is its answer.
      const isLive = response.headers.get('content-type') === 'text/event-stream';
      const text = isLive ? '' : await response.text();
      if (isLive) gone.abort();
      const isJson = /\/(problem\+)?json\b/.test(response.headers.get('content-type') ?? '') && text !== '';
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson ? (JSON.parse(text) as Response['body']) : {},
      };
    },
    async stop() {
      await app.close();
      await provider.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
