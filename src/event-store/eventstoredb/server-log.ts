import {
  BACKWARDS,
  END,
  START,
  UnknownError,
  streamNameFilter,
  type AllStreamResolvedEvent,
} from '@eventstore/db-client';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { LogFilter, Position, Recorded } from '../event-store.js';
import type { Connection } from './connection.js';
import { ForeignEventError, fromServer, toLogPosition } from './wire.js';

/** Events to a read; so many wait at most for a slow follower, the rest with the server. */
export const PAGE = 500;
/** Events of one look at the end of the log: what others write between ours is mostly the server's own links. */
const GLANCE = 32;
/** The server looks at so many events at a time, and says how far it came after twice as many without a match. */
const SEARCH_WINDOW = 500;
const CHECKPOINT_WINDOWS = 2;
/** How often it is looked whether a slow follower has taken what came before, in ms. */
const DELIVERY_MS = 5;

export interface Following {
  /** Exclusive. */
  readonly after: Position;
  readonly filter: LogFilter;
  /** Told how far the server has looked, when there is nothing before that to deliver. */
  readonly onSearched?: ((position: Position) => void) | undefined;
  readonly stop: AbortSignal;
}

/** Up to `searched` the log was looked through: `head` is the last of ours in it. */
export interface LogEnd {
  readonly head: Position;
  readonly searched: Position;
}

/** The log of the whole server, as far as it is ours. */
export class ServerLog {
  constructor(
    private readonly connection: Connection,
    private readonly prefix: string,
  ) {}

  /**
   * Looks back from the end of the log for the last event that the filter keeps, as far as nobody has looked yet. The
   * client has no filter for this direction; what is `known` keeps it short, and may grow meanwhile.
   */
  async end(filter: LogFilter, known: () => LogEnd): Promise<LogEnd> {
    const prefixes = this.prefixesOf(filter);
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
        searched ??= position;
        before = position;
        if (prefixes.some((prefix) => event.streamId.startsWith(prefix))) return { head: position, searched };
        if (position <= known().searched) return { head: known().head, searched };
      }
      if (page.length < count) return { head: known().head, searched: searched ?? known().searched };
    }
  }

  /** The log from `after` on, without end, through lost connections; ends when `stop` says so. */
  async *follow({ after, filter, onSearched, stop }: Following): AsyncGenerator<Recorded> {
    let from = after;
    /** How often the server could not begin there. */
    let unknown = 0;
    for (let failures = 0; !stop.aborted; failures += 1) {
      // What the server says of how far it looked overtakes what waits here to be delivered: it holds when nothing does.
      let isWaiting = true;
      const subscription = this.connection.client.subscribeToAll(
        {
          fromPosition: from === 0n || unknown > 1 ? START : toLogPosition(from),
          filter: streamNameFilter({
            prefixes: this.prefixesOf(filter),
            maxSearchWindow: SEARCH_WINDOW,
            checkpointInterval: CHECKPOINT_WINDOWS,
            checkpointReached: async (_, { commit }) => {
              const isDelivered = () => isWaiting && subscription.readableLength === 0;
              for (await nextTurn(); !stop.aborted && !isDelivered(); await sleep(DELIVERY_MS));
              if (stop.aborted || commit <= from) return;
              from = commit;
              onSearched?.(commit);
            },
          }),
          requiresLeader: true,
        },
        { highWaterMark: PAGE },
      );
      const end = () => {
        subscription.unsubscribe().catch(() => undefined);
        subscription.destroy();
      };
      stop.addEventListener('abort', end);
      // Of a call that breaks the client may tell more than once.
      subscription.on('error', () => undefined);
      const unanswered = setTimeout(end, this.connection.patience.attemptMs);
      subscription.on('confirmation', () => {
        clearTimeout(unanswered);
        failures = 0;
        this.connection.found();
      });
      try {
        for await (const { event } of subscription) {
          isWaiting = false;
          const recorded = fromServer(event!, this.prefix);
          if (recorded.position > from) {
            unknown = 0;
            from = recorded.position;
            yield recorded;
          }
          isWaiting = true;
        }
      } catch (error) {
        if (error instanceof ForeignEventError) throw error;
        // The server begins only where an event begins. Whoever asks for another place is served from the start.
        if (error instanceof UnknownError) unknown += 1;
        if (!stop.aborted) this.connection.lost(error);
      } finally {
        clearTimeout(unanswered);
        stop.removeEventListener('abort', end);
        end();
      }
      if (!stop.aborted) await this.connection.backOff(failures, stop);
    }
  }

  private prefixesOf({ streamPrefixes }: LogFilter): string[] {
    return streamPrefixes.map((prefix) => this.prefix + prefix);
  }
}
