import type { Position, Recorded, Unreadable } from '../../event-store/event-store.js';
import { CHECKPOINTS_STREAM } from '../../kernel/identifiers.js';
import type { Instant } from '../../kernel/instant.js';
import type { CheckpointSigned } from '../domain/events.js';
import { HASH_BYTES } from './event-hash.js';
import { SealFile, type Sealing } from './seal-file.js';
import { SealsCheck } from './seals-check.js';
import type { LedgerFault, Verdict } from './verdict.js';
import { Vouching, type VouchingOptions } from './vouching.js';

/** What a line of a log file says of its event. */
export interface Claims {
  readonly index: number;
  /** Whether positions count from 1 without a gap, as they do in a ledger that was a file. */
  readonly contiguous: boolean;
  readonly previous: string | null;
  readonly hash: string;
}

export interface VerificationOptions extends VouchingOptions {
  /** The seals beside the ledger. */
  readonly kept: SealFile | null;
  /** Without the seals' word a checkpoint must be believed: whoever gave a key asks for its signature. */
  readonly needsCheckpoint?: boolean;
  /** Whether positions count from 1 without a gap; null: a log file's lines say it. */
  readonly contiguous: boolean | null;
}

export type Item = (Recorded & { readonly claims?: Claims }) | Unreadable;

type Place = Omit<LedgerFault, 'kind' | 'detail'> & { readonly index: number };

const BATCH = 500;
/** Faults of the whole are told behind those that have a place. */
const WHOLE = Number.MAX_SAFE_INTEGER;

/** Makes the tree of a log again and holds it against all that vouches for it. Memory does not grow with the log. */
export class Verification {
  private readonly tree = new SealFile('');
  private readonly vouching: Vouching;
  private readonly seals: SealsCheck | null;
  private readonly found = new Map<string, LedgerFault>();
  private readonly remarks = new Map<string, string>();
  private batch: Recorded[] = [];
  private last: { readonly position: Position; readonly recordedAt: Instant | undefined } | undefined;
  /** What the first line says of its positions. */
  private contiguous: boolean | undefined;

  constructor(private readonly options: VerificationOptions) {
    this.vouching = new Vouching(this.tree, options);
    this.seals = options.kept && new SealsCheck(options.kept, this.tree);
  }

  take(item: Item): void {
    if (!('fault' in item)) {
      this.batch.push(item);
      const isSealedEnd = this.tree.size + this.batch.length === this.seals?.size;
      if (isSealedEnd || this.batch.length >= BATCH) this.flush();
      return;
    }
    this.flush();
    const { position, fault: detail } = item;
    if (position === 0n) return this.report('file', { kind: 'file', index: null, detail });
    const index = this.tree.size;
    if (this.options.contiguous === null) {
      // A line that cannot be read has no position that could be believed.
      this.report('unreadable', { kind: 'unreadable', index, detail });
    } else {
      this.report('unreadable', { kind: 'unreadable', index, position: String(position), detail });
      this.inOrder({ index, position: String(position) }, position, this.options.contiguous);
    }
    this.tree.addUnreadable(position, Buffer.alloc(HASH_BYTES));
    this.atSealedEnd();
  }

  /** A checkpoint from outside the log, such as one that a witness kept. */
  vouch(note: string): void {
    this.flush();
    const signed = this.vouching.checkGiven(note, (wrong) => {
      this.report('notes', { kind: 'checkpoint', index: null, detail: `a checkpoint that was given: ${wrong}` });
    });
    if (signed === undefined) return;
    const index = this.tree.size;
    const detail = `the log ends after ${index} events, and a checkpoint signs ${signed}`;
    this.report('end', { kind: 'dropped', index, detail });
  }

  finish(): Verdict {
    this.flush();
    const { vouching, seals, options } = this;
    for (const fault of seals?.finish(vouching) ?? []) this.report(fault.kind === 'dropped' ? 'end' : 'sealed', fault);
    const places = [...this.found.values()].map(({ index }) => index ?? WHOLE);
    const isKnown = (before: number) => places.some((index) => index < before);
    vouching.faults(isKnown).forEach((fault, number) => this.report(`root ${number}`, fault));
    if (vouching.strange !== undefined) this.remarks.set('stranger', vouching.strange);
    if (this.contiguous === false) this.remarks.set('positions', 'positions are a server’s: nothing vouches for them');
    const faults = [...this.found.values()].sort((a, b) => (a.index ?? WHOLE) - (b.index ?? WHOLE));
    const { size: events } = this.tree;
    const rootHash = this.tree.root().toString('hex');
    this.tree.close();
    return {
      outcome: faults.length > 0 ? 'differs' : this.isVouched() ? 'vouched' : 'unvouched',
      faults,
      events,
      rootHash,
      checkpoints: vouching.agreed,
      uncovered: events - vouching.covered,
      signatures: options.verifiers ? 'checked' : 'not checked',
      sealed: seals && seals.size,
      remarks: [...this.remarks.values()],
      refused: null,
    };
  }

