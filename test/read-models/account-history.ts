import { accountDecider } from '../../src/accounts/domain/account.js';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import type { AccountEvent, CreditApplied } from '../../src/accounts/domain/events.js';
import type { EventStore, Position, Recorded } from '../../src/event-store/event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { DAY_MS, instantOf, type Instant, parseInstant } from '../../src/kernel/instant.js';
import { moneyOf } from '../../src/kernel/money.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { AccountsModel } from '../../src/read-models/accounts-model.js';
import { AccountQueries } from '../../src/read-models/accounts-queries.js';
import { AccountsReader } from '../../src/read-models/accounts-reader.js';
import { BooksModel } from '../../src/read-models/books-model.js';
import { BooksQueries } from '../../src/read-models/books-queries.js';
import { ClickExplanations } from '../../src/read-models/click-explanation.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { Statements } from '../../src/read-models/statement.js';

export const at = (text: string): Instant => {
  const instant = parseInstant(text);
  if (!instant) throw new Error(`${text} is no instant`);
  return instant;
};
export const eur = (minor: number | bigint) => moneyOf(BigInt(minor), 'EUR');
export const ACCOUNT = { advertiserId: 'adv', marketplace: 'DE' };

export interface CreditGiven {
  readonly creditId: string;
  readonly appliedMinor: number;
  readonly appliedAt: Instant;
  readonly expiresAt: Instant;
  readonly sweepableAt?: Instant;
  readonly appliesTo?: readonly string[];
  readonly spendKinds?: CreditApplied['data']['spendKinds'];
  readonly qualifiedAt?: Instant;
  readonly dueBy?: Instant;
}

/** One account whose facts are decided as the ledger decides them, and fed to the read model as they are recorded. */
export class AccountHistory {
  readonly events: Recorded[] = [];
  readonly db = new ReadModelDatabase(':memory:');
  readonly model = new AccountsModel(this.db);
  readonly booksModel = new BooksModel(this.db, this.model.known);
  readonly queries: AccountQueries;
  readonly statements: Statements;
  readonly clicks: ClickExplanations;
  readonly books: BooksQueries;
  private readonly byId = new Map<string, Recorded>();
  private state = accountDecider.initial;

  constructor(openedAt: Instant) {
    const reader = new AccountsReader(this.db, this.model);
    this.queries = new AccountQueries(this.db, reader, () => 30 * DAY_MS);
    this.statements = new Statements(this.db, reader);
    this.books = new BooksQueries(this.db, reader);
    this.clicks = new ClickExplanations(this as Pick<EventStore, 'find'> as EventStore, reader);
    this.record({ type: 'AccountOpened', data: { ...ACCOUNT, currency: 'EUR', occurredAt: openedAt } });
  }

  get head(): Position {
    return this.events.at(-1)?.position ?? 0n;
  }

  /** Decides the command and records what it makes; false when it is refused or is already there. */
  submit(command: AccountCommand): boolean {
    const factOf = (id: string) => this.byId.get(id) as AccountEvent | undefined;
    const decision = accountDecider.decide(command, this.state, factOf);
    if (isRefusal(decision) || decision.some((event) => this.byId.has(accountDecider.idOf(event)))) return false;
    decision.forEach((event) => this.record(event));
    return true;
  }

  click(clickId: string, costMinor: number, occurredAt: Instant, product = 'SP'): boolean {
    const data = { ...ACCOUNT, clickId, campaignId: 'campaign', product, cost: eur(costMinor), occurredAt };
    return this.submit({ type: 'ClickSpent', data });
  }

  /** A thousand impressions at this price. */
  show(impressionsId: string, costMinor: number, occurredAt: Instant, product = 'SP'): boolean {
    const said = { ...ACCOUNT, impressionsId, campaignId: 'campaign', product, occurredAt };
    return this.submit({ type: 'ImpressionsSpent', data: { ...said, impressions: 1000, cpm: eur(costMinor) } });
  }

  reverse(clickId: string, occurredAt: Instant): boolean {
    return this.submit({ type: 'ClickReversed', data: { ...ACCOUNT, clickId, reason: 'invalid traffic', occurredAt } });
  }

  revoke(creditId: string, occurredAt: Instant, clawback: boolean): boolean {
    const data = { ...ACCOUNT, creditId, reason: 'error', clawback, occurredAt };
    return this.submit({ type: 'CreditRevoked', data });
  }

  sweep(asOf: Instant): boolean {
    return this.submit({ type: 'SweepCredits', data: ACCOUNT, asOf });
  }

  give(credit: CreditGiven, advertiserId = ACCOUNT.advertiserId): void {
    this.record({
      type: 'CreditApplied',
      data: {
        ...ACCOUNT,
        advertiserId,
        creditId: credit.creditId,
        promotionId: 'promotion',
        product: 'SP',
        granted: eur(credit.appliedMinor),
        applied: eur(credit.appliedMinor),
        fx: null,
        qualifiedAt: credit.qualifiedAt ?? null,
        campaignId: null,
        appliedAt: credit.appliedAt,
        expiresAt: credit.expiresAt,
        sweepableAt: credit.sweepableAt ?? credit.expiresAt,
        appliesTo: credit.appliesTo ?? ['SP'],
        ...(credit.dueBy ? { dueBy: credit.dueBy } : {}),
        ...(credit.spendKinds ? { spendKinds: credit.spendKinds } : {}),
        origin: 'run',
      },
    });
  }

  record(event: AccountEvent): void {
    this.state = accountDecider.evolve(this.state, event);
    const nth = this.events.length;
    const recorded: Recorded = {
      id: accountDecider.idOf(event),
      type: event.type,
      data: event.data,
      metadata: { version: 1 },
      stream: accountStream(event.data.advertiserId, event.data.marketplace),
      revision: nth,
      // Not every position is an event of this account.
      position: BigInt(nth * 2 + 1),
      recordedAt: instantOf(Date.parse('2023-01-01T00:00:00Z') + nth * 1000),
    };
    this.events.push(recorded);
    this.byId.set(recorded.id, recorded);
    this.model.apply(recorded);
    this.booksModel.apply(recorded, (_stream, id) => this.byId.get(id)!);
  }

  find(_stream: string, ids: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
    const found = ids.map((id) => this.byId.get(id)).filter((event) => event !== undefined);
    return Promise.resolve(new Map(found.map((event) => [event.id, event])));
  }

  balance(asOf: Instant, known = this.head) {
    const answer = this.queries.balance({ asOf, known }, ACCOUNT.advertiserId, ACCOUNT.marketplace);
    if (isRefusal(answer)) throw new Error(answer.detail);
    return answer;
  }

  statement(
    asOf: Instant,
    known = this.head,
    period = {},
    paging: { limit: number; cursor?: string } = { limit: 500 },
  ) {
    const { advertiserId, marketplace } = ACCOUNT;
    const answer = this.statements.statement({ asOf, known }, advertiserId, marketplace, period, paging);
    if (isRefusal(answer)) throw new Error(answer.detail);
    return answer;
  }

  async explain(clickId: string, asOf: Instant, known = this.head) {
    return this.clicks.click({ asOf, known }, ACCOUNT.advertiserId, ACCOUNT.marketplace, clickId);
  }
}
