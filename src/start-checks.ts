import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EmbeddedEventStore } from './event-store/embedded.js';
import type { EventStore } from './event-store/event-store.js';
import { epochMs } from './kernel/instant.js';
import type { Settings } from './settings.js';

const FILE = 'sqlite:';
const MEBIBYTE = 1024 * 1024;
/** Clocks of machines that are kept in step differ by less. */
const CLOCK_MINUTES = 5;

/** One line for each thing: `faults` hinder the service from starting, `warnings` are for its operator. */
export interface Found {
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/** Whether the service can write where it must. A server that cannot be reached is no fault: it is waited for. */
export async function checkPlaces({ store, cachePath, life, observability, strays }: Settings): Promise<Found> {
  const faults: string[] = [];
  const warnings = strays.map((name) => `${name} is no setting: it has no effect`);
  const directories = new Map<string, string>();
  if (life.backups !== null) directories.set(life.backups, 'backups');
  if (cachePath !== null) directories.set(dirname(cachePath), store.startsWith(FILE) ? 'the ledger' : 'the cache');
  for (const [directory, what] of directories) {
    const fault = await faultOf(directory);
    if (fault !== null) {
      faults.push(`the directory ${directory} of ${what} cannot be written to: ${fault}`);
      continue;
    }
    const { bavail, bsize } = await statfs(directory);
    const free = Math.floor((bavail * bsize) / MEBIBYTE);
    const needed = observability.readyFreeMebibytes;
    if (free < needed)
      warnings.push(`${free} MiB are left in ${directory} for ${what}: the service is not ready below ${needed}`);
  }
  return { faults, warnings };
}

/** Makes it when it is not there. */
async function faultOf(directory: string): Promise<string | null> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
}

/**
 * Whether this machine's clock is behind the latest time in the log, in words: times never run backwards in it, so that
 * everything is recorded as of that time until the clock has caught up. On a server it is the server's clock that counts.
 */
export async function faultOfClock(store: EventStore, nowMs: number): Promise<string | null> {
  if (!(store instanceof EmbeddedEventStore)) return null;
  const head = await store.head();
  if (head === 0n) return null;
  for await (const { recordedAt } of store.readAll({ after: head - 1n })) {
    const minutes = Math.floor((epochMs(recordedAt) - nowMs) / 60_000);
    if (minutes < CLOCK_MINUTES) return null;
    return `the clock of this machine is ${minutes} minutes behind the last event, of ${recordedAt}: what is recorded until then bears that time`;
  }
  return null;
}
