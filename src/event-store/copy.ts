import { createHash } from 'node:crypto';
import { canonicalJson } from '../kernel/canonical-json.js';
import { BatchTooLargeError, type EventStore, type Position, type Recorded } from './event-store.js';

/** There is nothing to copy, or the target holds what the source does not: it is for its owner to say what is meant. */
export class CopyRefusedError extends Error {
  override readonly name = 'CopyRefusedError';
}

export interface Copied {
  /** The source's last position when the copy began, or the one it was to end at: what comes later is not copied. */
  readonly head: Position;
  /** Events that the target held already, and those that were appended to it. */
  readonly held: number;
  readonly appended: number;
  /** SHA-256 of each log, read back from the first event to the source's head, in hexadecimal. */
  readonly source: string;
  readonly target: string;
  /** The first event that reads back otherwise, in words; null when the logs are equal. */
  readonly difference: string | null;
  /** Whether the source was appended to meanwhile: the same copy, started again, goes on with that. */
  readonly hasGrown: boolean;
}

/** Told how far each pass over the source's log is, in percent. */
export interface CopyProgress {
  start(what: string, total: number): void;
  advance(count: number): void;
  stop(): void;
}

/** Events of one append, at most. */
const BATCH_EVENTS = 500;

/**
 * Brings the events of one store into another, up to the source's head: streams, revisions, ids, data, metadata and the
 * times of recording are kept, positions are the target's own. It may be interrupted at any moment and started again:
 * where to go on is what the target itself says, which must hold a beginning of the source's log and nothing else.
 * With `until` it ends at that position, and the target is the ledger as it was then. Throws CopyRefusedError, or
 * StoreUnavailableError.
 */
export async function copyLedger(
  source: EventStore,
  target: EventStore,
  progress: CopyProgress,
  until?: Position,
): Promise<Copied> {
  const end = await source.head();
  const head = until !== undefined && until < end ? until : end;
  const log = upTo(source, head, percentOf(progress, 'copying, in %', head));
  let counts: Pick<Copied, 'held' | 'appended'>;
  try {
    const { held, rest } = await findEnd(log, target);
    counts = { held, appended: await appendAll(rest, target) };
  } finally {
    progress.stop();
    await log.return();
  }
  const verdict = await compare(source, target, head, progress);
  return { head, ...counts, ...verdict, hasGrown: until === undefined && (await source.head()) > head };
}

type Log = AsyncGenerator<Recorded, void>;

async function* upTo(source: EventStore, head: Position, onPosition: (position: Position) => void): Log {
  for await (const event of source.readAll()) {
    if (event.position > head) return;
    onPosition(event.position);
    yield event;
  }
}

/** The events of both logs in pairs, to the end of the longer one. The source's is left open: it may be read on. */
async function* sideBySide(source: Log, target: EventStore) {
  const held: AsyncIterator<Recorded, unknown> = target.readAll()[Symbol.asyncIterator]();
  try {
    for (;;) {
      const [given, kept] = [await source.next(), await held.next()];
      if (given.done && kept.done) return;
      yield { given: given.done ? null : given.value, kept: kept.done ? null : kept.value };
    }
  } finally {
    await held.return?.();
  }
}

/** Compares both logs up to where the target's ends; `rest` is the source's from there on. */
async function findEnd(log: Log, target: EventStore): Promise<{ held: number; rest: Log }> {
  let held = 0;
  for await (const { given, kept } of sideBySide(log, target)) {
    if (given && !kept) return { held, rest: prepend(given, log) };
    const difference = differenceOf(given, kept);
    if (difference) throw new CopyRefusedError(`the target holds another ledger: ${difference}; nothing was written`);
    held += 1;
  }
  return { held, rest: log };
}

async function* prepend(first: Recorded, rest: Log): Log {
  yield first;
  yield* rest;
}

/**
 * One append after the other, in the order of the log, each of neighbours in one stream: never two streams at once. A
 * run decides on what is recorded before its start, and `knownAt` asks for a prefix of the log, so an order that differed
 * from the source's would change answers, though every stream were the same.
 */
