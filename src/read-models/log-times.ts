import type { Position, Recorded } from '../event-store/event-store.js';
import { epochMs, type Instant } from '../kernel/instant.js';
import type { ReadModel, ReadModelDatabase } from './database.js';
import { RepeatedInstant } from './moment.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS log_times (
    recorded_max INTEGER PRIMARY KEY, -- ms: the latest recordedAt up to here
    before INTEGER NOT NULL           -- the position before the first event with it, 0 for the log's first
  ) STRICT`;

/**
 * Turns a recorded instant into a position. A store's clock may step back, so what counts is the running maximum of
 * recordedAt: the prefix for `t` ends where that maximum first exceeds `t`. Only its increases are kept.
 */
export class LogTimes implements ReadModel {
  private readonly insert;
  private readonly firstAfter;
  private readonly latest;
  private readonly recorded = new RepeatedInstant();
  private tail: { position: Position; recordedMax: number } | undefined;

  constructor(private readonly db: ReadModelDatabase) {
    db.create(SCHEMA);
    this.insert = db.prepare('INSERT INTO log_times (recorded_max, before) VALUES (?, ?)');
    this.firstAfter = db.prepare('SELECT before FROM log_times WHERE recorded_max > ? ORDER BY recorded_max LIMIT 1');
    this.latest = db.prepare('SELECT max(recorded_max) AS recordedMax FROM log_times');
  }

  apply(event: Recorded): void {
    const tail = (this.tail ??= this.storedTail());
    const recordedMs = this.recorded.msOf(event.recordedAt);
    if (recordedMs > tail.recordedMax) {
      this.insert.run(recordedMs, tail.position);
      tail.recordedMax = recordedMs;
    }
    tail.position = event.position;
  }

  forget(): void {
    this.tail = undefined;
  }

  /** The last position of the longest prefix of the log recorded at or before `instant`; null: all that is there. */
  lastKnownAt(instant: Instant): Position | null {
    return (this.firstAfter.get(epochMs(instant))?.['before'] as bigint | undefined) ?? null;
  }

  private storedTail(): { position: Position; recordedMax: number } {
    const recordedMax = this.latest.get()?.['recordedMax'] as bigint | null;
    return {
      position: this.db.checkpoint()?.position ?? 0n,
      recordedMax: recordedMax === null ? Number.NEGATIVE_INFINITY : Number(recordedMax),
    };
  }
}
