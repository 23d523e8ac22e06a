import type { Accounts } from '../accounts/accounts.js';
import type { Offer } from '../accounts/domain/decide.js';
import type { EventStore, Position } from '../event-store/event-store.js';
import { convert } from '../fx/domain/conversion.js';
import { derivedCreditId, promotionStream } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import { once } from '../kernel/once.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import type { ReadModels } from '../read-models/read-models.js';
import { Claims } from './claims.js';
import type { Claimed, Deferral, DisbursementRunCompleted, LeftOut, PlannedRun } from './domain/events.js';
import { countsAllAccounts, type GivenCredit } from './domain/limits.js';
import { dueRun, openRuns, runsUpTo, type PerformedRun } from './domain/promotion.js';
import { rulesOf } from './domain/rules.js';
import { decideRun, type Claim, type RunDecision } from './domain/run.js';
import { KnownCredits, offerOf } from './offers.js';
import type { Promotions } from './promotions.js';

/** One run, as `GET …/disbursements` lists it. */
export type RunAnswer = {
  readonly date: string;
  readonly runAt: Instant;
  readonly state: 'completed';
  readonly applied: number;
  readonly deferred: number;
  readonly credits: readonly string[];
  readonly deferrals: readonly Deferral[];
  readonly leftOut: readonly LeftOut[];
  readonly position: string;
};

type Result = DisbursementRunCompleted['data'];

/** Runs of one promotion that are performed one after the other: what they share is looked up once. */
interface Batch {
  readonly promotionId: string;
  /** The time of the last of them. */
  readonly horizon: Instant;
  /** Who claims what, as known at `known`; of another revision, others do. */
  claims: { readonly of: PerformedRun; readonly known: Position; readonly all: Claims } | null;
}

/**
 * Performs disbursement runs. A run decides on the facts recorded before its `DisbursementRunStarted`, so performing it
 * again after a crash, or twice at once, comes to the same credits, and their derived ids let none be given twice.
 */
export class Disbursements {
  private readonly underWay = new Map<string, Promise<unknown>>();

  constructor(
    private readonly store: EventStore,
    private readonly promotions: Promotions,
    private readonly accounts: Accounts,
    private readonly readModels: ReadModels,
    private readonly clock: () => Instant,
  ) {}

  /**
   * Performs the run, or answers with what it did when it was performed before. Of a promotion that has runs on days, not in
   * months, those before it that are still open are performed first. One promotion's runs are performed one at a time.
   */
  perform(promotionId: string, date: string): Promise<RunAnswer | Refusal> {
    return this.inTurn(promotionId, async () => {
      const state = await this.promotions.stateOf(promotionId);
      if (state.revisions.length === 0) return refuse('unknown-promotion', `no promotion ${promotionId} is published`);
      const before = state.runs.get(date)?.result;
      const due = before ?? dueRun(state, date, this.clock());
      if (isRefusal(due)) return due;
      const done = before ?? (await this.performAll(promotionId, runsUpTo(state, date)));
      return isRefusal(done) ? done : this.answer(promotionId, done);
    });
  }

  /** Performs every run of the promotion that is due and open, in their order. */
  performDue(promotionId: string): Promise<Result | Refusal | null> {
    return this.inTurn(promotionId, async () => {
      const open = openRuns(await this.promotions.stateOf(promotionId), this.clock());
      return open.length === 0 ? null : this.performAll(promotionId, open);
    });
  }

  private inTurn<T>(promotionId: string, perform: () => Promise<T>): Promise<T> {
    const before = this.underWay.get(promotionId) ?? Promise.resolve();
    const running = before.then(perform, perform);
    this.underWay.set(promotionId, running);
    const forget = () => this.underWay.get(promotionId) === running && this.underWay.delete(promotionId);
    running.then(forget, forget);
    return running;
  }

  /** What the last of them did, or the first refusal. */
  private async performAll(promotionId: string, runs: readonly PlannedRun[]): Promise<Result | Refusal> {
    const batch: Batch = { promotionId, horizon: runs.at(-1)!.runAt, claims: null };
    let result = await this.performOne(batch, runs[0]!.date);
    for (const { date } of runs.slice(1)) {
      if (isRefusal(result)) return result;
      result = await this.performOne(batch, date);
    }
    return result;
  }

  private async performOne(batch: Batch, date: string): Promise<Result | Refusal> {
    const { promotionId } = batch;
    const now = this.clock();
    const head = (await this.store.head()).toString();
    const started = await this.promotions.run({ type: 'StartRun', data: { promotionId, date }, now, head });
    if (started.status === 'rejected') return started.refusal;
    if (started.status === 'settled') throw new Error(`the start of run ${date} made ${started.status}`);
    const run = await this.begun(promotionId, date);
    if (run.result) return run.result;
    await this.readModels.reached(started.position);
    const done = await this.giveCredits(batch, run, started.position);
    const data = { promotionId, date, runAt: run.runAt, ...done };
    const completed = await this.promotions.run({ type: 'CompleteRun', data });
    if (completed.status !== 'rejected') return (await this.begun(promotionId, date)).result ?? data;
    // Another instance has completed it meanwhile: what is recorded is what it did.
    return (await this.begun(promotionId, date)).result ?? completed.refusal;
  }

  private async begun(promotionId: string, date: string): Promise<PerformedRun> {
    const run = (await this.promotions.stateOf(promotionId)).runs.get(date);
    if (!run) throw new Error(`run ${date} of ${promotionId} was not begun`);
    return run;
  }

