import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { isPublic } from '../../src/notices/endpoint.js';
import { retryAfterMs, sendOverHttp } from '../../src/notices/sending.js';
import { selfSigned } from '../support/eventstoredb/certificate.js';
import { endpoint, OTHER_SECRET, SECRET } from './webhook-world.js';

interface Got {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let receiver: Server;
let port: number;
let got: Got[];
let answer: (out: ServerResponse) => void;
beforeEach(async () => {
  got = [];
  answer = (out) => void out.writeHead(204).end();
  receiver = createServer((request, out) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      got.push({ method: request.method, url: request.url, headers: request.headers, body });
      answer(out);
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  ({ port } = receiver.address() as AddressInfo);
});
afterEach(() => {
  receiver.closeAllConnections();
  receiver.close();
});

const MESSAGE = { id: 'credit-used-up~adv~DE~c', body: '{"type":"credit-used-up"}' };
const NOW_MS = 1_664_900_000_999;
const never = new AbortController().signal;
const to = (path = '/hook', said = {}) =>
  endpoint('here', { url: new URL(`http://127.0.0.1:${port}${path}`), allowPrivate: true, ...said });
const attempt = (where = to(), timeoutMs?: number) => sendOverHttp(timeoutMs)(where, MESSAGE, NOW_MS, never);

describe('sending', () => {
  it('posts the body with id, time and signature, as receivers of Standard Webhooks check them', async () => {
    const nowMs = Date.now();
    expect(await sendOverHttp()(to('/hook?x=1'), MESSAGE, nowMs, never)).toEqual({ outcome: 'delivered' });
    const [{ method, url, headers, body }] = got as [Got];
    expect([method, url, body]).toEqual(['POST', '/hook?x=1', MESSAGE.body]);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': MESSAGE.id,
      'webhook-timestamp': String(Math.floor(nowMs / 1000)),
    });
    expect(new Webhook(SECRET).verify(body, headers as Record<string, string>)).toEqual({ type: 'credit-used-up' });
    expect(() => new Webhook(OTHER_SECRET).verify(body, headers as Record<string, string>)).toThrow('No matching');
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    const signed = `${MESSAGE.id}.${Math.floor(nowMs / 1000)}.${body}`;
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  });

  it('signs with every secret, so that either side may change first', async () => {
    await sendOverHttp()(to('/', { secrets: [OTHER_SECRET, SECRET] }), MESSAGE, Date.now(), never);
    const [{ headers, body }] = got as [Got];
    expect(String(headers['webhook-signature']).split(' ')).toHaveLength(2);
    for (const secret of [SECRET, OTHER_SECRET]) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toBeDefined();
    }
  });

  it.each([
    [200, { outcome: 'delivered' }],
    [202, { outcome: 'delivered' }],
    [410, { outcome: 'gone', why: 'answered 410' }],
    [400, { outcome: 'failed', why: 'answered 400', retryAfterMs: null }],
    [500, { outcome: 'failed', why: 'answered 500', retryAfterMs: null }],
  ])('takes %d for what it is', async (status, expected) => {
    answer = (out) => void out.writeHead(status).end('whatever');
    expect(await attempt()).toEqual(expected);
  });

  it('keeps to Retry-After', async () => {
    answer = (out) => void out.writeHead(429, { 'retry-after': '7' }).end();
    expect(await attempt()).toMatchObject({ outcome: 'failed', retryAfterMs: 7000 });
    expect(retryAfterMs(new Date(NOW_MS + 60_000).toUTCString(), NOW_MS)).toBeCloseTo(60_000, -4);
    expect(retryAfterMs('999999999', NOW_MS)).toBe(86_400_000);
    for (const nothing of [undefined, 'soon', '-1', '0', new Date(0).toUTCString()]) {
      expect(retryAfterMs(nothing, NOW_MS)).toBeNull();
    }
  });

  it('does not follow a redirect', async () => {
    answer = (out) => void out.writeHead(307, { location: `http://127.0.0.1:${port}/elsewhere` }).end();
    expect(await attempt()).toMatchObject({ outcome: 'failed', why: 'answered 307' });
    expect(got.map(({ url }) => url)).toEqual(['/hook']);
  });

  it('gives up when there is no answer in time, and when the stop does not wait', async () => {
    answer = () => undefined;
    expect(await attempt(to(), 50)).toMatchObject({ outcome: 'failed', why: 'no answer within 50 ms' });
    const gone = new AbortController();
    const cut = sendOverHttp()(to(), MESSAGE, NOW_MS, gone.signal);
    gone.abort();
    expect(await cut).toMatchObject({ outcome: 'failed' });
  });

  it('reads little of a long answer', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    answer = (out) => {
      out.writeHead(200).on('close', resolve);
      const chunk = Buffer.alloc(65_536);
      const pour = (): void => {
        if (!out.destroyed && out.write(chunk)) setImmediate(pour);
        else out.once('drain', pour);
      };
      pour();
    };
    expect(await attempt()).toEqual({ outcome: 'delivered' });
    await closed;
  });

  it('tells of a receiver that is not there, or does not speak HTTP, without its address', async () => {
    const closed = createTcpServer((socket) =>
      socket.on('error', () => undefined).end('what?\r\n\r\n', () => socket.destroy()),
    );
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const url = new URL(`http://127.0.0.1:${(closed.address() as AddressInfo).port}/`);
    expect(await attempt(to('/', { url }))).toMatchObject({
      outcome: 'failed',
      why: 'not reached: HPE_INVALID_CONSTANT',
    });
    await new Promise((resolve) => closed.close(resolve));
    expect(await attempt(to('/', { url }))).toMatchObject({ outcome: 'failed', why: 'not reached: ECONNREFUSED' });
  });

  it('trusts no certificate that nobody vouches for', async () => {
    const { key, certificate } = selfSigned('localhost');
    const secure = createSecureServer({ key, cert: certificate }, (_, out) => void out.writeHead(204).end());
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const url = new URL(`https://localhost:${(secure.address() as AddressInfo).port}/`);
    const refused = { outcome: 'failed', why: 'not reached: DEPTH_ZERO_SELF_SIGNED_CERT' };
    expect(await attempt(to('/', { url }))).toMatchObject(refused);
    await new Promise((resolve) => secure.close(resolve));
  });

  it('connects to no address that is not public, unless it is allowed to', async () => {
    const byNumber = await attempt(to('/', { allowPrivate: false }));
    const byName = await attempt(to('/', { url: new URL(`http://localhost:${port}/`), allowPrivate: false }));
    const why = 'not reached: the address is not public';
    expect([byNumber, byName]).toMatchObject([
      { outcome: 'failed', why },
      { outcome: 'failed', why },
    ]);
    expect(got).toEqual([]);
    expect(await attempt(to('/', { url: new URL(`http://localhost:${port}/`) }))).toEqual({ outcome: 'delivered' });
  });
});

describe('a public address', () => {
  it.each(['93.184.215.14', '1.1.1.1', '172.32.0.1', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'])('is %s', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it.each([
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1'],
    ...['255.255.255.255', '::1', '::', 'fe80::1', 'fc00::1', 'ff02::1', '::ffff:10.0.0.1', '::ffff:127.0.0.1'],
    ...['64:ff9b::a00:1', '2002:a00:1::', '2001:db8::1', 'localhost', ''],
  ])('is not %s', (address) => {
    expect(isPublic(address)).toBe(false);
  });
});
