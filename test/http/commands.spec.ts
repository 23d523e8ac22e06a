import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { StoreUnavailableError } from '../../src/event-store/event-store.js';
import { appOf, Fakes } from './fakes.js';

let fakes: Fakes;
let app: NestFastifyApplication;
beforeAll(async () => {
  fakes = new Fakes();
  app = await appOf(fakes);
});
afterAll(() => app.close());
beforeEach(() => {
  fakes.take = () => ({});
  fakes.calls.length = 0;
});

const JSON_TYPE = { 'content-type': 'application/json' };
const post = (url: string, payload: string | Buffer | undefined, headers: Record<string, string> = JSON_TYPE) =>
  app.inject({ method: 'POST', url, headers, ...(payload === undefined ? {} : { payload }) });
const COMMAND = '{"type":"T","data":{}}';

describe('POST /v1/commands', () => {
  it('one: 201 appended, with the item and no index', async () => {
    const response = await post('/v1/commands', COMMAND);
    expect(response.statusCode).toBe(201);
    expect(Object.keys(response.json())).toEqual(['type', 'key', 'status', 'stream', 'revision', 'position', 'event']);
  });

  it('one: 200 duplicate', async () => {
    fakes.take = () => ({ status: 'duplicate' });
    const response = await post('/v1/commands', COMMAND);
    expect([response.statusCode, response.json()]).toMatchObject([
      200,
      { status: 'duplicate', position: expect.any(String) },
    ]);
  });

  it('one rejected: the problem', async () => {
    const errors = [{ path: '/data/cost', message: 'is required' }];
    fakes.take = () => ({ status: 'rejected', error: { code: 'invalid-command', detail: 'No.', errors } });
    const response = await post('/v1/commands', COMMAND);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect([response.statusCode, response.json()]).toEqual([
      400,
      {
        type: 'urn:promoledger:problem:invalid-command',
        title: 'The request is not valid',
        status: 400,
        detail: 'No.',
        code: 'invalid-command',
        errors,
      },
    ]);
  });

  it.each([
    ['conflicting-duplicate', 409],
    ['unknown-account', 404],
    ['currency-mismatch', 422],
    ['a-rule-of-tomorrow', 422],
  ])('one rejected as %s: %i', async (code, status) => {
    fakes.take = () => ({ status: 'rejected', error: { code, detail: 'No.' } });
    const response = await post('/v1/commands', COMMAND);
    expect([response.statusCode, response.json()]).toMatchObject([status, { code, status }]);
  });

  it('an array: 200, each item standing alone, in the order sent', async () => {
    fakes.take = (command) =>
      command === 7 ? { status: 'rejected', error: { code: 'invalid-command', detail: 'No.' } } : {};
    const response = await post('/v1/commands', `[${COMMAND},7,${COMMAND}]`);
    expect([response.statusCode, response.json()]).toMatchObject([
      200,
      {
        results: [
          { index: 0, status: 'appended' },
          { index: 1, status: 'rejected', error: { code: 'invalid-command' } },
          { index: 2, status: 'appended' },
        ],
      },
    ]);
  });

  it('an array of 500 is taken, one of 501 is too large', async () => {
    const array = (length: number) => JSON.stringify(new Array(length).fill({}));
    expect((await post('/v1/commands', array(500))).json<{ results: object[] }>().results).toHaveLength(500);
    const refused = await post('/v1/commands', array(501));
    expect([refused.statusCode, refused.json()]).toMatchObject([413, { code: 'batch-too-large' }]);
    expect(fakes.calls).toEqual([['submit', 500]]);
  });

  it.each<[body: string | Buffer | undefined, status: number, code: string]>([
    ['[]', 400, 'invalid-command'],
    ['null', 400, 'invalid-command'],
    ['5', 400, 'invalid-command'],
    ['"text"', 400, 'invalid-command'],
    ['{', 400, 'malformed-json'],
    ['', 400, 'malformed-json'],
    [undefined, 400, 'malformed-json'],
    [Buffer.from([0x22, 0xff, 0x22]), 400, 'malformed-json'],
    ['LONG', 413, 'batch-too-large'],
  ])('the body %j is refused with %i %s', async (body, status, code) => {
    const payload = body === 'LONG' ? `"${'x'.repeat(4 * 1024 * 1024)}"` : body;
    const response = await post('/v1/commands', payload);
    expect([response.statusCode, response.json()]).toMatchObject([status, { code }]);
    expect(fakes.calls).toEqual([]);
  });

  it.each([
    ['/v1/commands', 'text/plain'],
    ['/v1/commands', 'application/x-www-form-urlencoded'],
    ['/v1/commands', 'application/x-ndjson'],
    ['/v1/commands', 'nonsense'],
    ['/v1/import', 'application/json'],
    ['/v1/import', 'text/csv'],
    ['/v1/expiry-runs', 'application/x-ndjson'],
  ])('%s does not take %s', async (url, type) => {
    const response = await post(url, COMMAND, { 'content-type': type });
    expect([response.statusCode, response.json()]).toMatchObject([415, { code: 'unsupported-media-type' }]);
  });

  it('takes JSON with a charset, and keys that poison a prototype as plain keys', async () => {
    let seen: unknown;
    fakes.take = (command) => ((seen = command), {});
    await post('/v1/commands', '{"__proto__":{"x":1}}', { 'content-type': 'application/json; charset=utf-8' });
    expect(Object.keys(seen as object)).toEqual(['__proto__']);
  });

  it('says when the store is away, and nothing more', async () => {
    fakes.take = () => {
      throw new StoreUnavailableError('ENOSPC /var/lib/secret');
    };
    const response = await post('/v1/commands', COMMAND);
    expect([response.statusCode, response.json()]).toMatchObject([503, { code: 'store-unavailable' }]);
    expect(response.body).not.toContain('secret');
  });

  it('refuses a query', async () => {
    const response = await post('/v1/commands?dry=true', COMMAND);
    expect([response.statusCode, response.json()]).toMatchObject([400, { errors: [{ path: '/dry' }] }]);
  });
});

