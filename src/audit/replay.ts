import {
  availableAt,
  type CreditBalances,
  creditBalances,
  moved,
  movementsOfSpend,
  remainingAt,
} from '../../projections/credit-balances.js';
import { currencyConversions, type CurrencyConversions } from '../../projections/currency-conversions.js';
import { disbursements, type Disbursements } from '../../projections/disbursements.js';
import { qualifyingWeeks, type QualifyingWeeks } from '../../projections/qualifying-weeks.js';
import type { AccountEvent, ClickSpent, ImpressionsSpent } from '../accounts/domain/events.js';
import { effectiveAtOf } from '../accounts/domain/postings.js';
import type { CampaignEvent } from '../campaigns/domain/events.js';
import type { EventStore, LogEntry, Position } from '../event-store/event-store.js';
import type { FxEvent } from '../fx/domain/events.js';
import { formatMinor, moneyOf, Sum } from '../kernel/money.js';
import type { Instant } from '../kernel/instant.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import type { EnrollmentEvent, PromotionEvent } from '../promotions/domain/events.js';
import type { Moment } from '../read-models/moment.js';

/** The ledger at a moment, folded from the log by the projections and by nothing else. Keys are stream names. */
export interface Replayed {
  readonly accounts: ReadonlyMap<string, ReplayedAccount>;
  readonly campaigns: ReadonlyMap<string, QualifyingWeeks>;
  readonly promotions: ReadonlyMap<string, Disbursements>;
  readonly rates: ReadonlyMap<string, CurrencyConversions>;
  /** In effective order. */
  readonly enrollments: ReadonlyMap<string, readonly EnrollmentEvent[]>;
  /** Of each account, what its credits were granted by, by creditId. */
  readonly grants: ReadonlyMap<string, ReadonlyMap<string, Grant>>;
  readonly events: number;
}

export interface ReplayedAccount extends CreditBalances {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly openedAt: Instant | null;
}

export interface Grant {
  readonly stage: string | null;
  readonly revision: number;
}

/** Folds the events recorded up to `known` and effective up to `asOf`, one after the other, in the order of the log. */
export async function replay(store: EventStore, { asOf, known }: Moment, onEvent?: () => void): Promise<Replayed> {
  const fold = new Fold(asOf);
  for await (const page of store.readPages(known)) {
    for (const event of page) {
      fold.take(event);
      onEvent?.();
    }
  }
  return fold.replayed;
}

class Fold {
  private readonly accounts = new Map<string, AccountFold>();
  private readonly campaigns = new Map<string, QualifyingWeeks>();
  private readonly promotions = new Map<string, Disbursements>();
  private readonly rates = new Map<string, CurrencyConversions>();
  private readonly enrollments = new Map<string, EnrollmentEvent[]>();
  private events = 0;

  constructor(private readonly asOf: Instant) {}

  get replayed(): Replayed {
    const { campaigns, promotions, rates, enrollments, events } = this;
    const ofAccounts = <Part>(part: (account: AccountFold) => Part) =>
      new Map(Array.from(this.accounts, ([stream, account]) => [stream, part(account)]));
    return {
      accounts: ofAccounts(({ account }) => account),
      campaigns,
      promotions,
      rates,
      enrollments,
      grants: ofAccounts(({ grants }) => grants),
      events,
    };
  }

  take({ stream, type, data }: LogEntry): void {
    this.events += 1;
    const event = { type, data };
    // Nearly all events are of accounts that are known.
    const account = this.accounts.get(stream);
    if (account) return this.takeOf(account, event as AccountEvent);
    const category = stream.slice(0, stream.indexOf('-'));
    if (category === creditBalances.category) this.takeFirst(stream, event as AccountEvent);
    else if (category === qualifyingWeeks.category) this.takeCampaign(stream, event as CampaignEvent);
    else if (category === disbursements.category) this.takePromotion(stream, event as PromotionEvent);
    else if (category === currencyConversions.category) this.takeRate(stream, event as FxEvent);
    else this.takeEnrollment(stream, event as EnrollmentEvent);
  }

  private takeOf(account: AccountFold, event: AccountEvent): void {
    // An account is known from its opening on, whenever that takes effect.
    if (event.type === 'AccountOpened' || effectiveAtOf(event) <= this.asOf) account.take(event);
  }

  /** The first event of an account is its opening. */
  private takeFirst(stream: string, event: AccountEvent): void {
    const account = new AccountFold(event.data);
    this.accounts.set(stream, account);
    this.takeOf(account, event);
  }

  private takeCampaign(stream: string, event: CampaignEvent): void {
    if (event.data.occurredAt > this.asOf) return;
    this.campaigns.set(stream, qualifyingWeeks.evolve(this.campaigns.get(stream) ?? qualifyingWeeks.initial(), event));
  }