async function appendAll(log: Log, target: EventStore): Promise<number> {
  let count = 0;
  let batch: Recorded[] = [];
  for await (const event of log) {
    if (batch.length === BATCH_EVENTS || (batch.length > 0 && batch[0]!.stream !== event.stream)) {
      await appendBatch(batch, target);
      batch = [];
    }
    batch.push(event);
    count += 1;
  }
  if (batch.length > 0) await appendBatch(batch, target);
  return count;
}

async function appendBatch(batch: readonly Recorded[], target: EventStore): Promise<void> {
  const { stream, revision } = batch[0]!;
  const events = batch.map(({ id, type, data, metadata, recordedAt }) => {
    return { id, type, data, metadata: { ...metadata, recordedAt } };
  });
  try {
    const answer = await target.append(stream, revision === 0 ? 'none' : revision - 1, events);
    if (!('conflict' in answer)) return;
    throw new CopyRefusedError(
      `somebody else writes to the target: ${stream} should end before revision ${revision}, and ends at ${answer.currentRevision}`,
    );
  } catch (error) {
    if (!(error instanceof BatchTooLargeError) || batch.length === 1) throw error;
    const half = Math.ceil(batch.length / 2);
    await appendBatch(batch.slice(0, half), target);
    await appendBatch(batch.slice(half), target);
  }
}

/** How many events a log has up to a position, and the SHA-256 over them, in hexadecimal, as a copy compares logs by. */
export async function digestOf(store: EventStore, through: Position): Promise<{ events: number; sha256: string }> {
  const hash = createHash('sha256');
  let events = 0;
  for await (const event of upTo(store, through, () => undefined)) {
    hash.update(`${canonical(event)}\n`);
    events += 1;
  }
  return { events, sha256: hash.digest('hex') };
}

/** Reads both back: the source to where it is copied to, the target to its end. */
async function compare(source: EventStore, target: EventStore, head: Position, progress: CopyProgress) {
  const [ofSource, ofTarget] = [createHash('sha256'), createHash('sha256')];
  const log = upTo(source, head, percentOf(progress, 'verifying, in %', head));
  let difference: string | null = null;
  try {
    for await (const { given, kept } of sideBySide(log, target)) {
      if (given) ofSource.update(`${canonical(given)}\n`);
      if (kept) ofTarget.update(`${canonical(kept)}\n`);
      difference ??= differenceOf(given, kept);
    }
  } finally {
    progress.stop();
    await log.return();
  }
  return { source: ofSource.digest('hex'), target: ofTarget.digest('hex'), difference };
}

/** How the target's event is not the source's at that place of the log, in words; null when it is. */
function differenceOf(given: Recorded | null, kept: Recorded | null): string | null {
  if (!given) return kept && `it goes on with ${placeOf(kept)}, where the source has ended`;
  if (!kept) return `it ends before ${placeOf(given)}`;
  if (canonical(given) === canonical(kept)) return null;
  if (placeOf(given) !== placeOf(kept)) return `it has ${placeOf(kept)} where the source has ${placeOf(given)}`;
  const fields = ['type', 'data', 'metadata', 'recordedAt'] as const;
  const differing = fields.filter((field) => canonicalJson(given[field]) !== canonicalJson(kept[field]));
  return `its ${placeOf(kept)} has other ${differing.join(' and ')}`;
}

const placeOf = ({ stream, revision, id }: Recorded) => `${id} (${stream}, revision ${revision})`;

/** All of an event but its position, as one line of JSON with its fields in order (RFC 8785). */
const canonical = ({ position: _, ...event }: Recorded): string => canonicalJson(event);

/** Positions say how far a log is read, not how many events that is. */
function percentOf(progress: CopyProgress, what: string, head: Position): (position: Position) => void {
  let told = 0;
  progress.start(what, 100);
  return (position) => {
    const percent = Number((position * 100n) / head);
    if (percent > told) progress.advance(percent - told);
    told = percent;
  };
}
