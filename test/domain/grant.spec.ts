import { describe, expect, it } from '@jest/globals';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import type { CreditApplied } from '../../src/accounts/domain/events.js';
import { refuse } from '../../src/kernel/refusal.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import type { TermsV2 } from '../../src/promotions/domain/terms.js';
import {
  applied,
  APPLIED_AT,
  eur,
  expired,
  EXPIRES_AT,
  given,
  givenOpened,
  grant,
  noRate,
  offerOf,
  opened,
  RATE,
  revoked,
  SWEEPABLE_AT,
  usd,
} from './account-examples.js';
import { at, ROW_A } from './examples.js';

describe('a manual grant', () => {
  it('is converted, dated and recorded with its reason; it needs no eligibility', () => {
    const command = grant({ granted: usd('150.00') });
    givenOpened()
      .when(command)
      .then({
        type: 'CreditApplied',
        data: {
          ...command.data,
          applied: eur('150.00'),
          fx: { rates: [RATE] },
          qualifiedAt: null,
          campaignId: null,
          expiresAt: EXPIRES_AT,
          sweepableAt: SWEEPABLE_AT,
          appliesTo: ['SP', 'SB', 'SD'],
          revision: 1,
          origin: 'manual',
        },
      });
  });

  it('is converted into the currency of the account as of its appliedAt', () => {
    const asked: unknown[] = [];
    const command = grant(
      {},
      {
        convert: (money, currency, moment) => {
          asked.push(money, currency, moment);
          return { money: { amount: '28982', currency }, fx: null };
        },
      },
    );
    const { decision } = given(opened('JPY')).when(command);
    expect(asked).toEqual([usd('200.00'), 'JPY', APPLIED_AT]);
    expect(decision).toMatchObject([{ data: { applied: { amount: '28982', currency: 'JPY' } } }]);
  });

  it('of an unknown promotion is refused', () => {
    givenOpened()
      .when(grant({}, { offer: null }))
      .thenRefused('unknown-promotion');
  });

  it('is for a product and a marketplace of the terms', () => {
    givenOpened()
      .when(grant({ product: 'DSP' }))
      .thenRefused('invalid-command');
    givenOpened()
      .when(grant({}, { offer: offerOf({ ...ROW_A, marketplaces: ['US'] }) }))
      .thenRefused('invalid-command');
  });

  it('is in the currency of the terms', () => {
    givenOpened()
      .when(grant({ granted: eur('200.00') }))
      .thenRefused('currency-mismatch');
  });

  it('that converts to nothing is refused', () => {
    const convert = (_: unknown, currency: string) => ({ money: { amount: '0.00', currency }, fx: null });
    givenOpened()
      .when(grant({ granted: usd('0.01') }, { convert }))
      .thenRefused('precision');
  });

  it('is refused as its conversion is', () => {
    givenOpened()
      .when(grant({}, { convert: noRate }))
      .thenRefused('no-fx-rate');
    const convert = () => refuse('stale-fx-rate', 'too old');
    givenOpened().when(grant({}, { convert })).thenRefused('stale-fx-rate');
  });

  it('that would end after the year 9999 is refused', () => {
    givenOpened()
      .when(grant({ appliedAt: at('9999-12-20T00:00Z') }))
      .thenRefused('invalid-command');
  });
});

describe('the caps', () => {
  const is = (amount: string, product = 'SD') => grant({ product, granted: usd(amount) });
  const two = [applied('sp', '204.83'), applied('sb', '204.83')] as const;

  it('give one credit for a product, by a run or by hand', () => {
    givenOpened(applied('sp', '204.83')).when(is('0.01', 'SP')).thenRefused('already-granted');
    givenOpened(applied('sp', '204.83', { origin: 'manual', qualifiedAt: null }))
      .when(is('0.01', 'SP'))
      .thenRefused('already-granted');
  });

  it('allow USD 600 in a marketplace and not a cent more, whatever the account has for it', () => {
    const { decision } = givenOpened(...two).when(is('200.00'));
    expect(decision).toHaveLength(1);
    givenOpened(...two)
      .when(is('200.01'))
      .thenRefused('cap-exceeded');
    givenOpened().when(is('600.01')).thenRefused('cap-exceeded');
  });

  it('count credits that have ended, too', () => {
    const ended = givenOpened(...two, revoked('sp', '2022-10-20T00:00Z', '204.83'), expired('sb', '204.83'));
    ended.when(is('200.01')).thenRefused('cap-exceeded');
    ended.when(is('1.00', 'SP')).thenRefused('already-granted');
    ended.when(is('1.00', 'SB')).thenRefused('already-granted');
  });

  it('count credits of the one promotion only', () => {
    const other = applied('sp', '204.83', { promotionId: 'another', granted: usd('600.00') });
    expect(givenOpened(other).when(is('200.00', 'SP')).decision).toHaveLength(1);
  });
});

