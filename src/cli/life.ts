import { existsSync } from 'node:fs';
import { type Command } from 'commander';
import { backUp, BackupRefusedError, type Manifest, restore } from '../backup/backup.js';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.js';
import { loadSettings, type Settings } from '../settings.js';
import { print, RefusedError, type Output } from './shell.js';

/** `backup | restore`: copies of the ledger's file. */
export function addLifeCommands(program: Command): void {
  program
    .command('backup <file>')
    .description('copy the ledger to a file and verify the copy; a running service is asked over HTTP instead')
    .option('--json', 'for machines')
    .action(async (file: string, { json }: Output) => {
      const settings = loadSettings(process.env);
      const ledger = open(settings);
      try {
        const manifest = await refusing(() => backUp(ledger, file, Date.now));
        print(json, { file, ...manifest }, () => linesOf(`Backed up to ${file}`, manifest));
      } finally {
        await ledger.close();
      }
    });

  program
    .command('restore <file>')
    .description('make the ledger that PROMOLEDGER_STORE names of a backup, after verifying it')
    .option('--json', 'for machines')
    .action(async (file: string, { json }: Output) => {
      const path = pathOf(loadSettings(process.env));
      const manifest = await refusing(() => restore(file, path));
      print(json, { ledger: path, ...manifest }, () => linesOf(`Restored to ${path}`, manifest));
    });
}

const FILE = 'sqlite:';

function pathOf({ store }: Settings): string {
  if (store.startsWith(FILE)) return store.slice(FILE.length);
  throw new RefusedError(
    'the ledger is not in a file: back up and restore the server that it is on with its own tools',
  );
}

/** Never makes a ledger that is not there. */
function open(settings: Settings): SqliteEventStore {
  const path = pathOf(settings);
  if (!existsSync(path)) throw new RefusedError(`there is no ledger ${path}`);
  try {
    return SqliteEventStore.open(path);
  } catch (error) {
    if ((error as Error).name !== 'StoreInUseError') throw error;
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    throw new RefusedError(
      `${(error as Error).message}, and only that one can copy it: ask the service, with a token of the scope admin, by ` +
        `curl -X POST http://${host}:${settings.port}/v1/admin/backups`,
    );
  }
}

async function refusing<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    throw error instanceof BackupRefusedError ? new RefusedError(error.message) : error;
  }
}

const linesOf = (what: string, { events, position, sha256 }: Manifest): string[] => [
  `${what}: ${events} events, to position ${position}.`,
  `  sha256 ${sha256}`,
];
