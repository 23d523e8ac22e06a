/** The trial balance of an account, by adding up again what each kind of fact put into each ledger account. */
import { creditsOf, owedOn } from './credits.js';
import { currencyOf } from './decisions.js';
import { factsOf, type Log } from './facts.js';
import { total } from './money.js';

/** Of each ledger account and currency, `name CUR`, what it holds and what that cost; none that holds nothing. */
export interface AuditedBooks {
  readonly balances: ReadonlyMap<string, bigint>;
  /** By currency, with credits at what they were granted for. */
  readonly atCost: ReadonlyMap<string, bigint>;
}

/** Of one account (`adv.DE`) at an instant, by a log that may be cut to what was known. */
export function booksOf(log: Log, account: string, asOf: number): AuditedBooks {
  const [advertiser = '', marketplace = ''] = account.split('.');
  const currency = currencyOf(log, account);
  const balances = new Map<string, bigint>();
  const atCost = new Map<string, bigint>();
  const put = (into: Map<string, bigint>, key: string, units: bigint) => into.set(key, (into.get(key) ?? 0n) + units);
  const book = (levels: readonly string[], units: bigint, unit = currency) => {
    const name = levels.map((level) => level.split('%').join('%25').split(':').join('%3A')).join(':');
    put(balances, `${name} ${unit}`, units);
    put(atCost, unit, units);
  };
  const byNow = <Fact extends { account: string; at: number }>(fact: Fact) =>
    fact.account === account && fact.at <= asOf;
  const promotionOf = (creditId: string) =>
    creditsOf(log, account).find((credit) => credit.creditId === creditId)!.promotionId;

  for (const credit of creditsOf(log, account).filter(byNow)) {
    book(['liabilities', 'credits', advertiser, marketplace, credit.creditId], -owedOn(log, credit, asOf));
    book(['expenses', 'promotions', credit.promotionId], credit.granted, credit.grantedIn);
    // At cost what was applied in one currency was owed in the other.
    put(atCost, currency, credit.applied);
    put(atCost, credit.grantedIn, -credit.granted);
  }
  const clicks = factsOf(log, 'ClickSpent');
  for (const click of clicks.filter(byNow)) {
    book(['income', 'clicks', click.product], -click.cost);
    book(['assets', 'receivable', advertiser, marketplace], click.billable);
  }
  for (const reversal of factsOf(log, 'ClickReversed').filter(byNow)) {
    const click = clicks.find((each) => each.account === account && each.clickId === reversal.clickId)!;
    book(['income', 'clicks', click.product], click.cost);
    book(['assets', 'receivable', advertiser, marketplace], -reversal.billable);
    for (const { creditId, units } of reversal.forfeited) book(['income', 'breakage', promotionOf(creditId)], -units);
  }
  for (const { creditId, taken } of factsOf(log, 'CreditExpired').filter(byNow)) {
    book(['income', 'breakage', promotionOf(creditId)], -taken);
  }
  for (const { creditId, taken, clawedBack } of factsOf(log, 'CreditRevoked').filter(byNow)) {
    book(['expenses', 'promotions', promotionOf(creditId), 'revoked'], -total([taken, clawedBack]));
    book(['assets', 'receivable', advertiser, marketplace], clawedBack);
  }
  const nonZero = (sums: Map<string, bigint>) => new Map([...sums].filter(([, units]) => units !== 0n));
  return { balances: nonZero(balances), atCost: nonZero(atCost) };
}
