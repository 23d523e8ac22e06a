import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { type Recorded, recordedOf } from '../event-store/event-store.js';
import { instantOf } from '../kernel/instant.js';
import { type Checkpoint, ReadModelDatabase } from './database.js';
import { Models } from './models.js';
import type { Order, Reply, ThreadData } from './threaded-writer.js';
import { LocalWriter, ModelsStorageError } from './writer.js';

/** The thread of a ThreadedWriter: does what it is told, one thing after the other. */
const { path, fixedNow, givesWay } = workerData as ThreadData;
// A thread has a priority of its own on Linux; elsewhere it would be that of the whole process.
if (givesWay && process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const db = new ReadModelDatabase(path);
const writer = new LocalWriter(db, new Models(db, () => fixedNow ?? instantOf(Date.now())).all);

async function obey(order: Order): Promise<Checkpoint | undefined> {
  switch (order.do) {
    case 'checkpoint':
      return writer.checkpoint();
    case 'write':
      await writer.write(recordedIn(order.events), [...recordedIn(order.named)], order.after);
      return undefined;
    case 'searched':
      await writer.searched(order.position);
      return undefined;
    case 'clear':
      await writer.clear();
      return undefined;
    case 'close':
      db.close();
      return undefined;
  }
}

/** Each is read when it is its turn, and gone when it is written down: what lives shortly costs the least. */
function* recordedIn(lines: string): Generator<Recorded> {
  if (lines === '') return;
  for (const line of lines.split('\n')) yield recordedOf(line);
}

let turn: Promise<void> = Promise.resolve();
parentPort!.on('message', (order: Order) => {
  turn = turn.then(async () => {
    let reply: Reply;
    try {
      reply = { done: await obey(order) };
    } catch (error) {
      const failed = error instanceof Error ? error : new Error(String(error));
      reply = { failed, ofStorage: failed instanceof ModelsStorageError };
    }
    parentPort!.postMessage(reply);
  });
});
