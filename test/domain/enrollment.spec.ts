import { describe, expect, it } from '@jest/globals';
import { enrollmentDecider, enrollmentOf } from '../../src/promotions/domain/enrollment.js';
import type { EnrollmentEvent } from '../../src/promotions/domain/events.js';
import type { ConditionTerms, PromotionTerms } from '../../src/promotions/domain/terms.js';
import { specificationOf } from '../support/decider-specification.js';
import { at, PROMOTION_ID, ROW_A, termsOf } from './examples.js';

const { given } = specificationOf(enrollmentDecider);

const ENROLLED = { promotionId: PROMOTION_ID, advertiserId: 'adv-1' };
const ON = '2022-08-20T08:00Z';

const invited = (partnerId: string, on = '2022-08-10T08:00Z'): EnrollmentEvent => ({
  type: 'AdvertiserInvited',
  data: { ...ENROLLED, partnerId, occurredAt: at(on) },
});
const withdrawn = (on: string): EnrollmentEvent => ({
  type: 'InvitationWithdrawn',
  data: { ...ENROLLED, reason: 'sent in error', occurredAt: at(on) },
});
const activated: EnrollmentEvent = { type: 'OfferActivated', data: { ...ENROLLED, occurredAt: at(ON) } };
const redeemed = (code: string, on = ON): EnrollmentEvent => ({
  type: 'CodeRedeemed',
  data: { ...ENROLLED, code, occurredAt: at(on) },
});
const attested = (attestationId: string, action: string): EnrollmentEvent => ({
  type: 'ActionAttested',
  data: { ...ENROLLED, attestationId, action, attestedBy: 'academy', occurredAt: at(ON) },
});
const saying = (fact: EnrollmentEvent, terms: PromotionTerms | null = ROW_A) => ({ ...fact, terms });

/** Terms whose one stage is earned so. */
const earnedBy = (qualifying: ConditionTerms): PromotionTerms =>
  termsOf({
    version: 2,
    name: 'Codes',
    timeZone: 'UTC',
    period: { start: '2022-08-01T00:00', end: '2022-12-31T00:00' },
    marketplaces: ['DE'],
    products: ['SP'],
    stages: [
      {
        id: 'welcome',
        qualifying,
        award: { amount: { amount: '50.00', currency: 'USD' } },
        disbursement: { schedule: 'daily', within: 'P14D' },
        expiry: { after: 'P30D' },
      },
    ],
  });

describe('an invitation', () => {
  it('is by any partner where the terms list none', () => {
    given()
      .when(saying(invited('partner-9')))
      .then(invited('partner-9'));
  });

  it('is by a listed partner where they list some', () => {
    const terms = termsOf({ ...ROW_A, eligibility: { partners: ['partner-1', 'partner-2'] } });
    given()
      .when(saying(invited('partner-2'), terms))
      .then(invited('partner-2'));
    given()
      .when(saying(invited('partner-9'), terms))
      .thenRefused('partner-not-listed');
  });
});

describe('the withdrawal of an invitation', () => {
  const INVITED = given(invited('partner-1'));

  it('is of one that was made', () => {
    INVITED.when(saying(withdrawn(ON))).then(withdrawn(ON));
    given(activated, redeemed('WELCOME'))
      .when(saying(withdrawn(ON)))
      .thenRefused('not-invited');
  });

  it('is not before the invitation; at its instant it is', () => {
    INVITED.when(saying(withdrawn('2022-08-10T07:59Z'))).thenRefused('invalid-command');
    INVITED.when(saying(withdrawn('2022-08-10T08:00Z'))).then(withdrawn('2022-08-10T08:00Z'));
  });
});

describe('a redeemed code', () => {
  it.each<[string, ConditionTerms]>([
    ['by the terms', { redeemed: { codes: ['OTHER', 'WELCOME'] } }],
    ['by a part of them', { all: [{ activated: 'offer' }, { any: [{ redeemed: { codes: ['WELCOME'] } }] }] }],
  ])('is listed %s', (_, qualifying) => {
    const terms = earnedBy(qualifying);
    given()
      .when(saying(redeemed('WELCOME'), terms))
      .then(redeemed('WELCOME'));
    given()
      .when(saying(redeemed('welcome'), terms))
      .thenRefused('unknown-code');
  });

  it('is none where the terms ask for none', () => {
    given()
      .when(saying(redeemed('WELCOME')))
      .thenRefused('unknown-code');
  });
});

describe('what an advertiser does', () => {
  it.each([activated, attested('a-1', 'certificate')])('is recorded as it is said: $type', (fact) => {
    given().when(saying(fact)).then(fact);
  });

  it.each([invited('partner-1'), withdrawn(ON), activated, redeemed('WELCOME'), attested('a-1', 'certificate')])(
    'is about a promotion that is published: $type',
    (fact) => {
      given().when(saying(fact, null)).thenRefused('unknown-promotion');
    },
  );

  it('has a name of its own: one for the promotion and advertiser, the code, the attestation', () => {
    const facts = [invited('partner-1'), withdrawn(ON), activated, redeemed('WELCOME'), attested('a-1', 'certificate')];
    expect(facts.map((fact) => enrollmentDecider.idOf(fact))).toEqual([
      `AdvertiserInvited:${PROMOTION_ID}.adv-1`,
      `InvitationWithdrawn:${PROMOTION_ID}.adv-1`,
      `OfferActivated:${PROMOTION_ID}.adv-1`,
      'CodeRedeemed:WELCOME',
      'ActionAttested:a-1',
    ]);
  });

  it('comes to what conditions look at', () => {
    const facts = [
      invited('partner-1'),
      activated,
      redeemed('WELCOME'),
      attested('a-1', 'certificate'),
      attested('a-2', 'visit'),
      redeemed('AGAIN', '2022-08-21T08:00Z'),
      withdrawn('2022-08-22T08:00Z'),
    ];
    expect(enrollmentOf(facts)).toEqual({
      invitation: { partnerId: 'partner-1', at: at('2022-08-10T08:00Z') },
      withdrawnAt: at('2022-08-22T08:00Z'),
      activatedAt: at(ON),
      redeemed: [
        { code: 'WELCOME', at: at(ON) },
        { code: 'AGAIN', at: at('2022-08-21T08:00Z') },
      ],
      attested: [
        { action: 'certificate', by: 'academy', at: at(ON) },
        { action: 'visit', by: 'academy', at: at(ON) },
      ],
    });
    expect(enrollmentOf([])).toEqual({
      invitation: null,
      withdrawnAt: null,
      activatedAt: null,
      redeemed: [],
      attested: [],
    });
  });
});
