import type { NewEvent, Position } from '../event-store/event-store.js';

/** What is told of the handling of commands, to be counted and traced. Nothing is decided by it, and it never throws. */
export interface CommandObserver {
  /** What became of a client's command: `type` is null when there is no such fact, `code` says why it was rejected. */
  answered(type: string | null, status: 'appended' | 'duplicate' | 'rejected', code: string | null): void;
  /** What a submission that is made now belongs to; it comes back with the batch that the submission is decided in. */
  context(): unknown;
  /** A batch of submissions for a stream is taken up. */
  deciding(stream: string, contexts: readonly unknown[]): Deciding;
}

export interface Deciding {
  /** The events go to the store; to be told the position of the last when they are in it. */
  appending(events: readonly NewEvent[]): (end: Position | 'conflict' | 'failed') => void;
  /** The batch is answered, or failed as a whole. */
  ended(error?: unknown): void;
}

const nothing = (): void => undefined;
const UNOBSERVED_BATCH: Deciding = { appending: () => nothing, ended: nothing };

export const UNOBSERVED: CommandObserver = { answered: nothing, context: nothing, deciding: () => UNOBSERVED_BATCH };
