import { describe, expect, it } from '@jest/globals';
import { amountIn, rulesOf, type Rules } from '../../src/promotions/domain/rules.js';
import { ROW_A, termsOf } from './examples.js';
import { changed, type Change, eur, type Json, usd, WHOLE } from './terms-examples.js';

const rulesWith = (...changes: readonly Change[]): Rules => rulesOf(termsOf(changed(WHOLE, ...changes)));

/** A stage with the condition that another refers to. */
const MEETS_CODE = changed((WHOLE['stages'] as Json[])[0]!, ['/award', { amount: usd('1.00') }]);

describe('the rules of version 1', () => {
  const rules = rulesOf(ROW_A);

  it('are one stage without an id, for invited advertisers, of conditions on one campaign', () => {
    expect(rules.eligibility).toEqual({
      invitation: 'required',
      partners: null,
      newTo: null,
      standing: 'good',
      payment: 'valid',
    });
    expect(rules.stages.map(({ id, qualifying, disbursement }) => ({ id, qualifying, disbursement }))).toMatchObject([
      {
        id: null,
        qualifying: {
          campaign: {
            all: [
              { weeklyChanges: { weeks: 4, changesPerWeek: 1 } },
              { totalChanges: { changes: 4 } },
              { activeFor: { duration: 'P28D', activity: 'total' } },
            ],
          },
        },
        disbursement: { schedule: 'first-tuesday', time: '00:00' },
      },
    ]);
    expect(rules.stages[0]).toMatchObject({
      appliesTo: ['SP', 'SB', 'SD'],
      spendKinds: ['clicks', 'impressions'],
      expiry: { after: 'P30D', settlementGrace: 'P3D' },
    });
  });

  it('give one amount and one cap in every marketplace', () => {
    expect(amountIn(rules.stages[0]!.award, 'JP')).toEqual(usd('200.00'));
    expect(rules.caps.perMarketplace('JP')).toBe(60000n);
    expect(rules.caps).toMatchObject({ perRegion: null, perAdvertiser: null, budget: null, redemptions: null });
    expect([rules.currency, rules.currencyIn('JP'), rules.regionOf('JP')]).toEqual(['USD', 'USD', 'JP']);
    expect([rules.awardFor, rules.oncePer, rules.fxMaxAge]).toEqual(['product', 'marketplace', 'P7D']);
  });

  it('are of the partners that the terms list', () => {
    const listed = { ...ROW_A, eligibility: { partners: ['partner-1'] } } as typeof ROW_A;
    expect(rulesOf(listed).eligibility.partners).toEqual(['partner-1']);
  });
});

describe('the rules of version 2', () => {
  it('have what is said', () => {
    const rules = rulesWith();
    expect(rules.eligibility).toMatchObject({ invitation: 'required', standing: 'any', payment: 'any' });
    expect(rules.stacking).toEqual({ with: ['loyalty-2022'], excludes: ['spring-credit-2022', 'autumn-credit-2022'] });
    expect(rules.stages.map(({ id }) => id)).toEqual(['work', 'spend', 'match']);
    expect(rules.stages[0]).toMatchObject({ appliesTo: ['SB'], spendKinds: ['clicks'] });
    expect(rules.stages[1]!.disbursement).toMatchObject({ until: '2023-03-31', holidays: ['2022-12-26'] });
    expect(['DE', 'FR', 'UK'].map(rules.regionOf)).toEqual(['Europe', 'Europe', 'UK']);
    expect(['DE', 'FR'].map(rules.caps.perMarketplace)).toEqual([40000n, 45000n]);
    expect(rules.caps).toMatchObject({ perRegion: 60000n, budget: 10000000n, redemptions: 1000 });
    expect(rules.oncePer).toBe('region');
  });

  it('have every default that nothing is said of', () => {
    const rules = rulesWith(
      ...['regions', 'awardFor', 'oncePer', 'eligibility', 'stacking', 'caps', 'fx'].map((name): Change => [
        `/${name}`,
        undefined,
      ]),
    );
    expect(rules.eligibility).toEqual({
      invitation: 'not-required',
      partners: null,
      newTo: null,
      standing: 'good',
      payment: 'valid',
    });
    expect(rules.stacking).toEqual({ with: 'any', excludes: [] });
    expect(rules).toMatchObject({ awardFor: 'product', oncePer: 'marketplace', currency: 'USD', fxMaxAge: 'P7D' });
    expect([rules.regionOf('DE'), rules.caps.perMarketplace('DE'), rules.caps.budget]).toEqual(['DE', null, null]);
    expect(rules.stages[2]).toMatchObject({
      appliesTo: ['SP', 'SB', 'SD'],
      spendKinds: ['clicks', 'impressions'],
      disbursement: { schedule: 'daily', time: '00:00', holidays: [], until: '2024-01-01', within: 'P14D' },
      expiry: { after: 'P90D', settlementGrace: 'P3D' },
    });
  });

  it('give what an award comes to in a marketplace, unless it depends on spend', () => {
    const [work, spend, match] = rulesWith().stages;
    expect(amountIn(work!.award, 'DE')).toEqual(usd('100.00'));
    expect(amountIn(work!.award, 'FR')).toEqual(usd('120.00'));
    expect([amountIn(spend!.award, 'DE'), amountIn(match!.award, 'DE')]).toEqual([null, null]);
  });

  it('know the currency of each marketplace', () => {
    const rules = rulesWith(
      ['/caps', undefined],
      ['/stages/0/award/amount/in/FR', eur('120.00')],
      ['/stages/1/award', { amount: { default: usd('10.00'), in: { FR: eur('12.00') } } }],
      ['/stages/2/award', { amount: { default: usd('10.00'), in: { FR: eur('12.00') } } }],
    );
    expect([rules.currency, rules.currencyIn('FR'), rules.currencyIn('DE')]).toEqual(['USD', 'EUR', 'USD']);
    const [, tiers, match] = WHOLE['stages'] as unknown[];
    for (const stage of [tiers, match])
      expect(rulesWith(['/stages', [stage, MEETS_CODE]]).currencyIn('DE')).toBe('USD');
  });
});
