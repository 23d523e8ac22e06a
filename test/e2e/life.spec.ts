import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EventStore } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import type { Instant } from '../../src/kernel/instant.js';
import { createHttpApp } from '../../src/main.js';
import { loadSettings } from '../../src/settings.js';
import { checkPlaces, faultOfClock } from '../../src/start-checks.js';
import { Client, type CommandResult } from '../support/client.js';
import { opened, published } from '../support/history.js';
import { clicksOf, Load } from '../support/loaded.js';
import { pause, ServiceProcess, startService } from '../support/server.js';
import { canMount, SmallDisk } from '../support/small-disk.js';

const LAUNCHER = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));

let service: ServiceProcess | undefined;
afterEach(async () => {
  await service?.remove();
  service = undefined;
});

/** An import that the client keeps open: what has come back so far, and how it ended. */
function openImport(url: string) {
  const { promise: ended, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const sending = request(`${url}/v1/import`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } });
  sending.on('response', (answer) => {
    answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    answer.once('end', () => resolve(text)).once('error', reject);
  });
  sending.once('error', reject);
  return { sending, ended, soFar: () => text };
}

describe('a service that is told to stop', () => {
  it('answers what is under way, ends imports at a line, and loses nothing that it acknowledged', async () => {
    service = new ServiceProcess();
    const client = await service.start();
    await client.append(published());
    const load = new Load();
    const lanes = ['a', 'b', 'c', 'd'].map((lane) => load.send(client, clicksOf(lane, 20_000)));
    const { sending, ended } = openImport(client.url);
    const lines = clicksOf('imported', 50);
    for (const command of lines) sending.write(`${JSON.stringify(command)}\n`);
    const live = await fetch(`${client.url}/v1/events/live`);
    const followed = live.text();
    while (load.acknowledged.length < 500) await pause(5);
    await known(client, 'imported', 'click-49');

    const exit = service.signal('SIGTERM');
    const last = JSON.parse((await ended).trim().split('\n').at(-1)!) as object;
    sending.end();
    expect(last).toMatchObject({ summary: { read: 50, appended: 50 }, error: { code: 'stopping', line: 51 } });
    await Promise.all(lanes);
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(await followed).toContain('id: 1\n');
    expect(load.refused).toEqual([]);

    const again = await service.start();
    const log = await again.log(load.acknowledged.at(-1)!.position);
    expect(load.lost(log)).toEqual([]);
    expect(log.filter(({ stream }) => stream.includes('imported'))).toHaveLength(50);
    expect(new Set(log.map(({ position }) => position)).size).toBe(log.length);
    // Every request was answered whole, or none of it was recorded.
    expect(log).toHaveLength(load.acknowledged.length + 50 + 1);
  }, 60_000);

  it('ends at once when it is told again, though a client keeps it waiting', async () => {
    service = new ServiceProcess({ PROMOLEDGER_STOP_SECONDS: '900' });
    const client = await service.start();
    const { sending, ended } = openImport(client.url);
    sending.on('error', () => undefined).write(`${JSON.stringify(opened('adv-1', 'US', 'USD'))}\n`);
    await known(client, 'adv-1');
    // A command of which the most is still to come: it is read as long as its time lasts.
    const waiting = request(`${client.url}/v1/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '1000' },
    });
    waiting.on('error', () => undefined).write('{"type":');
    await pause(500);
    const exit = service.signal('SIGTERM');
    expect(await ended).toContain('"code":"stopping"');
    // Two signals within a second count as one.
    await pause(1200);
    await service.signal('SIGINT');
    expect(await exit).toEqual({ code: 130, signal: null });
    waiting.destroy();
    sending.destroy();
  }, 60_000);

  it('cuts whoever is not done at the end of its patience, and is not ready meanwhile', async () => {
    const settings = loadSettings({
      PROMOLEDGER_STORE: 'memory:',
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_LOG_LEVEL: 'error',
      PROMOLEDGER_STOP_SECONDS: '2',
    });
    const app = await createHttpApp(settings);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    const { sending } = openImport(url);
    const cut = new Promise((resolve) => sending.once('close', resolve));
    sending.on('error', () => undefined).write(`${JSON.stringify(opened('adv-1', 'US', 'USD'))}\n`);
    await known(new Client(url), 'adv-1');

    // A probe that has begun on its connection when the service is told to stop.
    const probe = connect(Number(new URL(url).port), '127.0.0.1');
    await once(probe, 'connect');
    probe.write('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(probe, 'data');
    probe.write('GET /health/ready HTTP/1.1\r\nhost: x\r\n');
    await pause(100);
    const closing = app.close();
    await pause(100);
    probe.write('\r\n');
    const [answer] = (await once(probe, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 [^]*connection: close[^]*"code":"stopping"/i);
    await expect(fetch(`${url}/health/live`)).rejects.toThrow();
    await Promise.all([closing, cut]);
  }, 30_000);
});

/** Waits until the service knows of an account, or of a click on one. */
async function known(client: Client, account: string, click?: string): Promise<void> {
  const path = `/v1/accounts/${account}/US/${click === undefined ? 'balance' : `clicks/${click}`}`;
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await pause(20)) {
    if ((await client.get(path)).status === 200) return;
  }
  throw new Error(`${path} is not there`);
}

/** Mounting takes a privilege that not every machine gives. */
const onSmallDisk = canMount ? describe : describe.skip;

onSmallDisk('a service whose disk is full', () => {
  it('refuses item by item, takes facts again when there is room, and has lost nothing', async () => {
    const disk = new SmallDisk();
    const env = {
      PROMOLEDGER_STORE: `sqlite:${join(disk.path, 'ledger.db')}`,
      PROMOLEDGER_OPERATIONS_PER_HOUR: 'facts:write=1000000',
      PROMOLEDGER_LOG_LEVEL: 'error',
    };
    let running = await startService({ env });
    let { client } = running;
    try {
      await client.append(published());
      const load = new Load();
      await load.send(client, clicksOf('a', 1000));
      expect(load.refused).toEqual([]);

      disk.fill();
      await load.send(client, clicksOf('b', 20_000), () => load.refused.length > 0);
      expect(new Set(load.refused)).toEqual(new Set(['store-unavailable']));
      const refused = await client.post<CommandResult>('/v1/commands', opened('c', 'US', 'USD'));
      expect(refused).toMatchObject({ status: 503, body: { code: 'store-unavailable' } });
      expect(await client.get('/health/live')).toMatchObject({ status: 200 });
      expect(await client.get('/health/ready')).toMatchObject({ status: 503 });

      // One that is started meanwhile waits for room, too.
      await running.stop();
      running = await startService({ env });
      ({ client } = running);
      expect(await client.post('/v1/commands', opened('c', 'US', 'USD'))).toMatchObject({ status: 503 });

      disk.free();
      load.refused.length = 0;
      await load.send(client, clicksOf('b', 2000));
      expect(load.refused).toEqual([]);
      expect(await client.post('/v1/commands', opened('c', 'US', 'USD'))).toMatchObject({ status: 201 });

      const log = await Array.fromAsync(running.app.get(EventStore).readAll());
      const shown = log.map(({ position, type, data }) => ({ position: String(position), type, data }));
      expect(load.lost(shown)).toEqual([]);
      expect(new Set(log.map(({ stream, id }) => `${stream} ${id}`)).size).toBe(log.length);
    } finally {
      await running.stop();
      disk.remove();
    }
  }, 60_000);

  it('answers questions again by itself when there is room', async () => {
    const disk = new SmallDisk();
    const env = { PROMOLEDGER_STORE: `sqlite:${join(disk.path, 'ledger.db')}`, PROMOLEDGER_READY_FREE_MIB: '0' };
    const running = await startService({ env: { ...env, PROMOLEDGER_LOG_LEVEL: 'error' } });
    const { client } = running;
    try {
      await client.append(published());
      disk.fill();
      const load = new Load();
      await load.send(client, clicksOf('a', 20_000), () => load.refused.length > 0);
      disk.free();
      await load.send(client, clicksOf('b', 500));
      await known(client, 'b', 'click-499');
      expect(await client.get('/health/ready')).toMatchObject({ status: 200 });
      expect(load.lost(await client.log(load.acknowledged.at(-1)!.position))).toEqual([]);
    } finally {
      await running.stop();
      disk.remove();
    }
  }, 60_000);
});

describe('a service that starts', () => {
  it('names each place that it cannot write to, and starts nothing', () => {
    const file = join(tmpdir(), `promoledger-${process.pid}-taken`);
    writeFileSync(file, 'a file where directories should be');
    try {
      const env = { PROMOLEDGER_STORE: `sqlite:${file}/ledger.db`, PROMOLEDGER_BACKUPS: `${file}/backups`, PORT: '0' };
      const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', LAUNCHER, 'serve'], {
        env,
        encoding: 'utf8',
      });
      expect(status).toBe(1);
      expect(stderr.replaceAll(file, 'F').trim().split('\n')).toEqual([
        'promoledger: the directory F/backups of backups cannot be written to: ENOTDIR',
        'the directory F of the ledger cannot be written to: EEXIST',
      ]);
    } finally {
      rmSync(file);
    }
  });

  it('warns of a clock that is behind the log', async () => {
    const store = new MemoryEventStore();
    expect(await faultOfClock(store, 0)).toBe(null);
    const recordedAt = '2022-10-04T07:00:00.000Z' as Instant;
    const event = { id: 'Noted:a', type: 'Noted', data: {}, metadata: { version: 1, recordedAt } };
    await store.append('note-1', 'none', [event]);
    expect(await faultOfClock(store, Date.parse('2022-10-04T06:56:00Z'))).toBe(null);
    expect(await faultOfClock(store, Date.parse('2022-10-04T06:00:00Z'))).toContain('60 minutes behind');
  });

  it('warns of a disk that is nearly full, and of a setting that is none', async () => {
    const settings = loadSettings({
      PROMOLEDGER_STROE: 'memory:',
      PROMOLEDGER_STORE: 'memory:',
      PROMOLEDGER_BACKUPS: tmpdir(),
      PROMOLEDGER_READY_FREE_MIB: '999999999',
    });
    const warnings = ['PROMOLEDGER_STROE is no setting: it has no effect', expect.stringContaining('MiB are left in')];
    expect(await checkPlaces(settings)).toEqual({ faults: [], warnings });
  });
});
