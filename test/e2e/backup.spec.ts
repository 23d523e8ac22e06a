import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Backups } from '../../src/backup/backups.js';
import { backUp, restore, type Manifest } from '../../src/backup/backup.js';
import { digestOf } from '../../src/event-store/copy.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import type { NewEvent } from '../../src/event-store/event-store.js';
import { published } from '../support/history.js';
import { clicksOf, Load } from '../support/loaded.js';
import { ServiceProcess, startService } from '../support/server.js';

const LAUNCHER = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'promoledger-backup-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const promoledger = (args: readonly string[], store: string) => {
  const env = { PATH: process.env['PATH'], PROMOLEDGER_STORE: store };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', LAUNCHER, ...args], {
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

const fact = (n: number): NewEvent => ({ id: `Noted:${n}`, type: 'Noted', data: { n }, metadata: { version: 1 } });

async function ledgerOf(path: string, events: number): Promise<SqliteEventStore> {
  const store = SqliteEventStore.open(path);
  await store.append(
    'note-1',
    'none',
    Array.from({ length: events }, (_, n) => fact(n)),
  );
  return store;
}

describe('a backup under load', () => {
  it('is a prefix of the log with all that was acknowledged before, and serves when it is restored', async () => {
    const service = new ServiceProcess({ PROMOLEDGER_BACKUPS: join(folder, 'backups') });
    const restored = new ServiceProcess();
    try {
      const client = await service.start();
      await client.append(published());
      const load = new Load();
      await load.send(client, clicksOf('early', 2000));
      const before = BigInt(load.acknowledged.at(-1)!.position);

      const lanes = ['a', 'b', 'c', 'd'].map((lane) => load.send(client, clicksOf(lane, 2000)));
      type Made = Manifest & { file: string };
      const { status, body } = await client.post<Made>('/v1/admin/backups', {});
      expect(status).toBe(201);
      await Promise.all(lanes);
      expect(load.refused).toEqual([]);
      expect(load.acknowledged).toHaveLength(10_000);
      expect(BigInt(body.position)).toBeGreaterThanOrEqual(before);

      const listed = await client.get<{ items: Made[]; next: null }>('/v1/admin/backups');
      expect(listed.body).toEqual({ items: [body], next: null });
      expect(readdirSync(join(folder, 'backups')).sort()).toEqual([body.file, `${body.file}.json`]);

      const whole = await client.log(load.acknowledged.at(-1)!.position);
      const made = join(folder, 'backups', body.file);
      expect(promoledger(['restore', made], `sqlite:${restored.path}`)).toMatchObject({ status: 0, stderr: '' });
      const again = await restored.start();
      const log = await again.log(body.position);
      expect(log).toHaveLength(body.events);
      expect(log).toEqual(whole.slice(0, body.events));
      expect(await again.append(published('another'))).toBe(String(body.events + 1));

      expect(promoledger(['backup', join(folder, 'by-hand.db')], `sqlite:${service.path}`)).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/in use by another process.*POST .*\/v1\/admin\/backups/),
      });
    } finally {
      await service.remove();
      await restored.remove();
    }
  }, 60_000);
});

