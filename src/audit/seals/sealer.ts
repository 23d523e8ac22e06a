import { renameSync, rmSync } from 'node:fs';
import type { Subscription } from 'rxjs';
import type { EventStore, Position, Recorded } from '../../event-store/event-store.js';
import { SealFile, type Sealing } from './seal-file.js';
import { SealsDamagedError } from './seal-tables.js';
import { checkEnds, checkFullTiles } from './soundness.js';

/** Events are sealed so many at a time, so that whoever else wants the event loop gets it in between. */
const SLICE_EVENTS = 100;
/** What arrives within so many ms is sealed together: the log's writers go first. */
const GATHERED_MS = 50;
/** When others had the event loop for longer than so many ms between two slices, it is busy: */
const BUSY_MS = 2;
/** then sealing rests, so many times as long as a slice took. */
const RESTS = 3;
/** So many events wait at most; those behind them are read again later. */
const WAITING_EVENTS = 5000;
/** After a failure it begins again, in ms. */
const AGAIN_MS = 5000;

interface Waiter {
  readonly position: Position;
  readonly done: (isSealed: boolean) => void;
}

/**
 * Follows the log off the path of those who write it, and keeps its seals. Those that it finds in its file are held against
 * the log before anything is added to them: what is sealed wrongly once would be signed.
 */
export class Sealer {
  private file: SealFile;
  /** What it found in the file is the log's. */
  private isSound = false;
  /** The file as far as it was checked down to its last tile. */
  private checked: SealFile | undefined;
  /** The file was empty, or is now: all that it has is from the log, and by this process. */
  private isNew = false;
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  private waiting: Recorded[] = [];
  private readonly waiters = new Set<Waiter>();
  private failure: Error | undefined;
  private told: string | undefined;
  private isClosed = false;

  /** `path` is a file, '' for none. A file that cannot be used is set aside and made again; `report` is told in a line. */
  constructor(
    private readonly store: EventStore,
    private readonly path: string,
    private readonly report: (message: string) => void,
  ) {
    this.file = this.openFile();
    this.isNew ||= this.file.size === 0;
  }

  get seals(): SealFile {
    return this.file;
  }

  /** The seals once it is known that they are the log's: nothing else is to be signed. */
  get sound(): SealFile | undefined {
    return this.isSound ? this.file : undefined;
  }

  /** Why sealing stands still; it is tried again by itself. */
  get failed(): Error | undefined {
    return this.failure;
  }

  /** Begins to follow the log. A store that is away is waited for. */
  start(): void {
    void this.begin();
  }

  /** Whether the log is sealed up to a position within `timeoutMs`. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    if (this.isSealed(position)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.done(false), timeoutMs);
      const waiter: Waiter = {
        position,
        done: (isSealed) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve(isSealed);
        },
      };
      this.waiters.add(waiter);
    });
  }

  /** What waits to be sealed is left to the next start. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.pause();
    for (const { done } of [...this.waiters]) done(false);
    this.file.close();
  }

  private async begin(): Promise<void> {
    const { file } = this;
    const isOver = () => this.isClosed || this.file !== file;
    try {
      await checkEnds(this.store, file);
      if (isOver() || this.subscription) return;
      this.failure = undefined;
      this.isSound = true;
      this.follow();
      this.tellWaiters();
    } catch (error) {
      if (!isOver()) this.fail(error);
      return;
    }
    void this.checkTheRest(file);
  }

  /** What no root is made of any more, and proofs are: while it goes on sealing. */
  private async checkTheRest(file: SealFile): Promise<void> {
    if (this.checked === file) return;
    this.checked = file;
    try {
      await checkFullTiles(file, () => !this.isClosed && this.file === file);
    } catch (error) {
      this.fail(error);
    }
  }

  private isSealed(position: Position): boolean {
    return this.isSound && (this.file.last?.position ?? 0n) >= position;
  }

  private tellWaiters(): void {
    for (const waiter of [...this.waiters]) if (this.isSealed(waiter.position)) waiter.done(true);
  }

