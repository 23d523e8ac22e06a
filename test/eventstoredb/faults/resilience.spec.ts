import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { firstValueFrom, skip, take, toArray } from 'rxjs';
import {
  BatchTooLargeError,
  StoreUnavailableError,
  type Appended,
  type NewEvent,
  type Recorded,
} from '../../../src/event-store/event-store.js';
import { EventStoreDbStore } from '../../../src/event-store/eventstoredb/eventstoredb-store.js';
import { FreezableLine } from '../../support/eventstoredb/freezable-line.js';
import { selfSigned } from '../../support/eventstoredb/certificate.js';
import { EventStoreDbCluster } from '../../support/eventstoredb/cluster.js';
import { EventStoreDbDouble } from '../../support/eventstoredb/double.js';
import { serverNotReady, tooSlow, unexpected } from '../../support/eventstoredb/errors.js';
import { delay, drop, fail, silence, type Asked } from '../../support/eventstoredb/faults.js';

const fact = (key: string): NewEvent => ({ id: `Fact:${key}`, type: 'Fact', data: { key }, metadata: { version: 1 } });

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** What a server does to its clients, in the double, where it can be ordered. */
describe('the store on an EventStoreDB that fails', () => {
  let server: EventStoreDbDouble;
  let directory: string;
  let stores: EventStoreDbStore[];
  let said: string[];

  beforeEach(async () => {
    server = await EventStoreDbDouble.start();
    directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
    stores = [];
    said = [];
  });
  afterEach(async () => {
    server.faults.clear();
    await Promise.all(stores.map((store) => store.close()));
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  const open = ({ at = server.connectionString, index = ':memory:', totalMs = 15_000 } = {}) => {
    const store = new EventStoreDbStore({
      connectionString: at,
      streamPrefix: '',
      categories: ['s'],
      indexPath: index,
      report: (message) => said.push(message),
      patience: { attemptMs: 1000, totalMs },
    });
    stores.push(store);
    return store;
  };
  const idsOf = async (events: AsyncIterable<Recorded>) => (await Array.fromAsync(events)).map(({ id }) => id);
  const asked = (method: Asked['method']) =>
    server.faults.arm(async () => undefined, { method, times: Number.MAX_SAFE_INTEGER });

  describe('appending', () => {
    it.each([
      ['a connection that breaks on the way', drop, 'arrival'],
      ['a connection that breaks when the events are in the log already', drop, 'commit'],
      ['an answer that never comes', silence, 'arrival'],
      ['an answer that never comes, though the events are in the log', silence, 'commit'],
      ['an answer that comes too late', delay(2000), 'commit'],
      ['a server that is not ready', fail(serverNotReady), 'arrival'],
    ] as const)('rides out %s, and appends once', async (_, fault, when) => {
      const store = open();
      await store.append('s-1', 'none', [fact('a')]);
      const armed = server.faults.arm(fault, { method: 'append', when });
      const answer = await store.append('s-1', 0, [fact('b'), fact('c')]);
      const written = await Array.fromAsync(store.read('s-1'));
      expect(written.map(({ id }) => id)).toEqual(['Fact:a', 'Fact:b', 'Fact:c']);
      const positions = written.slice(1).map(({ position }) => position);
      expect(answer).toEqual({ revision: 2, position: positions[1], positions, repeated: false });
      expect(armed.struck).toBe(1);
    });

    it('says that the store is away when it stays away, and appends once when it is back', async () => {
      const store = open({ totalMs: 400 });
      await store.append('s-1', 'none', [fact('a')]);
      await server.stop();
      await expect(store.append('s-1', 0, [fact('b')])).rejects.toThrow(StoreUnavailableError);
      await expect(store.head()).rejects.toThrow(StoreUnavailableError);
      await expect(Array.fromAsync(store.read('s-1'))).rejects.toThrow(StoreUnavailableError);
      await server.restart();
      const again = () => store.append('s-1', 0, [fact('b')]);
      const first = await again();
      expect(first).toMatchObject({ revision: 1 });
      expect(await again()).toEqual({ ...first, repeated: true });
      expect(await idsOf(store.read('s-1'))).toEqual(['Fact:a', 'Fact:b']);
      expect(said).toEqual([expect.stringContaining('does not answer'), 'EventStoreDB answers again']);
    });

    it('makes a call for each append, though the client has another way for servers that have it', async () => {
      const paths: string[] = [];
      const note = async ({ path }: Asked) => void paths.push(path.split('/').at(-1)!);
      server.faults.arm(note, { method: 'append', times: Number.MAX_SAFE_INTEGER });
      const store = open();
      await store.append('s-1', 'none', [fact('a')]);
      await Promise.all([store.append('s-1', 0, [fact('b')]), store.append('s-2', 'any', [fact('c'), fact('d')])]);
      expect(paths).toEqual(['Append', 'Append', 'Append']);
      const client = EventStoreDBClient.connectionString(server.connectionString);
      await client.appendToStream('s-3', jsonEvent({ type: 'Fact', data: {} }));
      expect(paths.at(-1)).toBe('BatchAppend');
      await client.dispose();
    });

    it('says when a batch is more than the server takes, and writes nothing of it', async () => {
      const store = open();
      const large = (key: string): NewEvent => ({ ...fact(key), data: { text: 'x'.repeat(600_000) } });
      await expect(store.append('s-1', 'none', [large('a'), large('b')])).rejects.toThrow(BatchTooLargeError);
      expect(await idsOf(store.read('s-1'))).toEqual([]);
      expect(await store.append('s-1', 'none', [large('a')])).toMatchObject({ revision: 0 });
    });
  });

  it('speaks TLS with the credentials of its connection string, and says when they are refused', async () => {
    const tls = selfSigned('localhost');
    const authority = join(directory, 'authority.pem');
    writeFileSync(authority, tls.certificate);
    const secure = await EventStoreDbDouble.start({ tls, users: { ledger: 'secret' } });
    const at = (user: string) => `esdb://${user}localhost:${secure.endpoint.port}?tls=true&tlsCAFile=${authority}`;
    const store = open({ at: at('ledger:secret@') });
    await store.append('s-1', 'none', [fact('a')]);
    expect((await firstValueFrom(store.subscribe())).id).toBe('Fact:a');
    for (const user of ['ledger:guess@', '']) {
      const refused = open({ at: at(user) });
      await expect(refused.append('s-1', 0, [fact('b')])).rejects.toThrow('EventStoreDB refuses these credentials');
      await expect(refused.append('s-1', 0, [fact('b')])).rejects.toThrow(StoreUnavailableError);
    }
    await Promise.all(stores.map((each) => each.close()));
    await secure.stop();
  });

  it('leaves a connection that has fallen silent for a new one, long before the connection is known to be dead', async () => {
    const line = await FreezableLine.to(server.endpoint.port);
    const store = open({ at: `esdb://127.0.0.1:${line.port}?tls=false`, totalMs: 6000 });
    await store.append('s-1', 'none', [fact('a')]);
    line.freeze();
    expect(await store.append('s-1', 0, [fact('b')])).toMatchObject({ revision: 1 });
    line.freeze();
    expect(await idsOf(store.read('s-1'))).toEqual(['Fact:a', 'Fact:b']);
    await store.close();
    await line.close();
  });

  it('names what belongs together as the server does', async () => {
    const store = open();
    const metadata = { version: 1, correlationId: 'c-1', causationId: 'c-0' };
    await store.append('s-1', 'none', [{ ...fact('a'), metadata }]);
    const [stored] = server.log.stream('s-1');
    expect(JSON.parse(Buffer.from(stored!.metadata).toString())).toEqual({
      id: 'Fact:a',
      version: 1,
      $correlationId: 'c-1',
      $causationId: 'c-0',
    });
    expect((await Array.fromAsync(store.read('s-1')))[0]?.metadata).toEqual(metadata);
  });

  it('does not take a read that was cut for the end of the stream', async () => {
    const store = open();
    await store.append(
      's-1',
      'none',
      Array.from({ length: 300 }, (_, n) => fact(String(n))),
    );
    for (const fault of [drop, silence, fail(() => unexpected('cut'))]) {
      const armed = server.faults.arm(fault, { method: 'read-stream', when: { afterEvents: 100 } });
      expect(await idsOf(store.read('s-1'))).toHaveLength(300);
      expect(armed.struck).toBe(1);
    }
  });

  describe('following the log', () => {
    it('goes on after every loss, without gap or repeat', async () => {
      const store = open();
      const keys = Array.from({ length: 400 }, (_, n) => String(n));
      const armed = [20, 90, 91].map((afterEvents) =>
        server.faults.arm(drop, { method: 'subscribe-all', when: { afterEvents } }),
      );
      armed.push(server.faults.arm(fail(tooSlow), { method: 'subscribe-all', when: { afterEvents: 50 } }));
      armed.push(server.faults.arm(silence, { method: 'append', when: 'arrival' }));
      const followed = firstValueFrom(store.subscribe().pipe(take(keys.length), toArray()));
      for (const [n, key] of keys.entries()) {
        await store.append('s-1', n === 0 ? 'none' : n - 1, [fact(key)]);
        if (n === 200) server.dropAll();
      }
      expect((await followed).map(({ id }) => id)).toEqual(keys.map((key) => `Fact:${key}`));
      expect(armed.map(({ struck }) => struck)).toEqual(armed.map(() => 1));
    });

    it('asks again when a subscription is not answered at all', async () => {
      const store = open();
      await store.append('s-1', 'none', [fact('a')]);
      const armed = server.faults.arm(silence, { method: 'subscribe-all', when: 'arrival' });
      expect((await firstValueFrom(store.subscribe())).id).toBe('Fact:a');
      expect(armed.struck).toBe(1);
    });

    it('waits for a server that starts later', async () => {
      await server.stop();
      const store = open();
      const first = firstValueFrom(store.subscribe());
      await new Promise((resolve) => setTimeout(resolve, 300));
      await server.restart();
      await store.append('s-1', 'none', [fact('a')]);
      expect((await first).id).toBe('Fact:a');
    });

    it('says how far it has looked where there is nothing of the ledger, and goes on from there', async () => {
      const store = open();
      await store.append('s-1', 'none', [fact('a')]);
      server.log.noise(5000);
      const told: (string | bigint)[] = [];
      const following = store
        .subscribe({ onSearched: (position) => told.push(position) })
        .subscribe(({ id }) => told.push(id));
      await until(() => told.length > 5);
      const looks = asked('subscribe-all');
      server.dropAll();
      await until(() => looks.struck > 0);
      server.log.noise(2000);
      await store.append('s-2', 'none', [fact('b')]);
      await until(() => told.includes('Fact:b'));
      const searched = told.filter((each) => typeof each === 'bigint');
      expect(told).toEqual(['Fact:a', ...searched, 'Fact:b']);
      expect(searched).toEqual([...new Set(searched)].sort((a, b) => Number(a - b)));
      // Of 7,000 events it is told after every thousand; had it looked at the first 5,000 twice, it would be twelve.
      expect(searched.length).toBeLessThanOrEqual(7);
      following.unsubscribe();
    });

    it('begins where it can after a position that the server does not know', async () => {
      const store = open();
      const { positions } = (await store.append('s-1', 'none', ['a', 'b', 'c'].map(fact))) as Appended;
      const after = positions[0]! + 1n;
      expect(await idsOf(store.readAll({ after }))).toEqual(['Fact:b', 'Fact:c']);
      expect((await firstValueFrom(store.subscribe({ after }))).id).toBe('Fact:b');
    });

    it('leaves nothing behind when a reader goes at the last event, or on the way', async () => {
      const store = open();
      await store.append('s-1', 'none', [fact('a'), fact('b')]);
      server.log.noise(3000);
      await store.append('s-1', 1, [fact('c')]);
      server.log.noise(3000);
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
      const before = timers();
      for (let round = 0; round < 5; round += 1) {
        expect(await idsOf(store.readAll())).toEqual(['Fact:a', 'Fact:b', 'Fact:c']);
        for await (const { id } of store.readAll()) if (id === 'Fact:a') break;
      }
      expect(timers()).toBeLessThanOrEqual(before + 1);
    });

    it('ends a read when the server goes for good on the way', async () => {
      await open().append('s-1', 'none', [fact('a')]);
      const store = open({ totalMs: 300 });
      const keys = Array.from({ length: 300 }, (_, n) => fact(String(n)));
      await stores[0]!.append('s-1', 0, keys);
      const reading = store.readAll()[Symbol.asyncIterator]();
      server.faults.arm(drop, { method: 'subscribe-all', when: { afterEvents: 100 } });
      expect((await reading.next()).value).toMatchObject({ id: 'Fact:a' });
      await server.stop();
      const rest = async () => {
        while (!(await reading.next()).done);
      };
      await expect(rest()).rejects.toThrow(StoreUnavailableError);
    });

    it('tells a follower that fails to remember how far it has looked', async () => {
      const store = open();
      await store.append('s-1', 'none', [fact('a')]);
      server.log.noise(3000);
      const onSearched = () => {
        throw new Error('the disk is full');
      };
      await expect(firstValueFrom(store.subscribe({ onSearched }).pipe(skip(1)))).rejects.toThrow('the disk is full');
    });

    it('does not believe what it knew of a log that ends before that', async () => {
      const store = open({ index: join(directory, 'ledger.index') });
      await store.append('s-1', 'none', [fact('a')]);
      const { position } = (await store.append('s-2', 'none', [fact('b')])) as Appended;
      const searched: bigint[] = [];
      server.log.noise(5000);
      const following = store.subscribe({ onSearched: (place) => searched.push(place) }).subscribe();
      await until(() => searched.length > 3);
      following.unsubscribe();
      await store.close();
      // The same events of the ledger, and less of the others'.
      const restored = await EventStoreDbDouble.start();
      const first = open({ at: restored.connectionString });
      await first.append('s-1', 'none', [fact('a')]);
      expect(await first.append('s-2', 'none', [fact('b')])).toMatchObject({ position });
      const again = open({ at: restored.connectionString, index: join(directory, 'ledger.index') });
      expect(await again.head()).toBe(position);
      const { position: next } = (await again.append('s-1', 0, [fact('c')])) as Appended;
      expect(await again.head()).toBe(next);
      const options = { after: position, searched: searched.at(-1)! };
      expect((await firstValueFrom(again.subscribe(options))).id).toBe('Fact:c');
      await Promise.all(stores.map((each) => each.close()));
      await restored.stop();
    });

    it('knows the last of its own events however much others write', async () => {
      const store = open();
      expect(await store.head()).toBe(0n);
      const { position } = (await store.append('s-1', 'none', [fact('a')])) as Appended;
      server.log.noise(3000);
      expect(await store.head()).toBe(position);
      const looks = asked('read-all');
      expect(await store.head()).toBe(position);
      expect(looks.struck).toBe(1);
    });

    it('stops at an event of another program in a stream of the ledger, and says which', async () => {
      const store = open();
      await store.append('s-1', 'none', [fact('a')]);
      server.log.writeOwn('s-1', 'Alien');
      await expect(idsOf(store.readAll())).rejects.toThrow('event 1 of s-1 was not written by this ledger');
      await expect(idsOf(store.read('s-1'))).rejects.toThrow('event 1 of s-1 was not written by this ledger');
    });
  });

  describe('the index over natural ids', () => {
    const index = () => join(directory, 'ledger.index');
    const many = Array.from({ length: 2000 }, (_, n) => fact(String(n)));
    const written = async () => {
      const first = open({ index: index() });
      for (let n = 0; n < many.length; n += 500) {
        await first.append('s-1', n === 0 ? 'none' : n - 1, many.slice(n, n + 500));
      }
      await first.close();
    };

    it('spares a store that was restarted reading the stream', async () => {
      await written();
      const store = open({ index: index() });
      const reads = asked('read-stream');
      const found = await store.find('s-1', ['Fact:3', 'Fact:1700', 'Fact:other'], { through: 1999 });
      expect([...found.keys()]).toEqual(['Fact:3', 'Fact:1700']);
      // One to see that the index is this server's, one for each event found.
      expect(reads.struck).toBe(3);
    });

    it('takes in what others have appended meanwhile', async () => {
      await written();
      await open().append('s-1', 1999, [fact('theirs')]);
      const store = open({ index: index() });
      expect((await store.find('s-1', ['Fact:theirs'])).get('Fact:theirs')).toMatchObject({ revision: 2000 });
      expect(await store.append('s-1', 2000, [fact('7')])).toMatchObject({ revision: 7 });
    });

    it('is emptied when the server was put back under a running process, and the append is a conflict', async () => {
      await written();
      const store = open({ index: index() });
      expect(await store.find('s-1', ['Fact:3'])).toHaveProperty('size', 1);
      server.log.clear();
      expect(await store.append('s-1', 1999, [fact('new')])).toEqual({ conflict: true, currentRevision: -1 });
      expect(await store.append('s-1', 'none', [fact('3')])).toMatchObject({ revision: 0, repeated: false });
    });

    it.each(['is no database at all', 'is of version 1'])('is made anew from a file that %s', async (kind) => {
      await written();
      if (kind === 'is of version 1') {
        const old = new DatabaseSync(index());
        old.exec('DROP TABLE last_seen; CREATE TABLE anchor (one INTEGER); PRAGMA user_version = 1');
        old.close();
      } else {
        writeFileSync(index(), 'x'.repeat(10_000));
      }
      const store = open({ index: index() });
      expect((await store.find('s-1', ['Fact:3', 'Fact:1700'])).size).toBe(2);
    });

    it('is kept in memory when its file cannot be written, and nobody is failed by it', async () => {
      await written();
      const store = open({ index: index() });
      await store.find('s-1', ['Fact:3']);
      // As a disk that is full: what SQLite would write is refused.
      const spoil = jest.spyOn(DatabaseSync.prototype, 'exec').mockImplementationOnce(() => {
        throw new Error('database or disk is full');
      });
      expect(await store.append('s-1', 1999, [fact('new')])).toMatchObject({ revision: 2000 });
      spoil.mockRestore();
      expect(said).toContain('the index over event ids is kept in memory from now on: database or disk is full');
      expect((await store.find('s-1', ['Fact:3', 'Fact:new'])).size).toBe(2);
    });

    it('is thrown away when it is of another server', async () => {
      await written();
      const other = await EventStoreDbDouble.start();
      const store = open({ at: other.connectionString, index: index() });
      expect(await store.append('s-1', 'none', [fact('3')])).toMatchObject({ revision: 0 });
      expect((await store.find('s-1', ['Fact:1700', 'Fact:3'])).size).toBe(1);
      await store.close();
      await other.stop();
    });
  });

  it.each(['connectionString', 'discoveryString'] as const)(
    'finds a cluster’s leader by its %s, and the next one',
    async (by) => {
      const cluster = await EventStoreDbCluster.start();
      const store = open({ at: cluster[by] });
      const keys = Array.from({ length: 30 }, (_, n) => String(n));
      const followed = firstValueFrom(store.subscribe().pipe(take(keys.length), toArray()));
      for (const [n, key] of keys.entries()) {
        if (n % 10 === 5) cluster.elect(n % 3);
        expect(await store.append('s-1', n === 0 ? 'none' : n - 1, [fact(key)])).toMatchObject({ revision: n });
      }
      expect((await followed).map(({ id }) => id)).toEqual(keys.map((key) => `Fact:${key}`));
      await store.close();
      await cluster.stop();
    },
  );
});
