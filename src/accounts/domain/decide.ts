import type { Conversion } from '../../fx/domain/conversion.js';
import { never, type RecordedFacts } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/instant.js';
import { minorOf, moneyOf, type Money } from '../../kernel/money.js';
import { isRefusal, refuse, type Refusal } from '../../kernel/refusal.js';
import type { PromotionTerms } from '../../promotions/domain/terms.js';
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
  readonly granted: Money;
  readonly appliedAt: Instant;
  readonly reason: string;
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
      readonly terms: PromotionTerms | null;
      readonly convert: Convert;
    }
  | {
      readonly type: 'ApplyRunCredit';
      readonly data: Omit<CreditApplied['data'], 'expiresAt' | 'sweepableAt' | 'appliesTo' | 'origin' | 'reason'>;
      readonly terms: PromotionTerms;
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
  { data, terms, convert }: CommandOf<'CreditApplied'>,
  credits: readonly CreditState[],
  opened: Opened,
): Decision {
  if (!terms) return refuse('unknown-promotion', `no promotion ${data.promotionId} is published`);
  if (!terms.products.includes(data.product) || !terms.marketplaces.includes(data.marketplace)) {
    return refuse('invalid-command', `the terms give nothing for ${data.product} in ${data.marketplace}`);
  }
  const early = notBefore(opened.at, data.appliedAt);
  if (early) return early;
  const expiry = expiryOf(data.appliedAt, terms);
  if (!expiry) return refuse('invalid-command', BEYOND_CALENDAR);
  const { currency } = terms.award.amount;
  if (data.granted.currency !== currency) {
    return refuse('currency-mismatch', `the terms are in ${currency}, the grant in ${data.granted.currency}`);
  }
  const capped = overCap(credits, data.promotionId, data.product, minorOf(data.granted), terms);
  if (capped) return capped;
  const conversion = convert(data.granted, opened.currency, data.appliedAt);
  if (isRefusal(conversion)) return conversion;
  if (minorOf(conversion.money) === 0n) return refuse('precision', 'the grant converts to nothing');
  const { reason, ...grant } = data;
  return [
    {
      type: 'CreditApplied',
      data: {
        ...grant,
        applied: conversion.money,
        fx: conversion.fx,
        qualifiedAt: null,
        campaignId: null,
        ...expiry,
        appliesTo: terms.award.appliesTo,
        origin: 'manual',
        reason,
      },
    },
  ];
}

const BEYOND_CALENDAR = 'the credit would end after the year 9999';

/** The caps are checked again where the credit is recorded: whatever raced the run, they hold. */
function applyRunCredit({ data, terms }: CommandOf<'ApplyRunCredit'>, credits: readonly CreditState[]): Decision {
  const capped = overCap(credits, data.promotionId, data.product, minorOf(data.granted), terms);
  if (capped) return capped;
  const expiry = expiryOf(data.appliedAt, terms);
  if (!expiry) return refuse('invalid-command', BEYOND_CALENDAR);
  return [{ type: 'CreditApplied', data: { ...data, ...expiry, appliesTo: terms.award.appliesTo, origin: 'run' } }];
}

/** Caps count every credit of the promotion ever recorded here: revoked, expired and manual ones too. */
function overCap(
  credits: readonly CreditState[],
  promotionId: string,
  product: string,
  amount: bigint,
  { award }: PromotionTerms,
): Refusal | undefined {
  let total = amount;
  for (const credit of credits) {
    if (credit.promotionId !== promotionId) continue;
    if (credit.product === product) return refuse('already-granted', `${credit.creditId} was given for ${product}`);
    total += credit.granted;
  }
  const { currency, amount: cap } = award.capPerMarketplace;
  return total > minorOf(award.capPerMarketplace)
    ? refuse('cap-exceeded', `${moneyOf(total, currency).amount} would exceed the cap of ${currency} ${cap}`)
    : undefined;
}

function sweep({ data, asOf }: CommandOf<'SweepCredits'>, { opened, credits }: AccountState): readonly AccountEvent[] {
  if (!opened) return [];
  return credits
    .filter((credit) => !credit.swept && !credit.revoked && credit.sweepableAt <= asOf)
    .map(({ creditId, holding, expiresAt }) => ({
      type: 'CreditExpired',
      data: { ...data, creditId, amount: moneyOf(holding.after, opened.currency), expiredAt: expiresAt },
    }));
}
