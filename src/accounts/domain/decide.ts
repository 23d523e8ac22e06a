import type { Conversion } from '../../fx/domain/conversion.js';
import { never, type RecordedFacts } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/instant.js';
import { minorOf, moneyOf, type Money } from '../../kernel/money.js';
import { isRefusal, refuse, type Refusal } from '../../kernel/refusal.js';
import type { GivenCredit, Limit } from '../../promotions/domain/limits.js';
import type { Rules, Stage } from '../../promotions/domain/rules.js';
import type { AccountState, CreditState, Opened } from './account.js';
import type {
  AccountEvent,
  AccountOpened,
  AccountStandingChanged,
  ClickReversed,
  ClickSpent,
  CreditApplied,
  CreditPart,
  CreditRevoked,
  ImpressionsSpent,
  PaymentMethodChanged,
} from './events.js';
import { expiryOf } from './expiry.js';
import { notBefore, spendClick, spendImpressions } from './spend.js';

/** What a client may say of an account; the ledger adds what it decides. */
type Said<Event extends AccountEvent, Decided extends string> = {
  readonly type: Event['type'];
  readonly data: Omit<Event['data'], Decided>;
};

export interface ManualGrant {
  readonly creditId: string;
  readonly promotionId: string;
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
  /** To be said when the terms have several. */
  readonly stage?: string;
  readonly granted: Money;
  readonly appliedAt: Instant;
  readonly reason: string;
}

/** What a promotion gives, by the revision that a credit is granted under. */
export interface Offer {
  readonly revision: number;
  readonly rules: Rules;
  /** Why the credit may not be given, beside those that the account has of the promotion; those elsewhere are known. */
  readonly limitOf: (credit: GivenCredit, own: readonly GivenCredit[]) => Limit | null;
}

/** Converts the grant into the account's currency at its `appliedAt`, by the rates known to whoever asks. */
export type Convert = (grant: Money, currency: string, at: Instant) => Conversion | Refusal;

export type AccountCommand =
  | Said<AccountOpened, never>
  | Said<AccountStandingChanged, never>
  | Said<PaymentMethodChanged, never>
  | Said<ClickSpent, 'draws' | 'billable'>
  | Said<ImpressionsSpent, 'cost' | 'draws' | 'billable'>
  | Said<ClickReversed, 'restored' | 'forfeited' | 'unclawed' | 'billable'>
  | Said<CreditRevoked, 'amount' | 'clawedBack'>
  | {
      readonly type: 'CreditApplied';
      readonly data: ManualGrant;
      /** Null when there is no such promotion. */
      readonly offer: Offer | null;
      readonly convert: Convert;
    }
  | {
      readonly type: 'ApplyRunCredit';
      readonly data: Omit<
        CreditApplied['data'],
        'expiresAt' | 'sweepableAt' | 'appliesTo' | 'spendKinds' | 'revision' | 'origin' | 'reason'
      >;
      readonly offer: Offer;
      /** The one that was earned. */
      readonly stage: Stage;
    }
  | {
      readonly type: 'SweepCredits';
      readonly data: { readonly advertiserId: string; readonly marketplace: string };
      readonly asOf: Instant;
    };

type CommandOf<Type extends AccountCommand['type']> = Extract<AccountCommand, { type: Type }>;
type Decision = readonly AccountEvent[] | Refusal;

/** What the account's facts make of a command. Refusals come in the order of precedence. */
export function decide(command: AccountCommand, state: AccountState, recorded: RecordedFacts<AccountEvent>): Decision {
  if (command.type === 'AccountOpened') return [command];
  if (command.type === 'SweepCredits') return sweep(command, state);
  if (!state.opened) {
    const { advertiserId, marketplace } = command.data;
    return refuse('unknown-account', `${advertiserId} has no account in ${marketplace}`);
  }
  const { opened } = state;
  switch (command.type) {
    case 'AccountStandingChanged':
      return notBefore(opened.at, command.data.occurredAt) ?? [command];
    case 'PaymentMethodChanged':
      return notBefore(opened.at, command.data.occurredAt) ?? [command];
    case 'ClickSpent':
      return spendClick(command.data, state.credits, opened);
    case 'ImpressionsSpent':
      return spendImpressions(command.data, state.credits, opened);
    case 'ClickReversed':
      return reverse(command, state.credits, opened, recorded);
    case 'CreditRevoked':
      return revoke(command, state.credits, opened);
    case 'CreditApplied':
      return grantManually(command, state.credits, opened);
    case 'ApplyRunCredit':
      return applyRunCredit(command, state.credits);
    default:
      return never(command);
  }
}

