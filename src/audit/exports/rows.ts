import { ledgerAccountName } from '../../accounts/domain/postings.js';
import type { Instant } from '../../kernel/instant.js';
import type { Transaction } from '../transactions.js';

/** A posting as a row of a table, with all that is to be said of its transaction. */
export interface Row {
  readonly position: bigint;
  /** Place of the posting in its transaction, from 1. */
  readonly line: number;
  readonly effectiveAt: Instant;
  readonly recordedAt: Instant;
  readonly eventType: string;
  readonly eventId: string;
  readonly stream: string;
  readonly revision: number;
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly promotionId: string | null;
  readonly account: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  /** What it cost: the amount itself where it has no cost in another currency, so that a column adds up to zero. */
  readonly costMinor: bigint;
  readonly costCurrency: string;
  readonly description: string;
}

/** In the order of the log; a transaction's rows stand together. */
export async function* rowsOf(transactions: AsyncIterable<Transaction>): AsyncGenerator<Row> {
  for await (const { position, effectiveAt, recordedAt, event, description, postings, ...owner } of transactions) {
    for (const [index, { account, amountMinor, currency, cost, promotionId }] of postings.entries()) {
      yield {
        position,
        line: index + 1,
        effectiveAt,
        recordedAt,
        eventType: event.type,
        eventId: event.id,
        stream: event.stream,
        revision: event.revision,
        advertiserId: owner.advertiserId,
        marketplace: owner.marketplace,
        promotionId: promotionId ?? null,
        account: ledgerAccountName(account),
        amountMinor,
        currency,
        costMinor: cost?.amountMinor ?? amountMinor,
        costCurrency: cost?.currency ?? currency,
        description,
      };
    }
  }
}
