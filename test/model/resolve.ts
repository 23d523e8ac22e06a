/** From steps to commands: what a step's numbers mean, given what the auditor has in its log by then. */
import { creditsOf, isRevoked, lastTouched, leastFrom } from '../support/auditor/credits.js';
import { factsOf, type Click, type Command, type Credit, type DataOf, type Log } from '../support/auditor/facts.js';
import { decimal, digitsOf } from '../support/auditor/money.js';
import { DAY, iso, ms } from '../support/auditor/time.js';
import type { Plan, Step, When } from './steps.js';
import { ACCOUNTS, NOW, OPENED_AT, ROW_A, SECOND_TERMS } from './world.js';

/** A history's own names, so that many can be played on one ledger. */
export class Cast {
  readonly advertiserId: string;
  readonly promotions: readonly string[];
  private readonly accounts;

  constructor(
    readonly id: string,
    accounts: readonly number[],
  ) {
    this.advertiserId = `adv-${id}`;
    this.promotions = [`promo-${id}-1`, `promo-${id}-2`];
    this.accounts = accounts.map((index) => ACCOUNTS[index] ?? ACCOUNTS[0]);
  }

  of(account: number) {
    const { marketplace, currency } = this.accounts[account] ?? ACCOUNTS[0];
    return {
      key: `${this.advertiserId}.${marketplace}`,
      ids: { advertiserId: this.advertiserId, marketplace },
      currency,
    };
  }
  promotion(index: number): string {
    return this.promotions[index] ?? '';
  }
  open(account: number): Command {
    const { ids, currency } = this.of(account);
    return { type: 'AccountOpened', data: { ...ids, currency, occurredAt: OPENED_AT } };
  }
  publish(): Command[] {
    return [ROW_A, SECOND_TERMS].map((terms, index) => ({
      type: 'PromotionPublished',
      data: { promotionId: this.promotion(index), terms },
    }));
  }
}

const at = <T>(list: readonly T[], pick: number): T | undefined => list[pick % Math.max(1, list.length)];

/** Mostly days of the season, at 01:30 in Los Angeles (an hour that comes twice on 6 November); some before the account. */
function someDay(pick: number): number {
  if (pick % 40 === 39) return ms(OPENED_AT) - 1;
  return ms('2022-09-20T08:30:00Z') + (pick % 110) * DAY;
}

/** What a step is about: when it happened, and the credit whose end matters to it. */
interface Subject {
  readonly at: number;
  readonly credit: Credit | undefined;
}

export function instantOf({ anchor, pick, shift }: When, log: Log, account: string, subject?: Subject): number {
  const credit = subject?.credit ?? at(creditsOf(log, account), pick);
  const facts = [...factsOf(log, 'ClickSpent'), ...factsOf(log, 'ClickReversed'), ...factsOf(log, 'CreditRevoked')];
  const base = {
    applied: credit?.at,
    expires: credit?.expiresAt,
    sweepable: credit?.sweepableAt,
    fact: at(
      facts.filter((fact) => fact.account === account),
      pick,
    )?.at,
    subject: subject?.at,
    day: undefined,
  }[anchor];
  return (base !== undefined && Number.isFinite(base) ? base : someDay(pick)) + shift;
}

type Submitted = Exclude<Step, { kind: 'expire' | 'disburse' | 'again' }>;

