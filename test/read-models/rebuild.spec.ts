import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { type NewEvent, StoreUnavailableError } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { Models } from '../../src/read-models/models.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { LocalWriter, type ModelsWriter, ModelsStorageError } from '../../src/read-models/writer.js';
import { ACCOUNT, AccountHistory, at, eur } from './account-history.js';

const [OLD, NEW] = [6, 7];
const NOW = at('2022-12-01T00:00:00Z');
const STREAM = accountStream(ACCOUNT.advertiserId, ACCOUNT.marketplace);

/** A credit of EUR 500 and clicks of a euro each. */
const history = new AccountHistory(at('2022-09-01T00:00:00Z'));
history.give({
  creditId: 'credit',
  appliedMinor: 50_000,
  appliedAt: at('2022-10-01T00:00:00Z'),
  expiresAt: at('2023-01-01T00:00:00Z'),
});
for (let n = 0; n < 300; n += 1) history.click(`click-${n}`, 100, at('2022-10-05T00:00:00Z'));

let directory: string;
let path: string;
let store: MemoryEventStore;
let appended: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  path = join(directory, 'models');
  store = new MemoryEventStore();
  appended = 0;
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

/** Appends the history's events up to a number of them. */
async function record(through: number): Promise<void> {
  const events = history.events.slice(appended, through).map(({ id, type, data, metadata }): NewEvent => {
    return { id, type, data, metadata };
  });
  await store.append(STREAM, 'any', events);
  appended = through;
}

/** What one version of the code has; `wrap` may stand between it and its tables. */
async function modelsOf(version: number, wrap = (writer: ModelsWriter, _path: string) => writer) {
  const open = async (file: string) => {
    const db = new ReadModelDatabase(file, version, OLD);
    return wrap(new LocalWriter(db, new Models(db, () => NOW).all, true), file);
  };
  const rebuilt: (string | null)[] = [];
  const held: string[] = [];
  const observer = {
    projected: () => undefined,
    stopped: () => undefined,
    held: (error: Error) => void held.push(error.message),
    rebuilt: (error: Error | null) => void rebuilt.push(error && error.message),
  };
  const writing = { writer: await open(path), open };
  const models = new ReadModels(store, new ReadModelDatabase(path, version, OLD), observer, () => NOW, writing);
  await models.start();
  return { models, rebuilt, held };
}

function available(models: ReadModels): string {
  const known = models.runner.position;
  const balance = models.accounts.balance({ asOf: NOW, known }, ACCOUNT.advertiserId, ACCOUNT.marketplace);
  if (isRefusal(balance)) throw new Error(balance.detail);
  // As many clicks as are said to be included, whichever tables answer.
  expect(balance.available).toBe(eur(50_000 - 100 * (Number(known) - 2)).amount);
  return balance.available;
}

/** Writes as long as it is not held up. */
class Held implements ModelsWriter {
  constructor(
    private readonly inner: ModelsWriter,
    private readonly beforeWrite: () => Promise<void>,
  ) {}
  checkpoint = () => this.inner.checkpoint();
  searched = (position: bigint) => this.inner.searched(position);
  clear = () => this.inner.clear();
  close = () => this.inner.close();
  async write(...events: Parameters<ModelsWriter['write']>): Promise<void> {
    await this.beforeWrite();
    await this.inner.write(...events);
  }
}

