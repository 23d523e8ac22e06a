import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CommandHandling } from '../../src/commands/handling.js';
import { Snapshots } from '../../src/commands/snapshots.js';
import { StreamStates } from '../../src/commands/stream-states.js';
import { plainCodec, type Decider } from '../../src/kernel/decider.js';
import { SharedStore } from '../support/shared-store.js';

interface Counted {
  readonly type: 'Counted';
  readonly data: { readonly key: string; readonly total: number };
}

/** Counts what it is told of: its state tells how many events were folded. */
const counter: Decider<{ readonly total: number }, { readonly key: string }, Counted> = {
  initial: { total: 0 },
  decide: ({ key }, { total }) => [{ type: 'Counted', data: { key, total: total + 1 } }],
  evolve: ({ total }) => ({ total: total + 1 }),
  idOf: ({ type, data }) => `${type}:${data.key}`,
  codec: plainCodec(1),
};

const STREAM = 'counter-1';
const EVENTS = 1200;

let directory: string;
let path: string;
let open: Snapshots[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promoledger-snapshots-'));
  path = join(directory, 'ledger.db.snapshots');
  open = [];
});
afterEach(() => {
  closeAll();
  rmSync(directory, { recursive: true, force: true });
});

const snapshotsAt = (at: string | null = path) => {
  const snapshots = new Snapshots(at);
  open.push(snapshots);
  return snapshots;
};
const closeAll = () => open.splice(0).forEach((snapshots) => snapshots.close());

async function storeOf(count: number, keyOf = (n: number) => `${n}`): Promise<SharedStore> {
  const store = new SharedStore();
  const events = Array.from({ length: count }, (_, n) => ({
    id: `Counted:${keyOf(n)}`,
    type: 'Counted',
    data: { key: keyOf(n), total: n + 1 },
    metadata: { version: 1 },
  }));
  for (let n = 0; n < count; n += 100) await store.append(STREAM, 'any', events.slice(n, n + 100));
  return store;
}

/** What a process that has just started makes of the stream, and how many events it read for that. */
async function restarted(store: SharedStore, snapshots = snapshotsAt(), decider = counter) {
  const before = store.eventsRead;
  const { total } = await new CommandHandling(store, decider, snapshots).stateOf(STREAM);
  return { total, read: store.eventsRead - before };
}

/** A store, and a snapshot of its stream on disk. */
async function withSnapshot(): Promise<SharedStore> {
  const store = await storeOf(EVENTS);
  expect(await restarted(store)).toEqual({ total: EVENTS, read: EVENTS });
  closeAll();
  return store;
}

describe('a snapshot', () => {
  it('stands in for the events before it, read with the one it includes last', async () => {
    const store = await withSnapshot();
    expect(await restarted(store)).toEqual({ total: EVENTS, read: 1 });
  });

  it('leaves the tail to be read', async () => {
    const store = await withSnapshot();
    const handling = new CommandHandling(store, counter);
    for (const key of ['a', 'b', 'c']) {
      await handling.execute({ stream: STREAM, command: { key }, id: `Counted:${key}`, said: {} });
    }
    expect(await restarted(store)).toEqual({ total: EVENTS + 3, read: 4 });
  });

  it('is renewed as a stream in use grows', async () => {
    const store = new SharedStore();
    const handling = new CommandHandling(store, counter, snapshotsAt());
    const send = (key: string) =>
      handling.execute({ stream: STREAM, command: { key }, id: `Counted:${key}`, said: {} });
    for (let n = 0; n < EVENTS; n += 60) {
      await Promise.all(Array.from({ length: 60 }, (_, k) => send(`${n + k}`)));
    }
    closeAll();
    const { total, read } = await restarted(store);
    expect(total).toBe(EVENTS);
    expect(read).toBeLessThan(600);
  });

  it('is not made of a short stream', async () => {
    const store = await storeOf(400);
    await restarted(store);
    closeAll();
    expect(await restarted(store)).toEqual({ total: 400, read: 400 });
  });

  it('of a heavy state is made as rarely as the state is heavy', async () => {
    const heavy = { ...counter, codec: { ...counter.codec!, weigh: () => 1000 } };
    const store = await storeOf(900);
    await restarted(store, snapshotsAt(), heavy);
    closeAll();
    expect(await restarted(store, snapshotsAt(), heavy)).toMatchObject({ read: 900 });
  });

  it('of another version is not read', async () => {
    const store = await withSnapshot();
    const next = { ...counter, codec: plainCodec<{ total: number }>(2) };
    expect(await restarted(store, snapshotsAt(), next)).toEqual({ total: EVENTS, read: EVENTS });
  });

  it.each<[string, () => Promise<SharedStore>]>([
    ['has other facts', () => storeOf(EVENTS, (n) => `other-${n}`)],
    ['has the same facts, recorded at another time', () => storeOf(EVENTS)],
    ['is shorter', () => storeOf(300)],
    ['has nothing of the stream', () => storeOf(0)],
  ])('of another log, which %s, is not used', async (_, another) => {
    await withSnapshot();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const store = await another();
    const events = await Array.fromAsync(store.read(STREAM));
    store.eventsRead = 0;
    const { total, read } = await restarted(store);
    expect(total).toBe(events.length);
    expect(read).toBeGreaterThanOrEqual(events.length);
  });

  it('is not used once a byte of it has changed', async () => {
    const store = await withSnapshot();
    const sql = new DatabaseSync(path);
    sql.exec(`UPDATE snapshots SET state = replace(state, '${EVENTS}', '${EVENTS + 1}')`);
    sql.close();
    expect(await restarted(store)).toEqual({ total: EVENTS, read: EVENTS });
  });
});

