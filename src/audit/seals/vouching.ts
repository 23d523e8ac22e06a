import type { CheckpointSigned } from '../domain/events.js';
import { NoteError, openNote, parseCheckpoint, type Checkpoint, type Note, type Verifier } from './notes.js';
import type { SealFile } from './seal-file.js';
import type { LedgerFault } from './verdict.js';

export interface VouchingOptions {
  /** Whose checkpoints are believed; null: signatures are not checked. */
  readonly verifiers: readonly Verifier[] | null;
  /** Names of ledgers whose checkpoints are believed besides, such as one that this had before. */
  readonly origins?: readonly string[];
}

interface Opened extends Checkpoint {
  readonly isBelieved: boolean;
}

type Wrong = (detail: string) => void;

/** Holds the tree of a log against checkpoints, those in the log and those that others kept. */
export class Vouching {
  private readonly agreeing = new Set<number>();
  /** The roots that were signed and are not the log's. */
  private readonly differing = new Map<number, Buffer>();
  private readonly given = new Map<number, Buffer>();
  private split: { readonly size: number; readonly origin: string } | undefined;
  /** Of the smallest checkpoint that stands where the log is not as far yet. */
  private ahead: number | undefined;
  private origin: string | undefined;
  /** Of the last checkpoint in the log. */
  private signedSize = 0;
  private hasGiven = false;
  private stranger: string | undefined;

  constructor(
    private readonly tree: SealFile,
    private readonly options: VouchingOptions,
  ) {}

  /** How many checkpoints have the root of the log. */
  get agreed(): number {
    return this.agreeing.size;
  }

  /** Events that the last of them covers. */
  get covered(): number {
    return Math.max(0, ...this.agreeing);
  }

  /** Whether somebody whose key is known, or who kept a checkpoint elsewhere, says that this is the ledger. */
  get isVouched(): boolean {
    return this.agreeing.size > 0 && (this.options.verifiers !== null || this.hasGiven);
  }

  /** Whether signatures say so: only then can anything else be found wrong by them. */
  get isProven(): boolean {
    return this.agreeing.size > 0 && this.options.verifiers !== null;
  }

  /** Whether the roots that were signed are the log's, as far as anybody can tell. */
  get fits(): boolean {
    return this.smallestDiffering() === undefined;
  }

  /** The first checkpoint that nobody signed whose key is known, in words. */
  get strange(): string | undefined {
    return this.stranger;
  }

  /** A checkpoint in the log: what it says beside its note, whom it is from, that it grows, and its root. */
  checkSigned(data: CheckpointSigned['data'], index: number, wrong: Wrong): void {
    const checkpoint = this.opened(data.note, `the checkpoint at event ${index}`, wrong);
    if (!checkpoint) return;
    const { treeSize, rootHash, signedAt } = checkpoint;
    const says = data.treeSize === treeSize && data.rootHash === rootHash.toString('hex') && data.signedAt === signedAt;
    if (!says) return wrong('it says something else than its note');
    // Signed when the log had more before it than it has now.
    if (treeSize > index) this.ahead = Math.min(this.ahead ?? treeSize, treeSize);
    if (treeSize > index || treeSize <= this.signedSize) return wrong('it does not follow what it signs');
    this.signedSize = treeSize;
    this.compare(checkpoint, wrong);
  }

  /** A checkpoint from outside the log, at its end. Answers with the size that the log should have, and has not. */
  checkGiven(note: string, wrong: Wrong): number | undefined {
    const checkpoint = this.opened(note, 'a checkpoint that was given', wrong);
    if (!checkpoint) return undefined;
    const { treeSize, rootHash, origin } = checkpoint;
    const other = this.given.get(treeSize);
    if (checkpoint.isBelieved && other && !other.equals(rootHash)) this.splits(treeSize, origin);
    if (checkpoint.isBelieved) this.given.set(treeSize, rootHash);
    if (treeSize > this.tree.size) return treeSize;
    if (this.compare(checkpoint, wrong) && checkpoint.isBelieved) this.hasGiven = true;
    return undefined;
  }

  /** What is wrong with the roots; `isKnown` whether something before an event was found by who knows it better. */
  faults(isKnown: (before: number) => boolean): LedgerFault[] {
    const { split } = this;
    const faults: LedgerFault[] = [];
    if (split) {
      const detail =
        `a split view: two checkpoints of ${split.origin} sign ${split.size} events with different roots;` +
        ` whoever has the key showed one history to some and another to others`;
      faults.push({ kind: 'split-view', index: null, detail });
    }
    const size = this.smallestDiffering();
    if (size === undefined) return faults;
    const from = Math.max(0, ...[...this.agreeing].filter((agreeing) => agreeing < size));
    const detail =
      `of the events ${from} to ${size - 1} some were altered, dropped, inserted or reordered:` +
      ` the root of their tree is not the one that the checkpoint of ${size} events signs`;
    // A root says no more than from where to where.
    faults.push({ kind: 'altered', index: isKnown(size) ? size - 1 : from, detail });
    return faults;
  }

  private smallestDiffering(): number | undefined {
    const sizes = [...this.differing.keys()].filter((size) => !this.split || !this.agreeing.has(size));
    const smallest = Math.min(this.ahead ?? Infinity, ...sizes);
    return Number.isFinite(smallest) ? smallest : undefined;
  }

  private opened(text: unknown, which: string, wrong: Wrong): Opened | undefined {
    const { verifiers } = this.options;
    let note: Note;
    let checkpoint: Checkpoint;
    try {
      note = openNote(String(text), verifiers ?? []);
      checkpoint = parseCheckpoint(note.text);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      wrong(error.message);
      return undefined;
    }
    const isBelieved = !verifiers || note.signers.length > 0;
    if (!isBelieved) this.stranger ??= `${which} is signed by ${note.strangers.join(', ')}, which was not given`;
    const foreign = isBelieved ? this.foreign(checkpoint.origin, note.signers) : undefined;
    if (foreign === undefined) return { ...checkpoint, isBelieved };
    wrong(foreign);
    return undefined;
  }

  /** Why a checkpoint is one of another ledger: a key may sign for several, and each has its name. */
  private foreign(origin: string, signers: readonly Verifier[]): string | undefined {
    if (this.options.origins?.includes(origin)) return undefined;
    const names = signers.filter(({ isWitness }) => !isWitness).map(({ name }) => name);
    if (names.length > 0 && !names.includes(origin)) return `it is of ${origin}, and is signed by ${names.join(', ')}`;
    this.origin ??= origin;
    return origin === this.origin ? undefined : `it is of ${origin}, and one before is of ${this.origin}`;
  }

  private compare({ treeSize, rootHash, isBelieved, origin }: Opened, wrong: Wrong): boolean {
    const agrees = this.tree.root(treeSize).equals(rootHash);
    if (treeSize === 0) {
      if (!agrees) wrong('it signs no events, and its root is not the one of none');
      return false;
    }
    if (!isBelieved) {
      if (!agrees) wrong(`its root is not that of the first ${treeSize} events`);
      return false;
    }
    const other = this.differing.get(treeSize);
    if (agrees) this.agreeing.add(treeSize);
    else this.differing.set(treeSize, rootHash);
    const isSplit = agrees ? other !== undefined : this.agreeing.has(treeSize) || (other && !other.equals(rootHash));
    if (isSplit) this.splits(treeSize, origin);
    return agrees;
  }

  /** Whose signatures were not checked may have been made by anybody. */
  private splits(size: number, origin: string): void {
    if (this.options.verifiers) this.split ??= { size, origin };
  }
}
