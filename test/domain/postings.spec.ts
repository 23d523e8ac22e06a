import { describe, expect, it } from '@jest/globals';
import type { AccountEvent, CreditPart } from '../../src/accounts/domain/events.js';
import { effectiveAtOf, ledgerAccountName, postingsOf, type Posting } from '../../src/accounts/domain/postings.js';
import type { Instant } from '../../src/kernel/instant.js';
import { formatMinor, type Money } from '../../src/kernel/money.js';

const at = '2022-10-05T09:00:00.000Z' as Instant;
const later = '2022-11-03T07:00:00.000Z' as Instant;
const eur = (amount: string): Money => ({ amount, currency: 'EUR' });
const part = (creditId: string, amount: string): CreditPart => ({ creditId, amount: eur(amount) });
const account = { advertiserId: 'adv-1', marketplace: 'DE' };

const credit = {
  ...account,
  creditId: 'c1',
  promotionId: 'promo',
  product: 'SP',
  granted: { amount: '200.00', currency: 'USD' },
  applied: eur('204.83'),
  fx: { rates: [] },
  qualifiedAt: null,
  campaignId: null,
  appliedAt: at,
  expiresAt: later,
  sweepableAt: later,
  appliesTo: ['SP'],
  origin: 'manual' as const,
};
const spent = { ...account, campaignId: 'k', product: 'SP', cost: eur('7.00'), occurredAt: at };
const reversed = { ...account, clickId: 'x', reason: 'robot', occurredAt: later, unclawed: [] };

/** Earlier facts: the click x of 7.00 on SP; credits c1 and c2 of the promotion `promo`, d of `other`. */
const context = {
  promotionOf: (creditId: string) => (creditId === 'd' ? 'other' : 'promo'),
  clickOf: () => ({ product: 'SP', cost: eur('7.00') }),
};

const booked = (event: AccountEvent): string[] => postingsOf(event, context).map(shown);

function shown({ account: levels, amountMinor, currency, cost }: Posting): string {
  const paid = cost ? ` @@ ${formatMinor(cost.amountMinor, cost.currency)} ${cost.currency}` : '';
  return `${ledgerAccountName(levels)} ${formatMinor(amountMinor, currency)} ${currency}${paid}`;
}

describe('the postings', () => {
  it('of a credit: an expense as it was granted, a liability as it was applied, at what it cost', () => {
    expect(booked({ type: 'CreditApplied', data: credit })).toEqual([
      'expenses:promotions:promo 200.00 USD',
      'liabilities:credits:adv-1:DE:c1 -204.83 EUR @@ -200.00 USD',
    ]);
    const inEuros = { ...credit, granted: eur('200.00'), applied: eur('200.00'), fx: null };
    expect(booked({ type: 'CreditApplied', data: inEuros })).toEqual([
      'expenses:promotions:promo 200.00 EUR',
      'liabilities:credits:adv-1:DE:c1 -200.00 EUR',
    ]);
  });

  it('of a click: what was drawn is owed no more, the rest is receivable, all of it is income', () => {
    const draws = [part('c1', '2.50'), part('c2', '1.50')];
    expect(booked({ type: 'ClickSpent', data: { ...spent, clickId: 'x', draws, billable: eur('3.00') } })).toEqual([
      'liabilities:credits:adv-1:DE:c1 2.50 EUR',
      'liabilities:credits:adv-1:DE:c2 1.50 EUR',
      'assets:receivable:adv-1:DE 3.00 EUR',
      'income:clicks:SP -7.00 EUR',
    ]);
  });

  it('of impressions: as of a click, without legs of zero', () => {
    const impressions = { ...spent, impressionsId: 'i', impressions: 3500, cpm: eur('2.00') };
    const paid = { ...impressions, draws: [part('c1', '7.00')], billable: eur('0.00') };
    expect(booked({ type: 'ImpressionsSpent', data: paid })).toEqual([
      'liabilities:credits:adv-1:DE:c1 7.00 EUR',
      'income:clicks:SP -7.00 EUR',
    ]);
  });

  it('of a reversal: the opposite, and what could not go back is breakage of its promotion', () => {
    const forfeited = [part('c1', '1.00'), part('c2', '0.50'), part('d', '2.00')];
    const data = { ...reversed, restored: [part('c2', '1.50')], forfeited, billable: eur('2.00') };
    expect(booked({ type: 'ClickReversed', data })).toEqual([
      'income:clicks:SP 7.00 EUR',
      'liabilities:credits:adv-1:DE:c2 -1.50 EUR',
      'income:breakage:promo -1.50 EUR',
      'income:breakage:other -2.00 EUR',
      'assets:receivable:adv-1:DE -2.00 EUR',
    ]);
  });

  it('of a sweep: what was left is breakage; of nothing left there are none', () => {
    const data = { ...account, creditId: 'c1', amount: eur('12.00'), expiredAt: later };
    expect(booked({ type: 'CreditExpired', data })).toEqual([
      'liabilities:credits:adv-1:DE:c1 12.00 EUR',
      'income:breakage:promo -12.00 EUR',
    ]);
    expect(booked({ type: 'CreditExpired', data: { ...data, amount: eur('0.00') } })).toEqual([]);
  });

  it('of a revocation: what is taken and what is billed again come off the expense', () => {
    const taken = { ...account, creditId: 'c1', reason: 'fraud', clawback: true, occurredAt: later };
    const data = { ...taken, amount: eur('12.00'), clawedBack: eur('5.00') };
    expect(booked({ type: 'CreditRevoked', data })).toEqual([
      'liabilities:credits:adv-1:DE:c1 12.00 EUR',
      'assets:receivable:adv-1:DE 5.00 EUR',
      'expenses:promotions:promo:revoked -17.00 EUR',
    ]);
  });

  it('of what moves no money: none', () => {
    expect(booked({ type: 'AccountOpened', data: { ...account, currency: 'EUR', occurredAt: at } })).toEqual([]);
    expect(booked({ type: 'PaymentMethodChanged', data: { ...account, valid: true, occurredAt: at } })).toEqual([]);
    const standing = { ...account, standing: 'suspended' as const, occurredAt: at };
    expect(booked({ type: 'AccountStandingChanged', data: standing })).toEqual([]);
  });
});

describe('an event', () => {
  it('is effective when its own instant says', () => {
    expect(effectiveAtOf({ type: 'CreditApplied', data: credit })).toBe(at);
    const swept = { ...account, creditId: 'c1', amount: eur('0.00'), expiredAt: later };
    expect(effectiveAtOf({ type: 'CreditExpired', data: swept })).toBe(later);
  });
});

describe('the name of a ledger account', () => {
  it('has a level for each level, whatever is in an id', () => {
    expect(ledgerAccountName(['income', 'breakage', 'a:b%3A/c'])).toBe('income:breakage:a%3Ab%253A/c');
    expect(ledgerAccountName(['a', 'b:c'])).not.toBe(ledgerAccountName(['a:b', 'c']));
  });
});
