import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LOCAL_CALLER } from '../../src/http/caller.js';
import { refuse } from '../../src/kernel/refusal.js';
import { appOf, Fakes, NOW } from './fakes.js';

let fakes: Fakes;
let app: NestFastifyApplication;
beforeAll(async () => {
  fakes = new Fakes();
  app = await appOf(fakes);
});
afterAll(() => app.close());
beforeEach(() => {
  fakes.answer = { items: [], next: null };
  fakes.checks = [];
  fakes.calls.length = 0;
});

const get = (url: string) => app.inject({ method: 'GET', url });
const MOMENT = { asOf: NOW, known: 42n };
const ALL = { limit: 100 };

describe('questions reach the read side', () => {
  it.each<[url: string, call: unknown[]]>([
    ['/v1/accounts', ['accounts', MOMENT, ALL, LOCAL_CALLER]],
    [
      '/v1/accounts?marketplace=DE&limit=5&cursor=abc',
      ['accounts', MOMENT, { limit: 5, cursor: 'abc', marketplace: 'DE' }, LOCAL_CALLER],
    ],
    [
      '/v1/accounts?advertiserId=a:1&limit=500',
      ['accounts', MOMENT, { limit: 500, advertiserId: 'a:1' }, LOCAL_CALLER],
    ],
    ['/v1/accounts/a%2F1/DE/balance', ['balance', MOMENT, 'a/1', 'DE']],
    [`/v1/accounts/${'%3A'.repeat(128)}/DE/balance`, ['balance', MOMENT, ':'.repeat(128), 'DE']],
    [
      '/v1/accounts/a/DE/statement?from=2022-10-04T09:00:00+02:00&to=2022-11-01T00:00:00Z',
      [
        'statement',
        MOMENT,
        'a',
        'DE',
        { limit: 100, from: '2022-10-04T07:00:00.000Z', to: '2022-11-01T00:00:00.000Z' },
      ],
    ],
    ['/v1/accounts/a/DE/clicks/k.1', ['click', MOMENT, 'a', 'DE', 'k.1']],
    ['/v1/accounts/a/DE/qualification?promotionId=p', ['qualification', MOMENT, 'a', 'DE', 'p']],
    ['/v1/promotions', ['promotions', MOMENT, ALL]],
    ['/v1/promotions/p', ['promotion', MOMENT, 'p']],
    ['/v1/promotions/p/disbursements', ['disbursements', MOMENT, 'p', LOCAL_CALLER]],
    [
      '/v1/convert?from=USD&to=EUR&amount=200',
      ['convert', MOMENT, { to: 'EUR', amount: { amount: '200.00', currency: 'USD' } }],
    ],
    ['/v1/events?after=7&limit=3', ['events', { after: 7n, limit: 3, known: 42n }]],
    ['/v1/events', ['events', { limit: 100, known: 42n }]],
  ])('GET %s', async (url, call) => {
    const response = await get(url);
    expect([response.statusCode, response.json()]).toMatchObject([200, { items: [], knownAt: null, position: '42' }]);
    expect(fakes.calls).toEqual([['moment', {}], call]);
  });

  it.each<[query: string, asked: object, answer: object]>([
    ['asOf=2022-10-01T02:00:00%2B02:00', { asOf: '2022-10-01T00:00:00.000Z' }, { asOf: '2022-10-01T00:00:00.000Z' }],
    ['knownAt=position:7', { knownAt: { position: 7n } }, { knownAt: 'position:7', position: '7' }],
    ['knownAt=position:0', { knownAt: { position: 0n } }, { position: '0' }],
    [
      'knownAt=2022-10-01T02:00:00+02:00',
      { knownAt: { instant: '2022-10-01T00:00:00.000Z' } },
      { knownAt: '2022-10-01T02:00:00+02:00' },
    ],
    ['minPosition=42', { minPosition: 42n }, { position: '42' }],
    ['minPosition=7&knownAt=position:7', { minPosition: 7n, knownAt: { position: 7n } }, { position: '7' }],
  ])('at the moment asked for: %s', async (query, asked, answer) => {
    expect((await get(`/v1/promotions?${query}`)).json()).toMatchObject(answer);
    expect(fakes.calls[0]).toEqual(['moment', asked]);
  });

  it('a page of an earlier moment says so', async () => {
    fakes.answer = { items: [], next: null, moment: { asOf: '2022-10-01T00:00:00.000Z', known: 3n } };
    expect((await get('/v1/accounts?cursor=c')).json()).toEqual({
      items: [],
      next: null,
      asOf: '2022-10-01T00:00:00.000Z',
      knownAt: null,
      position: '3',
    });
  });
});