describe('without a file that can be used, there are no snapshots and nothing else changes:', () => {
  /** Whether a snapshot is found by the process after the next. */
  async function isKeptFrom(store: SharedStore): Promise<boolean> {
    expect(await restarted(store)).toEqual({ total: EVENTS, read: EVENTS });
    closeAll();
    const { total, read } = await restarted(store);
    expect(total).toBe(EVENTS);
    return read === 1;
  }

  it('one that was deleted is begun anew', async () => {
    const store = await withSnapshot();
    rmSync(path);
    expect(await isKeptFrom(store)).toBe(true);
  });

  it('one that is no database is begun anew', async () => {
    const store = await withSnapshot();
    writeFileSync(path, 'not a database, and longer than its header would be. '.repeat(100));
    expect(await isKeptFrom(store)).toBe(true);
  });

  it('one that was cut off is begun anew', async () => {
    const store = await withSnapshot();
    writeFileSync(path, readFileSync(path).subarray(0, 5000));
    expect(await isKeptFrom(store)).toBe(true);
  });

  it('one that cannot be made is done without', async () => {
    mkdirSync(path);
    expect(await isKeptFrom(await storeOf(EVENTS))).toBe(false);
  });

  it('one that another process has is done without, and left alone', async () => {
    const store = await withSnapshot();
    const owner = snapshotsAt();
    expect(await restarted(store, snapshotsAt())).toEqual({ total: EVENTS, read: EVENTS });
    expect(await restarted(store, owner)).toEqual({ total: EVENTS, read: 1 });
  });

  it('one that fails while in use is done without', async () => {
    const store = await withSnapshot();
    const snapshots = snapshotsAt();
    snapshots.close();
    expect(await restarted(store, snapshots)).toEqual({ total: EVENTS, read: EVENTS });
  });

  it('a store in memory has none', async () => {
    expect((await restarted(await storeOf(EVENTS), snapshotsAt(null))).read).toBe(EVENTS);
  });
});

describe('states in memory', () => {
  const weights = { light: 1, heavy: 600_000 };

  it('are as many as their weights allow, the latest used first', async () => {
    const store = new SharedStore();
    for (const stream of ['heavy-1', 'light-1', 'heavy-2']) {
      await store.append(stream, 'none', [{ id: 'Counted:1', type: 'Counted', data: {}, metadata: { version: 1 } }]);
    }
    let weight = weights.heavy;
    const states = new StreamStates(
      store,
      { ...counter, codec: { ...counter.codec!, weigh: () => weight } },
      new Snapshots(null),
    );
    await states.load('heavy-1');
    weight = weights.light;
    await states.load('light-1');
    weight = weights.heavy;
    await states.load('heavy-2');
    const kept = ['heavy-1', 'light-1', 'heavy-2'].filter((stream) => states.inMemory(stream));
    expect(kept).toEqual(['light-1', 'heavy-2']);
    weight = 2_000_000;
    await states.load('heavy-1');
    expect(states.inMemory('heavy-1')).toBeDefined();
    expect(states.inMemory('heavy-2')).toBeUndefined();
  });
});
