import { closeSync, fsyncSync, linkSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Gives a file that is complete its name, unless something has that name: there is never half of it, nor one too many. */
export function putInPlace(made: string, path: string): void {
  sync(made);
  // Unlike a rename, a link is refused when the name is taken.
  linkSync(made, path);
  unlinkSync(made);
  sync(dirname(path));
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A database with what SQLite may have left beside it. */
export const withLogs = (path: string): string[] => ['', '-wal', '-shm', '-journal'].map((suffix) => path + suffix);

export function removeDatabase(path: string): void {
  for (const file of withLogs(path)) rmSync(file, { force: true });
}

const CHECK = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { DatabaseSync } = require('node:sqlite');
  const db = new DatabaseSync(workerData, { readOnly: true });
  parentPort.postMessage(db.prepare('PRAGMA integrity_check').get().integrity_check);
  db.close();
`;

/** What SQLite finds wrong with the pages and indexes of a database, null when nothing. In a thread of its own: it takes long. */
export function faultOfDatabase(path: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(CHECK, { eval: true, workerData: path, execArgv: ['--no-warnings'] });
    worker.once('message', (found: string) => resolve(found === 'ok' ? null : found));
    worker.once('error', (error: Error) => resolve(error.message));
    worker.once('exit', () => reject(new Error('the check ended without an answer')));
  });
}
