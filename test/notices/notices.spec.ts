import { describe, expect, it } from '@jest/globals';
import type { AccountEvent, CreditApplied } from '../../src/accounts/domain/events.js';
import { type Instant, parseInstant } from '../../src/kernel/instant.js';
import type { Money } from '../../src/kernel/money.js';
import { type CreditUse, type Notice, type NoticedEvent, step } from '../../src/notices/domain/notices.js';

const ACCOUNT = { advertiserId: 'adv', marketplace: 'DE' };
const at = (text: string): Instant => parseInstant(`2022-${text}:00Z`)!;
const APPLIED_AT = at('10-04T07:00');
const EXPIRES_AT = at('11-03T07:00');

/** What an account's facts make known, one list for each fact; positions count from 1. */
function tell(facts: readonly NoticedEvent[]): (readonly Notice[])[] {
  const credits = new Map<string, CreditUse>();
  return facts.map((fact, index) => {
    const told = step(fact, BigInt(index + 1), (creditId) => credits.get(creditId)!);
    for (const credit of told.credits) credits.set(credit.creditId, credit);
    return told.notices;
  });
}

/** `given(facts).when(fact).then(notices)`: what the last fact alone makes known. */
const given = (...facts: readonly NoticedEvent[]) => ({
  when: (fact: NoticedEvent) => ({
    then: (...notices: readonly object[]) => expect(tell([...facts, fact]).at(-1)).toMatchObject(notices),
  }),
});

const eur = (amount: string): Money => ({ amount, currency: 'EUR' });

const applied = (creditId: string, amount: Money, data: Partial<CreditApplied['data']> = {}): CreditApplied => ({
  type: 'CreditApplied',
  data: {
    ...ACCOUNT,
    creditId,
    promotionId: 'promo',
    product: 'SP',
    granted: { amount: '200.00', currency: 'USD' },
    applied: amount,
    fx: null,
    qualifiedAt: null,
    campaignId: null,
    appliedAt: APPLIED_AT,
    expiresAt: EXPIRES_AT,
    sweepableAt: EXPIRES_AT,
    appliesTo: ['SP'],
    origin: 'manual',
    ...data,
  },
});

/** A click of exactly what it draws. */
const click = (clickId: string, when: string, ...draws: readonly (readonly [string, Money])[]): AccountEvent => ({
  type: 'ClickSpent',
  data: {
    ...ACCOUNT,
    clickId,
    campaignId: 'c',
    product: 'SP',
    cost: eur('1.00'),
    occurredAt: at(when),
    draws: draws.map(([creditId, amount]) => ({ creditId, amount })),
    billable: eur('0.00'),
  },
});

const reversed = (
  clickId: string,
  when: string,
  parts: { restored?: [string, Money]; forfeited?: [string, Money] },
): AccountEvent => ({
  type: 'ClickReversed',
  data: {
    ...ACCOUNT,
    clickId,
    reason: 'invalid',
    occurredAt: at(when),
    restored: parts.restored ? [{ creditId: parts.restored[0], amount: parts.restored[1] }] : [],
    forfeited: parts.forfeited ? [{ creditId: parts.forfeited[0], amount: parts.forfeited[1] }] : [],
    unclawed: [],
    billable: eur('0.00'),
  },
});

const revoked = (creditId: string, amount: Money): AccountEvent => ({
  type: 'CreditRevoked',
  data: {
    ...ACCOUNT,
    creditId,
    reason: 'fraud',
    clawback: false,
    occurredAt: at('10-20T00:00'),
    amount,
    clawedBack: eur('0.00'),
  },
});

const expired = (creditId: string, amount: Money): AccountEvent => ({
  type: 'CreditExpired',
  data: { ...ACCOUNT, creditId, amount, expiredAt: EXPIRES_AT },
});

const deferral = (date: string): NoticedEvent => ({
  type: 'DisbursementRunCompleted',
  data: {
    promotionId: 'promo',
    date,
    runAt: APPLIED_AT,
    applied: 1,
    deferred: 2,
    credits: ['promo:x:DE:SP'],
    deferrals: [
      { ...ACCOUNT, product: 'SP', reasons: ['standing-suspended', 'payment-method-invalid'] },
      { ...ACCOUNT, product: 'SB', stage: 'first', reasons: ['cap-exceeded'] },
    ],
  },
});

describe('a credit that is applied', () => {
  it('is told with what it is worth and until when', () => {
    given()
      .when(applied('c', eur('204.83')))
      .then({
        id: 'credit-applied~adv~DE~c',
        kind: 'credit-applied',
        ...ACCOUNT,
        position: '1',
        occurredAt: APPLIED_AT,
        data: {
          creditId: 'c',
          promotionId: 'promo',
          product: 'SP',
          granted: { amount: '200.00', currency: 'USD' },
          applied: eur('204.83'),
          appliedAt: APPLIED_AT,
          expiresAt: EXPIRES_AT,
          origin: 'manual',
        },
      });
  });

  it('has an id without a full stop, which would let the signed parts be read in two ways', () => {
    given()
      .when(applied('good.will', eur('1.00')))
      .then({ id: 'credit-applied~adv~DE~good%2Ewill' });
  });
});

