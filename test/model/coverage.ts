/** Counts which cases the random histories have reached, so that a generator gone blind is noticed. */
import type { BalanceAnswer } from '../support/auditor/credits.js';
import { creditsOf, hasEnded, holding, isSwept, leastFrom } from '../support/auditor/credits.js';
import type { Outcome } from '../support/auditor/auditor.js';
import {
  factsOf,
  type Click,
  type Command,
  type Log,
  type Reversal,
  type Revocation,
} from '../support/auditor/facts.js';
import { ms } from '../support/auditor/time.js';

/** What the histories of one test must all have reached. */
export const CASES = [
  'click: paid by two credits or more',
  'click: paid in part, billed in part',
  'click: late, and drew',
  'click: late, held back by what happened later',
  'click: late, in the grace after an expiry run',
  'click: for a swept credit, too late',
  'click: at the first instant of a credit that pays',
  'click: at the last millisecond of a credit that pays',
  'click: at the very end of a credit with something left',
  'click: of a product that a live credit does not cover',
  'reversal: all restored',
  'reversal: forfeited',
  'reversal: restored in part, forfeited in part',
  'reversal: of a click clawed back',
  'revocation: took what was left',
  'revocation: clawed back',
  'revocation: of a credit that had ended, unswept',
  'revocation: of a swept credit, clawed back',
  'expiry: with something left',
  'expiry: with nothing left',
  'expiry: of two currencies in one run',
  'run: applied',
  'run: applied what an earlier run had deferred',
  'run: deferred for account-not-open',
  'run: deferred for payment-method-invalid',
  'run: deferred for standing-suspended',
  'run: deferred for cap-exceeded',
  'run: deferred for no-fx-rate',
  'run: refused with run-out-of-order',
  'run: refused with unknown-run',
  'grant: refused, as it converts to nothing',
  'grant: ends at the same instant as another, applied earlier',
  'duplicate: ClickSpent',
  'duplicate: ClickReversed',
  'duplicate: CreditApplied',
  'duplicate: CreditRevoked',
  'balance: with active, exhausted, expired and revoked credits known at some earlier position',
  ...[
    ['ClickSpent', 'invalid-command', 'precision', 'conflicting-duplicate', 'unknown-account', 'currency-mismatch'],
    ['ClickReversed', 'invalid-command', 'conflicting-duplicate', 'unknown-click'],
    ['CreditRevoked', 'invalid-command', 'conflicting-duplicate', 'unknown-credit', 'revocation-too-early'],
    ['CreditApplied', 'invalid-command', 'precision', 'conflicting-duplicate', 'already-granted', 'cap-exceeded'],
    ['CreditApplied', 'no-fx-rate', 'stale-fx-rate'],
    ['CampaignActivated', 'campaign-mismatch'],
  ].flatMap(([type, ...codes]) => codes.map((code) => `${type}: ${code}`)),
];

export class Coverage {
  private readonly counts = new Map<string, number>(CASES.map((name) => [name, 0]));
  private lastExpiry = -Infinity;
  private statuses = new Set<string>();

  /** For each case, how often it was reached. */
  get report(): string {
    return [...this.counts].map(([name, count]) => `${String(count).padStart(7)}  ${name}`).join('\n');
  }
  get missed(): string[] {
    return CASES.filter((name) => this.counts.get(name) === 0);
  }

  begin(): void {
    this.lastExpiry = -Infinity;
    this.statuses = new Set();
  }

  submitted(log: Log, cut: number, command: Command, outcome: Outcome): void {
    if (outcome.status === 'rejected') {
      const tiny = command.type === 'CreditApplied' && command.data.granted.amount === '0.01';
      this.when('grant: refused, as it converts to nothing', tiny && outcome.code === 'precision');
      return this.saw(`${command.type}: ${outcome.code}`);
    }
    if (outcome.status === 'duplicate') return this.saw(`duplicate: ${command.type}`);
    const entry = log[cut];
    const before = log.slice(0, cut);
    if (entry?.type === 'ClickSpent' && command.type === 'ClickSpent') {
      this.click(before, entry.fact, command.data.product);
    } else if (entry?.type === 'ClickReversed') this.reversal(before, entry.fact);
    else if (entry?.type === 'CreditRevoked') this.revocation(before, entry.fact);
    else if (entry?.type === 'CreditApplied') {
      const { account, expiresAt, at } = entry.fact;
      const twins = creditsOf(before, account).filter((each) => each.expiresAt === expiresAt && each.at !== at);
      if (twins.length > 0) this.saw('grant: ends at the same instant as another, applied earlier');
    }
  }

