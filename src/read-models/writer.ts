import type { Position, Recorded } from '../event-store/event-store.js';
import type { Checkpoint, ReadModel, ReadModelDatabase } from './database.js';

/** Writes the log into the models' tables: in this thread, or in one of its own (`threaded-writer.ts`). */
export interface ModelsWriter {
  /** The event that the tables include last; undefined when they are empty. */
  checkpoint(): Promise<Checkpoint | undefined>;
  /** Includes events, in position order and not empty, in one transaction: all of them or, when it rejects, none. */
  write(events: readonly Recorded[]): Promise<void>;
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
  ) {}

  async checkpoint(): Promise<Checkpoint | undefined> {
    return this.db.checkpoint();
  }

  async write(events: readonly Recorded[]): Promise<void> {
    try {
      this.db.begin();
      for (const event of events) for (const model of this.models) model.apply(event);
      this.db.commit(events.at(-1)!);
    } catch (error) {
      this.db.rollback();
      for (const model of this.models) model.forget();
      throw error;
    }
  }

  async searched(position: Position): Promise<void> {
    this.db.searched(position);
  }

  async clear(): Promise<void> {
    this.db.clear();
    for (const model of this.models) model.forget();
  }

  async close(): Promise<void> {
    // Nothing is under way between two calls.
  }
}
