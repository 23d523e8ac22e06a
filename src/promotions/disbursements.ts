import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Accounts } from '../accounts/accounts.js';
import { convert } from '../fx/domain/conversion.js';
import type { EventStore } from '../event-store/event-store.js';
import { byCodeUnit, derivedCreditId, promotionStream } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import { minorOf } from '../kernel/money.js';
import { refuse, type Refusal } from '../kernel/refusal.js';
import type { Moment } from '../read-models/moment.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { Deferral, DisbursementRunCompleted } from './domain/events.js';
import { ineligibility, progressIn } from './domain/qualification.js';
import { firstQualified } from './domain/qualifying.js';
import { decideRunCredit, type RunAccount } from './domain/run.js';
import type { PromotionTerms } from './domain/terms.js';
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
  readonly position: string;
};

interface Candidate {
  readonly qualifiedAt: Instant;
  readonly campaignId: string;
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
}

/**
 * Performs disbursement runs. A run decides on the facts recorded before its `DisbursementRunStarted`, so performing it
 * again after a crash, or twice at once, comes to the same credits, and their derived ids let none be given twice.
 */
export class Disbursements {
  private readonly underWay = new Map<string, Promise<RunAnswer | Refusal>>();

  constructor(
    private readonly store: EventStore,
    private readonly promotions: Promotions,
    private readonly accounts: Accounts,
    private readonly readModels: ReadModels,
    private readonly clock: () => Instant,
  ) {}

  /** Performs the run, or answers with what it did when it was performed before. */
  perform(promotionId: string, date: string): Promise<RunAnswer | Refusal> {
    const key = `${promotionId} ${date}`;
    const running = this.underWay.get(key) ?? this.run(promotionId, date).finally(() => this.underWay.delete(key));
    this.underWay.set(key, running);
    return running;
  }

  private async run(promotionId: string, date: string): Promise<RunAnswer | Refusal> {
    const { current, runs } = await this.promotions.stateOf(promotionId);
    if (!current) return refuse('unknown-promotion', `no promotion ${promotionId} is published`);
    const before = runs.get(date);
    if (before && before !== 'started') return this.answer(promotionId, before);

    const now = this.clock();
    const head = (await this.store.head()).toString();
    const started = await this.promotions.run({ type: 'StartRun', data: { promotionId, date }, now, head });
    if (started.status === 'rejected') return started.refusal;
    if (started.status === 'settled' || started.event.type !== 'DisbursementRunStarted') {
      throw new Error(`the start of run ${date} made ${started.status}`);
    }
    const { runAt } = started.event.data;
    await this.readModels.reached(started.position);
    const done = await this.giveCredits(promotionId, { asOf: runAt, known: started.position });
    const data = { promotionId, date, runAt, ...done };
    const completed = await this.promotions.run({ type: 'CompleteRun', data });
    if (completed.status === 'rejected') return completed.refusal;
    if (completed.status === 'settled' || completed.event.type !== 'DisbursementRunCompleted') {
      throw new Error(`the completion of run ${date} made ${completed.status}`);
    }
    return this.answer(promotionId, completed.event.data);
  }

  /** Applies or puts off everyone who has qualified, in the run's order, by what is known at the run's start. */
  private async giveCredits(promotionId: string, moment: Moment) {
    const terms = this.readModels.promotions.stateOf(promotionId, moment.known)?.terms;
    if (!terms) throw new Error(`the read models do not know promotion ${promotionId}`);
    const book = this.readModels.rates.book(moment.known);
    const credits: string[] = [];
    const deferrals: Deferral[] = [];
    /** Granted by this run, by account; what was granted before is known. */
    const granted = new Map<string, bigint>();

    for (const candidate of await this.candidates(promotionId, terms, moment)) {
      const { advertiserId, marketplace, product } = candidate;
      const account = `${advertiserId} ${marketplace}`;
      const decision = decideRunCredit(
        terms,
        {
          open: this.openAccount(advertiserId, marketplace, moment),
          granted: (granted.get(account) ?? 0n) + this.grantedBefore(candidate, promotionId, moment),
        },
        (currency) => convert(book, terms.award.amount, currency, moment.asOf, terms.fx.maxAge),
      );
      if ('deferred' in decision) {
        deferrals.push({ advertiserId, marketplace, product, reasons: decision.deferred });
        continue;
      }
      const creditId = derivedCreditId(promotionId, advertiserId, marketplace, product);
      const outcome = await this.accounts.applyRunCredit({
        type: 'ApplyRunCredit',
        data: {
          creditId,
          promotionId,
          ...candidate,
          granted: terms.award.amount,
          applied: decision.applied,
          fx: decision.fx,
          appliedAt: moment.asOf,
        },
        terms,
      });
      if (outcome.status === 'appended' || outcome.status === 'duplicate') {
        credits.push(creditId);
        granted.set(account, (granted.get(account) ?? 0n) + minorOf(terms.award.amount));
      } else if (outcome.status === 'rejected' && outcome.refusal.refused === 'cap-exceeded') {
        // A manual grant came between the run's start and now: the cap holds all the same.
        deferrals.push({ advertiserId, marketplace, product, reasons: ['cap-exceeded'] });
      } else if (outcome.status !== 'rejected' || outcome.refusal.refused !== 'already-granted') {
        throw new Error(`credit ${creditId} was ${outcome.status}`);
      }
    }
    return { applied: credits.length, deferred: deferrals.length, credits, deferrals };
  }

