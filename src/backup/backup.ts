import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { digestOf } from '../event-store/copy.js';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.js';
import { faultOfDatabase, putInPlace, removeDatabase, withLogs } from './files.js';

/** What is asked cannot be done as things are, and nothing was changed; one line to show. */
export class BackupRefusedError extends Error {
  override readonly name = 'BackupRefusedError';
}

/** The copy is not what it should be, or could not be written; nothing is left of it. */
export class BackupFailedError extends Error {
  override readonly name = 'BackupFailedError';
}

/** What lies beside a backup as `FILE.json`, and what it must hold. */
export interface Manifest {
  readonly format: 1;
  /** Of the last event. */
  readonly position: string;
  readonly events: number;
  /** Over the log, in hexadecimal, as `promoledger copy` tells it. */
  readonly sha256: string;
  readonly bytes: number;
  readonly madeAt: string;
}

export const manifestOf = (path: string): string => `${path}.json`;

/**
 * Copies the ledger to `path` while it is written to, and takes the copy for good when SQLite finds it whole and its log
 * is the ledger's to the byte, as far as it goes: at least to what was acknowledged before. Memory does not depend on the
 * ledger's size. Throws BackupRefusedError, BackupFailedError, or StoreUnavailableError when the ledger is closed meanwhile.
 */
export async function backUp(store: SqliteEventStore, path: string, nowMs: () => number): Promise<Manifest> {
  const partial = `${path}.partial`;
  for (const file of [path, manifestOf(path)]) if (existsSync(file)) throw new BackupRefusedError(`${file} is there`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    removeDatabase(partial);
    await store.copyFile(partial);
    const madeAt = new Date(nowMs()).toISOString();
    const copied = await readLedger(partial);
    const { sha256 } = await digestOf(store, BigInt(copied.position));
    if (copied.sha256 !== sha256) throw new BackupFailedError("the copy's log is not the ledger's");
    const manifest: Manifest = { format: 1, ...copied, bytes: statSync(partial).size, madeAt };
    putInPlace(partial, path);
    writeFileSync(`${partial}.json`, `${JSON.stringify(manifest, null, 2)}\n`);
    putInPlace(`${partial}.json`, manifestOf(path));
    return manifest;
  } catch (error) {
    throw isOfSystem(error) ? new BackupFailedError(error.message, { cause: error }) : error;
  } finally {
    leaveNothing(() => {
      removeDatabase(partial);
      rmSync(`${partial}.json`, { force: true });
    });
  }
}

/**
 * Makes a ledger at `path` of a backup: beside it first, checked, and then in its place. It never writes over a ledger, and
 * removes what was made from another one and would be made anew. Throws BackupRefusedError or BackupFailedError.
 */
export async function restore(backup: string, path: string): Promise<Manifest> {
  const manifest = readManifest(backup);
  if (!existsSync(backup)) throw new BackupRefusedError(`there is no backup ${backup}`);
  for (const file of withLogs(path)) {
    // What is left of a write-ahead log would be applied to a file that it is not of.
    if (existsSync(file))
      throw new BackupRefusedError(`${file} is there: a ledger is never written over, move it away`);
  }
  const partial = `${path}.restoring`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    removeDatabase(partial);
    copyFileSync(backup, partial);
    const { position, events, sha256 } = await readLedger(partial);
    if (position !== manifest.position || events !== manifest.events || sha256 !== manifest.sha256) {
      throw new BackupFailedError(
        `the backup is not what its manifest says: ${events} events to position ${position} with sha256 ${sha256}`,
      );
    }
    for (const made of ['.models', '.snapshots']) removeDatabase(path + made);
    putInPlace(partial, path);
    return manifest;
  } catch (error) {
    throw isOfSystem(error) ? new BackupFailedError(error.message, { cause: error }) : error;
  } finally {
    leaveNothing(() => removeDatabase(partial));
  }
}

/** What failed before is what is told, not that there is nothing to remove. */
function leaveNothing(remove: () => void): void {
  try {
    remove();
  } catch {
    // The next attempt begins by removing it, and tells.
  }
}

/** Whether the file is whole, and what is in it. */
async function readLedger(path: string): Promise<Pick<Manifest, 'position' | 'events' | 'sha256'>> {
  const fault = await faultOfDatabase(path);
  if (fault !== null) throw new BackupFailedError(`the file is damaged: ${fault.split('\n', 1)[0]}`);
  const ledger = SqliteEventStore.open(path);
  try {
    const head = await ledger.head();
    return { position: String(head), ...(await digestOf(ledger, head)) };
  } finally {
    await ledger.close();
  }
}

/** Throws BackupRefusedError. */
export function readManifest(backup: string): Manifest {
  const path = manifestOf(backup);
  if (!existsSync(path)) throw new BackupRefusedError(`there is no manifest ${path}: a backup is known by it`);
  let said: unknown;
  try {
    said = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new BackupRefusedError(`the manifest ${path} cannot be read: ${(error as Error).message}`);
  }
  const { format, position, events, sha256 } = (said ?? {}) as Partial<Manifest>;
  const isOne =
    /^\d{1,18}$/.test(String(position)) && Number.isSafeInteger(events) && /^[0-9a-f]{64}$/.test(String(sha256));
  if (format !== 1 || !isOne)
    throw new BackupRefusedError(`${path} is no manifest of a backup that this version knows`);
  return said as Manifest;
}

/** Of files, and of SQLite about them. */
const isOfSystem = (error: unknown): error is Error => {
  const { code, name } = error as NodeJS.ErrnoException;
  return /^(E[A-Z]+|ERR_SQLITE_ERROR)$/.test(String(code)) || name === 'LedgerFileError';
};
