import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Subject } from 'rxjs';
import {
  type EventStore,
  type Position,
  type Recorded,
  StoreUnavailableError,
} from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { instantOf } from '../../src/kernel/instant.js';
import { type ReadModel, ReadModelDatabase } from '../../src/read-models/database.js';
import { LogTimes } from '../../src/read-models/log-times.js';
import type { ProjectionObserver } from '../../src/read-models/observer.js';
import { ReadModelRunner, TRANSACTION_EVENTS } from '../../src/read-models/runner.js';
import { LocalWriter, ModelsStorageError } from '../../src/read-models/writer.js';

const NAMES_NOTHING = () => undefined;
const namesItsClick = ({ type }: Recorded) => (type === 'ClickReversed' ? 'ClickSpent:0' : undefined);

/** Keeps the ids it saw in a table; stumbles over events of type `Broken`. */
class Seen implements ReadModel {
  private readonly insert;
  private readonly select;
  forgotten = 0;

  constructor(db: ReadModelDatabase) {
    db.create('CREATE TABLE IF NOT EXISTS seen (nth INTEGER PRIMARY KEY, id TEXT NOT NULL) STRICT');
    this.insert = db.prepare('INSERT INTO seen (id) VALUES (?)');
    this.select = db.prepare('SELECT id FROM seen ORDER BY nth');
  }

  apply(event: Recorded): void {
    this.insert.run(event.id);
    if (event.type === 'Broken') throw new Error('cannot read this');
  }

  forget(): void {
    this.forgotten += 1;
  }

  ids(): unknown[] {
    return this.select.all().map((row) => row['id']);
  }
}