describe('queries are refused', () => {
  it.each<[url: string, paths: string[]]>([
    ['/v1/accounts?asOf=yesterday&knownAt=position:x&minPosition=-1', ['/asOf', '/knownAt', '/minPosition']],
    ['/v1/accounts?limit=0', ['/limit']],
    ['/v1/accounts?limit=501', ['/limit']],
    ['/v1/accounts?limit=1e2', ['/limit']],
    ['/v1/accounts?limit=', ['/limit']],
    ['/v1/accounts?cursor=a&cursor=b', ['/cursor']],
    ['/v1/accounts?marketplace=DE&marketplace=FR', ['/marketplace']],
    ['/v1/accounts?marketplace=%zz', ['/marketplace']],
    ['/v1/accounts?advertiserId=a.b', ['/advertiserId']],
    ['/v1/accounts?asof=2022-10-01T00:00:00Z&__proto__=1', ['/__proto__', '/asof']],
    ['/v1/accounts?minPosition=9223372036854775808', ['/minPosition']],
    ['/v1/accounts?minPosition=8&knownAt=position:7', ['/minPosition']],
    ['/v1/accounts?minPosition=43&knownAt=2022-10-01T00:00:00Z', ['/minPosition']],
    ['/v1/accounts/a/DE/qualification', ['/promotionId']],
    ['/v1/accounts/a/DE/balance?limit=5', ['/limit']],
    ['/v1/convert', ['/amount', '/from', '/to']],
    ['/v1/convert?from=usd&to=EUR&amount=x', ['/amount', '/from']],
    ['/v1/events?asOf=2022-10-01T00:00:00Z', ['/asOf']],
    ['/v1/events/live?after=x', ['/after']],
  ])('GET %s', async (url, paths) => {
    const response = await get(url);
    const problem = response.json<{ code: string; errors: { path: string }[] }>();
    expect([response.statusCode, problem.code]).toEqual([400, 'invalid-command']);
    expect(problem.errors.map((error) => error.path).sort()).toEqual(paths);
  });

  it('for too many digits alone as precision', async () => {
    const response = await get('/v1/convert?from=JPY&to=EUR&amount=200.5');
    expect([response.statusCode, response.json()]).toMatchObject([
      400,
      { code: 'precision', errors: [{ path: '/amount' }] },
    ]);
  });
});

