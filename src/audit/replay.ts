import { creditBalances, availableAt, remainingAt, type CreditBalances } from '../../projections/credit-balances.js';
import { currencyConversions, type CurrencyConversions } from '../../projections/currency-conversions.js';
import { disbursements, type Disbursements } from '../../projections/disbursements.js';
import { qualifyingWeeks, type QualifyingWeeks } from '../../projections/qualifying-weeks.js';
import type { AccountEvent } from '../accounts/domain/events.js';
import { effectiveAtOf } from '../accounts/domain/postings.js';
import type { CampaignEvent } from '../campaigns/domain/events.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import type { FxEvent } from '../fx/domain/events.js';
import { formatMinor, minorOf } from '../kernel/money.js';
import type { Instant } from '../kernel/instant.js';
import { byCodeUnit } from '../kernel/identifiers.js';
import type { EnrollmentEvent, PromotionEvent } from '../promotions/domain/events.js';
import type { SpendFact } from '../promotions/domain/facts.js';
import type { Moment } from '../read-models/moment.js';

/** The ledger at a moment, folded from the log by the projections and by nothing else. Keys are stream names. */
export interface Replayed {
  readonly accounts: ReadonlyMap<string, ReplayedAccount>;
  readonly campaigns: ReadonlyMap<string, QualifyingWeeks>;
  readonly promotions: ReadonlyMap<string, Disbursements>;
  readonly rates: ReadonlyMap<string, CurrencyConversions>;
  /** In effective order. */
  readonly enrollments: ReadonlyMap<string, readonly EnrollmentEvent[]>;
  /** Of each account, what was spent and is not reversed, in effective order. */
  readonly spend: ReadonlyMap<string, readonly Spent[]>;
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

export interface Spent extends SpendFact {
  /** The fact's own id. */
  readonly id: string;
}

/** Folds the events recorded up to `known` and effective up to `asOf`, one after the other, in the order of the log. */
export async function replay(store: EventStore, { asOf, known }: Moment, onEvent?: () => void): Promise<Replayed> {
  const fold = new Fold(asOf);
  for await (const event of store.readAll()) {
    if (event.position > known) break;
    fold.take(event);
    onEvent?.();
  }
  return fold;
}

class Fold implements Replayed {
  readonly accounts = new Map<string, ReplayedAccount>();
  readonly campaigns = new Map<string, QualifyingWeeks>();
  readonly promotions = new Map<string, Disbursements>();
  readonly rates = new Map<string, CurrencyConversions>();
  readonly enrollments = new Map<string, EnrollmentEvent[]>();
  readonly spend = new Map<string, Spent[]>();
  readonly grants = new Map<string, Map<string, Grant>>();
  events = 0;

  constructor(private readonly asOf: Instant) {}

  take({ stream, type, data }: Recorded): void {
    this.events += 1;
    const event = { type, data };
    const category = stream.slice(0, stream.indexOf('-'));
    if (category === creditBalances.category) this.takeAccount(stream, event as AccountEvent);
    else if (category === qualifyingWeeks.category) this.takeCampaign(stream, event as CampaignEvent);
    else if (category === disbursements.category) this.takePromotion(stream, event as PromotionEvent);
    else if (category === currencyConversions.category) this.takeRate(stream, event as FxEvent);
    else this.takeEnrollment(stream, event as EnrollmentEvent);
  }

  private takeAccount(stream: string, event: AccountEvent): void {
    const { advertiserId, marketplace } = event.data;
    const before = this.accounts.get(stream) ?? creditBalances.initial();
    // An account is known from its opening on, whenever that takes effect.
    if (event.type !== 'AccountOpened' && effectiveAtOf(event) > this.asOf) return;
    const openedAt =
      event.type === 'AccountOpened' ? event.data.occurredAt : (this.accounts.get(stream)?.openedAt ?? null);
    this.accounts.set(stream, { ...creditBalances.evolve(before, event), advertiserId, marketplace, openedAt });
    this.takeSpend(stream, event);
  }

  private takeSpend(stream: string, event: AccountEvent): void {
    const spend = this.spend.get(stream) ?? [];
    if (event.type === 'ClickSpent' || event.type === 'ImpressionsSpent') {
      putInOrder(spend, spentOf(event), ({ at }) => at);
      this.spend.set(stream, spend);
    } else if (event.type === 'ClickReversed') {
      const { clickId } = event.data;
      this.spend.set(
        stream,
        spend.filter(({ id, kind }) => id !== clickId || kind !== 'clicks'),
      );
    } else if (event.type === 'CreditApplied') {
      const { creditId, stage = null, revision = 1 } = event.data;
      const grants = this.grants.get(stream) ?? new Map<string, Grant>();
      this.grants.set(stream, grants.set(creditId, { stage, revision }));
    }
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
    putInOrder(facts, event, ({ data }) => data.occurredAt);
    this.enrollments.set(stream, facts);
  }
}

/** Behind all that are not later: facts mostly come in order, so it looks from the end. */
function putInOrder<Fact>(facts: Fact[], fact: Fact, atOf: (fact: Fact) => Instant): void {
  const at = atOf(fact);
  let place = facts.length;
  while (place > 0 && atOf(facts[place - 1]!) > at) place -= 1;
  facts.splice(place, 0, fact);
}

function spentOf(event: Extract<AccountEvent, { type: 'ClickSpent' | 'ImpressionsSpent' }>): Spent {
  const { occurredAt: at, product, billable } = event.data;
  const own = minorOf(billable);
  return event.type === 'ClickSpent'
    ? { id: event.data.clickId, at, product, kind: 'clicks', own }
    : { id: event.data.impressionsId, at, product, kind: 'impressions', own };
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
  for await (const { data } of store.readAll()) {
    const { occurredAt, appliedAt } = data as { occurredAt?: Instant; appliedAt?: Instant };
    const at = occurredAt ?? appliedAt;
    if (at) instants.push(at);
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
