import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHttpApp } from '../../src/main.js';
import { loadSettings } from '../../src/settings.js';
import { Client, type Problem } from '../support/client.js';
import * as history from '../support/history.js';

const CLOCK = '2022-12-15T00:00:00Z';
const launcher = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));

const click = (clickId: string, amount: string, occurredAt: string) => ({
  type: 'ClickSpent',
  data: {
    advertiserId: 'adv-1',
    marketplace: 'DE',
    clickId,
    campaignId: 'k',
    product: 'SP',
    cost: { amount, currency: 'EUR' },
    occurredAt,
  },
});

/** Whoever qualified on 19 September is billed 10.00 until the run of 4 October, and 4.83 are drawn after it. */
const BEFORE_THE_RUN = [
  history.published(),
  history.rate('EUR', 'USD', '0.9764'),
  history.opened('adv-1', 'DE', 'EUR'),
  history.payable('adv-1', 'DE'),
  history.invited('adv-1'),
  ...history.qualifyingCampaign('adv-1', 'DE', 'SP'),
  click('gap', '10.00', '2022-09-25T00:00:00Z'),
];
const AFTER_THE_RUN = [click('drawn', '4.83', '2022-10-10T00:00:00Z')];
const LATE = [click('late', '1.00', '2022-10-20T00:00:00Z')];

const BALANCE = '/v1/accounts/adv-1/DE/balance?asOf=2022-10-31T00:00:00Z';
interface Page<Item> {
  readonly items: readonly Item[];
  readonly position: string;
}
interface Balance {
  readonly available: string;
  readonly billed: string;
}

