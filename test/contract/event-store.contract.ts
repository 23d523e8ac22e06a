import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { firstValueFrom, take, toArray } from 'rxjs';
import {
  StoreUnavailableError,
  type AppendConflict,
  type Appended,
  type EventStore,
  type ExpectedRevision,
  type LogEntry,
  type NewEvent,
  type Recorded,
} from '../../src/event-store/event-store.js';
import { instantOf, parseInstant } from '../../src/kernel/instant.js';

export interface ContractHarness {
  /** A store that may already hold events of others: the suite only looks at its own streams. */
  open: () => Promise<EventStore>;
  /** Opens once more what `open` opened last and the suite has closed; left out by a store that forgets. */
  reopen?: () => Promise<EventStore>;
}

/** What every adapter of the port does alike. */
export function eventStoreContract(name: string, harness: ContractHarness): void {
  describe(`${name}, as an event store`, () => {
    let store: EventStore;
    let scope: string;
    let stream: string;

    beforeEach(async () => {
      store = await harness.open();
      scope = `contract${randomUUID()}`;
      stream = `${scope}-one`;
    });
    afterEach(() => store.close());

    const log = () => ({ filter: { streamPrefixes: [scope] } });
    const written = async (target: string, expected: ExpectedRevision, events: readonly NewEvent[]) =>
      appended(await store.append(target, expected, events));
    const idsOf = async (events: AsyncIterable<Recorded>) => (await Array.fromAsync(events)).map(({ id }) => id);

    describe('appending', () => {
      it('counts revisions from 0', async () => {
        expect((await written(stream, 'none', [fact('a')])).revision).toBe(0);
        expect((await written(stream, 0, [fact('b'), fact('c')])).revision).toBe(2);
        expect((await written(stream, 'any', [fact('d')])).revision).toBe(3);
        expect((await Array.fromAsync(store.read(stream))).map(({ revision }) => revision)).toEqual([0, 1, 2, 3]);
      });

      it('answers with the place of each event of the batch', async () => {
        const answer = await written(stream, 'none', [fact('a'), fact('b'), fact('c')]);
        const events = await Array.fromAsync(store.read(stream));
        expect(answer.positions).toEqual(events.map(({ position }) => position));
        expect(answer).toMatchObject(pick(events.at(-1)!, 'revision', 'position'));
      });

      it.each<[held: number, expected: ExpectedRevision, outcome: 'appended' | 'conflict']>([
        [0, 'none', 'appended'],
        [0, 'any', 'appended'],
        [0, 0, 'conflict'],
        [2, 1, 'appended'],
        [2, 'any', 'appended'],
        [2, 'none', 'conflict'],
        [2, 0, 'conflict'],
        [2, 2, 'conflict'],
      ])('to a stream of %d events, expecting %p: %s', async (held, expected, outcome) => {
        if (held > 0) await store.append(stream, 'none', facts('held', held));
        const answer = await store.append(stream, expected, [fact('x'), fact('y')]);
        const total = outcome === 'appended' ? held + 2 : held;
        expect(answer).toMatchObject(
          outcome === 'appended' ? { revision: held + 1 } : { conflict: true, currentRevision: held - 1 },
        );
        expect(await idsOf(store.read(stream))).toHaveLength(total);
        expect(await idsOf(store.readAll(log()))).toHaveLength(total);
      });

      it('answers a repeated batch as it did the first time, whatever revision is expected', async () => {
        await store.append(stream, 'none', [fact('before')]);
        const batch = [fact('a'), fact('b')];
        const first = await written(stream, 0, batch);
        expect(first.repeated).toBe(false);
        await store.append(stream, 2, [fact('after')]);
        for (const expected of ['any', 'none', 0, 3, 17] as const) {
          expect(await store.append(stream, expected, batch)).toEqual({ ...first, repeated: true });
        }
        expect(await idsOf(store.read(stream))).toEqual(['Noted:before', 'Noted:a', 'Noted:b', 'Noted:after']);
      });

      it.each([
        ['a part of it is new', ['c', 'new']],
        ['the first of it is new', ['new', 'a']],
        ['it is in another order', ['b', 'a']],
        ['it leaves one out', ['a', 'c']],
      ])('refuses a batch that the stream holds otherwise: %s', async (_, keys) => {
        await store.append(stream, 'none', [fact('a'), fact('b'), fact('c')]);
        const batch = keys.map((key) => fact(key));
        expect(await store.append(stream, 'any', batch)).toEqual({ conflict: true, currentRevision: 2 });
        expect(await store.append(stream, 2, batch)).toEqual({ conflict: true, currentRevision: 2 });
        expect(await idsOf(store.read(stream))).toEqual(['Noted:a', 'Noted:b', 'Noted:c']);
      });

      it('knows ids by stream and by type', async () => {
        await store.append(stream, 'none', [fact('a')]);
        expect((await written(`${scope}-two`, 'none', [fact('a')])).revision).toBe(0);
        expect((await written(stream, 0, [{ ...fact('a'), id: 'Other:a', type: 'Other' }])).revision).toBe(1);
      });

      it('lets exactly one of 200 concurrent writers win', async () => {
        const answers = await Promise.all(facts('w', 200).map((event) => store.append(stream, 'none', [event])));
        expect(answers.filter((answer) => !('conflict' in answer))).toHaveLength(1);
        expect(answers.filter((answer) => 'conflict' in answer)).toEqual(
          Array(199).fill({ conflict: true, currentRevision: 0 }),
        );
        expect(await idsOf(store.read(stream))).toHaveLength(1);
      });

      it('appends a fact once that is sent 20 times at once', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => store.append(stream, 'any', [fact('a')])));
        expect(new Set(answers.map((answer) => appended(answer).position)).size).toBe(1);
        expect(await idsOf(store.read(stream))).toEqual(['Noted:a']);
      });

      it('does not let the conflict of one touch those that are appended with it', async () => {
        const [before, conflict, after] = await Promise.all([
          store.append(`${scope}-two`, 'none', facts('before', 2)),
          store.append(stream, 7, facts('x', 2)),
          store.append(`${scope}-three`, 'none', facts('after', 2)),
        ]);
        expect(appended(before).revision).toBe(1);
        expect(conflict).toEqual({ conflict: true, currentRevision: -1 });
        expect(appended(after).revision).toBe(1);
        expect(await idsOf(store.readAll(log()))).toHaveLength(4);
      });
    });

    describe('reading a stream', () => {
      it('finds nothing in one that does not exist', async () => {
        expect(await idsOf(store.read(stream))).toEqual([]);
        expect(await idsOf(store.read(stream, { direction: 'backwards' }))).toEqual([]);
        expect(await store.find(stream, ['Noted:a'])).toEqual(new Map());
      });

      it.each<[Parameters<EventStore['read']>[1], number[]]>([
        [{}, [0, 1, 2, 3, 4]],
        [{ from: 3 }, [3, 4]],
        [{ from: 5 }, []],
        [{ direction: 'backwards' }, [4, 3, 2, 1, 0]],
        [{ from: 2, direction: 'backwards' }, [2, 1, 0]],
        [{ from: 99, direction: 'backwards' }, [4, 3, 2, 1, 0]],
      ])('with %j gives the revisions %j', async (options, revisions) => {
        await store.append(stream, 'none', facts('e', 5));
        expect((await Array.fromAsync(store.read(stream, options))).map(({ revision }) => revision)).toEqual(revisions);
      });

      it('finds events by their ids', async () => {
        await store.append(stream, 'none', facts('e', 5));
        await store.append(`${scope}-two`, 'none', [fact('elsewhere')]);
        const events = await Array.fromAsync(store.read(stream));
        const found = await store.find(stream, ['Noted:e3', 'Noted:elsewhere', 'Other:e3', 'Noted:e0']);
        expect(found).toEqual(new Map([3, 0].map((index) => [`Noted:e${index}`, events[index]!])));
      });

      it('gives back what was written, to the letter', async () => {
        const event: NewEvent = {
          id: 'Noted:a:b/ü-1',
          type: 'Noted',
          data: {
            text: 'ünï "q" \\ \n \u0000 \u2028 日本 🧾',
            long: 'x€'.repeat(150_000),
            nested: { list: [1, null, {}] },
          },
          metadata: { version: 3, actor: 'feed-1', correlationId: 'c-1' },
        };
        await store.append(stream, 'none', [event]);
        const [recorded] = await Array.fromAsync(store.read(stream));
        expect(recorded).toEqual({
          ...event,
          ...pick(recorded!, 'position', 'recordedAt'),
          stream,
          revision: 0,
        });
      });

      it('keeps when another store recorded an event, and its metadata as it was there', async () => {
        const copied = {
          ...fact('a'),
          metadata: { version: 3, actor: 'feed-1', correlationId: 'c-1', recordedAt: LONG_AGO },
        };
        await store.append(stream, 'none', [copied, fact('own')]);
        const [first, own] = await Array.fromAsync(store.read(stream));
        expect(first).toMatchObject({
          recordedAt: LONG_AGO,
          metadata: { version: 3, actor: 'feed-1', correlationId: 'c-1' },
        });
        expect(first!.metadata).not.toHaveProperty('recordedAt');
        expect(own!.recordedAt > LONG_AGO).toBe(true);
        expect(await Array.fromAsync(store.readAll(log()))).toEqual([first, own]);
        expect(await store.find(stream, [copied.id])).toEqual(new Map([[copied.id, first]]));
        expect(await store.append(stream, 'none', [copied])).toMatchObject({ revision: 0 });
      });

      it('shares no object with those who write and read', async () => {
        const data = { amounts: ['1.00'] };
        const writing = store.append(stream, 'none', [{ ...fact('a'), data }]);
        data.amounts.push('2.00');
        await writing;
        const [first] = await Array.fromAsync(store.read(stream));
        Object.assign(first!.data, { amounts: [] });
        expect((await Array.fromAsync(store.read(stream)))[0]?.data).toEqual({ amounts: ['1.00'] });
      });

      it('reads a stream of many pages, both ways', async () => {
        const ids = await fill(store, stream, 3100);
        expect(await idsOf(store.read(stream))).toEqual(ids);
        expect(await idsOf(store.read(stream, { direction: 'backwards' }))).toEqual(ids.toReversed());
        expect(await idsOf(store.readAll(log()))).toEqual(ids);
      });
    });

    describe('reading the log', () => {
      it('gives the events of all streams in the order of their appends, at rising positions', async () => {
        for (const [index, event] of facts('e', 12).entries()) {
          await store.append(`${scope}-${index % 3}`, 'any', [event]);
        }
        const events = await Array.fromAsync(store.readAll(log()));
        expect(events.map(({ id }) => id)).toEqual(facts('e', 12).map(({ id }) => id));
        expect(isRising(events)).toBe(true);
        expect(events[0]!.position).toBeGreaterThan(0n);
        expect(await store.head()).toBeGreaterThanOrEqual(events.at(-1)!.position);
      });

      it('says when it recorded, canonically and never backwards', async () => {
        for (const event of facts('e', 20)) await store.append(stream, 'any', [event]);
        const instants = (await Array.fromAsync(store.readAll(log()))).map(({ recordedAt }) => recordedAt);
        expect(instants).toEqual(instants.map((instant) => parseInstant(instant)));
        expect(instants).toEqual(instants.toSorted());
      });

      it('gives pages of what a fold reads, up to a position', async () => {
        await fill(store, stream, 1500);
        const { positions } = await written(`${scope}-two`, 'none', facts('e', 12));
        const log = await Array.fromAsync(store.readAll());
        for (const through of [0n, positions[0]! - 1n, positions[4]!, positions[11]!]) {
          const paged: LogEntry[] = [];
          for await (const page of store.readPages(through)) {
            for (const entry of page) paged.push(pick(entry, 'stream', 'type', 'data'));
          }
          const upTo = log.filter(({ position }) => position <= through);
          expect(paged).toEqual(upTo.map((event) => pick(event, 'stream', 'type', 'data')));
        }
      });

      it('begins after a position', async () => {
        const { positions } = await written(stream, 'none', facts('e', 5));
        expect(await idsOf(store.readAll({ ...log(), after: positions[2]! }))).toEqual(['Noted:e3', 'Noted:e4']);
        expect(await idsOf(store.readAll({ ...log(), after: positions[4]! }))).toEqual([]);
        expect(await idsOf(store.readAll({ after: positions[3]! }))).toContain('Noted:e4');
      });

      it('keeps the streams of the filter', async () => {
        for (const category of ['fx', 'fxx', 'campaign', 'fx_']) {
          await store.append(`${scope}${category}-1`, 'none', [fact(category)]);
        }
        const kept = (...streamPrefixes: string[]) => idsOf(store.readAll({ filter: { streamPrefixes } }));
        expect(await kept(`${scope}fx-`)).toEqual(['Noted:fx']);
        expect(await kept(`${scope}fx`)).toEqual(['Noted:fx', 'Noted:fxx', 'Noted:fx_']);
        expect(await kept(`${scope}fx_`, `${scope}campaign-`)).toEqual(['Noted:campaign', 'Noted:fx_']);
      });
    });

    describe('subscribing', () => {
      const received = (count: number, options: Parameters<EventStore['subscribe']>[0]) =>
        firstValueFrom(store.subscribe(options).pipe(take(count), toArray()));

      it('catches up and goes on live while others append, without gap or repeat', async () => {
        await fill(store, stream, 1500);
        const receiving = received(1700, log());
        await Promise.all(
          [0, 1, 2, 3].map(async (writer) => {
            for (const event of facts(`w${writer}.`, 50)) {
              await store.append(`${scope}-writer${writer}`, 'any', [event]);
              await soon();
            }
          }),
        );
        const events = await receiving;
        expect(events).toEqual(await Array.fromAsync(store.readAll(log())));
        expect(isRising(events)).toBe(true);
      });

      it('serves several subscribers, each from its position and with its filter', async () => {
        const { positions } = await written(stream, 'none', facts('e', 3));
        const receiving = Promise.all([
          received(5, log()),
          received(3, { ...log(), after: positions[1]! }),
          received(1, { filter: { streamPrefixes: [`${scope}-two`] } }),
        ]);
        await soon();
        await store.append(stream, 2, [fact('e3')]);
        await store.append(`${scope}-two`, 'none', [fact('other')]);
        expect((await receiving).map((events) => events.map(({ id }) => id))).toEqual([
          ['Noted:e0', 'Noted:e1', 'Noted:e2', 'Noted:e3', 'Noted:other'],
          ['Noted:e2', 'Noted:e3', 'Noted:other'],
          ['Noted:other'],
        ]);
      });

      it('stops at once when unsubscribed, within a page and live', async () => {
        await store.append(stream, 'none', facts('e', 10));
        const within: string[] = [];
        const live: string[] = [];
        const first = store.subscribe(log()).subscribe(({ id }) => {
          if (within.push(id) === 3) first.unsubscribe();
        });
        const second = store.subscribe(log()).subscribe(({ id }) => void live.push(id));
        await received(10, log());
        await until(() => live.length === 10);
        second.unsubscribe();
        const witness = received(11, log());
        await store.append(stream, 9, [fact('late')]);
        await witness;
        await soon();
        expect(within).toEqual(['Noted:e0', 'Noted:e1', 'Noted:e2']);
        expect(live).toHaveLength(10);
      });
    });

    describe('closing', () => {
      it('refuses to work afterwards, ends subscriptions, and may be repeated', async () => {
        await store.append(stream, 'none', [fact('a')]);
        let hasEnded = false;
        const end = () => (hasEnded = true);
        store.subscribe(log()).subscribe({ complete: end, error: end });
        await store.close();
        await until(() => hasEnded);
        await expect(store.append(stream, 'any', [fact('b')])).rejects.toThrow(StoreUnavailableError);
        await expect(idsOf(store.read(stream))).rejects.toThrow(StoreUnavailableError);
        await expect(idsOf(store.readAll())).rejects.toThrow(StoreUnavailableError);
        await expect(store.find(stream, ['Noted:a'])).rejects.toThrow(StoreUnavailableError);
        await expect(received(store)).rejects.toThrow(StoreUnavailableError);
        await store.close();
      });

      it('answers every append that is under way', async () => {
        const { outcomes } = await closeWhileAppending();
        for (const { status, reason } of outcomes as PromiseRejectedResult[]) {
          if (status === 'rejected') expect(reason).toBeInstanceOf(StoreUnavailableError);
        }
      });

      const { reopen } = harness;
      if (reopen) {
        it('keeps what it acknowledged', async () => {
          const { events, outcomes } = await closeWhileAppending();
          store = await reopen();
          const held = new Set(await idsOf(store.read(stream)));
          const acknowledged = events.filter((_, index) => outcomes[index]!.status === 'fulfilled');
          expect(acknowledged.filter(({ id }) => !held.has(id))).toEqual([]);
        });
      }

      const received = (closed: EventStore) => firstValueFrom(closed.subscribe());

      async function closeWhileAppending() {
        const events = facts('e', 100);
        await store.append(stream, 'none', [fact('first')]);
        const reading = idsOf(store.readAll(log())).catch(() => []);
        const appending = events.map((event) => store.append(stream, 'any', [event]));
        const outcomes = Promise.allSettled(appending);
        await store.close();
        await reading;
        return { events, outcomes: await outcomes };
      }
    });
  });
}

const LONG_AGO = instantOf(Date.parse('2012-02-29T12:00:00.123Z'));

const fact = (key: string): NewEvent => ({
  id: `Noted:${key}`,
  type: 'Noted',
  data: { key },
  metadata: { version: 1 },
});

const facts = (prefix: string, count: number): NewEvent[] =>
  Array.from({ length: count }, (_, index) => fact(`${prefix}${index}`));

function appended(answer: Appended | AppendConflict): Appended {
  if ('conflict' in answer) throw new Error(`unexpected conflict at revision ${answer.currentRevision}`);
  return answer;
}

/** Appends so many events in batches of 500; answers with their ids. */
async function fill(store: EventStore, stream: string, count: number): Promise<string[]> {
  const events = facts('f', count);
  for (let from = 0; from < count; from += 500) await store.append(stream, 'any', events.slice(from, from + 500));
  return events.map(({ id }) => id);
}

const isRising = (events: readonly Recorded[]) =>
  events.every(({ position }, index) => index === 0 || events[index - 1]!.position < position);

function pick<T, K extends keyof T>(value: T, ...keys: K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, value[key]])) as Pick<T, K>;
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 2));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await soon();
}