function reverse(
  { data }: CommandOf<'ClickReversed'>,
  credits: readonly CreditState[],
  opened: Opened,
  recorded: RecordedFacts<AccountEvent>,
): Decision {
  const click = recorded(`ClickSpent:${data.clickId}`);
  if (click?.type !== 'ClickSpent') return refuse('unknown-click', `no click ${data.clickId} is recorded here`);
  if (data.occurredAt < click.data.occurredAt) {
    return refuse('invalid-command', `the click itself is of ${click.data.occurredAt}`);
  }
  const restored: CreditPart[] = [];
  const forfeited: CreditPart[] = [];
  const unclawed: CreditPart[] = [];
  let billable = minorOf(click.data.billable);
  for (const draw of click.data.draws) {
    const credit = creditOf(credits, draw.creditId)!;
    if (credit.revoked?.clawback) {
      if (data.occurredAt < credit.revoked.at) {
        return refuse('invalid-command', `the click was clawed back at ${credit.revoked.at}`);
      }
      unclawed.push(draw);
      billable += minorOf(draw.amount);
    } else if (credit.swept || credit.revoked || data.occurredAt >= credit.expiresAt) {
      forfeited.push(draw);
    } else {
      restored.push(draw);
    }
  }
  return [
    {
      type: 'ClickReversed',
      data: { ...data, restored, forfeited, unclawed, billable: moneyOf(billable, opened.currency) },
    },
  ];
}

const creditOf = (credits: readonly CreditState[], creditId: string): CreditState | undefined =>
  credits.find((credit) => credit.creditId === creditId);

function revoke({ data }: CommandOf<'CreditRevoked'>, credits: readonly CreditState[], opened: Opened): Decision {
  const credit = creditOf(credits, data.creditId);
  if (!credit) return refuse('unknown-credit', `no credit ${data.creditId} is recorded here`);
  if (credit.lastMovedAt !== null && data.occurredAt < credit.lastMovedAt) {
    return refuse('revocation-too-early', `a draw or restoration of ${credit.lastMovedAt} is recorded`);
  }
  if (credit.swept && data.occurredAt < credit.expiresAt) {
    return refuse('revocation-too-early', `the credit was swept as expired at ${credit.expiresAt}`);
  }
  if (data.occurredAt < credit.appliedAt) {
    return refuse('invalid-command', `the credit was applied at ${credit.appliedAt}`);
  }
  return [
    {
      type: 'CreditRevoked',
      data: {
        ...data,
        // No movement is later than the revocation, so what is left last is what is left then.
        amount: moneyOf(credit.swept ? 0n : credit.holding.after, opened.currency),
        clawedBack: moneyOf(data.clawback ? credit.drawn : 0n, opened.currency),
      },
    },
  ];
}

function grantManually(
  { data, offer, convert }: CommandOf<'CreditApplied'>,
  credits: readonly CreditState[],
  opened: Opened,
): Decision {
  if (!offer) return refuse('unknown-promotion', `no promotion ${data.promotionId} is published`);
  const { rules } = offer;
  const stage = stageGranted(rules, data);
  if (isRefusal(stage)) return stage;
  const early = notBefore(opened.at, data.appliedAt);
  if (early) return early;
  const dated = datesOf(data.appliedAt, offer, stage);
  if (isRefusal(dated)) return dated;
  const currency = rules.currencyIn(data.marketplace);
  if (data.granted.currency !== currency) {
    return refuse('currency-mismatch', `the terms are in ${currency}, the grant in ${data.granted.currency}`);
  }
  const limited = overLimit(credits, data, offer);
  if (limited) return limited;
  const conversion = convert(data.granted, opened.currency, data.appliedAt);
  if (isRefusal(conversion)) return conversion;
  if (minorOf(conversion.money) === 0n) return refuse('precision', 'the grant converts to nothing');
  const { reason, ...grant } = data;
  const { money: applied, fx } = conversion;
  const granted = { ...grant, applied, fx, qualifiedAt: null, campaignId: null, ...dated };
  return [{ type: 'CreditApplied', data: { ...granted, origin: 'manual', reason } }];
}

