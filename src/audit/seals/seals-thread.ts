import { workerData } from 'node:worker_threads';
import { recordedIn } from '../../event-store/event-store.js';
import { obey } from '../../threads/thread.js';
import { LocalSeals, type Questions } from './seals.js';
import type { SealsAnswer, SealsOrder } from './threaded-seals.js';

/** The thread of ThreadedSeals. */
const told: string[] = [];
const seals = new LocalSeals(workerData as string, (message) => told.push(message));

async function done(order: SealsOrder): Promise<unknown> {
  switch (order.do) {
    case 'ask':
      return seals.ask(order.name, ...(order.about as Parameters<Questions[keyof Questions]>));
    case 'add':
      return seals.add(recordedIn(order.events));
    case 'searchedTo':
      return seals.searchedTo(order.position);
    case 'beginAnew':
      return seals.beginAnew(order.reason);
    case 'close':
      return seals.close();
    case 'open':
      return undefined;
  }
}

obey(async (order: SealsOrder): Promise<SealsAnswer> => {
  const answer = await done(order);
  return { answer, last: seals.last, told: told.splice(0) };
});
