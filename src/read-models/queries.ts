import { convert as convertMoney, DEFAULT_MAX_AGE, type Conversion } from '../fx/domain/conversion.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import type { Instant } from '../kernel/instant.js';
import type { Money } from '../kernel/money.js';
import { type Bounds, isBound, isWithin, UNBOUND } from '../kernel/bounds.js';
import { ownerOfDerived } from '../kernel/identifiers.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import type { Deferral, LeftOut } from '../promotions/domain/events.js';
import {
  marketplacesAsOne,
  qualificationsOf,
  type HeldCredit,
  type Qualification,
} from '../promotions/domain/qualification.js';
import { revisionAt, runsOf } from '../promotions/domain/revisions.js';
import { rulesOf } from '../promotions/domain/rules.js';
import { endOf, type AccountKey } from './accounts-queries.js';
import { badCursor, cursorAfter, openCursor, type Page, pagingOf, type Paging } from './cursors.js';
import type { Moment } from './moment.js';
import type { ReadModels } from './read-models.js';
import type { Period } from './statement.js';

/** What a question may say of its moment. */
export interface MomentAsked {
  readonly asOf?: Instant;
  readonly knownAt?: { readonly instant: Instant } | { readonly position: Position };
  readonly minPosition?: Position;
}

export interface RunListed {
  readonly date: string;
  readonly runAt: Instant;
  readonly state: 'planned' | 'due' | 'completed';
  readonly applied: number;
  readonly deferred: number;
  readonly credits: readonly string[];
  readonly deferrals: readonly Deferral[];
  /** Who is left out for good, told by the first run that found it. */
  readonly leftOut: readonly LeftOut[];
}

/** Every question, answered from the read models alone: an answer's own fields, or why there is none. */
export class Queries {
  constructor(
    private readonly store: EventStore,
    private readonly readModels: ReadModels,
    private readonly clock: () => Instant,
  ) {}

  /**
   * Settles the moment that a question is of, and waits until the read models include all it asks for. An answer as known
   * at a moment in the past never changes, so with `knownAt` it waits for all that is recorded when it is asked. Throws
   * NotCaughtUpError.
   */
  async moment({ asOf, knownAt, minPosition }: MomentAsked): Promise<Moment> {
    await this.readModels.ready();
    let included = knownAt ? await this.readModels.caughtUp() : await this.readModels.nearlyCaughtUp();
    // What lies behind `knownAt` will never be included: there is nothing to wait for.
    const isPast = this.knownBy(knownAt, included) < included;
    if (minPosition !== undefined && minPosition > included && !isPast) {
      await this.readModels.reached(minPosition);
      included = this.readModels.runner.position;
    }
    return { asOf: asOf ?? this.clock(), known: this.knownBy(knownAt, included) };
  }

  private knownBy(knownAt: MomentAsked['knownAt'], included: Position): Position {
    if (!knownAt) return included;
    const asked = 'position' in knownAt ? knownAt.position : this.readModels.times.lastKnownAt(knownAt.instant);
    return asked === null || asked > included ? included : asked;
  }

  accounts(moment: Moment, { limit, cursor, ...filter }: Partial<AccountKey> & Paging, bounds: Bounds = UNBOUND) {
    return this.readModels.accounts.accounts(moment, filter, pagingOf({ limit, cursor }), bounds);
  }

  balance(moment: Moment, advertiserId: string, marketplace: string) {
    return this.readModels.accounts.balance(moment, advertiserId, marketplace);
  }

  statement(moment: Moment, advertiserId: string, marketplace: string, { limit, cursor, ...period }: Period & Paging) {
    return this.readModels.statements.statement(moment, advertiserId, marketplace, period, pagingOf({ limit, cursor }));
  }

  click(moment: Moment, advertiserId: string, marketplace: string, clickId: string) {
    return this.readModels.clicks.click(moment, advertiserId, marketplace, clickId);
  }

  /** One item for each product of the terms, or all of them as one, and stage; any advertiser and marketplace is answered. */
  qualification(
    moment: Moment,
    advertiserId: string,
    marketplace: string,
    promotionId: string,
  ): { readonly items: readonly Qualification[] } | Refusal {
    const { readModels } = this;
    const promotion = readModels.promotions.stateOf(promotionId, moment.known);
    if (!promotion?.calendar) return unknownPromotion(promotionId);
    const { terms, calendar } = revisionAt(promotion.revisions, moment.asOf);
    const facts = readModels.subjectFacts(promotionId, advertiserId, marketplace, moment, calendar);
    if (!facts) return unknownPromotion(promotionId);
    const rules = rulesOf(terms);
    const { terminated } = promotion;
    const book = readModels.rates.book(moment.known);
    const items = qualificationsOf({
      rules,
      calendar,
      facts,
      terminatedAt: terminated && terminated.at <= moment.asOf ? (terminated.at as Instant) : null,
      excludedSince: readModels.notCombinableSince(promotionId, rules, advertiserId, moment.known),
      convertAt: (amount, currency, at) => convertMoney(book, amount, currency, at, rules.fxMaxAge),
      credits: marketplacesAsOne(rules, marketplace).flatMap((each) =>
        this.heldCredits(moment, advertiserId, each, promotionId),
      ),
      runs: runsOf(promotion.revisions, promotion.begun).map(({ run }) => run),
      completed: this.completedRuns(moment, promotionId),
      asOf: moment.asOf,
    });
    return { items };
  }

