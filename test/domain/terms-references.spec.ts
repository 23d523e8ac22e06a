import { describe, expect, it } from '@jest/globals';
import { calendarOf } from '../../src/promotions/domain/calendar.js';
import { evaluate } from '../../src/promotions/domain/conditions.js';
import type { CampaignFacts, SubjectFacts } from '../../src/promotions/domain/facts.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import { at, termsOf } from './examples.js';
import { changed, exampleOf } from './terms-examples.js';

/** When the second stage of the new seller incentive is, and could be, qualified for, if it asks for this. */
function secondStage(qualifying: object, campaigns: readonly CampaignFacts[]) {
  const terms = termsOf(changed(exampleOf('new-seller-incentive-2022'), ['/stages/1/qualifying', qualifying]));
  const facts: SubjectFacts = {
    advertiserId: 'advertiser-1',
    marketplace: 'US',
    enrollment: { invitation: null, withdrawnAt: null, activatedAt: null, redeemed: [], attested: [] },
    campaigns,
    spend: [],
    currency: 'USD',
    openedAt: null,
    first: { campaign: null, spend: null, account: null },
    priorApiUse: false,
  };
  const convertAt = () => {
    throw new Error('nothing to convert');
  };
  const [, second] = evaluate(rulesOf(terms), calendarOf(terms), 'ALL', facts, convertAt, at('2022-06-01T00:00Z'));
  return [second!.qualifiedAt, second!.couldQualifyAt];
}

const campaign = (campaignId: string, from: string, to?: string): CampaignFacts => ({
  campaignId,
  product: 'SP',
  activity: [
    { at: at(from), active: true, plannedEnd: null },
    ...(to === undefined ? [] : [{ at: at(to), active: false }]),
  ],
  changes: [],
});

const WITHIN_30_DAYS = { from: { met: 'first' }, for: 'P30D' };
const LAUNCHES = [
  { id: 'first', campaign: { activeFor: { duration: 'P10D' } } },
  { campaign: { launched: {}, window: WITHIN_30_DAYS } },
];

describe('a launch that waits for what campaigns have met', () => {
  it('is in its window when another campaign met it before', () => {
    const campaigns = [campaign('c-1', '2022-03-01T00:00Z'), campaign('c-2', '2022-03-20T00:00Z')];
    expect(secondStage({ all: LAUNCHES }, campaigns)).toEqual([at('2022-03-20T00:00Z'), at('2022-03-20T00:00Z')]);
  });

  it('could be as soon as a campaign could have met it', () => {
    expect(secondStage({ all: LAUNCHES }, [])).toEqual([null, at('2022-06-11T00:00Z')]);
  });

  it('no longer could be when its window is over', () => {
    expect(secondStage({ all: LAUNCHES }, [campaign('c-1', '2022-03-01T00:00Z')])).toEqual([null, null]);
  });
});

describe('a reference in a campaign', () => {
  const met = { id: 'long', activeFor: { duration: 'P20D' } };
  const after = { activeFor: { duration: 'P5D' }, window: { from: { met: 'long' } } };
  const campaigns = [
    campaign('c-1', '2022-03-01T00:00Z', '2022-03-22T00:00Z'),
    campaign('c-2', '2022-03-10T00:00Z', '2022-04-30T00:00Z'),
  ];

  it('to another condition in it means the same campaign', () => {
    // The first has only a day left after its 20 days; the second reaches its own on 30 March.
    expect(secondStage({ campaign: { all: [met, after] } }, campaigns)[0]).toBe(at('2022-04-04T00:00Z'));
  });

  it('to a campaign means the first that met it, whichever that was', () => {
    const outside = { id: 'anyone', campaign: met };
    const any = { campaign: { activeFor: { duration: 'P5D' }, window: { from: { met: 'anyone' } } } };
    expect(secondStage({ all: [outside, any] }, campaigns)[0]).toBe(at('2022-03-26T00:00Z'));
  });
});
