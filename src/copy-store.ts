import { existsSync } from 'node:fs';
import { openStore } from './places.js';
import { lastPositionBy } from './audit/rebuild.js';
import { CopyRefusedError, copyLedger, type Copied, type CopyProgress } from './event-store/copy.js';
import type { MomentAsked } from './read-models/queries.js';
import { loadSettings, type Settings, SettingsError } from './settings.js';

const FILE = 'sqlite:';

/**
 * Copies between stores named as PROMOLEDGER_STORE names them; the rest of the environment is for both. With `until` the
 * target is the ledger as it was known then.
 */
export async function copyStore(
  from: string,
  to: string,
  progress: CopyProgress,
  until?: NonNullable<MomentAsked['knownAt']>,
): Promise<Copied> {
  if (from === to) throw new CopyRefusedError('--from and --to name the same store');
  // Opening would make an empty ledger there.
  if (from.startsWith(FILE) && !existsSync(from.slice(FILE.length))) {
    throw new CopyRefusedError(`there is no ledger ${from.slice(FILE.length)}`);
  }
  // Reading a log from end to end looks nothing up: what a process keeps beside a store is the target's.
  const source = openStore({ ...settingsFor('--from', from), cachePath: null });
  try {
    const end = until && (await lastPositionBy(source, until));
    if (end === 0n) throw new CopyRefusedError('nothing was recorded by then');
    const target = openStore({ ...settingsFor('--to', to), readOnly: false });
    try {
      return await copyLedger(source, target, progress, end);
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
