import type { AccountItem, Balance, DemoLedger, Delivered, Page, StatementLine } from '../../src/demo/ledger.js';
import type { Instant } from '../../src/kernel/instant.js';
import { Auditor } from '../support/auditor/auditor.js';
import { accountOf, factsOf, type Command, type Entry, type Part } from '../support/auditor/facts.js';
import { decimal, total } from '../support/auditor/money.js';
import { iso } from '../support/auditor/time.js';

/** So few to a page that every account's statement has several. */
const PAGE = 7;

/** The auditor knows the digits of these currencies alone, so rates and marketplaces of others pass it by. */
const KNOWN_CURRENCIES = ['EUR', 'GBP', 'JPY', 'USD'];
const KNOWN_MARKETPLACES = ['DE', 'ES', 'FR', 'IT', 'JP', 'NL', 'UK', 'US'];

/** The demo's ledger, answered by the independent auditor: the demo is tested without the application it will run on. */
export class AuditedLedger implements DemoLedger {
  readonly auditor = new Auditor('2023-12-31T00:00:00.000Z');

  submit(commands: readonly unknown[]): Promise<readonly Delivered[]> {
    return Promise.resolve((commands as Command[]).map((command) => this.deliver(command)));
  }

  disburse(promotionId: string, date: string) {
    const answer = orThrow(this.auditor.disburse(promotionId, date));
    return Promise.resolve({ ...answer, runAt: answer.runAt as Instant, position: String(this.auditor.log.length) });
  }

  expire(asOf: Instant) {
    return Promise.resolve(orThrow(this.auditor.expire(asOf)));
  }

  accounts({ asOf, cursor }: { asOf: Instant; cursor?: string }): Promise<Page<AccountItem>> {
    const opened = factsOf(this.auditor.log, 'AccountOpened').filter(({ occurredAt }) => occurredAt <= asOf);
    const items = opened
      .sort((a, b) => (accountOf(a) < accountOf(b) ? -1 : 1))
      .map(({ advertiserId, marketplace, currency }) => {
        const available = { amount: this.balanceAt(advertiserId, marketplace, asOf).available, currency };
        return { advertiserId, marketplace, currency, available };
      });
    return Promise.resolve(pageOf(items, cursor));
  }

  statement(advertiserId: string, marketplace: string, { asOf, cursor }: { asOf: Instant; cursor?: string }) {
    const account = accountOf({ advertiserId, marketplace });
    const { currency } = this.balanceAt(advertiserId, marketplace, asOf);
    const own = this.auditor.log.filter((entry) => (entry.fact as { account?: string }).account === account);
    const lines = own.flatMap((entry) => lineOf(entry, currency)).filter(({ effectiveAt }) => effectiveAt <= asOf);
    return Promise.resolve(pageOf(lines.sort(inEffectiveOrder), cursor));
  }

  balance(advertiserId: string, marketplace: string, { asOf, knownAt }: { asOf: Instant; knownAt?: string }) {
    const known = knownAt === undefined ? undefined : Number(knownAt.replace('position:', ''));
    return Promise.resolve(this.balanceAt(advertiserId, marketplace, asOf, known));
  }

  private deliver(command: Command): Delivered {
    const { type } = command;
    if (isForeign(command)) return { type, status: 'appended', position: String(this.auditor.log.length) };
    const outcome = this.auditor.submit(command);
    return outcome.status === 'rejected'
      ? { type, status: 'rejected', position: null, error: { code: outcome.code, detail: JSON.stringify(command) } }
      : { type, status: outcome.status, position: String(outcome.order) };
  }

  private balanceAt(advertiserId: string, marketplace: string, asOf: Instant, known?: number): Balance {
    const answer = this.auditor.balance(advertiserId, marketplace, asOf, known);
    if (answer === undefined) throw new Error(`unknown-account ${advertiserId} ${marketplace}`);
    return answer as unknown as Balance;
  }
}

function isForeign({ data }: Command): boolean {
  if ('quote' in data) return !KNOWN_CURRENCIES.includes(data.quote);
  return 'marketplace' in data && !KNOWN_MARKETPLACES.includes(data.marketplace);
}

function orThrow<Answer extends object>(answer: Answer | { readonly code: string }): Answer {
  if ('code' in answer) throw new Error(answer.code);
  return answer;
}

function pageOf<Item>(items: readonly Item[], cursor = '0'): Page<Item> {
  const end = Number(cursor) + PAGE;
  return { items: items.slice(Number(cursor), end), next: end < items.length ? String(end) : null };
}

const inEffectiveOrder = (a: StatementLine, b: StatementLine): number =>
  a.effectiveAt === b.effectiveAt ? Number(a.position) - Number(b.position) : a.effectiveAt < b.effectiveAt ? -1 : 1;

/** A statement's line of an account's fact; a swept credit that had nothing left makes none. */
function lineOf(entry: Entry, currency: string): StatementLine[] {
  const line = (kind: StatementLine['kind'], at: number, amount: bigint, billable: bigint, ids: object) => ({
    effectiveAt: iso(at) as Instant,
    recordedAt: iso(entry.order) as Instant,
    position: String(entry.order),
    kind,
    ...ids,
    amount: decimal(amount, currency),
    billable: decimal(billable, currency),
  });
  const sum = (parts: readonly Part[]) => total(parts.map(({ units }) => units));
  switch (entry.type) {
    case 'CreditApplied': {
      const { at, applied, creditId } = entry.fact;
      return [line('credit-applied', at, applied, 0n, { creditId })];
    }
    case 'ClickSpent': {
      const { at, draws, billable, clickId } = entry.fact;
      return [line('click', at, -sum(draws), billable, { clickId })];
    }
    case 'ClickReversed': {
      const { at, restored, billable, clickId } = entry.fact;
      return [line('click-reversed', at, sum(restored), -billable, { clickId })];
    }
    case 'CreditRevoked': {
      const { at, taken, clawedBack, creditId } = entry.fact;
      return [line('credit-revoked', at, -taken, clawedBack, { creditId })];
    }
    case 'CreditExpired': {
      const { at, taken, creditId } = entry.fact;
      return taken === 0n ? [] : [line('credit-expired', at, -taken, 0n, { creditId })];
    }
    default:
      return [];
  }
}
