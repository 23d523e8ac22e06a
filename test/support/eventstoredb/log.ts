/** An event as a client proposes it. */
export interface ProposedEvent {
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

/** An event as the log holds it. */
export interface StoredEvent extends ProposedEvent {
  readonly stream: string;
  /** Place in its stream, from 0. */
  readonly revision: number;
  /** Where its record begins in the log, commit and prepare alike: an offset in bytes, so there are gaps. */
  readonly position: bigint;
  /** The server's clock, milliseconds since 1970. */
  readonly createdMs: number;
}

export type ExpectedRevision = number | 'any' | 'no-stream' | 'stream-exists';

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly revision: number; readonly position: bigint }
  | { readonly kind: 'wrong-version'; readonly current: number };

/** What a record takes besides its data, its metadata and its names. */
const RECORD_OVERHEAD_BYTES = 98;
/** With `any` the server knows again only the ids it has seen of late. */
const RECENT_IDS = 65_536;

const NOTHING = new Uint8Array();

/**
 * The log of a server, in memory, with the server's rules for expected revisions and repeated writes. No gRPC in here:
 * the nodes of a cluster share one.
 */
export class EventLog {
  readonly all: StoredEvent[] = [];
  private readonly streams = new Map<string, StoredEvent[]>();
  private readonly recent = new Map<string, StoredEvent>();
  private readonly watchers = new Set<() => void>();
  private end = 0n;

  constructor(private readonly now: () => number = Date.now) {
    // A server is never empty: the first events a client appends are not the first of its log.
    this.writeOwn('$$$stats', '$metadata');
    this.writeOwn('$$$ops', '$metadata');
    this.writeOwn('$user-admin', '$UserCreated');
  }

  /** Events of a stream, in order; empty when there is none. The array grows as the stream does. */
  stream(name: string): readonly StoredEvent[] {
    let events = this.streams.get(name);
    if (!events) this.streams.set(name, (events = []));
    return events;
  }

  append(stream: string, expected: ExpectedRevision, events: readonly ProposedEvent[]): AppendOutcome {
    const held = this.stream(stream);
    const current = held.length - 1;
    const wrong: AppendOutcome = { kind: 'wrong-version', current };
    if (expected === 'stream-exists' && current < 0) return wrong;

    const known = expected === 'any' || expected === 'stream-exists' ? this.recentOf(stream, events) : undefined;
    if (known) {
      if (known.length > 0 && known.length < events.length) return wrong;
      return known.length > 0 ? answer(known) : this.write(stream, events);
    }

    const after = typeof expected === 'number' ? expected : -1;
    if (after > current) return wrong;
    if (after === current) return this.write(stream, events);
    const standing = held.slice(after + 1, after + 1 + events.length);
    const repeated = events.length > 0 && events.every(({ id }, index) => standing[index]?.id === id);
    return repeated ? answer(standing) : wrong;
  }

  /** Index of the first event at `position` or after it. */
  indexFrom(position: bigint): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.all[middle]!.position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether a record begins there, or would next. Reading from inside a record is an error on the server. */
  isBoundary(position: bigint): boolean {
    return position >= this.end || this.all[this.indexFrom(position)]?.position === position;
  }

  /** Calls `watcher` after each append until the answer is called. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** What a server writes for itself between what its clients do: `count` events of system streams. */
  noise(count: number): void {
    for (let index = 0; index < count; index += 1) this.writeOwn('$stats-127.0.0.1:2113', '$statsCollected');
  }

  /** As a server that is put back to the state before its first event. */
  clear(): void {
    this.streams.clear();
    this.recent.clear();
    this.all.length = 0;
    this.end = 0n;
  }

  /** An event of the server's own. */
  writeOwn(stream: string, type: string, data: object = {}): void {
    const encoded = Buffer.from(JSON.stringify(data));
    this.write(stream, [{ id: crypto.randomUUID(), type, isJson: true, data: encoded, metadata: NOTHING }]);
  }

  /** The leading events of a batch that this stream has seen of late. */
  private recentOf(stream: string, events: readonly ProposedEvent[]): StoredEvent[] {
    const found: StoredEvent[] = [];
    for (const { id } of events) {
      const seen = this.recent.get(id);
      if (seen?.stream !== stream) break;
      found.push(seen);
    }
    return found;
  }

  private write(stream: string, events: readonly ProposedEvent[]): AppendOutcome {
    const held = this.stream(stream) as StoredEvent[];
    const createdMs = this.now();
    const begin = this.end;
    const written = events.map((event, index): StoredEvent => {
      const stored = { ...event, stream, revision: held.length + index, position: this.end, createdMs };
      this.end += BigInt(recordBytes(stored));
      return stored;
    });
    // A write of no events is a record, too, which nobody reads.
    if (written.length === 0) this.end += BigInt(RECORD_OVERHEAD_BYTES);
    held.push(...written);
    this.all.push(...written);
    for (const event of written) this.remember(event);
    for (const watcher of [...this.watchers]) watcher();
    return { kind: 'appended', revision: held.length - 1, position: written.at(-1)?.position ?? begin };
  }

  private remember(event: StoredEvent): void {
    this.recent.set(event.id, event);
    if (this.recent.size <= RECENT_IDS) return;
    const [oldest] = this.recent.keys();
    this.recent.delete(oldest!);
  }
}

function answer(events: readonly StoredEvent[]): AppendOutcome {
  const { revision, position } = events.at(-1)!;
  return { kind: 'appended', revision, position };
}

function recordBytes({ stream, type, data, metadata }: StoredEvent): number {
  return RECORD_OVERHEAD_BYTES + Buffer.byteLength(stream) + Buffer.byteLength(type) + data.length + metadata.length;
}
