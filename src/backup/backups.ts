import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.js';
import type { EventStore } from '../event-store/event-store.js';
import { backUp, BackupFailedError, type Manifest, readManifest } from './backup.js';

/** A backup in the service's directory. */
export type Backup = { readonly file: string } & Omit<Manifest, 'format'>;

/** Why none is made. */
export type NoBackup = 'not-configured' | 'not-a-file' | 'under-way';

export const BACKUP_NAME = /^ledger-\d{8}T\d{9}Z-\d+\.db$/;

/** The backups that the service makes of its own ledger while it runs: one at a time, in one directory. Nothing is deleted. */
export class Backups {
  private underWay = false;

  /** `directory` is null when the settings name none. */
  constructor(
    private readonly store: EventStore,
    private readonly directory: string | null,
    private readonly nowMs: () => number,
    private readonly report: (message: string, error?: unknown) => void,
  ) {}

  /** Of everything that was acknowledged before it was asked for, at least. Throws BackupFailedError. */
  async make(): Promise<Backup | NoBackup> {
    if (!(this.store instanceof SqliteEventStore)) return 'not-a-file';
    if (this.directory === null) return 'not-configured';
    if (this.underWay) return 'under-way';
    this.underWay = true;
    try {
      const time = new Date(this.nowMs()).toISOString().replace(/[-:.]/g, '');
      const file = `ledger-${time}-${await this.store.head()}.db`;
      const { format: _, ...manifest } = await backUp(this.store, join(this.directory, file), this.nowMs);
      this.report(`a backup was made: ${manifest.events} events to position ${manifest.position}`);
      return { file, ...manifest };
    } catch (error) {
      this.report('a backup could not be made', error);
      throw (error as Error).name === 'StoreUnavailableError'
        ? error
        : new BackupFailedError(OUTCOME, { cause: error });
    } finally {
      this.underWay = false;
    }
  }

  /** The latest first; `before` is the name of the one that the page begins after. */
  list(limit: number, before: string | null): readonly Backup[] {
    const { directory } = this;
    if (directory === null || !existsSync(directory)) return [];
    return readdirSync(directory)
      .filter(
        (file) =>
          BACKUP_NAME.test(file) && (before === null || file < before) && existsSync(join(directory, `${file}.json`)),
      )
      .sort()
      .reverse()
      .slice(0, limit)
      .map((file) => {
        const { format: _, ...manifest } = readManifest(join(directory, file));
        return { file, ...manifest };
      });
  }
}

const OUTCOME = 'It was not written, or not as the ledger is: the log says why. Nothing is left of it.';
