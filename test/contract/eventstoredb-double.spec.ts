import { randomUUID } from 'node:crypto';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EventStoreDBClient, jsonEvent, type AppendExpectedRevision } from '@eventstore/db-client';
import { selfSigned } from '../support/eventstoredb/certificate.js';
import { EventStoreDbCluster } from '../support/eventstoredb/cluster.js';
import { EventStoreDbDouble, type DoubleOptions } from '../support/eventstoredb/double.js';
import {
  cancelled,
  commitTimeout,
  deadlineExceeded,
  leaderInfo,
  serverNotReady,
  unavailable,
} from '../support/eventstoredb/errors.js';
import { delay, drop, fail, feignConflict, silence } from '../support/eventstoredb/faults.js';
import { EventLog } from '../support/eventstoredb/log.js';

/** What a test can do with the double that nobody does to a server: failing on demand, and being a cluster. */
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(options?: DoubleOptions) {
  const server = await EventStoreDbDouble.start(options);
  closing.push(() => server.stop());
  return { server, client: connect(server.connectionString) };
}

function connect(connectionString: string): EventStoreDBClient {
  const client = EventStoreDBClient.connectionString(connectionString);
  closing.push(() => client.dispose());
  return client;
}

const event = (n = 0) => jsonEvent({ id: randomUUID(), type: 'clicked', data: { n } });
const append = (client: EventStoreDBClient, events = [event()], expectedRevision: AppendExpectedRevision = 'any') =>
  client.appendToStream('a-1', events, { expectedRevision });

async function numbers(reading: AsyncIterable<{ event?: { data: unknown } }>, count = Infinity): Promise<number[]> {
  const found: number[] = [];
  for await (const { event } of reading) {
    found.push((event!.data as { n: number }).n);
    if (found.length === count) break;
  }
  return found;
}

describe.each([
  ['with batch append', true],
  ['without batch append', false],
])('a server %s', (_, batchAppend) => {
  it('cuts the connection before it writes, or between writing and answering', async () => {
    const { server, client } = await start({ batchAppend });
    const batch = [event(1), event(2)];
    const before = server.faults.arm(drop, { method: 'append' });
    await expect(append(client, batch, 'no_stream')).rejects.toMatchObject({ type: 'unavailable' });
    expect(before.struck).toBe(1);
    expect(server.log.stream('a-1')).toEqual([]);

    server.faults.arm(drop, { method: 'append', when: 'commit' });
    await expect(append(client, batch, 'no_stream')).rejects.toMatchObject({ type: 'unavailable' });
    const written = server.log.stream('a-1').map(({ position }) => position);
    expect(written).toHaveLength(2);
    expect(await append(client, batch, 'no_stream')).toMatchObject({
      nextExpectedRevision: 1n,
      position: { commit: written[1] },
    });
    expect(server.log.stream('a-1')).toHaveLength(2);
  });

  it('says that it is away, that it is not ready, that time is over, or that others were first', async () => {
    const { server, client } = await start({ batchAppend });
    server.faults.arm(fail(unavailable), { method: 'append' });
    await expect(append(client)).rejects.toMatchObject({ type: 'unavailable' });
    server.faults.arm(fail(serverNotReady), { method: 'append' });
    await expect(append(client)).rejects.toMatchObject({ type: batchAppend ? 'unknown' : 'unavailable' });
    server.faults.arm(fail(commitTimeout), { method: 'append' });
    await expect(append(client)).rejects.toMatchObject({ type: batchAppend ? 'deadline-exceeded' : 'timeout' });
    server.faults.arm(fail(deadlineExceeded), { method: 'append', where: (stream) => stream === 'a-1' });
    await expect(append(client)).rejects.toMatchObject({ type: 'deadline-exceeded' });
    server.faults.arm(feignConflict, { method: 'append', times: 2 });
    const conflict = { type: 'wrong-expected-version', actualVersion: 'no_stream' };
    await expect(append(client, [event()], 'no_stream')).rejects.toMatchObject(conflict);
    await expect(append(client, [event()], 'no_stream')).rejects.toMatchObject(conflict);
    expect(server.log.stream('a-1')).toEqual([]);
    expect(await append(client, [event()], 'no_stream')).toMatchObject({ success: true });
  });

  it('takes its time, and gives up at the deadline of the client', async () => {
    const { server, client } = await start({ batchAppend });
    server.faults.arm(delay(30), { method: 'append', times: 2 });
    expect(await append(client)).toMatchObject({ success: true });
    server.faults.clear();
    server.faults.arm(delay(60_000), { method: 'append' });
    const late = client.appendToStream('a-2', [event()], { deadline: 50 });
    await expect(late).rejects.toMatchObject({ type: 'deadline-exceeded' });
    expect(server.log.stream('a-2')).toEqual([]);
  });

  it('goes away with what is in flight, and comes back where it was with what it had', async () => {
    const { server, client } = await start({ batchAppend });
    await append(client, [event(1)]);
    const { port } = server.endpoint;
    server.faults.arm(silence, { method: 'append' });
    const unheard = append(client, [event(2)]);
    const refused = expect(unheard).rejects.toMatchObject({ type: 'unavailable' });
    await numbers(client.readStream('a-1'));
    await server.stop();
    await refused;
    await expect(append(client, [event(3)])).rejects.toMatchObject({ code: 14 });
    await server.restart();
    expect(server.endpoint.port).toBe(port);
    const again = connect(server.connectionString);
    await append(again, [event(4)]);
    expect(await numbers(again.readStream('a-1'))).toEqual([1, 4]);
  });
});

