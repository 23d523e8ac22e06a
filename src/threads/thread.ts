import { parentPort, Worker } from 'node:worker_threads';

/** An error's class does not travel: its name tells what it was, and its code what SQLite said. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly errcode?: number | undefined;
}

type Reply = { readonly done: unknown } | { readonly failed: Failure };

/** Built code has its threads beside it; what runs from its source, as tests do, has none. */
export const HAS_THREADS = import.meta.url.endsWith('.js');

/** Next to nothing lives longer than its event: without a bound a thread takes several times as much, to no use. */
const YOUNG_MB = 24;

/** A thread that does what it is told, one thing after the other, and answers in turn. */
export class Thread<Order> {
  private readonly worker: Worker;
  private readonly waiting: { resolve: (done: unknown) => void; reject: (error: Error) => void }[] = [];
  private ended: Error | undefined;

  /** `script` calls `obey`. When it throws before, so does what is asked first. */
  constructor(script: URL, workerData: unknown) {
    this.worker = new Worker(script, { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    this.worker.on('message', (reply: Reply) => {
      const asked = this.waiting.shift()!;
      if (this.waiting.length === 0) this.worker.unref();
      if ('failed' in reply) asked.reject(Object.assign(new Error(reply.failed.message), reply.failed));
      else asked.resolve(reply.done);
    });
    this.worker.on('error', (error: unknown) => this.end(error instanceof Error ? error : new Error(String(error))));
    this.worker.on('exit', () => this.end(new Error(`the thread ${script.pathname.split('/').at(-1)} has ended`)));
  }

  ask(order: Order): Promise<unknown> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      // A thread with nothing to do keeps no process from ending, however its start has failed.
      this.worker.ref();
      this.worker.postMessage(order);
    });
  }

  /** Does one thing more, unless it has ended, and ends. An answer to what is asked behind that would stop the waiting for its end. */
  async close(last: Order): Promise<void> {
    if (this.ended) return;
    const done = this.ask(last);
    this.ended = new Error('the thread is closed');
    await done;
    await this.worker.terminate();
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

/** What the thread itself does with its orders. */
export function obey<Order>(answer: (order: Order) => unknown): void {
  let turn: Promise<void> = Promise.resolve();
  parentPort!.on('message', (order: Order) => {
    turn = turn.then(async () => {
      let reply: Reply;
      try {
        reply = { done: await answer(order) };
      } catch (error) {
        reply = { failed: failureOf(error) };
      }
      parentPort!.postMessage(reply);
    });
  });
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  return { name: error.name, message: error.message, errcode: (error as Error & { errcode?: number }).errcode };
}
