import { StoreUnavailableError, type Position } from '../event-store/event-store.js';
import { type Bounds, isWithin, UNBOUND } from '../kernel/bounds.js';
import { epochMs, type Instant } from '../kernel/instant.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { Notice } from './domain/notices.js';
import type { Place, Placed } from './notices-model.js';

/** So many notices at most are read at once by whoever follows. */
const PAGE = 500;
/** Without an event, and without anything that falls due, a follower looks again after so long. */
const LONGEST_WAIT_MS = 30_000;
/** What could not be told because the store is away, or the read models are behind, is looked for again after so long. */
const RETRY_MS = 1000;

export const BEGINNING: Place = { position: 0n, ordinal: -1 };

export const placeText = ({ position, ordinal }: Place): string => `${position}-${ordinal}`;

/** A place as `placeText` writes it; undefined for anything else. */
export function parsePlace(text: unknown): Place | undefined {
  const [, position = '', ordinal = ''] =
    typeof text === 'string' ? (/^(0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,8})$/.exec(text) ?? []) : [];
  return position === '' ? undefined : { position: BigInt(position), ordinal: Number(ordinal) };
}

export type NoticeView = Notice & { readonly place: string };

export const noticeView = ({ place, notice }: Placed): NoticeView => ({ ...notice, place: placeText(place) });

/** The notices in their order, for lists, for live feeds and for what is sent. */
export class NoticeFeed {
  constructor(
    private readonly readModels: ReadModels,
    private readonly clock: () => Instant,
  ) {}

  /** Those after a place that were told up to `known`. */
  known(after: Place, known: Position, limit: number, bounds: Bounds): readonly Placed[] {
    return this.readModels.notices.after(after, known, limit, bounds);
  }

  /**
   * Those after a place up to now, with what the clock tells. The clock is asked only when all that is recorded is
   * included: half a log may hold what was spent since. Throws StoreUnavailableError.
   */
  async now(after: Place, limit: number, bounds: Bounds = UNBOUND): Promise<readonly Placed[]> {
    const head = await this.readModels.head();
    const { notices, runner } = this.readModels;
    const { position } = runner;
    const told = this.known(after, position, limit, bounds);
    if (told.length === limit || head > position) return told;
    const due = notices
      .due(this.clock(), position)
      .filter(({ place, notice }) => isAfter(place, after) && isWithin(bounds, notice));
    return [...told, ...due].slice(0, limit);
  }

  /** After all that is known now. Throws StoreUnavailableError or NotCaughtUpError. */
  async end(): Promise<Place> {
    const position = await this.readModels.caughtUp();
    const all = await this.now({ position, ordinal: -1 }, Number.MAX_SAFE_INTEGER);
    return all.at(-1)?.place ?? { position, ordinal: -1 };
  }

  /** The last position of the log, whether it is included yet or not. Throws StoreUnavailableError. */
  head(): Promise<Position> {
    return this.readModels.head();
  }

  /**
   * The notices after a place and those to come, some at a time, until `gone`. A store that is away is waited for. Throws
   * when the read models have stopped.
   */
  async *follow(after: Place, gone: AbortSignal, bounds: Bounds = UNBOUND): AsyncGenerator<readonly Placed[]> {
    for (let place = after; !gone.aborted;) {
      const seen = this.readModels.runner.position;
      const found = await this.nowOrNull(place, bounds);
      const last = found?.at(-1);
      if (found && last) {
        yield found;
        place = last.place;
      } else {
        await this.next(seen, found === null ? RETRY_MS : this.untilDueMs(), gone);
      }
    }
  }

  private async nowOrNull(place: Place, bounds: Bounds): Promise<readonly Placed[] | null> {
    try {
      return await this.now(place, PAGE, bounds);
    } catch (error) {
      if (error instanceof StoreUnavailableError) return null;
      throw error;
    }
  }

  private untilDueMs(): number {
    const now = this.clock();
    const due = this.readModels.notices.nextDue(now);
    return due === null ? LONGEST_WAIT_MS : Math.min(LONGEST_WAIT_MS, epochMs(due) - epochMs(now));
  }

  /** Until an event after `seen` is included, for so long at most. */
  private async next(seen: Position, waitMs: number, gone: AbortSignal): Promise<void> {
    if (gone.aborted) return;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const leave = () => resolve(false);
    gone.addEventListener('abort', leave, { once: true });
    try {
      await Promise.race([this.readModels.runner.reached(seen + 1n, waitMs), promise]);
    } finally {
      gone.removeEventListener('abort', leave);
    }
  }
}

const isAfter = (a: Place, b: Place): boolean =>
  a.position > b.position || (a.position === b.position && a.ordinal > b.ordinal);
