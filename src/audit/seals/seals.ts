import { renameSync, rmSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Position, Recorded } from '../../event-store/event-store.js';
import { failedWith, SQLITE } from '../../kernel/sqlite-codes.js';
import { SealFile, type SealedTo, type Sealing } from './seal-file.js';
import { SealsDamagedError } from './seal-tables.js';

/** What those who prove, sign and check ask of a file of seals. */
export type Questions = Pick<
  SealFile,
  | 'root'
  | 'entry'
  | 'positionAt'
  | 'indexAt'
  | 'inclusionPath'
  | 'consistencyPath'
  | 'checkTiles'
  | 'checkpoints'
  | 'checkpointFrom'
  | 'latestCheckpoint'
  | 'checkpointsBetween'
>;

/** The seals of a log, wherever they are kept. The tree only grows: what is said of a size stays so. */
export interface Seals {
  /** The last event that is sealed: at least as far as any answer had it. */
  readonly last: SealedTo | undefined;
  /** How many events are sealed. */
  readonly size: number;
  ask<Name extends keyof Questions>(
    name: Name,
    ...about: Parameters<Questions[Name]>
  ): Promise<ReturnType<Questions[Name]>>;
}

/** Keeps seals in a file: in this thread, or in one of its own (`threaded-seals.ts`). What it is told it does in turn. */
export interface SealsKeeper extends Seals {
  /** Seals the events that follow in the log, all of them or, when it rejects, none. */
  add(events: readonly Recorded[]): Promise<void>;
  /** The log has nothing more up to there. */
  searchedTo(position: Position): Promise<void>;
  /** Sets the file aside and begins another; unless all that it has was sealed by this process: then it says false. */
  beginAnew(reason: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Keeps them in this thread. */
export class LocalSeals implements SealsKeeper {
  private file: SealFile;
  /** The file was empty, or is now: all that it has is from the log, and by this process. */
  private isNew = false;
  private isClosed = false;

  /**
   * `path` is a file, '' for none. Throws when somebody has it; one that cannot be used otherwise is set aside, of which
   * `report` is told in a line.
   */
  constructor(
    private readonly path: string,
    private readonly report: (message: string) => void,
  ) {
    this.file = this.open();
    this.isNew ||= this.file.size === 0;
  }

  get last(): SealedTo | undefined {
    return this.file.last;
  }

  get size(): number {
    return this.file.size;
  }

  async ask<Name extends keyof Questions>(
    name: Name,
    ...about: Parameters<Questions[Name]>
  ): Promise<ReturnType<Questions[Name]>> {
    const file = this.opened();
    const answer = file[name] as (...about: Parameters<Questions[Name]>) => ReturnType<Questions[Name]>;
    return answer.apply(file, about);
  }

  async add(events: Iterable<Recorded>): Promise<void> {
    this.opened().add(events, this.isNew ? undefined : assertGoesOn);
    // Whoever else wants this thread gets it.
    await nextTurn();
  }

  async searchedTo(position: Position): Promise<void> {
    this.opened().searchedTo(position);
  }

  async beginAnew(reason: string): Promise<boolean> {
    if (this.isNew) return false;
    this.file.close();
    this.file = this.setAside(reason);
    return true;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.file.close();
  }

  /**
   * Setting a file aside may have failed halfway, as on a full disk: then it is gone on with when it can be. What is asked
   * behind the end opens nothing: somebody else may have the file.
   */
  private opened(): SealFile {
    if (this.isClosed) throw new Error('the seals are closed');
    if (!this.file.isOpen) this.file = this.open();
    return this.file;
  }

  private open(): SealFile {
    try {
      return new SealFile(this.path);
    } catch (error) {
      if (failedWith(error, SQLITE.BUSY)) throw error;
      return this.setAside((error as Error).message);
    }
  }

  /** What another tree sealed may be evidence: it is kept, once, and never overwritten. */
  private setAside(reason: string): SealFile {
    if (this.path === '') return this.another();
    const aside = `${this.path}.${new Date().toISOString().replace(/[-:.]/g, '')}`;
    renameSync(this.path, aside);
    for (const suffix of ['-wal', '-shm']) rmSync(`${this.path}${suffix}`, { force: true });
    this.report(`the seals were made again from the log: ${reason}; what they were is kept as ${aside}`);
    return this.another();
  }

  private another(): SealFile {
    const file = new SealFile(this.path);
    this.isNew = true;
    return file;
  }
}

/** A stream goes on where the seals end it, or they have lost its end. Seals made from the log have what the log has. */
function assertGoesOn({ stream, revision }: Recorded, { head }: Sealing): void {
  if (revision === (head?.revision ?? -1) + 1) return;
  throw new SealsDamagedError(`the seals do not have what comes before revision ${revision} of ${stream}`);
}

/** Whether seals must be made anew. By the error's name: it may come from another thread. */
export const isDamage = (error: unknown): boolean =>
  (error as Error).name === SealsDamagedError.name || failedWith(error, SQLITE.CORRUPT, SQLITE.NOTADB);