describe('a credit by a run', () => {
  const run = (data: Partial<CreditApplied['data']> = {}): Extract<AccountCommand, { type: 'ApplyRunCredit' }> => {
    const {
      expiresAt: _e,
      sweepableAt: _s,
      appliesTo: _a,
      revision: _r,
      origin: _o,
      ...said
    } = applied('sp', '204.83', data).data;
    const offer = offerOf(ROW_A);
    return { type: 'ApplyRunCredit', data: said, offer, stage: offer.rules.stages[0]! };
  };

  it('is dated by the terms', () => {
    givenOpened().when(run()).then(applied('sp', '204.83'));
    const terms = {
      ...ROW_A,
      award: { ...ROW_A.award, appliesTo: ['SP'] },
      expiry: { after: 'P1M', settlementGrace: 'P0D' },
    };
    const ends = at('2022-11-04T07:00Z');
    givenOpened()
      .when({ ...run(), offer: offerOf(terms), stage: rulesOf(terms).stages[0]! })
      .then(applied('sp', '204.83', { expiresAt: ends, sweepableAt: ends, appliesTo: ['SP'] }));
  });

  it('keeps the caps, whatever raced the run', () => {
    givenOpened(applied('goodwill', '1.00', { product: 'SP', origin: 'manual' }))
      .when(run())
      .thenRefused('already-granted');
    givenOpened(applied('goodwill', '1.00', { product: 'SB', granted: usd('400.01') }))
      .when(run())
      .thenRefused('cap-exceeded');
    givenOpened(applied('goodwill', '1.00', { product: 'SB', granted: usd('400.00') }))
      .when(run())
      .then(applied('sp', '204.83'));
  });

  it('that would end after the year 9999 is refused', () => {
    givenOpened()
      .when(run({ appliedAt: at('9999-12-20T00:00Z') }))
      .thenRefused('invalid-command');
  });
});

describe('a manual grant under terms of version 2', () => {
  const stage = {
    id: 'first',
    qualifying: { activated: 'offer' },
    award: { amount: usd('100.00') },
    disbursement: { schedule: 'daily', within: 'P14D' },
    expiry: { after: 'P30D', settlementGrace: 'P3D' },
    pays: { products: ['SP'], spend: ['clicks'] },
  } as const;
  const terms: TermsV2 = {
    version: 2,
    name: 'Two stages',
    timeZone: 'America/Los_Angeles',
    period: { start: '2022-08-22T00:00', end: '2022-12-31T12:00' },
    marketplaces: ['DE', 'UK'],
    products: ['SP', 'SB'],
    awardFor: 'all-products',
    stages: [stage, { ...stage, id: 'second', expiry: { on: '2022-11-01T00:00' } }],
  };
  const of = (
    data: Parameters<typeof grant>[0],
    more: Partial<TermsV2> = {},
    elsewhere: Parameters<typeof offerOf>[1] = [],
  ) => grant({ product: 'ALL', stage: 'first', ...data }, { offer: offerOf({ ...terms, ...more }, elsewhere) });
  const inUk = { advertiserId: 'adv-1', marketplace: 'UK', product: 'ALL', stage: 'first', granted: 10_000n };

  it('is of a stage, pays for what it pays for, and ends when it does', () => {
    const { decision } = givenOpened().when(of({}));
    const covers = { product: 'ALL', stage: 'first', appliesTo: ['SP'], spendKinds: ['clicks'], revision: 1 };
    expect(decision).toMatchObject([{ data: { ...covers, expiresAt: EXPIRES_AT, sweepableAt: SWEEPABLE_AT } }]);
    const second = givenOpened().when(of({ stage: 'second' }));
    expect(second.decision).toMatchObject([{ data: { stage: 'second', expiresAt: at('2022-11-01T07:00Z') } }]);
  });

  it('names the stage where there are several, and one that there is', () => {
    const { stage: _stage, ...none } = of({}).data;
    givenOpened()
      .when({ ...of({}), data: none })
      .thenRefused('invalid-command');
    givenOpened()
      .when(of({ stage: 'third' }))
      .thenRefused('invalid-command');
    const { decision } = givenOpened().when({ ...of({}, { stages: [stage] }), data: none });
    expect(decision).toMatchObject([{ data: { product: 'ALL' } }]);
    expect(decision).not.toHaveProperty('0.data.stage');
  });

  it('is for all products where the award is', () => {
    givenOpened()
      .when(of({ product: 'SP' }))
      .thenRefused('invalid-command');
  });

  it('is not of what would be over', () => {
    givenOpened()
      .when(of({ stage: 'second', appliedAt: at('2022-11-01T07:00Z') }))
      .thenRefused('invalid-command');
  });

  it('counts what was given in other accounts', () => {
    givenOpened()
      .when(of({}, { oncePer: 'advertiser' }, [inUk]))
      .thenRefused('already-granted');
    expect(givenOpened().when(of({}, {}, [inUk])).decision).toHaveLength(1);
    givenOpened()
      .when(of({}, { caps: { perAdvertiser: usd('299.99') } }, [inUk]))
      .thenRefused('cap-exceeded');
    givenOpened()
      .when(of({}, { caps: { budget: usd('299.99') } }, [inUk]))
      .thenRefused('budget-exhausted');
    givenOpened()
      .when(of({}, { caps: { redemptions: 1 } }, [inUk]))
      .thenRefused('redemptions-exhausted');
    expect(
      givenOpened().when(of({}, { caps: { budget: usd('300.00'), redemptions: 2 } }, [inUk])).decision,
    ).toHaveLength(1);
  });

  it('was given for every stage when it names none', () => {
    const before = applied('all', '100.00', { product: 'ALL', origin: 'manual' });
    givenOpened(before)
      .when(of({ stage: 'second' }))
      .thenRefused('already-granted');
    const first = applied('first', '100.00', { product: 'ALL', stage: 'first' });
    expect(givenOpened(first).when(of({ stage: 'second' })).decision).toHaveLength(1);
    givenOpened(first)
      .when(of({ stage: 'first' }))
      .thenRefused('already-granted');
  });
});
