import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { badCommands, badTerms, history } from '../support/bad-commands.js';
import type { Answer, CommandResult, ImportSummary, Problem } from '../support/client.js';
import { PROMOTION_ID, TERMS } from '../support/history.js';
import { type Service, startService } from '../support/server.js';

const VALID = history[0];
const BALANCE = '/v1/accounts/adv-1/DE/balance';
const QUALIFICATION = '/v1/accounts/adv-1/DE/qualification';
const RUNS = `/v1/promotions/${PROMOTION_ID}/disbursements`;

/** Questions and requests: method, path, status, code, the query parameter or field at fault, body. */
type BadRequest = readonly [string, string, number, string, (string | undefined)?, unknown?];
const badRequests: readonly BadRequest[] = [
  ['GET', `${BALANCE}?asOf=yesterday`, 400, 'invalid-command', 'asOf'],
  ['GET', `${BALANCE}?asOf=2022-10-10`, 400, 'invalid-command', 'asOf'],
  ['GET', `${BALANCE}?asOf=2022-10-10T08:00:00`, 400, 'invalid-command', 'asOf'],
  ['GET', `${BALANCE}?asOf=2022-12-31T23:59:60Z`, 400, 'invalid-command', 'asOf'],
  ['GET', `${BALANCE}?asOf=`, 400, 'invalid-command', 'asOf'],
  ['GET', `${BALANCE}?asOf=2022-10-10T08:00:00Z&asOf=2022-10-11T08:00:00Z`, 400, 'invalid-command', 'asOf'],
  ['GET', `${BALANCE}?knownAt=position:-1`, 400, 'invalid-command', 'knownAt'],
  ['GET', `${BALANCE}?knownAt=position:`, 400, 'invalid-command', 'knownAt'],
  ['GET', `${BALANCE}?knownAt=position:1.5`, 400, 'invalid-command', 'knownAt'],
  ['GET', `${BALANCE}?knownAt=5`, 400, 'invalid-command', 'knownAt'],
  ['GET', `${BALANCE}?minPosition=abc`, 400, 'invalid-command', 'minPosition'],
  ['GET', `${BALANCE}?minPosition=-1`, 400, 'invalid-command', 'minPosition'],
  ['GET', `${BALANCE}?minPosition=3&knownAt=position:2`, 400, 'invalid-command', 'minPosition'],
  ['GET', `${BALANCE}?colour=red`, 400, 'invalid-command', 'colour'],
  ['GET', '/v1/accounts/nobody/DE/balance', 404, 'unknown-account'],
  ['GET', '/v1/accounts/adv-1/FR/balance', 404, 'unknown-account'],
  ['GET', `${BALANCE}?knownAt=position:1`, 404, 'unknown-account'],
  ['GET', '/v1/accounts/adv-1/DE/statement?from=monday', 400, 'invalid-command', 'from'],
  ['GET', '/v1/accounts/adv-1/DE/statement?to=2022-10-10T24:00:00Z', 400, 'invalid-command', 'to'],
  ['GET', '/v1/accounts/adv-1/DE/statement?limit=0', 400, 'invalid-command', 'limit'],
  ['GET', '/v1/accounts/adv-1/DE/statement?cursor=!', 400, 'invalid-command', 'cursor'],
  ['GET', '/v1/accounts/adv-1/DE/clicks/k-none', 404, 'unknown-click'],
  ['GET', '/v1/accounts/adv-1/DE/clicks/k-1?asOf=2022-10-10T07:59:59Z', 404, 'unknown-click'],
  ['GET', '/v1/accounts/nobody/DE/clicks/k-1', 404, 'unknown-account'],
  ['GET', QUALIFICATION, 400, 'invalid-command', 'promotionId'],
  ['GET', `${QUALIFICATION}?promotionId=nothing`, 404, 'unknown-promotion'],
  ['GET', `${QUALIFICATION}?promotionId=a&promotionId=b`, 400, 'invalid-command', 'promotionId'],
  ['GET', '/v1/accounts?limit=ten', 400, 'invalid-command', 'limit'],
  ['GET', '/v1/accounts?limit=1e1', 400, 'invalid-command', 'limit'],
  ['GET', '/v1/accounts?cursor=%00', 400, 'invalid-command', 'cursor'],
  ['GET', '/v1/accounts?marketplace=de', 400, 'invalid-command', 'marketplace'],
  ['GET', '/v1/promotions/nothing', 404, 'unknown-promotion'],
  ['GET', '/v1/promotions/nothing/disbursements', 404, 'unknown-promotion'],
  ['GET', '/v1/convert?to=EUR&amount=1.00', 400, 'invalid-command', 'from'],
  ['GET', '/v1/convert?from=USD&to=EUX&amount=1.00', 400, 'invalid-command', 'to'],
  ['GET', '/v1/convert?from=USD&to=EUR&amount=-1', 400, 'invalid-command', 'amount'],
  ['GET', '/v1/convert?from=USD&to=EUR&amount=0.00', 400, 'invalid-command', 'amount'],
  ['GET', '/v1/convert?from=JPY&to=USD&amount=10.5', 400, 'precision', 'amount'],
  ['GET', '/v1/convert?from=USD&to=AED&amount=1.00&asOf=2022-10-04T07:00:00Z', 422, 'no-fx-rate'],
  ['GET', '/v1/convert?from=USD&to=EUR&amount=1.00&asOf=2022-10-11T00:00:00Z', 422, 'stale-fx-rate'],
  ['GET', '/v1/convert?from=USD&to=EUR&amount=1.00&promotionId=nothing', 404, 'unknown-promotion'],
  ['GET', '/v1/events?limit=0', 400, 'invalid-command', 'limit'],
  ['GET', '/v1/events?limit=501', 400, 'invalid-command', 'limit'],
  ['GET', '/v1/events?after=first', 400, 'invalid-command', 'after'],
  ['GET', '/v1/events?asOf=2022-10-10T08:00:00Z', 400, 'invalid-command', 'asOf'],
  ['GET', '/v1/nowhere', 404, 'not-found'],
  ['DELETE', '/v1/commands', 404, 'not-found'],
  ['POST', `${RUNS}/2023-01-03`, 422, 'run-not-due'],
  ['POST', `${RUNS}/2023-01-04`, 404, 'unknown-run'],
  ['POST', `${RUNS}/tomorrow`, 404, 'unknown-run'],
  ['POST', `${RUNS}/2022-10-05`, 404, 'unknown-run'],
  ['POST', `${RUNS}/2022-11-01`, 409, 'run-out-of-order'],
  ['POST', '/v1/promotions/nothing/disbursements/2022-10-04', 404, 'unknown-promotion'],
  ['POST', '/v1/expiry-runs', 400, 'invalid-command', 'asOf', { asOf: '2022-12-15T00:00:00.001Z' }],
  ['POST', '/v1/expiry-runs', 400, 'invalid-command', 'asOf', { asOf: 5 }],
  ['POST', '/v1/expiry-runs', 400, 'invalid-command', 'dryRun', { dryRun: true }],
  ['POST', '/v1/commands', 400, 'invalid-command', undefined, []],
  ['POST', '/v1/commands', 413, 'batch-too-large', undefined, Array.from({ length: 501 }, () => VALID)],
];

