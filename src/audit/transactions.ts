import type { AccountEvent, ClickSpent, CreditApplied } from '../accounts/domain/events.js';
import {
  effectiveAtOf,
  ledgerAccountName,
  postingsOf,
  type Posting,
  type PostingContext,
} from '../accounts/domain/postings.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import { never } from '../kernel/decider.js';
import type { Instant } from '../kernel/instant.js';
import { isWithin } from '../read-models/books-queries.js';

/** A posting, and the promotion whose credit, grant or breakage it is of. */
export interface Entry extends Posting {
  readonly promotionId?: string;
}

/** The double entry of one event. */
export interface Transaction {
  readonly position: Position;
  readonly recordedAt: Instant;
  readonly effectiveAt: Instant;
  readonly event: Pick<Recorded, 'stream' | 'revision' | 'id' | 'type'>;
  readonly advertiserId: string;
  readonly marketplace: string;
  /** In a few words, ids and a client's reason included as they are. */
  readonly description: string;
  /** Not empty: what moves no money is no transaction. */
  readonly postings: readonly Entry[];
}

/** Keeps transactions of an advertiser, kinds and a period that have a posting of the ledger account, promotion and currency. */
export interface JournalFilter {
  readonly advertiserId?: string;
  readonly marketplace?: string;
  readonly promotionId?: string;
  readonly currency?: string;
  /** The name of a ledger account or its beginning, by whole levels. */
  readonly account?: string;
  readonly kinds?: readonly AccountEvent['type'][];
  /** Effective from then on. */
  readonly from?: Instant;
  /** Exclusive. */
  readonly to?: Instant;
}

/** So many credits are remembered with their promotion by a reader of the log. */
const REMEMBERED_CREDITS = 20_000;

interface Earlier {
  readonly stream: string;
  readonly id: string;
}

/**
 * Makes transactions of events: what postings need of earlier facts is found in the store, by their ids. One that reads
 * a whole log remembers the credits that it has met, up to a number.
 */
export class TransactionReader {
  private readonly promotions = new Map<string, string>();

  constructor(private readonly store: EventStore) {}

  /** The transactions of some account events, in their order. */
  async of(events: readonly Recorded[]): Promise<Transaction[]> {
    for (const event of events) if (event.type === 'CreditApplied') this.remember(event);
    const named = events.flatMap((event) => creditsOf(accountEvent(event)).map((id) => ({ stream: event.stream, id })));
    // Noted down now: while others are looked for, they may be forgotten.
    const promotions = new Map(named.map((credit) => [keyOf(credit), this.promotions.get(keyOf(credit))]));
    const facts = await this.find([
      ...named
        .filter((credit) => promotions.get(keyOf(credit)) === undefined)
        .map(({ stream, id }) => ({ stream, id: `CreditApplied:${id}` })),
      ...events.flatMap(clickReversedBy),
    ]);
    for (const fact of facts.values()) if (fact.type === 'CreditApplied') this.remember(fact);
    return events.flatMap((event) => transactionOf(event, promotions, facts));
  }

  private remember({ stream, data }: Recorded): void {
    const { creditId, promotionId } = data as CreditApplied['data'];
    this.promotions.set(keyOf({ stream, id: creditId }), promotionId);
    if (this.promotions.size > REMEMBERED_CREDITS) this.promotions.delete(this.promotions.keys().next().value!);
  }

  private async find(wanted: readonly Earlier[]): Promise<ReadonlyMap<string, Recorded>> {
    const facts = new Map<string, Recorded>();
    const streams = Map.groupBy(wanted, ({ stream }) => stream);
    for (const [stream, all] of streams) {
      const found = await this.store.find(stream, [...new Set(all.map(({ id }) => id))]);
      for (const [id, fact] of found) facts.set(keyOf({ stream, id }), fact);
    }
    return facts;
  }
}