describe('the read model runner', () => {
  let directory: string;
  let store: EventStore;
  let appended = 0;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'promoledger-models-'));
    store = new MemoryEventStore();
    appended = 0;
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  const append = async (type = 'Fact') => {
    appended += 1;
    const event = { id: `${type}:${appended}`, type, data: {}, metadata: { version: 1 } };
    const result = await store.append('things-1', 'any', [event]);
    if ('conflict' in result) throw new Error('conflict');
    return result.position;
  };
  const open = (version?: number, log: EventStore = store, observer?: ProjectionObserver) => {
    const db = new ReadModelDatabase(join(directory, 'models.db'), version, version);
    const seen = new Seen(db);
    const writer = new LocalWriter(db, [seen]);
    const runner = new ReadModelRunner(log, writer, NAMES_NOTHING, observer);
    const close = async () => {
      await runner.stop();
      db.close();
    };
    return { db, seen, writer, runner, close };
  };

  /** A page of the log arrives in each turn. */
  const asMuchAsMayWait = async () => {
    for (let turns = 0; turns < 50; turns += 1) await nextTurn();
  };

  it('catches up, then follows the log', async () => {
    const first = await append();
    const models = open();
    await models.runner.start();
    expect(await models.runner.reached(first, 1000)).toBe(true);
    const second = await append();
    expect(await models.runner.reached(second, 1000)).toBe(true);
    expect(models.runner.position).toBe(second);
    expect(models.seen.ids()).toEqual(['Fact:1', 'Fact:2']);
    await models.close();
  });

  it('resumes from its checkpoint without gap or repeat', async () => {
    const first = await append();
    const before = open();
    await before.runner.start();
    await before.runner.reached(first, 1000);
    await before.close();
    const second = await append();
    const after = open();
    await after.runner.start();
    expect(await after.runner.reached(second, 1000)).toBe(true);
    expect(after.seen.ids()).toEqual(['Fact:1', 'Fact:2']);
    await after.close();
  });

  describe('when events come one after the other', () => {
    /** How many each transaction included. */
    let transactions: number[];
    const counting = (): ProjectionObserver => {
      transactions = [];
      const nothing = () => undefined;
      const projected = (_: bigint, events: number) => void transactions.push(events);
      return { projected, held: nothing, stopped: nothing, rebuilt: nothing };
    };

    it('writes the first at once, and those that follow it shortly together', async () => {
      const models = open(undefined, store, counting());
      await models.runner.start();
      for (let n = 0; n < 10; n += 1) {
        await append();
        await nextTurn();
        await nextTurn();
      }
      expect(transactions[0]).toBeLessThan(10);
      while (models.runner.position < 10n) await sleep(5);
      expect(models.seen.ids()).toHaveLength(10);
      // A machine that is busy elsewhere may make a pause of any of the steps.
      expect(transactions.length).toBeLessThan(6);
      await models.close();
    });

    it('writes them at once when somebody waits for them who is not patient', async () => {
      const models = open(undefined, store, counting());
      await models.runner.start();
      const waitedMs = { patient: 0, others: 0 };
      const wait = async (who: keyof typeof waitedMs) => {
        const position = await append();
        const startedMs = performance.now();
        expect(await models.runner.reached(position, 5000, { isPatient: who === 'patient' })).toBe(true);
        waitedMs[who] += performance.now() - startedMs;
      };
      for (let n = 0; n < 10; n += 1) {
        await wait('others');
        await wait('patient');
      }
      expect(transactions).toHaveLength(20);
      // One and the other, alternately: whatever else the machine does slows both down.
      expect(waitedMs.others).toBeLessThan(waitedMs.patient / 2);
      await models.close();
    });

    it('writes them when it stops', async () => {
      const models = open(undefined, store, counting());
      await models.runner.start();
      await models.runner.reached(await append(), 1000);
      await append();
      await nextTurn();
      await models.runner.stop();
      expect(models.runner.position).toBe(2n);
      await models.close();
    });
  });

  it('says that a position was not reached in time', async () => {
    const models = open();
    await models.runner.start();
    expect(await models.runner.reached(99n, 5)).toBe(false);
    await models.close();
  });

  it('stands still at an event that a model cannot read, at what was committed before', async () => {
    const first = await append();
    const models = open();
    await models.runner.start();
    await models.runner.reached(first, 1000);
    const waiting = models.runner.reached(first + 2n, 1000);
    await Promise.all([append(), append('Broken'), append(), expect(waiting).rejects.toThrow('cannot read this')]);
    expect(models.runner.failed?.message).toBe('cannot read this');
    await expect(models.runner.reached(first, 1000)).rejects.toThrow('cannot read this');
    expect(models.seen.ids().at(-1)).not.toMatch(/Broken/);
    expect(BigInt(models.seen.ids().length)).toBe(models.runner.position);
    expect(models.seen.forgotten).toBe(1);
    await models.close();
  });

  it('leaves nothing out and writes nothing twice when a transaction fails whose successor is handed over', async () => {
    const events = Array.from({ length: 4 * TRANSACTION_EVENTS }, (_, n) => {
      return { id: `Fact:${n}`, type: 'Fact', data: {}, metadata: { version: 1 } };
    });
    await store.append('things-1', 'none', events);
    const db = new ReadModelDatabase(join(directory, 'models.db'));
    const seen = new Seen(db);
    const writer = new LocalWriter(db, [seen]);
    const write = writer.write.bind(writer);
    const outcomes: string[] = [];
    let failures = 1;
    writer.write = async (...batch) => {
      // While the first is written as much arrives as may wait: the second fails when the third is handed over.
      if (outcomes.length === 0) await asMuchAsMayWait();
      try {
        if (outcomes.length === 1 && failures-- > 0) throw new ModelsStorageError('disk full');
        await write(...batch);
        outcomes.push('written');
      } catch (error) {
        outcomes.push((error as Error).message);
        throw error;
      }
    };
    const runner = new ReadModelRunner(store, writer, NAMES_NOTHING);
    await runner.start();
    expect(await runner.reached(BigInt(events.length), 10_000)).toBe(true);
    expect(seen.ids()).toEqual(events.map(({ id }) => id));
    expect(outcomes).toContain('disk full');
    expect(outcomes.filter((outcome) => outcome.startsWith('the read models include position'))).not.toEqual([]);
    await runner.stop();
    db.close();
  });

  it('goes on when the store could not be asked for what the next transaction needs while one was written', async () => {
    const events = Array.from({ length: 4 * TRANSACTION_EVENTS }, (_, n) => {
      const type = n === 2 * TRANSACTION_EVENTS ? 'ClickReversed' : 'ClickSpent';
      return { id: `${type}:${n}`, type, data: {}, metadata: { version: 1 } };
    });
    await store.append('things-1', 'none', events);
    const find = store.find.bind(store);
    let failures = 1;
    store.find = async (stream, ids) => {
      if (failures-- > 0) throw new StoreUnavailableError('away');
      return find(stream, ids);
    };
    const db = new ReadModelDatabase(join(directory, 'models.db'));
    const seen = new Seen(db);
    const writer = new LocalWriter(db, [seen]);
    const write = writer.write.bind(writer);
    writer.write = async (...batch) => {
      if (seen.ids().length === 0) await asMuchAsMayWait();
      await write(...batch);
    };
    const runner = new ReadModelRunner(store, writer, namesItsClick);
    await runner.start();
    expect(await runner.reached(BigInt(events.length), 10_000)).toBe(true);
    expect(failures).toBeLessThanOrEqual(0);
    expect(seen.ids()).toEqual(events.map(({ id }) => id));
    await runner.stop();
    db.close();
  });

  it('includes each event once, however often it is started', async () => {
    const models = open();
    await models.runner.start();
    await models.runner.start();
    await append();
    expect(await models.runner.reached(await append(), 1000)).toBe(true);
    expect(models.seen.ids()).toEqual(['Fact:1', 'Fact:2']);
    await models.close();
  });

  it('reads again, once, what it could not write before it was stopped', async () => {
    const models = open();
    const { writer, runner, seen } = models;
    const write = writer.write.bind(writer);
    writer.write = async () => {
      throw new ModelsStorageError('disk full');
    };
    await runner.start();
    const last = await append();
    await asMuchAsMayWait();
    await runner.stop();
    writer.write = write;
    await runner.start();
    expect(await runner.reached(last, 1000)).toBe(true);
    await asMuchAsMayWait();
    expect(seen.ids()).toEqual(['Fact:1']);
    await models.close();
  });

  describe('of a log that holds others’ events, too,', () => {
    let others: Subject<Recorded>;
    let asked: Parameters<EventStore['subscribe']>[0];
    let last: Recorded;

    beforeEach(async () => {
      await append();
      [last] = (await Array.fromAsync(store.readAll())) as [Recorded];
      others = new Subject();
      store.subscribe = (options) => {
        asked = options;
        return others;
      };
    });
    const searched = (position: Position) => asked!.onSearched!(position);

    it('keeps how far it was searched, and looks no further back when it starts again', async () => {
      const first = open();
      await first.runner.start();
      others.next(last);
      searched(40n);
      expect(await first.runner.reached(last.position, 1000)).toBe(true);
      await asMuchAsMayWait();
      expect(first.db.checkpoint()).toMatchObject({ position: last.position, searched: 40n });
      await first.close();
      const second = open();
      await second.runner.start();
      expect(asked).toMatchObject({ after: last.position, searched: 40n });
      await second.close();
    });

    it('never says that it was searched behind an event that is not written yet', async () => {
      const { runner, writer, db, close } = open();
      await runner.start();
      const later = { ...last, id: 'Fact:2', position: 50n };
      const write = writer.write.bind(writer);
      let arrives: unknown = true;
      writer.write = async (...batch) => {
        await write(...batch);
        // Just as the runner has found that nothing else waits.
        if (arrives) void Promise.resolve().then(() => queueMicrotask(() => (others.next(later), searched(50n))));
        arrives = false;
      };
      const said: [Position, Position][] = [];
      writer.searched = async (position) => void said.push([position, db.checkpoint()!.position]);
      others.next(last);
      expect(await runner.reached(50n, 1000)).toBe(true);
      await asMuchAsMayWait();
      expect(said.filter(([position, included]) => position >= 50n && included < 50n)).toEqual([]);
      await close();
    });

    it('keeps it later when it cannot be written', async () => {
      const { runner, writer, db, close } = open();
      await runner.start();
      others.next(last);
      expect(await runner.reached(last.position, 1000)).toBe(true);
      const write = writer.searched.bind(writer);
      const failing = new Promise<void>((resolve) => {
        writer.searched = async () => {
          writer.searched = write;
          resolve();
          throw new ModelsStorageError('disk full');
        };
      });
      searched(40n);
      await failing;
      expect(db.checkpoint()).toMatchObject({ searched: last.position });
      for (let waitedMs = 0; db.checkpoint()!.searched !== 40n && waitedMs < 3000; waitedMs += 50) await sleep(50);
      expect(db.checkpoint()).toMatchObject({ searched: 40n });
      await close();
    });
  });

  it('rebuilds to the same tables', async () => {
    const models = open();
    await models.runner.start();
    await append();
    const last = await append();
    await models.runner.reached(last, 1000);
    const before = models.seen.ids();
    await models.runner.rebuild();
    expect(await models.runner.reached(last, 1000)).toBe(true);
    expect(models.seen.ids()).toEqual(before);
    await models.close();
  });

  it.each([
    ['another version of the models', 99, false],
    ['another log', undefined, true],
  ])('begins anew with a file of %s', async (_, version, anotherLog) => {
    await append();
    const first = open();
    await first.runner.start();
    await first.runner.reached(await append(), 1000);
    await first.close();
    const log = anotherLog ? new MemoryEventStore() : store;
    if (anotherLog) {
      const event = { id: 'Other:1', type: 'Other', data: {}, metadata: { version: 1 } };
      await log.append('others-1', 'none', [event]);
    }
    const second = open(version, log);
    expect(second.seen.ids()).toHaveLength(anotherLog ? 2 : 0);
    await second.runner.start();
    await second.runner.reached(await log.head(), 1000);
    expect(second.seen.ids()).toEqual(anotherLog ? ['Other:1'] : ['Fact:1', 'Fact:2']);
    await second.close();
  });
});

describe('the times of the log', () => {
  it('answers with the longest prefix recorded by then, also when the clock stepped back', () => {
    const db = new ReadModelDatabase(':memory:');
    const times = new LogTimes(db);
    const apply = (position: bigint, recordedMs: number) =>
      times.apply({ position, recordedAt: instantOf(recordedMs) } as Recorded);
    expect(times.lastKnownAt(instantOf(0))).toBeNull();
    apply(3n, 1000);
    apply(5n, 2000);
    apply(6n, 1500);
    times.forget();
    db.begin();
    db.commit({ position: 6n, stream: 's', id: 'i' } as Recorded);
    apply(9n, 1999);
    apply(11n, 2001);
    const at = (ms: number) => times.lastKnownAt(instantOf(ms));
    expect([999, 1000, 1999, 2000, 2001].map(at)).toEqual([0n, 3n, 3n, 9n, null]);
    db.close();
  });
});