describe('what was known when', () => {
  let folder: string;
  let ledger: string;
  /** The position before the late fact. */
  let then: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
    ledger = join(folder, 'ledger.db');
    await serving(ledger, {}, async (client) => {
      for (const command of BEFORE_THE_RUN) await client.append(command);
      await client.post(`/v1/promotions/${history.PROMOTION_ID}/disbursements/2022-10-04`, {});
      for (const command of AFTER_THE_RUN) then = await client.append(command);
      for (const command of LATE) await client.append(command);
    });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function serving<T>(
    path: string,
    env: Record<string, string>,
    use: (client: Client) => Promise<T>,
  ): Promise<T> {
    const settings = {
      PROMOLEDGER_STORE: `sqlite:${path}`,
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_CLOCK: CLOCK,
      ...env,
    };
    const app = await createHttpApp(loadSettings(settings));
    try {
      await app.listen(0, '127.0.0.1');
      const { port } = app.getHttpServer().address() as AddressInfo;
      return await use(new Client(`http://127.0.0.1:${port}`));
    } finally {
      await app.close();
    }
  }

  function promoledger(path: string, ...args: string[]) {
    const env = { PATH: process.env['PATH'], PROMOLEDGER_STORE: `sqlite:${path}`, PROMOLEDGER_CLOCK: CLOCK };
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', launcher, ...args], {
      env,
      encoding: 'utf8',
    });
    return { status, lines: stdout.split('\n').filter((line) => line !== ''), stderr };
  }
  const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

  it('is rebuilt into a file of its own, which is served and not written to', async () => {
    const rebuilt = join(folder, 'then.db');
    const replayed = promoledger(ledger, 'replay', '--until', `position:${then}`, '--into', rebuilt, '--json');
    expect([replayed.status, parsed(replayed.lines)]).toEqual([
      0,
      [expect.objectContaining({ head: then, held: 0, equal: true, hasGrown: false })],
    ]);
    const asKnown = await serving(ledger, {}, async (client) => {
      const { body } = await client.get<Balance & Page<object>>(`${BALANCE}&knownAt=position:${then}`);
      return { ...body, knownAt: null };
    });
    expect(asKnown).toMatchObject({ available: '200.00', billed: '10.00', position: then });

    const before = readFileSync(rebuilt);
    await serving(rebuilt, { PROMOLEDGER_READ_ONLY: 'on' }, async (client) => {
      expect((await client.get('/health/ready')).status).toBe(200);
      expect((await client.get<object>(`${BALANCE}&minPosition=${then}`)).body).toEqual(asKnown);
      const refusals = [
        await client.post<Problem>('/v1/commands', LATE[0]),
        await client.send<Problem>('POST', '/v1/import', `${JSON.stringify(LATE[0])}\n`, 'application/x-ndjson'),
        await client.post<Problem>('/v1/expiry-runs', {}),
        await client.post<Problem>(`/v1/promotions/${history.PROMOTION_ID}/disbursements/2022-11-01`, {}),
        await client.post<Problem>('/v1/periods/2022-06/close', {}),
        await client.post<Problem>('/v1/audit/checkpoints', {}),
      ];
      expect(refusals.map(({ status, body }) => [status, body.code])).toEqual(refusals.map(() => [403, 'forbidden']));
      const preview = await client.post('/v1/promotions/preview', { terms: history.TERMS });
      expect(preview.status).toBe(200);
      expect(await client.log(then)).toHaveLength(Number(then));
      // No key is made that the ledger never had.
      expect((await client.get('/v1/audit/status')).body).toMatchObject({ verifierKey: null });
      expect((await client.get<Problem>('/v1/audit/key')).body.code).toBe('not-found');
      expect(existsSync(`${rebuilt}.key`)).toBe(false);
    });
    expect(readFileSync(rebuilt).equals(before)).toBe(true);
    // The command line is held to it, too.
    const env = { PATH: process.env['PATH'], PROMOLEDGER_STORE: `sqlite:${rebuilt}`, PROMOLEDGER_READ_ONLY: 'on' };
    const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', launcher, 'expire'], {
      env,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([2, expect.stringContaining('nothing is recorded in it')]);
    expect(readFileSync(rebuilt).equals(before)).toBe(true);
  });

  it('is served from memory where nothing can be kept beside the ledger', async () => {
    const rebuilt = join(folder, 'then.db');
    expect(promoledger(ledger, 'replay', '--until', `position:${then}`, '--into', rebuilt).status).toBe(0);
    mkdirSync(`${rebuilt}.models`);
    await serving(rebuilt, { PROMOLEDGER_READ_ONLY: 'on' }, async (client) => {
      expect((await client.get<Balance>(`${BALANCE}&minPosition=${then}`)).body).toMatchObject({ available: '200.00' });
    });
  });

  it.each([
    ['a moment without a file', ['--until', 'position:3'], '--until and --into belong together'],
    [
      'a moment before there was anything',
      ['--until', '2001-01-01T00:00:00Z', '--into', 'FILE'],
      'nothing was recorded by then',
    ],
    ['the ledger itself', ['--until', 'position:3', '--into', 'LEDGER'], 'name the same store'],
    ['what it would not heed', ['--until', 'position:3', '--into', 'FILE', '--check'], 'without --check'],
    ['what it would not heed', ['--until', 'position:3', '--into', 'FILE', '--as-of', CLOCK], 'without --check'],
  ])('is not rebuilt from %s', (_, args, message) => {
    const named = args.map((arg) => arg.replace('FILE', join(folder, 'then.db')).replace('LEDGER', ledger));
    const { status, stderr } = promoledger(ledger, 'replay', ...named);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it('is compared over HTTP and on the command line', async () => {
    const asOf = '2022-10-31T00:00:00.000Z';
    const { accounts, changes, refused } = await serving(ledger, {}, async (client) => ({
      accounts: (await client.get<Page<object>>(`/v1/diff?from=position:${then}&asOf=${asOf}`)).body,
      changes: (await client.get<Page<object>>(`/v1/diff/adv-1/DE?from=position:${then}&asOf=${asOf}`)).body,
      refused: [
        await client.get<Problem>('/v1/diff'),
        await client.get<Problem>('/v1/diff?from=position:9&to=position:3'),
        await client.get<Problem>(`/v1/diff/nobody/DE?from=position:${then}`),
      ],
    }));
    const to = String(Number(then) + 1);
    const change = {
      position: to,
      effectiveAt: '2022-10-20T00:00:00.000Z',
      event: { type: 'ClickSpent', id: 'ClickSpent:late' },
      line: { kind: 'click', clickId: 'late', amount: '-1.00', billable: '0.00' },
    };
    const figures = { billed: '10.00', standing: 'good', paymentValid: true };
    expect(accounts).toMatchObject({
      from: then,
      to,
      asOf,
      position: to,
      next: null,
      items: [
        {
          advertiserId: 'adv-1',
          marketplace: 'DE',
          before: { ...figures, available: '200.00' },
          after: { ...figures, available: '199.00' },
          credits: [{ before: { remaining: '200.00', drawn: '4.83' }, after: { remaining: '199.00', drawn: '5.83' } }],
          lapses: [],
          events: 1,
          changes: [change],
        },
      ],
    });
    expect(changes).toMatchObject({ from: then, to, items: [change] });
    expect(refused.map(({ status, body }) => [status, body.code, body.errors?.[0]?.path])).toEqual([
      [400, 'invalid-command', '/from'],
      [400, 'invalid-command', '/from'],
      [404, 'unknown-account', undefined],
    ]);
    const told = promoledger(
      ledger,
      'diff',
      '--from',
      `position:${then}`,
      '--to',
      `position:${to}`,
      '--as-of',
      asOf,
      '--json',
    );
    expect([told.status, parsed(told.lines)]).toEqual([0, accounts.items]);
    const text = promoledger(ledger, 'diff', '--from', `position:${then}`, '--as-of', asOf).lines;
    expect(text[0]).toBe('adv-1 DE: EUR available 200.00 -> 199.00, billed 10.00 -> 10.00, by 1 events');
    const ofOne = ['--advertiser', 'adv-1', '--marketplace', 'DE', '--from', `position:${then}`, '--as-of', asOf];
    expect(parsed(promoledger(ledger, 'diff', ...ofOne, '--json').lines)).toEqual(changes.items);
    const half = promoledger(ledger, 'diff', '--advertiser', 'adv-1', '--from', `position:${then}`);
    expect([half.status, half.stderr]).toEqual([2, expect.stringContaining('belong together')]);
  });

  it('tells the gap over HTTP and on the command line', async () => {
    const path = `/v1/reports/gap?promotionId=${history.PROMOTION_ID}&asOf=2022-10-31T00:00:00Z`;
    const { report, unknown } = await serving(ledger, {}, async (client) => ({
      report: (await client.get<Page<object> & { totals: object[] }>(path)).body,
      unknown: await client.get<Problem>('/v1/reports/gap?promotionId=none'),
    }));
    expect(report).toMatchObject({
      items: [{ advertiserId: 'adv-1', product: 'SP', daysWaited: 14, clicks: 1, billed: '10.00', coverable: '10.00' }],
      totals: [{ currency: 'EUR', gaps: 1, clicks: 1, billed: '10.00', coverable: '10.00' }],
    });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'unknown-promotion']);
    const told = promoledger(ledger, 'gap', history.PROMOTION_ID, '--as-of', '2022-10-31T00:00:00Z', '--json');
    expect([told.status, parsed(told.lines)]).toEqual([0, [...report.items, { total: report.totals[0] }]]);
  });

  it('closes and shows periods on the command line', async () => {
    const early = promoledger(ledger, 'periods', 'close', '2022-05');
    expect([early.status, early.stderr]).toEqual([2, expect.stringContaining('nothing happened before 2022-06')]);
    expect(promoledger(ledger, 'periods', 'close', '2022-09').status).toBe(0);
    const open = promoledger(ledger, 'periods', 'close', '2022-11');
    expect([open.status, open.stderr]).toEqual([2, expect.stringContaining('2022-10 is the month to close')]);
    expect(promoledger(ledger, 'periods', 'close', '2022-10').lines[0]).toBe('2022-10 is closed.');
    expect(promoledger(ledger, 'periods', 'close', '2022-10').lines[0]).toBe('2022-10 was closed before.');
    const late = promoledger(ledger, 'periods', 'close', '2022-11');
    expect([late.status, late.stderr]).toEqual([2, expect.stringContaining('the run of 2022-11-01')]);
    const listed = parsed(promoledger(ledger, 'periods', '--json').lines);
    expect(listed.map(({ period }) => period)).toEqual(['2022-09', '2022-10']);
    const [head, ...shown] = parsed(promoledger(ledger, 'periods', 'show', '2022-10', '--json').lines);
    const { position, fullTrialBalanceSha256 } = listed[1]!;
    expect(head).toEqual({ period: '2022-10', view: 'reported', position, fullTrialBalanceSha256, verified: true });
    expect(promoledger(ledger, 'periods', 'show', '2022-10').lines[0]).toMatch(
      new RegExp(`position ${String(position)}, SHA-256 ${String(fullTrialBalanceSha256)}: verified$`),
    );
    expect(shown.map(({ balance }) => balance)).toEqual(['10.00', '200.00', '-15.83', '-199.00']);
    expect(promoledger(ledger, 'periods', 'show', '2022-10', '--view', 'difference').lines).toEqual([]);

    await serving(ledger, {}, (client) => client.append(click('later', '2.00', '2022-10-21T00:00:00Z')));
    const of = ['--account', 'income:clicks:SP', '--currency', 'EUR'];
    const facts = promoledger(ledger, 'periods', 'late-facts', '2022-10', ...of.slice(2));
    expect([facts.lines[0], facts.lines.length]).toEqual([expect.stringContaining('2022-10-21T00:00:00.000Z'), 3]);
    expect(parsed(promoledger(ledger, 'periods', 'late-facts', '2022-10', ...of.slice(0, 2), '--json').lines)).toEqual([
      expect.objectContaining({ event: expect.objectContaining({ id: 'ClickSpent:later' }) }),
    ]);
  });

  it('says of a closed month when its books are not those that were reported', async () => {
    expect(promoledger(ledger, 'periods', 'close', '2022-10').status).toBe(0);
    // Somebody has written another hash into the file.
    const db = new DatabaseSync(ledger);
    const { changes } = db
      .prepare(
        `UPDATE events SET data = json_set(data, '$.fullTrialBalanceSha256', ?)
          WHERE type_id = (SELECT type_id FROM types WHERE name = 'PeriodClosed')`,
      )
      .run('0'.repeat(64));
    db.close();
    expect(changes).toBe(1);
    const told = promoledger(ledger, 'periods', 'show', '2022-10', '--json');
    expect([told.status, parsed(told.lines)[0]]).toEqual([3, expect.objectContaining({ verified: false })]);
    const text = promoledger(ledger, 'periods', 'show', '2022-10');
    expect([text.status, text.lines[0]]).toEqual([3, expect.stringContaining('NOT VERIFIED')]);
  });

  it('lists what has lapsed', () => {
    const lapsed = promoledger(ledger, 'trial-balance', '--lapsed', '--as-of', '2022-11-30T00:00:00Z', '--json');
    const [line, total] = parsed(lapsed.lines);
    expect(line).toMatchObject({
      levels: ['liabilities', 'credits', 'adv-1', 'DE', expect.anything()],
      balance: '-199.00',
    });
    expect(total).toMatchObject({ total: { currency: 'EUR' } });
    expect(promoledger(ledger, 'trial-balance', '--lapsed', '--as-of', '2022-10-30T00:00:00Z').lines).toEqual([]);
  });

  it.each([
    ['trial-balance --currency usd', 'ISO 4217'],
    ['trial-balance --marketplace xx', 'two capital letters'],
    ['trial-balance --advertiser bogus!', 'an identifier'],
    ['trial-balance --account Liabilities', 'first levels'],
    ['journal --account liabilities:', 'first levels'],
    ['roll-forward 2022-10 --currency bogus', 'ISO 4217'],
    ['export hledger --currency eur', 'ISO 4217'],
    ['gap some-promotion --marketplace de', 'two capital letters'],
    ['periods show 2022-10 --view rumoured', 'reported, restated, difference'],
  ])('is refused a filter that can match nothing: %s', (command, message) => {
    const { status, lines, stderr } = promoledger(ledger, ...command.split(' '));
    expect([status, lines, stderr.split('\n')[0]]).toEqual([2, [], expect.stringContaining(message)]);
  });
});
