import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '../support/client.js';
import { granted, invited, opened, PROMOTION_ID, published, qualifyingCampaign, rate } from '../support/history.js';
import { type Guarded, startGuarded } from '../support/guarded.js';
import { type Service, startService } from '../support/server.js';

interface Told {
  readonly id: string;
  readonly kind: string;
  readonly place: string;
  readonly position: string | null;
  readonly advertiserId: string;
  readonly occurredAt: string;
  readonly data: Record<string, unknown>;
}
interface Page {
  readonly items: readonly Told[];
  readonly next: string | null;
  readonly position: string;
}

const click = (advertiserId: string, marketplace: string, clickId: string, amount: string, currency: string) => ({
  type: 'ClickSpent',
  data: {
    advertiserId,
    marketplace,
    clickId,
    campaignId: 'k1',
    product: 'SP',
    cost: { amount, currency },
    occurredAt: '2022-10-10T12:00:00Z',
  },
});

const LEDGER = [
  published(),
  rate('EUR', 'USD', '0.9764'),
  rate('EUR', 'JPY', '141.49'),
  opened('acme', 'DE', 'EUR'),
  opened('nippon', 'JP', 'JPY'),
  granted('goodwill', 'acme', 'DE', 'SP', '200.00'),
  granted('goodwill', 'nippon', 'JP', 'SP', '200.00'),
];

