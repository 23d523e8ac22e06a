import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError, type EventStore, type Position } from '../event-store/event-store.js';
import { daysMs } from '../kernel/calendar.js';
import { instantOf, type Instant } from '../kernel/instant.js';
import type { NoticesModel } from '../notices/notices-model.js';
import type { SubjectFacts } from '../promotions/domain/facts.js';
import { rulesOf, type Rules } from '../promotions/domain/rules.js';
import { notCombinableSince } from '../promotions/domain/stacking.js';
import { AccountQueries, type AccountKey } from './accounts-queries.js';
import { AccountsReader } from './accounts-reader.js';
import { AuditReader } from './audit-reader.js';
import { namedIdOf } from './books-model.js';
import { BooksQueries } from './books-queries.js';
import type { CampaignsModel } from './campaigns-model.js';
import { ClickExplanations } from './click-explanation.js';
import { type ReadModelDatabase, removeFiles } from './database.js';
import { ExpiringCredits } from './expiring-credits.js';
import { JournalIndex } from './journal-index.js';
import type { LogTimes } from './log-times.js';
import { Models } from './models.js';
import type { Moment } from './moment.js';
import type { ProjectionObserver } from './observer.js';
import type { PromotionsModel } from './promotions-model.js';
import type { RatesModel } from './rates-model.js';
import { ReadModelRunner } from './runner.js';
import { Statements } from './statement.js';
import { Subjects } from './subjects.js';
import { LocalWriter, type ModelsWriter } from './writer.js';

/** How long an answer waits for the read models, in ms. */
const PATIENCE_MS = 5000;
/** What an answer waits for by itself, in ms: read models that are up are rarely so far behind. */
const MOMENT_MS = 250;
/** How long a start waits for the store, in ms. */
const STORE_MS = 1000;

/** The read models did not include a position in time; asking again is safe. */
export class NotCaughtUpError extends Error {
  override readonly name = 'NotCaughtUpError';
}

/** How files of read models are written. */
export interface Writing {
  readonly writer: ModelsWriter;
  /** `givesWay`: to whatever else the machine has to do. */
  open(path: string, options?: { readonly givesWay: boolean }): Promise<ModelsWriter>;
}

/** All read models and what keeps them up. They can be thrown away at any time; the log is the truth. */
export class ReadModels {
  readonly accounts: AccountQueries;
  readonly expiring: ExpiringCredits;
  readonly statements: Statements;
  readonly audit: AuditReader;
  readonly books: BooksQueries;
  readonly journal: JournalIndex;
  readonly clicks: ClickExplanations;
  readonly campaigns: CampaignsModel;
  readonly promotions: PromotionsModel;
  readonly rates: RatesModel;
  readonly times: LogTimes;
  readonly notices: NoticesModel;
  private readonly subjects: Subjects;
  private readonly models: Models;
  private writer: ModelsWriter;
  private following: ReadModelRunner;
  private rebuilding: Promise<void> | undefined;
  /** Null until the store has been reached. */
  private headAtStart: Position | null = null;
  /** Why it has not been. */
  private away: StoreUnavailableError | undefined;
  private closed = false;

  constructor(
    private readonly store: EventStore,
    private readonly db: ReadModelDatabase,
    private readonly observer?: ProjectionObserver,
    clock: () => Instant = () => instantOf(Date.now()),
    /** Who writes the file of `db`, when it is not written through `db` itself, and how another one is found for a file. */
    private readonly writing?: Writing,
  ) {
    const models = (this.models = new Models(db, clock));
    this.campaigns = models.campaigns;
    this.promotions = models.promotions;
    this.rates = models.rates;
    this.times = models.times;
    this.notices = models.notices;
    const reader = new AccountsReader(db, models.accounts);
    this.accounts = new AccountQueries(db, reader, (promotionId, known) => {
      const terms = this.promotions.stateOf(promotionId, known)?.terms;
      if (terms?.version !== 1) throw new Error(`no terms of version 1 of promotion ${promotionId} at ${known}`);
      const { within } = rulesOf(terms).stages[0]!.disbursement;
      if (typeof within !== 'string') throw new Error(`promotion ${promotionId} has credits that say nothing of dueBy`);
      return daysMs(within);
    });
    this.expiring = new ExpiringCredits(db, reader);
    this.statements = new Statements(db, reader);
    this.audit = new AuditReader(db, reader);
    this.books = new BooksQueries(db, reader);
    this.journal = new JournalIndex(db);
    this.subjects = new Subjects(db, reader, this.campaigns, this.promotions);
    this.clicks = new ClickExplanations(store, reader);
    this.writer = writing?.writer ?? new LocalWriter(db, models.all);
    this.following = new ReadModelRunner(store, this.writer, namedIdOf, observer);
  }

  get runner(): ReadModelRunner {
    return this.following;
  }

  /** Waits until all that is recorded now is included; its position. Throws NotCaughtUpError. */
  async caughtUp(): Promise<Position> {
    const head = await this.head();
    await this.reached(head);
    return head;
  }

  /** Gives them a moment to include all that is recorded now, so that whoever writes can read; their position. */
  async nearlyCaughtUp(): Promise<Position> {
    await this.runner.reached(await this.head(), MOMENT_MS);
    return this.runner.position;
  }

  /** The log's last position, whether it is included yet or not. */
  head(): Promise<Position> {
    return this.store.head();
  }

  /** Begins to follow the log. A store that is away is waited for in the background: services start in any order. */
  async start(): Promise<void> {
    const following = this.follow();
    following.catch((error: unknown) => this.runner.fail(error));
    if (!this.db.isCurrent) void following.then(() => this.rebuild()).catch(() => undefined);
    await Promise.race([following, sleep(STORE_MS, undefined, { ref: false })]);
  }

