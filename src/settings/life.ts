import type { Read } from './read.js';

/** How a process ends, and where it keeps copies of its ledger. */
export interface LifeSettings {
  /** How long a stop waits for requests that are under way, in seconds; then their connections are cut. */
  readonly stopSeconds: number;
  /** The directory that backups are written to while the service runs; null when none is made then. */
  readonly backups: string | null;
}

export const readLife = (read: Read): LifeSettings => ({
  stopSeconds: read('PROMOLEDGER_STOP_SECONDS', '10', parseSeconds),
  backups: read('PROMOLEDGER_BACKUPS', '', (path) => path) || null,
});

const parseSeconds = (text: string): number | string[] =>
  /^[0-9]{1,3}$/.test(text)
    ? Number(text)
    : [`must be a whole number of seconds below 1000, not ${JSON.stringify(text)}`];
