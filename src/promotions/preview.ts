import type { CreditApplied } from '../accounts/domain/events.js';
import { convert } from '../fx/domain/conversion.js';
import { dateAt } from '../kernel/calendar.js';
import type { Instant } from '../kernel/instant.js';
import type { Money } from '../kernel/money.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import { badCursor, cursorAfter, openCursor, type Paging } from '../read-models/cursors.js';
import type { Moment } from '../read-models/moment.js';
import type { ReadModels } from '../read-models/read-models.js';
import { Claims } from './claims.js';
import { calendarOf } from './domain/calendar.js';
import {
  costOf,
  differenceOf,
  plain,
  type Cost,
  type Difference,
  type MonthlyCredit,
  type PreviewedCredit,
} from './domain/counterfactual.js';
import type { PlannedRun } from './domain/events.js';
import { givenBy } from './domain/limits.js';
import { parseTerms } from './domain/parse-terms.js';
import { rulesOf } from './domain/rules.js';
import { decideRun, type RunDecision } from './domain/run.js';
import type { PromotionTerms } from './domain/terms.js';

export interface PreviewAsked {
  /** A document as it would be published. */
  readonly terms: object;
  /** A promotion whose enrollments and termination are taken, and to whose runs the difference is told. */
  readonly compareWith?: string;
}

/** What the terms would have come to. Lists of credits are pages, and begin with those given first. */
export interface Preview {
  readonly runs: readonly {
    readonly date: string;
    readonly runAt: Instant;
    readonly applied: number;
    readonly deferred: number;
  }[];
  readonly credits: readonly PreviewedCredit[];
  readonly next: string | null;
  /** Who would have been given a credit. */
  readonly advertisers: number;
  /** By month of the run, on the promotion's wall clock, and marketplace. */
  readonly cost: readonly Cost[];
  readonly total: { readonly credits: number; readonly amounts: readonly Money[] };
  readonly difference?: Difference;
  readonly moment: Moment;
}

/** Answers what terms would have given, had their runs been performed on what is known. Nothing is appended. */
export class Previews {
  constructor(private readonly readModels: ReadModels) {}

  async preview(asked: Moment, { terms, compareWith }: PreviewAsked, paging: Paging): Promise<Preview | Refusal> {
    const parsed = parseTerms(terms);
    if ('faults' in parsed) {
      const errors = parsed.faults.map(({ path, message }) => ({ path: `/terms${path}`, message }));
      return refuse('invalid-command', 'The terms do not fit.', errors);
    }
    const opened = openCursor('preview', asked, paging.cursor);
    if (isRefusal(opened)) return opened;
    const [from = '0', ...rest] = opened.place ?? [];
    if (rest.length > 0 || !/^[0-9]{1,9}$/.test(from)) return badCursor();
    const { moment } = opened;
    const real = compareWith === undefined ? null : this.realOf(compareWith, moment);
    if (real && isRefusal(real)) return real;

    const { runs, credits } = await this.simulate(parsed.terms, compareWith ?? '', real, moment);
    const end = Number(from) + paging.limit;
    const cost = costOf(credits);
    return {
      runs,
      credits: credits.slice(Number(from), end).map(plain),
      next: end < credits.length ? cursorAfter('preview', moment, [String(end)]) : null,
      advertisers: new Set(credits.map(({ advertiserId }) => advertiserId)).size,
      cost: cost.byMonth,
      total: cost.total,
      ...(real ? { difference: differenceOf(credits, real.given, paging.limit) } : {}),
      moment,
    };
  }

  /** What a promotion's runs have given by then, and what was given by hand. */
  private realOf(promotionId: string, { asOf, known }: Moment) {
    const { terms, terminated } = this.readModels.promotions.stateOf(promotionId, known) ?? {};
    if (!terms) return refuse('unknown-promotion', `no promotion ${promotionId} is published`);
    const credits = this.readModels.accounts.creditsOfPromotion(promotionId, known);
    const byRuns = credits.filter(({ origin, appliedAt }) => origin === 'run' && appliedAt <= asOf);
    const starts = this.readModels.promotions.startsOf(promotionId, known);
    const byHand = credits.flatMap((credit, index) => (credit.origin === 'manual' ? [{ credit, index }] : []));
    /** A run that was begun counted what was recorded by then; of any other it is supposed that grants are as old as they say. */
    const byHandBefore = ({ date, runAt }: PlannedRun) => {
      const start = starts.get(date);
      if (byHand.length === 0) return [];
      const count = start === undefined ? null : this.readModels.accounts.countOfPromotion(promotionId, start);
      const counts = byHand.filter(({ credit, index }) => (count === null ? credit.appliedAt <= runAt : index < count));
      return counts.map(({ credit }) => credit);
    };
    return {
      terminatedAt: (terminated?.at as Instant | undefined) ?? null,
      given: byRuns.map((credit) => given(credit, terms.timeZone)),
      byHandBefore,
    };
  }

  /** The runs in their order, each upon what those before it would have given; what was given by hand is given. */
  private async simulate(
    terms: PromotionTerms,
    promotionId: string,
    real: {
      readonly terminatedAt: Instant | null;
      readonly byHandBefore: (run: PlannedRun) => readonly CreditApplied['data'][];
    } | null,
    { asOf, known }: Moment,
  ) {
    const rules = rulesOf(terms);
    const calendar = calendarOf(terms);
    const due = calendar.runs.filter(({ runAt }) => runAt <= asOf);
    const { terminatedAt = null, byHandBefore = () => [] } = real ?? {};
    const offered = { promotionId, rules, calendar, terminatedAt };
    const claims = new Claims(this.readModels, offered, due.at(-1)?.runAt ?? calendar.start);
    const book = this.readModels.rates.book(known);
    const credits: MonthlyCredit[] = [];
    const runs: Preview['runs'][number][] = [];
    for (const run of due) {
      const decisions = decideRun(rules, run, {
        claims: await claims.at(run, known),
        given: [...credits, ...byHandBefore(run)].map(givenBy),
        accountOf: ({ advertiserId, marketplace }) =>
          this.readModels.accounts.openAccount(advertiserId, marketplace, { asOf: run.runAt, known }),
        convert: (award, currency) => convert(book, award, currency, run.runAt, rules.fxMaxAge),
      });
      const applied = decisions.flatMap((decision) => ('applied' in decision ? [wouldBe(decision, run)] : []));
      credits.push(...applied);
      const deferred = decisions.filter((decision) => 'deferred' in decision).length;
      runs.push({ date: run.date, runAt: run.runAt, applied: applied.length, deferred });
    }
    return { runs, credits };
  }
}

const monthOf = (date: string): string => date.slice(0, '2022-10'.length);

const wouldBe = (
  { claim, applied }: Extract<RunDecision, { applied: object }>,
  { date, runAt }: PlannedRun,
): MonthlyCredit => ({
  advertiserId: claim.advertiserId,
  marketplace: claim.marketplace,
  product: claim.product,
  stage: claim.stage.id,
  qualifiedAt: claim.qualifiedAt,
  appliedAt: runAt,
  granted: claim.award,
  applied,
  month: monthOf(date),
});

const given = (credit: CreditApplied['data'], timeZone: string): MonthlyCredit => ({
  advertiserId: credit.advertiserId,
  marketplace: credit.marketplace,
  product: credit.product,
  stage: credit.stage ?? null,
  qualifiedAt: credit.qualifiedAt,
  appliedAt: credit.appliedAt,
  granted: credit.granted,
  applied: credit.applied,
  month: monthOf(dateAt(credit.appliedAt, timeZone)),
});
