/**
 * The independent auditor: a second ledger, written from the specification alone and in another way than the first. It
 * keeps nothing but the list of accepted facts, and works every answer out from the whole list, with filters and sums.
 * Given the same commands it says what each must come to, and what every balance must be.
 */
import { balanceOf, hasEnded, leftOf, type BalanceAnswer } from './credits.js';
import { currencyOf, decide } from './decisions.js';
import { accountOf, factsOf, type Command, type Entry, type FactType, type Log, type Part } from './facts.js';
import { contentOf, faultOf, keyOf } from './keys.js';
import { amount, type Amount } from './money.js';
import { performRun, type RunAnswer } from './run.js';
import { iso, ms } from './time.js';

/** What an item is answered with: `order` is the fact's place in the log, `decided` the parts that the ledger decides. */
export type Outcome =
  | { readonly status: 'appended' | 'duplicate'; readonly order: number; readonly decided: object }
  | { readonly status: 'rejected'; readonly code: string };

export interface ExpiryAnswer {
  readonly expired: number;
  readonly amounts: readonly Amount[];
}

export class Auditor {
  private readonly entries: Entry[];

  /** `now` is the latest instant for which runs may be asked; `before` is what was accepted already. */
  constructor(
    private readonly now: string,
    before: Log = [],
  ) {
    this.entries = [...before];
  }

  get log(): Log {
    return this.entries;
  }

  /** Predicts what a command comes to, and takes it into the log when it is accepted. */
  submit(command: Command): Outcome {
    const fault = faultOf(command);
    if (fault) return { status: 'rejected', code: fault };
    const [key, content] = [keyOf(command), contentOf(command)];
    const earlier = this.entries.find((entry) => entry.key === key);
    if (earlier) {
      if (earlier.content !== content) return { status: 'rejected', code: 'conflicting-duplicate' };
      return { status: 'duplicate', order: earlier.order, decided: this.decidedIn(earlier) };
    }
    const fact = decide(this.entries, command);
    if (typeof fact === 'string') return { status: 'rejected', code: fact };
    const entry = this.append(command.type, fact, key, content);
    return { status: 'appended', order: entry.order, decided: this.decidedIn(entry) };
  }

  /** Sweeps every credit whose end and grace are reached. */
  expire(asOf: string): ExpiryAnswer | { readonly code: string } {
    if (ms(asOf) > ms(this.now)) return { code: 'invalid-command' };
    const due = factsOf(this.entries, 'CreditApplied')
      .filter((credit) => credit.sweepableAt <= ms(asOf))
      .filter((credit) => !hasEnded(this.entries, credit));
    const swept = due.map((credit) => ({ credit, taken: leftOf(this.entries, credit) }));
    for (const { credit, taken } of swept) {
      const { account, creditId } = credit;
      this.append('CreditExpired', { account, creditId, at: credit.expiresAt, taken });
    }
    const byCurrency = new Map<string, bigint>();
    for (const { credit, taken } of swept) {
      const currency = currencyOf(this.entries, credit.account);
      byCurrency.set(currency, (byCurrency.get(currency) ?? 0n) + taken);
    }
    const amounts = [...byCurrency].filter(([, units]) => units > 0n).sort(([a], [b]) => (a < b ? -1 : 1));
    return { expired: swept.length, amounts: amounts.map(([currency, units]) => amount(units, currency)) };
  }

  /** Performs a disbursement run, or answers with what it came to before. */
  disburse(promotionId: string, date: string): RunAnswer | { readonly code: string } {
    const { answer, credits, report } = performRun(this.entries, promotionId, date, ms(this.now));
    for (const credit of credits) this.append('CreditApplied', credit);
    if (report) this.append('DisbursementRun', report);
    return answer;
  }

  /** The balance as of an instant, by the first `known` facts of the log (all of them when not given). */
  balance(advertiserId: string, marketplace: string, asOf: string, known?: number): BalanceAnswer | undefined {
    return balanceOf(this.entries.slice(0, known), accountOf({ advertiserId, marketplace }), ms(asOf));
  }

  private append<Type extends FactType>(type: Type, fact: object, key = '', content = ''): Entry {
    const entry = { order: this.entries.length + 1, type, key, content, fact } as Entry;
    this.entries.push(entry);
    return entry;
  }

  /** The decided parts of an accepted fact, as they travel. */
  private decidedIn(entry: Entry): object {
    const parts = (some: readonly Part[], currency: string) =>
      some.map(({ creditId, units }) => ({ creditId, amount: amount(units, currency) }));
    switch (entry.type) {
      case 'CreditApplied': {
        const { account, applied, expiresAt, origin } = entry.fact;
        return { applied: amount(applied, currencyOf(this.entries, account)), expiresAt: iso(expiresAt), origin };
      }
      case 'ClickSpent': {
        const currency = currencyOf(this.entries, entry.fact.account);
        return { draws: parts(entry.fact.draws, currency), billable: amount(entry.fact.billable, currency) };
      }
      case 'ClickReversed': {
        const currency = currencyOf(this.entries, entry.fact.account);
        const [restored, forfeited] = [parts(entry.fact.restored, currency), parts(entry.fact.forfeited, currency)];
        return { restored, forfeited, billable: amount(entry.fact.billable, currency) };
      }
      case 'CreditRevoked': {
        const currency = currencyOf(this.entries, entry.fact.account);
        return { amount: amount(entry.fact.taken, currency), clawedBack: amount(entry.fact.clawedBack, currency) };
      }
      default:
        return {};
    }
  }
}