/** The commands of a step that submits something new; `serial` numbers the history's steps. */
export function commandsOf(step: Submitted, cast: Cast, log: Log, serial: number): Command[] {
  const { key, ids, currency } = cast.of(step.account);
  switch (step.kind) {
    case 'open':
      return [cast.open(step.account)];
    case 'click':
      return [{ type: 'ClickSpent', data: { ...ids, ...clickOf(step, log, key, currency), clickId: `k-${serial}` } }];
    case 'grant': {
      const { product, granted } = step;
      const promotionId = cast.promotion(step.promotion);
      const appliedAt = iso(instantOf(step.when, log, key));
      // Ids fall as the history goes on, so that their order is not the order in which they were recorded.
      const grant = { creditId: `g-${999 - serial}`, promotionId, product, appliedAt, reason: 'goodwill' };
      return [{ type: 'CreditApplied', data: { ...ids, ...grant, granted: { amount: granted, currency: 'USD' } } }];
    }
    case 'reverse': {
      const click = clickToReverse(log, key, step.pick);
      const credit = creditsOf(log, key).find((each) => each.creditId === click?.draws[0]?.creditId);
      const occurredAt = iso(instantOf(step.when, log, key, click && { at: click.at, credit }));
      const clickId = click?.clickId ?? 'never-clicked';
      return [{ type: 'ClickReversed', data: { ...ids, clickId, reason: 'invalid traffic', occurredAt } }];
    }
    case 'revoke': {
      const credit = creditToRevoke(log, key, step.pick);
      const subject = credit && { at: Math.max(credit.at, lastTouched(log, credit)), credit };
      const occurredAt = iso(instantOf(step.when, log, key, subject));
      const { clawback } = step;
      const creditId = credit?.creditId ?? 'never-given';
      return [{ type: 'CreditRevoked', data: { ...ids, creditId, reason: 'fraud', clawback, occurredAt } }];
    }
    case 'standing': {
      const standing = step.good ? 'good' : 'suspended';
      const occurredAt = iso(instantOf(step.when, log, key));
      return [{ type: 'AccountStandingChanged', data: { ...ids, standing, occurredAt } }];
    }
    case 'payment': {
      const occurredAt = iso(instantOf(step.when, log, key));
      return [{ type: 'PaymentMethodChanged', data: { ...ids, valid: step.valid, occurredAt } }];
    }
    case 'qualify':
      return campaign(step.plan, cast, { ...ids, product: step.product });
  }
}

/** Mostly one that paid and was not reversed yet. */
function clickToReverse(log: Log, key: string, pick: number): Click | undefined {
  const clicks = factsOf(log, 'ClickSpent').filter((each) => each.account === key);
  const reversed = factsOf(log, 'ClickReversed').map((each) => each.clickId);
  const fresh = clicks.filter((click) => click.draws.length > 0 && !reversed.includes(click.clickId));
  return pick % 5 > 0 && fresh.length > 0 ? at(fresh, pick) : at(clicks, pick);
}

/** Mostly one that was drawn on and not revoked yet. */
function creditToRevoke(log: Log, key: string, pick: number): Credit | undefined {
  const credits = creditsOf(log, key);
  const fresh = credits.filter((credit) => lastTouched(log, credit) > 0 && !isRevoked(log, credit));
  return pick % 5 > 0 && fresh.length > 0 ? at(fresh, pick) : at(credits, pick);
}

function clickOf(step: Extract<Step, { kind: 'click' }>, log: Log, key: string, currency: string) {
  const instant = instantOf(step.when, log, key);
  const credit = 'leastOf' in step.cost ? at(creditsOf(log, key), step.cost.leastOf) : undefined;
  const units =
    'units' in step.cost
      ? BigInt(step.cost.units)
      : (credit ? leastFrom(log, credit, instant) : 100n) + BigInt(step.cost.more);
  const cost = { amount: decimal(units > 0n ? units : 1n, currency), currency };
  const flawed = {
    none: cost,
    'other-currency': { ...cost, currency: currency === 'USD' ? 'EUR' : 'USD', amount: '1.5' },
    zero: { ...cost, amount: '0' },
    'too-many-digits': { ...cost, amount: `1.${'0'.repeat(digitsOf(currency))}1` },
  }[step.flaw];
  return { campaignId: 'c-1', product: step.product, cost: flawed, occurredAt: iso(instant) };
}

const PATHS: Readonly<Record<string, string>> = {
  SP: '/v2/sp/campaigns/123',
  SB: '/sb/targets?source=tool',
  SD: '/sd/budgetRules/',
};