  /** Seals vouch as far as whoever has the ledger does not have them, too; not against checkpoints that are a stranger's. */
  private isVouched(): boolean {
    const { vouching, seals, options } = this;
    if (vouching.isVouched) return true;
    return seals !== null && seals.size > 0 && !options.needsCheckpoint && vouching.strange === undefined;
  }

  private flush(): void {
    const { batch } = this;
    if (batch.length === 0) return;
    this.batch = [];
    this.tree.add(batch, (event, sealing) => this.inspect(event, sealing));
    this.atSealedEnd();
  }

  private atSealedEnd(): void {
    // What cannot be read is in nobody's tables.
    if (this.seals?.size === this.tree.size && !this.found.has('unreadable')) this.seals.checkTables();
  }

  private inspect(event: Recorded & { claims?: Claims }, { index, head, entry }: Sealing): void {
    const { stream, revision, id, position, claims } = event;
    const place = { index, position: String(position), stream, revision, id };
    if (claims) this.checkClaims(claims, place, head?.hash ?? null, entry);
    const contiguous = this.options.contiguous ?? this.contiguous ?? false;
    this.inOrder(place, position, contiguous, event.recordedAt, claims?.index === index);
    const expected = head ? head.revision + 1 : 0;
    if (revision !== expected) {
      const kind = revision > expected ? 'dropped' : 'reordered';
      this.report('revision', { ...place, kind, detail: `where revision ${expected} of its stream belongs` });
    }
    this.seals?.checkEvent(place, position, entry);
    if (stream !== CHECKPOINTS_STREAM) return;
    this.vouching.checkSigned(event.data as CheckpointSigned['data'], index, (detail) =>
      this.report('checkpoint', { ...place, kind: 'checkpoint', detail }),
    );
  }

  /** Without a gap a position is known by its place, so that the line that is wrong is named and not the next. */
  private inOrder(
    place: Place,
    position: Position,
    contiguous: boolean,
    recordedAt?: Instant,
    isInPlace = false,
  ): void {
    const before = this.last?.position ?? 0n;
    const expected = BigInt(place.index) + 1n;
    if (contiguous ? position !== expected : position <= before) {
      const kind = isInPlace ? 'altered' : contiguous && position > expected ? 'dropped' : 'reordered';
      const detail = contiguous
        ? `it has position ${position}, where ${expected} belongs`
        : `position ${position} follows position ${before}`;
      this.report('position', { ...place, kind, detail });
    }
    if (recordedAt && this.last?.recordedAt && recordedAt < this.last.recordedAt && !this.remarks.has('time')) {
      const remark = `recordedAt runs backwards at position ${position}: a clock was set back where it was recorded`;
      this.remarks.set('time', remark);
    }
    this.last = { position, recordedAt: recordedAt ?? this.last?.recordedAt };
  }

  private checkClaims(claims: Claims, place: Place, previous: string | null, entry: Buffer): void {
    this.contiguous ??= claims.contiguous;
    // A server's first position is never 1, a file's always.
    const isContiguous = place.index === 0 ? place.position === '1' : this.contiguous;
    if (claims.index !== place.index) {
      const kind = claims.index > place.index ? 'dropped' : 'reordered';
      this.report('index', { ...place, kind, detail: `the line says that it is event ${claims.index} of the log` });
    } else if (claims.contiguous !== isContiguous) {
      const detail = `the line says ${claims.contiguous ? '' : 'not '}to have a position by its place, and that is not so`;
      this.report('contiguous', { ...place, kind: 'altered', detail });
    }
    if (claims.previous !== previous) {
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

  private report(check: string, fault: LedgerFault): void {
    if (!this.found.has(check)) this.found.set(check, fault);
  }
}