function transactionOf(
  recorded: Recorded,
  promotions: ReadonlyMap<string, string | undefined>,
  facts: ReadonlyMap<string, Recorded>,
): Transaction[] {
  const { stream, revision, id, type, position, recordedAt } = recorded;
  const event = accountEvent(recorded);
  const factOf = (earlier: string): Recorded => {
    const fact = facts.get(keyOf({ stream, id: earlier }));
    if (!fact) throw new Error(`${stream} has no ${earlier}, which its ${id} names`);
    return fact;
  };
  const context: PostingContext = {
    promotionOf: (creditId) =>
      promotions.get(keyOf({ stream, id: creditId })) ??
      (factOf(`CreditApplied:${creditId}`).data as CreditApplied['data']).promotionId,
    clickOf: (clickId) => factOf(`ClickSpent:${clickId}`).data as ClickSpent['data'],
  };
  const postings = postingsOf(event, context);
  if (postings.length === 0) return [];
  const { advertiserId, marketplace } = event.data;
  return [
    {
      position,
      recordedAt,
      effectiveAt: effectiveAtOf(event),
      event: { stream, revision, id, type },
      advertiserId,
      marketplace,
      description: descriptionOf(event),
      postings: postings.map((posting) => ({ ...posting, ...promotionOf(posting, context) })),
    },
  ];
}

/** Whether the transaction is of the filter; its moment apart. */
export function matches(filter: JournalFilter, transaction: Transaction): boolean {
  const { advertiserId, marketplace, effectiveAt, event, postings } = transaction;
  if (filter.advertiserId !== undefined && filter.advertiserId !== advertiserId) return false;
  if (filter.marketplace !== undefined && filter.marketplace !== marketplace) return false;
  if (filter.kinds !== undefined && !filter.kinds.includes(event.type as AccountEvent['type'])) return false;
  if (filter.from !== undefined && effectiveAt < filter.from) return false;
  if (filter.to !== undefined && effectiveAt >= filter.to) return false;
  return postings.some((posting) => matchesEntry(filter, posting));
}

export const matchesEntry = (filter: JournalFilter, { account, currency, promotionId }: Entry): boolean =>
  (filter.currency === undefined || filter.currency === currency) &&
  (filter.promotionId === undefined || filter.promotionId === promotionId) &&
  (filter.account === undefined || isWithin(ledgerAccountName(account), filter.account));

/** Of a recorded event of an account's stream. */
export const accountEvent = ({ type, data }: Recorded): AccountEvent => ({ type, data }) as AccountEvent;

/** The click that an event reverses. */
const clickReversedBy = ({ stream, type, data }: Recorded): Earlier[] =>
  type === 'ClickReversed' ? [{ stream, id: `ClickSpent:${(data as { clickId: string }).clickId}` }] : [];

/** A blank is in no stream's name. */
const keyOf = ({ stream, id }: Earlier): string => `${stream} ${id}`;

function promotionOf({ account }: Posting, context: PostingContext): { promotionId?: string } {
  const [root, group, id] = account;
  if (root === 'liabilities') return { promotionId: context.promotionOf(account[4]!) };
  return (root === 'expenses' || group === 'breakage') && id !== undefined ? { promotionId: id } : {};
}

/** The credits that an event's postings move. */
function creditsOf(event: AccountEvent): string[] {
  switch (event.type) {
    case 'AccountOpened':
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return [];
    case 'ClickSpent':
    case 'ImpressionsSpent':
      return event.data.draws.map(({ creditId }) => creditId);
    case 'ClickReversed':
      return [...event.data.restored, ...event.data.forfeited].map(({ creditId }) => creditId);
    case 'CreditApplied':
    case 'CreditRevoked':
    case 'CreditExpired':
      return [event.data.creditId];
    default:
      return never(event);
  }
}

function descriptionOf(event: AccountEvent): string {
  switch (event.type) {
    case 'AccountOpened':
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return event.type;
    case 'CreditApplied':
      return `Credit ${event.data.creditId} of ${event.data.promotionId}`;
    case 'ClickSpent':
      return `Click ${event.data.clickId}`;
    case 'ImpressionsSpent':
      return `Impressions ${event.data.impressionsId}`;
    case 'ClickReversed':
      return `Reversal of click ${event.data.clickId}: ${event.data.reason}`;
    case 'CreditRevoked':
      return `Revocation of credit ${event.data.creditId}: ${event.data.reason}`;
    case 'CreditExpired':
      return `Expiry of credit ${event.data.creditId}`;
    default:
      return never(event);
  }
}
