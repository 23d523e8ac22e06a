import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backup } from 'node:sqlite';
import { accountDecider } from '../../src/accounts/domain/account.js';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import { CommandHandling } from '../../src/commands/handling.js';
import { Snapshots } from '../../src/commands/snapshots.js';
import type { Recorded } from '../../src/event-store/event-store.js';
import { openLedgerFile } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { answersTo, lifeOf, questionsTo } from '../support/long-life.js';

const STREAM = accountStream('adv-1', 'DE');
/** Events to an append. */
const BLOCK = 5000;

/** A ledger's file, and how many events were read from it, one after the other or by their ids. */
class CountingStore extends SqliteEventStore {
  eventsRead = 0;
  eventsFound = 0;

  override async *read(...asked: Parameters<SqliteEventStore['read']>): AsyncGenerator<Recorded> {
    for await (const event of super.read(...asked)) {
      this.eventsRead += 1;
      yield event;
    }
  }

  override async find(...asked: Parameters<SqliteEventStore['find']>): Promise<ReadonlyMap<string, Recorded>> {
    const found = await super.find(...asked);
    this.eventsFound += found.size;
    return found;
  }
}

/** What decides on a ledger's file, from its start to its end. */
class Process {
  readonly db;
  readonly store;
  readonly snapshots;
  private readonly handling;

  constructor(ledger: string) {
    this.db = openLedgerFile(ledger);
    // What is tested is not the disk.
    this.db.exec('PRAGMA synchronous = OFF');
    this.store = new CountingStore(this.db);
    this.snapshots = new Snapshots(`${ledger}.snapshots`);
    this.handling = new CommandHandling(this.store, accountDecider, this.snapshots);
  }

  state = () => this.handling.stateOf(STREAM);

  answers = (commands: readonly AccountCommand[]) => answersTo(commands, STREAM, this.handling);

  async stop(): Promise<void> {
    await this.store.close();
    this.snapshots.close();
  }
}

interface Life {
  readonly questions: readonly AccountCommand[];
  /** By the process that never stopped. */
  readonly answers: readonly unknown[];
  readonly events: number;
  readonly eventsRead: number;
  /** Of the state, in entries. */
  readonly weight: number;
}

/**
 * Lives through so many clicks in one process, which then answers the questions; before that, ledger and snapshots are
 * copied as they stand.
 */
async function live(clicks: number, ledger: string, copy: string): Promise<Life> {
  const running = new Process(ledger);
  let last = -1;
  for (const block of lifeOf(clicks, BLOCK)) {
    const appended = await running.store.append(STREAM, last < 0 ? 'none' : last, block);
    if ('conflict' in appended) throw new Error('somebody else writes');
    last = appended.revision;
    await running.state();
  }
  const weight = accountDecider.codec!.weigh(await running.state());
  const { eventsRead } = running.store;
  await backup(running.db, copy, { rate: 100_000 });
  // What it would save from now on is of a longer life than the copy's.
  running.snapshots.close();
  const questions = questionsTo(clicks);
  const answers = await running.answers(questions);
  await running.stop();
  return { questions, answers, events: last + 1, eventsRead, weight };
}

const directory = mkdtempSync(join(tmpdir(), 'promoledger-restart-'));
const at = (name: string) => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A process that starts on a copy of the ledger, with these snapshots. */
async function restarted(copy: string, placeSnapshots: (path: string) => void, { questions }: Life) {
  const ledger = at('restarted.db');
  for (const suffix of ['', '-wal', '.snapshots', '.snapshots-wal']) rmSync(`${ledger}${suffix}`, { force: true });
  copyFileSync(copy, ledger);
  placeSnapshots(`${ledger}.snapshots`);
  const process = new Process(ledger);
  try {
    await process.state();
    const { eventsRead } = process.store;
    const answers = await process.answers(questions);
    const eventsReadToAnswer = process.store.eventsRead - eventsRead;
    return { answers, eventsRead, eventsReadToAnswer, eventsFound: process.store.eventsFound };
  } finally {
    await process.stop();
  }
}

describe('a process that starts again decides as one that never stopped', () => {
  describe('on an account with a million clicks', () => {
    const CLICKS = 1_000_000;
    const copy = at('million-copy.db');
    let life: Life;

    beforeAll(async () => {
      life = await live(CLICKS, at('million.db'), copy);
    }, 300_000);

    it('whose state stays small, and which is read once by who never stops', () => {
      expect(life.events).toBeGreaterThan(CLICKS);
      expect(life.eventsRead).toBe(life.events);
      expect(life.weight).toBeLessThan(CLICKS / 100);
    });

    it('reading the tail behind its snapshot, and of what was before only what it is asked of', async () => {
      const again = await restarted(copy, (path) => copyFileSync(at('million.db.snapshots'), path), life);
      expect(again.answers).toEqual(life.answers);
      // A snapshot is as old as the state is heavy, at most, and the process that never stops looks once a block.
      expect(again.eventsRead).toBeLessThanOrEqual(life.weight + 2 * BLOCK);
      // Each command may read what it appended and look up two facts.
      expect(again.eventsReadToAnswer).toBeLessThanOrEqual(life.questions.length);
      expect(again.eventsFound).toBeLessThanOrEqual(2 * life.questions.length);
    }, 300_000);

    it('reading all of it when the snapshots are lost', async () => {
      const again = await restarted(copy, () => undefined, life);
      expect(again.answers).toEqual(life.answers);
      expect(again.eventsRead).toBe(life.events);
    }, 300_000);
  });

  describe('whatever it finds for snapshots', () => {
    const copy = at('small-copy.db');
    let life: Life;

    beforeAll(async () => {
      life = await live(20_000, at('small.db'), copy);
      await live(24_000, at('other.db'), at('other-copy.db'));
    }, 60_000);

    it.each<[string, (path: string) => void, boolean]>([
      ['its own', (path) => copyFileSync(at('small.db.snapshots'), path), true],
      ["another ledger's", (path) => copyFileSync(at('other.db.snapshots'), path), false],
      ['something else', (path) => writeFileSync(path, 'what a disk may come to hold\n'.repeat(500)), false],
    ])('%s', async (_, placeSnapshots, isOfUse) => {
      const again = await restarted(copy, placeSnapshots, life);
      expect(again.answers).toEqual(life.answers);
      expect(again.eventsRead < life.events).toBe(isOfUse);
    });
  });
});