/** An invited advertiser's campaign: activated, changed once a week for five weeks, as far as the plan goes. */
function campaign(
  plan: Plan,
  cast: Cast,
  owner: { advertiserId: string; marketplace: string; product: string },
): Command[] {
  const campaignId = `${cast.id}-${owner.marketplace}-${owner.product}-${plan.firstWeek}`;
  const of = { ...owner, campaignId };
  // Facts told backwards also sit on the very first instant of their week.
  const start = ms(plan.backwards ? '2022-08-22T07:00:00Z' : '2022-08-23T09:00:00Z') + plan.firstWeek * 7 * DAY;
  const days = (count: number) => iso(start + count * DAY);
  const { advertiserId } = owner;
  const partnerId = plan.spoiled === 'foreign-partner' ? 'partner-2' : 'partner-1';
  const path = plan.spoiled === 'reading' ? '/sp/campaigns/list' : (PATHS[owner.product] ?? '');
  const change = (changeId: string, occurredAt: string, changes = 1): Command => ({
    type: 'ApiChangeRecorded',
    data: {
      ...of,
      changeId,
      partnerId,
      method: 'PUT',
      path,
      changes,
      occurredAt,
    } satisfies DataOf<'ApiChangeRecorded'>,
  });
  const activated = (occurredAt: string): Command => ({ type: 'CampaignActivated', data: { ...of, occurredAt } });
  const weekly = [0, 1, 2, 3, 4]
    .filter((week) => week !== plan.skippedWeek)
    .map((week) => change(`h-${week}`, days(7 * week)));
  const invitation = { promotionId: cast.promotion(0), advertiserId, partnerId: 'partner-1' };
  const facts: Command[] = [
    { type: 'AdvertiserInvited', data: { ...invitation, occurredAt: '2022-08-10T08:00:00.000Z' } },
    activated(days(0)),
    ...weekly,
    ...(plan.pausedDays > 0
      ? [
          { type: 'CampaignPaused', data: { campaignId, reason: 'budget', occurredAt: days(10) } } as const,
          activated(days(10 + plan.pausedDays)),
        ]
      : []),
    ...(plan.spoiled === 'used-before' ? [change('h-before', '2022-06-10T09:00:00.000Z')] : []),
    ...(plan.spoiled === 'mismatch'
      ? [{ type: 'CampaignEnded', data: { campaignId, occurredAt: days(50) } } as const, mismatch(of, days(20))]
      : []),
  ];
  return plan.backwards ? facts.reverse() : facts;
}

const mismatch = (
  of: { advertiserId: string; marketplace: string; product: string; campaignId: string },
  occurredAt: string,
): Command => ({
  type: 'CampaignActivated',
  data: { ...of, marketplace: of.marketplace === 'DE' ? 'FR' : 'DE', occurredAt },
});

/** A command that was sent before: word for word, in other words for the same, or with something changed. */
export function again(command: Command, how: 'same' | 'respelt' | 'altered'): Command {
  if (how === 'same' || command.type === 'PromotionPublished') return command;
  const data: Record<string, unknown> = { ...command.data };
  for (const [name, value] of Object.entries(data)) {
    if (name.endsWith('At')) data[name] = how === 'respelt' ? inTokyo(String(value)) : iso(ms(String(value)) + 1);
    const money = value as { amount: string; currency: string };
    if ((name === 'cost' || name === 'granted') && how === 'respelt') {
      data[name] = { ...money, amount: money.amount.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') };
    }
  }
  return { type: command.type, data } as unknown as Command;
}

const inTokyo = (instant: string): string => iso(ms(instant) + 9 * 3_600_000).replace('Z', '+09:00');

/** A run's instant: never later than now, which is a case of its own. */
export const runInstant = (instant: number): string => iso(Math.min(instant, ms(NOW)));