  private takePromotion(stream: string, event: PromotionEvent): void {
    if ('runAt' in event.data && event.data.runAt > this.asOf) return;
    if (event.type === 'PromotionTerminated' && event.data.occurredAt > this.asOf) return;
    this.promotions.set(stream, disbursements.evolve(this.promotions.get(stream) ?? disbursements.initial(), event));
  }

  private takeRate(stream: string, event: FxEvent): void {
    if (event.data.effectiveAt > this.asOf) return;
    this.rates.set(stream, currencyConversions.evolve(this.rates.get(stream) ?? currencyConversions.initial(), event));
  }

  private takeEnrollment(stream: string, event: EnrollmentEvent): void {
    if (event.data.occurredAt > this.asOf) return;
    const facts = this.enrollments.get(stream) ?? [];
    const place = facts.findLastIndex(({ data }) => data.occurredAt <= event.data.occurredAt) + 1;
    facts.splice(place, 0, event);
    this.enrollments.set(stream, facts);
  }
}

/** Nearly all events are an account's spend: it is summed, and added to the state when that is needed. */
class AccountFold {
  readonly grants = new Map<string, Grant>();
  private balances = creditBalances.initial();
  private due = new SpendDue();
  private openedAt: Instant | null = null;

  constructor(private readonly owner: Pick<ReplayedAccount, 'advertiserId' | 'marketplace'>) {}

  get account(): ReplayedAccount {
    const { advertiserId, marketplace } = this.owner;
    return { ...this.due.addedTo(this.balances), advertiserId, marketplace, openedAt: this.openedAt };
  }

  take(event: AccountEvent): void {
    if (event.type === 'ClickSpent' || event.type === 'ImpressionsSpent') this.due.add(event.data);
    else this.takeRare(event);
  }

  private takeRare(event: Exclude<AccountEvent, SpendEvent>): void {
    if (event.type === 'AccountOpened') this.openedAt = event.data.occurredAt;
    if (event.type === 'CreditApplied') {
      const { creditId, stage = null, revision = 1 } = event.data;
      this.grants.set(creditId, { stage, revision });
    }
    this.balances = creditBalances.evolve(this.due.addedTo(this.balances), event);
    this.due = new SpendDue();
  }
}

type SpendEvent = ClickSpent | ImpressionsSpent;

/** What several facts of spend come to. */
class SpendDue {
  private readonly billable = new Sum();
  private readonly draws = new Map<string, Sum>();

  add({ billable, draws }: SpendEvent['data']): void {
    this.billable.add(billable);
    for (const { creditId, amount } of draws) {
      let sum = this.draws.get(creditId);
      if (!sum) this.draws.set(creditId, (sum = new Sum()));
      sum.add(amount);
    }
  }

  addedTo(balances: CreditBalances): CreditBalances {
    if (this.billable.minor === 0n && this.draws.size === 0) return balances;
    const moneyIn = (sum: Sum) => moneyOf(sum.minor, balances.currency);
    const draws = Array.from(this.draws, ([creditId, sum]) => ({ creditId, amount: moneyIn(sum) }));
    return moved(balances, movementsOfSpend({ billable: moneyIn(this.billable), draws }));
  }
}

/** What a balance must say, in the words of the balance. */
export function balanceOf(account: ReplayedAccount, asOf: Instant) {
  const { currency, billed } = account;
  return {
    currency,
    billed,
    available: formatMinor(availableAt(account, asOf), currency),
    credits: Object.entries(account.credits)
      .sort(([a, first], [b, second]) => byCodeUnit(first.appliedAt, second.appliedAt) || byCodeUnit(a, b))
      .map(([creditId, credit]) => ({
        creditId,
        remaining: formatMinor(remainingAt(credit, asOf), currency),
        drawn: credit.drawn,
      })),
  };
}

/** Positions and instants at which a check looks: the log's end and quarters, and instants spread over its facts. */
export async function checkpoints(store: EventStore, head: Position): Promise<readonly Moment[]> {
  const instants: Instant[] = [];
  for await (const page of store.readPages(head)) {
    for (const { data } of page) {
      const { occurredAt, appliedAt } = data as { occurredAt?: Instant; appliedAt?: Instant };
      const at = occurredAt ?? appliedAt;
      if (at) instants.push(at);
    }
  }
  instants.sort();
  const at = (part: number) => instants[Math.floor((instants.length - 1) * part)]!;
  if (instants.length === 0) return [];
  return [
    { asOf: at(1), known: head },
    { asOf: at(0.75), known: head },
    { asOf: at(0.75), known: (head * 3n) / 4n },
    { asOf: at(0.5), known: head },
    { asOf: at(1), known: head / 2n },
  ];
}
