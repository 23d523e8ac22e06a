import { readFileSync } from 'node:fs';
import type { Command } from './client.js';

/** Row A's terms, as they are published. */
export const PROMOTION_ID = 'amazon-ads-api-click-credit-2022';
export const TERMS = JSON.parse(
  readFileSync(new URL(`../../examples/promotions/${PROMOTION_ID}.json`, import.meta.url), 'utf8'),
) as Record<string, unknown>;

export const published = (promotionId = PROMOTION_ID, terms: unknown = TERMS): Command => ({
  type: 'PromotionPublished',
  data: { promotionId, terms },
});

export const rate = (base: string, quote: string, rate: string, effectiveAt = '2022-10-03T14:00:00Z'): Command => ({
  type: 'FxRateRecorded',
  data: { base, quote, rate, source: 'ECB', effectiveAt },
});

export const opened = (advertiserId: string, marketplace: string, currency: string): Command => ({
  type: 'AccountOpened',
  data: { advertiserId, marketplace, currency, occurredAt: '2022-06-01T09:00:00Z' },
});

export const payable = (advertiserId: string, marketplace: string): Command => ({
  type: 'PaymentMethodChanged',
  data: { advertiserId, marketplace, valid: true, occurredAt: '2022-06-01T09:05:00Z' },
});

export const invited = (advertiserId: string): Command => ({
  type: 'AdvertiserInvited',
  data: { promotionId: PROMOTION_ID, advertiserId, partnerId: 'partner-1', occurredAt: '2022-08-10T08:00:00Z' },
});

export const granted = (
  creditId: string,
  advertiserId: string,
  marketplace: string,
  product: string,
  amount: string,
): Command => ({
  type: 'CreditApplied',
  data: {
    creditId,
    promotionId: PROMOTION_ID,
    advertiserId,
    marketplace,
    product,
    granted: { amount, currency: 'USD' },
    appliedAt: '2022-10-04T07:00:00Z',
    reason: 'goodwill',
  },
});

/** A campaign with one change in each of the first four weeks, active from the first day on: it qualifies on 19 September. */
export function qualifyingCampaign(advertiserId: string, marketplace: string, product: 'SP' | 'SB' | 'SD'): Command[] {
  const campaignId = `campaign-${advertiserId}-${product}`;
  const owner = { campaignId, advertiserId, marketplace, product };
  const path = { SP: '/v2/sp/campaigns', SB: '/sb/campaigns', SD: '/sd/campaigns' }[product];
  return [
    { type: 'CampaignActivated', data: { ...owner, occurredAt: '2022-08-22T12:00:00Z' } },
    ...['2022-08-23', '2022-08-30', '2022-09-06', '2022-09-13'].map((day, week) => ({
      type: 'ApiChangeRecorded',
      data: {
        ...owner,
        changeId: `change-${week + 1}`,
        partnerId: 'partner-1',
        method: 'PUT',
        path,
        changes: 1,
        occurredAt: `${day}T09:00:00Z`,
      },
    })),
  ];
}
