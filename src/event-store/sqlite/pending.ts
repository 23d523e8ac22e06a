import { failedWith, SQLITE } from '../../kernel/sqlite-codes.js';
import { StoreUnavailableError, type AppendConflict, type Appended, type ExpectedRevision } from '../event-store.js';
import type { StoredEvent } from './stored-event.js';

/** Appends that wait for their group, and what a group comes to. */
export type StreamEnd = readonly [streamId: number | undefined, lastRevision: number];

/** Where the log ends and what it knows; a group works on a copy, which counts once it is committed. */
export interface LogState {
  position: number;
  /** The latest there is. */
  recordedAtMs: number;
  readonly types: Map<string, number>;
  /** The group's events, when somebody follows. */
  readonly added: StoredEvent[];
}

export interface NewRow {
  readonly type: string;
  readonly key: string;
  readonly data: string;
  readonly metadata: string;
  /** When the store it was copied from recorded it; null for an event of our own. */
  readonly copiedMs: number | null;
}

export interface PendingAppend {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly rows: readonly NewRow[];
  readonly resolve: (answer: Appended | AppendConflict) => void;
  readonly reject: (error: StoreUnavailableError) => void;
}

export type Place = [revision: number, position: number];

export function answer(places: readonly Place[], repeated: boolean): Appended {
  const [revision, position] = places.at(-1)!;
  return {
    revision,
    position: BigInt(position),
    positions: places.map((place) => BigInt(place[1])),
    repeated,
  };
}

export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new StoreUnavailableError(`the ledger file cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

export const isHeldAlready = (error: unknown): boolean => failedWith(error, SQLITE.CONSTRAINT_UNIQUE);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