/** Bodies that never become a command: text, content type, status, code. */
const badBodies: readonly (readonly [string, string, string | undefined, number, string])[] = [
  ['half a JSON', '{"type":"ClickSpent"', 'application/json', 400, 'malformed-json'],
  ['no JSON', 'type=ClickSpent', 'application/json', 400, 'malformed-json'],
  ['nothing', '', 'application/json', 400, 'malformed-json'],
  ['two values', '{} {}', 'application/json', 400, 'malformed-json'],
  ['a form', 'type=ClickSpent', 'application/x-www-form-urlencoded', 415, 'unsupported-media-type'],
  ['plain text', JSON.stringify(VALID), 'text/plain', 415, 'unsupported-media-type'],
  ['XML', '<ClickSpent/>', 'application/xml', 415, 'unsupported-media-type'],
  ['8 MiB', JSON.stringify('x'.repeat(8 * 1024 * 1024)), 'application/json', 413, 'batch-too-large'],
];

const pathsOf = (errors: Problem['errors']): string[] => (errors ?? []).map(({ path }) => path).sort();

/** Status, code, and what every problem document has; nothing in it tells of the inside. */
function expectProblem(answer: Answer<Problem>, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({
    status,
    code,
    type: expect.any(String),
    title: expect.any(String),
    detail: expect.any(String),
  });
  expect(answer.contentType).toMatch(/^application\/problem\+json/);
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.[jt]s:\d|\bat \w+ \(|SQLITE/);
}

