import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { copyLedger, CopyRefusedError } from '../../src/event-store/copy.js';
import {
  BatchTooLargeError,
  StoreUnavailableError,
  type EventStore,
  type NewEvent,
  type Recorded,
} from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { openLedgerFile } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';

let folder: string;
let opened: EventStore[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store.close();
  rmSync(folder, { recursive: true });
});

const NO_PROGRESS = { start: () => undefined, advance: () => undefined, stop: () => undefined };
const copy = (source: EventStore, target: EventStore) => copyLedger(source, target, NO_PROGRESS);

/** A minute goes by between two appends to a source; a target's own clock is years later. */
const THEN = Date.parse('2022-10-04T07:00:00.000Z');
const ticking = (): (() => number) => {
  let minutes = 0;
  return () => THEN + 60_000 * (minutes += 1);
};
const later = () => Date.parse('2026-01-01T00:00:00.000Z');

type Kind = 'memory' | 'sqlite';
const pathOf = (name: string) => join(folder, `${name}.db`);

function open(kind: Kind, name: string, clock: () => number = later): EventStore {
  const store =
    kind === 'memory' ? new MemoryEventStore(clock) : new SqliteEventStore(openLedgerFile(pathOf(name)), clock);
  opened.push(store);
  return store;
}

const fact = (key: string, data: object = { key }): NewEvent => ({
  id: `Noted:${key}`,
  type: 'Noted',
  data,
  metadata: { version: 1, correlationId: `c-${key}` },
});

/** What is in the source: in the order of the log, each append a line. */
const APPENDS: readonly (readonly [stream: string, keys: readonly string[]])[] = [
  ['promotion-p', ['published']],
  ['account-a.DE', ['opened', 'payable']],
  ['account-a.DE', ['click-1']],
  ['fx-EUR.USD', ['monday']],
  ['account-b.US', ['opened', 'click-1', 'click-2']],
  ['account-a.DE', ['click-2']],
  ['fx-EUR.USD', ['tuesday']],
];
const EVENTS = APPENDS.flatMap(([, keys]) => keys).length;

async function fill(store: EventStore): Promise<EventStore> {
  for (const [stream, keys] of APPENDS) {
    await store.append(
      stream,
      'any',
      keys.map((key) => fact(key)),
    );
  }
  return store;
}

const filled = (kind: Kind, name = 'source') => fill(open(kind, name, ticking()));

/** All that is copied: everything but the place in the whole log. */
const contents = async (store: EventStore) =>
  (await Array.fromAsync(store.readAll())).map(({ position: _, ...event }) => event);

