import { describe, expect, it } from '@jest/globals';
import { plusMs } from '../../src/kernel/instant.js';
import type { DeferralReason, DisbursementRunCompleted } from '../../src/promotions/domain/events.js';
import type { CampaignFacts } from '../../src/promotions/domain/facts.js';
import type { HeldCredit, Qualification } from '../../src/promotions/domain/qualification.js';
import { at, CALENDAR_A, PROMOTION_ID } from './examples.js';
import { ACTIVE, campaign, change, FOUR_CHANGES, standing, type Standing } from './qualifying-examples.js';

const WHOM = { advertiserId: 'adv-1', marketplace: 'DE' };
const QUALIFIED_AT = at('2022-09-19T12:00Z');
const QUALIFIED = [campaign()];

interface Case extends Omit<Standing, 'credits'> {
  readonly campaigns?: readonly CampaignFacts[];
  readonly credit?: HeldCredit;
  readonly asOf?: string;
}

const of = ({ campaigns = QUALIFIED, credit, asOf = '2022-10-01T00:00Z', facts, ...asked }: Case): Qualification =>
  standing(at(asOf), { ...asked, facts: { ...facts, campaigns }, credits: credit ? [credit] : [] });

/** So many runs, of which the last put these off. */
const runs = (count: number, reasons: readonly DeferralReason[] = [], whom = WHOM, product = 'SP') =>
  CALENDAR_A.runs.slice(0, count).map(({ date, runAt }, index): DisbursementRunCompleted['data'] => {
    const { advertiserId, marketplace } = whom;
    const deferrals =
      index === count - 1 && reasons.length > 0 ? [{ advertiserId, marketplace, product, reasons }] : [];
    return { promotionId: PROMOTION_ID, date, runAt, applied: 0, deferred: deferrals.length, credits: [], deferrals };
  });

const given = (status: HeldCredit['status'], campaignId: string | null = 'c-1'): HeldCredit => ({
  creditId: 'credit-1',
  product: 'SP',
  stage: null,
  status,
  campaignId,
  qualifiedAt: campaignId === null ? null : QUALIFIED_AT,
});

describe('a status', () => {
  const EVERYTHING_WRONG = { priorApiUse: true, invitation: null, terminatedAt: at('2022-08-01T00:00Z') };

  it.each<[string, readonly string[], Case]>([
    ['revoked', [], { credit: given('revoked'), facts: EVERYTHING_WRONG, completed: runs(1, ['cap-exceeded']) }],
    ['expired', [], { credit: given('expired'), facts: EVERYTHING_WRONG, asOf: '2023-02-01T00:00Z' }],
    ['applied', [], { credit: given('applied'), facts: EVERYTHING_WRONG }],
    ['applied', [], { credit: given('applied', null), campaigns: [] }],
    ['ineligible', ['prior-api-use', 'not-invited', 'promotion-terminated'], { facts: EVERYTHING_WRONG }],
    ['ineligible', ['prior-api-use'], { facts: { priorApiUse: true }, completed: runs(1, ['cap-exceeded']) }],
    ['ineligible', ['prior-api-use'], { facts: { priorApiUse: true }, campaigns: [], asOf: '2023-02-01T00:00Z' }],
    ['ineligible', ['not-invited'], { facts: { invitation: null } }],
    ['ineligible', ['promotion-terminated'], { facts: { terminatedAt: plusMs(QUALIFIED_AT, -1) } }],
    ['ineligible', ['promotion-terminated'], { facts: { terminatedAt: QUALIFIED_AT }, campaigns: [] }],
    ['missed', [], { campaigns: [], asOf: '2022-12-31T20:00Z' }],
    ['in-progress', [], { campaigns: [], asOf: '2022-12-31T19:59:59.999Z' }],
    ['in-progress', [], { campaigns: [], asOf: '2022-01-01T00:00Z' }],
    ['in-progress', [], { asOf: '2022-09-19T11:59:59.999Z' }],
    ['in-progress', [], { facts: { marketplace: 'BR' } }],
    ['missed', [], { facts: { marketplace: 'BR' }, asOf: '2022-12-31T20:00Z' }],
    [
      'deferred',
      ['standing-suspended', 'cap-exceeded'],
      { completed: runs(1, ['standing-suspended', 'cap-exceeded']) },
    ],
    ['deferred', ['no-fx-rate'], { completed: runs(4, ['no-fx-rate']), asOf: '2023-02-01T00:00Z' }],
    ['qualified', [], { asOf: '2022-09-19T12:00Z' }],
    ['qualified', [], { facts: { terminatedAt: QUALIFIED_AT } }],
    ['qualified', [], { completed: runs(1) }],
    ['qualified', [], { completed: runs(1, ['no-fx-rate'], { ...WHOM, advertiserId: 'adv-2' }) }],
    ['qualified', [], { completed: runs(1, ['no-fx-rate'], { ...WHOM, marketplace: 'FR' }) }],
    ['qualified', [], { completed: runs(1, ['no-fx-rate'], WHOM, 'SB') }],
  ])('%s %j', (status, reasons, told) => expect(of(told)).toMatchObject({ status, reasons }));

  it('deferred tells the reasons of the last run, not those of an earlier one', () => {
    const [october] = runs(1, ['payment-method-invalid']);
    const november = runs(2, ['stale-fx-rate'])[1]!;
    expect(of({ completed: [october!, november] }).reasons).toEqual(['stale-fx-rate']);
  });
});

