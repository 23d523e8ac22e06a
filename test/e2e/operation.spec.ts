import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../src/app.module.js';
import { checkReplay } from '../../src/audit/replay-check.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { instantOf } from '../../src/kernel/instant.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { Scheduler } from '../../src/scheduler.js';
import { loadSettings } from '../../src/settings.js';
import {
  granted,
  invited,
  opened,
  payable,
  PROMOTION_ID,
  published,
  qualifyingCampaign,
  rate,
} from '../support/history.js';

const NOW = '2022-12-07T00:00:00Z';
const at = (text: string) => instantOf(Date.parse(text));

const click = (clickId: string, amount: string, occurredAt: string) => ({
  type: 'ClickSpent',
  data: {
    advertiserId: 'adv-1',
    marketplace: 'DE',
    clickId,
    campaignId: 'c-1',
    product: 'SP',
    cost: { amount, currency: 'EUR' },
    occurredAt,
  },
});

const HISTORY = [
  published(),
  rate('EUR', 'USD', '0.9764'),
  rate('EUR', 'USD', '0.9914', '2022-10-31T14:00:00Z'),
  opened('adv-1', 'DE', 'EUR'),
  payable('adv-1', 'DE'),
  invited('adv-1'),
  ...qualifyingCampaign('adv-1', 'DE', 'SP'),
];

let directory: string;
let ledger: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  ledger = join(directory, 'ledger.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const environment = () => ({
  PROMOLEDGER_STORE: `sqlite:${ledger}`,
  PROMOLEDGER_SCHEDULER: 'off',
  PROMOLEDGER_CLOCK: NOW,
});

async function withApp<T>(use: (app: INestApplicationContext) => Promise<T>): Promise<T> {
  const module = AppModule.forSettings(loadSettings(environment()));
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  try {
    return await use(app);
  } finally {
    await app.close();
  }
}

async function submit(app: INestApplicationContext, commands: readonly unknown[]): Promise<void> {
  const results = await app.get(CommandGateway).submit(commands);
  expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
}

describe('the scheduler', () => {
  it('performs what is due, in order, once, and sweeps what has ended', () =>
    withApp(async (app) => {
      await submit(app, HISTORY);
      await app.get(ReadModels).caughtUp();
      await app.get(Scheduler).performDue();
      const log: string[] = [];
      for await (const { id } of app.get(EventStore).readAll()) {
        if (/^(Disbursement|Credit)/.test(id)) log.push(id);
      }
      const credit = `${PROMOTION_ID}:adv-1:DE:SP`;
      expect(log).toEqual([
        'DisbursementRunStarted:2022-10-04',
        `CreditApplied:${credit}`,
        'DisbursementRunCompleted:2022-10-04',
        'DisbursementRunStarted:2022-11-01',
        'DisbursementRunCompleted:2022-11-01',
        'DisbursementRunStarted:2022-12-06',
        'DisbursementRunCompleted:2022-12-06',
        `CreditExpired:${credit}`,
      ]);
      const head = await app.get(EventStore).head();
      await app.get(Scheduler).performDue();
      expect(await app.get(EventStore).head()).toBe(head);
    }));
});

describe('replay --check', () => {
  const check = () =>
    withApp(async (app) => {
      await app.get(ReadModels).caughtUp();
      return checkReplay(app.get(EventStore), app.get(Queries), app.get(ReadModels));
    });

  beforeEach(() =>
    withApp(async (app) => {
      await submit(app, HISTORY);
      await app.get(ReadModels).caughtUp();
      await app.get(Scheduler).performDue();
      await submit(app, [
        opened('adv-2', 'US', 'USD'),
        granted('goodwill', 'adv-2', 'US', 'SB', '50.00'),
        click('k-2', '3.00', '2022-10-20T00:00:00Z'),
        click('k-1', '2.00', '2022-10-10T00:00:00Z'),
      ]);
      await app.get(ReadModels).caughtUp();
    }),
  );

  it('finds every answer equal on a ledger that nobody touched', async () => {
    const { compared, differences, moments } = await check();
    expect(differences).toEqual([]);
    expect(moments.length).toBeGreaterThanOrEqual(5);
    expect(compared).toBeGreaterThanOrEqual(10);
  });

  it.each([
    ['a credit that was moved by a day', 'UPDATE credits SET applied_at = applied_at + 86400000', 'balance'],
    ['changes that are gone', 'DELETE FROM campaign_changes', 'qualification'],
    [
      'an account that nobody opened',
      `INSERT INTO accounts (advertiser_id, marketplace, currency, position, opened_at) VALUES ('x', 'DE', 'EUR', 1, 0)`,
      'which accounts',
    ],
    ['a rate that was changed', `UPDATE fx_rates SET rate = '1.1'`, 'rates'],
    ['an entry of the books that was changed', 'UPDATE ledger_entries SET low = low + 1', 'holds'],
    ['a run that is gone', `DELETE FROM promotion_events WHERE type = 'DisbursementRunCompleted'`, 'runs'],
  ])('finds %s', async (_what, sql, where) => {
    const models = new DatabaseSync(`${ledger}.models`);
    models.exec(sql);
    models.close();
    const { differences } = await check();
    expect(differences.map(({ what }) => what).join()).toContain(where);
  });

  it('does not differ when the read models were thrown away and built anew', async () => {
    rmSync(`${ledger}.models`);
    expect((await check()).differences).toEqual([]);
  });
});