/** The same store, but for what a test says. */
const altered = (store: EventStore, changes: Partial<EventStore>): EventStore =>
  new Proxy(store, {
    get: (target, name) => {
      const value: unknown = name in changes ? changes[name as keyof EventStore] : Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

describe('A copy', () => {
  it.each<[Kind, Kind]>([
    ['sqlite', 'memory'],
    ['memory', 'sqlite'],
    ['sqlite', 'sqlite'],
  ])('from %s to %s has the same log, recorded at the same times', async (from, to) => {
    const source = await filled(from);
    const target = open(to, 'target');
    const copied = await copy(source, target);
    expect(copied).toMatchObject({ held: 0, appended: EVENTS, difference: null, hasGrown: false });
    expect(copied.target).toBe(copied.source);
    expect(await contents(target)).toEqual(await contents(source));
    const streams = new Set(APPENDS.map(([stream]) => stream));
    for (const stream of streams) {
      const [ours, theirs] = [source, target].map((store) => Array.fromAsync(store.read(stream)));
      expect((await theirs)!.map(({ id }) => id)).toEqual((await ours)!.map(({ id }) => id));
    }
  });

  it('is hashed as anybody can: a line of JSON for each event, fields in order', async () => {
    const source = open('memory', 'source', () => THEN);
    const data = { z: [1, { b: 'ü', a: null }], 10: true, 9: '"' };
    await source.append('fx-EUR.USD', 'none', [{ id: 'Noted:a', type: 'Noted', data, metadata: { version: 1 } }]);
    const line =
      '{"data":{"10":true,"9":"\\"","z":[1,{"a":null,"b":"ü"}]},"id":"Noted:a","metadata":{"version":1},' +
      '"recordedAt":"2022-10-04T07:00:00.000Z","revision":0,"stream":"fx-EUR.USD","type":"Noted"}\n';
    const { source: hash, target } = await copy(source, open('sqlite', 'target'));
    expect([hash, target]).toEqual(Array(2).fill(createHash('sha256').update(line).digest('hex')));
  });

  it('of a copy still says when the first store recorded', async () => {
    const source = await filled('sqlite');
    const between = open('memory', 'between');
    const last = open('sqlite', 'last');
    await copy(source, between);
    await copy(between, last);
    expect(await contents(last)).toEqual(await contents(source));
  });

  it('is gone on with by new events, recorded when they are', async () => {
    const target = open('sqlite', 'target');
    await copy(await filled('memory'), target);
    await target.append('fx-EUR.USD', 1, [fact('wednesday')]);
    expect((await contents(target)).at(-1)).toMatchObject({ revision: 2, recordedAt: '2026-01-01T00:00:00.000Z' });
  });

  it('appends neighbours of one stream together, one append after the other', async () => {
    const source = await filled('memory');
    const target = open('memory', 'target');
    const appends: string[] = [];
    let running = 0;
    const append: EventStore['append'] = async (stream, expected, events) => {
      running += 1;
      expect(running).toBe(1);
      appends.push(`${stream} ${expected} +${events.length}`);
      const answer = await target.append(stream, expected, events);
      running -= 1;
      return answer;
    };
    await copy(source, altered(target, { append }));
    expect(appends).toEqual([
      'promotion-p none +1',
      'account-a.DE none +3',
      'fx-EUR.USD none +1',
      'account-b.US none +3',
      'account-a.DE 2 +1',
      'fx-EUR.USD 0 +1',
    ]);
  });

  it('halves batches that are too large for the target', async () => {
    const source = await filled('memory');
    const target = open('memory', 'target');
    const append: EventStore['append'] = async (stream, expected, events) => {
      if (events.length > 1) throw new BatchTooLargeError('one at a time');
      return target.append(stream, expected, events);
    };
    expect(await copy(source, altered(target, { append }))).toMatchObject({ appended: EVENTS, difference: null });
    expect(await contents(target)).toEqual(await contents(source));
  });

  it('ends where the source ended when it began, and says that there is more', async () => {
    const source = await filled('memory');
    const target = open('memory', 'target');
    let isFirst = true;
    const append: EventStore['append'] = async (stream, expected, events) => {
      if (isFirst) await source.append('fx-EUR.USD', 1, [fact('wednesday')]);
      isFirst = false;
      return target.append(stream, expected, events);
    };
    const copied = await copy(source, altered(target, { append }));
    expect(copied).toMatchObject({ head: BigInt(EVENTS), appended: EVENTS, difference: null, hasGrown: true });
    expect(await contents(target)).toHaveLength(EVENTS);
    expect(await copy(source, target)).toMatchObject({ held: EVENTS, appended: 1, difference: null, hasGrown: false });
  });

  it('tells how far it is, in percent', async () => {
    const told: [string, number][] = [];
    await copyLedger(await filled('memory'), open('memory', 'target'), {
      start: (what, total) => void told.push([what, -total]),
      advance: (count) => void (told.at(-1)![1] += count),
      stop: () => undefined,
    });
    expect(told).toEqual([
      ['copying, in %', 0],
      ['verifying, in %', 0],
    ]);
  });
});

describe('A copy that was interrupted', () => {
  const places = Array.from({ length: EVENTS + 1 }, (_, held) => held);

  it.each(places)('after %d events goes on from there', async (held) => {
    const source = await filled('memory');
    const target = open('memory', 'target');
    for (const { stream, metadata, recordedAt, ...event } of (await contents(source)).slice(0, held)) {
      await target.append(stream, 'any', [{ ...event, metadata: { ...metadata, recordedAt } }]);
    }
    expect(await copy(source, target)).toMatchObject({ held, appended: EVENTS - held, difference: null });
    expect(await contents(target)).toEqual(await contents(source));
  });

  it.each([
    ['before it was written', false],
    ['after it was written and before that was told', true],
  ])('at an append, %s, goes on wherever that was', async (_, isWritten) => {
    const source = await filled('memory');
    for (let nth = 0; nth < 6; nth += 1) {
      const target = open('sqlite', `target-${nth}`);
      let appends = 0;
      const append: EventStore['append'] = async (...batch) => {
        const isLast = appends === nth;
        appends += 1;
        if (!isLast || isWritten) await target.append(...batch);
        if (isLast) throw new StoreUnavailableError('gone');
        return { revision: 0, position: 0n, positions: [], repeated: false };
      };
      await expect(copy(source, altered(target, { append }))).rejects.toThrow(StoreUnavailableError);
      const held = (await contents(target)).length;
      expect(await copy(source, target)).toMatchObject({ held, appended: EVENTS - held, difference: null });
      expect(await contents(target)).toEqual(await contents(source));
    }
  });
});

describe('A target that holds something else', () => {
  const PUBLISHED = 'Noted:published (promotion-p, revision 0)';

  it.each<[string, (target: EventStore) => Promise<unknown>, string]>([
    [
      'events of its own',
      (target) => target.append('account-z.DE', 'none', [fact('opened')]),
      `it has Noted:opened (account-z.DE, revision 0) where the source has ${PUBLISHED}`,
    ],
    [
      'the same facts, recorded by itself',
      async (target) => fill(target),
      `its ${PUBLISHED} has other recordedAt; nothing was written`,
    ],
    [
      'other content by the same id',
      (target) => target.append('promotion-p', 'none', [{ ...fact('published', { terms: 'other' }) }]),
      `its ${PUBLISHED} has other data and recordedAt`,
    ],
    [
      'all of the source, and more',
      async (target) => {
        await copy(await filled('memory'), target);
        await target.append('fx-EUR.USD', 1, [fact('wednesday')]);
      },
      'it goes on with Noted:wednesday (fx-EUR.USD, revision 2), where the source has ended',
    ],
  ])('is refused and left as it is: %s', async (_, spoil, message) => {
    const target = open('sqlite', 'target');
    await spoil(target);
    const before = await Array.fromAsync(target.readAll());
    const refused = copy(await filled('memory', 'other'), target);
    await expect(refused).rejects.toThrow(CopyRefusedError);
    await expect(refused).rejects.toThrow(message);
    expect(await Array.fromAsync(target.readAll())).toEqual(before);
  });

  it('is told of when somebody else writes to it meanwhile', async () => {
    const target = open('memory', 'target');
    const append: EventStore['append'] = async (stream, ...rest) => {
      if (stream.startsWith('fx-')) await target.append(stream, 'any', [fact('foreign')]);
      return target.append(stream, ...rest);
    };
    const refused = copy(await filled('memory'), altered(target, { append }));
    await expect(refused).rejects.toThrow(
      'somebody else writes to the target: fx-EUR.USD should end before revision 0',
    );
  });

  it('is found by its hash when a bit was lost on the way', async () => {
    const source = await filled('memory');
    const target = open('memory', 'target');
    const append: EventStore['append'] = async (stream, expected, events) =>
      target.append(
        stream,
        expected,
        events.map((event) => (event.id === 'Noted:click-2' ? { ...event, data: { key: 'click-3' } } : event)),
      );
    const copied = await copy(source, altered(target, { append }));
    expect(copied.target).not.toBe(copied.source);
    expect(copied.difference).toBe('its Noted:click-2 (account-b.US, revision 2) has other data');
  });

  it('is found when a bit turned over on its disk', async () => {
    const source = await filled('memory');
    const target = open('sqlite', 'target');
    await copy(source, target);
    await target.close();
    const file = new DatabaseSync(pathOf('target'));
    file.exec('UPDATE events SET recorded_at = recorded_at + 4096 WHERE position = 5');
    file.close();
    await expect(copy(source, open('sqlite', 'target'))).rejects.toThrow(
      'its Noted:monday (fx-EUR.USD, revision 0) has other recordedAt',
    );
  });

  it('is found when it reads back short', async () => {
    const source = await filled('memory');
    const target = open('memory', 'target');
    async function* readAll(): AsyncGenerator<Recorded> {
      for await (const event of target.readAll()) if (event.position < EVENTS) yield event;
    }
    const copied = await copy(source, altered(target, { readAll }));
    expect(copied.difference).toBe('it ends before Noted:tuesday (fx-EUR.USD, revision 1)');
    expect(copied.target).not.toBe(copied.source);
  });
});
