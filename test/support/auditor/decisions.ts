/** The decisions: what each command comes to, given everything accepted before it. */
import { creditsOf, drawnBy, hasEnded, inBurnOrder, isSwept, lastTouched, leastFrom, leftOf } from './credits.js';
import { accountOf, factsOf, type Command, type DataOf, type FactOf, type Log, type Part } from './facts.js';
import { convert, minor, ratesOf, total } from './money.js';
import { lifeOf } from './promotion.js';
import { daysOf, ms } from './time.js';

function opening(log: Log, account: string) {
  return factsOf(log, 'AccountOpened').find((each) => accountOf(each) === account);
}

export function currencyOf(log: Log, account: string): string {
  const opened = opening(log, account);
  if (!opened) throw new Error(`${account} was never opened`);
  return opened.currency;
}

/** What a command comes to on the log so far: the fact to note down, or the code it is refused with. */
export function decide(log: Log, command: Command): object | string {
  switch (command.type) {
    case 'FxRateRecorded':
    case 'PromotionPublished':
    case 'AccountOpened':
    case 'CampaignPaused':
    case 'CampaignEnded':
      return command.data;
    case 'AdvertiserInvited':
      return promotion(log, command.data.promotionId) ? command.data : 'unknown-promotion';
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return accountFault(log, command.data, command.data.occurredAt) ?? command.data;
    case 'CampaignActivated':
    case 'ApiChangeRecorded':
      return campaignFault(log, command.data) ?? command.data;
    case 'CreditApplied':
      return grant(log, command.data);
    case 'ClickSpent':
      return click(log, command.data);
    case 'ClickReversed':
      return reversal(log, command.data);
    case 'CreditRevoked':
      return revocation(log, command.data);
  }
}

function promotion(log: Log, promotionId: string) {
  return factsOf(log, 'PromotionPublished').find((each) => each.promotionId === promotionId);
}

function accountFault(log: Log, of: { advertiserId: string; marketplace: string }, at: string): string | undefined {
  const opened = opening(log, accountOf(of));
  if (!opened) return 'unknown-account';
  return ms(at) < ms(opened.occurredAt) ? 'invalid-command' : undefined;
}

function campaignFault(log: Log, data: DataOf<'CampaignActivated'>): string | undefined {
  const first = log
    .filter((entry) => entry.type === 'CampaignActivated' || entry.type === 'ApiChangeRecorded')
    .map((entry) => entry.fact)
    .find((fact) => fact.campaignId === data.campaignId);
  const same = !first || (accountOf(first) === accountOf(data) && first.product === data.product);
  return same ? undefined : 'campaign-mismatch';
}

function grant(log: Log, data: DataOf<'CreditApplied'>): FactOf['CreditApplied'] | string {
  const account = accountOf(data);
  const opened = opening(log, account);
  if (!opened) return 'unknown-account';
  const terms = promotion(log, data.promotionId)?.terms;
  if (!terms) return 'unknown-promotion';
  if (!terms.products.includes(data.product) || !terms.marketplaces.includes(data.marketplace)) {
    return 'invalid-command';
  }
  const at = ms(data.appliedAt);
  if (at < ms(opened.occurredAt)) return 'invalid-command';
  const earlier = creditsOf(log, account).filter((credit) => credit.promotionId === data.promotionId);
  if (earlier.some((credit) => credit.product === data.product)) return 'already-granted';
  const granted = minor(data.granted);
  if (total(earlier.map((credit) => credit.granted)) + granted > minor(terms.award.capPerMarketplace)) {
    return 'cap-exceeded';
  }
  const rates = ratesOf(log);
  const maxAgeDays = daysOf(terms.fx.maxAge);
  const applied = convert(granted, [data.granted.currency, opened.currency], { instant: at, rates, maxAgeDays });
  if (typeof applied === 'string') return applied;
  if (applied === 0n) return 'precision';
  const { creditId, promotionId, product } = data;
  const grantedIn = data.granted.currency;
  const given = { account, creditId, promotionId, product, granted, grantedIn, applied, at };
  return { ...given, ...lifeOf(terms, at), origin: 'manual', qualifiedAt: null };
}

function click(log: Log, data: DataOf<'ClickSpent'>): FactOf['ClickSpent'] | string {
  const account = accountOf(data);
  const fault = accountFault(log, data, data.occurredAt);
  if (fault) return fault;
  if (data.cost.currency !== currencyOf(log, account)) return 'currency-mismatch';
  const [at, cost] = [ms(data.occurredAt), minor(data.cost)];
  const live = creditsOf(log, account)
    .filter((credit) => credit.at <= at && at < credit.expiresAt && credit.appliesTo.includes(data.product))
    .filter((credit) => !hasEnded(log, credit))
    .sort(inBurnOrder);
  const draws: Part[] = [];
  for (const credit of live) {
    const wanted = cost - total(draws.map((draw) => draw.units));
    const least = leastFrom(log, credit, at);
    const units = least < wanted ? least : wanted;
    if (units > 0n) draws.push({ creditId: credit.creditId, units });
  }
  const { clickId, product } = data;
  return { account, clickId, product, cost, at, draws, billable: cost - total(draws.map((draw) => draw.units)) };
}

function reversal(log: Log, data: DataOf<'ClickReversed'>): FactOf['ClickReversed'] | string {
  const account = accountOf(data);
  if (!opening(log, account)) return 'unknown-account';
  const click = factsOf(log, 'ClickSpent').find((each) => each.account === account && each.clickId === data.clickId);
  if (!click) return 'unknown-click';
  const at = ms(data.occurredAt);
  const clawbacks = factsOf(log, 'CreditRevoked')
    .filter((each) => each.account === account && each.clawback)
    .filter((each) => click.draws.some((draw) => draw.creditId === each.creditId));
  if (at < click.at || clawbacks.some((clawback) => at < clawback.at)) return 'invalid-command';
  const isClawedBack = (part: Part) => clawbacks.some((clawback) => clawback.creditId === part.creditId);
  const goesBack = (part: Part) => {
    const credit = creditsOf(log, account).find((each) => each.creditId === part.creditId);
    return credit !== undefined && !hasEnded(log, credit) && at < credit.expiresAt;
  };
  const unclawed = click.draws.filter(isClawedBack);
  const restored = click.draws.filter((part) => !isClawedBack(part) && goesBack(part));
  const forfeited = click.draws.filter((part) => !isClawedBack(part) && !goesBack(part));
  const billable = click.billable + total(unclawed.map((part) => part.units));
  return { account, clickId: click.clickId, at, restored, forfeited, billable };
}

function revocation(log: Log, data: DataOf<'CreditRevoked'>): FactOf['CreditRevoked'] | string {
  const account = accountOf(data);
  if (!opening(log, account)) return 'unknown-account';
  const credit = creditsOf(log, account).find((each) => each.creditId === data.creditId);
  if (!credit) return 'unknown-credit';
  const at = ms(data.occurredAt);
  const swept = isSwept(log, credit);
  if (at < lastTouched(log, credit) || (swept && at < credit.expiresAt)) return 'revocation-too-early';
  if (at < credit.at) return 'invalid-command';
  const clawedBack = data.clawback ? drawnBy(log, credit, Infinity) : 0n;
  const taken = swept ? 0n : leftOf(log, credit);
  return { account, creditId: credit.creditId, clawback: data.clawback, at, taken, clawedBack };
}
