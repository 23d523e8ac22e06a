import { ledgerAccountName } from '../accounts/domain/postings.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import { accountStream, byCodeUnit } from '../kernel/identifiers.js';
import type { Moment } from '../read-models/moment.js';
import { matches, TransactionReader, type JournalFilter, type Transaction } from './transactions.js';

export type { JournalFilter, Transaction } from './transactions.js';

/** So many events are made into transactions at a time. */
const BATCH_EVENTS = 200;

/** What a ledger account holds in a currency. */
export interface AccountBalance {
  /** As `ledgerAccountName` writes it. */
  readonly account: string;
  readonly currency: string;
  readonly balanceMinor: bigint;
}

/** The books: every event that moves money as its double entry, and what these add up to. */
export class Books {
  constructor(private readonly store: EventStore) {}

  /**
   * The transactions effective by `asOf` and recorded up to `known`, in the order of the log, beginning behind `after`.
   * Read from the store as they are taken: a ledger of any size needs no more memory than a small one.
   */
  async *transactions(moment: Moment, filter: JournalFilter = {}, after: Position = 0n): AsyncIterable<Transaction> {
    const reader = new TransactionReader(this.store);
    for await (const events of batches(this.events(moment, filter, after))) {
      for (const transaction of await reader.of(events)) {
        if (transaction.effectiveAt <= moment.asOf && matches(filter, transaction)) yield transaction;
      }
    }
  }

  /** Every ledger account whose balance is not zero, by name, then currency. */
  async *trialBalanceAll(moment: Moment): AsyncIterable<AccountBalance> {
    const balances = new Map<string, AccountBalance>();
    for await (const { postings } of this.transactions(moment)) {
      for (const { account, currency, amountMinor } of postings) {
        const name = ledgerAccountName(account);
        const key = `${name} ${currency}`;
        const balanceMinor = amountMinor + (balances.get(key)?.balanceMinor ?? 0n);
        balances.set(key, { account: name, currency, balanceMinor });
      }
    }
    yield* [...balances.values()]
      .filter(({ balanceMinor }) => balanceMinor !== 0n)
      .sort((a, b) => byCodeUnit(a.account, b.account) || byCodeUnit(a.currency, b.currency));
  }

  /** Account events; of one account only its own stream is read. */
  private async *events(
    { known }: Moment,
    { advertiserId, marketplace }: JournalFilter,
    after: Position,
  ): AsyncIterable<Recorded> {
    const isOne = advertiserId !== undefined && marketplace !== undefined;
    const events = isOne
      ? this.store.read(accountStream(advertiserId, marketplace))
      : this.store.readAll({ after, filter: { streamPrefixes: ['account-'] } });
    for await (const event of events) {
      if (event.position > known) return;
      if (event.position > after) yield event;
    }
  }
}

async function* batches(events: AsyncIterable<Recorded>): AsyncIterable<readonly Recorded[]> {
  let batch: Recorded[] = [];
  for await (const event of events) {
    batch.push(event);
    if (batch.length < BATCH_EVENTS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
