import type { ExpectedRevision, NewEvent } from './event-store.js';

/** Refuses batches that no caller can mean, before they can spoil those of others. */
export function checkBatch(events: readonly NewEvent[]): void {
  if (events.length === 0) throw new TypeError('a batch has at least one event');
  if (new Set(events.map(({ id }) => id)).size !== events.length) throw new TypeError('a batch repeats an event id');
  const stray = events.find(({ id, type }) => !id.startsWith(`${type}:`));
  if (stray) throw new TypeError(`the event id ${stray.id} does not begin with its type ${stray.type}`);
}

/**
 * Decides an append by what its stream holds: `held` are the revisions of the batch's ids, in the batch's order,
 * `lastRevision` is -1 for a stream that does not exist.
 */
export function judgeAppend(
  lastRevision: number,
  expected: ExpectedRevision,
  held: readonly (number | undefined)[],
): 'write' | 'repeat' | 'conflict' {
  const [first] = held;
  if (first !== undefined && held.every((revision, index) => revision === first + index)) return 'repeat';
  if (held.some((revision) => revision !== undefined)) return 'conflict';
  const fits = expected === 'any' || lastRevision === (expected === 'none' ? -1 : expected);
  return fits ? 'write' : 'conflict';
}