/** Reads server-sent events until there are `count`, and leaves. */
async function live(
  url: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<{ id: string; told: Told }[]> {
  const gone = new AbortController();
  const response = await fetch(url, { headers, signal: gone.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let text = '';
  const found = () => [...text.matchAll(/^id: (\S+)\ndata: (.+)\n\n/gm)];
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  while (found().length < count) text += decoder.decode((await reader.read()).value as Uint8Array, { stream: true });
  gone.abort();
  return found().map(([, id, data]) => ({ id: id!, told: JSON.parse(data!) as Told }));
}

describe('notices over HTTP', () => {
  let service: Service;
  let client: Client;
  beforeAll(async () => {
    service = await startService({ clock: '2022-10-20T00:00:00Z' });
    client = service.client;
    for (const command of LEDGER) await client.append(command);
    await client.append(click('acme', 'DE', 'c1', '161.81', 'EUR'));
    await client.append(click('acme', 'DE', 'c2', '43.02', 'EUR'));
    await client.append(click('nippon', 'JP', 'c1', '28982', 'JPY'));
  });
  afterAll(() => service.stop());

  const list = async (query = '') => (await client.get<Page>(`/v1/notices${query}`)).body;

  it('are listed in the order of telling, each with the event that caused it', async () => {
    const { items, next, position } = await list();
    expect([next, position]).toEqual([null, '10']);
    expect(items.map(({ kind, advertiserId, position, place }) => [kind, advertiserId, position, place])).toEqual([
      ['credit-applied', 'acme', '6', '6-0'],
      ['credit-applied', 'nippon', '7', '7-0'],
      ['credit-80-percent-used', 'acme', '9', '9-0'],
      ['credit-used-up', 'acme', '9', '9-1'],
      ['credit-80-percent-used', 'nippon', '10', '10-0'],
      ['credit-used-up', 'nippon', '10', '10-1'],
    ]);
    expect(items.at(-1)!.data).toMatchObject({
      creditId: 'goodwill',
      promotionId: PROMOTION_ID,
      applied: { amount: '28982', currency: 'JPY' },
      remaining: { amount: '0', currency: 'JPY' },
    });
  });

  it('are listed in pages, and as known at a position', async () => {
    const first = await list('?limit=3');
    expect([first.items.length, first.next]).toEqual([3, '9-0']);
    const second = await list(`?limit=3&after=${first.next}`);
    expect([...first.items, ...second.items]).toEqual((await list()).items);
    expect((await list('?knownAt=position:7')).items).toHaveLength(2);
  });

  it('are followed live, and resumed', async () => {
    const all = (await list()).items;
    const followed = await live(`${client.url}/v1/notices/live`, 6);
    expect(followed.map(({ told }) => told)).toEqual(all);
    expect(followed.map(({ id }) => id)).toEqual(all.map(({ place }) => place));
    const resumed = live(`${client.url}/v1/notices/live?after=6-0`, 3, { 'last-event-id': '10-0' });
    await client.append(opened('late', 'DE', 'EUR'));
    await client.append(granted('x1', 'late', 'DE', 'SP', '1.00'));
    await client.append(granted('x2', 'late', 'DE', 'SB', '1.00'));
    expect((await resumed).map(({ told }) => told.id)).toEqual([
      'credit-used-up~nippon~JP~goodwill',
      'credit-applied~late~DE~x1',
      'credit-applied~late~DE~x2',
    ]);
  });

  it('refuse what is no place', async () => {
    for (const path of ['/v1/notices?after=x', '/v1/notices?after=5', '/v1/notices/live?after=1-x']) {
      expect(await client.get(path)).toMatchObject({ status: 400, body: { errors: [{ path: '/after' }] } });
    }
    const header = await fetch(`${client.url}/v1/notices/live`, { headers: { 'last-event-id': '5' } });
    expect([header.status, await header.json()]).toMatchObject([400, { errors: [{ path: '/Last-Event-ID' }] }]);
  });
});

describe('a credit that is about to end', () => {
  it('is told by the clock, in the list and live, after all else', async () => {
    const service = await startService({ clock: '2022-10-28T00:00:00Z' });
    for (const command of LEDGER) await service.client.append(command);
    const { body } = await service.client.get<Page>('/v1/notices');
    expect(body.items.map(({ kind, position, place }) => [kind, position, place])).toEqual([
      ['credit-applied', '6', '6-0'],
      ['credit-applied', '7', '7-0'],
      ['credit-expiring', null, '7-1666915200000-1'],
      ['credit-expiring', null, '7-1666915200000-2'],
    ]);
    expect(body.items[2]!.data).toMatchObject({
      expiresAt: '2022-11-03T07:00:00.000Z',
      remaining: { amount: '204.83', currency: 'EUR' },
    });
    expect((await live(`${service.client.url}/v1/notices/live?after=6-0`, 3)).map(({ told }) => told)).toEqual(
      body.items.slice(1),
    );
    await service.stop();
  });
});

describe('a run that puts somebody off', () => {
  it('is told to whom it concerns, with the reasons', async () => {
    const service = await startService({ clock: '2022-10-05T00:00:00Z' });
    const facts = [published(), rate('EUR', 'USD', '0.9764'), opened('acme', 'DE', 'EUR'), invited('acme')];
    await service.client.import([...facts, ...qualifyingCampaign('acme', 'DE', 'SP')]);
    await service.client.post(`/v1/promotions/${PROMOTION_ID}/disbursements/2022-10-04`, {});
    const { body } = await service.client.get<Page>('/v1/notices');
    expect(body.items).toMatchObject([
      {
        id: `run-deferred~${PROMOTION_ID}~2022-10-04~acme~DE~SP`,
        kind: 'run-deferred',
        occurredAt: '2022-10-04T07:00:00.000Z',
        data: { product: 'SP', reasons: ['payment-method-invalid'] },
      },
    ]);
    await service.stop();
  });
});

describe('a caller that is bound', () => {
  let guarded: Guarded;
  beforeAll(async () => {
    guarded = await startGuarded({ PROMOLEDGER_CLOCK: '2022-10-28T00:00:00Z' });
    const admin = await guarded.provider.token({ scope: 'admin' });
    const sent = await guarded.call('POST', '/v1/commands', admin, LEDGER);
    expect(sent.status).toBe(200);
  });
  afterAll(() => guarded.stop());

  it('sees its own notices alone, listed and live', async () => {
    const acme = await guarded.provider.token({ scope: 'ledger:read', promoledger_advertisers: ['acme'] });
    const japan = await guarded.provider.token({ scope: 'ledger:read', promoledger_marketplaces: ['JP'] });
    const nobody = await guarded.provider.token({
      scope: 'ledger:read',
      promoledger_advertisers: ['acme'],
      promoledger_marketplaces: ['JP'],
    });
    const seenBy = async (token: string) =>
      ((await guarded.call('GET', '/v1/notices', token)).body as unknown as Page).items.map(({ id }) => id);
    expect(await seenBy(acme)).toEqual(['credit-applied~acme~DE~goodwill', 'credit-expiring~acme~DE~goodwill']);
    expect(await seenBy(japan)).toEqual(['credit-applied~nippon~JP~goodwill', 'credit-expiring~nippon~JP~goodwill']);
    expect(await seenBy(nobody)).toEqual([]);
    const followed = await live(`${guarded.url}/v1/notices/live`, 2, { authorization: `Bearer ${japan}` });
    expect(followed.map(({ told }) => told.advertiserId)).toEqual(['nippon', 'nippon']);
  });

  it('sees nothing of the webhooks', async () => {
    const bound = await guarded.provider.token({ scope: 'admin', promoledger_advertisers: ['acme'] });
    const reader = await guarded.provider.token({ scope: 'ledger:read' });
    for (const token of [bound, reader]) {
      expect((await guarded.call('GET', '/v1/webhooks', token)).status).toBe(403);
      expect((await guarded.call('GET', '/v1/webhooks/dead-letters', token)).status).toBe(403);
      expect((await guarded.call('POST', '/v1/webhooks/crm/resend', token)).status).toBe(403);
    }
    const admin = await guarded.provider.token({ scope: 'admin' });
    expect(await guarded.call('GET', '/v1/webhooks', admin)).toMatchObject({
      status: 200,
      body: { items: [], next: null },
    });
    expect((await guarded.call('POST', '/v1/webhooks/dead-letters/1/resend', admin)).status).toBe(404);
  });
});