describe('what is told', () => {
  it('is of the facts while there is no credit', () => {
    expect(of({})).toMatchObject({
      product: 'SP',
      qualifiedAt: QUALIFIED_AT,
      campaignId: 'c-1',
      missing: { weeks: 0, changes: 0, activeSeconds: 0 },
    });
    expect(of({ campaigns: [] })).toMatchObject({
      qualifiedAt: null,
      campaignId: null,
      activeSeconds: 0,
      missing: { weeks: 4, changes: 4, activeSeconds: 28 * 86_400 },
    });
  });

  it('has every week of the calendar, with the changes of the campaign told of', () => {
    const { weeks } = of({
      campaigns: [campaign([ACTIVE], [...FOUR_CHANGES, change('2022-09-13T10:00Z', { changes: 5 })])],
    });
    expect(weeks).toHaveLength(19);
    expect(weeks[3]).toEqual({ ...CALENDAR_A.weeks[3], changes: 6 });
    expect(weeks[4]).toEqual({ ...CALENDAR_A.weeks[4], changes: 0 });
  });

  it('rounds the active seconds down, and those that are missing up', () => {
    expect(of({ asOf: '2022-09-19T11:59:59.999Z' })).toMatchObject({
      activeSeconds: 2_419_199,
      missing: { activeSeconds: 1 },
    });
    expect(of({ asOf: '2022-09-15T00:00Z' })).toMatchObject({ missing: { activeSeconds: 388_800 } });
  });

  it('with a credit is what the credit recorded, though the facts now say otherwise', () => {
    const earlier = campaign(['+2022-08-20T00:00Z'], FOUR_CHANGES, 'a-1');
    const now = of({ campaigns: [earlier, campaign()] });
    expect(now).toMatchObject({ campaignId: 'a-1', qualifiedAt: at('2022-09-19T07:00Z') });
    const told = of({ campaigns: [earlier, campaign()], credit: given('applied') });
    expect(told).toMatchObject({
      campaignId: 'c-1',
      qualifiedAt: QUALIFIED_AT,
      activeSeconds: 3_412_800,
      earliestRun: null,
    });
  });

  it('beside a manual grant names no campaign, and has the weeks of the one the facts name', () => {
    const told = of({ campaigns: [campaign([], FOUR_CHANGES.slice(0, 2))], credit: given('applied', null) });
    expect(told).toMatchObject({ campaignId: null, qualifiedAt: null, missing: { changes: 2 } });
    expect(told.weeks.map(({ changes }) => changes).slice(0, 3)).toEqual([1, 1, 0]);
  });

  it('of a marketplace that the terms do not list is that nothing counts', () => {
    expect(of({ facts: { marketplace: 'BR' } })).toMatchObject({
      campaignId: null,
      earliestRun: null,
      missing: { weeks: 4, changes: 4 },
    });
  });
});

describe('the weeks that are missing', () => {
  const weeksMissing = (count: number, asOf: string) =>
    of({ campaigns: [campaign([], FOUR_CHANGES.slice(0, count))], asOf }).missing.weeks;

  it.each([
    ['the row goes on with the week in hand', 2, '2022-08-31T00:00Z', 2],
    ['the week in hand has no change yet, and can still have one', 2, '2022-09-05T07:00Z', 2],
    ['to its last millisecond', 2, '2022-09-12T06:59:59.999Z', 2],
    ['a week has gone by without one', 2, '2022-09-12T07:00Z', 4],
    ['before the period', 0, '2022-08-01T00:00Z', 4],
    ['a row that was long enough is met, whatever comes after', 4, '2022-12-01T00:00Z', 0],
    ['no row can go on when the period has ended', 3, '2022-12-31T20:00Z', 4],
  ])('%s', (_, count, asOf, missing) => expect(weeksMissing(count, asOf)).toBe(missing));

  it('are of the row that can go on, not of the longest', () => {
    const longThenShort = campaign([], [...FOUR_CHANGES.slice(0, 3), change('2022-09-20T09:00Z')]);
    expect(of({ campaigns: [longThenShort], asOf: '2022-09-21T00:00Z' }).missing.weeks).toBe(3);
  });

  it('in the last week of all are those of a row that reaches into it', () => {
    const last = campaign([], [change('2022-12-20T09:00Z'), change('2022-12-27T09:00Z')]);
    expect(of({ campaigns: [last], asOf: '2022-12-31T19:59:59.999Z' }).missing.weeks).toBe(2);
    expect(of({ campaigns: [last], asOf: '2022-12-31T20:00Z' }).missing.weeks).toBe(4);
  });
});