describe('subscriptions', () => {
  it.each([
    ['cut', drop, 'unavailable'],
    ['cancelled', fail(cancelled), 'cancelled'],
  ])('are %s after so many events, and resumed without gap or repeat', async (_, fault, type) => {
    const { server, client } = await start();
    await append(
      client,
      Array.from({ length: 10 }, (_, n) => event(n)),
    );
    server.faults.arm(fault, { method: 'subscribe-stream', when: { afterEvents: 4 } });
    const seen: number[] = [];
    const follow = async (fromRevision: bigint | 'start') => {
      for await (const { event } of client.subscribeToStream('a-1', { fromRevision })) {
        seen.push((event!.data as { n: number }).n);
        if (seen.length === 10) break;
      }
    };
    await expect(follow('start')).rejects.toMatchObject({ type });
    expect(seen.length).toBeLessThanOrEqual(4);
    await follow(seen.length === 0 ? 'start' : BigInt(seen.length - 1));
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('say that they have caught up on servers that do', async () => {
    const heard = async (announces: boolean) => {
      const { server, client } = await start({ announces });
      server.log.noise(100);
      await append(client, [event(1)]);
      const subscription = client.subscribeToAll();
      const told: string[] = [];
      subscription.on('caughtUp', () => told.push('caught up'));
      for await (const { event } of subscription) {
        if (event!.streamId === 'a-2') break;
        if (event!.streamId === 'a-1') await client.appendToStream('a-2', [jsonEvent({ type: 'last', data: {} })]);
      }
      return told;
    };
    expect(await heard(true)).toEqual(['caught up']);
    expect(await heard(false)).toEqual([]);
  });

  it.each([
    ['are ended by an older server', false],
    ['fall back to catching up on a newer one', true],
  ])('whose client reads too slowly %s', async (_, announces) => {
    const { server, client } = await start({ announces });
    const subscription = client.subscribeToStream('a-1', {}, { highWaterMark: 1 });
    const told: string[] = [];
    subscription.on('caughtUp', () => told.push('caught up')).on('fellBehind', () => told.push('fell behind'));
    const reader = subscription[Symbol.asyncIterator]();
    await append(client, [event(0)]);
    expect((await reader.next()).done).toBe(false);
    const large = (n: number) => jsonEvent({ type: 'large', data: { n, text: 'x'.repeat(5_000) } });
    for (let n = 1; n <= 500; n += 1) server.log.append('a-1', 'any', [stored(large(n))]);
    const rest = async () => {
      for (let n = 1; n <= 500; n += 1) expect((await reader.next()).value).toMatchObject({ event: { data: { n } } });
    };
    if (!announces) {
      await expect(rest()).rejects.toMatchObject({ type: 'timeout' });
      return;
    }
    await rest();
    await append(client, [event(501)]);
    expect((await reader.next()).value).toMatchObject({ event: { data: { n: 501 } } });
    expect(told).toEqual(['caught up', 'fell behind', 'caught up']);
  });
});

function stored({ id, type, data }: { id: string; type: string; data: unknown }) {
  return { id, type, isJson: true, data: Buffer.from(JSON.stringify(data)), metadata: new Uint8Array() };
}

describe('a cluster', () => {
  async function startCluster(options?: DoubleOptions) {
    const cluster = await EventStoreDbCluster.start(options);
    closing.push(() => cluster.stop());
    return cluster;
  }

  it('is found by one of its nodes, or by a name, and writes at its leader', async () => {
    const cluster = await startCluster();
    for (const connectionString of [cluster.connectionString, cluster.discoveryString]) {
      expect(await append(connect(connectionString))).toMatchObject({ success: true });
    }
    expect(cluster.log.stream('a-1')).toHaveLength(2);
  });

  it('sends a client on to the leader', async () => {
    const cluster = await startCluster();
    cluster.elect(1);
    const { port } = cluster.nodes[1]!.endpoint;
    const client = connect(cluster.nodes[0]!.connectionString);
    await expect(append(client, [event(1)])).rejects.toMatchObject({ type: 'not-leader', leader: { port } });
    expect(await append(client, [event(1)])).toMatchObject({ success: true });
    cluster.elect(2);
    await expect(append(client, [event(2)])).rejects.toMatchObject({ type: 'not-leader' });
    expect(await append(client, [event(2)])).toMatchObject({ success: true });
    const follower = connect(cluster.nodes[0]!.connectionString);
    expect(await numbers(follower.readStream('a-1'))).toEqual([1, 2]);
    const insisting = numbers(follower.readStream('a-1', { requiresLeader: true }));
    await expect(insisting).rejects.toMatchObject({ type: 'not-leader' });
  });

  it('loses its leader, has none for a while, and goes on with another', async () => {
    const cluster = await startCluster();
    const client = connect(cluster.connectionString);
    await append(client, [event(1)]);
    await cluster.nodes[0]!.stop();
    await expect(append(client, [event(2)])).rejects.toMatchObject({ type: 'unavailable' });
    await expect(append(connect(cluster.nodes[1]!.connectionString))).rejects.toThrow('Server Is Not Ready');
    cluster.elect(2);
    expect(await append(client, [event(2)])).toMatchObject({ nextExpectedRevision: 1n });
  });

  it('hands writes on where it is set up so', async () => {
    const cluster = await startCluster({ forwardsWrites: true });
    expect(await append(connect(cluster.nodes[2]!.connectionString))).toMatchObject({ success: true });
  });

  it('names a leader that a test makes up', async () => {
    const { server, client } = await start();
    server.faults.arm(
      fail(() => leaderInfo(server.endpoint)),
      { method: 'append' },
    );
    await expect(append(client)).rejects.toMatchObject({ type: 'not-leader', leader: server.endpoint });
    expect(await append(client)).toMatchObject({ success: true });
  });
});

describe('TLS and credentials', () => {
  it('are asked for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'double-'));
    closing.push(() => rm(folder, { recursive: true }));
    const tls = selfSigned('localhost');
    const authority = join(folder, 'ca.pem');
    await writeFile(authority, tls.certificate);
    const { server } = await start({ tls, users: { admin: 'secret' } });
    const { address, port } = server.endpoint;
    const as = (user: string) => connect(`esdb://${user}${address}:${port}?tls=true&tlsCAFile=${authority}`);
    expect(await append(as('admin:secret@'))).toMatchObject({ success: true });
    await expect(append(as('admin:wrong@'))).rejects.toMatchObject({ type: 'access-denied' });
    await expect(append(as(''))).rejects.toMatchObject({ type: 'access-denied' });
    await expect(append(connect(server.connectionString))).rejects.toThrow('self-signed certificate');
    expect(server.log.stream('a-1')).toHaveLength(1);
  });
});

describe('the log', () => {
  it('knows ids again only for so long when anything is expected, and for ever at their place', () => {
    const log = new EventLog(() => 0);
    const first = stored(event());
    log.append('a-1', 'no-stream', [first]);
    log.noise(65_536);
    expect(log.append('a-1', 'no-stream', [first])).toMatchObject({ kind: 'appended', revision: 0 });
    expect(log.append('a-1', 'any', [first])).toMatchObject({ kind: 'appended', revision: 1 });
  });

  it('is read only from where records begin', async () => {
    const { client } = await start({ clock: () => Date.UTC(2030, 0, 1) });
    const { position } = await append(client);
    const inside = { commit: position!.commit + 1n, prepare: position!.prepare + 1n };
    await append(client);
    await expect(numbers(client.readAll({ fromPosition: inside }))).rejects.toMatchObject({ type: 'unknown' });
    const beyond = { commit: position!.commit + 9_999n, prepare: position!.prepare + 9_999n };
    const following = numbers(client.subscribeToAll({ fromPosition: beyond }), 1);
    await numbers(client.readStream('a-1'));
    await append(client, [event(7)]);
    expect(await following).toEqual([7]);
    for await (const { event } of client.readStream('a-1')) expect(event!.created).toEqual(new Date('2030-01-01'));
  });
});