  /**
   * Builds the tables anew from the log's first event, in the background: those that are there are kept up and go on
   * answering, until the new ones include as much and take their place. A rebuild that fails leaves everything as it was.
   */
  rebuild(): Promise<void> {
    this.rebuilding ??= this.buildAnew()
      .then(
        () => this.observer?.rebuilt(null),
        (error: unknown) => {
          this.observer?.rebuilt(error as Error);
          throw error;
        },
      )
      .finally(() => (this.rebuilding = undefined));
    return this.rebuilding;
  }

  get isRebuilding(): boolean {
    return this.rebuilding !== undefined;
  }

  private async buildAnew(): Promise<void> {
    const { writing } = this;
    if (!writing) return this.runner.rebuild();
    const path = `${this.db.path}.next`;
    removeFiles(path);
    const writer = await writing.open(path, { givesWay: true });
    const next = new ReadModelRunner(this.store, writer, namedIdOf);
    let isPaused = false;
    try {
      await next.start();
      await this.includedBy(next);
      await this.runner.stop({ keepsWaiters: true });
      isPaused = true;
      await this.includedBy(next);
      await next.stop();
      if (next.failed) throw next.failed;
      await writer.close();
    } catch (error) {
      await next.stop();
      await writer.close().catch(() => undefined);
      if (isPaused && !this.closed) await this.runner.start();
      throw error;
    }
    await this.takeUp(path, writing);
  }

  private async takeUp(path: string, writing: Writing): Promise<void> {
    await this.writer.close();
    this.db.replaceBy(path);
    for (const model of this.models.all) model.forget();
    this.writer = await writing.open(this.db.path);
    const former = this.following;
    this.following = new ReadModelRunner(this.store, this.writer, namedIdOf, this.observer);
    await this.following.start();
    former.handOverTo(this.following);
  }

  /** Throws when the runner cannot go on, or need not. */
  private async includedBy(next: ReadModelRunner): Promise<void> {
    while (!(await next.reached(this.runner.position, STORE_MS))) {
      if (this.closed) throw new Error('the service ends');
    }
  }

  /**
   * Waits until what was recorded before the start is included: half a log answers nothing. Throws NotCaughtUpError, or
   * StoreUnavailableError when the store was never reached.
   */
  async ready(): Promise<void> {
    if (this.runner.failed) await this.reached(this.runner.position);
    // A log that is shared with others may be long, and its end far from the last event of this ledger.
    for (let waitedMs = 0; this.headAtStart === null; waitedMs += MOMENT_MS) {
      if (this.away) throw this.away;
      if (waitedMs >= PATIENCE_MS + STORE_MS) throw new NotCaughtUpError('The end of the log has not been found yet.');
      await sleep(MOMENT_MS);
    }
    if (this.runner.position < this.headAtStart) await this.reached(this.headAtStart);
  }

  /** Waits until a position is included. Throws NotCaughtUpError, also when the read models have failed. */
  async reached(position: Position): Promise<void> {
    const included = await this.runner.reached(position, PATIENCE_MS).catch((error: unknown) => {
      throw new NotCaughtUpError('The read models have stopped.', { cause: error });
    });
    if (included) return;
    throw new NotCaughtUpError(
      `The answer does not include position ${position} yet; it includes ${this.runner.position}.`,
    );
  }

  /**
   * What conditions look at; undefined when the promotion is not known. With a `calendar` of its own, of terms that are
   * previewed or were in force before, the promotion need not be known.
   */
  subjectFacts(
    promotionId: string,
    advertiserId: string,
    marketplace: string,
    moment: Moment,
    calendar = this.promotions.stateOf(promotionId, moment.known)?.calendar,
  ): SubjectFacts | undefined {
    return calendar ? this.subjects.factsOf(promotionId, calendar, advertiserId, marketplace, moment) : undefined;
  }

  /** Whom a run has to look at: see `Subjects.candidates`. */
  candidates(promotionId: string, rules: Rules, moment: Moment): Iterable<AccountKey> {
    return this.subjects.candidates(promotionId, rules, moment);
  }

  /** When the advertiser was first applied a credit of a promotion that may not be combined with this one. */
  notCombinableSince(promotionId: string, rules: Rules, advertiserId: string, known: Position): Instant | null {
    const credits = this.accounts.creditsOfAdvertiser(advertiserId, known);
    const revisionsOf = (other: string) => this.promotions.stateOf(other, known)?.revisions ?? [];
    return notCombinableSince(promotionId, rules, credits, revisionsOf);
  }

  /** Up to when what counts for an advertiser only grows: see `Subjects.nextReversal`. */
  nextReversal(advertiserId: string, moment: Moment): Instant | null {
    return this.subjects.nextReversal(advertiserId, moment);
  }

  private async follow(): Promise<void> {
    for (let isFollowing = false; !this.closed;) {
      try {
        if (!isFollowing) await this.runner.start();
        isFollowing = true;
        this.away = undefined;
        this.headAtStart = await this.head();
        return;
      } catch (error) {
        if (this.closed) return;
        if (!(error instanceof StoreUnavailableError)) throw error;
        this.away = error;
        await sleep(STORE_MS, undefined, { ref: false });
      }
    }
  }

  /** Lets what is being written be finished. */
  async close(): Promise<void> {
    this.closed = true;
    await this.rebuilding?.catch(() => undefined);
    await this.runner.stop();
    await this.writer.close();
    this.db.close();
  }
}
