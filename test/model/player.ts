/** Plays a history on the ledger and on the auditor at once, and stops at the first thing they do not agree on. */
import { Auditor } from '../support/auditor/auditor.js';
import type { Command } from '../support/auditor/facts.js';
import { iso, ms } from '../support/auditor/time.js';
import type { Coverage } from './coverage.js';
import type { LedgerUnderTest } from './ledger-under-test.js';
import { again, Cast, commandsOf, instantOf, runInstant } from './resolve.js';
import type { History, Step } from './steps.js';
import { NOW, RATES } from './world.js';

/** Rates are the whole ledger's, so they are recorded once, before all histories. */
export async function recordRates(ledger: LedgerUnderTest): Promise<Auditor> {
  const auditor = new Auditor(NOW);
  for (const command of RATES) {
    agree('a rate', (await ledger.submit(command)).status, auditor.submit(command).status);
  }
  return auditor;
}

export class Player {
  readonly auditor: Auditor;
  private readonly cast: Cast;
  private readonly sent: Command[] = [];
  private readonly transcript: string[] = [];
  /** Facts that were appended: their positions in the ledger's log, and their places in the auditor's. */
  readonly known: { readonly position: string; readonly order: number }[] = [];

  constructor(
    private readonly ledger: LedgerUnderTest,
    rates: Auditor,
    private readonly coverage: Coverage,
    private readonly history: History,
    id: string,
  ) {
    this.auditor = new Auditor(NOW, rates.log);
    this.cast = new Cast(id, history.accounts);
  }

  async play(): Promise<void> {
    try {
      const first = this.history.openedLate ? [0] : [0, 1];
      for (const command of this.cast.publish()) await this.submit(command);
      for (const account of first) await this.submit(this.cast.open(account));
      for (const [serial, step] of this.history.steps.entries()) await this.take(step, serial);
      await this.ask();
      await this.expire(NOW);
      await this.ask();
    } catch (error) {
      // The next history must not find this one's credits when it looks for what to sweep.
      await this.ledger.expire(NOW);
      throw new Error(`${String(error)}\n\nThe history:\n${this.transcript.join('\n')}`, { cause: error });
    }
  }

  private async take(step: Step, serial: number): Promise<void> {
    switch (step.kind) {
      case 'expire': {
        const { key } = this.cast.of(step.when.pick % 2);
        return this.expire(runInstant(instantOf(step.when, this.auditor.log, key)));
      }
      case 'disburse':
        return this.disburse(step.date);
      case 'again': {
        const command = this.sent[step.pick % this.sent.length];
        return command ? this.submit(again(command, step.how)) : undefined;
      }
      default:
        for (const command of commandsOf(step, this.cast, this.auditor.log, serial)) await this.submit(command);
    }
  }

  private async submit(command: Command): Promise<void> {
    const before = this.auditor.log;
    const cut = before.length;
    const predicted = this.auditor.submit(command);
    this.note(command, predicted);
    const result = await this.ledger.submit(command);
    this.sent.push(command);
    if (predicted.status === 'rejected') {
      agree('the refusal', { status: result.status, code: result.error?.code }, predicted);
    } else {
      agree(
        'the outcome',
        { status: result.status, event: result.event },
        {
          status: predicted.status,
          event: predicted.decided,
        },
      );
    }
    if (predicted.status === 'appended' && result.position !== null) {
      this.known.push({ position: result.position, order: predicted.order });
    }
    if (predicted.status === 'duplicate') this.agreeOnOriginal(predicted.order, result.position);
    this.coverage.submitted(this.auditor.log, cut, command, predicted);
  }

  /** A duplicate is answered with the original's position. */
  private agreeOnOriginal(order: number, position: string | null): void {
    const original = this.known.find((each) => each.order === order);
    if (original) agree("the original's position", position, original.position);
  }

  private async expire(asOf: string): Promise<void> {
    const cut = this.auditor.log.length;
    const predicted = this.auditor.expire(asOf);
    this.note(`expire ${asOf}`, predicted);
    agree('the expiry run', await this.ledger.expire(asOf), predicted);
    this.coverage.expired(this.auditor.log, cut, asOf);
  }

  private async disburse(date: string): Promise<void> {
    const predicted = this.auditor.disburse(this.cast.promotion(0), date);
    this.note(`disburse ${date}`, predicted);
    agree('the run', await this.ledger.disburse(this.cast.promotion(0), date), predicted);
    this.coverage.disbursed(this.auditor.log, predicted);
  }

  /** Balances at random points of both time axes. */
  private async ask(): Promise<void> {
    for (const { account, when, known } of this.history.questions) {
      const { key, ids } = this.cast.of(account);
      const asOf = iso(Math.min(instantOf(when, this.auditor.log, key), ms(NOW)));
      const cut = this.known[known % (this.known.length + 1)];
      const predicted = this.auditor.balance(ids.advertiserId, ids.marketplace, asOf, cut?.order);
      this.note(`balance of ${key} as of ${asOf}, known at ${cut ? `fact ${cut.order}` : 'the end'}`, predicted);
      const answer = await this.ledger.balance(ids.advertiserId, ids.marketplace, asOf, cut?.position);
      agree('the balance', answer, predicted ?? { code: 'unknown-account' });
      this.coverage.asked(predicted, cut !== undefined);
    }
  }

  private note(what: Command | string, predicted: unknown): void {
    const asked = typeof what === 'string' ? what : JSON.stringify(what);
    const short = asked.length > 400 ? `${asked.slice(0, 100)}…` : asked;
    this.transcript.push(`${this.auditor.log.length}: ${short}\n     -> ${JSON.stringify(predicted)}`);
  }
}

/** Throws unless the answer contains what was predicted. */
export function agree(what: string, actual: unknown, predicted: unknown): void {
  const difference = differenceIn(actual, predicted, '');
  if (difference === undefined) return;
  throw new Error(
    `${what} differs at ${difference}\n  ledger:  ${JSON.stringify(actual)}\n  auditor: ${JSON.stringify(predicted)}`,
  );
}

/** Where the first does not contain the second: objects may have more fields, lists must be as long. */
function differenceIn(actual: unknown, predicted: unknown, path: string): string | undefined {
  if (typeof predicted !== 'object' || predicted === null) return actual === predicted ? undefined : path || '/';
  if (typeof actual !== 'object' || actual === null) return path || '/';
  if (Array.isArray(predicted) && (!Array.isArray(actual) || actual.length !== predicted.length)) return path || '/';
  for (const [name, value] of Object.entries(predicted)) {
    const difference = differenceIn((actual as Record<string, unknown>)[name], value, `${path}/${name}`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}
