import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  EventStoreDBClient,
  eventTypeFilter,
  jsonEvent,
  streamNameFilter,
  type AllStreamSubscription,
  type AppendExpectedRevision,
  type Filter,
  type Position,
} from '@eventstore/db-client';
import { openTarget, type Target } from '../support/eventstoredb/target.js';

/**
 * What the adapter builds on, through the real client: the double is held to it, and so is a server at EVENTSTOREDB_URL.
 */
let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await openTarget();
  client = EventStoreDBClient.connectionString(target.connectionString);
});

afterAll(async () => {
  await client.dispose();
  await target.stop();
});

const aStream = (kind = 'a') => `${target.prefix}${kind}-${randomUUID()}`;
const event = (n: number, type = 'clicked') => jsonEvent({ id: randomUUID(), type, data: { n } });
const events = (count: number) => Array.from({ length: count }, (_, n) => event(n));

async function numbers(reading: AsyncIterable<{ event?: { data: unknown } }>): Promise<number[]> {
  const found: number[] = [];
  for await (const { event } of reading) found.push((event!.data as { n: number }).n);
  return found;
}

const wrongVersion = (actualVersion: bigint | 'no_stream') => ({ type: 'wrong-expected-version', actualVersion });

// The client takes the older call, one for each append, when it is given credentials with it.
describe.each([
  ['batch append', {}],
  ['append', { credentials: { username: 'admin', password: 'changeit' } }],
])('%s', (_, call) => {
  const append = (stream: string, batch: ReturnType<typeof jsonEvent>[], expectedRevision: AppendExpectedRevision) =>
    client.appendToStream(stream, batch, { expectedRevision, ...call });

  it('answers with the revision and the position of the last event', async () => {
    const stream = aStream();
    const answer = await append(stream, events(3), 'no_stream');
    const read = [];
    for await (const { event } of client.readStream(stream)) read.push(event!);
    expect(read.map(({ revision }) => revision)).toEqual([0n, 1n, 2n]);
    expect(answer).toMatchObject({ success: true, nextExpectedRevision: 2n, position: read[2]!.position });
    const commits = read.map(({ position }) => position!.commit);
    expect(read.map(({ position }) => position!.prepare)).toEqual(commits);
    expect(commits[1]! - commits[0]!).toBeGreaterThan(1n);
    expect(commits[2]! - commits[1]!).toBeGreaterThan(1n);
  });

  it.each<[AppendExpectedRevision, boolean, boolean]>([
    ['no_stream', true, false],
    [0n, false, false],
    ['stream_exists', false, true],
    [1n, false, true],
    ['any', true, true],
    [2n, false, false],
  ])('with %s expected: on no stream %s, on one of two events %s', async (expected, onNone, onTwo) => {
    const [none, two] = [aStream(), aStream()];
    await append(two, events(2), 'no_stream');
    for (const [stream, fits, actual] of [
      [none, onNone, 'no_stream'],
      [two, onTwo, 1n],
    ] as const) {
      const answer = append(stream, events(2), expected);
      if (fits) expect(await answer).toMatchObject({ success: true });
      else await expect(answer).rejects.toMatchObject(wrongVersion(actual));
    }
  });

  it('answers a batch that stands at its place as it did the first time', async () => {
    const stream = aStream();
    const [a, b, c] = events(3);
    await append(stream, [event(9)], 'no_stream');
    const first = await append(stream, [a!, b!], 0n);
    await append(stream, [c!], 1n + 1n);
    expect(await append(stream, [a!, b!], 0n)).toEqual(first);
    expect(await append(stream, [a!], 0n)).toMatchObject({ nextExpectedRevision: 1n });
    expect(await append(stream, [a!, b!], 'any')).toEqual(first);
    expect(await append(stream, [b!], 'any')).toEqual(first);
    expect(await append(stream, [b!], 'stream_exists')).toEqual(first);
    expect(await numbers(client.readStream(stream))).toEqual([9, 0, 1, 2]);
  });

  it('refuses a batch of which only a part stands, or stands elsewhere', async () => {
    const stream = aStream();
    const [a, b, c] = events(3);
    await append(stream, [a!, b!], 'no_stream');
    await expect(append(stream, [a!, b!, c!], 'no_stream')).rejects.toMatchObject(wrongVersion(1n));
    await expect(append(stream, [b!], 'no_stream')).rejects.toMatchObject(wrongVersion(1n));
    await expect(append(stream, [b!, a!], 'no_stream')).rejects.toMatchObject(wrongVersion(1n));
    await expect(append(stream, [b!, c!], 'any')).rejects.toMatchObject(wrongVersion(1n));
    expect(await numbers(client.readStream(stream))).toEqual([0, 1]);
    // Ids are known by stream: the same elsewhere are other events.
    expect(await append(aStream(), [a!, b!], 'any')).toMatchObject({ nextExpectedRevision: 1n });
  });

  it('refuses more than it takes in one append, and writes none of it', async () => {
    const stream = aStream();
    const large = Array.from({ length: 3 }, () => jsonEvent({ type: 'large', data: { text: 'x'.repeat(400_000) } }));
    await expect(append(stream, large, 'no_stream')).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1024 * 1024,
    });
    await expect(numbers(client.readStream(stream))).rejects.toMatchObject({ type: 'stream-not-found' });
    expect(await append(stream, events(1), 'no_stream')).toMatchObject({ nextExpectedRevision: 0n });
  });

  it('keeps what an event is made of, and says when it was written', async () => {
    const stream = aStream();
    const id = randomUUID();
    const metadata = { $correlationId: 'c-1', version: 2 };
    const before = Date.now();
    await append(stream, [{ ...event(7), id, metadata }], 'no_stream');
    for await (const { event } of client.readStream(stream)) {
      expect(event).toMatchObject({ id, type: 'clicked', data: { n: 7 }, metadata, isJson: true, streamId: stream });
      expect(Math.abs(event!.created.getTime() - before)).toBeLessThan(60_000);
    }
  });
});

