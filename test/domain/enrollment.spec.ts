import { describe, expect, it } from '@jest/globals';
import { enrollmentDecider } from '../../src/promotions/domain/enrollment.js';
import type { PromotionTerms } from '../../src/promotions/domain/terms.js';
import { specificationOf } from '../support/decider-specification.js';
import { at, PROMOTION_ID, ROW_A } from './examples.js';

const { given } = specificationOf(enrollmentDecider);

const invited = (partnerId: string) => ({
  type: 'AdvertiserInvited' as const,
  data: { promotionId: PROMOTION_ID, advertiserId: 'adv-1', partnerId, occurredAt: at('2022-08-10T08:00Z') },
});
const invite = (partnerId: string, terms: PromotionTerms | null) => ({ ...invited(partnerId), terms });

describe('an invitation', () => {
  it('is by any partner where the terms list none', () => {
    given().when(invite('partner-9', ROW_A)).then(invited('partner-9'));
  });

  it('is by a listed partner where they list some', () => {
    const terms = { ...ROW_A, eligibility: { partners: ['partner-1', 'partner-2'] } };
    given().when(invite('partner-2', terms)).then(invited('partner-2'));
    given().when(invite('partner-9', terms)).thenRefused('partner-not-listed');
  });

  it('is to a promotion that is published', () => {
    given().when(invite('partner-1', null)).thenRefused('unknown-promotion');
  });

  it('is one for each promotion and advertiser', () => {
    expect(enrollmentDecider.idOf(invited('partner-1'))).toBe(`AdvertiserInvited:${PROMOTION_ID}.adv-1`);
  });
});
