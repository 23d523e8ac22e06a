import { cellsOf, type EventCells, type Position, type Recorded } from '../../event-store/event-store.js';
import { HAS_THREADS, Thread } from '../../threads/thread.js';
import type { SealedTo } from './seal-file.js';
import { LocalSeals, type Questions, type SealsKeeper } from './seals.js';

/** What the thread is told. */
export type SealsOrder =
  | { readonly do: 'ask'; readonly name: keyof Questions; readonly about: readonly unknown[] }
  | { readonly do: 'add'; readonly events: readonly EventCells[] }
  | { readonly do: 'searchedTo'; readonly position: Position }
  | { readonly do: 'beginAnew'; readonly reason: string }
  | { readonly do: 'open' | 'close' };

export interface SealsAnswer {
  readonly answer: unknown;
  readonly last: SealedTo | undefined;
  /** Lines to be reported. */
  readonly told: readonly string[];
}

type Report = (message: string) => void;

/** Keeps seals in a file: in a thread of its own where there is one, else in this. Rejects when somebody has the file. */
export const keepSeals = async (path: string, report: Report): Promise<SealsKeeper> =>
  HAS_THREADS ? ThreadedSeals.open(path, report) : new LocalSeals(path, report);

/** Hashes and keeps seals in a thread of its own, so that commands do not wait for it. The thread owns the file. */
export class ThreadedSeals implements SealsKeeper {
  last: SealedTo | undefined;

  private constructor(
    private readonly thread: Thread<SealsOrder>,
    private readonly report: Report,
  ) {}

  static async open(path: string, report: Report): Promise<ThreadedSeals> {
    const thread = new Thread<SealsOrder>(new URL('./seals-thread.js', import.meta.url), path);
    const seals = new ThreadedSeals(thread, report);
    await seals.tell({ do: 'open' });
    return seals;
  }

  get size(): number {
    return this.last?.size ?? 0;
  }

  async ask<Name extends keyof Questions>(
    name: Name,
    ...about: Parameters<Questions[Name]>
  ): Promise<ReturnType<Questions[Name]>> {
    return asBuffers(await this.tell({ do: 'ask', name, about })) as ReturnType<Questions[Name]>;
  }

  async add(events: readonly Recorded[]): Promise<void> {
    await this.tell({ do: 'add', events: cellsOf(events) });
  }

  async searchedTo(position: Position): Promise<void> {
    await this.tell({ do: 'searchedTo', position });
  }

  async beginAnew(reason: string): Promise<boolean> {
    return (await this.tell({ do: 'beginAnew', reason })) as boolean;
  }

  close(): Promise<void> {
    return this.thread.close({ do: 'close' });
  }

  private async tell(order: SealsOrder): Promise<unknown> {
    const { answer, last, told } = (await this.thread.ask(order)) as SealsAnswer;
    this.last = last;
    told.forEach((line) => this.report(line));
    return answer;
  }
}

/** Hashes arrive as plain arrays of bytes. */
function asBuffers(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(asBuffers);
  return answer instanceof Uint8Array ? Buffer.from(answer.buffer, answer.byteOffset, answer.length) : answer;
}