  /** Who has qualified by the run, may be given it, and has not been, in the run's order. */
  private async candidates(promotionId: string, terms: PromotionTerms, moment: Moment): Promise<readonly Candidate[]> {
    const candidates: Candidate[] = [];
    for (const advertiserId of this.readModels.promotions.invited(promotionId, moment)) {
      // Everybody who was invited is looked at: others get their turn in between.
      await nextTurn();
      for (const marketplace of this.readModels.campaigns.marketplacesOf(advertiserId, moment)) {
        if (!terms.marketplaces.includes(marketplace)) continue;
        candidates.push(...this.candidatesOf(promotionId, advertiserId, marketplace, moment));
      }
    }
    return candidates.sort(
      (a, b) =>
        byCodeUnit(a.qualifiedAt, b.qualifiedAt) ||
        byCodeUnit(a.advertiserId, b.advertiserId) ||
        byCodeUnit(a.marketplace, b.marketplace) ||
        byCodeUnit(a.product, b.product),
    );
  }

  private *candidatesOf(
    promotionId: string,
    advertiserId: string,
    marketplace: string,
    moment: Moment,
  ): Generator<Candidate> {
    const facts = this.readModels.advertiserFacts(promotionId, advertiserId, marketplace, moment);
    if (!facts) return;
    const given = this.creditsOf(promotionId, advertiserId, marketplace, moment);
    for (const product of facts.terms.products) {
      if (given.some((credit) => credit.product === product)) continue;
      const campaigns = this.readModels.campaignFacts(facts, product, moment);
      const first = firstQualified(progressIn(facts, product, campaigns, moment.asOf));
      if (!first?.qualifiedAt || ineligibility(facts, first.qualifiedAt).length > 0) continue;
      const { qualifiedAt, campaignId } = first;
      yield { qualifiedAt, campaignId, advertiserId, marketplace, product };
    }
  }

  private openAccount(advertiserId: string, marketplace: string, moment: Moment): RunAccount['open'] {
    const account = this.readModels.accounts.accountAt(advertiserId, marketplace, moment);
    return account?.open ? account : null;
  }

  /** Credits of the promotion recorded before the run, whenever they are applied. */
  private creditsOf(promotionId: string, advertiserId: string, marketplace: string, { known }: Moment) {
    return this.readModels.accounts
      .creditsOf(advertiserId, marketplace, known)
      .map(({ data }) => data)
      .filter((credit) => credit.promotionId === promotionId);
  }

  private grantedBefore({ advertiserId, marketplace }: Candidate, promotionId: string, moment: Moment): bigint {
    return this.creditsOf(promotionId, advertiserId, marketplace, moment).reduce(
      (sum, credit) => sum + minorOf(credit.granted),
      0n,
    );
  }

  /** The recorded result, with the position that includes it. */
  private async answer(promotionId: string, data: DisbursementRunCompleted['data']): Promise<RunAnswer> {
    const id = `DisbursementRunCompleted:${data.date}`;
    const recorded = (await this.store.find(promotionStream(promotionId), [id])).get(id);
    if (!recorded) throw new Error(`the completion of run ${data.date} is not in the log`);
    const { date, runAt, applied, deferred, credits, deferrals } = data;
    const position = recorded.position.toString();
    return { date, runAt, state: 'completed', applied, deferred, credits, deferrals, position };
  }
}
