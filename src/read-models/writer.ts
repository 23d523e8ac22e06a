import type { Position, Recorded } from '../event-store/event-store.js';
import { failedWith, SQLITE } from '../kernel/sqlite-codes.js';
import type { Checkpoint, NamedEvents, ReadModel, ReadModelDatabase } from './database.js';

/** The tables' file could not be written, as when a disk is full: the same may be written when it can. */
export class ModelsStorageError extends Error {
  override readonly name = 'ModelsStorageError';
}

/** Writes the log into the models' tables: in this thread, or in one of its own (`threaded-writer.ts`). */
export interface ModelsWriter {
  /** The event that the tables include last; undefined when they are empty. */
  checkpoint(): Promise<Checkpoint | undefined>;
  /**
   * Includes events, in position order and not empty, in one transaction: all of them or, when it rejects, none. `named`
   * are those that they name and that no table holds. More may be handed over before it is done: what was to follow
   * `after`, and does not, since that could not be written, is rejected.
   */
  write(events: readonly Recorded[], named: readonly Recorded[], after: Position): Promise<void>;
  /** The log holds nothing of the ledger between the checkpoint and `position`. */
  searched(position: Position): Promise<void>;
  /** Drops all that is stored. */
  clear(): Promise<void>;
  /** Ends what is being written. The tables can still be read. */
  close(): Promise<void>;
}

/** Writes in this thread. What it does is done when it returns. */
export class LocalWriter implements ModelsWriter {
  constructor(
    private readonly db: ReadModelDatabase,
    private readonly models: readonly ReadModel[],
    /** Nobody else asks through this database. */
    private readonly ownsFile = false,
  ) {}

  async checkpoint(): Promise<Checkpoint | undefined> {
    return this.db.checkpoint();
  }

  async write(events: Iterable<Recorded>, named: readonly Recorded[], after: Position): Promise<void> {
    try {
      const included = this.db.checkpoint()?.position ?? 0n;
      if (included !== after) throw new Error(`the read models include position ${included}, and not ${after}`);
      const byId = byStreamAndId(named);
      this.db.begin();
      let last: Recorded | undefined;
      for (const event of events) {
        for (const model of this.models) model.apply(event, byId);
        last = event;
      }
      for (const model of this.models) model.flush?.();
      this.db.commit(last!);
    } catch (error) {
      this.db.rollback();
      for (const model of this.models) model.forget();
      throw asStorageError(error);
    }
  }

  async searched(position: Position): Promise<void> {
    try {
      this.db.searched(position);
    } catch (error) {
      throw asStorageError(error);
    }
  }

  async clear(): Promise<void> {
    this.db.clear();
    for (const model of this.models) model.forget();
  }

  async close(): Promise<void> {
    if (this.ownsFile) this.db.close();
  }
}

function byStreamAndId(events: readonly Recorded[]): NamedEvents {
  const keyOf = (stream: string, id: string) => `${stream} ${id}`;
  const byKey = new Map(events.map((event) => [keyOf(event.stream, event.id), event]));
  return (stream, id) => {
    const event = byKey.get(keyOf(stream, id));
    if (!event) throw new Error(`${stream} has no ${id}, which a later event names`);
    return event;
  };
}

/** What SQLite says of a file that cannot be written now. */
const OF_STORAGE = [SQLITE.BUSY, SQLITE.READONLY, SQLITE.IOERR, SQLITE.FULL, SQLITE.CANTOPEN];

const asStorageError = (error: unknown): unknown =>
  failedWith(error, ...OF_STORAGE) ? new ModelsStorageError((error as Error).message, { cause: error }) : error;