describe('read models built anew in the background', () => {
  it('answer from those of the version before, which are kept up, until the new ones include as much', async () => {
    await record(100);
    const before = await modelsOf(OLD);
    await before.models.caughtUp();
    await before.models.close();
    let release = () => undefined as void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const isNext = (file: string) => file.endsWith('.next');
    const { models, rebuilt } = await modelsOf(NEW, (writer, file) => {
      return isNext(file) ? new Held(writer, () => gate) : writer;
    });
    expect(models.isRebuilding).toBe(true);
    expect(available(models)).toBe('402.00');
    await record(200);
    await models.caughtUp();
    expect(available(models)).toBe('302.00');
    const waiting = models.reached(201n);
    release();
    while (models.isRebuilding) {
      available(models);
      await sleep(1);
    }
    expect(rebuilt).toEqual([null]);
    await record(201);
    await waiting;
    expect(available(models)).toBe('301.00');
    await models.close();
    const after = new ReadModelDatabase(path, NEW, OLD);
    expect([after.isCurrent, existsSync(`${path}.next`)]).toEqual([true, false]);
    after.close();
  });

  it('put right what was spoilt, while facts are recorded and questions asked', async () => {
    await record(50);
    const { models, rebuilt } = await modelsOf(NEW);
    await models.caughtUp();
    const spoiler = new DatabaseSync(path, { timeout: 5000 });
    spoiler.exec(`UPDATE accounts SET currency = 'USD'`);
    spoiler.close();
    const currency = () => {
      const { known } = { known: models.runner.position };
      const account = models.accounts.accountAt(ACCOUNT.advertiserId, ACCOUNT.marketplace, { asOf: NOW, known });
      return account?.currency;
    };
    expect(currency()).toBe('USD');
    // What a crash has left of an earlier attempt.
    writeFileSync(`${path}.next`, 'spoilt, too');
    const done = models.rebuild();
    expect(models.rebuild()).toBe(done);
    for (let through = 51; models.isRebuilding && through <= 300; through += 1) {
      await record(through);
      await sleep(1);
    }
    await done;
    expect([currency(), rebuilt]).toEqual(['EUR', [null]]);
    await record(301);
    await models.caughtUp();
    available(models);
    await models.close();
  });

  it.each(['written', 'closed'])('leave the former ones at work when the new ones cannot be %s', async (what) => {
    await record(50);
    const no = () => Promise.reject(new Error('no'));
    const { models, rebuilt } = await modelsOf(NEW, (writer, file) => {
      if (!file.endsWith('.next')) return writer;
      if (what === 'written') return new Held(writer, no);
      return Object.assign(new Held(writer, () => Promise.resolve()), { close: () => writer.close().then(no) });
    });
    await models.caughtUp();
    await expect(models.rebuild()).rejects.toThrow('no');
    expect(rebuilt).toEqual(['no']);
    await record(60);
    await models.caughtUp();
    expect(available(models)).toBe('442.00');
    await models.close();
  });

  it('leave the former ones at work when the new ones fail by what is recorded while they are taken up', async () => {
    await record(50);
    let isLast = false;
    const fails = async () => {
      if (!isLast) return;
      // Long enough that they are not known to have failed when they are asked whether they include as much.
      await sleep(100);
      throw new Error('no');
    };
    const { models, rebuilt } = await modelsOf(NEW, (writer, file) => {
      return file.endsWith('.next') ? new Held(writer, fails) : writer;
    });
    await models.caughtUp();
    const { runner } = models;
    const stop = jest.spyOn(runner, 'stop').mockImplementationOnce(async (options) => {
      await runner.stop(options);
      isLast = true;
      await record(51);
      // It is on its way to the new ones.
      await sleep(20);
    });
    await expect(models.rebuild()).rejects.toThrow('no');
    expect(stop).toHaveBeenCalledTimes(2);
    expect(rebuilt).toEqual(['no']);
    expect(models.runner).toBe(runner);
    await models.caughtUp();
    expect(available(models)).toBe('451.00');
    await models.close();
  });
});

describe('read models whose file cannot be written for a while', () => {
  it('answer from what was written before, and go on by themselves', async () => {
    let isFull = false;
    const { models, held } = await modelsOf(NEW, (writer) => {
      return new Held(writer, () => (isFull ? Promise.reject(new ModelsStorageError('disk full')) : Promise.resolve()));
    });
    await record(50);
    await models.caughtUp();
    isFull = true;
    await record(60);
    expect(await models.runner.reached(60n, 50)).toBe(false);
    expect(available(models)).toBe('452.00');
    await record(70);
    isFull = false;
    await models.reached(70n);
    expect(available(models)).toBe('432.00');
    expect(new Set(held)).toEqual(new Set(['disk full']));
    await models.close();
  });

  it('waits for a store that is away when a reversal names its click', async () => {
    const { models, held } = await modelsOf(NEW);
    await record(50);
    await models.caughtUp();
    const find = store.find.bind(store);
    store.find = () => Promise.reject(new StoreUnavailableError('away'));
    const reversed = new AccountHistory(at('2022-09-01T00:00:00Z'));
    for (const { type, data } of history.events.slice(1, 50)) reversed.record({ type, data } as AccountEvent);
    reversed.reverse('click-7', at('2022-10-06T00:00:00Z'));
    const { id, type, data, metadata } = reversed.events.at(-1)!;
    await store.append(STREAM, 'any', [{ id, type, data, metadata }]);
    expect(type).toBe('ClickReversed');
    expect(await models.runner.reached(51n, 50)).toBe(false);
    store.find = find;
    await models.reached(51n);
    expect(new Set(held)).toEqual(new Set(['away']));
    const moment = { asOf: NOW, known: 51n };
    const clicks = models.books.sections.matching({}, ['clicks']);
    expect(clicks.map(({ name }) => name)).toEqual(['SP']);
    expect(await models.books.sections.total(clicks[0]!.id, moment)).toBe(-4700n);
    await models.close();
  });

  it('is told from a fault of a model by what SQLite says', async () => {
    const db = new ReadModelDatabase(path, NEW, OLD);
    db.create('CREATE TABLE IF NOT EXISTS wide (text TEXT)');
    const grow = db.prepare('INSERT INTO wide VALUES (?)');
    const failing = new LocalWriter(db, [{ apply: () => grow.run('x'.repeat(1_000_000)), forget: () => undefined }]);
    const [event] = history.events;
    const limit = db.prepare('PRAGMA max_page_count = 40');
    limit.get();
    await expect(failing.write([event!], [], 0n)).rejects.toThrow(ModelsStorageError);
    const broken = new LocalWriter(db, [{ apply: () => void JSON.parse('{'), forget: () => undefined }]);
    await expect(broken.write([event!], [], 0n)).rejects.toThrow(SyntaxError);
    db.close();
  });
});
