import { accountDecider } from '../../src/accounts/domain/account.js';
import type { AccountCommand, Offer } from '../../src/accounts/domain/decide.js';
import type { AccountEvent, CreditApplied, CreditPart } from '../../src/accounts/domain/events.js';
import type { FxRate } from '../../src/fx/domain/events.js';
import type { Money } from '../../src/kernel/money.js';
import { refuse } from '../../src/kernel/refusal.js';
import { Tally, type GivenCredit } from '../../src/promotions/domain/limits.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import type { PromotionTerms } from '../../src/promotions/domain/terms.js';
import { specificationOf } from '../support/decider-specification.js';
import { at, PROMOTION_ID, ROW_A } from './examples.js';

/** Facts of one account in euros, and the commands that make them; every name is the fact's, in the past tense of the log. */
export const ACCOUNT = { advertiserId: 'adv-1', marketplace: 'DE' };
export const OPENED_AT = at('2022-06-01T09:00Z');
/** Of the first run, and what follows from it. */
export const APPLIED_AT = at('2022-10-04T07:00Z');
export const EXPIRES_AT = at('2022-11-03T07:00Z');
export const SWEEPABLE_AT = at('2022-11-06T07:00Z');

export const eur = (amount: string): Money => ({ amount, currency: 'EUR' });
export const usd = (amount: string): Money => ({ amount, currency: 'USD' });
/** `parts('sp', '5.00', 'sb', '1.00')` */
export const parts = (...pairs: readonly string[]): readonly CreditPart[] =>
  pairs.flatMap((creditId, index) => (index % 2 === 0 ? [{ creditId, amount: eur(pairs[index + 1]!) }] : []));

export const opened = (currency = 'EUR'): AccountEvent => ({
  type: 'AccountOpened',
  data: { ...ACCOUNT, currency, occurredAt: OPENED_AT },
});

export const { given } = specificationOf(accountDecider);
/** An open account, and after that these facts. */
export const givenOpened = (...events: readonly AccountEvent[]) => given(opened(), ...events);

export const applied = (
  creditId: string,
  amount: string,
  data: Partial<Omit<CreditApplied['data'], 'creditId' | 'applied'>> = {},
): CreditApplied => ({
  type: 'CreditApplied',
  data: {
    ...ACCOUNT,
    creditId,
    promotionId: PROMOTION_ID,
    product: creditId.toUpperCase(),
    granted: usd('200.00'),
    applied: eur(amount),
    fx: null,
    qualifiedAt: at('2022-09-19T12:00Z'),
    campaignId: 'c-1',
    appliedAt: APPLIED_AT,
    expiresAt: EXPIRES_AT,
    sweepableAt: SWEEPABLE_AT,
    appliesTo: ['SP', 'SB', 'SD'],
    revision: 1,
    origin: 'run',
    ...data,
  },
});

interface Click {
  readonly id?: string;
  readonly cost: string;
  readonly on: string;
  readonly product?: string;
}

export const click = ({ id = 'k-1', cost, on, product = 'SP' }: Click) => ({
  type: 'ClickSpent' as const,
  data: { ...ACCOUNT, clickId: id, campaignId: 'c-1', product, cost: eur(cost), occurredAt: at(on) },
});

export const spent = (said: Click, draws: readonly CreditPart[], billable = '0.00'): AccountEvent => {
  const { type, data } = click(said);
  return { type, data: { ...data, draws, billable: eur(billable) } };
};

interface Impressions {
  readonly count: number;
  readonly cpm: string;
  readonly on?: string;
  readonly product?: string;
}

export const impressions = ({ count, cpm, on = '2022-10-10T08:00Z', product = 'SP' }: Impressions) => ({
  type: 'ImpressionsSpent' as const,
  data: {
    ...ACCOUNT,
    impressionsId: 'i-1',
    campaignId: 'c-1',
    product,
    impressions: count,
    cpm: eur(cpm),
    occurredAt: at(on),
  },
});

export const shown = (
  said: Impressions,
  cost: string,
  draws: readonly CreditPart[],
  billable = '0.00',
): AccountEvent => {
  const { type, data } = impressions(said);
  return { type, data: { ...data, cost: eur(cost), draws, billable: eur(billable) } };
};

export const reversal = (clickId: string, on: string) => ({
  type: 'ClickReversed' as const,
  data: { ...ACCOUNT, clickId, reason: 'invalid traffic', occurredAt: at(on) },
});

interface Reversed {
  readonly restored?: readonly CreditPart[];
  readonly forfeited?: readonly CreditPart[];
  readonly unclawed?: readonly CreditPart[];
  readonly billable?: string;
}

export const reversed = (
  clickId: string,
  on: string,
  { restored = [], forfeited = [], unclawed = [], billable = '0.00' }: Reversed,
): AccountEvent => {
  const { type, data } = reversal(clickId, on);
  return { type, data: { ...data, restored, forfeited, unclawed, billable: eur(billable) } };
};

export const revocation = (creditId: string, on: string, clawback = false) => ({
  type: 'CreditRevoked' as const,
  data: { ...ACCOUNT, creditId, reason: 'fraud', clawback, occurredAt: at(on) },
});

/** Without a part clawed back, one without clawback. */
export const revoked = (creditId: string, on: string, amount: string, clawedBack?: string): AccountEvent => {
  const { type, data } = revocation(creditId, on, clawedBack !== undefined);
  return { type, data: { ...data, amount: eur(amount), clawedBack: eur(clawedBack ?? '0.00') } };
};

export const sweep = (on: string) => ({ type: 'SweepCredits' as const, data: ACCOUNT, asOf: at(on) });

export const expired = (creditId: string, amount: string, expiredAt = EXPIRES_AT): AccountEvent => ({
  type: 'CreditExpired',
  data: { ...ACCOUNT, creditId, amount: eur(amount), expiredAt },
});

export const RATE: FxRate = {
  base: 'USD',
  quote: 'EUR',
  rate: '1',
  source: 'ECB',
  effectiveAt: at('2022-10-03T14:00Z'),
};

/** What the first revision gives, of which nothing is given elsewhere. */
export function offerOf(terms: PromotionTerms, elsewhere: readonly GivenCredit[] = []): Offer {
  const rules = rulesOf(terms);
  return { revision: 1, rules, limitOf: (credit, own) => new Tally(rules, [...elsewhere, ...own]).limitOf(credit) };
}

type ManualGrant = Extract<AccountCommand, { type: 'CreditApplied' }>;

/** A dollar is a euro, so that the amounts in a specification are the ones to look at. */
export const grant = (
  data: Partial<ManualGrant['data']> = {},
  rest: Partial<Pick<ManualGrant, 'offer' | 'convert'>> = {},
): ManualGrant => ({
  type: 'CreditApplied',
  data: {
    ...ACCOUNT,
    creditId: 'goodwill',
    promotionId: PROMOTION_ID,
    product: 'SP',
    granted: usd('200.00'),
    appliedAt: APPLIED_AT,
    reason: 'goodwill',
    ...data,
  },
  offer: offerOf(ROW_A),
  convert: ({ amount }, currency) => ({ money: { amount, currency }, fx: { rates: [RATE] } }),
  ...rest,
});

export const noRate = () => refuse('no-fx-rate', 'no rate is known');
