import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bundles } from '../../scripts/server-projections.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { Connection } from '../../src/event-store/eventstoredb/connection.js';
import { deploy, status } from '../../src/server-projections/deploy.js';
import { Comparison, isSame } from '../../src/server-projections/diff.js';
import { serverScripts, type ServerScript } from '../../src/server-projections/scripts.js';
import { ProjectionServer } from '../../src/server-projections/server.js';
import { EventStoreDbDouble, type DoubleOptions } from '../support/eventstoredb/double.js';
import { drop, type Asked } from '../support/eventstoredb/faults.js';
import { fixturesOf, foldedByStream, PROJECTIONS } from './folds.js';

const PREFIX = 'acme_';
const PATIENCE = { attemptMs: 2_000, totalMs: 300 };
const built = bundles();
const scripts = serverScripts(PREFIX, (fold) => built.get(fold)!);
const [balances] = scripts as [ServerScript];
const names = scripts.map(({ name }) => name);

let double: EventStoreDbDouble;
let connection: Connection;
let server: ProjectionServer;

async function start(options?: DoubleOptions, credentials = ''): Promise<void> {
  double = await EventStoreDbDouble.start(options);
  if (double.features.runsProjections) double.projections.update('$by_category', 'first\r\n-', undefined);
  const at = double.connectionString.replace('esdb://', `esdb://${credentials}`);
  connection = new Connection(at, () => undefined, PATIENCE);
  server = new ProjectionServer(connection);
}

afterEach(async () => {
  await connection.close();
  await double.stop();
});

describe('projections deploy', () => {
  beforeEach(() => start());

  const doneBy = async (what = scripts) => (await deploy(server, what)).map(({ done, state }) => `${done} ${state}`);
  const ALL_THERE = ['unchanged Running', ...names.map(() => 'unchanged Running')];

  it('creates what is missing, has categories linked, and may do it again', async () => {
    expect(await doneBy()).toEqual(['enabled Running', ...names.map(() => 'created Running')]);
    for (const { name, query } of scripts) {
      expect(double.projections.get(name, 'Statistics')).toMatchObject({ query, emits: false });
    }
    expect(await doneBy()).toEqual(ALL_THERE);
  });

  it('replaces a script that differs, which starts from the first event', async () => {
    await deploy(server, [{ ...balances, query: 'fromAll()' }]);
    double.projections.setState(balances.name, 'acme_account-adv-1.DE', { of: 'the other script' });
    expect(await doneBy([balances])).toEqual(['unchanged Running', 'updated Running']);
    expect(double.projections.get(balances.name, 'Statistics').query).toBe(balances.query);
    expect(await server.stateOf(balances.name, 'acme_account-adv-1.DE')).toEqual({});
    expect(await doneBy([balances])).toEqual(['unchanged Running', 'unchanged Running']);
  });

  it('starts over what it finds stopped: a deploy may have been cut short before states were forgotten', async () => {
    await deploy(server, scripts);
    await server.disable(balances.name);
    double.projections.setState(balances.name, 'acme_account-adv-1.DE', { of: 'the other script' });
    expect(await doneBy([balances])).toEqual(['unchanged Running', 'restarted Running']);
    expect(await server.stateOf(balances.name, 'acme_account-adv-1.DE')).toEqual({});
  });

  it('starts over what has failed', async () => {
    await deploy(server, scripts);
    double.projections.fault(balances.name, 'boom');
    expect(await status(server, [balances])).toMatchObject([{ state: 'Faulted (Enabled)', reason: 'boom' }]);
    expect(await doneBy([balances])).toEqual(['unchanged Running', 'restarted Running']);
  });

  it('has created what it was not heard to have created', async () => {
    const where = (name: string) => name === balances.name;
    const lost = double.faults.arm(drop, { method: 'projections', where, when: 'commit' });
    expect(await doneBy([balances])).toEqual(['enabled Running', 'created Running']);
    expect(lost.struck).toBe(1);
    expect(await doneBy([balances])).toEqual(['unchanged Running', 'unchanged Running']);
  });

  it('is refused where somebody else has made another of that name meanwhile', async () => {
    const other = { emits: false, tracksEmitted: false };
    const overtake = async ({ path, name }: Asked) => {
      if (path.endsWith('/Create')) double.projections.create(name, 'fromAll()', other);
    };
    double.faults.arm(overtake, { method: 'projections', times: Number.MAX_SAFE_INTEGER });
    await expect(deploy(server, [balances])).rejects.toThrow('the server refused: ');
    expect(double.projections.get(balances.name, 'Statistics').query).toBe('fromAll()');
  });

  it('takes the word of the leader for what a script is', async () => {
    await deploy(server, [balances]);
    const membership = { leader: () => double.endpoint, members: () => [] };
    const lagging = await EventStoreDbDouble.start({ membership });
    const elsewhere = new Connection(lagging.connectionString, () => undefined, PATIENCE);
    const told = await new ProjectionServer(elsewhere).queryOf(balances.name);
    await elsewhere.close();
    await lagging.stop();
    expect(told).toBe(balances.query);
  });

  it('is refused where categories end elsewhere than at the first hyphen', async () => {
    await server.update('$by_category', 'last\r\n-');
    await expect(deploy(server, scripts)).rejects.toThrow(
      '$by_category is set to "last -": it must be "first" and "-"',
    );
    expect(await server.find(balances.name)).toBeUndefined();
  });
});

