import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cpSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountDecider } from '../../../src/accounts/domain/account.js';
import type { AccountCommand } from '../../../src/accounts/domain/decide.js';
import { CommandHandling } from '../../../src/commands/handling.js';
import { Snapshots } from '../../../src/commands/snapshots.js';
import type { NewEvent } from '../../../src/event-store/event-store.js';
import { EventStoreDbStore } from '../../../src/event-store/eventstoredb/eventstoredb-store.js';
import { toServer } from '../../../src/event-store/eventstoredb/wire.js';
import { accountStream } from '../../../src/kernel/identifiers.js';
import { EventStoreDbDouble } from '../../support/eventstoredb/double.js';
import { answersTo, lifeOf, questionsTo } from '../../support/long-life.js';

const STREAM = accountStream('adv-1', 'DE');
const CLICKS = 40_000;
/** So many events come from elsewhere between two looks of the process that never stops. */
const BLOCK = 1000;
const PREFIX = 'acme_';
/** By this clock all servers record, so that the copy of one's log is the same to whoever reads it. */
const clock = () => Date.UTC(2026, 0, 1);

/** What decides on a server's log, with the files of its cache. */
class Process {
  readonly store: EventStoreDbStore;
  readonly snapshots: Snapshots;
  private readonly handling;

  constructor({ connectionString }: EventStoreDbDouble, cache: string) {
    const report = () => undefined;
    this.store = new EventStoreDbStore({
      connectionString,
      streamPrefix: PREFIX,
      categories: ['account-'],
      indexPath: `${cache}.index`,
      report,
    });
    this.snapshots = new Snapshots(`${cache}.snapshots`);
    this.handling = new CommandHandling(this.store, accountDecider, this.snapshots);
  }

  state = () => this.handling.stateOf(STREAM);
  answers = (commands: readonly AccountCommand[]) => answersTo(commands, STREAM, this.handling);

  async stop(): Promise<void> {
    await this.store.close();
    this.snapshots.close();
  }
}

/** Events as another process would have written them, at once into the server's log. */
function write({ log }: EventStoreDbDouble, events: readonly NewEvent[]): void {
  const encoded = (part: unknown) => Buffer.from(JSON.stringify(part));
  const proposed = events.map(toServer).map(({ id, type, data, metadata }) => ({
    ...{ id, type, isJson: true },
    ...{ data: encoded(data), metadata: encoded(metadata) },
  }));
  log.append(PREFIX + STREAM, 'any', proposed);
}

/** Another server that holds the same. */
async function copyOf(server: EventStoreDbDouble): Promise<EventStoreDbDouble> {
  const copy = await EventStoreDbDouble.start({ clock });
  for (const event of server.log.all.slice(copy.log.all.length)) copy.log.append(event.stream, 'any', [event]);
  expect(copy.log.all.at(-1)).toEqual(server.log.all.at(-1));
  return copy;
}

const countReads = ({ faults }: EventStoreDbDouble) =>
  faults.arm(async () => undefined, { method: 'read-stream', times: Number.MAX_SAFE_INTEGER });

describe(`on an account with ${CLICKS} clicks in EventStoreDB, a process that starts again`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-restart-'));
  const questions = questionsTo(CLICKS);
  let server: EventStoreDbDouble;
  /** As it was before the questions. */
  let asItWas: EventStoreDbDouble;
  /** By the process that never stopped. */
  let answers: readonly unknown[];
  /** Of the account, before the questions. */
  let events: number;
  /** Of its state, in entries. */
  let weight: number;

  beforeAll(async () => {
    server = await EventStoreDbDouble.start({ clock });
    const running = new Process(server, join(directory, 'running'));
    const [first] = questions as [AccountCommand];
    for (const block of lifeOf(CLICKS, BLOCK)) {
      write(server, block);
      weight = accountDecider.codec!.weigh(await running.state());
      expect(await running.answers([first])).toEqual([expect.objectContaining({ status: 'duplicate' })]);
    }
    events = server.log.stream(PREFIX + STREAM).length;
    // As the process would leave them if it were killed now, each with the log that belongs to it.
    for (const file of globSync(join(directory, 'running.*'))) cpSync(file, file.replace('running', 'kept'));
    asItWas = await copyOf(server);
    answers = await running.answers(questions);
    await running.stop();
  }, 60_000);

  afterAll(async () => {
    await Promise.all([server.stop(), asItWas.stop()]);
    rmSync(directory, { recursive: true });
  });

  /** The answers of a process that finds what was kept, except some files, and what it asked of the server. */
  async function restarted(...lost: readonly string[]) {
    const copy = await copyOf(asItWas);
    const cache = join(directory, 'restarted');
    for (const file of globSync(`${cache}.*`)) rmSync(file);
    for (const file of globSync(join(directory, 'kept.*'))) {
      if (!lost.some((each) => file.includes(`kept.${each}`))) cpSync(file, file.replace('kept', 'restarted'));
    }
    const reads = countReads(copy);
    const process = new Process(copy, cache);
    try {
      await process.state();
      const toStart = { reads: reads.struck, events: copy.sent.events };
      const told = await process.answers(questions);
      const toAnswer = { reads: reads.struck - toStart.reads, events: copy.sent.events - toStart.events };
      return { told, toStart, toAnswer };
    } finally {
      await process.stop();
      await copy.stop();
    }
  }

  it('decides as one that never stopped, and reads the tail behind its snapshot and what it is asked of', async () => {
    const { told, toStart, toAnswer } = await restarted();
    expect(told).toEqual(answers);
    expect(new Set(told.map((answer) => (answer as { status: string }).status))).toEqual(
      new Set(['duplicate', 'rejected', 'appended', 'settled']),
    );
    // A snapshot is as old as the state is heavy, at most, and the process that never stops looks once a block.
    expect(toStart.events).toBeLessThanOrEqual(weight + 2 * BLOCK);
    expect(toStart.reads).toBeLessThanOrEqual(2 + toStart.events / 500);
    // Each command may look up two facts, and look whether there is anything new.
    expect(toAnswer.reads).toBeLessThanOrEqual(3 * questions.length);
    expect(toAnswer.events).toBeLessThanOrEqual(2 * questions.length);
  });

  it('decides the same when its files are lost, and reads all of it', async () => {
    const { told, toStart, toAnswer } = await restarted('snapshots', 'index');
    expect(told).toEqual(answers);
    // Once for the state, and once for the index.
    expect(toStart.events).toBe(events);
    expect(toAnswer.events - events).toBeLessThanOrEqual(2 * questions.length);
    expect(toStart.reads + toAnswer.reads).toBeLessThanOrEqual(2 * Math.ceil(events / 500 + 1) + 3 * questions.length);
  }, 60_000);
});