describe('the command line', () => {
  it('backs up a ledger that nobody has open, and restores it', async () => {
    const path = join(folder, 'ledger.db');
    const store = await ledgerOf(path, 20);
    const { sha256 } = await digestOf(store, 20n);
    await store.close();
    const [backup, copy] = [join(folder, 'deep', 'backup.db'), join(folder, 'new', 'ledger.db')];
    const made = promoledger(['backup', backup, '--json'], `sqlite:${path}`);
    expect(JSON.parse(made.stdout)).toMatchObject({ events: 20, position: '20', sha256 });
    expect(promoledger(['restore', backup], `sqlite:${copy}`)).toMatchObject({ status: 0 });
    const restored = SqliteEventStore.open(copy);
    expect(await digestOf(restored, 20n)).toEqual({ events: 20, sha256 });
    await restored.close();
    for (const again of [
      promoledger(['backup', backup], `sqlite:${path}`),
      promoledger(['restore', backup], `sqlite:${copy}`),
    ]) {
      expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining('is there') });
    }
  });

  it.each([
    ['backup', 'esdb://localhost:2113?tls=false', 'the ledger is not in a file'],
    ['restore', 'memory:', 'the ledger is not in a file'],
    ['backup', 'sqlite:./no/such/ledger.db', 'there is no ledger ./no/such/ledger.db'],
    ['restore', 'sqlite:./no/such/ledger.db', 'there is no manifest'],
  ])('refuses %s of %s clearly', (command, store, words) => {
    const refused = promoledger([command, join(folder, 'backup.db')], store);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining(words) });
    expect(existsSync('./no')).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a restore', () => {
  let backup: string;
  let path: string;
  beforeEach(async () => {
    const store = await ledgerOf(join(folder, 'ledger.db'), 500);
    [backup, path] = [join(folder, 'backup.db'), join(folder, 'restored', 'ledger.db')];
    await backUp(store, backup, Date.now);
    await store.close();
  });

  it.each<[string, () => void]>([
    ['is cut short', () => truncateSync(backup, 8192)],
    [
      'has a byte that is another',
      () => {
        const bytes = readFileSync(backup);
        const at = bytes.lastIndexOf('{"n":250}');
        bytes.write('{"n":251}', at);
        writeFileSync(backup, bytes);
      },
    ],
    [
      'is of another log than its manifest',
      () => {
        const manifest = JSON.parse(readFileSync(`${backup}.json`, 'utf8')) as Manifest;
        writeFileSync(`${backup}.json`, JSON.stringify({ ...manifest, events: 499 }));
      },
    ],
    ['is no database', () => writeFileSync(backup, 'x'.repeat(20_000))],
    ['has a manifest of a format to come', () => writeFileSync(`${backup}.json`, '{"format":2}')],
    ['has no manifest', () => rmSync(`${backup}.json`)],
  ])('leaves nothing behind when the backup %s', async (_, spoil) => {
    spoil();
    await expect(restore(backup, path)).rejects.toThrow(/damaged|manifest|not a ledger/);
    expect(existsSync(join(folder, 'restored')) ? readdirSync(join(folder, 'restored')) : []).toEqual([]);
  });

  it('never writes over a ledger, one that is open, or what is left of one', async () => {
    const store = await ledgerOf(path, 3);
    await expect(restore(backup, path)).rejects.toThrow('ledger.db is there');
    await store.close();
    await expect(restore(backup, path)).rejects.toThrow('ledger.db is there');
    rmSync(path);
    writeFileSync(`${path}-wal`, '');
    await expect(restore(backup, path)).rejects.toThrow('ledger.db-wal is there');
    rmSync(`${path}-wal`);
    await restore(backup, path);
    expect(readdirSync(join(folder, 'restored'))).toEqual(['ledger.db']);
  });

  it('removes what was made from another ledger, and nothing that is not made again', async () => {
    await (await ledgerOf(path, 1)).close();
    rmSync(path);
    for (const suffix of ['.models', '.models-wal', '.snapshots', '.notices'])
      writeFileSync(path + suffix, 'of another');
    await restore(backup, path);
    expect(readdirSync(join(folder, 'restored')).sort()).toEqual(['ledger.db', 'ledger.db.notices']);
  });
});

describe('a backup that cannot be made', () => {
  it('is refused where there is no file, or no directory for it', async () => {
    const service = await startService();
    expect(await service.client.post('/v1/admin/backups', {})).toMatchObject({
      status: 422,
      body: { code: 'no-backups' },
    });
    await service.stop();
    const backups = new Backups(new MemoryEventStore(), folder, Date.now, () => undefined);
    expect(await backups.make()).toBe('not-a-file');
  });

  it('leaves nothing, tells the operator why, and does not hinder the next', async () => {
    const store = await ledgerOf(join(folder, 'ledger.db'), 10);
    const told: unknown[][] = [];
    writeFileSync(join(folder, 'taken'), 'a file where the directory should be');
    const failing = new Backups(store, join(folder, 'taken'), Date.now, (...said) => told.push(said));
    await expect(failing.make()).rejects.toThrow('It was not written');
    expect(told).toMatchObject([
      ['a backup could not be made', { name: 'BackupFailedError', cause: { code: 'EEXIST' } }],
    ]);
    const backups = new Backups(store, join(folder, 'backups'), Date.now, () => undefined);
    const two = await Promise.all([backups.make(), backups.make()]);
    expect(two).toMatchObject([{ events: 10 }, 'under-way']);
    expect(await backups.make()).toMatchObject({ events: 10 });
    expect(backups.list(1, null)).toHaveLength(1);
    expect(backups.list(9, backups.list(1, null)[0]!.file)).toHaveLength(1);
    await store.close();
  });

  it('ends with the ledger that it is of, and leaves nothing', async () => {
    const store = await ledgerOf(join(folder, 'ledger.db'), 20_000);
    const made = backUp(store, join(folder, 'backup.db'), Date.now);
    await Promise.all([expect(made).rejects.toThrow('clos'), store.close()]);
    expect(readdirSync(folder)).toEqual(['ledger.db']);
  });
});
