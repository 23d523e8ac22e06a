/**
 * Every reason for which the ledger says no, in order of precedence: of several that apply, the first in this list is
 * the one that is answered. HTTP statuses are a table at the edge (`http/problem.ts`).
 */
export const REFUSAL_CODES = [
  'invalid-command', // by the command alone; by the ledger's state it comes after `revocation-too-early` (see `decide`)
  'precision',
  'forbidden', // by what the caller may do, whatever is recorded
  'conflicting-duplicate',
  'unknown-account',
  'unknown-promotion',
  'unknown-click',
  'unknown-credit',
  'unknown-run',
  'unknown-period',
  'unknown-event',
  'no-checkpoint',
  'not-found',
  'run-not-due',
  'run-out-of-order',
  'period-not-over',
  'period-out-of-order',
  'period-runs-open',
  'partner-not-listed',
  'unknown-code',
  'not-invited',
  'campaign-mismatch',
  'revocation-too-early',
  'currency-mismatch',
  'already-granted',
  'budget-exhausted',
  'redemptions-exhausted',
  'cap-exceeded',
  'no-fx-rate',
  'stale-fx-rate',
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** A fault in the input: `path` is a JSON pointer into it. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** So many faults are told of one input: who has more has not read what is asked. */
export const MOST_FAULTS = 100;
const LONGEST_PATH = 1000;

/**
 * What is told of the faults that were found, and of `more` that were only counted: `most` at most, the last of which says
 * how many are left out. Telling of what was told already changes nothing.
 */
export function faultsTold(found: readonly Fault[], more = 0, most = MOST_FAULTS): readonly Fault[] {
  const total = found.length + more;
  const told = total <= most ? found : found.slice(0, most - 1);
  const shown = told.map((fault) =>
    fault.path.length <= LONGEST_PATH ? fault : { ...fault, path: `${fault.path.slice(0, LONGEST_PATH)}…` },
  );
  return total <= most ? shown : [...shown, { path: '', message: `and ${total - told.length} more faults` }];
}

/** A step of a JSON pointer (RFC 6901). */
export const pointer = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** A refusal is a value, not an exception: what was asked is well understood, and the answer is no. */
export interface Refusal {
  readonly refused: RefusalCode;
  readonly detail: string;
  readonly errors?: readonly Fault[];
}

export const refuse = (refused: RefusalCode, detail: string, errors?: readonly Fault[]): Refusal =>
  errors ? { refused, detail, errors } : { refused, detail };

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'refused' in value;
