import { cellsOf, type EventCells, type Position, type Recorded } from '../event-store/event-store.js';
import type { Instant } from '../kernel/instant.js';
import { HAS_THREADS, Thread } from '../threads/thread.js';
import { type Checkpoint, ReadModelDatabase } from './database.js';
import { Models } from './models.js';
import { LocalWriter, type ModelsWriter, ModelsStorageError } from './writer.js';

/** What the thread is started with. */
export interface ThreadData {
  readonly path: string;
  /** What the service's clock is fixed to; null: it runs. */
  readonly fixedNow: Instant | null;
  /** To whatever else the machine has to do: a file that is built anew, and read by nobody until it is whole. */
  readonly givesWay: boolean;
}

/** What the thread is asked, each answered in turn. */
export type Order =
  | { readonly do: 'checkpoint' | 'clear' | 'close' }
  | {
      readonly do: 'write';
      readonly events: readonly EventCells[];
      readonly named: readonly EventCells[];
      readonly after: Position;
    }
  | { readonly do: 'searched'; readonly position: Position };

/** Writes a file of read models: in a thread of its own where there is one, else in this. */
export async function openWriter(
  path: string,
  { clock, fixedNow, givesWay }: { clock: () => Instant; fixedNow: Instant | null; givesWay: boolean },
): Promise<ModelsWriter> {
  if (HAS_THREADS) return ThreadedWriter.open({ path, fixedNow, givesWay });
  const db = new ReadModelDatabase(path);
  return new LocalWriter(db, new Models(db, clock).all, true);
}

/** Writes the models in a thread of its own, so that commands and questions do not wait for it. The thread owns the file. */
export class ThreadedWriter implements ModelsWriter {
  private constructor(private readonly thread: Thread<Order>) {}

  /** Resolves when the tables are there to be read. Rejects when the file cannot be opened. */
  static async open(data: ThreadData): Promise<ThreadedWriter> {
    const writer = new ThreadedWriter(new Thread(new URL('./writer-thread.js', import.meta.url), data));
    await writer.checkpoint();
    return writer;
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    return (await this.thread.ask({ do: 'checkpoint' })) as Checkpoint | undefined;
  }

  async write(events: readonly Recorded[], named: readonly Recorded[], after: Position): Promise<void> {
    await this.tell({ do: 'write', events: cellsOf(events), named: cellsOf(named), after });
  }

  async searched(position: Position): Promise<void> {
    await this.tell({ do: 'searched', position });
  }

  async clear(): Promise<void> {
    await this.thread.ask({ do: 'clear' });
  }

  close(): Promise<void> {
    return this.thread.close({ do: 'close' });
  }

  private async tell(order: Order): Promise<void> {
    try {
      await this.thread.ask(order);
    } catch (error) {
      const { name, message } = error as Error;
      throw name === ModelsStorageError.name ? new ModelsStorageError(message) : error;
    }
  }
}