  expired(log: Log, cut: number, asOf: string): void {
    this.lastExpiry = Math.max(this.lastExpiry, ms(asOf));
    const sweeps = factsOf(log.slice(cut), 'CreditExpired');
    if (sweeps.some((sweep) => sweep.taken > 0n)) this.saw('expiry: with something left');
    if (sweeps.some((sweep) => sweep.taken === 0n)) this.saw('expiry: with nothing left');
    const accounts = new Set(sweeps.filter((sweep) => sweep.taken > 0n).map((sweep) => sweep.account));
    if (accounts.size > 1) this.saw('expiry: of two currencies in one run');
  }

  disbursed(log: Log, answer: { readonly code: string } | { readonly credits: readonly string[] }): void {
    if ('code' in answer) return this.saw(`run: refused with ${answer.code}`);
    const reports = factsOf(log, 'DisbursementRun');
    if (answer.credits.length > 0) this.saw('run: applied');
    for (const reason of reports.at(-1)?.deferrals.flatMap((deferral) => deferral.reasons) ?? []) {
      this.saw(`run: deferred for ${reason}`);
    }
    const deferred = reports
      .slice(0, -1)
      .flatMap((report) => report.deferrals)
      .map((each) => `${reports[0]?.promotionId}:${each.advertiserId}:${each.marketplace}:${each.product}`);
    if (answer.credits.some((creditId) => deferred.includes(creditId))) {
      this.saw('run: applied what an earlier run had deferred');
    }
  }

  asked(answer: BalanceAnswer | undefined, cut: boolean): void {
    if (!cut) return;
    for (const credit of answer?.credits ?? []) this.statuses.add(credit.status);
    if (this.statuses.size === 4) {
      this.saw('balance: with active, exhausted, expired and revoked credits known at some earlier position');
    }
  }

  private click(before: Log, click: Click, product: string): void {
    const { at, draws, billable, account } = click;
    const inTime = creditsOf(before, account).filter((credit) => credit.at <= at && at < credit.expiresAt);
    const live = inTime.filter((credit) => credit.appliesTo.includes(product) && !hasEnded(before, credit));
    const paying = live.filter((credit) => draws.some((draw) => draw.creditId === credit.creditId));
    const isLate = factsOf(before, 'ClickSpent').some((other) => other.account === account && other.at > at);
    const left = (credit: (typeof live)[number]) => leastFrom(before, credit, at);
    this.when('click: paid by two credits or more', draws.length > 1);
    this.when('click: paid in part, billed in part', draws.length > 0 && billable > 0n);
    this.when('click: late, and drew', isLate && draws.length > 0);
    this.when(
      'click: late, held back by what happened later',
      billable > 0n && live.some((credit) => left(credit) < holding(before, credit, at)),
    );
    this.when(
      'click: late, in the grace after an expiry run',
      paying.some((each) => each.expiresAt <= this.lastExpiry),
    );
    this.when(
      'click: for a swept credit, too late',
      inTime.some((credit) => isSwept(before, credit)),
    );
    this.when(
      'click: at the first instant of a credit that pays',
      paying.some((credit) => credit.at === at),
    );
    this.when(
      'click: at the last millisecond of a credit that pays',
      paying.some((each) => each.expiresAt === at + 1),
    );
    this.when(
      'click: at the very end of a credit with something left',
      creditsOf(before, account).some(
        (credit) => credit.expiresAt === at && !hasEnded(before, credit) && left(credit) > 0n && billable > 0n,
      ),
    );
    this.when(
      'click: of a product that a live credit does not cover',
      inTime.some((credit) => !hasEnded(before, credit) && !credit.appliesTo.includes(product)),
    );
  }

  private reversal(before: Log, reversal: Reversal): void {
    const { restored, forfeited, clickId, account } = reversal;
    const click = factsOf(before, 'ClickSpent').find((each) => each.account === account && each.clickId === clickId);
    this.when('reversal: all restored', restored.length > 0 && forfeited.length === 0);
    this.when('reversal: forfeited', forfeited.length > 0);
    this.when('reversal: restored in part, forfeited in part', restored.length > 0 && forfeited.length > 0);
    this.when('reversal: of a click clawed back', click !== undefined && reversal.billable > click.billable);
  }

  private revocation(before: Log, { creditId, account, taken, clawedBack, at }: Revocation): void {
    const credit = creditsOf(before, account).find((each) => each.creditId === creditId);
    if (!credit) return;
    this.when('revocation: took what was left', taken > 0n);
    this.when('revocation: clawed back', clawedBack > 0n);
    this.when('revocation: of a credit that had ended, unswept', at >= credit.expiresAt && taken > 0n);
    this.when('revocation: of a swept credit, clawed back', isSwept(before, credit) && clawedBack > 0n);
  }

  private when(name: string, reached: boolean): void {
    if (reached) this.saw(name);
  }

  private saw(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}
