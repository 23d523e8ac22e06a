import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { EventStore } from '../../src/event-store/event-store.js';
import { createApp } from '../../src/main.js';
import { removeFiles } from '../../src/read-models/database.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { TRANSACTION_EVENTS } from '../../src/read-models/runner.js';
import { Emmett } from '../emmett.js';
import { copyOf, ledgerOf, remove, settingsOf } from '../ledgers.js';
import { alternately, atLeast, type Contestant, type Effort, type Row } from '../measure.js';
import { openLog, PAGE, replayRates } from './replay.js';

const EMMETT_EVENTS = 20_000;
const BUILT_MS = 3_600_000;

/** Rows 6 and 7: the log made into tables again, and folded in memory. */
export async function rebuildRows(effort: Effort, events: number): Promise<Row[]> {
  const ledger = await ledgerOf('wide', events);
  const path = copyOf(ledger, 'rebuild', { models: true });
  const app = await createApp(settingsOf(path));
  const models = app.get(ReadModels);
  const head = await app.get(EventStore).head();
  if (!(await models.runner.reached(head, BUILT_MS))) throw new Error('the read models were not built');
  const rates = await alternately(
    {
      ours: { run: async () => models.rebuild().then(() => ({ done: Number(head) })) },
      byHand: byHand(ledger, `${path}.models`),
      emmett: await emmett(Math.round(EMMETT_EVENTS * effort.share)),
    },
    effort,
  );
  await app.close();
  remove(path);
  const folds = await replayRates(ledger, effort);
  const many = events.toLocaleString('en-US');
  return [
    atLeast('6', `rebuild, ${many} events | by hand, the same rows`, [rates.ours, rates.byHand], 0.6),
    atLeast('7', 'the same | Emmett, one simple projection', [rates.ours, rates.emmett], 5),
    atLeast('7', `replay in memory, ${many} events | scan and parse`, [folds.ours, folds.byHand], 0.6),
  ];
}

type Cells = SQLInputValue[];

/**
 * A loop that scans the log, parses each event, and inserts the rows that the service made of it into the same tables
 * with the same indexes, in transactions of the same size. What it inserts is at hand: the time to get it is not counted.
 */
function byHand(ledger: string, built: string): Contestant {
  const path = '.bench/by-hand.models';
  return {
    run: async () => {
      removeFiles(path);
      const source = new DatabaseSync(built, { readOnly: true });
      const target = new DatabaseSync(path);
      target.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 10000');
      target.exec('PRAGMA cache_size = -65536');
      for (const { sql } of source.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all()) {
        target.exec(String(sql));
      }
      const tables = tablesOf(source, target);
      const log = openLog(ledger);
      let [done, ms, position] = [0, 0, 0];
      for (let isEnd = false; !isEnd;) {
        let startedMs = performance.now();
        const events: object[] = [];
        for (let read = PAGE; read === PAGE && events.length < TRANSACTION_EVENTS;) {
          const page = log.all(position) as unknown as [number, number, string][];
          for (const [, , data] of page) events.push(JSON.parse(data) as object);
          read = page.length;
          position = page.at(-1)?.[0] ?? position;
          isEnd = read < PAGE;
        }
        ms += performance.now() - startedMs;
        const rows = tables.map((table) => table.rowsUpTo(isEnd ? Infinity : position));
        startedMs = performance.now();
        target.exec('BEGIN IMMEDIATE');
        tables.forEach(({ insert }, index) => {
          for (const row of rows[index]!) insert.run(...row);
        });
        target.exec('COMMIT');
        ms += performance.now() - startedMs;
        done += events.length;
      }
      source.close();
      target.close();
      return { done, ms };
    },
    close: () => removeFiles(path),
  };
}

/** By table a statement that inserts a row, and the rows in the order of their positions; of those without one all come first. */
function tablesOf(source: DatabaseSync, target: DatabaseSync) {
  const names = source.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
  return names.map(({ name }) => {
    const table = String(name);
    const columns = source.prepare(`SELECT name FROM pragma_table_info(?)`).all(table);
    const place = columns.findIndex((column) => column['name'] === 'position');
    const insert = target.prepare(`INSERT INTO "${table}" VALUES (${columns.map(() => '?').join(', ')})`);
    const all = source.prepare(`SELECT * FROM "${table}" ${place < 0 ? '' : 'ORDER BY position'}`);
    all.setReturnArrays(true);
    const rows = all.iterate() as unknown as Iterator<Cells, undefined>;
    let next = rows.next();
    const rowsUpTo = (position: number): Cells[] => {
      const due: Cells[] = [];
      for (; !next.done && (place < 0 || Number(next.value[place]) <= position); next = rows.next())
        due.push(next.value);
      return due;
    };
    return { insert, rowsUpTo };
  });
}

/** One projection, a row for each account: Emmett's own consumer reads its log from the beginning, in large batches. */
async function emmett(events: number): Promise<Contestant> {
  const peer = await Emmett.open('.bench/emmett.db');
  const clicks = Array.from({ length: 100 }, (_, n) => ({ type: 'ClickSpent', data: { cost: { amount: '0.47' }, n } }));
  for (let n = 0; n < events; n += clicks.length) await peer.append(`account-${(n / clicks.length) % 50}`, clicks);
  return {
    run: () => peer.countByStream(),
    close: () => peer.close(),
  };
}
