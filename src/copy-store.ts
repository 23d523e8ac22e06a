import { existsSync } from 'node:fs';
import { openStore } from './app.module.js';
import { CopyRefusedError, copyLedger, type Copied, type CopyProgress } from './event-store/copy.js';
import type { EventStore } from './event-store/event-store.js';
import { loadSettings, SettingsError } from './settings.js';

const FILE = 'sqlite:';

/** Copies between stores named as PROMOLEDGER_STORE names them; the rest of the environment is for both. */
export async function copyStore(from: string, to: string, progress: CopyProgress): Promise<Copied> {
  if (from === to) throw new CopyRefusedError('--from and --to name the same store');
  // Opening would make an empty ledger there.
  if (from.startsWith(FILE) && !existsSync(from.slice(FILE.length))) {
    throw new CopyRefusedError(`there is no ledger ${from.slice(FILE.length)}`);
  }
  const source = openNamed('--from', from);
  try {
    const target = openNamed('--to', to);
    try {
      return await copyLedger(source, target, progress);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** A store without a service on it. It is read from end to end, so nothing that would speed up the next start is kept. */
function openNamed(option: string, store: string): EventStore {
  try {
    return openStore({ ...loadSettings({ ...process.env, PROMOLEDGER_STORE: store }), cachePath: null });
  } catch (error) {
    throw error instanceof SettingsError ? new CopyRefusedError(`${option}: ${error.message}`) : error;
  }
}
