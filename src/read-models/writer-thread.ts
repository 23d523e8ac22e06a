import { constants, setPriority } from 'node:os';
import { workerData } from 'node:worker_threads';
import { recordedIn } from '../event-store/event-store.js';
import { instantOf } from '../kernel/instant.js';
import { type Checkpoint, ReadModelDatabase } from './database.js';
import { Models } from './models.js';
import { obey } from '../threads/thread.js';
import type { Order, ThreadData } from './threaded-writer.js';
import { LocalWriter } from './writer.js';

/** The thread of a ThreadedWriter. */
const { path, fixedNow, givesWay } = workerData as ThreadData;
// A thread has a priority of its own on Linux; elsewhere it would be that of the whole process.
if (givesWay && process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const db = new ReadModelDatabase(path);
if (givesWay) db.readByNobody();
const writer = new LocalWriter(db, new Models(db, () => fixedNow ?? instantOf(Date.now())).all);

async function done(order: Order): Promise<Checkpoint | undefined> {
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

obey(done);