  private follow(): void {
    const { position = 0n, searched = 0n } = this.file.last ?? {};
    const subscription = this.store
      .subscribe({ after: position, searched, onSearched: (reached) => this.searched(reached) })
      .subscribe({ next: (event) => this.receive(event), error: (error: unknown) => this.fail(error) });
    if (this.isClosed || this.failure) subscription.unsubscribe();
    else this.subscription = subscription;
  }

  private receive(event: Recorded): void {
    this.waiting.push(event);
    this.timer ??= setTimeout(() => this.seal(), GATHERED_MS);
    if (this.waiting.length < WAITING_EVENTS) return;
    this.subscription?.unsubscribe();
    this.subscription = undefined;
  }

  private seal(): void {
    this.timer = undefined;
    const began = performance.now();
    try {
      this.file.add(this.waiting.splice(0, SLICE_EVENTS), this.inspect);
      this.told = undefined;
      if (this.waiting.length > 0) this.sealMore(performance.now() - began);
      else if (!this.subscription) this.follow();
    } catch (error) {
      return this.fail(error);
    }
    this.tellWaiters();
  }

  /** A stream goes on where the seals end it, or they have lost its end. Seals made from the log have what the log has. */
  private readonly inspect = ({ stream, revision }: Recorded, { head }: Sealing): void => {
    if (this.isNew || revision === (head?.revision ?? -1) + 1) return;
    throw new SealsDamagedError(`the seals do not have what comes before revision ${revision} of ${stream}`);
  };

  /** At once on a loop that nobody else wants; otherwise the log lags, and those who write to it do not wait. */
  private sealMore(sliceMs: number): void {
    const left = performance.now();
    this.timer = setImmediate(() => {
      const isBusy = performance.now() - left > BUSY_MS;
      if (isBusy) this.timer = setTimeout(() => this.seal(), RESTS * sliceMs);
      else this.seal();
    });
  }

  private searched(position: Position): void {
    // Only when nothing waits is all up to there sealed.
    if (this.waiting.length > 0 || this.isClosed) return;
    try {
      this.file.searchedTo(position);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Seals that are not the log's are made anew from it; what else failed is tried again. */
  private fail(error: unknown): void {
    if (this.isClosed) return;
    if (isDamage(error) && !this.isNew) {
      try {
        this.beginAnew((error as Error).message);
        return void this.begin();
      } catch (failure) {
        return this.standStill(failure);
      }
    }
    this.standStill(error);
  }

  private standStill(error: unknown): void {
    this.failure = error instanceof Error ? error : new Error(String(error));
    if (this.told !== this.failure.message) this.report(`sealing stands still, and is tried: ${this.failure.message}`);
    this.told = this.failure.message;
    this.pause();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.begin();
    }, AGAIN_MS).unref();
  }

  private pause(): void {
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    clearTimeout(this.timer as NodeJS.Timeout);
    clearImmediate(this.timer as NodeJS.Immediate);
    this.timer = undefined;
    this.waiting = [];
  }

  private openFile(): SealFile {
    try {
      return new SealFile(this.path);
    } catch (error) {
      if (isInUse(error)) throw error;
      return this.setAside((error as Error).message);
    }
  }

  private beginAnew(reason: string): void {
    this.pause();
    this.isSound = false;
    this.file.close();
    this.file = this.setAside(reason);
  }

  /** What another tree sealed may be evidence: it is kept, once, and never overwritten. */
  private setAside(reason: string): SealFile {
    this.isNew = true;
    if (this.path === '') return new SealFile('');
    const aside = `${this.path}.${new Date().toISOString().replace(/[-:.]/g, '')}`;
    renameSync(this.path, aside);
    for (const suffix of ['-wal', '-shm']) rmSync(`${this.path}${suffix}`, { force: true });
    this.report(`the seals were made again from the log: ${reason}; what they were is kept as ${aside}`);
    return new SealFile(this.path);
  }
}

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

const errcodeOf = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0;
const isInUse = (error: unknown): boolean => errcodeOf(error) === SQLITE_BUSY;
const isDamage = (error: unknown): boolean =>
  error instanceof SealsDamagedError || [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcodeOf(error) & 0xff);
