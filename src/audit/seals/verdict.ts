/** What a verification finds. */
export type FaultKind =
  'altered' | 'dropped' | 'inserted' | 'reordered' | 'unreadable' | 'checkpoint' | 'split-view' | 'seals' | 'file';

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
  /**
   * `vouched`: it is what was sealed, by a checkpoint that is believed or by the seals beside it. `unvouched`: it is
   * consistent in itself, and nobody says that it is the ledger it was. `differs`: there are faults.
   */
  readonly outcome: 'vouched' | 'unvouched' | 'differs';
  /** In the order of the log. */
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
  /** What was to be used for it and could not be, such as the key; null: nothing. */
  readonly refused: string | null;
}

/** What to do about a fault of the seals alone. */
export const SEALS_DAMAGED = 'the file of seals is damaged (keep it, and set it aside: it is made again from the log)';
