import type { Position, Recorded } from '../../src/event-store/event-store.js';
import { type Instant, parseInstant } from '../../src/kernel/instant.js';
import { BEGINNING } from '../../src/notices/feed.js';
import { NoticesModel, type Place, type Placed } from '../../src/notices/notices-model.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { AccountHistory } from '../read-models/account-history.js';

export const at = (text: string): Instant => parseInstant(`2022-${text}:00Z`)!;

/** The notices of an account whose facts are decided as the ledger decides them, with a log whose time is said. */
export class Told {
  readonly history = new AccountHistory(at('06-01T09:00'));
  readonly model: NoticesModel;
  /** What the service's own clock says. */
  now: Instant = at('12-31T00:00');
  private fed: Recorded[] = [];

  constructor(db = new ReadModelDatabase(':memory:')) {
    this.model = new NoticesModel(db, () => this.now);
    this.record(at('06-01T09:00'), () => undefined);
  }

  /** What the history does, recorded at that instant. */
  record(recordedAt: Instant, act: (history: AccountHistory) => unknown): void {
    act(this.history);
    for (const event of this.history.events.slice(this.fed.length)) {
      const recorded = { ...event, recordedAt };
      this.fed.push(recorded);
      this.model.apply(recorded);
    }
    this.model.flush();
  }

  get head(): Position {
    return this.history.head;
  }

  /** What was recorded, for another model. */
  get log(): readonly Recorded[] {
    return this.fed;
  }

  all(after: Place = BEGINNING): Placed[] {
    return this.model.after(after, this.head, 10_000);
  }

  /** Kinds of what the log says, and those of what the clock says besides at `now`. */
  kinds(now?: Instant): string[] {
    return [...this.all(), ...(now ? this.model.due(now)! : [])].map(({ notice }) => notice.kind);
  }
}
