import type { EventLog, StoredEvent } from './log.js';

/** Keeps events by the name of their stream or by their type. */
export interface Filter {
  readonly keeps: (event: StoredEvent) => boolean;
  /** Events looked at for one page. */
  readonly window: number;
  /** Events looked at for one checkpoint. */
  readonly checkpointInterval: number;
}

/** `undefined` for the whole log. */
export type Source = string | undefined;
/** A revision of a stream, or a position in the log. */
export type From = bigint | 'start' | 'end';

export interface ReadRequest {
  readonly source: Source;
  readonly from: From;
  readonly backwards: boolean;
  readonly count: number;
  readonly filter: Filter | undefined;
}

export type SubscribeRequest = Pick<ReadRequest, 'source' | 'from' | 'filter'>;

export type SubscriptionMessage =
  | { readonly kind: 'confirmation'; readonly id: string }
  | { readonly kind: 'event'; readonly event: StoredEvent }
  | { readonly kind: 'checkpoint'; readonly commit: bigint; readonly prepare: bigint }
  | { readonly kind: 'caught-up' }
  | { readonly kind: 'fell-behind' };

/** Where the messages of a subscription go. */
export interface Subscriber {
  /** Takes a message; what it answers, when it answers anything, is to be waited for before the next. */
  send(message: SubscriptionMessage): Promise<void> | undefined;
  /** Newer servers say when a subscription goes live, and go back to catching up when it cannot follow. */
  readonly announces: boolean;
  readonly signal: AbortSignal;
}

/** Reading began inside a record. */
export class PositionError extends Error {}
/** A live subscription let more events pile up than the server holds for it. */
export class TooSlowError extends Error {}

/** Events of a page of catching up, and events held for a live subscriber. */
export const PAGE_EVENTS = 32;

export function* readEvents(log: EventLog, request: ReadRequest): Generator<StoredEvent> {
  const { source, backwards, count, filter } = request;
  const events = source === undefined ? log.all : log.stream(source);
  let left = count;
  for (
    let index = firstIndex(log, request);
    left > 0 && index >= 0 && index < events.length;
    index += backwards ? -1 : 1
  ) {
    const event = events[index]!;
    if (filter && !filter.keeps(event)) continue;
    left -= 1;
    yield event;
  }
}

/** Index of the first event of a read: positions are inclusive forwards and, as on the server, exclusive backwards. */
function firstIndex(log: EventLog, { source, from, backwards }: ReadRequest): number {
  const events = source === undefined ? log.all : log.stream(source);
  if (from === 'start') return 0;
  if (from === 'end') return backwards ? events.length - 1 : events.length;
  if (source === undefined) return boundary(log, from) - (backwards ? 1 : 0);
  return backwards ? Math.min(Number(from), events.length - 1) : Number(from);
}

function boundary(log: EventLog, position: bigint): number {
  if (!log.isBoundary(position)) throw new PositionError(`No record begins at ${position}.`);
  return log.indexFrom(position);
}

/**
 * Follows a stream or the log: what is there page by page, then what comes, until the subscriber is gone. `from` is
 * exclusive. Checkpoints come as on the server: after pages and, once live, after events that were looked at, kept or not.
 */
export async function follow(log: EventLog, request: SubscribeRequest, subscriber: Subscriber): Promise<void> {
  const { source, filter } = request;
  const { signal, announces } = subscriber;
  const events = source === undefined ? log.all : log.stream(source);
  const keeps = filter?.keeps ?? (() => true);
  let cursor = firstToFollow(log, request);
  let lookedAt = 0;

  const send = async (message: SubscriptionMessage): Promise<boolean> => {
    const room = subscriber.send(message);
    await room;
    return room !== undefined;
  };

  const catchUp = async (): Promise<void> => {
    while (cursor < events.length && !signal.aborted) {
      const pageEnd = Math.min(events.length, cursor + (filter?.window ?? PAGE_EVENTS));
      // Where nothing of a page is kept, its beginning is the checkpoint, and the server gives no prepare position then.
      let checkpoint = { commit: events[cursor]!.position, prepare: 0n };
      let kept = 0;
      for (; cursor < pageEnd && kept < PAGE_EVENTS && !signal.aborted; cursor += 1) {
        const event = events[cursor]!;
        lookedAt += 1;
        if (!keeps(event)) continue;
        kept += 1;
        checkpoint = { commit: event.position, prepare: event.position };
        await send({ kind: 'event', event });
      }
      if (filter && cursor < events.length && lookedAt >= filter.checkpointInterval) {
        lookedAt %= filter.checkpointInterval;
        await send({ kind: 'checkpoint', ...checkpoint });
      }
    }
  };

  /** Sends what has come; answers whether the subscriber lets too much pile up. */
  const goOn = async (): Promise<boolean> => {
    while (cursor < events.length && !signal.aborted) {
      const event = events[cursor]!;
      cursor += 1;
      let waited = keeps(event) && (await send({ kind: 'event', event }));
      lookedAt += 1;
      if (filter && lookedAt >= filter.checkpointInterval) {
        lookedAt = 0;
        waited = (await send({ kind: 'checkpoint', commit: event.position, prepare: event.position })) || waited;
      }
      if (waited && events.slice(cursor).filter(keeps).length > PAGE_EVENTS) return true;
    }
    return false;
  };

  await send({ kind: 'confirmation', id: crypto.randomUUID() });
  while (!signal.aborted) {
    await catchUp();
    if (announces && !signal.aborted) await send({ kind: 'caught-up' });
    while (!signal.aborted && !(await goOn())) await grown(log, events, cursor, signal);
    if (signal.aborted) return;
    if (!announces) throw new TooSlowError('Consumer too slow to handle event while live.');
    await send({ kind: 'fell-behind' });
  }
}

function firstToFollow(log: EventLog, { source, from }: SubscribeRequest): number {
  if (from === 'start') return 0;
  if (source !== undefined) return from === 'end' ? log.stream(source).length : Number(from) + 1;
  return from === 'end' ? log.all.length : Math.min(boundary(log, from) + 1, log.all.length);
}

/** Waits until there is an event at `cursor`, or nobody to send it to. */
function grown(log: EventLog, events: readonly StoredEvent[], cursor: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      if (cursor >= events.length && !signal.aborted) return;
      stop();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stop = log.watch(done);
    signal.addEventListener('abort', done);
    done();
  });
}
