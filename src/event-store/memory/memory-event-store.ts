import { instantOf, later, type Instant } from '../../kernel/instant.js';
import { checkBatch, judgeAppend } from '../appending.js';
import { EmbeddedEventStore, PAGE, type LogReader } from '../embedded.js';
import type {
  AppendConflict,
  Appended,
  ExpectedRevision,
  LogEntry,
  LogFilter,
  NewEvent,
  Recorded,
} from '../event-store.js';

/** For tests. It keeps events as text, like a store on disk: nothing in it is shared with those who write and read. */
export class MemoryEventStore extends EmbeddedEventStore {
  readonly #log: Entry[] = [];
  readonly #streams = new Map<string, Entry[]>();
  readonly #byId = new Map<string, Entry>();
  readonly #nowMs: () => number;
  /** The latest there is. */
  #recordedAt = '' as Instant;

  constructor(nowMs: () => number = Date.now) {
    super();
    this.#nowMs = nowMs;
  }

  protected override get tail() {
    return BigInt(this.#log.length);
  }

  override async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<Appended | AppendConflict> {
    this.assertOpen();
    checkBatch(events);
    const texts = events.map(({ metadata: { recordedAt: _, ...metadata }, ...event }) =>
      JSON.stringify({ ...event, metadata }),
    );
    const copied = events.map(({ metadata }) => metadata.recordedAt);
    const entries = this.#streams.get(stream) ?? [];
    const held = events.map(({ id }) => this.#byId.get(entryKey(stream, id)));
    const verdict = judgeAppend(
      entries.length - 1,
      expected,
      held.map((entry) => entry?.revision),
    );
    if (verdict === 'conflict') return { conflict: true, currentRevision: entries.length - 1 };
    if (verdict === 'repeat')
      return answer(
        held.filter((entry) => entry !== undefined),
        true,
      );

    const now = later(this.#recordedAt, instantOf(this.#nowMs()));
    const written = events.map(({ id }, index): Entry => {
      const recordedAt = copied[index] ?? now;
      this.#recordedAt = later(this.#recordedAt, recordedAt);
      const entry = {
        stream,
        revision: entries.length,
        position: this.tail + 1n,
        recordedAt,
        text: texts[index]!,
      };
      this.#log.push(entry);
      entries.push(entry);
      this.#byId.set(entryKey(stream, id), entry);
      return entry;
    });
    this.#streams.set(stream, entries);
    this.wakeFollowers();
    return answer(written, false);
  }

  override async find(stream: string, ids: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
    this.assertOpen();
    const found = new Map<string, Recorded>();
    for (const id of ids) {
      const entry = this.#byId.get(entryKey(stream, id));
      if (entry) found.set(id, recorded(entry));
    }
    return found;
  }

  protected override streamPage(stream: string, from: number, direction: 'forwards' | 'backwards') {
    const entries = this.#streams.get(stream) ?? [];
    const page =
      direction === 'forwards'
        ? entries.slice(Math.max(from, 0)).slice(0, PAGE)
        : entries
            .slice(0, Math.max(from + 1, 0))
            .slice(-PAGE)
            .reverse();
    return page.map(recorded);
  }

  protected override logReader(filter?: LogFilter): LogReader<Recorded> {
    const keeps = ({ stream }: Entry) =>
      !filter || filter.streamPrefixes.some((streamPrefix) => stream.startsWith(streamPrefix));
    return (after, through) => this.#log.slice(Number(after), Number(through)).filter(keeps).map(recorded);
  }

  protected override entryReader(): LogReader<LogEntry> {
    return this.logReader();
  }

  protected override release(): void {
    this.#log.length = 0;
    this.#streams.clear();
    this.#byId.clear();
  }
}

type Entry = Pick<Recorded, 'stream' | 'revision' | 'position' | 'recordedAt'> & { readonly text: string };

const entryKey = (stream: string, id: string) => JSON.stringify([stream, id]);

function recorded({ text, ...place }: Entry): Recorded {
  const { id, type, data, metadata } = JSON.parse(text) as NewEvent;
  return { ...place, id, type, data, metadata };
}

function answer(entries: readonly Entry[], repeated: boolean): Appended {
  const { revision, position } = entries.at(-1)!;
  return { revision, position, positions: entries.map((entry) => entry.position), repeated };
}
