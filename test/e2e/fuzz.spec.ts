import { createHash } from 'node:crypto';
import { Agent, request as send, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { SCOPES } from '../../src/http/scopes.js';
import { history } from '../support/bad-commands.js';
import { type ApiDocument, type FuzzRequest, requestsOf } from '../support/fuzz.js';
import { type Guarded, startGuarded } from '../support/guarded.js';
import { PROMOTION_ID } from '../support/history.js';

const REQUESTS = 10_000;
const CONNECTIONS = 16;
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Names that the ledger has, so that questions have answers. */
const KNOWN = {
  advertiserId: ['adv-1'],
  marketplace: ['DE', 'JP'],
  promotionId: [PROMOTION_ID, 'listed-partners'],
  clickId: ['k-1'],
  date: ['2022-10-04'],
  // None that may be closed: it is not over.
  period: ['2022-09'],
};

describe(`${REQUESTS} requests generated from the OpenAPI document (FUZZ_SEED=${seed})`, () => {
  let service: Guarded;
  let reader: string;
  let writer: string;
  let document: ApiDocument;
  let isCommand: ValidateFunction;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  beforeAll(async () => {
    // Before every run: none is due, and the expiry run has nothing to sweep.
    service = await startGuarded({ PROMOLEDGER_CLOCK: '2022-09-01T00:00:00Z' });
    const exp = Math.floor(Date.now() / 1000) + 3600;
    writer = await service.provider.token({ exp, scope: SCOPES.join(' ') });
    reader = await service.provider.token({ exp, scope: 'ledger:read audit:read' });
    const recorded = await service.call('POST', '/v1/commands', writer, history);
    expect(recorded.body['results']).toHaveLength(history.length);
    // Without news since then there is nothing to sign.
    expect(await service.call('POST', '/v1/audit/checkpoints', writer)).toMatchObject({ status: 200 });
    document = (await service.call('GET', '/openapi.json')).body as unknown as ApiDocument;
    const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
    const located = JSON.parse(
      JSON.stringify(document.components.schemas).replaceAll('#/components/schemas/', '#/$defs/'),
    ) as object;
    isCommand = ajv.compile({ $defs: located, $ref: '#/$defs/Command' });
  });
  afterAll(async () => {
    agent.destroy();
    await service.stop();
  });

  const logOf = async (): Promise<string> => {
    const hash = createHash('sha256');
    for (let after = '0'; ;) {
      const page = await service.call('GET', `/v1/events?after=${after}&limit=500`, writer);
      const items = page.body['items'] as { position: string }[];
      for (const item of items) hash.update(`${JSON.stringify(item)}\n`);
      if (items.length < 500) return hash.digest('hex');
      after = items.at(-1)!.position;
    }
  };

  /** What a writer sends may not be a command that could be taken: one that fits its schema is spoilt. */
  const harmless = (request: FuzzRequest): FuzzRequest => {
    if (request.body === undefined || !/^(record|import)/.test(request.operationId)) return request;
    const spoilt = (value: unknown): unknown => (isCommand(value) ? { ...(value as object), spoilt: true } : value);
    const respelt = (text: string): string => {
      const value = parsed(text);
      if (value === undefined) return text;
      const next = Array.isArray(value) ? value.map(spoilt) : spoilt(value);
      return JSON.stringify(next) === JSON.stringify(value) ? text : JSON.stringify(next);
    };
    const lines = request.body.toString('utf8').split('\n');
    // Bytes that are no UTF-8 stay as they are: what is not read is not taken.
    if (!Buffer.from(lines.join('\n')).equals(request.body)) return request;
    const text = request.operationId === 'recordCommands' ? respelt(lines.join('\n')) : lines.map(respelt).join('\n');
    return { ...request, body: Buffer.from(text) };
  };

  const fire = ({ method, path, headers, body }: FuzzRequest, token: string) =>
    new Promise<Answer>((resolve, reject) => {
      const outgoing = send(
        service.url,
        { agent, method, path, headers: { authorization: `Bearer ${token}`, ...lengthOf(body), ...headers } },
        (response) => {
          const done = (text: string) => resolve({ status: response.statusCode!, headers: response.headers, text });
          // A live feed has no end: that it has begun is its answer.
          if (response.headers['content-type'] === 'text/event-stream') {
            response.on('error', () => undefined);
            outgoing.destroy();
            return done('');
          }
          let text = '';
          response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
          response.on('end', () => done(text)).on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  it('get not one 5xx, tell nothing of the inside, and leave the log as it was', async () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => requestsOf(document, path, method, operation, KNOWN)),
    );
    const requests = fc.sample(fc.oneof(...operations), { numRuns: REQUESTS, seed });
    const before = await logOf();
    const statuses = new Map<number, number>();
    const faults: unknown[] = [];
    const asked = new Set<string>();
    let next = 0;
    const worker = async () => {
      for (let i = next++; i < requests.length; i = next++) {
        // Half come from a caller that may write but sends nothing that could be taken, half from one that may not.
        const request = i % 2 === 0 ? harmless(requests[i]!) : requests[i]!;
        const answer = await fire(request, i % 2 === 0 ? writer : reader).catch((error: unknown): Answer => ({
          status: 0,
          headers: {},
          text: String(error),
        }));
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        asked.add(request.operationId);
        const isFault =
          answer.status === 0 ||
          answer.status >= 500 ||
          answer.headers['x-injected'] !== undefined ||
          (answer.status >= 400 && request.method !== 'HEAD' && !isProblem(answer.text)) ||
          /node_modules|\bat \w+ \(|\.[jt]s:\d+|SQLITE/.test(answer.text);
        if (isFault)
          faults.push({
            ...request,
            path: request.path.slice(0, 300),
            body: request.body?.toString('utf8').slice(0, 300),
            answer: { ...answer, text: answer.text.slice(0, 300) },
          });
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
    console.log(
      `FUZZ_SEED=${seed}: ${[...statuses]
        .sort()
        .map(([status, count]) => `${count} × ${status}`)
        .join(', ')}`,
    );
    expect(faults.slice(0, 5)).toEqual([]);
    expect(asked.size).toBe(operations.length);
    expect(await logOf()).toBe(before);
    // Questions were answered and writers were heard out: not all was turned away at the door.
    for (const status of [200, 400, 403, 404]) expect(statuses.get(status)).toBeGreaterThan(100);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

/** Said with every body: a client of Node sends that of a HEAD or a DELETE without saying how long it is. */
const lengthOf = (body: Buffer | undefined) => (body === undefined ? {} : { 'content-length': String(body.length) });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}

const isProblem = (text: string): boolean => {
  const problem = parsed(text) as Record<string, unknown> | null | undefined;
  return typeof problem?.['code'] === 'string' && typeof problem['detail'] === 'string';
};
