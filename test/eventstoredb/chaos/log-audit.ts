import { Auditor } from '../../support/auditor/auditor.js';
import { creditsOf, hasEnded, leftOf } from '../../support/auditor/credits.js';
import { factsOf, type Command, type Credit, type FactOf, type FactType } from '../../support/auditor/facts.js';
import { amount, total } from '../../support/auditor/money.js';
import { performRun } from '../../support/auditor/run.js';
import { iso, ms } from '../../support/auditor/time.js';
import type { EventLog } from '../../support/eventstoredb/log.js';
import { agree } from '../../model/player.js';

/** An event as it stands on the server, read without the adapter. */
export interface LoggedEvent {
  readonly stream: string;
  /** The natural id, `type:key`. */
  readonly id: string;
  readonly type: string;
  readonly revision: number;
  readonly position: string;
  readonly data: Record<string, unknown>;
}

/** What a ledger wrote to a server, in the order of its log. */
export function eventsOf(log: EventLog, prefix: string): LoggedEvent[] {
  const parse = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  return log.all
    .filter(({ stream }) => stream.startsWith(prefix))
    .map(({ stream, type, revision, position, data, metadata }) => ({
      stream: stream.slice(prefix.length),
      id: String(parse(metadata)['id']),
      type,
      revision,
      position: position.toString(),
      data: parse(data),
    }));
}

type Planned = ReturnType<typeof performRun>;
interface Completed {
  readonly credits: readonly string[];
  readonly deferrals: readonly { product: string; advertiserId: string; marketplace: string; reasons: string[] }[];
}

/**
 * Tells the auditor what a log holds, fact by fact, and throws at the first that the auditor would have decided otherwise.
 * A run decides by what stands before its start; its credits stand where they were applied, between other facts.
 */
export class LogAudit {
  private auditor: Auditor;
  private readonly runs = new Map<string, Planned>();
  /** How many facts the auditor knows once it has been told of the log up to a position. */
  private readonly known = new Map<string, number>();

  /** `commandOf` is what a client sent for a fact of the log. */
  constructor(
    private readonly now: string,
    private readonly commandOf: (event: LoggedEvent) => Command,
  ) {
    this.auditor = new Auditor(now);
  }

  take(event: LoggedEvent): void {
    const { type, data } = event;
    if (type === 'DisbursementRunStarted') this.plan(String(data['promotionId']), String(data['date']));
    else if (type === 'DisbursementRunCompleted') this.complete(String(data['promotionId']), data as never);
    else if (type === 'CreditExpired') this.sweep(event.stream, data);
    else if (data['origin'] === 'run') this.applyPlanned(data);
    else this.submit(event);
    this.known.set(event.position, this.auditor.log.length);
  }

  /** As known at a position of the log (undefined: all of it). */
  balance(advertiserId: string, marketplace: string, asOf: string, position?: string): object {
    const known = position === undefined ? undefined : this.known.get(position);
    return this.auditor.balance(advertiserId, marketplace, asOf, known) ?? { code: 'unknown-account' };
  }

  private submit(event: LoggedEvent): void {
    const predicted = this.auditor.submit(this.commandOf(event));
    const decided = predicted.status === 'appended' ? predicted.decided : predicted;
    agree(`${event.stream} ${event.id}`, event.data, decided);
  }

  private plan(promotionId: string, date: string): void {
    this.runs.set(promotionId, performRun(this.auditor.log, promotionId, date, ms(this.now)));
  }

  private applyPlanned(data: Record<string, unknown>): void {
    const { promotionId, creditId } = data as { promotionId: string; creditId: string };
    const credit = this.runs.get(promotionId)?.credits.find((each) => each.creditId === creditId);
    if (!credit) throw new Error(`${creditId} was given, and not by the facts before its run`);
    const { currency } = data['applied'] as { currency: string };
    const [appliedAt, expiresAt, applied] = [iso(credit.at), iso(credit.expiresAt), amount(credit.applied, currency)];
    agree(creditId, data, { appliedAt, expiresAt, applied });
    this.note('CreditApplied', credit);
  }

  private sweep(stream: string, data: Record<string, unknown>): void {
    const account = stream.slice('account-'.length);
    const credit = creditsOf(this.auditor.log, account).find(({ creditId }) => creditId === data['creditId']);
    if (!credit || hasEnded(this.auditor.log, credit)) throw new Error(`nothing to sweep: ${JSON.stringify(data)}`);
    const taken = leftOf(this.auditor.log, credit);
    const { currency } = data['amount'] as { currency: string };
    agree(`the sweep of ${credit.creditId}`, data, {
      amount: amount(taken, currency),
      expiredAt: iso(credit.expiresAt),
    });
    this.note('CreditExpired', { account, creditId: credit.creditId, at: credit.expiresAt, taken });
  }

  /** Of what was planned only a manual grant may have kept the run, one that came after its start. */
  private complete(promotionId: string, { credits, deferrals }: Completed): void {
    const plan = this.runs.get(promotionId)?.report;
    if (!plan) throw new Error(`the run of ${promotionId} was completed and could not be performed`);
    const given = factsOf(this.auditor.log, 'CreditApplied').filter((credit) => credit.promotionId === promotionId);
    const byRun = given.filter(({ origin }) => origin === 'run').map(({ creditId }) => creditId);
    agree(
      `the credits of ${promotionId}`,
      credits,
      plan.credits.filter((creditId) => byRun.includes(creditId)),
    );
    agree(`the credits of ${promotionId}`, [...credits].sort(), [...byRun].sort());
    for (const credit of this.runs.get(promotionId)!.credits) {
      if (!credits.includes(credit.creditId)) this.agreeItHadTo(credit, given);
    }
    const isTaken = (each: Completed['deferrals'][number]) =>
      given.some(
        (credit) => credit.account === `${each.advertiserId}.${each.marketplace}` && credit.product === each.product,
      );
    const expected = plan.deferrals.filter((each) => !isTaken(each));
    const told = expected.map((each) => deferrals.find((other) => sameProduct(each, other)));
    agree(`the deferrals of ${promotionId}`, told, expected);
    this.note('DisbursementRun', { ...plan, credits, deferrals });
  }

  /** A credit that was planned and is not there: its product is taken, or the cap filled. */
  private agreeItHadTo(credit: Credit, given: readonly Credit[]): void {
    const ofAccount = given.filter(({ account }) => account === credit.account);
    const isOverCap = total(ofAccount.map(({ granted }) => granted)) + credit.granted > CAP_MINOR;
    const isTaken = ofAccount.some(({ product }) => product === credit.product);
    if (!isTaken && !isOverCap) throw new Error(`${credit.creditId} was not given, and nothing stood in its way`);
  }

  private note<Type extends FactType>(type: Type, fact: FactOf[Type]): void {
    const order = this.auditor.log.length + 1;
    this.auditor = new Auditor(this.now, [...this.auditor.log, { order, type, key: '', content: '', fact } as never]);
  }
}

/** USD 600 for an account, by the terms. */
export const CAP_MINOR = 60_000n;

const sameProduct = (a: Completed['deferrals'][number], b: Completed['deferrals'][number]): boolean =>
  a.advertiserId === b.advertiserId && a.marketplace === b.marketplace && a.product === b.product;
