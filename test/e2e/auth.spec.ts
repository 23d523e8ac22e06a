import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { base64url, exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import { withLedger } from '../../src/cli/shell.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { Scheduler } from '../../src/scheduler.js';
import { loadSettings } from '../../src/settings.js';
import { AUDIENCE, type Guarded, ISSUER, startGuarded } from '../support/guarded.js';
import { published } from '../support/history.js';
import { pause } from '../support/server.js';

let service: Guarded;
beforeAll(async () => {
  service = await startGuarded();
});
afterAll(() => service.stop());

const ASKED = '/v1/accounts';
const nowSeconds = () => Math.floor(Date.now() / 1000);
const ask = (token?: string) => service.call('GET', ASKED, token);
const part = (value: unknown) => base64url.encode(JSON.stringify(value));
const claims = () => ({ iss: ISSUER, aud: AUDIENCE, sub: 'x', exp: nowSeconds() + 300, scope: 'admin' });

/** The file is looked at once a second: asks until the answer is that one, and fails with the last. */
async function becomes(status: number, other: Guarded, key: string): Promise<void> {
  let last = 0;
  for (let attempt = 0; attempt < 200 && last !== status; attempt += 1) {
    last = (await other.call('GET', ASKED, key)).status;
    if (last !== status) await pause(50);
  }
  expect(last).toBe(status);
}

describe('a good token', () => {
  it.each([
    ['typ at+jwt', {}, {}],
    ['typ application/at+jwt', {}, { header: { typ: 'application/at+jwt' } }],
    ['typ JWT', {}, { header: { typ: 'JWT' } }],
    ['no typ', {}, { header: { typ: undefined } }],
    ['several audiences', { aud: ['other', AUDIENCE] }, {}],
    ['scopes of others, too', { scope: 'openid ledger:read mail' }, {}],
    ['scp as a list', { scope: undefined, scp: ['ledger:read'] }, {}],
    ['scp as text', { scope: undefined, scp: 'ledger:read' }, {}],
    ['a clock that is a little ahead', { nbf: nowSeconds() + 20 }, {}],
    ['a clock that is a little behind', { exp: nowSeconds() - 10 }, {}],
  ])('lets in: %s', async (_, given, signing) => {
    expect((await ask(await service.provider.token(given, signing))).status).toBe(200);
  });

  it.each(['PS256', 'ES256', 'EdDSA'])(
    'may be signed with %s, by a key that is new since we last asked',
    async (alg) => {
      // The provider is asked for names that it did not have twice a minute at most, so this has a service of its own.
      const other = await startGuarded();
      await other.provider.addKey(`key-${alg}`, alg);
      expect((await other.call('GET', ASKED, await other.provider.token({}, { kid: `key-${alg}` }))).status).toBe(200);
      await other.stop();
    },
  );
});

describe('a token is refused', () => {
  /** Each is tried beside a good one, and answered with one text that tells nothing but when it has expired. */
  const attacks: [name: string, make: () => Promise<string> | string, detail?: string][] = [
    ['expired', () => service.provider.token({ exp: nowSeconds() - 3600 }), 'The token has expired.'],
    ['not valid yet', () => service.provider.token({ nbf: nowSeconds() + 3600 })],
    ['without an end', () => service.provider.token({ exp: undefined })],
    ['without a subject', () => service.provider.token({ sub: undefined })],
    ['a subject that would break a line of a log', () => service.provider.token({ sub: 'a\nb' })],
    ['a subject that is none', () => service.provider.token({ sub: '' })],
    ['for another audience', () => service.provider.token({ aud: 'other' })],
    ['for no audience', () => service.provider.token({ aud: undefined })],
    ['of another issuer', () => service.provider.token({ iss: `${ISSUER}/` })],
    ['of no issuer', () => service.provider.token({ iss: undefined })],
    ['a token for something else', () => service.provider.token({}, { header: { typ: 'logout+jwt' } })],
    ['scopes that are no names', () => service.provider.token({ scope: 7 })],
    ['advertisers that are text', () => service.provider.token({ promoledger_advertisers: 'adv-1' })],
    ['advertisers that are no names', () => service.provider.token({ promoledger_advertisers: [7] })],
    ['advertisers that cannot be', () => service.provider.token({ promoledger_advertisers: ['a.b'] })],
    ['advertisers that are an object', () => service.provider.token({ promoledger_advertisers: {} })],
    ['advertisers that are false', () => service.provider.token({ promoledger_advertisers: false })],
    ['marketplaces that cannot be', () => service.provider.token({ promoledger_marketplaces: ['de'] })],
    ['alg none', () => `${part({ alg: 'none', typ: 'at+jwt' })}.${part(claims())}.`],
    ['alg None', () => `${part({ alg: 'None' })}.${part(claims())}.`],
    [
      'alg none with the signature of another',
      async () => `${part({ alg: 'none' })}.${part(claims())}.${(await service.provider.token()).split('.')[2]}`,
    ],
    [
      'HS256 with the public RSA key as the secret, as PEM',
      async () => {
        const key = (await importJWK(service.provider.published[0]!, 'RS256')) as never;
        const signed = `${part({ alg: 'HS256', kid: 'rsa-1' })}.${part(claims())}`;
        return `${signed}.${createHmac('sha256', await exportSPKI(key))
          .update(signed)
          .digest('base64url')}`;
      },
    ],
    [
      'HS256 with the public RSA key as the secret, as JWK',
      () => {
        const signed = `${part({ alg: 'HS256', kid: 'rsa-1' })}.${part(claims())}`;
        const secret = JSON.stringify(service.provider.published[0]);
        return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      },
    ],
    ['of a key that is not known', async () => forged({ kid: 'nobody' })],
    ['of another key under a known name', async () => forged({ kid: 'rsa-1' })],
    ['with its own key in it', async () => forged({ kid: 'rsa-1' }, 'jwk')],
    ['with the address of its own key', async () => forged({ kid: 'x', jku: 'https://evil.example/jwks' })],
    ['with the address of its own certificate', async () => forged({ kid: 'x', x5u: 'https://evil.example/c' })],
    ['with a path as the name of its key', async () => forged({ kid: '../../dev/null' })],
    [
      'an extension that is not understood',
      () => service.provider.token({}, { header: { crit: ['exp-ext'], 'exp-ext': 1 } }).catch(() => 'a.b.c'),
    ],
    ['with half a signature', async () => (await service.provider.token()).slice(0, -100)],
    ['with no signature', async () => `${(await service.provider.token()).split('.').slice(0, 2).join('.')}.`],
    [
      'with other claims under the signature',
      async () => {
        const [header, , signature] = (await service.provider.token()).split('.');
        return `${header}.${part(claims())}.${signature}`;
      },
    ],
    ['encrypted', () => 'a.b.c.d.e'],
    ['no JSON', () => 'a.b.c'],
    ['one word', () => 'admin'],
  ];

  async function forged(header: Record<string, unknown>, own?: 'jwk'): Promise<string> {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = own ? { jwk: await exportJWK(publicKey) } : {};
    return new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', ...header, ...jwk }).sign(privateKey);
  }

  it.each(attacks)('%s', async (_, make, detail = 'The token is not valid.') => {
    const answer = await ask(await make());
    expect([answer.status, answer.body.code, answer.body.detail]).toEqual([401, 'unauthenticated', detail]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="promoledger", error="invalid_token"');
    expect((await ask(await service.provider.token())).status).toBe(200);
  });

  it('that is longer than any is', async () => {
    const answer = await ask(await service.provider.token({ pad: 'x'.repeat(8000) }));
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
  });

  it('anywhere but in its header', async () => {
    const token = await service.provider.token({ scope: 'admin' });
    const elsewhere = [
      service.call('GET', `${ASKED}?access_token=${token}`),
      service.call('GET', ASKED, undefined, undefined, { cookie: `access_token=${token}` }),
      service.call('GET', ASKED, undefined, undefined, { 'x-api-key': token }),
      service.call('POST', '/v1/expiry-runs', undefined, { access_token: token }),
      service.call('POST', '/v1/expiry-runs', undefined, `access_token=${token}`, {
        'content-type': 'application/x-www-form-urlencoded',
      }),
    ];
    for (const answer of await Promise.all(elsewhere)) {
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="promoledger"');
    }
  });

  it.each(['Basic dTpw', 'Bearer', 'Bearer ', 'Bearer a b', 'Token abc', 'Bearer a,Bearer b', 'Digest x="y"'])(
    'in a header such as %j',
    async (authorization) => {
      const answer = await service.call('GET', ASKED, undefined, undefined, { authorization });
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
    },
  );

  it('in one of two headers, whichever is the good one', async () => {
    const good = await service.provider.token();
    for (const pair of [
      [good, 'admin'],
      ['admin', good],
      [good, good],
    ]) {
      const said = await raw(pair.map((token) => `Authorization: Bearer ${token}\r\n`).join(''));
      expect(said).toMatch(/^HTTP\/1\.1 401 /);
      expect(said).toContain('There is more than one Authorization header.');
    }
  });

  async function raw(headers: string): Promise<string> {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.end(`GET ${ASKED} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n${headers}\r\n`);
    let said = '';
    socket.on('data', (chunk) => (said += String(chunk)));
    await once(socket, 'close');
    return said;
  }

  it('before its body is read', async () => {
    const answer = await service.call('POST', '/v1/commands', undefined, '{"never": "parsed"');
    expect(answer.status).toBe(401);
  });
});

describe('an API key', () => {
  const entry = { subject: 'machine', scopes: ['ledger:read'] };

  it('lets in who has it, and nobody who has most of it', async () => {
    const other = await startGuarded();
    const [key] = other.keys(entry) as [string];
    await becomes(200, other, key);
    const [, id, secret] = /^plk_(.*?)_(.*)$/.exec(key)!;
    const swapped = `${secret![0] === 'A' ? 'B' : 'A'}${secret!.slice(1)}`;
    const variants = [
      ...[key.slice(0, -1), `${key}A`, key.toUpperCase(), `plk_${id}_`, `plk_${id}`, `plk_key-9_${secret}`],
      ...[`plk_${id}_${swapped}`, `plk__${secret}`, `PLK_${id}_${secret}`, secret!, `plk_${id}_${'='.repeat(43)}`],
    ];
    for (const variant of variants) {
      expect([variant, (await other.call('GET', ASKED, variant)).status]).toEqual([variant, 401]);
    }
    await other.stop();
  });

  it('is taken back when its file says so, and nobody is let in by a file that cannot be read', async () => {
    const other = await startGuarded();
    const [key, ended] = other.keys(entry, { ...entry, notAfter: '2022-10-04T07:00:00Z' }) as [string, string];
    await becomes(200, other, key);
    await becomes(401, other, ended);
    const [next] = other.keys(entry) as [string];
    await becomes(200, other, next);
    await becomes(401, other, key);
    writeFileSync(other.keysFile, '{"keys": [');
    await becomes(503, other, next);
    expect((await other.call('GET', ASKED, next)).body.code).toBe('authentication-unavailable');
    const [last] = other.keys(entry) as [string];
    await becomes(200, other, last);
    unlinkSync(other.keysFile);
    await becomes(503, other, last);
    expect((await other.call('GET', ASKED, await other.provider.token())).status).toBe(200);
    await other.stop();
  });
});

describe('an identity provider', () => {
  it('that is away does not keep the service from starting; when it is back, tokens are let in', async () => {
    const other = await startGuarded();
    const token = await other.provider.token();
    other.provider.isAway = true;
    const answer = await other.call('GET', ASKED, token);
    expect([answer.status, answer.body.code]).toEqual([503, 'authentication-unavailable']);
    const asked = other.provider.asked;
    await Promise.all(Array.from({ length: 20 }, () => other.call('GET', ASKED, token)));
    expect(other.provider.asked).toBe(asked);
    expect((await other.call('GET', '/health/live')).status).toBe(200);
    await other.stop();
  });

  it('is not asked again for every name that somebody makes up', async () => {
    expect((await ask(await service.provider.token())).status).toBe(200);
    const asked = service.provider.asked;
    await service.provider.addKey('never-published', 'RS256', false);
    for (let each = 0; each < 20; each += 1) {
      expect((await ask(await service.provider.token({}, { kid: 'never-published' }))).status).toBe(401);
    }
    expect(service.provider.asked).toBeLessThanOrEqual(asked + 1);
  });
});

describe('keys of the provider in a file', () => {
  it('let in, also after they were changed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'promoledger-jwks-'));
    const file = join(directory, 'jwks.json');
    writeFileSync(file, JSON.stringify({ keys: service.provider.published }));
    const other = await startGuarded({ PROMOLEDGER_AUTH_JWKS: file });
    const token = await service.provider.token();
    await becomes(200, other, token);
    writeFileSync(file, JSON.stringify({ keys: other.provider.published }));
    await becomes(401, other, token);
    expect((await other.call('GET', ASKED, await other.provider.token())).status).toBe(200);
    await other.stop();
    rmSync(directory, { recursive: true, force: true });
  });
});

describe('a live feed', () => {
  it.each(['/v1/events/live', '/v1/notices/live'])('%s ends with the token that opened it', async (path) => {
    const other = await startGuarded({ PROMOLEDGER_AUTH_CLOCK_SKEW_SECONDS: '0' });
    const token = await other.provider.token({ scope: 'audit:read ledger:read', exp: nowSeconds() + 2 });
    const response = await fetch(other.url + path, { headers: { authorization: `Bearer ${token}` } });
    expect(response.status).toBe(200);
    // Comes back when the service has ended it; nothing else would end it.
    await response.text();
    expect((await other.call('GET', path, token)).body.detail).toBe('The token has expired.');
    await other.stop();
  });
});

describe('an import that is still open', () => {
  /** Sends a line at a time, for as long as it is let, and answers all that came back. */
  async function importing(other: Guarded, token: string, afterFirst: () => void): Promise<Record<string, unknown>[]> {
    const { hostname, port } = new URL(other.url);
    const sending = request({
      ...{ hostname, port, path: '/v1/import', method: 'POST' },
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    });
    sending.on('error', () => undefined);
    let text = '';
    let isOver = false;
    const over = new Promise<void>((resolve) =>
      sending.on('response', (response) => {
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => ((isOver = true), resolve()));
      }),
    );
    for (let n = 0; !isOver && n < 400; n += 1) {
      // What is not known is rejected, and tells that the line was read.
      sending.write(`${JSON.stringify({ type: 'Nothing', data: { n } })}\n`);
      if (n === 0) while (text === '') await pause(5);
      if (n === 0) afterFirst();
      await pause(20);
    }
    await over;
    sending.destroy();
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
  const stopped = (lines: Record<string, unknown>[], detail: string) => {
    const last = lines.at(-1)!;
    const line = lines.length;
    expect(last).toEqual({
      summary: { read: line - 1, appended: 0, duplicate: 0, rejected: line - 1, lastPosition: null },
      error: { code: 'unauthenticated', detail: expect.stringContaining(`${detail} Everything before line`), line },
    });
  };

  it('ends when its key is struck out, and says how far it came', async () => {
    const other = await startGuarded();
    const [key] = other.keys({ subject: 'feed', scopes: ['facts:write'] }) as [string];
    await becomes(403, other, key);
    stopped(await importing(other, key, () => void other.keys()), 'The key is not valid.');
    await other.stop();
  });

  it('states what its key may state now, when that was changed', async () => {
    const other = await startGuarded();
    const [key] = other.keys({ subject: 'feed', scopes: ['facts:write'] }) as [string];
    await becomes(403, other, key);
    const rate = { base: 'EUR', quote: 'USD', rate: '0.9764', source: 'ECB', effectiveAt: '2022-10-03T14:00:00Z' };
    const line = `${JSON.stringify({ type: 'FxRateRecorded', data: rate })}\n`;
    let isBound = false;
    const lines = (async function* () {
      yield Buffer.from('1\n');
      const file = JSON.parse(readFileSync(other.keysFile, 'utf8')) as { keys: object[] };
      writeFileSync(other.keysFile, JSON.stringify({ keys: [{ ...file.keys[0], advertisers: ['adv-1'] }] }));
      await pause(1100);
      isBound = true;
      yield Buffer.from(line);
    })();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
    const answer = await fetch(`${other.url}/v1/import`, { method: 'POST', headers, body: lines, duplex: 'half' });
    const codes = (await answer.text())
      .trim()
      .split('\n')
      .slice(0, -1)
      .map((each) => each.match(/"code":"(.*?)"/)![1]);
    expect([isBound, codes]).toEqual([true, ['invalid-command', 'forbidden']]);
    await other.stop();
  });

  it('ends with its token, and says how far it came', async () => {
    const other = await startGuarded({ PROMOLEDGER_AUTH_CLOCK_SKEW_SECONDS: '0' });
    const token = await other.provider.token({ scope: 'facts:write', exp: nowSeconds() + 3 });
    stopped(await importing(other, token, () => undefined), 'The token has expired.');
    await other.stop();
  });
});

describe('events', () => {
  it('bear who made them, and the correlation id of the request', async () => {
    const token = await service.provider.token({ sub: 'feed-7', scope: 'facts:write audit:read' });
    const rate = { base: 'EUR', quote: 'USD', rate: '0.9764', source: 'ECB', effectiveAt: '2022-10-03T14:00:00Z' };
    const command = { type: 'FxRateRecorded', data: rate };
    const sent = await service.call('POST', '/v1/commands', token, command, { 'x-request-id': 'request-1' });
    expect(sent.status).toBe(201);
    const again = await service.provider.token({ sub: 'another', scope: 'facts:write' });
    expect((await service.call('POST', '/v1/commands', again, command)).status).toBe(200);
    const lines = `${JSON.stringify({ type: 'FxRateRecorded', data: { ...rate, source: 'other' } })}\n`;
    await service.call('POST', '/v1/import', token, lines, { 'content-type': 'application/x-ndjson' });
    const log = await service.call('GET', '/v1/events?minPosition=2', token);
    expect(log.body).toMatchObject({
      items: [
        { metadata: { version: 1, actor: 'token:feed-7', correlationId: 'request-1' } },
        { metadata: { version: 1, actor: 'token:feed-7', correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
      ],
    });
  });

  it("cannot bear the service's own names, and a key is not taken for a token", async () => {
    const other = await startGuarded();
    const [key] = other.keys({ subject: 'scheduler', scopes: ['facts:write'] }) as [string];
    await becomes(403, other, key);
    const rate = { base: 'EUR', quote: 'USD', rate: '0.9764', effectiveAt: '2022-10-03T14:00:00Z' };
    const state = (source: string, token: string) =>
      other.call('POST', '/v1/commands', token, { type: 'FxRateRecorded', data: { ...rate, source } });
    await state('key', key);
    for (const sub of ['scheduler', 'cli', 'local', 'key:scheduler']) {
      expect((await state(sub, await other.provider.token({ sub, scope: 'facts:write' }))).status).toBe(201);
    }
    const { text } = await other.call('GET', '/v1/events', await other.provider.token({ scope: 'audit:read' }));
    expect([...text.matchAll(/"actor":"(.*?)"/g)].map(([, actor]) => actor)).toEqual([
      ...['key:scheduler', 'token:scheduler', 'token:cli', 'token:local', 'token:key:scheduler'],
    ]);
    await other.stop();
  });

  it('bear the part of the service that acts by itself', async () => {
    const other = await startGuarded({ PROMOLEDGER_CLOCK: '2022-10-20T00:00:00Z' });
    const token = await other.provider.token({ sub: 'finance', scope: 'admin' });
    expect((await other.call('POST', '/v1/commands', token, published())).status).toBe(201);
    await other.app.get(Scheduler).performDue();
    const { body } = await other.call('GET', '/v1/events?minPosition=3', token);
    const actors = (body['items'] as { type: string; metadata: { actor: string } }[]).map(
      ({ type, metadata }) => `${type} by ${metadata.actor}`,
    );
    expect(actors).toEqual([
      'PromotionPublished by token:finance',
      'DisbursementRunStarted by scheduler',
      'DisbursementRunCompleted by scheduler',
    ]);
    await other.stop();
  });

  it('bear the command line', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'promoledger-actor-'));
    const settings = loadSettings({ PROMOLEDGER_STORE: `sqlite:${join(directory, 'ledger.db')}` });
    await withLedger(async (app) => {
      await app.get(CommandGateway).submit([published()]);
      const [event] = await Array.fromAsync(app.get(EventStore).readAll());
      expect(event!.metadata).toEqual({
        version: 1,
        actor: 'cli',
        correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    }, settings);
    rmSync(directory, { recursive: true, force: true });
  });

  it('of callers whose commands are decided together bear each its own', async () => {
    const subjects = Array.from({ length: 20 }, (_, index) => `feed-${index}`);
    const sent = subjects.map(async (sub, index) => {
      const token = await service.provider.token({ sub, scope: 'facts:write' });
      const rate = { base: 'EUR', quote: 'JPY', rate: '141', source: sub, effectiveAt: '2022-10-03T14:00:00Z' };
      const command = { type: 'FxRateRecorded', data: rate };
      const { body } = await service.call('POST', '/v1/commands', token, command, { 'x-request-id': `r-${index}` });
      return body['position'] as string;
    });
    const positions = await Promise.all(sent);
    const token = await service.provider.token({ scope: 'audit:read' });
    const { body } = await service.call('GET', `/v1/events?minPosition=${positions.at(-1)}`, token);
    const events = body['items'] as { data: { source: string }; metadata: object; position: string }[];
    for (const [index, subject] of subjects.entries()) {
      const event = events.find(({ position }) => position === positions[index]);
      expect(event).toMatchObject({
        data: { source: subject },
        metadata: { actor: `token:${subject}`, correlationId: `r-${index}` },
      });
    }
  });
});
