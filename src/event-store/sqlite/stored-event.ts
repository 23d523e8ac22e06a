import { type Instant, instantOf } from '../../kernel/instant.js';
import { EventAsText, type EventMetadata, type Position, type Recorded } from '../event-store.js';
import { reading } from './pending.js';

export type EventRow = readonly [
  stream: string,
  revision: number,
  position: number,
  recordedMs: number,
  type: string,
  key: string,
  data: string,
  metadata: string,
];

/** Most of those who are given an event pass it on, or ask for its type alone: what is JSON is read when it is wanted. */
export class StoredEvent extends EventAsText implements Recorded {
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  readonly recordedAt: Instant;
  readonly id: string;
  readonly type: string;
  declare readonly data: object;
  declare readonly metadata: EventMetadata;
  readonly #dataText: string;
  readonly #metadataText: string;
  #data: object | undefined;
  #metadata: EventMetadata | undefined;

  constructor([stream, revision, position, recordedMs, type, key, data, metadata]: EventRow) {
    super();
    this.stream = stream;
    this.revision = revision;
    this.position = BigInt(position);
    this.recordedAt = recordedAt(recordedMs);
    this.id = `${type}:${key}`;
    this.type = type;
    this.#dataText = data;
    this.#metadataText = metadata;
    Object.defineProperties(this, StoredEvent.#READ_WHEN_WANTED);
  }

  /** The event's own, so that a copy of its properties has them, too. */
  static readonly #READ_WHEN_WANTED: PropertyDescriptorMap & ThisType<StoredEvent> = {
    data: {
      enumerable: true,
      get() {
        return (this.#data ??= reading(() => JSON.parse(this.#dataText) as object));
      },
    },
    metadata: {
      enumerable: true,
      get() {
        return (this.#metadata ??= reading(() => JSON.parse(this.#metadataText) as EventMetadata));
      },
    },
  };

  /** In characters; names, which events share, are left out. */
  get size(): number {
    return this.#dataText.length + this.#metadataText.length;
  }

  override texts(): readonly [data: string, metadata: string] {
    return [this.#dataText, this.#metadataText];
  }
}

/** Events that were committed together have one time. */
let last: { readonly ms: number; readonly instant: Instant } | undefined;

function recordedAt(ms: number): Instant {
  if (last?.ms !== ms) last = { ms, instant: instantOf(ms) };
  return last.instant;
}
