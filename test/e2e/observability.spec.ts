import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { newKey } from '../../src/http/auth/api-keys.js';
import { createHttpApp } from '../../src/main.js';
import { Observability, type Outlets } from '../../src/observability/observability.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { Scheduler } from '../../src/scheduler.js';
import { loadSettings } from '../../src/settings.js';
import { Client } from '../support/client.js';
import { EventStoreDbDouble } from '../support/eventstoredb/double.js';
import { granted, invited, opened, payable, published, qualifyingCampaign, rate } from '../support/history.js';

const NOW = '2022-10-28T00:00:00Z';

let directory: string;
let app: NestFastifyApplication | undefined;
let lines: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  lines = [];
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}, outlets: Outlets = {}): Promise<Client> {
  const settings = loadSettings({
    PROMOLEDGER_STORE: `sqlite:${join(directory, 'ledger.db')}`,
    PROMOLEDGER_SCHEDULER: 'off',
    PROMOLEDGER_CLOCK: NOW,
    PROMOLEDGER_LOG_LEVEL: 'debug',
    PROMOLEDGER_LOG_FORMAT: 'json',
    ...env,
  });
  app = await createHttpApp(settings, { outlets: { sink: (line) => void lines.push(line), ...outlets } });
  await app.listen(0, '127.0.0.1');
  return new Client(`http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`);
}

const log = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
const requests = () => log().filter(({ message }) => message === 'request');

