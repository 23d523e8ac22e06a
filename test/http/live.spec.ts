import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { appOf, Fakes } from './fakes.js';

let fakes: Fakes;
let app: NestFastifyApplication;
let port: number;
beforeEach(async () => {
  fakes = new Fakes();
  app = await appOf(fakes);
  await app.listen(0, '127.0.0.1');
  ({ port } = app.getHttpServer().address() as AddressInfo);
});
afterEach(() => app.close());

const append = (n: number) =>
  fakes.store.append('account-a.DE', 'any', [{ id: `T:${n}`, type: 'T', data: { n }, metadata: { version: 1 } }]);

/** Reads server-sent events until there are `count` of them. */
async function events(response: Response, count: number): Promise<{ id: string; data: { data: { n: number } } }[]> {
  let text = '';
  const found = () => [...text.matchAll(/^id: (\d+)\ndata: (.+)\n\n/gm)];
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  while (found().length < count) text += decoder.decode((await reader.read()).value as Uint8Array, { stream: true });
  reader.releaseLock();
  return found().map(([, id, data]) => ({ id: id!, data: JSON.parse(data!) as { data: { n: number } } }));
}

const live = (query = '', headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${port}/v1/events/live${query}`, { headers });

describe('GET /v1/events/live', () => {
  it('sends what is there, then what comes, without gap or repeat', async () => {
    for (let n = 1; n <= 3; n += 1) await append(n);
    const response = await live();
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect((await events(response, 3)).map((event) => event.data.data.n)).toEqual([1, 2, 3]);
    for (let n = 4; n <= 6; n += 1) await append(n);
    const later = await events(response, 3);
    expect(later.map((event) => event.data.data.n)).toEqual([4, 5, 6]);
    expect(later[0]).toMatchObject({
      id: '4',
      data: { position: '4', stream: 'account-a.DE', revision: 3, type: 'T', recordedAt: expect.any(String) },
    });
    await response.body!.cancel();
  });

  it('resumes after the last event a client has; the header goes before the query', async () => {
    for (let n = 1; n <= 4; n += 1) await append(n);
    const byQuery = await live('?after=2');
    expect((await events(byQuery, 2)).map((event) => event.id)).toEqual(['3', '4']);
    const byHeader = await live('?after=1', { 'last-event-id': '3' });
    expect((await events(byHeader, 1)).map((event) => event.id)).toEqual(['4']);
    await Promise.all([byQuery.body!.cancel(), byHeader.body!.cancel()]);
  });

  it('refuses what is no position', async () => {
    const response = await live('', { 'last-event-id': 'x' });
    expect([response.status, await response.json()]).toMatchObject([400, { errors: [{ path: '/Last-Event-ID' }] }]);
  });

  it('ends when the service does, though the client stays', async () => {
    const response = await live();
    const end = response.text();
    await app.close();
    expect(await end).toBe('');
  });

  it('reads no further than a client does, and forgets one that leaves', async () => {
    const large = 'x'.repeat(100_000);
    for (let n = 1; n <= 300; n += 1) {
      await fakes.store.append('account-a.DE', 'any', [
        { id: `L:${n}`, type: 'L', data: { large }, metadata: { version: 1 } },
      ]);
    }
    const { promise, resolve } = Promise.withResolvers<ServerResponse>();
    app.getHttpServer().once('request', (_: unknown, out: ServerResponse) => resolve(out));
    const socket: Socket = connect(port, '127.0.0.1').pause();
    socket.write('GET /v1/events/live HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const out = await promise;
    while (!out.writableNeedDrain) await new Promise(setImmediate);
    expect(out.writableLength).toBeLessThan(1_000_000);
    const read = jest.spyOn(fakes.store, 'readAll');
    socket.destroy();
    await once(out, 'close');
    await append(1);
    await new Promise(setImmediate);
    expect(read).not.toHaveBeenCalled();
  });

  it('answers HEAD and is done', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/events/live`, { method: 'HEAD' });
    expect(response.status).toBe(200);
  });
});
