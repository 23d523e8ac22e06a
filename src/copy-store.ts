import { existsSync } from 'node:fs';
import { openStore } from './app.module.js';
import { CopyRefusedError, copyLedger, type Copied, type CopyProgress } from './event-store/copy.js';
import { loadSettings, type Settings, SettingsError } from './settings.js';

const FILE = 'sqlite:';

/** Copies between stores named as PROMOLEDGER_STORE names them; the rest of the environment is for both. */
export async function copyStore(from: string, to: string, progress: CopyProgress): Promise<Copied> {
  if (from === to) throw new CopyRefusedError('--from and --to name the same store');
  // Opening would make an empty ledger there.
  if (from.startsWith(FILE) && !existsSync(from.slice(FILE.length))) {
    throw new CopyRefusedError(`there is no ledger ${from.slice(FILE.length)}`);
  }
  // Reading a log from end to end looks nothing up: what a process keeps beside a store is the target's.
  const source = openStore({ ...settingsFor('--from', from), cachePath: null });
  try {
    const target = openStore(settingsFor('--to', to));
    try {
      return await copyLedger(source, target, progress);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

function settingsFor(option: string, store: string): Settings {
  try {
    return loadSettings({ ...process.env, PROMOLEDGER_STORE: store });
  } catch (error) {
    throw error instanceof SettingsError ? new CopyRefusedError(`${option}: ${error.message}`) : error;
  }
}
