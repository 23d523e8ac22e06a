import { describe, expect, it } from '@jest/globals';
import { campaignDecider } from '../../src/campaigns/domain/campaign.js';
import type { CampaignEvent, CampaignOwner } from '../../src/campaigns/domain/events.js';
import { fxDecider } from '../../src/fx/domain/rates.js';
import { specificationOf } from '../support/decider-specification.js';
import { RATE } from './account-examples.js';
import { at } from './examples.js';

const OWNER: CampaignOwner = { advertiserId: 'adv-1', marketplace: 'DE', product: 'SP' };
const { given } = specificationOf(campaignDecider);

const activated = (on: string, owner: Partial<CampaignOwner> = {}): CampaignEvent => ({
  type: 'CampaignActivated',
  data: { campaignId: 'c-1', ...OWNER, ...owner, occurredAt: at(on) },
});
const paused = (on: string): CampaignEvent => ({
  type: 'CampaignPaused',
  data: { campaignId: 'c-1', reason: 'budget', occurredAt: at(on) },
});
const ended = (on: string): CampaignEvent => ({
  type: 'CampaignEnded',
  data: { campaignId: 'c-1', occurredAt: at(on) },
});
const changed = (changeId: string, owner: Partial<CampaignOwner> = {}): CampaignEvent => ({
  type: 'ApiChangeRecorded',
  data: {
    campaignId: 'c-1',
    ...OWNER,
    ...owner,
    changeId,
    partnerId: 'partner-1',
    method: 'PUT',
    path: '/v2/sp/campaigns',
    changes: 1,
    occurredAt: at('2022-08-23T09:00Z'),
  },
});

const OTHERS: readonly Partial<CampaignOwner>[] = [{ advertiserId: 'adv-2' }, { marketplace: 'FR' }, { product: 'SB' }];

describe('a campaign', () => {
  it('takes its facts as they are said, in any order and as often as they are said', () => {
    const facts = [
      ended('2022-12-01T00:00Z'),
      activated('2022-08-22T12:00Z'),
      activated('2022-08-22T13:00Z'),
      paused('2022-08-01T00:00Z'),
      paused('2022-08-02T00:00Z'),
      changed('h-1'),
      activated('2022-12-02T00:00Z'),
    ];
    facts.forEach((fact, index) =>
      given(...facts.slice(0, index))
        .when(fact)
        .then(fact),
    );
  });

  it.each([
    ['an activation', activated('2022-08-22T12:00Z')],
    ['a change', changed('h-1')],
  ])('is fixed to its advertiser, marketplace and product by %s', (_, first) => {
    for (const other of OTHERS) {
      given(first).when(activated('2022-09-01T00:00Z', other)).thenRefused('campaign-mismatch');
      given(first).when(changed('h-2', other)).thenRefused('campaign-mismatch');
    }
    given(first).when(changed('h-2')).then(changed('h-2'));
  });

  it('is fixed by the first fact recorded that names them, not by the earliest', () => {
    given(activated('2022-09-01T00:00Z'))
      .when(activated('2022-08-01T00:00Z', { product: 'SB' }))
      .thenRefused('campaign-mismatch');
  });

  it('is not fixed by a pause or an end, which name nobody', () => {
    const first = changed('h-1', { product: 'SD' });
    given(paused('2022-08-01T00:00Z'), ended('2022-08-02T00:00Z')).when(first).then(first);
    given(paused('2022-08-01T00:00Z'), first).when(changed('h-2')).thenRefused('campaign-mismatch');
  });

  it('knows a fact by its kind and time, a change by its id', () => {
    expect(
      [activated('2022-09-01T00:00Z'), paused('2022-09-01T00:00Z'), ended('2022-09-01T00:00Z'), changed('h-1')].map(
        (event) => campaignDecider.idOf(event),
      ),
    ).toEqual([
      'CampaignActivated:2022-09-01T00:00:00.000Z',
      'CampaignPaused:2022-09-01T00:00:00.000Z',
      'CampaignEnded:2022-09-01T00:00:00.000Z',
      'ApiChangeRecorded:h-1',
    ]);
  });
});

describe('a rate', () => {
  it('is taken as it is said; its pair, source and time are its key', () => {
    const recorded = { type: 'FxRateRecorded' as const, data: RATE };
    specificationOf(fxDecider).given(recorded).when(recorded).then(recorded);
    expect(fxDecider.idOf(recorded)).toBe('FxRateRecorded:ECB@2022-10-03T14:00:00.000Z');
  });
});
