import type { Position } from '../../event-store/event-store.js';
import type { SealFile } from './seal-file.js';
import { SEALS_DAMAGED, type LedgerFault } from './verdict.js';
import type { Vouching } from './vouching.js';

type Place = Omit<LedgerFault, 'kind' | 'detail'> & { readonly index: number };

/** Holds the tree of a log, as it grows, against the seals that lie beside the log. */
export class SealsCheck {
  /** At the first event that is not what was sealed. */
  private altered: LedgerFault | undefined;
  private damage: string | undefined;

  constructor(
    private readonly kept: SealFile,
    private readonly tree: SealFile,
  ) {}

  get size(): number {
    return this.kept.size;
  }

  /** An event that is about to be added to the tree. */
  checkEvent(place: Place, position: Position, entry: Buffer): void {
    const { index } = place;
    if (index < this.size) {
      if (this.altered || entry.equals(entryOf(this.kept, index))) return;
      this.altered = { ...place, kind: 'altered', detail: '' };
    } else if (index === this.size && position <= (this.kept.last?.searched ?? 0n)) {
      this.damage ??= `it says that the log has nothing more up to position ${this.kept.last!.searched}`;
    }
  }

  /** When the tree has as many events as are sealed: then all that the two files hold must be the same. */
  checkTables(): void {
    if (this.altered) return;
    try {
      const part = this.kept.differsIn(this.tree);
      if (part !== undefined) this.damage ??= `what it has of ${part} is not that of the log`;
    } catch (error) {
      this.damage ??= (error as Error).message;
    }
  }

  finish(vouching: Vouching): LedgerFault[] {
    const { size } = this.tree;
    if (this.altered) return [this.explainedIfPossible(this.altered, vouching)];
    const faults: LedgerFault[] = [];
    if (this.size > size) {
      const detail = `the log ends here; ${this.size} events were sealed, up to position ${this.kept.last!.position}`;
      faults.push({ kind: 'dropped', index: size, detail });
    }
    if (this.size === 0 && size > 0) this.damage ??= 'it says that nothing is sealed';
    if (this.damage !== undefined) {
      faults.push({ kind: 'seals', index: null, detail: `${SEALS_DAMAGED}: ${this.damage}` });
    }
    return faults;
  }

  private explainedIfPossible(fault: LedgerFault, vouching: Vouching): LedgerFault {
    try {
      return this.explained(fault, fault.index!, vouching);
    } catch (error) {
      const detail = `it is not what was sealed here; the seals cannot be read on: ${(error as Error).message}`;
      return { ...fault, detail };
    }
  }

  /** What became of the event that was sealed at a place of the log, by where the two hashes stand elsewhere. */
  private explained(fault: LedgerFault, index: number, vouching: Vouching): LedgerFault {
    const { kept, tree } = this;
    if (vouching.isProven && vouching.covered > index) {
      const detail = `${SEALS_DAMAGED} from event ${index} on: the log agrees with the checkpoint of ${vouching.covered} events`;
      return { kind: 'seals', index: null, detail };
    }
    const doubt = vouching.fits
      ? `; no checkpoint that is believed covers it: it may be the seals that were changed`
      : '';
    const here = kept.findEntry(tree.entry(index), index + 1);
    const sealed = tree.findEntry(entryOf(kept, index), index + 1);
    if (here !== undefined && sealed !== undefined) {
      const detail = `it was sealed as event ${here}, and the one that belongs here stands at ${sealed}${doubt}`;
      return { ...fault, kind: 'reordered', detail };
    }
    if (here !== undefined || tree.size < kept.size) {
      const place = `position ${positionOf(kept, index)}`;
      const detail = `the event that was sealed before it, at ${place}, is missing${doubt}`;
      return { ...fault, kind: 'dropped', detail };
    }
    if (sealed !== undefined) {
      const detail = `it was never sealed; the event that belongs here stands at ${sealed}${doubt}`;
      return { ...fault, kind: 'inserted', detail };
    }
    return { ...fault, detail: `its content or its place is not what was sealed${doubt}` };
  }
}

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
