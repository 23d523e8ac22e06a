import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SealFile } from '../../src/audit/seals/seal-file.js';
import { Sealer } from '../../src/audit/seals/sealer.js';
import { isDamage, LocalSeals, type SealsKeeper } from '../../src/audit/seals/seals.js';
import type { Recorded } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { fill, temporaryFolder } from '../audit/sealed-ledger.js';

type Keep = (path: string, report: (message: string) => void) => Promise<SealsKeeper>;
/** The thread is there once the service is built: run "npm run build" first. */
const BUILT: string = '../../dist/src/audit/seals/threaded-seals.js';
const built = (await import(BUILT)) as { readonly keepSeals: Keep };

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
let told: string[];
let events: readonly Recorded[];
const report = (message: string) => void told.push(message);
beforeEach(async () => {
  folder = temporaryFolder();
  path = folder.path('ledger.db.seals');
  told = [];
  const store = new MemoryEventStore();
  await fill(store, 1, 300);
  events = await Array.fromAsync(store.readAll());
});
afterEach(() => folder.remove());

describe.each<[string, Keep]>([
  ['this thread', async (...given) => new LocalSeals(...given)],
  ['a thread of their own', built.keepSeals],
])('seals that are kept in %s', (where, keep) => {
  it('are what a file of seals has', async () => {
    const file = new SealFile('');
    const seals = await keep(path, report);
    expect(seals.constructor.name).toBe(where === 'this thread' ? 'LocalSeals' : 'ThreadedSeals');
    expect(seals.last).toBeUndefined();
    for (const part of [events.slice(0, 270), events.slice(270)]) {
      file.add(part);
      await seals.add(part);
      expect(seals.last).toEqual(file.last);
    }
    const { size } = file;
    expect(await seals.ask('root')).toEqual(file.root());
    expect(await seals.ask('root', 256)).toEqual(file.root(256));
    expect(await seals.ask('entry', 259)).toEqual(file.entry(259));
    expect(await seals.ask('positionAt', 260)).toBe(261n);
    expect(await seals.ask('indexAt', 261n)).toBe(260);
    expect(await seals.ask('inclusionPath', 7, size)).toEqual(file.inclusionPath(7, size));
    expect(await seals.ask('consistencyPath', 256, size)).toEqual(file.consistencyPath(256, size));
    expect(await seals.ask('latestCheckpoint')).toBeUndefined();
    await seals.searchedTo(1000n);
    expect(seals.last).toMatchObject({ size, searched: 1000n });
    await seals.close();
    const again = await keep(path, report);
    expect(again.last).toMatchObject({ size, searched: 1000n });
    await again.close();
    expect(told).toEqual([]);
  });

  it('are somebody’s alone', async () => {
    const holder = new SealFile(path);
    await expect((async () => keep(path, report))()).rejects.toThrow('database is locked');
    holder.close();
    const seals = await keep(path, report);
    expect(() => new SealFile(path)).toThrow('database is locked');
    await seals.close();
    expect(told).toEqual([]);
  });

  it('are set aside when they are no seals, and what else is wrong is known for what it is', async () => {
    writeFileSync(path, 'no database, whatever its name may say of it');
    const seals = await keep(path, report);
    expect(told).toEqual([expect.stringMatching(/^the seals were made again from the log: .* is kept as /)]);
    // What this process made is as good as it can make it.
    expect(await seals.beginAnew('for no reason')).toBe(false);
    expect(await seals.ask('entry', 3).catch(isDamage)).toBe(true);
    await seals.add(events.slice(0, 20));
    await seals.close();

    const known = await keep(path, report);
    // Ten events that were not given to it are missing from their streams.
    expect(await known.add(events.slice(30)).catch(isDamage)).toBe(true);
    expect(known.size).toBe(20);
    expect(await known.beginAnew('it lacks something')).toBe(true);
    expect(known.size).toBe(0);
    expect(told).toHaveLength(2);
    await known.close();
  });

  it('are the log’s before anything is signed, whoever damaged them', async () => {
    const store = new MemoryEventStore();
    const sealer = async () => new Sealer(store, await keep(path, report), report);
    await fill(store, 1, 300);
    const first = await sealer();
    first.start();
    expect(await first.reached(await store.head(), 10_000)).toBe(true);
    const root = await first.seals.ask('root');
    await first.close();
    const db = new DatabaseSync(path);
    db.exec('UPDATE tiles SET hashes = zeroblob(32) WHERE tile = 1099511627776');
    db.close();

    const second = await sealer();
    expect(second.sound).toBeUndefined();
    second.start();
    expect(await second.reached(await store.head(), 10_000)).toBe(true);
    expect(await second.sound!.ask('root')).toEqual(root);
    expect(told).toEqual([expect.stringContaining('the hashes of tile 0 of level 0 are not those that the tree has')]);
    await second.close();
  });
});

it('a thread that is closed is waited for by its process, whatever is asked meanwhile', () => {
  const script = folder.path('closes.mjs');
  writeFileSync(
    script,
    `import { keepSeals } from '${new URL(BUILT, import.meta.url).href}';
    const seals = await keepSeals('', () => undefined);
    const closed = seals.close();
    const late = [1, 2, 3].map(() => seals.ask('root').catch((error) => error.message));
    // The thread has answered what it could before this one looks.
    for (const until = Date.now() + 200; Date.now() < until;);
    await closed;
    console.log(...await Promise.all(late));`,
  );
  const { status, stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${'the thread is closed '.repeat(3).trim()}\n` });
});
