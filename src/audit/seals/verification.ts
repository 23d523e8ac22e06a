import type { Position, Recorded, Unreadable } from '../../event-store/event-store.js';
import { CHECKPOINTS_STREAM } from '../../kernel/identifiers.js';
import type { Instant } from '../../kernel/instant.js';
import type { CheckpointSigned } from '../domain/events.js';
import { HASH_BYTES } from './event-hash.js';
import { NoteError, openNote, parseCheckpoint, type Verifier } from './notes.js';
import { SealFile, type Sealing } from './seal-file.js';
import { SEALS_DAMAGED, type LedgerFault, type Verdict } from './verdict.js';

/** What a line of a log file says of its event. */
export interface Claims {
  readonly index: number;
  readonly previous: string | null;
  readonly hash: string;
}

export interface VerificationOptions {
  /** Whose checkpoints are believed; null: signatures are not checked. */
  readonly verifiers: readonly Verifier[] | null;
  /** The seals beside the ledger. */
  readonly kept: SealFile | null;
  /** Whether positions count from 1 without a gap. */
  readonly contiguous: boolean;
}

export type Item = (Recorded & { readonly claims?: Claims }) | Unreadable;

const BATCH = 500;
/** Faults of the whole are told behind those that have a place. */
const WHOLE = Number.MAX_SAFE_INTEGER;

/** Makes the tree of a log again and holds it against all that vouches for it. Memory does not grow with the log. */
export class Verification {
  private readonly tree = new SealFile('');
  private readonly found = new Map<string, LedgerFault>();
  private readonly remarks = new Map<string, string>();
  private batch: Recorded[] = [];
  private last: { readonly position: Position; readonly recordedAt: Instant | undefined } | undefined;
  private readonly agreeing = new Set<number>();
  /** Of the smallest tree whose root is not the log's. */
  private differing: number | undefined;
  /** Of the last checkpoint in the log. */
  private signedSize = 0;

  constructor(private readonly options: VerificationOptions) {}

  take(item: Item): void {
    if (!('fault' in item)) {
      this.batch.push(item);
      if (this.batch.length >= BATCH) this.flush();
      return;
    }
    this.flush();
    const { position, fault: detail } = item;
    if (position === 0n) return this.report('file', { kind: 'file', index: null, detail });
    const index = this.tree.size;
    this.report('unreadable', { kind: 'unreadable', index, position: String(position), detail });
    this.inOrder({ index, position: String(position) }, position);
    this.tree.addUnreadable(position, Buffer.alloc(HASH_BYTES));
  }

  /** A checkpoint from outside the log, such as one that a witness kept. */
  vouch(note: string): void {
    this.flush();
    const checkpoint = this.opened(note, (detail) => {
      this.report('notes', { kind: 'checkpoint', index: null, detail: `a checkpoint that was given: ${detail}` });
    });
    if (!checkpoint) return;
    const { treeSize, rootHash } = checkpoint;
    if (treeSize <= this.tree.size) return this.compareRoot(treeSize, rootHash);
    const detail = `the log ends after ${this.tree.size} events, and a checkpoint signs ${treeSize}`;
    this.report('end', { kind: 'dropped', index: this.tree.size, detail });
  }

  finish(): Verdict {
    this.flush();
    const { kept, verifiers } = this.options;
    const sealed = kept ? kept.size : null;
    const covered = Math.max(0, ...this.agreeing);
    if (kept) this.compareSeals(kept, covered);
    if (this.differing !== undefined) this.reportRoot(this.differing);
    const faults = [...this.found.values()].sort((a, b) => (a.index ?? WHOLE) - (b.index ?? WHOLE));
    const { size: events } = this.tree;
    const verdict: Verdict = {
      faults,
      events,
      rootHash: this.tree.root().toString('hex'),
      checkpoints: this.agreeing.size,
      uncovered: events - covered,
      signatures: verifiers ? 'checked' : 'not checked',
      sealed,
      remarks: [...this.remarks.values()],
    };
    this.tree.close();
    return verdict;
  }

  private flush(): void {
    const { batch } = this;
    this.batch = [];
    if (batch.length > 0) this.tree.add(batch, (event, sealing) => this.inspect(event, sealing));
  }

  private inspect(event: Recorded & { claims?: Claims }, { index, head, entry }: Sealing): void {
    const { stream, revision, id, position } = event;
    const place = { index, position: String(position), stream, revision, id };
    this.inOrder(place, position, event.recordedAt);
    const expected = head ? head.revision + 1 : 0;
    if (revision !== expected) {
      const kind = revision > expected ? 'dropped' : 'reordered';
      this.report('revision', { ...place, kind, detail: `where revision ${expected} of its stream belongs` });
    }
    if (event.claims) this.checkClaims(event.claims, place, head?.hash ?? null, entry);
    const { kept } = this.options;
    if (kept && index < kept.size && !this.found.has('sealed') && !entry.equals(entryOf(kept, index))) {
      this.report('sealed', { ...place, kind: 'altered', detail: 'it is not what was sealed here' });
    }
    if (stream === CHECKPOINTS_STREAM) this.checkSigned(event.data as CheckpointSigned['data'], place);
  }

  private inOrder(place: Place, position: Position, recordedAt?: Instant): void {
    const before = this.last?.position ?? 0n;
    const gap = this.options.contiguous && position !== before + 1n;
    if (gap || position <= before) {
      const kind = position > before ? 'dropped' : 'reordered';
      const detail = `position ${position} follows position ${before}`;
      this.report('position', { ...place, kind, detail });
    }
    if (recordedAt && this.last?.recordedAt && recordedAt < this.last.recordedAt && !this.remarks.has('time')) {
      const remark = `recordedAt runs backwards at position ${position}: a clock was set back where it was recorded`;
      this.remarks.set('time', remark);
    }
    this.last = { position, recordedAt: recordedAt ?? this.last?.recordedAt };
  }