/** The stage that a manual grant is of; terms with one stage need not be told. */
function stageGranted(rules: Rules, { product, marketplace, stage: id }: ManualGrant): Stage | Refusal {
  const products = rules.awardFor === 'product' ? rules.products : ['ALL'];
  if (!products.includes(product) || !rules.marketplaces.includes(marketplace)) {
    return refuse('invalid-command', `the terms give nothing for ${product} in ${marketplace}`);
  }
  const found = id === undefined ? rules.stages : rules.stages.filter((stage) => stage.id === id);
  if (found.length === 1) return found[0]!;
  const message = `must be one of ${rules.stages.map((stage) => stage.id ?? 'none').join(', ')}`;
  return refuse('invalid-command', `stage ${message}`, [{ path: '/stage', message }]);
}

/**
 * The caps are checked again where the credit is recorded: in this account they hold, whatever raced the run. Of other
 * accounts counts what was recorded when the offer was made.
 */
function applyRunCredit(
  { data, offer, stage }: CommandOf<'ApplyRunCredit'>,
  credits: readonly CreditState[],
): Decision {
  const limited = overLimit(credits, data, offer);
  if (limited) return limited;
  const dated = datesOf(data.appliedAt, offer, stage);
  return isRefusal(dated) ? dated : [{ type: 'CreditApplied', data: { ...data, ...dated, origin: 'run' } }];
}

const ALL_KINDS = 2;

/** From when to when a credit pays for what, and by which revision. */
function datesOf(appliedAt: Instant, { rules, revision }: Offer, { expiry, appliesTo, spendKinds }: Stage) {
  const dates = expiryOf(appliedAt, expiry, rules.timeZone);
  if (!dates) return refuse('invalid-command', 'the credit would end after the year 9999');
  if (dates.expiresAt <= appliedAt) {
    return refuse('invalid-command', `the credit would end at ${dates.expiresAt}, before it begins`);
  }
  return { ...dates, appliesTo, ...(spendKinds.length < ALL_KINDS ? { spendKinds } : {}), revision };
}

type Granted = Pick<CreditApplied['data'], 'promotionId' | 'advertiserId' | 'marketplace' | 'product' | 'granted'> & {
  readonly stage?: string;
};

/** Every credit of the promotion ever recorded here counts: revoked, expired and manual ones too. */
function overLimit(credits: readonly CreditState[], data: Granted, { limitOf }: Offer): Refusal | undefined {
  const { promotionId, advertiserId, marketplace, product, stage = null, granted } = data;
  const place = { advertiserId, marketplace };
  const own = credits.filter((credit) => credit.promotionId === promotionId).map((credit) => ({ ...credit, ...place }));
  const limit = limitOf({ ...place, product, stage, granted: minorOf(granted) }, own);
  return limit === null ? undefined : refuse(limit, LIMITS[limit](granted, product));
}

const LIMITS: Record<Limit, (granted: Money, product: string) => string> = {
  'already-granted': (_, product) => `a credit was given for ${product}`,
  'cap-exceeded': ({ amount, currency }) => `another ${currency} ${amount} would exceed the cap`,
  'budget-exhausted': ({ amount, currency }) => `the budget has no ${currency} ${amount} left`,
  'redemptions-exhausted': () => 'as many credits as the promotion has were given',
};

function sweep({ data, asOf }: CommandOf<'SweepCredits'>, { opened, credits }: AccountState): readonly AccountEvent[] {
  if (!opened) return [];
  return credits
    .filter((credit) => !credit.swept && !credit.revoked && credit.sweepableAt <= asOf)
    .map(({ creditId, holding, expiresAt }) => ({
      type: 'CreditExpired',
      data: { ...data, creditId, amount: moneyOf(holding.after, opened.currency), expiredAt: expiresAt },
    }));
}