describe('bad input', () => {
  let service: Service;
  let lastPosition: string | undefined;

  beforeAll(async () => {
    service = await startService({ clock: '2022-12-15T00:00:00Z' });
    for (const command of history) lastPosition = await service.client.append(command);
  });

  afterAll(() => service.stop());

  describe('commands', () => {
    it.each(badCommands)('$name → $status $code', async ({ body, status, code, paths }) => {
      const answer = await service.client.post<Problem>('/v1/commands', body);
      expectProblem(answer, status, code);
      if (paths) expect(pathsOf(answer.body.errors)).toEqual([...paths].sort());
    });

    it('in a list are refused one by one, with paths of their own', async () => {
      const answer = await service.client.post<{ results: CommandResult[] }>(
        '/v1/commands',
        badCommands.map(({ body }) => body),
      );
      expect(answer.status).toBe(200);
      expect(answer.body.results.map(({ index, status, position }) => ({ index, status, position }))).toEqual(
        badCommands.map((_, index) => ({ index, status: 'rejected', position: null })),
      );
      expect(answer.body.results.map(({ error }, i) => [badCommands[i]?.name, error?.code])).toEqual(
        badCommands.map(({ name, code }) => [name, code]),
      );
      for (const [i, { paths, name }] of badCommands.entries()) {
        if (paths) expect([name, pathsOf(answer.body.results[i]?.error?.errors)]).toEqual([name, [...paths].sort()]);
      }
    });

    it.each(badTerms)('terms with $name', async ({ change, at }) => {
      const body = { type: 'PromotionPublished', data: { promotionId: 'p-new', terms: { ...TERMS, ...change } } };
      const answer = await service.client.post<Problem>('/v1/commands', body);
      expectProblem(answer, 400, 'invalid-command');
      const paths = pathsOf(answer.body.errors);
      for (const each of at) expect(paths).toContainEqual(expect.stringMatching(`^/data/terms${each}`));
      expect(paths.filter((path) => !path.startsWith('/data/terms/'))).toEqual([]);
    });

    it('take a field named __proto__ for an unknown one', async () => {
      const body =
        '{"type":"CampaignEnded","data":{"campaignId":"c-1","occurredAt":"2022-10-10T08:00:00Z","__proto__":{}}}';
      const answer = await service.client.send<Problem>('POST', '/v1/commands', body, 'application/json');
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid-command']);
    });
  });

  it.each(badRequests.map((row) => ({ asked: row.slice(0, 4).join(' '), row })))('$asked', async ({ row }) => {
    const [method, path, status, code, field, body] = row;
    const answer = await (body === undefined
      ? service.client.send<Problem>(method, path)
      : service.client.post<Problem>(path, body));
    expectProblem(answer, status, code);
    if (field !== undefined) expect(pathsOf(answer.body.errors)).toEqual([`/${field}`]);
  });

  it.each(badBodies)('a body of %s', async (_, body, contentType, status, code) => {
    expectProblem(await service.client.send<Problem>('POST', '/v1/commands', body, contentType), status, code);
  });

  it('a position that is not reached within 5 s → 503 not-caught-up', async () => {
    expectProblem(await service.client.get(`${BALANCE}?minPosition=999999999`), 503, 'not-caught-up');
  });

  it('an import goes on after each bad line, and counts it', async () => {
    const lines = ['{"type":', '[]', ...badCommands.map(({ body }) => JSON.stringify(body))];
    const response = await fetch(`${service.client.url}/v1/import`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: `${lines.join('\n')}\n`,
    });
    const answers = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(answers).toHaveLength(lines.length + 1);
    expect(answers[0]).toMatchObject({ status: 'rejected', error: { code: 'malformed-json' } });
    expect(answers[1]).toMatchObject({ status: 'rejected', error: { code: 'invalid-command' } });
    const summary = {
      read: lines.length,
      appended: 0,
      duplicate: 0,
      rejected: lines.length,
    } satisfies Partial<ImportSummary>;
    expect(answers.at(-1)).toMatchObject({ summary });
  });

  it('has left the log as it was', async () => {
    const log = await service.client.log(lastPosition);
    expect(log).toHaveLength(history.length);
    expect(log.at(-1)?.position).toBe(lastPosition);
  });
});
