import { StoreUnavailableError, type Position } from '../event-store/event-store.js';
import { type Bounds, UNBOUND } from '../kernel/bounds.js';
import { epochMs, type Instant } from '../kernel/instant.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { Notice } from './domain/notices.js';
import type { Place, Placed, ToldByClock } from './notices-model.js';

/** So many notices at most are read at once by whoever follows. */
const PAGE = 500;
/** Without an event, and without anything that falls due, a follower looks again after so long. */
const LONGEST_WAIT_MS = 30_000;
/** What could not be told because the store is away, or the read models are behind, is looked for again after so long. */
const RETRY_MS = 1000;

export const BEGINNING: Place = { position: 0n, due: 0, ordinal: -1 };

/** `42-0`; of what the clock told `42-1666854000000-7`. It means nothing to a reader but where to go on. */
export const placeText = ({ position, due, ordinal }: Place): string =>
  due === 0 ? `${position}-${ordinal}` : `${position}-${due}-${ordinal}`;

export const PLACE = /^(0|[1-9][0-9]{0,17})-(?:([1-9][0-9]{0,14})-)?(0|[1-9][0-9]{0,14})$/;

/** A place as `placeText` writes it; undefined for anything else. */
export function parsePlace(text: unknown): Place | undefined {
  const [, position = '', due = '0', ordinal = ''] = typeof text === 'string' ? (PLACE.exec(text) ?? []) : [];
  return position === '' ? undefined : { position: BigInt(position), due: Number(due), ordinal: Number(ordinal) };
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
    return (await this.look(after, limit, bounds)).found;
  }

  /** After all that is known now. Throws StoreUnavailableError or NotCaughtUpError. */
  async end(): Promise<Place> {
    await this.readModels.caughtUp();
    const { notices, runner } = this.readModels;
    const { position } = runner;
    return notices.lastDue(this.clock(), position) ?? allOfEvents(position);
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
    let told: ToldByClock | undefined;
    for (let place = after; !gone.aborted;) {
      const seen = this.readModels.runner.position;
      const looked = await this.lookOrNull(place, bounds, told);
      told = looked?.told ?? told;
      const last = looked?.found.at(-1);
      if (looked && last) {
        yield looked.found;
        place = last.place;
      } else {
        await this.next(seen, looked === null ? RETRY_MS : this.untilDueMs(), gone);
      }
    }
  }

  /** With what the clock has told the reader by then, when the answer is all that there is. */
  private async look(after: Place, limit: number, bounds: Bounds, told?: ToldByClock): Promise<Looked> {
    const head = await this.readModels.head();
    const { notices, runner } = this.readModels;
    const { position } = runner;
    const known = this.known(after, position, limit, bounds);
    if (known.length === limit || head > position) return { found: known };
    const now = this.clock();
    const due = notices.due(now, { last: position, after, told, bounds, limit: limit - known.length });
    if (due === null) return { found: known };
    const found = [...known, ...due];
    return found.length === limit ? { found } : { found, told: { position, dueMs: epochMs(now) } };
  }

  private async lookOrNull(place: Place, bounds: Bounds, told?: ToldByClock): Promise<Looked | null> {
    try {
      return await this.look(place, PAGE, bounds, told);
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
      await Promise.race([this.readModels.runner.reached(seen + 1n, waitMs, { isPatient: true }), promise]);
    } finally {
      gone.removeEventListener('abort', leave);
    }
  }
}

interface Looked {
  readonly found: readonly Placed[];
  readonly told?: ToldByClock;
}

/** After what the event at a position tells, and before what the clock tells next. */
const allOfEvents = (position: Position): Place => ({ position, due: 0, ordinal: 999_999_999 });
