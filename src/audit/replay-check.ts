import { isDeepStrictEqual } from 'node:util';
import { ledgerAccountName } from '../accounts/domain/postings.js';
import type { EventStore } from '../event-store/event-store.js';
import { isRefusal } from '../kernel/refusal.js';
import type { AccountKey, Balance } from '../read-models/accounts-queries.js';
import type { Moment } from '../read-models/moment.js';
import type { Queries } from '../read-models/queries.js';
import type { ReadModels } from '../read-models/read-models.js';
import { Books } from './journal.js';
import { Qualifications } from './qualifications.js';
import { balanceOf, checkpoints, replay, type Replayed } from './replay.js';

export interface Difference {
  readonly what: string;
  readonly moment: Moment;
  /** As JSON. */
  readonly replayed: string;
  readonly answered: string;
}

export interface ReplayCheck {
  readonly moments: readonly Moment[];
  readonly events: number;
  /** Answers compared. */
  readonly compared: number;
  readonly differences: readonly Difference[];
}

/** What tells how far a long check is. */
export interface CheckProgress {
  start(what: string, total: number): void;
  advance(count: number): void;
  stop(): void;
}

/**
 * Folds the log from its first event for each of several moments on both time axes, and compares every account's balance
 * and qualifications, every promotion's runs, every pair's rates and every ledger account with what the read models answer. The read models must have caught up.
 */
export async function checkReplay(
  store: EventStore,
  queries: Queries,
  readModels: ReadModels,
  progress?: CheckProgress,
): Promise<ReplayCheck> {
  const head = await store.head();
  const moments = await checkpoints(store, head);
  const check = new Check(queries, readModels);
  let events = 0;
  progress?.start(
    'replaying',
    moments.reduce((sum, { known }) => sum + Number(known), 0),
  );
  for (const moment of moments) {
    const replayed = await replay(store, moment, () => progress?.advance(1));
    events = Math.max(events, replayed.events);
    check.compare(replayed, moment);
    const rates = readModels.rates.book(moment.known);
    await check.compareQualifications(new Qualifications(store, replayed, rates, moment), moment);
    await check.compareBooks(new Books(store, readModels), moment);
  }
  progress?.stop();
  return { moments, events, compared: check.compared, differences: check.differences };
}

class Check {
  compared = 0;
  readonly differences: Difference[] = [];

  constructor(
    private readonly queries: Queries,
    private readonly readModels: ReadModels,
  ) {}

  compare(replayed: Replayed, moment: Moment): void {
    for (const account of replayed.accounts.values()) {
      const { advertiserId, marketplace } = account;
      const balance = this.queries.balance(moment, advertiserId, marketplace);
      const folded = balanceOf(account, moment.asOf);
      this.equal(`the balance of ${advertiserId} in ${marketplace}`, folded, answeredBalance(balance), moment);
    }
    const accounts = [...this.readModels.accounts.allAccounts(moment.known)].map(keyOf).sort();
    this.equal('which accounts there are', [...replayed.accounts.values()].map(keyOf).sort(), accounts, moment);
    const book = this.readModels.rates.book(moment.known);
    for (const { rates } of replayed.rates.values()) {
      const { base, quote } = rates[0]!;
      const known = [...book.rates(base, quote, moment.asOf)].map(({ position: _, ...rate }) => rate);
      this.equal(`the rates of ${base}/${quote}`, rates, known, moment);
    }
    for (const { promotionId, completed } of replayed.promotions.values()) {
      const answer = this.queries.disbursements(moment, promotionId);
      const runs = isRefusal(answer) ? [] : answer.items.filter(({ state }) => state === 'completed');
      const told = runs.map(({ state: _, ...run }) => ({ promotionId, ...run }));
      const folded = completed.map((run) => ({ ...run, leftOut: run.leftOut ?? [] }));
      this.equal(`the runs of ${promotionId}`, folded, told, moment);
    }
  }

  async compareQualifications(qualifications: Qualifications, moment: Moment): Promise<void> {
    for await (const { account, promotionId, items } of qualifications.all()) {
      const { advertiserId, marketplace } = account;
      const answer = this.queries.qualification(moment, advertiserId, marketplace, promotionId);
      const name = `the qualification of ${advertiserId} in ${marketplace}`;
      this.equal(name, items, isRefusal(answer) ? answer : answer.items, moment);
    }
  }

  /** Every ledger account with what the postings of the log come to, and with no other. */
  async compareBooks(books: Books, moment: Moment): Promise<void> {
    const replayed = new Map<string, bigint>();
    for await (const { postings } of books.transactions(moment)) {
      for (const { account, currency, amountMinor } of postings) {
        const name = `${ledgerAccountName(account)} in ${currency}`;
        replayed.set(name, amountMinor + (replayed.get(name) ?? 0n));
      }
    }
    for await (const { account, currency, balanceMinor } of books.trialBalanceAll(moment)) {
      const name = `${account} in ${currency}`;
      this.equal(`what ${name} holds`, String(replayed.get(name) ?? 0n), String(balanceMinor), moment);
      replayed.delete(name);
    }
    for (const [name, sum] of replayed) this.equal(`what ${name} holds`, String(sum), '0', moment);
  }

  private equal(what: string, replayed: unknown, answered: unknown, moment: Moment): void {
    this.compared += 1;
    const [told, given] = [JSON.stringify(replayed), JSON.stringify(answered)];
    // As they would stand on the wire, whatever the order of their fields.
    if (isDeepStrictEqual(JSON.parse(told), JSON.parse(given))) return;
    this.differences.push({ what, moment, replayed: told, answered: given });
  }
}

const keyOf = ({ advertiserId, marketplace }: AccountKey) => `${advertiserId} ${marketplace}`;

/** The fields of a balance that the fold knows. */
function answeredBalance(balance: Balance | object): unknown {
  if (!('credits' in balance)) return balance;
  const { currency, billed, available, credits } = balance;
  const told = credits.map(({ creditId, remaining, drawn }) => ({ creditId, remaining, drawn }));
  return { currency, billed, available, credits: told };
}
