import { CommandHandling } from '../commands/handling.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import { plusMs, type Instant } from '../kernel/instant.js';
import { isRefusal, refuse, type Fault, type Refusal } from '../kernel/refusal.js';
import { badCursor, cursorAfter, openCursor, type Page, type Paging } from '../read-models/cursors.js';
import type { LedgerBalance } from '../read-models/books-queries.js';
import type { Moment } from '../read-models/moment.js';
import type { Queries } from '../read-models/queries.js';
import type { ReadModels } from '../read-models/read-models.js';
import { eventAt, lapsedIn, sumUp } from './closing-books.js';
import type { PeriodClosed } from './domain/events.js';
import { monthOf, periodAt, periodsDecider, whyNot, type ClosePeriod, type Month } from './domain/periods.js';
import { balanceView } from './views.js';

export const PERIODS_STREAM = 'audit-periods';

/** So much open work is named at most when it keeps a period from being closed. */
const NAMED_WORK = 100;

/** A period as it was closed. Its position is that of its last event in the store at hand. */
export interface ClosedPeriod extends Omit<PeriodClosed['data'], 'trialBalance' | 'opening'> {
  readonly closedAt: Instant;
}

/** What became of closing a period; of one that was closed before, what was recorded then. */
export interface Closing {
  readonly status: 'appended' | 'duplicate';
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly event: PeriodClosed['data'];
  /** What finance may want to know of it, in words. */
  readonly warnings: readonly string[];
}

/** Closes months, and tells what was reported of those that are closed. */
export class Periods {
  private readonly handling: CommandHandling<{ readonly last: string | null }, ClosePeriod, PeriodClosed>;
  /** Whether the books still are what was reported, as found when the first page was last asked for. */
  private readonly verified = new Map<string, boolean>();
  private readonly positions = new Map<string, string>();

  constructor(
    private readonly store: EventStore,
    private readonly queries: Queries,
    private readonly readModels: ReadModels,
    private readonly clock: () => Instant,
  ) {
    this.handling = new CommandHandling(store, periodsDecider);
  }

  /** Closes a month on what is recorded when it is asked. Of those who close it at once, in whatever instance, one does. */
  async close(period: string): Promise<Closing | Refusal> {
    const month = monthOf(period);
    if (!month) return noMonth(period);
    const before = await this.find(period);
    if (before) return closing('duplicate', before);
    const known = await this.readModels.caughtUp();
    const earliest = this.readModels.audit.earliestFactAt(known);
    const state = await this.handling.stateOf(PERIODS_STREAM);
    const open = this.openWork(month, known);
    const circumstances = { now: this.clock(), first: earliest && periodAt(earliest), open };
    // Adding up the books takes its time: not for what is refused anyway.
    const refused = whyNot(month, state, circumstances);
    if (refused) {
      const meanwhile = await this.find(period);
      return meanwhile ? closing('duplicate', meanwhile) : refused;
    }
    const books = await this.booksOf(month, known, state.last === null);
    const command: ClosePeriod = { type: 'ClosePeriod', data: { period }, ...circumstances, books };
    const id = periodsDecider.idOf({ type: 'PeriodClosed', data: { period } } as PeriodClosed);
    const outcome = await this.handling.execute({ stream: PERIODS_STREAM, command, id, said: { period } });
    if (outcome.status === 'rejected') return outcome.refusal;
    if (outcome.status === 'settled') throw new Error(`closing ${period} made no event`);
    return closing(outcome.status, { ...outcome, data: outcome.event.data });
  }

  /** The books of a month as closing it records them. */
  async booksOf({ from, asOf }: Month, known: Position, isFirst: boolean): Promise<ClosePeriod['books']> {
    const { books } = this.readModels;
    const before = { asOf: plusMs(from, -1), known };
    return {
      position: String(known),
      lastEvent: await eventAt(this.store, known),
      ...(await sumUp(books, { asOf, known })),
      ...(isFirst ? { opening: (await sumUp(books, before)).trialBalance } : {}),
      lapsed: await lapsedIn(books, { asOf, known }),
    };
  }

  /** The periods that were closed by then, in their order. */
  async list(asked: Moment, { limit, cursor }: Paging): Promise<Page<ClosedPeriod> | Refusal> {
    const opened = openCursor('periods', asked, cursor);
    if (isRefusal(opened)) return opened;
    const [after = '', ...rest] = opened.place ?? [];
    if (rest.length > 0) return badCursor();
    const periods: ClosedPeriod[] = [];
    for await (const event of this.store.read(PERIODS_STREAM)) {
      const { period } = event.data as PeriodClosed['data'];
      if (event.position > opened.moment.known || period <= after) continue;
      periods.push(await this.closedPeriod(event));
      if (periods.length > limit) break;
    }
    const items = periods.slice(0, limit);
    const next = periods.length > limit ? cursorAfter('periods', opened.moment, [items.at(-1)!.period]) : null;
    return { items, next, moment: opened.moment };
  }

  /** The period as it was closed, by what is known. */
  async closed(period: string, known: Position): Promise<ClosedPeriod | Refusal> {
    if (!monthOf(period)) return noMonth(period);
    const event = await this.find(period);
    if (!event || event.position > known) return refuse('unknown-period', `${period} is not closed`);
    return this.closedPeriod(event);
  }