describe('projections status', () => {
  beforeEach(() => start());

  it('tells what runs, and whose script it is', async () => {
    await deploy(server, [balances, { ...scripts[1]!, query: 'fromAll()' }]);
    const found = await status(server, scripts);
    expect(found.map(({ version, state, reason }) => [version, state, reason])).toEqual([
      ['current', 'Running', ''],
      ['other', 'Running', ''],
      ['missing', 'Missing', ''],
      ['missing', 'Missing', ''],
    ]);
    expect(found.map(({ name }) => name)).toEqual(names);
  });
});

describe('projections diff', () => {
  const { events } = fixturesOf('credit-balances').find(({ states }) => Object.keys(states).length === 1)!;
  const states = foldedByStream(PROJECTIONS['credit-balances']!, events);
  const [[stream, state]] = Object.entries(states) as [[string, object]];
  const onServer = (partition: string, told: unknown) =>
    double.projections.setState(balances.name, PREFIX + partition, told);
  const comparing = (settlesWithinMs = 0) => new Comparison(server, store, PREFIX, settlesWithinMs);
  let store: MemoryEventStore;

  beforeEach(async () => {
    await start();
    await deploy(server, [balances]);
    store = new MemoryEventStore();
    const metadata = { version: 1 };
    const facts = events.map(({ type, data }, serial) => ({ id: `${type}:${serial}`, type, data, metadata }));
    await store.append(stream, 'none', facts);
    onServer(stream, state);
  });

  it('finds nothing where script and states are the same', async () => {
    const diff = await comparing().of(balances, 'all');
    expect(diff).toMatchObject({ projection: { version: 'current' }, compared: 1, differences: [] });
    expect(isSame(diff)).toBe(true);
  });

  it('reports a state that was changed', async () => {
    const changed = { ...state, billed: '0.01' };
    onServer(stream, changed);
    const diff = await comparing().of(balances, 'all');
    expect(diff.differences).toEqual([{ partition: stream, here: state, server: changed }]);
    expect(isSame(diff)).toBe(false);
  });

  it('reports a stream that the server has not seen', async () => {
    onServer(stream, {});
    expect((await comparing().of(balances, 'all')).differences).toEqual([
      { partition: stream, here: state, server: {} },
    ]);
  });

  it('gives the server the time to follow', async () => {
    onServer(stream, {});
    setTimeout(() => onServer(stream, state), 50);
    expect(isSame(await comparing(30_000).of(balances, 'all'))).toBe(true);
  });

  it('reports another script, whatever the states', async () => {
    await server.update(balances.name, 'fromAll()');
    const diff = await comparing().of(balances, 'all');
    expect(diff).toMatchObject({ projection: { version: 'other' }, differences: [] });
    expect(isSame(diff)).toBe(false);
    expect(isSame(await comparing().of(scripts[1]!, 'all'))).toBe(false);
  });

  it('looks at the streams that it is told, or at so many', async () => {
    const opened = events.find(({ type }) => type === 'AccountOpened')!;
    for (const serial of [1, 2, 3]) {
      const fact = { id: 'AccountOpened:1', type: opened.type, data: opened.data, metadata: { version: 1 } };
      await store.append(`account-adv-${serial}.JP`, 'none', [fact]);
    }
    const at = (diff: { differences: readonly { partition: string }[] }) =>
      diff.differences.map(({ partition }) => partition);
    const named = await comparing().of(balances, { named: ['account-adv-2.JP', 'campaign-c-1', 'account-none.DE'] });
    expect([named.compared, at(named)]).toEqual([2, ['account-adv-2.JP']]);
    expect((await comparing().of(balances, { sample: 2 })).compared).toBe(2);
    expect(at(await comparing().of(balances, 'all')).sort()).toEqual([1, 2, 3].map((n) => `account-adv-${n}.JP`));
  });
});

describe('a server that cannot', () => {
  it('is away', async () => {
    await start();
    await double.stop();
    await expect(deploy(server, scripts)).rejects.toThrow(/cannot be reached/);
    await double.restart();
  });

  it('has projections switched off', async () => {
    await start({ runsProjections: false });
    await expect(status(server, scripts)).rejects.toThrow(/projections switched off: start it with RunProjections=All/);
  });

  it('does not know who asks', async () => {
    await start({ users: { admin: 'changeit' } }, 'ouro:wrong@');
    await expect(deploy(server, scripts)).rejects.toThrow(/these credentials may not manage projections/);
  });
});
