import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../src/app.module.js';
import { checkReplay } from '../../src/audit/replay-check.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { EventStore, type NewEvent } from '../../src/event-store/event-store.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { instantOf, type Instant } from '../../src/kernel/instant.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { loadSettings } from '../../src/settings.js';
import { granted, opened, published, rate } from '../support/history.js';

const launcher = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));

let folder: string;
let from: string;
let to: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
  from = `sqlite:${join(folder, 'from.db')}`;
  to = `sqlite:${join(folder, 'to.db')}`;
});
afterEach(() => rmSync(folder, { recursive: true }));

const copyArgs = (...more: string[]) => ['--no-warnings', launcher, 'copy', '--from', from, '--to', to, ...more];
const env = { PATH: process.env['PATH'] };

function copy(...more: string[]) {
  return spawnSync(process.execPath, copyArgs(...more), { env, encoding: 'utf8' });
}

async function withLedger<T>(store: string, use: (app: INestApplicationContext) => Promise<T>): Promise<T> {
  const settings = loadSettings({ PROMOLEDGER_STORE: store, PROMOLEDGER_SCHEDULER: 'off' });
  const app = await NestFactory.createApplicationContext(AppModule.forSettings(settings), {
    logger: false,
    abortOnError: false,
  });
  try {
    await app.get(ReadModels).caughtUp();
    return await use(app);
  } finally {
    await app.close();
  }
}

const spent = (clickId: string, amount: string, occurredAt: string) => ({
  type: 'ClickSpent',
  data: {
    advertiserId: 'adv-1',
    marketplace: 'US',
    clickId,
    campaignId: 'c-1',
    product: 'SP',
    cost: { amount, currency: 'USD' },
    occurredAt,
  },
});

describe('promoledger copy', () => {
  it('answers from the copy as from the original, by what had happened and by what was known', async () => {
    const known = await withLedger(from, async (app) => {
      for (const command of [
        published(),
        rate('EUR', 'USD', '0.9764'),
        opened('adv-1', 'US', 'USD'),
        granted('goodwill', 'adv-1', 'US', 'SP', '50.00'),
        spent('k-2', '3.00', '2022-10-20T00:00:00Z'),
        spent('k-1', '2.00', '2022-10-10T00:00:00Z'),
      ]) {
        await app.get(CommandGateway).submit([command]);
        await pause(3);
      }
      return Array.fromAsync(app.get(EventStore).readAll(), ({ recordedAt }) => recordedAt);
    });
    const { status, stdout } = copy('--json');
    const verdict = JSON.parse(stdout) as { source: string; target: string };
    expect([status, verdict]).toMatchObject([0, { appended: 6, held: 0, head: '6', equal: true, hasGrown: false }]);
    expect(verdict.target).toBe(verdict.source);

    const asked = ['2022-10-05T00:00:00Z', '2022-10-15T00:00:00Z', '2022-11-01T00:00:00Z'].flatMap((asOf) =>
      known.slice(2).map((knownAt) => ({ asOf: instantOf(Date.parse(asOf)), knownAt: { instant: knownAt } })),
    );
    const answers = (store: string) =>
      withLedger(store, async (app) => {
        const { differences } = await checkReplay(app.get(EventStore), app.get(Queries), app.get(ReadModels));
        expect(differences).toEqual([]);
        const balanceAt = async (moment: { asOf: Instant; knownAt: { instant: Instant } }) =>
          app.get(Queries).balance(await app.get(Queries).moment(moment), 'adv-1', 'US');
        return Promise.all(asked.map(balanceAt));
      });
    const told = await answers(from);
    expect(new Set(told.map((answer) => JSON.stringify(answer))).size).toBeGreaterThanOrEqual(5);
    expect(await answers(to)).toEqual(told);
  });

  it('goes on when it was killed on the way', async () => {
    await fill(8000);
    const child = spawn(process.execPath, copyArgs(), { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const exit = once(child, 'exit');
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('copying, in %: 25 of 100')) child.kill('SIGKILL');
    });
    expect(await exit).toEqual([null, 'SIGKILL']);

    const { status, stdout } = copy('--json');
    const verdict = JSON.parse(stdout) as { held: number; appended: number };
    expect([status, verdict]).toMatchObject([0, { head: '8000', equal: true }]);
    // What was read when it was told may not have been written yet.
    expect(verdict.held).toBeGreaterThan(1900);
    expect(verdict.appended).toBeGreaterThan(0);
    expect(verdict.held + verdict.appended).toBe(8000);
  });

  it.each([
    ['a source that is not there', [], 'there is no ledger'],
    ['a target that is the source', ['--to', 'SOURCE'], 'name the same store'],
    ['a store of no kind', ['--to', 'postgres://somewhere'], '--to: PROMOLEDGER_STORE must be'],
  ])('refuses %s in one line', async (what, more, message) => {
    if (!what.startsWith('a source')) await fill(2);
    const { status, stderr } = copy(...more.map((arg) => arg.replace('SOURCE', from)));
    expect([status, stderr.trim().split('\n')]).toEqual([2, [expect.stringContaining(message)]]);
  });

  it('refuses a target that holds another ledger, and names the first event that differs', async () => {
    await fill(2);
    const target = SqliteEventStore.open(to.slice('sqlite:'.length));
    await target.append('note-9', 'none', [note(9)]);
    await target.close();
    const { status, stderr } = copy();
    expect([status, stderr]).toEqual([2, expect.stringContaining('Noted:9 (note-9, revision 0) where the source has')]);
  });
});

const note = (key: number): NewEvent => ({
  id: `Noted:${key}`,
  type: 'Noted',
  data: { key },
  metadata: { version: 1 },
});

/** Neighbours in the log are of different streams, so that each is an append by itself. */
async function fill(count: number): Promise<void> {
  const store = SqliteEventStore.open(from.slice('sqlite:'.length));
  const keys = Array.from({ length: count }, (_, key) => key);
  await Promise.all(keys.map((key) => store.append(`note-${key % 7}`, 'any', [note(key)])));
  await store.close();
}