  private checkClaims(claims: Claims, place: Place, previous: Buffer | null, entry: Buffer): void {
    if (claims.index !== place.index) {
      const kind = claims.index > place.index ? 'dropped' : 'reordered';
      this.report('index', { ...place, kind, detail: `the line says that it is event ${claims.index} of the log` });
    }
    if (claims.previous !== (previous && previous.toString('hex'))) {
      const detail = 'it names another event before it in its stream';
      this.report('previous', { ...place, kind: 'reordered', detail });
    } else if (claims.hash !== entry.toString('hex')) {
      this.report('hash', {
        ...place,
        kind: 'altered',
        detail: 'its content does not have the hash that its line says',
      });
    }
  }

  /** A checkpoint in the log: what it says beside its note, whom it is from, that it grows, and its root. */
  private checkSigned(data: CheckpointSigned['data'], place: Place): void {
    const wrong = (detail: string) => this.report('checkpoint', { ...place, kind: 'checkpoint', detail });
    const checkpoint = this.opened(data.note, wrong);
    if (!checkpoint) return;
    const { treeSize, rootHash, signedAt } = checkpoint;
    const says = data.treeSize === treeSize && data.rootHash === rootHash.toString('hex') && data.signedAt === signedAt;
    if (!says) return wrong('it says something else than its note');
    // Signed when the log had more before it than it has now.
    if (treeSize > place.index) this.differing = Math.min(this.differing ?? treeSize, treeSize);
    if (treeSize > place.index || treeSize <= this.signedSize) return wrong('it does not follow what it signs');
    this.signedSize = treeSize;
    this.compareRoot(treeSize, rootHash);
  }

  private opened(note: unknown, wrong: (detail: string) => void) {
    try {
      return parseCheckpoint(openNote(String(note), this.options.verifiers));
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      wrong(error.message);
      return undefined;
    }
  }

  private compareRoot(treeSize: number, rootHash: Buffer): void {
    if (this.tree.root(treeSize).equals(rootHash)) this.agreeing.add(treeSize);
    else this.differing = Math.min(this.differing ?? treeSize, treeSize);
  }

  /** Where it begins is told by who knows it better, if anybody: a root says no more than from where to where. */
  private reportRoot(differing: number): void {
    const from = Math.max(0, ...[...this.agreeing].filter((size) => size < differing));
    const isKnown = [...this.found.values()].some(({ index }) => index !== null && index < differing);
    const detail =
      `of the events ${from} to ${differing - 1} some were altered, dropped, inserted or reordered:` +
      ` the root of their tree is not the one that the checkpoint of ${differing} events signs`;
    this.report('root', { kind: 'altered', index: isKnown ? differing - 1 : from, detail });
  }

  private compareSeals(kept: SealFile, covered: number): void {
    const { size } = this.tree;
    const fault = this.found.get('sealed');
    if (fault?.index !== undefined && fault.index !== null) {
      this.found.set('sealed', this.explained(fault, fault.index, kept, covered));
    } else if (kept.size > size) {
      const detail = `the log ends here; ${kept.size} events were sealed, up to position ${kept.last!.position}`;
      this.report('end', { kind: 'dropped', index: size, detail });
    } else if (!rootFits(kept, this.tree)) {
      this.report('sealed', {
        kind: 'seals',
        index: null,
        detail: `${SEALS_DAMAGED}: its tree is not that of its events`,
      });
    }
  }

  /** What became of the event that was sealed at a place of the log, by where the two hashes stand elsewhere. */
  private explained(fault: LedgerFault, index: number, kept: SealFile, covered: number): LedgerFault {
    if (covered > index) {
      const detail = `${SEALS_DAMAGED} from event ${index} on: the log agrees with the checkpoint of ${covered} events`;
      return { kind: 'seals', index: null, detail };
    }
    const doubt =
      this.differing === undefined ? '; no checkpoint covers it: it may be the seals that were changed' : '';
    const here = kept.findEntry(this.tree.entry(index), index + 1);
    const sealed = this.tree.findEntry(entryOf(kept, index), index + 1);
    if (here !== undefined && sealed !== undefined) {
      const detail = `it was sealed as event ${here}, and the one that belongs here stands at ${sealed}${doubt}`;
      return { ...fault, kind: 'reordered', detail };
    }
    const place = `position ${positionOf(kept, index)}`;
    if (here !== undefined || this.tree.size < kept.size) {
      return {
        ...fault,
        kind: 'dropped',
        detail: `the event that was sealed before it, at ${place}, is missing${doubt}`,
      };
    }
    if (sealed !== undefined) {
      const detail = `it was never sealed; the event that belongs here stands at ${sealed}${doubt}`;
      return { ...fault, kind: 'inserted', detail };
    }
    return { ...fault, detail: `its content or its place is not what was sealed${doubt}` };
  }

  private report(check: string, fault: LedgerFault): void {
    if (!this.found.has(check)) this.found.set(check, fault);
  }
}

type Place = Omit<LedgerFault, 'kind' | 'detail'> & { readonly index: number };

/** What the seals have of an event; nothing fits what they lack. */
function entryOf(kept: SealFile, index: number): Buffer {
  try {
    return kept.entry(index);
  } catch {
    return Buffer.alloc(0);
  }
}

function positionOf(kept: SealFile, index: number): string {
  try {
    return String(kept.positionAt(index));
  } catch {
    return 'unknown';
  }
}

function rootFits(kept: SealFile, tree: SealFile): boolean {
  try {
    return kept.root().equals(tree.root(kept.size));
  } catch {
    return false;
  }
}
