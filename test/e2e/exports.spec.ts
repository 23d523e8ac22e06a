import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppModule } from '../../src/app.module.js';
import { beancountAccountName } from '../../src/audit/exports/journals.js';
import { Exports } from '../../src/audit/exports/exports.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { StoreUnavailableError } from '../../src/event-store/event-store.js';
import type { LedgerAccount } from '../../src/accounts/domain/postings.js';
import { loadSettings } from '../../src/settings.js';
import { BOOKKEEPERS, whyNoBookkeepers, withFile } from '../support/bookkeepers.js';
import type { Command, Problem } from '../support/client.js';
import { granted, opened, published, rate } from '../support/history.js';
import { startService, type Service } from '../support/server.js';

/** A ledger of ids and reasons that other programs could take for something of their own, over HTTP and the command line. */
const ODD = '-1:1/x';
const REASON = '=1+1, date: 2001-01-01; [2002-02-02]\n"a"  b';
const CLOCK = '2022-12-01T00:00:00Z';

const click = (
  advertiserId: string,
  marketplace: string,
  clickId: string,
  day: string,
  amount: string,
  currency: string,
) => ({
  type: 'ClickSpent',
  data: {
    advertiserId,
    marketplace,
    clickId,
    campaignId: 'campaign-1',
    product: 'SP',
    cost: { amount, currency },
    occurredAt: `2022-${day}T09:00:00Z`,
  },
});

const HISTORY: readonly Command[] = [
  published(),
  rate('EUR', 'USD', '0.9764'),
  rate('EUR', 'JPY', '141.49'),
  opened(ODD, 'DE', 'EUR'),
  opened('Z-a', 'JP', 'JPY'),
  granted('/c:1.0', ODD, 'DE', 'SP', '200.00'),
  granted('-1', 'Z-a', 'JP', 'SP', '50.00'),
  click(ODD, 'DE', '.', '10-10', '50.00', 'EUR'),
  click(ODD, 'DE', 'SUM', '10-12', '200.00', 'EUR'),
  click('Z-a', 'JP', '-', '10-20', '1234', 'JPY'),
  {
    type: 'ClickReversed',
    data: { advertiserId: ODD, marketplace: 'DE', clickId: '.', reason: REASON, occurredAt: '2022-10-25T00:00:00Z' },
  },
  {
    type: 'CreditRevoked',
    data: {
      advertiserId: 'Z-a',
      marketplace: 'JP',
      creditId: '-1',
      reason: REASON,
      clawback: true,
      occurredAt: '2022-10-26T00:00:00Z',
    },
  },
];

/** The ledger of docs/exports.md. */
const DOCUMENTED: readonly Command[] = [
  published(),
  rate('EUR', 'USD', '0.9764'),
  opened('advertiser-1', 'DE', 'EUR'),
  granted('goodwill:1', 'advertiser-1', 'DE', 'SP', '200.00'),
  click('advertiser-1', 'DE', 'click-1', '10-10', '210.00', 'EUR'),
  {
    type: 'ClickReversed',
    data: {
      advertiserId: 'advertiser-1',
      marketplace: 'DE',
      clickId: 'click-1',
      reason: 'a robot; see case 7',
      occurredAt: '2022-10-12T09:00:00Z',
    },
  },
];

const withThem = whyNoBookkeepers() === undefined ? it : it.skip;

interface TrialBalance {
  readonly items: readonly { account: string; levels: LedgerAccount; currency: string; balance: string }[];
}

