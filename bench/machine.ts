import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { openLedgerFile } from '../src/event-store/sqlite/ledger-file.js';
import { HOME, remove } from './ledgers.js';
import { median, perSecond } from './measure.js';

const SYNCS = 200;
const GIB = 2 ** 30;

/** What figures depend on besides the code: name and value. */
export function machine(): readonly (readonly [name: string, value: string])[] {
  mkdirSync(HOME, { recursive: true });
  return [
    ['processor', `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores`],
    ['memory', `${(totalmem() / GIB).toFixed(1)} GiB`],
    ['system', `${type()} ${release()}`],
    ['disk', `${perSecond(syncsPerSecond())} fsyncs of 4 KiB appended`],
    ['load when it began', loadavg()[0]!.toFixed(2)],
    ['Node', process.versions.node],
    ['SQLite', `${process.versions['sqlite']}: ${pragmas()}`],
  ];
}

function syncsPerSecond(): number {
  const path = `${HOME}/syncs`;
  const file = openSync(path, 'w');
  const page = Buffer.alloc(4096, 1);
  const rates = Array.from({ length: SYNCS }, () => {
    const startedMs = performance.now();
    writeSync(file, page);
    fsyncSync(file);
    return 1000 / (performance.now() - startedMs);
  });
  closeSync(file);
  rmSync(path);
  return median(rates);
}

/** As the ledger's file has them. */
function pragmas(): string {
  const path = `${HOME}/pragmas.db`;
  const db = openLedgerFile(path);
  const told = ['journal_mode', 'synchronous', 'wal_autocheckpoint', 'cache_size', 'page_size'].map((name) => {
    return `${name} ${String(Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0])}`;
  });
  db.close();
  remove(path);
  return told.join(', ');
}