describe('POST /v1/import', () => {
  const NDJSON = { 'content-type': 'application/x-ndjson' };
  const lines = (body: string): unknown[] =>
    body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);

  it('answers with what was not appended, then the summary', async () => {
    fakes.take = (command) => {
      if (command === 2) return { status: 'duplicate', position: '7' };
      return command === 3
        ? { status: 'rejected', error: { code: 'unknown-account', detail: 'No.' } }
        : { position: '5' };
    };
    const response = await post('/v1/import', '1\n\n  \n2\r\n{\n3\n1', NDJSON);
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    expect(lines(response.body)).toMatchObject([
      { line: 4, type: 'T', key: 'k', status: 'duplicate', position: '7' },
      { line: 5, type: null, key: null, status: 'rejected', error: { code: 'malformed-json' } },
      { line: 6, status: 'rejected', error: { code: 'unknown-account' } },
      { summary: { read: 5, appended: 2, duplicate: 1, rejected: 2, lastPosition: '7' } },
    ]);
  });

  it('of nothing is a summary of nothing', async () => {
    expect(lines((await post('/v1/import', '', NDJSON)).body)).toEqual([
      { summary: { read: 0, appended: 0, duplicate: 0, rejected: 0, lastPosition: null } },
    ]);
  });

  it('is a problem when the store is away before the first line of the answer', async () => {
    fakes.take = () => {
      throw new StoreUnavailableError('away');
    };
    const response = await post('/v1/import', '1\n', NDJSON);
    expect([response.statusCode, response.json()]).toMatchObject([503, { code: 'store-unavailable' }]);
    expect(response.headers['content-type']).toBe('application/problem+json');
  });

  it('ends with the error, and no summary, when the store goes away later', async () => {
    fakes.take = (command) => {
      if (command === 1) return { status: 'duplicate' };
      throw new StoreUnavailableError('away');
    };
    const body = `1\n${'\n'.repeat(100)}`;
    const source = async function* () {
      yield Buffer.from(body);
      yield Buffer.from('2\n');
    };
    const response = await app.inject({
      method: 'POST',
      url: '/v1/import',
      headers: NDJSON,
      payload: Readable.from(source()),
    });
    expect(lines(response.body)).toMatchObject([
      { line: 1, status: 'duplicate' },
      { error: { code: 'store-unavailable' } },
    ]);
  });
});
