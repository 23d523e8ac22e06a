import type { EventStore, Position } from '../event-store/event-store.js';
import type { MomentAsked } from '../read-models/queries.js';

/** Where the log ended at a moment of knowledge; 0 when it had not begun. Of an instant, reads the log up to there. */
export async function lastPositionBy(store: EventStore, until: NonNullable<MomentAsked['knownAt']>): Promise<Position> {
  if ('position' in until) return until.position;
  let last: Position = 0n;
  for await (const { recordedAt, position } of store.readAll()) {
    // A store's clock may have stepped back: it is the longest prefix that was recorded by then.
    if (recordedAt > until.instant) return last;
    last = position;
  }
  return last;
}
