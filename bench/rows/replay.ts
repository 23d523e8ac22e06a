import { fork } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { replay } from '../../src/audit/replay.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { LATEST } from '../../src/kernel/instant.js';
import { alternately, type Contestant, type Effort, type Turns } from '../measure.js';

/** So many events of the log are read at a time by hand. */
export const PAGE = 1000;

/** Rows of position, type and data as arrays, after a position. */
export function openLog(path: string): StatementSync {
  const db = new DatabaseSync(path, { readOnly: true });
  const page = db.prepare(
    `SELECT position, type_id, data FROM events WHERE position > ? ORDER BY position LIMIT ${PAGE}`,
  );
  page.setReturnArrays(true);
  return page;
}

type Rates = Readonly<Record<'ours' | 'byHand', Turns>>;

/** Folding a log, and scanning and parsing it, in a process that has loaded what folds and nothing else. */
export async function replayRates(ledger: string, effort: Effort): Promise<Rates> {
  const child = fork(import.meta.filename, [ledger, JSON.stringify(effort)]);
  const failed = once(child, 'close').then(([code]) => Promise.reject(new Error(`the replay ended with ${code}`)));
  const [rates] = (await Promise.race([once(child, 'message'), failed])) as [Rates];
  return rates;
}

/** Every projection, as `promoledger replay` folds them. */
function folded(ledger: string): Contestant {
  const store = SqliteEventStore.openToRead(ledger);
  return {
    run: async () => ({ done: (await replay(store, { asOf: LATEST, known: await store.head() })).events }),
    close: () => store.close(),
  };
}

function scanned(ledger: string): Contestant {
  const log = openLog(ledger);
  return {
    run: async () => {
      let [done, position] = [0, 0];
      for (let page; (page = log.all(position) as unknown as [number, number, string][]).length > 0;) {
        for (const [at, , data] of page) {
          if (JSON.parse(data) !== null) done += 1;
          position = at;
        }
      }
      return { done };
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  const [, , ledger, effort] = process.argv as [string, string, string, string];
  const rates = await alternately({ ours: folded(ledger), byHand: scanned(ledger) }, JSON.parse(effort) as Effort);
  process.send!(rates);
}
