import { Worker } from 'node:worker_threads';
import { type Position, type Recorded, textOf } from '../event-store/event-store.js';
import type { Instant } from '../kernel/instant.js';
import { type Checkpoint, ReadModelDatabase } from './database.js';
import { Models } from './models.js';
import { LocalWriter, type ModelsWriter, ModelsStorageError } from './writer.js';

/** What the thread is started with. */
export interface ThreadData {
  readonly path: string;
  /** What the service's clock is fixed to; null: it runs. */
  readonly fixedNow: Instant | null;
  /** To whatever else the machine has to do. */
  readonly givesWay: boolean;
}

/** What the thread is asked, each answered in turn. Events travel as lines of JSON: text is cheaper to clone than what it says. */
export type Order =
  | { readonly do: 'checkpoint' | 'clear' | 'close' }
  | { readonly do: 'write'; readonly events: string; readonly named: string; readonly after: Position }
  | { readonly do: 'searched'; readonly position: Position };

/** An error's class does not travel. */
export type Reply = { readonly done: Checkpoint | undefined } | { readonly failed: Error; readonly ofStorage: boolean };

/** Next to nothing lives longer than its event: without a bound the thread takes several times as much, to no use. */
const YOUNG_MB = 24;

/** Built code has its thread beside it; what runs from its source, as tests do, has none. */
const HAS_THREAD = import.meta.url.endsWith('.js');

/** Writes a file of read models: in a thread of its own where there is one, else in this. */
export async function openWriter(
  path: string,
  { clock, fixedNow, givesWay }: { clock: () => Instant; fixedNow: Instant | null; givesWay: boolean },
): Promise<ModelsWriter> {
  if (HAS_THREAD) return ThreadedWriter.open({ path, fixedNow, givesWay });
  const db = new ReadModelDatabase(path);
  return new LocalWriter(db, new Models(db, clock).all, true);
}

/** Writes the models in a thread of its own, so that commands and questions do not wait for it. The thread owns the file. */
export class ThreadedWriter implements ModelsWriter {
  private readonly waiting: { resolve: (done: Checkpoint | undefined) => void; reject: (error: Error) => void }[] = [];
  private ended: Error | undefined;

  private constructor(private readonly worker: Worker) {
    worker.on('message', (reply: Reply) => {
      const asked = this.waiting.shift()!;
      if (this.waiting.length === 0) worker.unref();
      if ('failed' in reply)
        asked.reject(reply.ofStorage ? new ModelsStorageError(reply.failed.message) : reply.failed);
      else asked.resolve(reply.done);
    });
    worker.on('error', (error: unknown) => this.end(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.end(new Error('the thread of the read models has ended')));
  }

  /** Resolves when the tables are there to be read. Rejects when the file cannot be opened. */
  static async open(data: ThreadData): Promise<ThreadedWriter> {
    const thread = new URL('./writer-thread.js', import.meta.url);
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    const writer = new ThreadedWriter(new Worker(thread, { workerData: data, resourceLimits }));
    await writer.checkpoint();
    return writer;
  }

  checkpoint(): Promise<Checkpoint | undefined> {
    return this.ask({ do: 'checkpoint' });
  }

  async write(events: readonly Recorded[], named: readonly Recorded[], after: Position): Promise<void> {
    await this.ask({ do: 'write', events: textOfAll(events), named: textOfAll(named), after });
  }

  async searched(position: Position): Promise<void> {
    await this.ask({ do: 'searched', position });
  }

  async clear(): Promise<void> {
    await this.ask({ do: 'clear' });
  }

  async close(): Promise<void> {
    if (this.ended) return;
    await this.ask({ do: 'close' });
    await this.worker.terminate();
  }

  private ask(order: Order): Promise<Checkpoint | undefined> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      // A thread with nothing to do keeps no process from ending, however its start has failed.
      this.worker.ref();
      this.worker.postMessage(order);
    });
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.ended);
  }
}

const textOfAll = (events: readonly Recorded[]): string => events.map(textOf).join('\n');