describe('use', () => {
  const CREDIT = applied('c', eur('100.00'));

  it('is told when it reaches 80 %, not a cent before', () => {
    given(CREDIT)
      .when(click('1', '10-05T00:00', ['c', eur('79.99')]))
      .then();
    given(CREDIT, click('1', '10-05T00:00', ['c', eur('79.99')]))
      .when(click('2', '10-06T00:00', ['c', eur('0.01')]))
      .then({
        id: 'credit-80-percent-used~adv~DE~c',
        kind: 'credit-80-percent-used',
        position: '3',
        occurredAt: at('10-06T00:00'),
        data: { creditId: 'c', applied: eur('100.00'), drawn: eur('80.00'), remaining: eur('20.00') },
      });
  });

  it('is told twice by one click that takes it from 79 % to all of it', () => {
    given(CREDIT, click('1', '10-05T00:00', ['c', eur('79.00')]))
      .when(click('2', '10-06T00:00', ['c', eur('21.00')]))
      .then(
        { kind: 'credit-80-percent-used', position: '3', data: { remaining: eur('0.00') } },
        { kind: 'credit-used-up', position: '3', data: { drawn: eur('100.00'), remaining: eur('0.00') } },
      );
  });

  it('is told of each credit that a click draws on, in the order drawn', () => {
    given(applied('a', eur('10.00')), applied('b', eur('10.00')))
      .when(click('1', '10-05T00:00', ['a', eur('10.00')], ['b', eur('8.00')]))
      .then(
        { id: 'credit-80-percent-used~adv~DE~a' },
        { id: 'credit-used-up~adv~DE~a' },
        { id: 'credit-80-percent-used~adv~DE~b' },
      );
  });

  it('is told once, though a reversal takes it back and it is reached again', () => {
    const used = click('1', '10-05T00:00', ['c', eur('100.00')]);
    const back = reversed('1', '10-06T00:00', { restored: ['c', eur('100.00')] });
    given(CREDIT, used).when(back).then();
    given(CREDIT, used, back)
      .when(click('2', '10-07T00:00', ['c', eur('100.00')]))
      .then();
  });

  it('is not told by a reversal, though what it forfeits can leave a credit of which little was used', () => {
    given(CREDIT, click('1', '10-05T00:00', ['c', eur('50.00')]))
      .when(reversed('1', '11-03T07:00', { forfeited: ['c', eur('50.00')] }))
      .then();
  });

  it('is told of a late click as of when all that is recorded has taken effect', () => {
    given(CREDIT, click('1', '10-20T00:00', ['c', eur('60.00')]))
      .when(click('late', '10-10T00:00', ['c', eur('40.00')]))
      .then({ kind: 'credit-80-percent-used', occurredAt: at('10-20T00:00') }, { kind: 'credit-used-up' });
  });

  it('is not told by a click that draws nothing, nor by one for which nothing was left', () => {
    given(CREDIT).when(click('1', '10-05T00:00')).then();
    given(CREDIT, click('1', '10-05T00:00', ['c', eur('100.00')]))
      .when(click('2', '10-06T00:00'))
      .then();
  });

  it('is counted exactly where there are no fractions', () => {
    const yen = (amount: string): Money => ({ amount, currency: 'JPY' });
    given(applied('y', yen('28982')))
      .when(click('1', '10-05T00:00', ['y', yen('23185')]))
      .then();
    given(applied('y', yen('28982')))
      .when(click('1', '10-05T00:00', ['y', yen('23186')]))
      .then({ kind: 'credit-80-percent-used', data: { drawn: yen('23186'), remaining: yen('5796') } });
    given(applied('y', yen('1')))
      .when(click('1', '10-05T00:00', ['y', yen('1')]))
      .then({ kind: 'credit-80-percent-used' }, { kind: 'credit-used-up', data: { remaining: yen('0') } });
  });

  it('is told of impressions as of clicks', () => {
    const { data } = click('1', '10-05T00:00', ['c', eur('80.00')]) as { data: object };
    const shown = { type: 'ImpressionsSpent', data: { ...data, impressionsId: 'i' } } as unknown as NoticedEvent;
    given(CREDIT).when(shown).then({ kind: 'credit-80-percent-used' });
  });

  it('is not what a revocation or an end leaves', () => {
    given(CREDIT)
      .when(revoked('c', eur('100.00')))
      .then();
    given(CREDIT)
      .when(expired('c', eur('100.00')))
      .then();
  });
});

describe('a run that puts somebody off', () => {
  it('is told for each product and stage, with its reasons', () => {
    given()
      .when(deferral('2022-10-04'))
      .then(
        {
          id: 'run-deferred~promo~2022-10-04~adv~DE~SP',
          kind: 'run-deferred',
          ...ACCOUNT,
          position: '1',
          occurredAt: APPLIED_AT,
          data: { date: '2022-10-04', product: 'SP', reasons: ['standing-suspended', 'payment-method-invalid'] },
        },
        { id: 'run-deferred~promo~2022-10-04~adv~DE~SB~first', data: { stage: 'first', reasons: ['cap-exceeded'] } },
      );
  });

  it('is told of every run anew', () => {
    const ids = tell([deferral('2022-10-04'), deferral('2022-11-01')])
      .flat()
      .map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
  });
});
