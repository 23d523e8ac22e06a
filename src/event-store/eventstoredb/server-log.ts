import {
  BACKWARDS,
  END,
  START,
  UnknownError,
  streamNameFilter,
  type AllStreamResolvedEvent,
} from '@eventstore/db-client';
import type { LogFilter, Position, Recorded } from '../event-store.js';
import type { Connection } from './connection.js';
import { fromServer, toLogPosition } from './wire.js';

/** Events to a read; so many wait at most for a slow follower, the rest with the server. */
export const PAGE = 500;
/** Events of one look at the end of the log: what others write between ours is mostly the server's own links. */
const GLANCE = 32;
/** The server looks at so many events at a time, and says how far it came after twice as many without a match. */
const SEARCH_WINDOW = 500;
const CHECKPOINT_WINDOWS = 2;
/** A subscription that lived so long, in ms, was no failure. */
const LONG_LIFE_MS = 10_000;

export interface Following {
  /** Exclusive. */
  readonly after: Position;
  /** The filter keeps nothing between `after` and this, as far as is known. */
  readonly searched?: Position | undefined;
  readonly filter: LogFilter;
  /** Told how far the server has looked, when all before that has been delivered. */
  readonly onSearched?: ((position: Position) => void) | undefined;
  readonly stop: AbortSignal;
  /** Whether a server that stays away is waited for without end; else StoreUnavailableError is thrown. */
  readonly isPatient: boolean;
}

/** Up to `searched` the log was looked through: `head` is the last of ours in it. */
export interface LogEnd {
  readonly head: Position;
  readonly searched: Position;
}

export const NOTHING_KNOWN: LogEnd = { head: 0n, searched: 0n };

/** What a subscription brings, in order: an event that the filter keeps, or how far the server has looked. */
type Message = AllStreamResolvedEvent | { readonly searched: Position };

/** The log of the whole server, as far as it is ours. */
export class ServerLog {
  constructor(
    private readonly connection: Connection,
    private readonly prefix: string,
  ) {}

  /**
   * Looks back from the end of the log for the last event that the filter keeps, as far as nobody has looked yet. The
   * client has no filter for this direction; what is `known` keeps it short, and may grow meanwhile. A log that ends before
   * what is known of it is another one, and nothing is known.
   */
  async end(filter: LogFilter, known: () => LogEnd): Promise<LogEnd> {
    const prefixes = this.prefixesOf(filter);
    let lookUp = known;
    let searched: Position | undefined;
    let before: Position | undefined;
    for (let count = GLANCE; ; count = PAGE) {
      const page = await this.connection.collect<AllStreamResolvedEvent>((client) =>
        client.readAll({
          direction: BACKWARDS,
          fromPosition: before === undefined ? END : toLogPosition(before),
          maxCount: count,
          requiresLeader: true,
        }),
      );
      for (const { event } of page) {
        if (!event) continue;
        const position = event.position.commit;
        if (searched === undefined && position < lookUp().searched) lookUp = () => NOTHING_KNOWN;
        searched ??= position;
        before = position;
        if (prefixes.some((prefix) => event.streamId.startsWith(prefix))) return { head: position, searched };
        if (position <= lookUp().searched) return { head: lookUp().head, searched };
      }
      if (page.length < count) return { head: lookUp().head, searched: searched ?? 0n };
    }
  }

  /** Whether an event of the log, be it another's, begins there: only there can a server begin to read. */
  async hasEventAt(position: Position): Promise<boolean> {
    try {
      const [first] = await this.connection.collect<AllStreamResolvedEvent>(
        (client) => client.readAll({ fromPosition: toLogPosition(position), maxCount: 1, requiresLeader: true }),
        [UnknownError],
      );
      return first?.event?.position.commit === position;
    } catch (error) {
      if (error instanceof UnknownError) return false;
      throw error;
    }
  }

  /** The log from `after` on, without end, through lost connections; ends when `stop` says so. */
  async *follow({ after, searched = after, filter, onSearched, stop, isPatient }: Following): AsyncGenerator<Recorded> {
    let last = after;
    let from = searched;
    for (let failures = 0; !stop.aborted; failures += 1) {
      const startedMs = Date.now();
      try {
        from = await this.placeToBegin(from, last);
      } catch (error) {
        if (!isPatient) throw error;
        await this.connection.backOff(failures, stop);
        continue;
      }
      const messages = this.subscribe(from, filter, stop);
      try {
        for (let message = await messages.next(); !message.done; message = await messages.next()) {
          failures = 0;
          if ('searched' in message.value) {
            if (message.value.searched > from) onSearched?.((from = message.value.searched));
            continue;
          }
          const event = fromServer(message.value.event!, this.prefix);
          // Whoever asked for a place where no event begins is served from the start.
          if (event.position <= last) continue;
          last = from = event.position;
          yield event;
        }
      } finally {
        await messages.return();
      }
      if (stop.aborted) return;
      if (!isPatient) this.connection.assertReachable();
      if (Date.now() - startedMs > LONG_LIFE_MS) failures = 0;
      await this.connection.backOff(failures, stop);
    }
  }

  /** Where the server can begin: at `from`, else at what was delivered last, else at the start (0). */
  private async placeToBegin(from: Position, last: Position): Promise<Position> {
    if (from === 0n || (await this.hasEventAt(from))) return from;
    return last !== from && (last === 0n || (await this.hasEventAt(last))) ? last : 0n;
  }

  /** One subscription, from its first message to its end, be that a failure. */
  private async *subscribe(from: Position, filter: LogFilter, stop: AbortSignal): AsyncGenerator<Message, void, void> {
    const subscription = this.connection.client.subscribeToAll(
      {
        fromPosition: from === 0n ? START : toLogPosition(from),
        filter: streamNameFilter({
          prefixes: this.prefixesOf(filter),
          maxSearchWindow: SEARCH_WINDOW,
          checkpointInterval: CHECKPOINT_WINDOWS,
          // Into the queue of the events, behind those that came before it.
          checkpointReached: (_, { commit }) => void subscription.push({ searched: commit } satisfies Message),
        }),
        requiresLeader: true,
      },
      { highWaterMark: PAGE },
    );
    const end = () => {
      subscription.unsubscribe().catch(() => undefined);
      subscription.destroy();
    };
    const unanswered = setTimeout(end, this.connection.patience.attemptMs);
    stop.addEventListener('abort', end);
    // Of a call that breaks the client may tell more than once.
    subscription.on('error', () => undefined);
    subscription.on('confirmation', () => {
      clearTimeout(unanswered);
      this.connection.found();
    });
    try {
      for await (const message of subscription) yield message;
      if (!stop.aborted) this.connection.lost(new Error('a subscription ended'));
    } catch (error) {
      if (!stop.aborted) this.connection.lost(error);
    } finally {
      clearTimeout(unanswered);
      stop.removeEventListener('abort', end);
      end();
    }
  }

  private prefixesOf({ streamPrefixes }: LogFilter): string[] {
    return streamPrefixes.map((prefix) => this.prefix + prefix);
  }
}
