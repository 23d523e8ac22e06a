import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AnySchemaObject, Ajv2020 } from 'ajv/dist/2020.js';
import { createClient } from '../../client/client/index.js';
import * as ledger from '../../client/index.js';
import { history } from '../support/bad-commands.js';
import { PROMOTION_ID } from '../support/history.js';
import { type Service, startService } from '../support/server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the generated client', () => {
  let service: Service;
  let answers: { operation: string; status: number; text: string }[];
  let client: ReturnType<typeof createClient>;

  beforeAll(async () => {
    service = await startService({ clock: '2022-12-15T00:00:00Z' });
    answers = [];
    client = createClient({
      baseUrl: service.client.url,
      fetch: async (request) => {
        const response = await fetch(request);
        const { method, url } = request as Request;
        const isJson = /^application\/([a-z]+\+)?json/.test(response.headers.get('content-type') ?? '');
        if (isJson) {
          const text = await response.clone().text();
          answers.push({ operation: `${method} ${new URL(url).pathname}`, status: response.status, text });
        }
        return response;
      },
    });
  });
  afterAll(() => service.stop());

  const ACCOUNT = { advertiserId: 'adv-1', marketplace: 'DE' };

  it('records commands, one and several', async () => {
    const [first, ...others] = history as unknown as ledger.Command[];
    const one = await ledger.recordCommands({ client, body: first! });
    expect([one.response?.status, one.data]).toMatchObject([201, { status: 'appended', position: '1' }]);
    const again = await ledger.recordCommands({ client, body: first! });
    expect([again.response?.status, again.data]).toMatchObject([200, { status: 'duplicate' }]);
    const several = await ledger.recordCommands({ client, body: others });
    if (!several.data || !('results' in several.data)) throw new Error('an array is answered with results');
    expect(several.data.results.map(({ status }) => status)).toEqual(others.map(() => 'appended'));
  });

  it('imports lines', async () => {
    const body = history.map((command) => JSON.stringify(command)).join('\n');
    const { data, response } = await ledger.importCommands({ client, body, bodySerializer: null, parseAs: 'text' });
    expect(response?.status).toBe(200);
    const lines = data!.trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ summary: { read: history.length, duplicate: history.length } });
  });

  it('tells of a refusal as a problem, with its type', async () => {
    const { data, error } = await ledger.getBalance({ client, path: { ...ACCOUNT, advertiserId: 'nobody' } });
    expect(data).toBeUndefined();
    expect(error?.code).toBe('unknown-account');
    const bad = await ledger.listAccounts({ client, query: { limit: 0 } });
    expect(bad.error?.errors).toEqual([{ path: '/limit', message: expect.any(String) }]);
  });

  it('asks all questions', async () => {
    const knownAt = 'position:15';
    const accounts = await ledger.listAccounts({ client, query: { marketplace: 'DE', minPosition: '16' } });
    expect(accounts.data?.items.map(({ advertiserId }) => advertiserId)).toEqual(['adv-1']);
    const balance = await ledger.getBalance({
      client,
      path: ACCOUNT,
      query: { asOf: '2022-10-12T00:00:00Z', knownAt },
    });
    expect(balance.data?.credits.map(({ creditId, status }) => [creditId, status])).toEqual([
      ['grant-1', 'active'],
      ['grant-2', 'active'],
    ]);
    const statement = await ledger.getStatement({ client, path: ACCOUNT });
    expect(statement.data?.items.map(({ kind }) => kind)).toContain('click');
    const click = await ledger.getClick({ client, path: { ...ACCOUNT, clickId: 'k-1' } });
    expect(click.data?.credits.length).toBe(2);
    const qualification = await ledger.getQualification({
      client,
      path: ACCOUNT,
      query: { promotionId: PROMOTION_ID },
    });
    expect(qualification.data?.items.map(({ product }) => product)).toContain('SP');
    const promotions = await ledger.listPromotions({ client });
    expect(promotions.data?.items).toHaveLength(2);
    const promotion = await ledger.getPromotion({ client, path: { promotionId: PROMOTION_ID } });
    const terms = promotion.data?.terms;
    expect(terms).toBeDefined();
    const preview = await ledger.previewPromotion({ client, body: { terms: terms! } });
    expect(preview.response?.status).toBe(200);
    const query = { from: 'USD', to: 'EUR', amount: '200.00', asOf: '2022-10-04T07:00:00Z' };
    expect((await ledger.convertAmount({ client, query })).data?.amount).toBe('204.83');
    const events = await ledger.listEvents({ client, query: { limit: 5 } });
    expect(events.data?.items.map(({ position }) => position)).toEqual(['1', '2', '3', '4', '5']);
    expect((await ledger.getTermsSchema({ client })).data).toHaveProperty('$schema');
    expect((await ledger.getLiveness({ client })).data?.status).toBe('live');
    expect((await ledger.getReadiness({ client })).data?.status).toBe('ready');
  });

  it('performs runs', async () => {
    const runs = await ledger.listDisbursements({ client, path: { promotionId: PROMOTION_ID } });
    expect(runs.data?.items[0]).toMatchObject({ date: '2022-10-04', state: 'due' });
    const path = { promotionId: PROMOTION_ID, date: '2022-10-04' };
    const run = await ledger.performDisbursement({ client, path, body: {} });
    expect(run.data?.state).toBe('completed');
    const early = await ledger.performDisbursement({ client, path: { ...path, date: '2023-01-03' }, body: {} });
    expect(early.error?.code).toBe('run-not-due');
    const expiry = await ledger.performExpiryRun({ client, body: {} });
    expect(expiry.data?.expired).toBe(2);
  });

  it('follows the log', async () => {
    const gone = new AbortController();
    const { stream } = await ledger.followEvents({ client, query: { after: '3' }, signal: gone.signal });
    const seen: unknown[] = [];
    for await (const event of stream) {
      seen.push(event);
      if (seen.length === 2) break;
    }
    gone.abort();
    expect(seen).toMatchObject([{ position: '4' }, { position: '5' }]);
  });

  it('was answered what the document says', async () => {
    interface Documented {
      responses: Record<string, { content?: Record<string, { schema: AnySchemaObject }> }>;
    }
    const { body } = await service.client.get<{
      paths: Record<string, Record<string, Documented>>;
      components: { schemas: object };
    }>('/openapi.json');
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    const located = (value: unknown): AnySchemaObject =>
      JSON.parse(JSON.stringify(value).replaceAll('"#/components/schemas/', '"#/$defs/')) as AnySchemaObject;
    const $defs = located(body.components.schemas);
    const documentedAt = (operation: string): Documented => {
      const [method, path] = operation.split(' ') as [string, string];
      const fitting = Object.keys(body.paths)
        .filter((template) => new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path))
        .sort((a, b) => a.split('{').length - b.split('{').length);
      return body.paths[fitting[0]!]![method.toLowerCase()]!;
    };
    expect(answers.length).toBeGreaterThan(20);
    const faults = answers.flatMap(({ operation, status, text }) => {
      const [media] = Object.values(documentedAt(operation).responses[status]?.content ?? {});
      if (!media) return [`${operation} ${status} is not documented`];
      const validate = ajv.compile({ ...located(media.schema), $defs });
      return validate(JSON.parse(text)) ? [] : [`${operation} ${status}: ${ajv.errorsText(validate.errors)}`];
    });
    expect(faults).toEqual([]);
  });
});

describe('the folder client/', () => {
  const folder = mkdtempSync(join(tmpdir(), 'promoledger-client-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const filesOf = (root: string) =>
    Object.fromEntries(
      globSync('**/*.ts', { cwd: root }).map((name) => [name, readFileSync(join(root, name), 'utf8')]),
    );

  it('is what the served document makes; otherwise run "npm run client"', () => {
    if (!existsSync(join(ROOT, 'dist/src/main.js'))) throw new Error('dist/ is missing: run "npm run build" first');
    const script = join(ROOT, 'scripts/client.ts');
    const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', script, folder], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const generated = filesOf(folder);
    expect(Object.keys(generated).length).toBeGreaterThan(10);
    expect(filesOf(join(ROOT, 'client'))).toEqual(generated);
  });
});
