import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { Webhooks } from '../../src/notices/webhooks.js';
import type { Client } from '../support/client.js';
import { granted, opened, published, rate } from '../support/history.js';
import { Receiver } from '../support/receiver.js';
import { type Service, ServiceProcess, startService } from '../support/server.js';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const NEW_SECRET = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;

let directory: string;
let receiver: Receiver;
let service: Service | undefined;
let killable: ServiceProcess | undefined;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'promoledger-webhooks-'));
  receiver = await Receiver.start();
});
afterEach(async () => {
  await service?.stop();
  await killable?.remove();
  [service, killable] = [undefined, undefined];
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

function configured(said: object = {}, retries = '20ms,30ms,40ms'): Record<string, string> {
  const path = join(directory, 'webhooks.json');
  const endpoint = { id: 'crm', url: receiver.url, secrets: [NEW_SECRET, SECRET], allowPrivate: true, ...said };
  writeFileSync(path, JSON.stringify([endpoint]));
  return { PROMOLEDGER_WEBHOOKS: path, PROMOLEDGER_WEBHOOK_RETRIES: retries, PROMOLEDGER_WEBHOOKS_FROM: '0' };
}

/** A service that sends, with an account to which credits can be granted. */
async function serving(env: Record<string, string>): Promise<Client> {
  service = await startService({ clock: '2022-10-20T00:00:00Z', env });
  service.app.get(Webhooks).start();
  await begin(service.client);
  return service.client;
}

async function begin(client: Client): Promise<void> {
  for (const command of [published(), rate('EUR', 'USD', '0.9764')]) await client.append(command);
}

let advertisers = 0;
/** Each credit has an account of its own: terms have a cap. Answers the id of its notice. */
async function grant(client: Client): Promise<string> {
  advertisers += 1;
  const advertiserId = `adv-${advertisers}`;
  await client.append(opened(advertiserId, 'DE', 'EUR'));
  await client.append(granted('gift', advertiserId, 'DE', 'SP', '10.00'));
  return `credit-applied~${advertiserId}~DE~gift`;
}

interface Listed<Item> {
  readonly items: readonly Item[];
}

const endpointOf = async (client: Client) =>
  (await client.get<Listed<Record<string, unknown>>>('/v1/webhooks')).body.items[0]!;

/** Waits until the endpoint stands so: what a receiver was told is written down a moment later. */
async function endpointIs(client: Client, state: object): Promise<void> {
  for (;;) {
    const endpoint = await endpointOf(client);
    if (Object.entries(state).every(([name, value]) => endpoint[name] === value)) return;
    await new Promise(setImmediate);
  }
}

describe('a webhook', () => {
  it('is signed so that its receiver can check it, with the package and by hand, by either secret', async () => {
    const client = await serving(configured());
    const id = await grant(client);
    await receiver.until(({ length }) => length === 1);
    const [{ headers, body }] = receiver.received as [Receiver['received'][number]];
    for (const secret of [SECRET, NEW_SECRET]) {
      const told = new Webhook(secret).verify(body, headers as Record<string, string>);
      expect(told).toMatchObject({ type: 'credit-applied', timestamp: '2022-10-04T07:00:00.000Z', data: { id } });
      const signed = `${id}.${String(headers['webhook-timestamp'])}.${body}`;
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
      const signature = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
      expect(String(headers['webhook-signature']).split(' ')).toContain(signature);
    }
    await endpointIs(client, { queued: 0, deadLetters: 0 });
    expect(JSON.stringify(await endpointOf(client))).not.toMatch(/whsec_|hook"/);
  });

  it('is sent again with the same id until it is accepted', async () => {
    const client = await serving(configured());
    receiver.answer = (out) => void out.writeHead(receiver.received.length < 3 ? 503 : 200).end();
    const id = await grant(client);
    await receiver.until(({ length }) => length === 3);
    expect(receiver.ids).toEqual([id, id, id]);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    await endpointIs(client, { queued: 0, deadLetters: 0, state: 'active' });
  });

  it('becomes a dead letter when it is never accepted, and is sent again when asked', async () => {
    const client = await serving(configured());
    receiver.answer = (out) => void out.writeHead(500).end();
    const ids = [await grant(client), await grant(client)];
    await endpointIs(client, { queued: 0, deadLetters: 2 });
    expect(receiver.received).toHaveLength(8);
    const { body } = await client.get<Listed<{ id: string; noticeId: string }>>(
      '/v1/webhooks/dead-letters?endpoint=crm',
    );
    expect(body.items).toMatchObject(ids.map((noticeId) => ({ noticeId, attempts: 4, why: 'answered 500' })));
    receiver.answer = (out) => void out.writeHead(200).end();
    const one = await client.post(`/v1/webhooks/dead-letters/${body.items[0]!.id}/resend`, {});
    expect(one).toMatchObject({ status: 200, body: { resent: 1 } });
    await receiver.until(({ length }) => length === 9);
    expect(receiver.ids.at(-1)).toBe(ids[0]);
    expect(await client.post('/v1/webhooks/crm/resend', {})).toMatchObject({ status: 200, body: { resent: 1 } });
    await receiver.until(({ length }) => length === 10);
    expect(receiver.ids.at(-1)).toBe(ids[1]);
    await endpointIs(client, { deadLetters: 0, queued: 0 });
    const metrics = await (await fetch(`${client.url}/metrics`)).text();
    expect(metrics).toMatch(/^promoledger_webhook_attempts_total\{endpoint="crm",outcome="dead"\} 2$/m);
    expect(metrics).toMatch(/^promoledger_webhook_attempts_total\{endpoint="crm",outcome="delivered"\} 2$/m);
    expect(metrics).toMatch(/^promoledger_webhook_dead_letters\{endpoint="crm"\} 0$/m);
    expect(await client.post('/v1/webhooks/nobody/resend', {})).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
    expect((await client.get('/v1/webhooks/dead-letters?endpoint=A')).status).toBe(400);
  });

  it('that is a dead letter is dropped when somebody says so', async () => {
    const client = await serving(configured());
    receiver.answer = (out) => void out.writeHead(500).end();
    for (let n = 0; n < 3; n += 1) await grant(client);
    await endpointIs(client, { queued: 0, deadLetters: 3 });
    const drop = async (path: string) => {
      const answer = await fetch(`${client.url}/v1/webhooks/${path}`, { method: 'DELETE' });
      return [answer.status, await answer.json()];
    };
    const { body } = await client.get<Listed<{ id: string }>>('/v1/webhooks/dead-letters');
    expect(await drop(`dead-letters/${body.items[0]!.id}`)).toEqual([200, { discarded: 1 }]);
    expect(await drop(`dead-letters/${body.items[0]!.id}`)).toMatchObject([404, { code: 'not-found' }]);
    expect(await drop('dead-letters/x')).toMatchObject([404, { code: 'not-found' }]);
    expect(await drop('crm/dead-letters')).toEqual([200, { discarded: 2 }]);
    expect(await drop('nobody/dead-letters')).toMatchObject([404, { code: 'not-found' }]);
    await endpointIs(client, { deadLetters: 0, queued: 0, state: 'active' });
  });

  it('is not sent any more to a receiver that is gone', async () => {
    const client = await serving(configured());
    receiver.answer = (out) => void out.writeHead(410).end();
    await grant(client);
    await endpointIs(client, { state: 'disabled', deadLetters: 1, queued: 0 });
    await grant(client);
    await endpointIs(client, { state: 'disabled', deadLetters: 2, queued: 0 });
    expect(receiver.received).toHaveLength(1);
    const metrics = await (await fetch(`${client.url}/metrics`)).text();
    expect(metrics).toMatch(/^promoledger_webhook_disabled\{endpoint="crm"\} 1$/m);
  });

  it('tells an endpoint of the kinds that it wants alone', async () => {
    const client = await serving(configured({ kinds: ['credit-used-up'] }));
    const id = await grant(client);
    const [, advertiserId] = id.split('~');
    const data = { advertiserId, marketplace: 'DE', clickId: 'c', campaignId: 'k', product: 'SP' };
    const cost = { amount: '50.00', currency: 'EUR' };
    await client.append({ type: 'ClickSpent', data: { ...data, cost, occurredAt: '2022-10-10T12:00:00Z' } });
    await receiver.until(({ length }) => length === 1);
    expect(receiver.ids).toEqual([`credit-used-up~${advertiserId}~DE~gift`]);
  });
});

describe('a service that is killed while a receiver is down', () => {
  it('sends everything after it was started again, at least once, under the same ids', async () => {
    killable = new ServiceProcess(configured({}, '1s,1s,1s,1s,1s,1s,1s,1s,1s,1s'));
    let client = await killable.start();
    await begin(client);
    const ids = [await grant(client)];
    await receiver.until(({ length }) => length === 1);
    await receiver.close();
    for (let n = 0; n < 10; n += 1) ids.push(await grant(client));
    // One attempt is left hanging: the receiver has it, and the service is never told.
    const { promise: hanging, resolve } = Promise.withResolvers<void>();
    receiver.answer = () => resolve();
    await receiver.open();
    await hanging;
    await killable.kill();
    receiver.answer = (out) => void out.writeHead(204).end();
    client = await killable.start();
    await receiver.until((received) => ids.every((id) => received.some((each) => each.id === id)));
    await endpointIs(client, { queued: 0, deadLetters: 0 });
    expect(new Set(receiver.ids)).toEqual(new Set(ids));
    expect(receiver.received.length).toBeGreaterThan(ids.length);
  });
});
