import type {
  AppendConflict,
  Appended,
  ExpectedRevision,
  NewEvent,
  Recorded,
} from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';

/** One store for several instances in a process, which counts what they read and lets a test come between. */
export class SharedStore extends MemoryEventStore {
  /** Events given out by `read`. */
  eventsRead = 0;
  /** Awaited before each append; what it writes itself comes first. */
  beforeAppend: ((stream: string, events: readonly NewEvent[]) => Promise<void>) | undefined;

  /** With `looksNoFurther`, looking up finds what it must and nothing later: as an index does that is brought up now and then. */
  constructor(private readonly looksNoFurther = false) {
    super();
  }

  override async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<Appended | AppendConflict> {
    await this.beforeAppend?.(stream, events);
    return super.append(stream, expected, events);
  }

  override async *read(...asked: Parameters<MemoryEventStore['read']>): AsyncGenerator<Recorded> {
    for await (const event of super.read(...asked)) {
      this.eventsRead += 1;
      yield event;
    }
  }

  override async find(
    stream: string,
    ids: readonly string[],
    { through = Infinity }: { through?: number } = {},
  ): Promise<ReadonlyMap<string, Recorded>> {
    const found = await super.find(stream, ids);
    if (!this.looksNoFurther) return found;
    return new Map([...found].filter(([, { revision }]) => revision <= through));
  }
}
