import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../src/app.module.js';
import { CONNECTION_LIMITS } from '../../src/http/limits/connections.js';
import { createAdapter, dressApp } from '../../src/http/server.js';
import { createHttpApp } from '../../src/main.js';
import { loadSettings } from '../../src/settings.js';
import type { Problem } from '../support/client.js';
import { opened } from '../support/history.js';

const QUIET = { PROMOLEDGER_SCHEDULER: 'off', PROMOLEDGER_LOG_LEVEL: 'error' };
const portOf = (app: NestFastifyApplication): number => (app.getHttpServer().address() as AddressInfo).port;

describe('operations in an hour', () => {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  let app: NestFastifyApplication;
  const start = async (file: string, quotas: string) => {
    app = await createHttpApp(
      loadSettings({
        ...QUIET,
        PROMOLEDGER_STORE: `sqlite:${join(directory, file)}`,
        PROMOLEDGER_OPERATIONS_PER_HOUR: quotas,
      }),
    );
    await app.listen(0, '127.0.0.1');
  };
  afterEach(() => app.close());

  const ask = (path: string, body?: unknown, type = 'application/json') =>
    fetch(`http://127.0.0.1:${portOf(app)}${path}`, {
      ...(body === undefined
        ? {}
        : {
            method: 'POST',
            body: typeof body === 'string' ? body : JSON.stringify(body),
            headers: { 'content-type': type },
          }),
    });
  const accounts = (count: number, from = 0) =>
    Array.from({ length: count }, (_, i) => opened(`adv-${from + i}`, 'DE', 'EUR'));
  const remaining = (response: Response) => /r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1];

  it('count each command of an array, one for a change of many, and one for a question, by scope', async () => {
    await start('sums.db', 'facts:write=100,ledger:read=2');
    const fifty = await ask('/v1/commands', accounts(50));
    expect([fifty.status, remaining(fifty)]).toEqual([200, '50']);
    expect(fifty.headers.get('ratelimit-policy')).toBe('"facts:write";q=100;w=3600');
    const change = {
      type: 'ApiChangeRecorded',
      data: {
        changeId: 'c',
        campaignId: 'k',
        advertiserId: 'adv-1',
        marketplace: 'DE',
        product: 'SP',
        partnerId: 'p',
        method: 'PUT',
        path: '/sp/campaigns',
        changes: 1000,
        occurredAt: '2022-09-01T00:00:00Z',
      },
    };
    expect(remaining(await ask('/v1/commands', change))).toBe('49');
    // A grant is of another scope, which has no limit here.
    const grant = await ask('/v1/commands', { type: 'CreditApplied', data: {} });
    expect([grant.status, grant.headers.get('ratelimit')]).toEqual([400, null]);
    expect(remaining(await ask('/v1/accounts'))).toBe('1');
    expect((await ask('/v1/accounts')).status).toBe(200);
    const refused = await ask('/v1/accounts');
    expect(refused.status).toBe(429);
    expect(remaining(await ask('/v1/commands', [change]))).toBe('48');
  });

  it('over it are 429 with Retry-After and the rule, nothing is recorded, and a restart forgets nothing', async () => {
    await start('restart.db', 'facts:write=100');
    expect((await ask('/v1/commands', accounts(80))).status).toBe(200);
    const refuses = async () => {
      const response = await ask('/v1/commands', accounts(21, 80));
      expect(response.status).toBe(429);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      const seconds = Number(response.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(3500);
      expect(seconds).toBeLessThanOrEqual(3600);
      expect(await response.json()).toMatchObject({
        code: 'rate-limited',
        detail: expect.stringMatching(
          /^A client has 100 operations of facts:write in an hour.* 20 are left and 21 were/,
        ),
      });
    };
    await refuses();
    await app.close();
    await start('restart.db', 'facts:write=100');
    await refuses();
    expect(((await (await ask('/v1/accounts?limit=500')).json()) as { items: unknown[] }).items).toHaveLength(80);
    expect((await ask('/v1/commands', accounts(20, 80))).status).toBe(200);
  });

  it('end an import at the line they do not reach, with what was taken; sent from there on it goes on', async () => {
    await start('import.db', 'facts:write=1000');
    const lines = accounts(1500).map((command) => JSON.stringify(command));
    const first = await ask('/v1/import', lines.join('\n'), 'application/x-ndjson');
    const last = JSON.parse((await first.text()).trimEnd().split('\n').at(-1)!) as {
      summary: object;
      error: { line: number; code: string };
    };
    expect(first.status).toBe(200);
    expect(last).toMatchObject({
      summary: { read: 1000, appended: 1000, duplicate: 0, rejected: 0 },
      error: { code: 'rate-limited', line: 1001, retryAfterSeconds: expect.any(Number), detail: expect.any(String) },
    });
    const log = (await (await ask('/v1/events?limit=500&after=500')).json()) as { items: unknown[] };
    expect(log.items).toHaveLength(500);
    const again = await ask('/v1/import', lines.slice(last.error.line - 1).join('\n'), 'application/x-ndjson');
    expect([again.status, ((await again.json()) as Problem).code]).toEqual([429, 'rate-limited']);
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(3500);
  });
});

