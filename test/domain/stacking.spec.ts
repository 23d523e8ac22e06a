import { describe, expect, it } from '@jest/globals';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import { notCombinableSince, type AnyCredit } from '../../src/promotions/domain/stacking.js';
import type { StackingTerms, TermsV2 } from '../../src/promotions/domain/terms.js';
import { at, ROW_A } from './examples.js';
import { usd } from './account-examples.js';

const termsWith = (stacking?: StackingTerms, excludes?: readonly string[]): TermsV2 => ({
  version: 2,
  name: 'Stacking',
  timeZone: 'Europe/Berlin',
  period: { start: '2022-09-01T00:00', end: '2022-12-01T00:00' },
  marketplaces: ['DE'],
  products: ['SP'],
  ...(excludes ? { eligibility: { excludes } } : {}),
  ...(stacking ? { stacking } : {}),
  stages: [
    {
      id: 'stage',
      qualifying: { activated: 'offer' },
      award: { amount: usd('100.00') },
      disbursement: { schedule: 'daily', within: 'P14D' },
      expiry: { after: 'P30D' },
    },
  ],
});

const FIRST = at('2022-09-10T00:00Z');
const SECOND = at('2022-09-20T00:00Z');
const credit = (promotionId: string, appliedAt = FIRST, revision = 1): AnyCredit => ({
  promotionId,
  revision,
  appliedAt,
});

/** Since when promotion `own` gives nothing to who has the credits. */
const since = (
  own: TermsV2,
  credits: readonly AnyCredit[],
  others: Readonly<Record<string, readonly (TermsV2 | typeof ROW_A)[]>> = {},
) =>
  notCombinableSince('own', rulesOf(own), credits, (promotionId) =>
    (others[promotionId] ?? [termsWith()]).map((terms, index) => ({ revision: index + 1, terms })),
  );

describe('a promotion may be combined', () => {
  it.each<[string, string | null, StackingTerms, readonly string[]]>([
    ['with any, where nothing is said', null, {}, ['else']],
    ['with any but what is excluded', FIRST, { excludes: ['other'] }, ['else']],
    ['with any but what eligibility excludes', FIRST, { with: 'any' }, ['other']],
    ['with none', FIRST, { with: 'none' }, []],
    ['with those that are listed', null, { with: ['elsewhere', 'other'] }, ['else']],
    ['with those only', FIRST, { with: ['elsewhere'] }, ['else']],
  ])('%s, by what either of the two says', (_, refused, stacking, excludes) => {
    expect(since(termsWith(stacking, excludes), [credit('other')])).toBe(refused);
    const turned = JSON.parse(JSON.stringify(termsWith(stacking, excludes)).replaceAll('"other"', '"own"')) as TermsV2;
    expect(since(termsWith(), [credit('other')], { other: [turned] })).toBe(refused);
  });

  it('with itself, whatever it says', () => {
    const alone = termsWith({ with: 'none', excludes: ['own'] });
    expect(since(alone, [credit('own')], { own: [alone] })).toBeNull();
  });

  it('only with the consent of both', () => {
    const kind = termsWith({ with: ['other'] });
    expect(since(kind, [credit('other')], { other: [termsWith({ with: ['else'] })] })).toBe(FIRST);
    expect(since(kind, [credit('other')], { other: [termsWith({ with: ['own'] })] })).toBeNull();
  });

  it('as the terms say under which the credit was granted', () => {
    const other = [termsWith({ with: 'none' }), termsWith()];
    expect(since(termsWith(), [credit('other', FIRST, 1)], { other })).toBe(FIRST);
    expect(since(termsWith(), [credit('other', FIRST, 2)], { other })).toBeNull();
  });

  it('from the first of the credits on that it may not', () => {
    const credits = [credit('else'), credit('other', SECOND), credit('other', at('2022-09-15T00:00Z'))];
    expect(since(termsWith({ excludes: ['other'] }), credits)).toBe('2022-09-15T00:00:00.000Z');
  });

  it('with one of version 1, unless it excludes that itself', () => {
    const { revision: _, ...old } = credit('other');
    expect(since(termsWith(), [old], { other: [ROW_A] })).toBeNull();
    expect(since(termsWith({ with: 'none' }), [old], { other: [ROW_A] })).toBe(FIRST);
  });
});