  /** Decides the run by what is known at its start, and applies what it gives. */
  private async giveCredits(batch: Batch, run: PerformedRun, known: Position) {
    const { promotionId } = batch;
    const rules = rulesOf(run.revision.terms);
    const book = this.readModels.rates.book(known);
    const source = await this.claims(batch, run, known);
    const given = source.givenBefore(known);
    const decisions = decideRun(rules, run, {
      claims: await source.at(run, known),
      given,
      accountOf: ({ advertiserId, marketplace }) =>
        this.readModels.accounts.openAccount(advertiserId, marketplace, { asOf: run.runAt, known }),
      convert: (award, currency) => convert(book, award, currency, run.runAt, rules.fxMaxAge),
    });
    const offerNow = this.offers(promotionId, run, given, known);
    const credits: string[] = [];
    const deferrals: Deferral[] = [];
    const leftOut: LeftOut[] = [];
    for (const decision of decisions) {
      const outcome = 'applied' in decision ? await this.apply(promotionId, run, decision, await offerNow()) : decision;
      const who = claimed(decision.claim);
      if ('creditId' in outcome) credits.push(outcome.creditId);
      else if ('deferred' in outcome) deferrals.push({ ...who, reasons: outcome.deferred });
      else if ('leftOut' in outcome) leftOut.push({ ...who, reasons: [outcome.leftOut] });
    }
    const news = leftOut.length === 0 ? [] : await this.untold(promotionId, leftOut);
    const told = news.length === 0 ? {} : { leftOut: news };
    return { applied: credits.length, deferred: deferrals.length, credits, deferrals, ...told };
  }

  /** Runs of one batch share what they look up; what was recorded between two of them is looked at anew. */
  private async claims(batch: Batch, run: PerformedRun, known: Position): Promise<Claims> {
    const { promotionId, horizon, claims } = batch;
    const { revision, terminatedAt } = run;
    let all = claims?.all;
    if (claims && claims.of.revision === revision && claims.of.terminatedAt === terminatedAt) {
      for await (const event of this.store.readAll({ after: claims.known })) {
        if (event.position > known) break;
        claims.all.recorded(event);
      }
    } else {
      const rules = rulesOf(revision.terms);
      all = new Claims(this.readModels, { promotionId, rules, calendar: revision.calendar, terminatedAt }, horizon);
    }
    batch.claims = { of: run, known, all: all! };
    return batch.claims.all;
  }

  /**
   * What the promotion still gives when a credit is about to be recorded: where it counts other accounts too, by what was
   * given in them since the run was decided. An account sees to its own.
   */
  private offers(promotionId: string, { revision }: PerformedRun, given: readonly GivenCredit[], known: Position) {
    if (!countsAllAccounts(rulesOf(revision.terms))) return () => Promise.resolve(offerOf(revision));
    const all = once(() => new KnownCredits(promotionId, revision, given, this.store, known));
    return () => all().offer();
  }

  /** Records the credit, or says why the account has no place for it: something came between the run's start and now. */
  private async apply(
    promotionId: string,
    run: PerformedRun,
    decision: Extract<RunDecision, { applied: object }>,
    offer: Offer,
  ) {
    const { claim, applied, fx, dueBy } = decision;
    const { stage, award, qualifiedAt, campaignId } = claim;
    const who = claimed(claim);
    const creditId = derivedCreditId(promotionId, who.advertiserId, who.marketplace, who.product, stage.id);
    const outcome = await this.accounts.applyRunCredit({
      type: 'ApplyRunCredit',
      data: {
        creditId,
        promotionId,
        ...who,
        qualifiedAt,
        campaignId,
        granted: award,
        applied,
        fx,
        dueBy,
        appliedAt: run.runAt,
      },
      offer,
      stage,
    });
    if (outcome.status === 'appended' || outcome.status === 'duplicate') return { creditId };
    const refused = outcome.status === 'rejected' ? outcome.refusal.refused : outcome.status;
    switch (refused) {
      case 'cap-exceeded':
        return { deferred: ['cap-exceeded'] as const };
      case 'budget-exhausted':
      case 'redemptions-exhausted':
        return { leftOut: refused } as const;
      case 'already-granted':
        return {};
      default:
        throw new Error(`credit ${creditId} was ${refused}`);
    }
  }

  /** Of those left out, whom no earlier run has told of: they are left out by every run from now on. */
  private async untold(promotionId: string, leftOut: readonly LeftOut[]): Promise<readonly LeftOut[]> {
    const { runs } = await this.promotions.stateOf(promotionId);
    const told = new Set([...runs.values()].flatMap(({ result }) => result?.leftOut ?? []).map(keyOf));
    return leftOut.filter((each) => !told.has(keyOf(each)));
  }

  /** The recorded result, with the position that includes it. */
  private async answer(promotionId: string, data: Result): Promise<RunAnswer> {
    const id = `DisbursementRunCompleted:${data.date}`;
    const recorded = (await this.store.find(promotionStream(promotionId), [id])).get(id);
    if (!recorded) throw new Error(`the completion of run ${data.date} is not in the log`);
    const { date, runAt, applied, deferred, credits, deferrals, leftOut = [] } = data;
    const position = recorded.position.toString();
    return { date, runAt, state: 'completed', applied, deferred, credits, deferrals, leftOut, position };
  }
}

const claimed = ({ advertiserId, marketplace, product, stage }: Claim): Claimed => ({
  advertiserId,
  marketplace,
  product,
  ...(stage.id === null ? {} : { stage: stage.id }),
});

const keyOf = ({ advertiserId, marketplace, product, stage, reasons }: LeftOut): string =>
  [advertiserId, marketplace, product, stage, ...reasons].join(' ');
