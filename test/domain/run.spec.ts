import { describe, expect, it } from '@jest/globals';
import { refuse, type RefusalCode } from '../../src/kernel/refusal.js';
import { DEFERRAL_REASONS, type PlannedRun } from '../../src/promotions/domain/events.js';
import type { GivenCredit } from '../../src/promotions/domain/limits.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import {
  decideRun,
  type Claim,
  type RunAccount,
  type RunDecision,
  type RunFacts,
} from '../../src/promotions/domain/run.js';
import type { PromotionTerms, TermsV2 } from '../../src/promotions/domain/terms.js';
import { usd } from './account-examples.js';
import { at, ROW_A } from './examples.js';

const OPEN = { currency: 'EUR', standing: 'good', paymentValid: true } as const;
const SUSPENDED = { ...OPEN, standing: 'suspended' } as const;
const UNPAYABLE = { ...OPEN, paymentValid: false };
const NEITHER = { ...SUSPENDED, paymentValid: false };

const converted = (amount: string) => (_: unknown, currency: string) => ({ money: { amount, currency }, fx: null });
const refused = (code: RefusalCode) => () => refuse(code, 'so it is');
const PAYS = converted('204.83');
const RUN: PlannedRun = { date: '2022-10-04', runAt: at('2022-10-04T07:00Z') };

/** A promotion of two stages, `first` and `second`, that gives USD 100 for each. */
const STAGE = {
  id: 'first',
  qualifying: { activated: 'offer' },
  award: { amount: usd('100.00') },
  disbursement: { schedule: 'daily', within: 'P14D' },
  expiry: { after: 'P30D' },
} as const;
const V2: TermsV2 = {
  version: 2,
  name: 'Two stages',
  timeZone: 'America/Los_Angeles',
  period: { start: '2022-08-22T00:00', end: '2022-12-31T12:00' },
  marketplaces: ['DE', 'UK', 'US'],
  regions: { 'DE-UK': ['DE', 'UK'] },
  products: ['SP', 'SB'],
  stages: [STAGE, { ...STAGE, id: 'second' }],
};

const claimsOf = (terms: PromotionTerms) => {
  const rules = rulesOf(terms);
  const claim = (said: Partial<Claim> & { of?: number } = {}): Claim => ({
    advertiserId: 'adv-1',
    marketplace: 'DE',
    product: 'SP',
    stage: rules.stages[said.of ?? 0]!,
    qualifiedAt: at('2022-09-19T12:00Z'),
    campaignId: 'c-1',
    award: usd(terms.version === 1 ? '200.00' : '100.00'),
    ...said,
  });
  const decide = (claims: readonly Claim[], facts: Partial<RunFacts> = {}, run = RUN) =>
    decideRun(rules, run, { claims, given: [], accountOf: () => OPEN, convert: PAYS, ...facts });
  return { claim, decide };
};

const given = (said: Partial<GivenCredit> = {}): GivenCredit => ({
  advertiserId: 'adv-1',
  marketplace: 'DE',
  product: 'SB',
  stage: null,
  granted: 10_000n,
  ...said,
});

/** Who is given what, or why not: `adv-1 DE SP first`, `adv-2 DE SP first: cap-exceeded`. */
const told = (decisions: readonly RunDecision[]): readonly string[] =>
  decisions.map((decision) => {
    const { advertiserId, marketplace, product, stage } = decision.claim;
    const who = [advertiserId, marketplace, product, ...(stage.id ? [stage.id] : [])].join(' ');
    if ('applied' in decision) return who;
    return `${who}: ${'deferred' in decision ? decision.deferred.join(' ') : `left out, ${decision.leftOut}`}`;
  });

