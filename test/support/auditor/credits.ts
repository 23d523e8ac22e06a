/** What credits hold, by adding up every movement again for each question. */
import { accountOf, factsOf, type Credit, type Log } from './facts.js';
import { amount, decimal, total, type Amount } from './money.js';
import { iso } from './time.js';

interface Movement {
  readonly at: number;
  readonly units: bigint;
}

export const creditsOf = (log: Log, account: string): Credit[] =>
  factsOf(log, 'CreditApplied').filter((credit) => credit.account === account);

const revocationsOf = (log: Log, credit: Credit) =>
  factsOf(log, 'CreditRevoked').filter((each) => each.account === credit.account && each.creditId === credit.creditId);

/** Swept or revoked by the record, whatever their effective times. */
export const hasEnded = (log: Log, credit: Credit): boolean => isSwept(log, credit) || isRevoked(log, credit);
export const isRevoked = (log: Log, credit: Credit): boolean => revocationsOf(log, credit).length > 0;
export const isSwept = (log: Log, credit: Credit): boolean =>
  factsOf(log, 'CreditExpired').some((each) => each.account === credit.account && each.creditId === credit.creditId);

const drawsOn = (log: Log, credit: Credit) =>
  factsOf(log, 'ClickSpent')
    .filter((click) => click.account === credit.account)
    .flatMap((click) => click.draws.map((draw) => ({ ...draw, at: click.at, clickId: click.clickId })))
    .filter((draw) => draw.creditId === credit.creditId);

const restorationsOf = (log: Log, credit: Credit) =>
  factsOf(log, 'ClickReversed')
    .filter((reversal) => reversal.account === credit.account)
    .flatMap((reversal) => reversal.restored.map((part) => ({ ...part, at: reversal.at })))
    .filter((part) => part.creditId === credit.creditId);

/** When the credit was last drawn on or restored, in effective time. */
export const lastTouched = (log: Log, credit: Credit): number =>
  Math.max(...[...drawsOn(log, credit), ...restorationsOf(log, credit)].map((part) => part.at));

/** Every recorded change of what the credit holds; its lapse and its sweep are no movements. */
function movementsOf(log: Log, credit: Credit): Movement[] {
  return [
    { at: credit.at, units: credit.applied },
    ...drawsOn(log, credit).map((draw) => ({ at: draw.at, units: -draw.units })),
    ...restorationsOf(log, credit),
    ...revocationsOf(log, credit).map((revocation) => ({ at: revocation.at, units: -revocation.taken })),
  ];
}

const heldAt = (movements: readonly Movement[], instant: number): bigint =>
  total(movements.filter((movement) => movement.at <= instant).map((movement) => movement.units));

/** The least that the credit holds at any instant from this one on, as far as recorded. */
export function leastFrom(log: Log, credit: Credit, instant: number): bigint {
  const movements = movementsOf(log, credit);
  const instants = [instant, ...movements.map((movement) => movement.at).filter((at) => at >= instant)];
  return instants.map((at) => heldAt(movements, at)).reduce((least, held) => (held < least ? held : least));
}

/** What is owed on the credit at an instant: what it holds, until it is revoked, or is swept, which counts from its end on. */
export function owedOn(log: Log, credit: Credit, instant: number): bigint {
  const isOver =
    (isSwept(log, credit) && instant >= credit.expiresAt) ||
    revocationsOf(log, credit).some((revocation) => revocation.at <= instant);
  return isOver ? 0n : heldAt(movementsOf(log, credit), instant);
}

/** What a sweep or a revocation finds. */
export const leftOf = (log: Log, credit: Credit): bigint => heldAt(movementsOf(log, credit), Infinity);

/** What the credit holds at an instant: nothing from its end on. */
export const holding = (log: Log, credit: Credit, instant: number): bigint =>
  instant >= credit.expiresAt ? 0n : heldAt(movementsOf(log, credit), instant);

/** What clicks drew that no recorded reversal, effective by the instant, has undone. */
export function drawnBy(log: Log, credit: Credit, instant: number): bigint {
  const reversed = factsOf(log, 'ClickReversed')
    .filter((reversal) => reversal.account === credit.account && reversal.at <= instant)
    .map((reversal) => reversal.clickId);
  return total(
    drawsOn(log, credit)
      .filter((draw) => draw.at <= instant && !reversed.includes(draw.clickId))
      .map((draw) => draw.units),
  );
}

/** Soonest expiry, then earliest applied, then creditId. */
export const inBurnOrder = (a: Credit, b: Credit): number =>
  a.expiresAt - b.expiresAt || a.at - b.at || (a.creditId < b.creditId ? -1 : 1);

export interface CreditAnswer {
  readonly creditId: string;
  readonly promotionId: string;
  readonly product: string;
  readonly granted: Amount;
  readonly applied: Amount;
  readonly qualifiedAt: string | null;
  readonly status: string;
  readonly remaining: string;
  readonly drawn: string;
  readonly appliedAt: string;
  readonly expiresAt: string;
  readonly withinSla: boolean | null;
  readonly origin: string;
}
export interface BalanceAnswer {
  readonly currency: string;
  readonly available: string;
  readonly billed: string;
  readonly credits: readonly CreditAnswer[];
}

const SLA_HOURS = 720;

function creditAnswer(log: Log, credit: Credit, currency: string, asOf: number): CreditAnswer {
  const remaining = holding(log, credit, asOf);
  const revoked = revocationsOf(log, credit).some((revocation) => revocation.at <= asOf);
  const expired = asOf >= credit.expiresAt;
  const { creditId, promotionId, product, origin, qualifiedAt } = credit;
  return {
    creditId,
    promotionId,
    product,
    granted: amount(credit.granted, credit.grantedIn),
    applied: amount(credit.applied, currency),
    qualifiedAt: qualifiedAt === null ? null : iso(qualifiedAt),
    status: revoked ? 'revoked' : expired ? 'expired' : remaining === 0n ? 'exhausted' : 'active',
    remaining: decimal(remaining, currency),
    drawn: decimal(drawnBy(log, credit, asOf), currency),
    appliedAt: iso(credit.at),
    expiresAt: iso(credit.expiresAt),
    withinSla: qualifiedAt === null ? null : credit.at <= qualifiedAt + SLA_HOURS * 3_600_000,
    origin,
  };
}

/** The balance as of an instant, by a log that may be cut to what was known; undefined when the account is not in it. */
export function balanceOf(log: Log, account: string, asOf: number): BalanceAnswer | undefined {
  const opened = factsOf(log, 'AccountOpened').find((each) => accountOf(each) === account);
  if (!opened) return undefined;
  const byNow = <Fact extends { account: string; at: number }>(fact: Fact) =>
    fact.account === account && fact.at <= asOf;
  const applied = creditsOf(log, account)
    .filter(byNow)
    .sort((a, b) => a.at - b.at || (a.creditId < b.creditId ? -1 : 1));
  const billed =
    total(
      factsOf(log, 'ClickSpent')
        .filter(byNow)
        .map((click) => click.billable),
    ) -
    total(
      factsOf(log, 'ClickReversed')
        .filter(byNow)
        .map((reversal) => reversal.billable),
    ) +
    total(
      factsOf(log, 'CreditRevoked')
        .filter(byNow)
        .map((revocation) => revocation.clawedBack),
    );
  return {
    currency: opened.currency,
    available: decimal(total(applied.map((credit) => holding(log, credit, asOf))), opened.currency),
    billed: decimal(billed, opened.currency),
    credits: applied.map((credit) => creditAnswer(log, credit, opened.currency, asOf)),
  };
}