describe('a moment of the past', () => {
  it('by the time of recording is a prefix of the log', () =>
    withApp(async (app) => {
      await submit(app, HISTORY.slice(0, 4));
      await new Promise((resolve) => setTimeout(resolve, 20));
      const between = instantOf(Date.now());
      await new Promise((resolve) => setTimeout(resolve, 20));
      await submit(app, HISTORY.slice(4));
      const queries = app.get(Queries);
      const known = async (instant: string) => (await queries.moment({ knownAt: { instant: at(instant) } })).known;
      expect(await known(between)).toBe(4n);
      expect(await known('2000-01-01T00:00:00Z')).toBe(0n);
      expect(await known('2999-01-01T00:00:00Z')).toBe(BigInt(HISTORY.length));
    }));
});

describe('the command line', () => {
  const launcher = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));
  const promoledger = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', launcher, ...args], {
      env: { PATH: process.env['PATH'], ...environment() },
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

  it('imports a file, performs a run, answers, replays, and tells scripts how it went', () => {
    const file = join(directory, 'facts.ndjson');
    writeFileSync(file, HISTORY.map((command) => `${JSON.stringify(command)}\n`).join(''));
    const imported = promoledger('import', file, '--json');
    expect([imported.status, JSON.parse(imported.stdout)]).toMatchObject([
      0,
      { appended: HISTORY.length, rejected: 0 },
    ]);
    const run = promoledger('disburse', PROMOTION_ID, '2022-10-04', '--json');
    expect([run.status, JSON.parse(run.stdout)]).toMatchObject([0, { applied: 1, deferred: 0 }]);
    const balance = promoledger('balance', 'adv-1', 'DE', '--as-of', '2022-10-05T00:00:00Z', '--json');
    expect([balance.status, JSON.parse(balance.stdout)]).toMatchObject([0, { available: '204.83' }]);
    const before = promoledger('balance', 'adv-1', 'DE', '--as-of', '2022-10-05T00:00:00Z', '--known-at', 'position:6');
    expect([before.status, before.stdout]).toEqual([0, expect.stringContaining('EUR 0.00 available')]);
    const swept = promoledger('expire', '--json');
    expect([swept.status, JSON.parse(swept.stdout)]).toMatchObject([0, { expired: 1 }]);
    const checked = promoledger('replay', '--check', '--json');
    expect([checked.status, JSON.parse(checked.stdout)]).toMatchObject([0, { differences: [] }]);
  });

  it.each([
    ['an account that nobody opened', ['balance', 'nobody', 'DE'], 2, 'unknown-account'],
    ['a file that is not there', ['import', 'no-such-file'], 2, 'there is no file no-such-file'],
    ['an instant that is none', ['balance', 'nobody', 'DE', '--as-of', 'yesterday'], 2, 'RFC 3339'],
    ['a command that is none', ['reimburse'], 2, 'unknown command'],
  ])('refuses %s', (_what, args, status, message) => {
    const result = promoledger(...args);
    expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(message)]);
    expect(result.stderr).not.toContain('    at ');
  });

  it('says in one line that another process has the ledger', () =>
    withApp(async (app) => {
      await submit(app, HISTORY.slice(0, 1));
      const { status, stderr } = promoledger('expire');
      expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining('in use')]]);
    }));
});