describe('a run', () => {
  const { claim, decide } = claimsOf(ROW_A);
  const one = (account: RunAccount, before = 0n, convert: RunFacts['convert'] = PAYS) =>
    decide([claim()], { accountOf: () => account, given: [given({ granted: before })], convert })[0]!;

  it('applies the credit in the currency of the account, and says by which rates and when it was due', () => {
    const fx = { rates: [] };
    const decision = one(OPEN, 0n, (award, currency) => {
      expect(award).toEqual(usd('200.00'));
      return { money: { amount: '204.83', currency }, fx };
    });
    const dueBy = at('2022-10-19T12:00Z');
    expect(decision).toStrictEqual({ claim: claim(), applied: { amount: '204.83', currency: 'EUR' }, fx, dueBy });
  });

  it('applies it up to exactly the cap', () => {
    expect(one(OPEN, 40_000n)).toHaveProperty('applied');
    expect(one(OPEN, 40_001n)).toMatchObject({ deferred: ['cap-exceeded'] });
  });

  it('leaves what is earned later than it to the next, and says nothing of what was given before', () => {
    const later = claim({ qualifiedAt: at('2022-10-04T07:00:00.001Z') });
    expect(decide([later])).toEqual([]);
    expect(told(decide([claim({ qualifiedAt: RUN.runAt })]))).toEqual(['adv-1 DE SP']);
    expect(decide([claim()], { given: [given({ product: 'SP' })] })).toEqual([]);
  });

  it.each<[readonly string[], RunAccount, bigint, RunFacts['convert']]>([
    [['account-not-open'], null, 0n, PAYS],
    [['standing-suspended'], SUSPENDED, 0n, PAYS],
    [['payment-method-invalid'], UNPAYABLE, 0n, PAYS],
    [['cap-exceeded'], OPEN, 60_000n, PAYS],
    [['no-fx-rate'], OPEN, 0n, refused('no-fx-rate')],
    [['stale-fx-rate'], OPEN, 0n, refused('stale-fx-rate')],
    [['precision'], OPEN, 0n, converted('0.00')],
    [['standing-suspended', 'payment-method-invalid'], NEITHER, 0n, PAYS],
    [['payment-method-invalid', 'precision'], UNPAYABLE, 0n, converted('0.00')],
    [
      ['standing-suspended', 'payment-method-invalid', 'cap-exceeded', 'no-fx-rate'],
      NEITHER,
      60_000n,
      refused('no-fx-rate'),
    ],
    [['standing-suspended', 'cap-exceeded', 'stale-fx-rate'], SUSPENDED, 60_000n, refused('stale-fx-rate')],
    // An account that is not open has neither standing nor payment method nor currency; the cap is looked at all the same.
    [['account-not-open', 'cap-exceeded'], null, 60_000n, refused('no-fx-rate')],
  ])('puts it off for all of %j', (reasons, account, before, convert) => {
    expect(one(account, before, convert)).toMatchObject({ deferred: reasons });
    const places = reasons.map((reason) => (DEFERRAL_REASONS as readonly string[]).indexOf(reason));
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('does not ask for a rate when there is no account', () => {
    const asked = () => {
      throw new Error('asked');
    };
    expect(() => one(null, 0n, asked)).not.toThrow();
  });

  it('goes by qualifiedAt, then advertiser, marketplace and product: the first are within the cap', () => {
    const third = claim({ product: 'SD', qualifiedAt: at('2022-09-20T00:00Z') });
    const claims = [third, claim({ product: 'SP' }), claim({ product: 'SB' }), claim({ advertiserId: 'adv-0' })];
    expect(told(decide(claims, { given: [given({ product: 'DSP', granted: 20_000n })] }))).toEqual([
      'adv-0 DE SP',
      'adv-1 DE SB',
      'adv-1 DE SP',
      'adv-1 DE SD: cap-exceeded',
    ]);
  });
});

describe('a run under terms of version 2', () => {
  it('gives stages in their order, each once in a place', () => {
    const { claim, decide } = claimsOf(V2);
    const both = [claim({ of: 1 }), claim()];
    expect(told(decide(both))).toEqual(['adv-1 DE SP first', 'adv-1 DE SP second']);
    expect(told(decide(both, { given: [given({ product: 'SP', stage: 'first' })] }))).toEqual(['adv-1 DE SP second']);
    // A grant that names no stage is of all of them.
    expect(decide(both, { given: [given({ product: 'SP' })] })).toEqual([]);
  });

  it('disburses the stages of its date only', () => {
    const { claim, decide } = claimsOf(V2);
    expect(told(decide([claim(), claim({ of: 1 })], {}, { ...RUN, stages: ['second'] }))).toEqual([
      'adv-1 DE SP second',
    ]);
  });

  it.each<[NonNullable<TermsV2['oncePer']>, readonly string[]]>([
    ['marketplace', ['adv-1 DE SP first', 'adv-1 UK SP first', 'adv-1 US SP first', 'adv-2 UK SP first']],
    ['region', ['adv-1 DE SP first', 'adv-1 US SP first', 'adv-2 UK SP first']],
    ['advertiser', ['adv-1 DE SP first', 'adv-2 UK SP first']],
  ])('gives once per %s, to the first that can be given', (oncePer, expected) => {
    const { claim, decide } = claimsOf({ ...V2, oncePer });
    const claims = ['US', 'UK', 'DE'].map((marketplace) => claim({ marketplace }));
    const other = claim({ advertiserId: 'adv-2', marketplace: 'UK' });
    expect(told(decide([...claims, other]))).toEqual(expected);
    const accountOf = ({ marketplace }: Claim) => (marketplace === 'DE' ? null : OPEN);
    expect(told(decide([claims[1]!, claims[2]!], { accountOf }))).toEqual([
      'adv-1 DE SP first: account-not-open',
      'adv-1 UK SP first',
    ]);
  });

  it('counts caps by marketplace, region and advertiser', () => {
    const claims = (terms: TermsV2) => {
      const { claim, decide } = claimsOf(terms);
      const all = ['DE', 'UK', 'US'].flatMap((marketplace) => [claim({ marketplace }), claim({ marketplace, of: 1 })]);
      return told(decide(all)).map((line) => line.replace('adv-1 ', '').replace(' SP', ''));
    };
    const perMarketplace = { default: usd('100.00'), in: { US: usd('200.00') } };
    expect(claims({ ...V2, caps: { perMarketplace } })).toEqual([
      'DE first',
      'DE second: cap-exceeded',
      'UK first',
      'UK second: cap-exceeded',
      'US first',
      'US second',
    ]);
    expect(claims({ ...V2, caps: { perRegion: usd('300.00') } })).toEqual([
      'DE first',
      'DE second',
      'UK first',
      'UK second: cap-exceeded',
      'US first',
      'US second',
    ]);
    expect(claims({ ...V2, caps: { perAdvertiser: usd('100.00') } }).filter((line) => !line.includes(':'))).toEqual([
      'DE first',
    ]);
  });

  it('gives as long as the budget and the redemptions last, and then leaves out for good', () => {
    const budget = claimsOf({ ...V2, caps: { budget: usd('250.00') } });
    const four = (claim: typeof budget.claim) => ['1', '2', '3', '4'].map((n) => claim({ advertiserId: `adv-${n}` }));
    expect(told(budget.decide(four(budget.claim)))).toEqual([
      'adv-1 DE SP first',
      'adv-2 DE SP first',
      'adv-3 DE SP first: left out, budget-exhausted',
      'adv-4 DE SP first: left out, budget-exhausted',
    ]);
    const redemptions = claimsOf({ ...V2, caps: { redemptions: 3 } });
    const elsewhere = [given({ advertiserId: 'adv-9' })];
    // Who is put off takes none from the others, and is left out when there is none left.
    const accountOf = ({ advertiserId }: Claim) => (advertiserId === 'adv-1' ? null : OPEN);
    expect(told(redemptions.decide(four(redemptions.claim), { given: elsewhere, accountOf }))).toEqual([
      'adv-1 DE SP first: account-not-open',
      'adv-2 DE SP first',
      'adv-3 DE SP first',
      'adv-4 DE SP first: left out, redemptions-exhausted',
    ]);
  });

  it('gives nothing that would be over when it is applied', () => {
    const ending = (on: string): TermsV2 => ({ ...V2, stages: [{ ...STAGE, expiry: { on } }] });
    const told1 = (on: string) => {
      const { claim, decide } = claimsOf(ending(on));
      return told(decide([claim()]));
    };
    expect(told1('2022-10-04T00:00')).toEqual(['adv-1 DE SP first: left out, credit-would-be-over']);
    expect(told1('2022-10-04T00:01')).toEqual(['adv-1 DE SP first']);
  });

  it('asks for standing and payment only as the terms do', () => {
    const { claim, decide } = claimsOf({ ...V2, eligibility: { standing: 'any', payment: 'any' } });
    expect(told(decide([claim()], { accountOf: () => NEITHER }))).toEqual(['adv-1 DE SP first']);
  });
});
