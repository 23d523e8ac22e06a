import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type CountersAt, openCounters } from '../../src/http/limits/counters.js';
import { OperationsPerHour, rateLimitHeaders, ruleOf } from '../../src/http/limits/operations.js';
import type { Scope } from '../../src/http/scopes.js';

const QUOTAS = new Map<Scope, number>([
  ['facts:write', 100],
  ['ledger:read', 3],
]);

const told: string[] = [];
const open = (at: Partial<CountersAt>): OperationsPerHour =>
  new OperationsPerHour(
    QUOTAS,
    openCounters({ redis: null, prefix: '', path: null, ...at }, (message) => told.push(message)),
  );

const facts = (count: number): Scope[] => Array.from({ length: count }, () => 'facts:write');

const directory = mkdtempSync(join(tmpdir(), 'promoledger-limits-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A Redis of its own on a free port, which can be ended and started again. */
class RedisProcess {
  private child: ChildProcess | undefined;

  private constructor(readonly port: number) {}

  static async start(): Promise<RedisProcess> {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const redis = new RedisProcess(port);
    await redis.start();
    return redis;
  }

  async start(): Promise<void> {
    this.child = spawn('redis-server', [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--dir',
      directory,
    ]);
    for await (const line of this.child.stdout!) if (String(line).includes('Ready to accept')) break;
  }

  async stop(): Promise<void> {
    this.child!.kill('SIGKILL');
    await once(this.child!, 'exit');
  }
}

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
const withRedis = hasRedis ? describe : describe.skip;
if (!hasRedis) console.warn('skipped: limits shared through Redis, since there is no redis-server here');

let redis: RedisProcess | undefined;
beforeAll(async () => {
  if (hasRedis) redis = await RedisProcess.start();
});
afterAll(() => redis?.stop());

const PLACES: readonly (readonly [string, () => Partial<CountersAt>])[] = [
  ['memory', () => ({})],
  ['a file', () => ({ path: join(directory, 'contract.limits') })],
  ...(hasRedis ? [['Redis', () => ({ redis: `redis://127.0.0.1:${redis!.port}` })] as const] : []),
];

describe.each(PLACES)('operations in an hour, counted in %s', (name, at) => {
  let operations: OperationsPerHour;
  beforeAll(async () => {
    operations = open(at());
    // The first connection takes a moment, and nothing waits for it.
    if (name === 'Redis') await sleep(300);
  });
  afterAll(() => operations.close());

  it('are the sum over requests, by client and scope', async () => {
    expect(await operations.take('a', facts(50), 'all')).toMatchObject({
      count: 50,
      short: undefined,
      standings: [{ scope: 'facts:write', quota: 100, remaining: 50, resetSeconds: 3600 }],
    });
    expect(await operations.take('b', facts(100), 'all')).toMatchObject({ count: 100, standings: [{ remaining: 0 }] });
    expect(await operations.take('a', ['ledger:read'], 'all')).toMatchObject({
      count: 1,
      standings: [{ remaining: 2 }],
    });
    expect(await operations.take('a', facts(50), 'all')).toMatchObject({ count: 50, standings: [{ remaining: 0 }] });
  });

  it('are granted wholly or not at all, and what is refused is not counted', async () => {
    await operations.take('c', facts(70), 'all');
    const refused = await operations.take('c', facts(31), 'all');
    expect(refused).toMatchObject({ count: 0, short: { scope: 'facts:write', remaining: 30, quota: 100 } });
    expect(refused.short!.resetSeconds).toBeGreaterThan(3500);
    expect(await operations.take('c', facts(30), 'all')).toMatchObject({ count: 30, short: undefined });
    expect(await operations.take('c', facts(1), 'all')).toMatchObject({ count: 0, short: { remaining: 0 } });
  });

  it('of a stream are granted from the first on', async () => {
    await operations.take('d', facts(95), 'first');
    expect(await operations.take('d', facts(20), 'first')).toMatchObject({ count: 5, short: { remaining: 0 } });
    expect(await operations.take('d', facts(20), 'first')).toMatchObject({ count: 0 });
  });

  it('of several scopes are taken together: what one lacks, the others keep', async () => {
    await operations.take('e', ['ledger:read', 'ledger:read', 'ledger:read'], 'all');
    const mixed: Scope[] = ['facts:write', 'facts:write', 'ledger:read', 'facts:write'];
    expect(await operations.take('e', mixed, 'all')).toMatchObject({
      count: 0,
      short: { scope: 'ledger:read' },
      standings: [{ scope: 'facts:write', remaining: 100 }, { scope: 'ledger:read' }],
    });
    expect(await operations.take('e', mixed, 'first')).toMatchObject({ count: 2, standings: [{ remaining: 98 }, {}] });
    expect(await operations.take('e', facts(98), 'all')).toMatchObject({ count: 98 });
  });

  it('asked for at the same time are never granted twice', async () => {
    const taken = await Promise.all(Array.from({ length: 40 }, () => operations.take('f', facts(7), 'first')));
    expect(taken.reduce((sum, { count }) => sum + count, 0)).toBe(100);
  });

  it('that are refused take nothing from those beside them, not for a moment', async () => {
    const other = open(at());
    if (name === 'Redis') await sleep(300);
    // In memory each has its own.
    const beside = name === 'memory' ? operations : other;
    await operations.take('g', facts(80), 'all');
    const large = Array.from({ length: 50 }, () => beside.take('g', facts(90), 'all'));
    const single = Array.from({ length: 20 }, () => operations.take('g', facts(1), 'all'));
    expect((await Promise.all(large)).filter(({ count }) => count > 0)).toEqual([]);
    expect((await Promise.all(single)).filter(({ short }) => short)).toEqual([]);
    expect(await beside.take('g', facts(1), 'all')).toMatchObject({ count: 0, short: { remaining: 0 } });
    other.close();
  });

  it('of a scope without a limit are not counted', async () => {
    const mixed: Scope[] = ['audit:read', 'ledger:read', 'audit:read', 'ledger:read', 'ledger:read', 'ledger:read'];
    expect(await operations.take('h', mixed, 'first')).toMatchObject({ count: 5, standings: [{ remaining: 0 }] });
    expect(await operations.take('a', ['audit:read'], 'all')).toEqual({ count: 1, standings: [], short: undefined });
  });
});

describe('the file of the limits', () => {
  it('outlives the process, and names no client', async () => {
    const path = join(directory, 'restart.limits');
    const before = open({ path });
    await before.take('someone@example.com', facts(60), 'all');
    before.close();
    const after = open({ path });
    expect(await after.take('someone@example.com', facts(41), 'all')).toMatchObject({
      count: 0,
      short: { remaining: 40 },
    });
    after.close();
    expect(readFileSync(path).includes('someone')).toBe(false);
  });

  it('keeps no counter whose hour is over, for as long as the process lives', async () => {
    const path = join(directory, 'swept.limits');
    const operations = open({ path });
    const begun = Date.now();
    for (const client of ['a', 'b', 'c']) await operations.take(client, facts(1), 'all');
    const now = jest.spyOn(Date, 'now').mockReturnValue(begun + 2 * 3_600_000);
    expect(await operations.take('a', facts(100), 'all')).toMatchObject({ count: 100 });
    now.mockRestore();
    const db = new DatabaseSync(path, { readOnly: true });
    expect(db.prepare('SELECT points FROM operations').all()).toEqual([{ points: 100 }]);
    db.close();
    operations.close();
  });

  it('that cannot be written is told, and counted in memory meanwhile', async () => {
    const path = join(directory, 'broken.limits');
    const operations = open({ path });
    await operations.take('a', facts(90), 'all');
    // The connection behind it is gone: every statement fails, as on a broken disk.
    operations.close();
    told.length = 0;
    expect(await operations.take('a', facts(60), 'all')).toMatchObject({ count: 60 });
    expect(await operations.take('a', facts(60), 'all')).toMatchObject({ count: 0 });
    expect(told).toEqual(['operations cannot be counted in their file: each process counts its own, from nothing']);
  });
});

withRedis('limits shared through Redis', () => {
  it('are one for all instances, and apart for ledgers with another prefix', async () => {
    const at = { redis: `redis://127.0.0.1:${redis!.port}` };
    const [one, other, elsewhere] = [open(at), open(at), open({ ...at, prefix: 'acme_' })];
    await sleep(300);
    expect(await one.take('shared', facts(60), 'all')).toMatchObject({ count: 60 });
    expect(await other.take('shared', facts(60), 'all')).toMatchObject({ count: 0, short: { remaining: 40 } });
    expect(await elsewhere.take('shared', facts(60), 'all')).toMatchObject({ count: 60 });
    for (const each of [one, other, elsewhere]) each.close();
  });

  it('are counted alone while it is away, which is told, and together again afterwards', async () => {
    const own = await RedisProcess.start();
    told.length = 0;
    const operations = open({ redis: `redis://127.0.0.1:${own.port}` });
    try {
      await sleep(300);
      await operations.take('a', facts(100), 'all');
      await own.stop();
      expect(await operations.take('a', facts(100), 'all')).toMatchObject({ count: 100 });
      expect(await operations.take('a', facts(1), 'all')).toMatchObject({ count: 0 });
      expect(told).toEqual([expect.stringMatching(/^operations cannot be counted in the shared store/)]);
      await own.start();
      while (told.length < 2) await sleep(20);
      expect(told[1]).toBe('operations are counted in the shared store again');
    } finally {
      operations.close();
      await own.stop();
    }
  });
});

describe('what a client is told', () => {
  const standing = { scope: 'facts:write', quota: 100, remaining: 3, resetSeconds: 1800 } as const;

  it('are the fields of the draft', () => {
    expect(rateLimitHeaders([standing, { ...standing, scope: 'grants:write' }])).toEqual({
      'ratelimit-policy': '"facts:write";q=100;w=3600, "grants:write";q=100;w=3600',
      ratelimit: '"facts:write";r=3;t=1800, "grants:write";r=3;t=1800',
    });
    expect(rateLimitHeaders([])).toEqual({});
  });

  it('is the rule in words', () => {
    expect(ruleOf(standing, 7)).toMatch(/100 operations of facts:write in an hour.*3 are left and 7.*ends in 1800 s/);
    expect(ruleOf(standing, 101)).toMatch(/send fewer at once/);
  });
});