describe('refusals and faults', () => {
  it.each<[url: string, status: number, code: string]>([
    ['/v1/promotions/a.b', 404, 'unknown-promotion'],
    ['/v1/accounts/%zz/DE/balance', 404, 'not-found'],
    ['/v1/accounts/LONG/DE/balance', 404, 'not-found'],
    ['/v1/nothing', 404, 'not-found'],
    ['/v1/commands', 404, 'not-found'],
    ['/', 404, 'not-found'],
    ['/docs/../package.json', 404, 'not-found'],
  ])('GET %s: %i %s', async (url, status, code) => {
    const response = await get(url.replace('LONG', 'a'.repeat(5000)));
    expect([response.statusCode, response.json()]).toMatchObject([status, { status, code }]);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.body).not.toContain('Cannot GET');
  });

  it.each<[method: 'PUT' | 'POST' | 'OPTIONS', url: string, type: string]>([
    ['PUT', '/v1/commands', 'application/json'],
    ['POST', '/v1/nothing', 'application/json'],
    ['POST', '/v1/nothing', 'text/plain'],
    ['POST', '/v1/nothing', 'application/x-ndjson'],
    ['OPTIONS', '/v1/commands', 'text/plain'],
  ])('%s %s is not found, whatever is sent as %s', async (method, url, type) => {
    const response = await app.inject({ method, url, payload: '{', headers: { 'content-type': type } });
    expect([response.statusCode, response.json()]).toMatchObject([404, { code: 'not-found' }]);
  });

  it('refusals bear their code', async () => {
    fakes.answer = refuse('unknown-click', 'No such click.');
    const response = await get('/v1/accounts/a/DE/clicks/k');
    expect([response.statusCode, response.json()]).toMatchObject([
      404,
      { code: 'unknown-click', detail: 'No such click.' },
    ]);
    fakes.answer = refuse('stale-fx-rate', 'Too old.');
    expect((await get('/v1/convert?from=USD&to=EUR&amount=1')).statusCode).toBe(422);
  });

  it('late read models are named', async () => {
    fakes.answer = Object.assign(new Error('at 3 of 9'), { name: 'NotCaughtUpError' });
    const response = await get('/v1/promotions');
    expect([response.statusCode, response.json()]).toMatchObject([503, { code: 'not-caught-up' }]);
  });

  it('what nobody foresaw tells nothing', async () => {
    fakes.answer = new TypeError('secret at /srv/ledger/db.ts:7');
    const response = await get('/v1/promotions');
    expect([response.statusCode, response.json()]).toMatchObject([500, { code: 'internal-error' }]);
    expect(response.body).not.toMatch(/secret|srv|TypeError/);
  });
});

describe('runs', () => {
  const post = (url: string, payload?: string) =>
    app.inject({
      method: 'POST',
      url,
      ...(payload === undefined ? {} : { payload, headers: { 'content-type': 'application/json' } }),
    });

  it.each([undefined, '', '{}'])('a disbursement is performed with the body %j', async (body) => {
    fakes.answer = { date: '2022-10-04', state: 'completed' };
    const response = await post('/v1/promotions/p/disbursements/2022-10-04', body);
    expect([response.statusCode, response.json()]).toEqual([200, { ...fakes.answer, asOf: NOW, knownAt: null }]);
    expect(fakes.calls).toContainEqual(['perform', 'p', '2022-10-04']);
  });

  it.each<[body: string, path: string]>([
    ['{"force":true}', '/force'],
    ['[]', ''],
    ['null', ''],
  ])('a disbursement does not take %s', async (body, path) => {
    const response = await post('/v1/promotions/p/disbursements/2022-10-04', body);
    expect([response.statusCode, response.json()]).toMatchObject([
      400,
      { code: 'invalid-command', errors: [{ path }] },
    ]);
  });

  it.each<[body: string | undefined, asOf: string | undefined]>([
    [undefined, undefined],
    ['{}', undefined],
    ['{"asOf":"2022-11-06T09:00:00+02:00"}', '2022-11-06T07:00:00.000Z'],
  ])('an expiry run is performed with the body %s', async (body, asOf) => {
    fakes.answer = { expired: 0, amounts: [], position: '42' };
    const response = await post('/v1/expiry-runs', body);
    expect([response.statusCode, response.json()]).toEqual([
      200,
      { ...fakes.answer, asOf: asOf ?? NOW, knownAt: null },
    ]);
    expect(fakes.calls).toContainEqual(['perform', asOf]);
  });

  it('an expiry run names the faults of its body, and bears its refusals', async () => {
    const response = await post('/v1/expiry-runs', '{"asOf":"now","dry":1}');
    expect(response.json<{ errors: object[] }>().errors).toHaveLength(2);
    fakes.answer = refuse('invalid-command', 'Later than now.', [{ path: '/asOf', message: 'is later than now' }]);
    expect((await post('/v1/expiry-runs')).json()).toMatchObject({
      code: 'invalid-command',
      errors: [{ path: '/asOf' }],
    });
  });
});

