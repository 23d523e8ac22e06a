/** What a verification finds. */
export type FaultKind =
  'altered' | 'dropped' | 'inserted' | 'reordered' | 'unreadable' | 'checkpoint' | 'seals' | 'file';

/** The first thing that one of the checks found. */
export interface LedgerFault {
  readonly kind: FaultKind;
  /** Place in the log, from 0; null for what concerns the whole. In a log file the line is one more. */
  readonly index: number | null;
  readonly position?: string;
  readonly stream?: string;
  readonly revision?: number;
  readonly id?: string;
  readonly detail: string;
}

export interface Verdict {
  /** In the order of the log. None: the ledger is what was sealed. */
  readonly faults: readonly LedgerFault[];
  readonly events: number;
  readonly rootHash: string;
  /** Checkpoints whose root is that of the log. */
  readonly checkpoints: number;
  /** Events behind the last of them: nothing outside the ledger vouches for these. */
  readonly uncovered: number;
  readonly signatures: 'checked' | 'not checked';
  /** Events that the seals beside the ledger hold; null when there are none. */
  readonly sealed: number | null;
  readonly remarks: readonly string[];
}

/** What to do about a fault of the seals alone. */
export const SEALS_DAMAGED = 'the file of seals is damaged (delete it: it is made again from the log)';