describe('connections', () => {
  const limits = {
    ...CONNECTION_LIMITS,
    maxConnections: 8,
    headersMs: 200,
    bodyMs: 200,
    answerMs: 300,
    lingerMs: 300,
    idleMs: 600,
    headerCount: 20,
  };
  let app: NestFastifyApplication;
  beforeAll(async () => {
    const module = AppModule.forSettings(loadSettings({ ...QUIET, PROMOLEDGER_STORE: 'memory:' }));
    app = await NestFactory.create<NestFastifyApplication>(module, createAdapter(limits), {
      bodyParser: false,
      logger: false,
    });
    dressApp(app, { connections: limits });
    // An answer that no client can take at once.
    app
      .getHttpAdapter()
      .getInstance()
      .get('/large', { config: { need: 'nothing' } }, async () => 'x'.repeat(64 * 1024 * 1024));
    // Turned away before a body is read, as whoever is not known is.
    app
      .getHttpAdapter()
      .getInstance()
      .post('/shut', async () => 'never');
    await app.listen(0, '127.0.0.1');
  });
  afterAll(() => app.close());

  const sockets: Socket[] = [];
  afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()));
  const dial = (allowHalfOpen = false): Socket => {
    const socket = connect({ port: portOf(app), host: '127.0.0.1', allowHalfOpen }).setEncoding('latin1');
    // A connection that is cut may be reset.
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };
  const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));
  /** All that comes until the service closes the connection. */
  const untilClosed = async (socket: Socket): Promise<string> => {
    let text = '';
    socket.on('data', (piece: string) => (text += piece));
    await closed(socket);
    return text;
  };
  const raw = (text: string): Promise<string> => {
    const socket = dial();
    socket.write(text);
    return untilClosed(socket);
  };
  const GET = 'GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n';
  const CLOSING =
    'POST /v1/commands HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n';
  const POST = 'POST /v1/commands HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

  it('that dribble a header are cut with 408', async () => {
    expect(await raw('GET /health/live HTTP/1.1\r\nhost: loc')).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request-timeout"/);
  });

  it('that dribble a body are cut with 408', async () => {
    const socket = dial();
    socket.write(`${POST}content-length: 100\r\n\r\n{"type"`);
    const dribble = setInterval(() => socket.write(' '), 20);
    const answer = await untilClosed(socket);
    clearInterval(dribble);
    expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request-timeout"/);
  });

  it('of an import may dribble for as long as they move, and are dropped when they do not', async () => {
    const socket = dial();
    socket.write(
      'POST /v1/import HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    let answer = '';
    socket.on('data', (piece: string) => (answer += piece));
    const begun = Date.now();
    for (let line = 1; Date.now() - begun < 3 * limits.idleMs; line += 1) {
      socket.write('2\r\n1\n\r\n');
      while (!answer.includes(`"line":${line},`)) await once(socket, 'data');
    }
    await closed(socket);
    expect(answer).not.toContain('summary');
  });

  const UNREAD = [
    ['a trickle', 'POST /shut', 'content-type: application/json\r\ncontent-length: 9999999999\r\n\r\n', ' '],
    [
      'a flood',
      'POST /shut',
      'content-type: application/json\r\ncontent-length: 9999999999\r\n\r\n',
      'a'.repeat(65_536),
    ],
    [
      'a flood to a path that is none',
      'POST /none',
      'content-type: application/x-ndjson\r\ncontent-length: 9999999999\r\n\r\n',
      'a'.repeat(65_536),
    ],
    ['chunks without an end', 'POST /shut', 'transfer-encoding: chunked\r\n\r\n', '2\r\n1\n\r\n'],
    [
      'an import',
      'POST /v1/import',
      'content-type: application/x-ndjson\r\nauthorization: x\r\norigin: https://evil.example\r\ncontent-length: 9999999999\r\n\r\n',
      '1\n',
    ],
    ['a question with a body', 'GET /health/live', 'content-length: 9999999999\r\n\r\n', ' '],
    [
      'more than is taken',
      'POST /v1/commands',
      'content-type: application/json\r\ncontent-length: 9999999999\r\n\r\n',
      ' ',
    ],
  ] as const;
  it.each(UNREAD)('that send on when they have their answer are cut: %s', async (_, line, headers, piece) => {
    // It does not mind that the service has nothing more to say.
    const socket = dial(true);
    let answer = '';
    let sent = 0;
    socket.on('data', (text: string) => (answer += text));
    socket.write(`${line} HTTP/1.1\r\nhost: localhost\r\n${headers}`);
    const more = setInterval(() => socket.writableLength === 0 && socket.write(piece) && (sent += piece.length), 5);
    await closed(socket);
    clearInterval(more);
    expect(answer).toMatch(/^HTTP\/1\.1 [2-4]\d\d [^]*\r\nconnection: close\r\n/i);
    expect(answer).toContain('{');
    expect(sent).toBeGreaterThan(0);
  });

  it('that had a small body unread get their answer, and are not cut before', async () => {
    const answer = await raw(
      `POST /shut HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 [^]*"code":"forbidden"/);
  });

  it('that do not read their answer are dropped', async () => {
    const socket = dial();
    socket.pause();
    socket.write('GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const [side] = (await once(app.getHttpServer(), 'connection')) as [Socket];
    await closed(side);
    expect(socket.bytesRead).toBeLessThan(64 * 1024 * 1024);
  });

  it('above the most are not taken, and are again when others have gone', async () => {
    const held = Array.from({ length: limits.maxConnections }, () => dial());
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    expect(await raw(`${GET}\r\n`)).toBe('');
    held.forEach((socket) => socket.destroy());
    let answer = '';
    while (answer === '') answer = await raw(`${GET}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each([
    ['many header fields', `${GET}${'x-a: 1\r\n'.repeat(20)}\r\n`, 431, 'headers-too-large'],
    ['a large header', `${GET}x-a: ${'a'.repeat(17_000)}\r\n\r\n`, 431, 'headers-too-large'],
    ['a long URL', GET.replace('live', `live?${'a'.repeat(8200)}`) + '\r\n', 414, 'uri-too-long'],
    ['two lengths', `${POST}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400, 'malformed-request'],
    [
      'a length and a coding',
      `${POST}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'malformed-request',
    ],
    ['a coding that hides', `${POST}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`, 400, 'malformed-request'],
    ['a negative length', `${POST}content-length: -1\r\n\r\n`, 400, 'malformed-request'],
    ['a space before a colon', `${GET}x-a : 1\r\n\r\n`, 400, 'malformed-request'],
    ['a folded header', `${GET}x-a: 1\r\n 2\r\n\r\n`, 400, 'malformed-request'],
    ['a line feed alone', `${GET}x-a: 1\ny: 2\r\n\r\n`, 400, 'malformed-request'],
    ['a null byte in a header', `${GET}x-a: \0\r\n\r\n`, 400, 'malformed-request'],
    ['a body nested deep', `${CLOSING}content-length: 300\r\n\r\n${'['.repeat(300)}`, 400, 'invalid-command'],
    ['a body announced too large', `${CLOSING}content-length: 4194305\r\n\r\n`, 413, 'batch-too-large'],
    ['a path that climbs', GET.replace('/health/live', '/v1/../health/live') + '\r\n', 404, 'not-found'],
    ['a path that climbs unseen', GET.replace('/health/live', '/v1/%2e%2e/health/live') + '\r\n', 404, 'not-found'],
    ['an overlong slash', GET.replace('/health/live', '/v1/promotions/%c0%af') + '\r\n', 404, 'not-found'],
    ['a null byte in a name', GET.replace('/health/live', '/v1/promotions/a%00') + '\r\n', 404, 'unknown-promotion'],
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed-request'],
  ])('with %s', async (_, text, status, code) => {
    expect(await raw(text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*"code":"${code}"`));
  });

  it('answer a request id that would break a line with one of their own', async () => {
    const answer = await raw(`${GET}x-request-id: a%0d%0aset-cookie: b\r\n\r\n`);
    expect(answer).not.toMatch(/set-cookie|%0d/i);
    expect(answer).toMatch(/^x-request-id: [A-Za-z0-9._-]{1,128}\r$/m);
  });
});