describe('a batch that is sent in pieces', () => {
  it('is one append', async () => {
    const stream = aStream();
    const answer = await client.appendToStream(stream, events(50), { batchAppendSize: 300 });
    expect(answer).toMatchObject({ nextExpectedRevision: 49n });
    expect(await numbers(client.readStream(stream))).toHaveLength(50);
  });
});

describe('reading', () => {
  it('goes through a stream both ways, from anywhere', async () => {
    const stream = aStream();
    await client.appendToStream(stream, events(100));
    const all = events(100).map(({ data }) => data.n);
    const read = (options: object) => numbers(client.readStream(stream, options));
    expect(await read({})).toEqual(all);
    expect(await read({ fromRevision: 97n })).toEqual([97, 98, 99]);
    expect(await read({ fromRevision: 100n })).toEqual([]);
    expect(await read({ maxCount: 2 })).toEqual([0, 1]);
    expect(await read({ direction: 'backwards', fromRevision: 'end' })).toEqual(all.toReversed());
    expect(await read({ direction: 'backwards', fromRevision: 1n })).toEqual([1, 0]);
    expect(await read({ direction: 'backwards', fromRevision: 'end', maxCount: 1 })).toEqual([99]);
  });

  it('goes through the log both ways: from a position on, or back from before it', async () => {
    const stream = aStream();
    const answer = await client.appendToStream(stream, events(3));
    const position = answer.position!;
    const [at] = await collect(client.readAll({ fromPosition: position, maxCount: 1 }));
    expect(at).toMatchObject({ streamId: stream, revision: 2n, position });
    const [before] = await collect(client.readAll({ fromPosition: position, direction: 'backwards', maxCount: 1 }));
    expect(before).toMatchObject({ streamId: stream, revision: 1n });
    const [first] = await collect(client.readAll({ maxCount: 1 }));
    expect(first!.streamId).toMatch(/^\$/);
  });
});

async function collect<T>(reading: AsyncIterable<{ event?: T }>): Promise<T[]> {
  const found: T[] = [];
  for await (const { event } of reading) found.push(event!);
  return found;
}

async function take(count: number, subscription: AsyncIterable<{ event?: { data: unknown } }>): Promise<number[]> {
  const found: number[] = [];
  for await (const { event } of subscription) {
    found.push((event!.data as { n: number }).n);
    if (found.length === count) break;
  }
  return found;
}