  /** The trial balance as it was reported. `verified` says whether it still is the one of which the hash was recorded. */
  async reported(closed: ClosedPeriod, asked: Moment, paging: Paging) {
    const moment = reportedMoment(closed);
    const page = await this.trialBalance('reported', closed, asked, paging);
    if (isRefusal(page)) return page;
    const { period } = closed;
    let verified = paging.cursor === undefined ? undefined : this.verified.get(period);
    if (verified === undefined) {
      verified = (await sumUp(this.readModels.books, moment)).fullTrialBalanceSha256 === closed.fullTrialBalanceSha256;
      this.verified.set(period, verified);
    }
    return { ...page, verified };
  }

  /** The trial balance of the period's end by what is known now. */
  restated(closed: ClosedPeriod, asked: Moment, paging: Paging) {
    return this.trialBalance('restated', closed, asked, paging);
  }

  private async trialBalance(
    view: 'reported' | 'restated',
    closed: ClosedPeriod,
    { known }: Moment,
    { limit, cursor }: Paging,
  ) {
    const list = `period ${closed.period} ${view}`;
    const opened = openCursor(list, { asOf: closed.asOf, known }, cursor);
    if (isRefusal(opened)) return opened;
    const [name = '', currency = '', ...rest] = opened.place ?? [];
    if (rest.length > 0) return badCursor();
    const at = view === 'reported' ? reportedMoment(closed) : opened.moment;
    const lines: LedgerBalance[] = [];
    for await (const line of this.readModels.books.balances(at, {}, opened.place && { name, currency })) {
      if (line.balanceMinor === 0n) continue;
      const last = lines.at(-1);
      if (last && lines.length === limit) {
        const next = cursorAfter(list, opened.moment, [last.name, last.currency]);
        return { items: lines.map(balanceView), next, moment: opened.moment };
      }
      lines.push(line);
    }
    return { items: lines.map(balanceView), next: null, moment: opened.moment };
  }

  private async find(period: string): Promise<Recorded | undefined> {
    const id = `PeriodClosed:${period}`;
    return (await this.store.find(PERIODS_STREAM, [id])).get(id);
  }

  /** What fell due before the month's end and is not performed, by what is known. */
  private openWork({ asOf, to, period }: Month, known: Position): readonly Fault[] {
    const moment = { asOf, known };
    const runs = this.queries.promotionIds(moment).flatMap((promotionId) => {
      const answer = this.queries.disbursements(moment, promotionId);
      const due = isRefusal(answer) ? [] : answer.items.filter(({ state }) => state === 'due');
      return due.map(({ date }) => `the run of ${date} of ${promotionId} is not completed`);
    });
    const credits = this.readModels.audit
      .unswept(to, known, NAMED_WORK)
      .map(({ creditId, advertiserId, marketplace, sweepableAt }) => {
        return `the credit ${creditId} of ${advertiserId} in ${marketplace} could be swept at ${sweepableAt} and is not`;
      });
    return [...runs, ...credits].slice(0, NAMED_WORK).map((message) => ({ path: `/${period}`, message }));
  }

  private async closedPeriod({ data, recordedAt }: Recorded): Promise<ClosedPeriod> {
    const { trialBalance: _, opening: _opening, ...closed } = data as PeriodClosed['data'];
    return { ...closed, position: await this.positionOf(closed), closedAt: recordedAt };
  }

  /** Where the last event that was known is in this store: the ledger may have been copied since. */
  private async positionOf({ period, lastEvent: { stream, id } }: Pick<PeriodClosed['data'], 'period' | 'lastEvent'>) {
    const before = this.positions.get(period);
    if (before !== undefined) return before;
    const found = (await this.store.find(stream, [id])).get(id);
    if (!found) throw new Error(`${stream} has no ${id}, the last event that was known when ${period} was closed`);
    const position = String(found.position);
    this.positions.set(period, position);
    return position;
  }
}

const noMonth = (period: string): Refusal =>
  refuse('invalid-command', `${period} is no month.`, [
    { path: '/period', message: 'must be a month such as 2022-10' },
  ]);

export const reportedMoment = ({ asOf, position }: ClosedPeriod): Moment => ({ asOf, known: BigInt(position) });

const closing = (
  status: Closing['status'],
  { revision, position, data }: Pick<Recorded, 'revision' | 'position' | 'data'>,
): Closing => {
  const event = data as PeriodClosed['data'];
  return {
    status,
    stream: PERIODS_STREAM,
    revision,
    position: String(position),
    event,
    warnings: warningsOf(event),
  };
};

function warningsOf({ period, from, opening, lapsed }: PeriodClosed['data']): readonly string[] {
  const waiting = lapsed.map(({ promotionId, marketplace, held }) => {
    return `${held.currency} ${held.amount} of ${promotionId} in ${marketplace}`;
  });
  return [
    ...(opening && opening.length > 0
      ? [`${period} is the first month: what was effective before ${from} is its opening balance`]
      : []),
    ...(waiting.length > 0
      ? [
          `credits that had ended by the end of ${period} wait for their settlement grace with ${waiting.join(', ')}: ` +
            'their sweeps will be late facts of it',
        ]
      : []),
  ];
}