describe('over HTTP', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ clock: CLOCK });
    for (const command of HISTORY) await service.client.append(command);
  });
  afterAll(() => service.stop());

  const fetched = (path: string, init?: RequestInit) => fetch(`${service.client.url}/v1/exports/${path}`, init);
  const refusal = async (path: string) => (await service.client.get<Problem>(`/v1/exports/${path}`)).body;

  withThem.each(BOOKKEEPERS)(
    '$format reads what is sent, and comes to the trial balance, as of whenever and as known at any position',
    async ({ format, check, holdings }) => {
      const known = (await service.client.get<{ position: string }>('/v1/trial-balance')).body.position;
      for (const query of [
        '',
        '?asOf=2022-10-11T00:00:00Z',
        `?asOf=2022-10-25T00:00:00Z&knownAt=position:${Number(known) - 1}`,
      ]) {
        const { items } = (await service.client.get<TrialBalance>(`/v1/trial-balance${query}`)).body;
        const name = format === 'beancount' ? beancountAccountName : (_: LedgerAccount, account: string) => account;
        const ours = items.map(
          ({ account, levels, currency, balance }) => [`${name(levels, account)} ${currency}`, balance] as const,
        );
        expect(ours.length).toBeGreaterThan(3);
        withFile(`sent.${format}`, await (await fetched(format + query)).text(), (file) => {
          check(file);
          expect(holdings(file)).toEqual(new Map(ours));
        });
      }
    },
  );

  it.each([
    ['hledger', 'journal', 'text/plain; charset=utf-8'],
    ['ledger', 'ledger', 'text/plain; charset=utf-8'],
    ['beancount', 'beancount', 'text/plain; charset=utf-8'],
    ['csv', 'csv', 'text/csv; charset=utf-8; header=present'],
    ['parquet', 'parquet', 'application/vnd.apache.parquet'],
  ])('%s has a name and a type, and says of which moment it is', async (format, extension, mediaType) => {
    const { status, headers } = await fetched(`${format}?asOf=2022-10-31T23:59:59Z&knownAt=position:8`);
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': mediaType,
      'content-disposition': `attachment; filename="promoledger-2022-10-31-position-8.${extension}"`,
      'promoledger-as-of': '2022-10-31T23:59:59.000Z',
      'promoledger-position': '8',
    });
  });

  it('the log is every event up to what is known, one a line', async () => {
    const all = (await (await fetched('log')).text()).trimEnd().split('\n');
    expect(all).toHaveLength(HISTORY.length);
    const some = await fetched('log?knownAt=position:5');
    expect(some.headers.get('content-type')).toBe('application/x-ndjson');
    expect(some.headers.get('content-disposition')).toBe('attachment; filename="promoledger-log-position-5.ndjson"');
    expect((await some.text()).trimEnd().split('\n')).toEqual(all.slice(0, 5));
  });

  it('filters keep whole transactions', async () => {
    const positions = async (query: string) =>
      (await (await fetched(`csv?${query}`)).text())
        .split('\r\n')
        .map((line) => /^\d+,\d+/.exec(line)?.[0])
        .filter((start) => start !== undefined);
    expect(await positions(`advertiserId=Z-a`)).toEqual(['7,1', '7,2', '10,1', '10,2', '12,1', '12,2', '12,3']);
    expect(await positions('kind=CreditApplied')).toEqual(['6,1', '6,2', '7,1', '7,2']);
    expect(await positions('account=income:clicks&currency=JPY')).toEqual(['10,1', '10,2']);
    expect(await positions('from=2022-10-20T00:00:00Z&to=2022-10-26T00:00:00Z')).toEqual([
      '10,1',
      '10,2',
      '11,1',
      '11,2',
    ]);
    expect(await positions('promotionId=another')).toEqual([]);
  });

  it('refuses what it does not know, with a problem', async () => {
    expect(await refusal('xlsx')).toMatchObject({
      code: 'not-found',
      detail: expect.stringContaining('beancount, csv'),
    });
    expect(await refusal('csv?limit=5')).toMatchObject({ code: 'invalid-command', errors: [{ path: '/limit' }] });
    expect(await refusal('csv?asOf=yesterday')).toMatchObject({ code: 'invalid-command', errors: [{ path: '/asOf' }] });
    expect(await refusal('log?asOf=2022-10-11T00:00:00Z')).toMatchObject({
      code: 'invalid-command',
      errors: [{ path: '/asOf' }],
    });
  });

  describe('a file that is made as it is read', () => {
    let made = 0;
    let released: Promise<void>;
    /** What is exported instead of the ledger; `fail` says before which piece it breaks. */
    const exporting = (pieces: number, fail?: { before: number; error: Error }) => {
      made = 0;
      const release = Promise.withResolvers<void>();
      released = release.promise;
      const chunks = async function* () {
        try {
          for (; made < pieces; made += 1) {
            if (fail?.before === made) throw fail.error;
            yield 'x'.repeat(65_536);
          }
        } finally {
          release.resolve();
        }
      };
      service.app.get(Exports).journal = () => ({ fileName: 'x.csv', mediaType: 'text/csv', chunks: chunks() });
    };
    afterEach(() => {
      delete service.app.get<Partial<Exports>>(Exports).journal;
    });

    it('waits for a client that does not take it, and is let go when the client has gone', async () => {
      exporting(Infinity);
      const response = await new Promise<IncomingMessage>((resolve) => {
        get(`${service.client.url}/v1/exports/csv`, resolve);
      });
      response.pause();
      // Without back-pressure this would never come to rest.
      for (let before = -1; before !== made;) {
        before = made;
        await pause(200);
      }
      expect(made).toBeGreaterThan(0);
      response.destroy();
      await released;
    });

    it('is not made for HEAD, which has all but the file', async () => {
      exporting(Infinity);
      const { status, headers } = await fetched('csv', { method: 'HEAD' });
      expect([status, headers.get('content-type')]).toEqual([200, 'text/csv']);
      await released;
    });

    it('cuts the connection when it breaks, so that a part is not taken for the whole', async () => {
      exporting(50, { before: 40, error: new Error('broken') });
      const response = await fetched('csv');
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow();
      await released;
    });

    it('is a problem when it breaks before its beginning', async () => {
      exporting(50, { before: 0, error: new StoreUnavailableError('away') });
      expect(await refusal('csv')).toMatchObject({ code: 'store-unavailable', status: 503 });
    });
  });
});

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A command starts the whole application, which takes seconds on a busy machine. */
const COMMANDS_MS = 300_000;