/** The answer to a request is read a moment before its end is seen here. */
async function eventually<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The samples of `/metrics`, by name and labels as they are written. */
async function samples(client: Client): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${client.url}/metrics`);
  expect(response.status).toBe(200);
  const written = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    written.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('metrics', () => {
  it('count commands, commits, projections and requests, without an id in any label', async () => {
    const client = await start();
    for (const command of [published(), opened('adv-secret', 'DE', 'EUR'), opened('adv-secret', 'DE', 'EUR')]) {
      await client.post('/v1/commands', command);
    }
    await client.post('/v1/commands', [
      granted('credit-secret', 'nobody-secret', 'US', 'SP', '50.00'),
      { type: 'Mystery' },
    ]);
    await client.get('/v1/accounts/adv-secret/DE/balance?asOf=2022-10-01T00:00:00Z');
    await client.get('/nothing/here-secret');
    await eventually(() => (requests().length >= 6 ? true : undefined));
    const seen = await samples(client);
    const of = (name: string) => seen.get(`promoledger_${name}`);
    expect(of('commands_total{type="AccountOpened",outcome="appended",code="none"}')).toBe(1);
    expect(of('commands_total{type="AccountOpened",outcome="duplicate",code="none"}')).toBe(1);
    expect(of('commands_total{type="CreditApplied",outcome="rejected",code="unknown-account"}')).toBe(1);
    expect(of('commands_total{type="unknown",outcome="rejected",code="invalid-command"}')).toBe(1);
    expect(of('events_appended_total{type="AccountOpened"}')).toBe(1);
    expect([of('commit_events_count'), of('commit_events_sum')]).toEqual([2, 2]);
    expect(of('commit_seconds_count')).toBe(2);
    expect(of('projection_events_total')).toBe(2);
    expect([of('projection_lag_events'), of('projection_lag_seconds'), of('store_up')]).toEqual([0, 0, 1]);
    const balance = '/v1/accounts/:advertiserId/:marketplace/balance';
    expect(of(`http_requests_total{method="GET",route="${balance}",status="200"}`)).toBe(1);
    expect(of(`http_request_seconds_count{method="GET",route="${balance}"}`)).toBe(1);
    expect(of('http_requests_total{method="GET",route="unmatched",status="404"}')).toBe(1);
    expect([...seen.keys()].filter((name) => /secret|Mystery/.test(name))).toEqual([]);
  });

  const QUALIFIED = [
    published(),
    rate('EUR', 'USD', '0.9764'),
    opened('adv-1', 'DE', 'EUR'),
    payable('adv-1', 'DE'),
    invited('adv-1'),
    ...qualifyingCampaign('adv-1', 'DE', 'SP'),
  ];

  it('count runs by state: what is due for long is late', async () => {
    const client = await start();
    for (const command of QUALIFIED) await client.append(command);
    await app!.get(ReadModels).caughtUp();
    const seen = await samples(client);
    const counts = ['planned', 'due', 'late', 'completed'].map((state) =>
      seen.get(`promoledger_disbursement_runs{state="${state}"}`),
    );
    expect(counts).toEqual([3, 0, 1, 0]);
  });

  it('count the credits that expire within 7 days, and turns of the scheduler', async () => {
    const client = await start();
    for (const command of QUALIFIED) await client.append(command);
    await app!.get(ReadModels).caughtUp();
    await app!.get(Scheduler).performDue();
    await app!.get(ReadModels).caughtUp();
    const seen = await samples(client);
    expect(seen.get('promoledger_disbursement_runs{state="completed"}')).toBe(1);
    expect(seen.get('promoledger_credits_expiring{currency="EUR"}')).toBe(1);
    expect(seen.get('promoledger_credits_expiring_amount{currency="EUR"}')).toBe(204.83);
    expect(seen.get('promoledger_events_appended_total{type="CreditApplied"}')).toBe(1);
    expect(seen.get('promoledger_scheduler_turns_total')).toBe(1);
    expect(seen.get('promoledger_scheduler_failures_total')).toBe(0);
  });

  it('are for callers who may read the audit, or open where that is set', async () => {
    const keys = { auditor: newKey('auditor'), reader: newKey('reader') };
    const scopes = { auditor: ['audit:read'], reader: ['ledger:read'] };
    const file = join(directory, 'keys.json');
    const entries = (['auditor', 'reader'] as const).map((id) => {
      return { id, sha256: keys[id].sha256, subject: `${id}-subject`, scopes: scopes[id] };
    });
    writeFileSync(file, JSON.stringify({ keys: entries }));
    const statusFor = async ({ url }: Client, key?: string) =>
      (await fetch(`${url}/metrics`, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } })).status;
    const guarded = await start({ PROMOLEDGER_API_KEYS: file });
    const asked = [undefined, keys.reader.key, keys.auditor.key].map((key) => statusFor(guarded, key));
    expect(await Promise.all(asked)).toEqual([401, 403, 200]);
    await eventually(() => (requests().length === 3 ? true : undefined));
    expect(lines.join('\n')).not.toMatch(/plk_|-subject/);
    await app!.close();
    const open = await start({ PROMOLEDGER_API_KEYS: file, PROMOLEDGER_METRICS: 'open' });
    expect(await statusFor(open)).toBe(200);
  });

  const FOLLOWERS = 'promoledger_live_followers{route="/v1/events/live"}';

  it('tell followers of the live feed while they follow', async () => {
    const client = await start();
    const leaving = new AbortController();
    await fetch(`${client.url}/v1/events/live`, { signal: leaving.signal });
    expect((await samples(client)).get(FOLLOWERS)).toBe(1);
    leaving.abort();
    await eventually(() => requests().find(({ route }) => route === '/v1/events/live'));
    const seen = await samples(client);
    expect(seen.get(FOLLOWERS)).toBe(0);
    expect([...seen.keys()].filter((name) => /request_seconds.*live/.test(name))).toEqual([]);
  });
});

describe('readiness', () => {
  it('lists each check with its state', async () => {
    const client = await start();
    const { status, body } = await client.get<{ checks: Record<string, { ok: boolean }> }>('/health/ready');
    expect(status).toBe(200);
    expect(Object.entries(body.checks).map(([name, { ok }]) => [name, ok])).toEqual([
      ['store', true],
      ['readModels', true],
      ['disk', true],
    ]);
  });

  it('refuses when the disk has less room than it should', async () => {
    const client = await start({ PROMOLEDGER_READY_FREE_MIB: '999999999' });
    const { status, body } = await client.get('/health/ready');
    expect([status, body]).toMatchObject([503, { code: 'store-unavailable', errors: [{ path: '/checks/disk' }] }]);
    expect((await client.get('/health/live')).status).toBe(200);
  });

  it('refuses when the read models stand still', async () => {
    const client = await start();
    app!.get(ReadModels).runner.fail(new Error('a fault with adv-secret in it'));
    const { status, body } = await client.get('/health/ready');
    expect([status, body]).toMatchObject([503, { code: 'not-caught-up', errors: [{ path: '/checks/readModels' }] }]);
    expect((await samples(client)).get('promoledger_projection_stopped')).toBe(1);
    const [told] = log().filter(({ logger }) => logger === 'read-models');
    expect(told).toMatchObject({ level: 'error', error: 'Error' });
    expect(lines.join('\n')).not.toContain('adv-secret');
  });
});

describe('a server that goes and comes', () => {
  it('is told by readiness, by metrics and in the log', async () => {
    const server = await EventStoreDbDouble.start();
    try {
      const client = await start({
        PROMOLEDGER_STORE: server.connectionString,
        PROMOLEDGER_CACHE: join(directory, 'cache'),
      });
      await client.append(opened('adv-1', 'DE', 'EUR'));
      await server.stop();
      const { status, body } = await client.get('/health/ready');
      expect([status, body]).toMatchObject([503, { code: 'store-unavailable' }]);
      expect((await samples(client)).get('promoledger_store_up')).toBe(0);
      await server.restart();
      for (let ready = 0; ready !== 200;) ready = (await client.get('/health/ready')).status;
      const seen = await samples(client);
      expect(seen.get('promoledger_store_reconnects_total')).toBeGreaterThanOrEqual(1);
      expect(seen.get('promoledger_commit_events_count')).toBe(1);
      const told = log().filter(({ logger }) => logger === 'event-store');
      expect(told.map(({ level }) => level)).toContain('warn');
      expect(told.map(({ message }) => message)).toContain('EventStoreDB answers again');
    } finally {
      await app?.close();
      app = undefined;
      await server.stop();
    }
  });
});

describe('correlation', () => {
  it('is the id of the request, in its answer, its log line and its events', async () => {
    const client = await start();
    const sent = (id: string) =>
      fetch(`${client.url}/v1/commands`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-request-id': id },
        body: JSON.stringify(opened('adv-1', 'DE', 'EUR')),
      });
    expect((await sent('order-66')).headers.get('x-request-id')).toBe('order-66');
    const made = (await sent('a b@c')).headers.get('x-request-id');
    expect(made).toMatch(/^[0-9a-f-]{36}$/);
    const ids = await eventually(() =>
      requests().length === 2 ? requests().map((line) => line['correlationId']) : undefined,
    );
    expect(ids).toEqual(['order-66', made]);
    const [event] = await client.log('1');
    expect(event).toMatchObject({ metadata: { correlationId: 'order-66' } });
    expect((await fetch(`${client.url}/v1/%zz`)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('the log', () => {
  it('tells what was found wrong before the service listened, and that a signing key was made', async () => {
    writeFileSync(join(directory, 'ledger.db.seals'), 'no database at all'.repeat(500));
    const client = await start();
    await client.append(opened('adv-1', 'DE', 'EUR'));
    expect((await client.post('/v1/audit/checkpoints', {})).status).toBe(200);
    const told = log().flatMap(({ level, logger, message }) =>
      logger === 'seals' ? [`${String(level)}: ${String(message)}`] : [],
    );
    expect(told).toEqual([
      expect.stringMatching(/^warn: .*seals/),
      expect.stringMatching(
        /^warn: a signing key was made: .*ledger\.db\.key; its verifier key, .* promoledger\+\w+\+/,
      ),
    ]);
  });

  it('loses nothing that was said in the turn in which the process ends', () => {
    const logging = new URL('../../dist/src/observability/logging.js', import.meta.url);
    const script = `const { Log } = await import('${logging.href}');
      new Log({ level: 'info', format: 'text' }).log('the last word', 'x');
      process.exit(0);`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(stdout).toMatch(/the last word\n$/);
  });

  it('holds no secret and nothing personal, wherever a request puts it', async () => {
    const client = await start();
    const secret = 'Zq7Xw9secret';
    const email = `${secret}@example.com`;
    const headers = {
      authorization: `Bearer eyJhbGciOi.${secret}.sig`,
      cookie: `session=${secret}`,
      'user-agent': secret,
      referer: `http://example.com/?token=${secret}`,
      'x-request-id': email,
      'last-event-id': secret,
      'content-type': 'application/json',
    };
    const everywhere: readonly [string, string, string?][] = [
      ['GET', `/v1/accounts/${secret}/DE/balance?token=${secret}`],
      ['GET', `/v1/accounts?advertiserId=${secret}&cursor=${secret}`],
      ['GET', `/v1/events/live?after=${secret}`],
      ['GET', `/${secret}?email=${email}`],
      ['GET', `/v1/%zz${secret}`],
      ['POST', '/v1/commands', `{"type":"${secret}","data":{"email":"${email}"}}`],
      ['POST', '/v1/commands', `{"broken": ${secret}`],
      ['POST', '/v1/commands', JSON.stringify(opened(secret, 'DE', 'EUR'))],
      ['POST', '/v1/commands', JSON.stringify(granted(secret, secret, 'DE', 'SP', '1.00'))],
      ['POST', `/v1/promotions/${secret}/disbursements/${secret}`, '{}'],
      ['POST', '/v1/expiry-runs', `{"asOf":"${secret}"}`],
      ['DELETE', `/v1/accounts/${secret}/DE/balance`],
    ];
    for (const [method, path, body] of everywhere) {
      const response = await fetch(client.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
      await response.arrayBuffer();
    }
    app!.get(ReadModels).runner.fail(new Error(`no account ${secret} DE was opened`));
    await client.get(`/v1/accounts/${secret}/DE/balance?minPosition=1`);
    await eventually(() => (requests().length >= everywhere.length - 1 ? true : undefined));
    expect(lines.join('\n')).not.toContain(secret);
    expect(new Set(requests().map(({ route }) => route))).toContain('/v1/accounts/:advertiserId/:marketplace/balance');
    expect(requests()[0]).toMatchObject({
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: 'info',
      logger: 'http',
      method: 'GET',
      status: 400,
      durationMs: expect.any(Number),
      actor: expect.stringMatching(/^[0-9a-f]{12}$/),
    });
  });
});