describe('a subscription', () => {
  it('to a stream catches up and goes on, from after a revision', async () => {
    const stream = aStream();
    await client.appendToStream(stream, events(40));
    const following = take(41, client.subscribeToStream(stream, { fromRevision: 1n }));
    await client.appendToStream(stream, [event(40), event(41)]);
    await client.appendToStream(stream, [event(42)]);
    expect(await following).toEqual(Array.from({ length: 41 }, (_, index) => index + 2));
  });

  it.each<[string, (prefix: string) => Filter]>([
    ['prefixes of streams', (prefix) => streamNameFilter({ prefixes: [`${prefix}kept-`, `${prefix}also-`] })],
    ['a pattern of streams', (prefix) => streamNameFilter({ regex: `^${prefix}(kept|also)-` })],
    ['prefixes of types', (prefix) => eventTypeFilter({ prefixes: [`${prefix}kept`] })],
    ['a pattern of types', (prefix) => eventTypeFilter({ regex: `^${prefix}kept$` })],
  ])('to the log keeps %s, from after a position', async (_name, filterOf) => {
    const prefix = `${target.prefix}${randomUUID()}`;
    const append = (kind: string, n: number) =>
      client.appendToStream(`${prefix}${kind}-1`, [event(n, `${prefix}${kind === 'other' ? 'other' : 'kept'}`)]);
    const { position } = await append('kept', 0);
    await append('kept', 1);
    await append('other', 2);
    const following = take(4, client.subscribeToAll({ fromPosition: position!, filter: filterOf(prefix) }));
    await append('also', 3);
    await append('other', 4);
    await append('kept', 5);
    await append('also', 6);
    expect(await following).toEqual([1, 3, 5, 6]);
  });

  it('says how far it has looked while nothing comes for it, and goes on from there', async () => {
    const prefix = `${target.prefix}${randomUUID()}`;
    const kept = `${prefix}kept-1`;
    const checkpoints: Position[] = [];
    let heard = (): void => undefined;
    const checkpointReached = async (_: AllStreamSubscription, position: Position) => {
      checkpoints.push(position);
      heard();
    };
    const filter = streamNameFilter({
      prefixes: [kept],
      maxSearchWindow: 10,
      checkpointInterval: 1,
      checkpointReached,
    });
    const { position: start } = await client.appendToStream(aStream('other'), events(35));
    await client.appendToStream(aStream('other'), events(35));
    const subscription = client.subscribeToAll({ fromPosition: start!, filter });
    const until = async (count: number) => {
      while (checkpoints.length < count) await new Promise<void>((resolve) => (heard = resolve));
    };
    const following = take(1, subscription);
    await until(3);
    await client.appendToStream(aStream('other'), events(35));
    await until(6);
    const { position } = await client.appendToStream(kept, [event(1)]);
    expect(await following).toEqual([1]);

    const commits = checkpoints.map(({ commit }) => commit);
    expect(commits).toEqual(commits.toSorted((one, other) => Number(one - other)));
    expect(new Set(commits).size).toBe(commits.length);
    expect(commits.every((commit) => commit >= start!.commit && commit < position!.commit)).toBe(true);
    for (const fromPosition of checkpoints) {
      const resumed = client.subscribeToAll({ fromPosition, filter: streamNameFilter({ prefixes: [kept] }) });
      expect(await take(1, resumed)).toEqual([1]);
    }
  });
});

describe('projections', () => {
  it('are created, told of, changed, stopped and deleted', async () => {
    const name = `${target.prefix}fold`;
    const first = `fromCategory('none').when({ $init: () => ({ n: 0 }) })`;
    const second = `fromCategory('none').when({ $init: () => ({ m: 0 }) })`;
    const status = async () => (await client.getProjectionStatus(name)).projectionStatus;
    const query = async () => {
      const reading = client.readStream(`$projections-${name}`, {
        direction: 'backwards',
        fromRevision: 'end',
        maxCount: 1,
      });
      const [definition] = await collect(reading);
      return (definition!.data as { query: string }).query;
    };
    await expect(status()).rejects.toThrow('received NotFound');
    await client.createProjection(name, first);
    await expect(client.createProjection(name, first)).rejects.toThrow('received Conflict');
    expect(await status()).toBe('Running');
    expect(await query()).toBe(first);
    expect((await client.listProjections()).map((each) => each.name)).toEqual(
      expect.arrayContaining([name, '$by_category']),
    );
    await client.updateProjection(name, second);
    expect(await query()).toBe(second);
    expect(await client.getProjectionState(name, { partition: 'none-1' })).toEqual({});
    await expect(client.deleteProjection(name)).rejects.toThrow('received OperationFailed');
    await client.disableProjection(name);
    expect(await status()).toBe('Stopped');
    await client.resetProjection(name);
    await client.enableProjection(name);
    expect(await status()).toBe('Running');
    await client.disableProjection(name);
    await client.deleteProjection(name);
    // A server answers before all of it is gone.
    while (await status().catch(() => undefined)) await setTimeout(50);
    await expect(status()).rejects.toThrow('received NotFound');
  });
});