describe('on the command line', () => {
  let folder: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
    env = await ledgerOf(folder, 'odd.db', HISTORY);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--no-warnings', join(ROOT, 'bin/promoledger.js'), ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });

  it(
    'writes to the standard output, the same each time',
    () => {
      const { status, stdout, stderr } = run('export', 'csv', '--advertiser', 'Z-a', '--as-of', '2022-10-21T00:00:00Z');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout.split('\r\n').slice(1, -1)).toHaveLength(4);
      expect(run('export', 'csv', '--advertiser', 'Z-a', '--as-of', '2022-10-21T00:00:00Z').stdout).toBe(stdout);
    },
    COMMANDS_MS,
  );

  it(
    'writes to a file, which is there when it is whole',
    () => {
      const { status, stdout } = run(
        'export',
        'parquet',
        '--out',
        'books.parquet',
        '--json',
        '--known-at',
        'position:9',
      );
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ file: 'books.parquet', format: 'parquet', position: '9' });
      expect(readFileSync(join(folder, 'books.parquet')).subarray(-4).toString()).toBe('PAR1');
      expect(run('export', 'csv', '--out', 'nowhere/books.csv').status).toBe(1);
      expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    },
    COMMANDS_MS,
  );

  it(
    'exports a log that can be verified by itself',
    () => {
      expect(run('export', 'log', '--out', 'log.ndjson').status).toBe(0);
      // By its own hashes: nobody vouches for it.
      expect(run('verify', 'log.ndjson').status).toBe(4);
    },
    COMMANDS_MS,
  );

  it(
    'refuses what it does not know',
    () => {
      expect(run('export', 'xlsx')).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('hledger, ledger, beancount'),
      });
      expect(run('export', 'log', '--advertiser', ODD)).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('--known-at'),
      });
      expect(run('export', 'csv', '--from', 'monday').status).toBe(2);
    },
    COMMANDS_MS,
  );

  withThem(
    'does what the docs say, example by example',
    async () => {
      const docs = readFileSync(join(ROOT, 'docs/exports.md'), 'utf8');
      const examples = [...docs.matchAll(/```sh\n([^]*?)```\n(?:\n```text\n([^]*?)```\n)?/g)];
      expect(examples.length).toBeGreaterThan(5);
      const promoledger = `promoledger() { "${process.execPath}" --no-warnings "${join(ROOT, 'bin/promoledger.js')}" "$@"; }`;
      const documented = { ...(await ledgerOf(folder, 'documented.db', DOCUMENTED)), LC_ALL: 'C.UTF-8' };
      for (const [, commands = '', shown] of examples) {
        const script = ['-euo', 'pipefail', '-c', `${promoledger}\n${commands}`];
        const { status, stdout, stderr } = spawnSync('bash', script, {
          cwd: folder,
          env: documented,
          encoding: 'utf8',
        });
        expect({ commands, status, stderr }).toMatchObject({ commands, status: 0 });
        if (shown !== undefined) expect(trimmed(recordedThen(stdout))).toBe(trimmed(shown));
      }
    },
    COMMANDS_MS,
  );
});

/** A ledger on a file, and the environment of a command that works on it. */
async function ledgerOf(folder: string, file: string, commands: readonly Command[]): Promise<Record<string, string>> {
  const env = {
    PATH: process.env['PATH']!,
    PROMOLEDGER_STORE: `sqlite:${join(folder, file)}`,
    PROMOLEDGER_CLOCK: CLOCK,
  };
  const settings = loadSettings({ ...env, PROMOLEDGER_SCHEDULER: 'off' });
  const app = await NestFactory.createApplicationContext(AppModule.forSettings(settings), { logger: ['error'] });
  const results = await app.get(CommandGateway).submit(commands);
  expect(results.filter(({ status }) => status !== 'appended')).toEqual([]);
  await app.close();
  return env;
}

/** Recorded time is the real one; in the docs it is another. */
const recordedThen = (text: string): string =>
  text
    .replace(/20(2[3-9]|[3-9]\d)-\d\d-\d\dT[0-9:.]+Z/g, '2022-11-30T12:00:00.000Z')
    .replace(/20(2[3-9]|[3-9]\d)-\d\d-\d\d/g, '2022-11-30');

const trimmed = (text: string): string => text.replace(/[ \r]+$/gm, '').trim();