describe('health and documents', () => {
  it('is live, and ready when nothing is missing', async () => {
    expect((await get('/health/live')).statusCode).toBe(200);
    const store = { name: 'store', ok: true, code: 'store-unavailable', detail: 'It answers.' } as const;
    fakes.checks = [store];
    expect((await get('/health/ready')).json()).toEqual({
      status: 'ready',
      checks: { store: { ok: true, detail: 'It answers.' } },
    });
    fakes.checks = [store, { name: 'readModels', ok: false, code: 'not-caught-up', detail: 'At 3 of 9.' }];
    const response = await get('/health/ready');
    expect([response.statusCode, response.json()]).toMatchObject([
      503,
      { code: 'not-caught-up', errors: [{ path: '/checks/readModels', message: 'At 3 of 9.' }] },
    ]);
  });

  it('OpenAPI 3.1 documents every route and every command', async () => {
    const document = (await get('/openapi.json')).json<{
      openapi: string;
      paths: Record<string, { get?: { parameters: { in: string; name: string }[] } }>;
      components: { schemas: Record<string, { oneOf?: object[]; properties?: object }> };
    }>();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual([
      '/health/live',
      '/health/ready',
      '/v1/accounts',
      '/v1/accounts/{advertiserId}/{marketplace}/balance',
      '/v1/accounts/{advertiserId}/{marketplace}/clicks/{clickId}',
      '/v1/accounts/{advertiserId}/{marketplace}/qualification',
      '/v1/accounts/{advertiserId}/{marketplace}/statement',
      '/v1/audit/checkpoints',
      '/v1/audit/checkpoints/latest',
      '/v1/audit/key',
      '/v1/audit/proofs/consistency',
      '/v1/audit/proofs/inclusion',
      '/v1/audit/status',
      '/v1/commands',
      '/v1/convert',
      '/v1/diff',
      '/v1/diff/{advertiserId}/{marketplace}',
      '/v1/events',
      '/v1/events/live',
      '/v1/expiry-runs',
      '/v1/exports/log',
      '/v1/exports/{format}',
      '/v1/import',
      '/v1/journal',
      '/v1/liability',
      '/v1/notices',
      '/v1/notices/live',
      '/v1/periods',
      '/v1/periods/{period}',
      '/v1/periods/{period}/close',
      '/v1/periods/{period}/late-facts',
      '/v1/promotions',
      '/v1/promotions/preview',
      '/v1/promotions/{promotionId}',
      '/v1/promotions/{promotionId}/disbursements',
      '/v1/promotions/{promotionId}/disbursements/{date}',
      '/v1/reports/gap',
      '/v1/schemas/promotion-terms',
      '/v1/trial-balance',
      '/v1/webhooks',
      '/v1/webhooks/dead-letters',
      '/v1/webhooks/dead-letters/{id}',
      '/v1/webhooks/dead-letters/{id}/resend',
      '/v1/webhooks/{endpoint}/dead-letters',
      '/v1/webhooks/{endpoint}/resend',
    ]);
    for (const [path, { get: question }] of Object.entries(document.paths)) {
      const named = question?.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
      if (question) expect([path, named]).toEqual([path, path.match(/{\w+}/g) ?? []]);
    }
    expect(document.components.schemas['Command']?.oneOf).toHaveLength(21);
    expect(Object.keys(document.components.schemas['ClickSpent']?.properties ?? {})).toContain('advertiserId');
  });

  it('every reference in it leads somewhere, and no two operations have one name', async () => {
    const { body } = await get('/openapi.json');
    const { components } = JSON.parse(body) as { components: { schemas: object } };
    const targets = [...body.matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1]);
    expect(targets.filter((name) => !Object.hasOwn(components.schemas, name!))).toEqual([]);
    const names = [...body.matchAll(/"operationId":"(\w+)"/g)].map((match) => match[1]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('the page to browse it loads what it needs from here', async () => {
    const page = await get('/docs');
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    for (const [, path] of page.body.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect([path, (await get(path!)).statusCode]).toEqual([path, 200]);
    }
  });
});