  private heldCredits(
    { asOf, known }: Moment,
    advertiserId: string,
    marketplace: string,
    promotionId: string,
  ): readonly HeldCredit[] {
    return this.readModels.accounts
      .creditsOf(advertiserId, marketplace, known)
      .filter(({ data }) => data.promotionId === promotionId && data.appliedAt <= asOf)
      .map((credit) => {
        const { creditId, product, stage = null, qualifiedAt, campaignId } = credit.data;
        return { creditId, product, stage, status: endOf(credit, asOf) ?? 'applied', qualifiedAt, campaignId };
      });
  }

  promotions(moment: Moment, { limit, cursor }: Paging): Page<object> | Refusal {
    const opened = openCursor('promotions', moment, cursor);
    if (isRefusal(opened)) return opened;
    const [after = '', ...rest] = opened.place ?? [];
    if (rest.length > 0) return badCursor();
    const ids = this.readModels.promotions.idsAfter(after, opened.moment.known, limit + 1);
    const items = ids.slice(0, limit).map((id) => this.promotion(opened.moment, id));
    const next = ids.length > limit ? cursorAfter('promotions', opened.moment, [ids[limit - 1]!]) : null;
    return { items, next, moment: opened.moment };
  }

  /** Every promotion known, in order. */
  promotionIds({ known }: Moment): readonly string[] {
    return this.readModels.promotions.idsAfter('', known, -1);
  }

  promotion({ asOf, known }: Moment, promotionId: string): object | Refusal {
    const promotion = this.readModels.promotions.stateOf(promotionId, known);
    if (!promotion?.calendar) return unknownPromotion(promotionId);
    const { revision, terms, calendar, terminated } = promotion;
    const ended = terminated && terminated.at <= asOf ? terminated : null;
    const phase = asOf < calendar.start ? 'scheduled' : asOf < calendar.end ? 'running' : 'ended';
    const state = ended ? 'terminated' : phase;
    const revisions = promotion.revisions.map(({ revision: number, effectiveAt }) => ({
      revision: number,
      effectiveAt,
    }));
    return { promotionId, revision, revisions, state, terminated: ended, terms, calendar };
  }

  /** Within bounds, what the runs gave to others is left out, and not counted. */
  disbursements(
    moment: Moment,
    promotionId: string,
    bounds: Bounds = UNBOUND,
  ): { readonly items: readonly RunListed[] } | Refusal {
    const promotion = this.readModels.promotions.stateOf(promotionId, moment.known);
    if (!promotion?.calendar) return unknownPromotion(promotionId);
    const completed = new Map(this.completedRuns(moment, promotionId).map((run) => [run.date, run]));
    const items = runsOf(promotion.revisions, promotion.begun).map(({ run: { date, runAt } }): RunListed => {
      const run = completed.get(date);
      if (!run) {
        const state = runAt <= moment.asOf ? 'due' : 'planned';
        return { date, runAt, state, applied: 0, deferred: 0, credits: [], deferrals: [], leftOut: [] };
      }
      const { applied, deferred, credits, deferrals, leftOut = [] } = run;
      return { date, runAt: run.runAt, state: 'completed', applied, deferred, credits, deferrals, leftOut };
    });
    return { items: isBound(bounds) ? items.map((run) => runWithin(bounds, run, promotionId)) : items };
  }

  convert(
    { asOf, known }: Moment,
    { to, amount, promotionId }: { readonly to: string; readonly amount: Money; readonly promotionId?: string },
  ): object {
    let maxAge = DEFAULT_MAX_AGE;
    if (promotionId !== undefined) {
      const terms = this.readModels.promotions.stateOf(promotionId, known)?.terms;
      if (!terms) return unknownPromotion(promotionId);
      maxAge = rulesOf(terms).fxMaxAge;
    }
    const converted: Conversion | Refusal = convertMoney(this.readModels.rates.book(known), amount, to, asOf, maxAge);
    return isRefusal(converted) ? converted : { amount: converted.money.amount, rates: converted.fx?.rates ?? [] };
  }

  /** The log as it is stored, up to what is known. */
  async events({ after = 0n, limit, known }: { after?: Position; limit: number; known: Position }) {
    const items: Recorded[] = [];
    if (after < known) {
      for await (const event of this.store.readAll({ after })) {
        if (event.position > known) break;
        items.push(event);
        if (items.length > limit) break;
      }
    }
    const page = items.slice(0, limit).map(eventView);
    return { items: page, next: items.length > limit ? page.at(-1)!.position : null };
  }

  /** Runs of which the completion is known, and which had fallen due by then. */
  private completedRuns({ asOf, known }: Moment, promotionId: string) {
    const completed = this.readModels.promotions.stateOf(promotionId, known)?.completed ?? [];
    return completed.filter(({ runAt }) => runAt <= asOf);
  }
}

function runWithin(bounds: Bounds, run: RunListed, promotionId: string): RunListed {
  const credits = run.credits.filter((creditId) => isWithin(bounds, ownerOfDerived(creditId, promotionId)));
  const deferrals = run.deferrals.filter((deferral) => isWithin(bounds, deferral));
  const leftOut = run.leftOut.filter((left) => isWithin(bounds, left));
  return { ...run, applied: credits.length, deferred: deferrals.length, credits, deferrals, leftOut };
}

const unknownPromotion = (promotionId: string): Refusal =>
  refuse('unknown-promotion', `no promotion ${promotionId} is published`);

export type EventView = Omit<Recorded, 'position'> & { readonly position: string };

/** An event of the log as answers show it. */
export const eventView = ({
  position,
  stream,
  revision,
  id,
  type,
  data,
  metadata,
  recordedAt,
}: Recorded): EventView => ({
  position: String(position),
  stream,
  revision,
  id,
  type,
  data,
  metadata,
  recordedAt,
});
