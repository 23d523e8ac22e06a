import type { EventStore, Position, Recorded, Unreadable } from '../event-store/event-store.js';
import { parseInstant } from '../kernel/instant.js';
import { sealedEvent, type SealedEvent } from './seals/event-hash.js';
import { SealFile } from './seals/seal-file.js';
import type { Claims } from './seals/verification.js';

/**
 * The log as a file that stands by itself: NDJSON, one event a line in the order of the log, each with its place, its
 * hash and the hash of the event before it in its stream. With the checkpoints it can be verified where no store is.
 */
interface LogLine extends SealedEvent {
  /** Place in the log, from 0. */
  readonly index: number;
  readonly position: string;
  /** Whether positions count from 1 without a gap, as in a file: then they can be told by places; a server's cannot. */
  readonly contiguous: boolean;
  readonly hash: string;
}

/** Written and hashed so many at a time. */
const BATCH = 200;

/** The log up to its end, or up to `through`, in lines that end in a newline. */
export async function* logLines(store: EventStore, through?: Position): AsyncGenerator<string> {
  const tree = new SealFile('');
  let batch: Recorded[] = [];
  // A server counts bytes, or what else it has before the ledger's first event: it never begins with 1.
  let contiguous: boolean | undefined;
  try {
    for await (const event of store.readAll()) {
      if (through !== undefined && event.position > through) break;
      contiguous ??= event.position === 1n;
      batch.push(event);
      if (batch.length < BATCH) continue;
      yield* linesOf(batch, tree, contiguous === true);
      batch = [];
    }
    yield* linesOf(batch, tree, contiguous === true);
  } finally {
    tree.close();
  }
}

function linesOf(batch: readonly Recorded[], tree: SealFile, contiguous: boolean): string[] {
  const lines: string[] = [];
  if (batch.length > 0) {
    tree.add(batch, (event, { index, head, entry }) => {
      const [position, hash] = [String(event.position), entry.toString('hex')];
      lines.push(`${lineOf({ index, position, contiguous, ...sealedEvent(event, head?.hash ?? null), hash })}\n`);
    });
  }
  return lines;
}

/** A line has one spelling, so that nothing can be hidden in another. */
const lineOf = (line: LogLine): string => {
  const { index, position, contiguous, stream, revision, id, type, data, metadata, recordedAt, previous, hash } = line;
  return JSON.stringify({
    index,
    position,
    contiguous,
    stream,
    revision,
    id,
    type,
    data,
    metadata,
    recordedAt,
    previous,
    hash,
  });
};

/** What a line holds, or why it is none: `index` is its place in the file, from 0. */
export function readLine(text: string, index: number): (Recorded & { readonly claims: Claims }) | Unreadable {
  // A place that is greater than 0: what cannot be read has no position that could be believed.
  const unreadable = (fault: string): Unreadable => ({
    position: BigInt(index + 1),
    fault: `line ${index + 1} ${fault}`,
  });
  let line: LogLine;
  try {
    line = JSON.parse(text) as LogLine;
  } catch {
    return unreadable('is no JSON');
  }
  if (!isLine(line)) return unreadable('is no event of a log');
  if (lineOf(line) !== text) return unreadable('is not spelt as the export writes it');
  const { index: claimed, contiguous, previous, hash, position, ...event } = line;
  return { ...event, position: BigInt(position), claims: { index: claimed, contiguous, previous, hash } };
}

function isLine(line: Partial<LogLine> | null): line is LogLine {
  if (typeof line !== 'object' || line === null) return false;
  const { index, position, contiguous, stream, revision, id, type, data, metadata, recordedAt, previous, hash } = line;
  const isHash = (text: unknown) => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
  const isObject = (value: unknown) => typeof value === 'object' && value !== null;
  return (
    Number.isSafeInteger(index) &&
    Number.isSafeInteger(revision) &&
    [position, stream, id, type].every((text) => typeof text === 'string') &&
    /^[1-9][0-9]{0,18}$/.test(position!) &&
    BigInt(position!) < 2n ** 63n &&
    typeof contiguous === 'boolean' &&
    parseInstant(String(recordedAt)) === recordedAt &&
    isObject(data) &&
    isObject(metadata) &&
    (previous === null || isHash(previous)) &&
    isHash(hash)
  );
}

const NEWLINE = 0x0a;

/** The lines of a file. What is no UTF-8 is no line of ours: it comes out as an empty one. */
export async function* linesIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decoded = (bytes: Buffer): string => {
    try {
      return decoder.decode(bytes);
    } catch {
      return '';
    }
  };
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      yield decoded(Buffer.concat([...rest, chunk.subarray(from, end)]));
      rest = [];
      from = end + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) yield decoded(Buffer.concat(rest));
}