describe('traces', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
  const send = (client: Client, command: unknown) =>
    fetch(`${client.url}/v1/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent },
      body: JSON.stringify(command),
    });

  it('lead from the caller to the request, the decision, the append and the projection', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const client = await start({}, { tracer: provider.getTracer('test') });
    expect((await send(client, opened('adv-secret', 'DE', 'EUR'))).status).toBe(201);
    const spans = await eventually(() => {
      const finished = exporter.getFinishedSpans();
      return finished.length === 4 ? finished : undefined;
    });
    const of = (name: string) => spans.find((span) => span.name === name)!;
    const [request, decide, append, project] = ['POST /v1/commands', 'decide account', 'append account', 'project'].map(
      of,
    );
    expect(spans.map((span) => span.spanContext().traceId)).toEqual([TRACE, TRACE, TRACE, TRACE]);
    expect(request!.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
    expect(decide!.parentSpanContext?.spanId).toBe(request!.spanContext().spanId);
    expect(append!.parentSpanContext?.spanId).toBe(decide!.spanContext().spanId);
    expect(project!.parentSpanContext?.spanId).toBe(append!.spanContext().spanId);
    expect(append!.attributes).toMatchObject({ 'promoledger.events': 1, 'promoledger.position': '1' });
    expect(request!.attributes).toMatchObject({ 'http.route': '/v1/commands', 'http.response.status_code': 201 });
    expect(JSON.stringify(spans.map(({ name, attributes }) => ({ name, attributes })))).not.toContain('adv-secret');
  });

  it('go to an OTLP collector when one is named', async () => {
    const bodies: string[] = [];
    const collector: Server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => bodies.push(`${request.url} ${chunk}`));
      request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = collector.address() as AddressInfo;
      const client = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/` });
      await send(client, opened('adv-1', 'DE', 'EUR'));
      await eventually(() => requests()[0]);
      await app!.get(ReadModels).caughtUp();
      await app!.close();
      app = undefined;
      const told = bodies.join('\n');
      expect(told).toContain('/v1/traces ');
      for (const name of ['POST /v1/commands', 'decide account', 'append account', 'project', TRACE, 'promoledger']) {
        expect(told).toContain(name);
      }
    } finally {
      collector.close();
      collector.closeAllConnections();
    }
  });

  it('are dropped, and that is told once, when the collector does not take them', async () => {
    const collector = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(400).end());
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = collector.address() as AddressInfo;
      const client = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
      expect((await send(client, opened('adv-1', 'DE', 'EUR'))).status).toBe(201);
      await eventually(() => requests()[0]);
      await app!.close();
      app = undefined;
      const told = log().filter(({ logger }) => logger === 'traces');
      expect(told).toMatchObject([{ level: 'warn', message: expect.stringContaining('dropped') }]);
    } finally {
      collector.close();
      collector.closeAllConnections();
    }
  });

  it('are not made when no collector is named', async () => {
    const client = await start();
    expect((await send(client, opened('adv-1', 'DE', 'EUR'))).status).toBe(201);
    const observability = app!.get(Observability);
    expect([observability.tracing, observability.commands.context()]).toEqual([undefined, undefined]);
  });
});
