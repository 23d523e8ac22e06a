import { describe, expect, it } from '@jest/globals';
import { plusMs } from '../../src/kernel/instant.js';
import type { DisbursementRunCompleted } from '../../src/promotions/domain/events.js';
import type { CampaignFacts } from '../../src/promotions/domain/facts.js';
import type { TermsV1 } from '../../src/promotions/domain/terms.js';
import { at, CALENDAR_A, PROMOTION_ID, ROW_A } from './examples.js';
import { ACTIVE, campaign, change, FOUR_CHANGES, standing, type Standing } from './qualifying-examples.js';

const RUNS = CALENDAR_A.runs;

interface Case extends Pick<Standing, 'facts'> {
  readonly campaigns?: readonly CampaignFacts[];
  readonly terms?: TermsV1;
  /** So many runs are completed; the last put the product off when `deferred`. */
  readonly completed?: number;
  readonly deferred?: boolean;
}

function earliestRun(asOf: string, { campaigns = [], terms = ROW_A, facts, completed = 0, deferred }: Case = {}) {
  const whom = { advertiserId: 'adv-1', marketplace: 'DE', product: 'SP' };
  const done = RUNS.slice(0, completed).map(({ date, runAt }): DisbursementRunCompleted['data'] => ({
    promotionId: PROMOTION_ID,
    date,
    runAt,
    applied: 0,
    deferred: 0,
    credits: [],
    deferrals: deferred ? [{ ...whom, reasons: ['no-fx-rate'] }] : [],
  }));
  return standing(at(asOf), { terms, facts: { ...facts, campaigns }, completed: done }).earliestRun;
}

describe('the earliest run', () => {
  const [OCTOBER, NOVEMBER, DECEMBER, JANUARY] = RUNS.map(({ date }) => date);

  it.each([
    ['before the period: 28 days from its start', '2022-08-01T00:00Z', OCTOBER],
    ['28 days reach the very instant of a run', '2022-09-06T07:00Z', OCTOBER],
    ['a millisecond later they do not', '2022-09-06T07:00:00.001Z', NOVEMBER],
    ['28 days reach the very end of the period', '2022-12-03T20:00Z', JANUARY],
    ['a millisecond later nothing can', '2022-12-03T20:00:00.001Z', null],
    ['after the period', '2022-12-31T20:00Z', null],
  ])('without a campaign, %s', (_, asOf, run) => expect(earliestRun(asOf)).toBe(run));

  it('is for the weeks to come, each changed at its first instant', () => {
    const terms = { ...ROW_A, qualifying: { ...ROW_A.qualifying, activeFor: 'P1D' } };
    // Weeks 4 to 7: the week in hand at once, the seventh at its start on 3 October 07:00Z.
    expect(earliestRun('2022-09-18T23:00Z', { terms })).toBe(OCTOBER);
    // Weeks 5 to 8: the eighth begins on 10 October.
    expect(earliestRun('2022-09-19T07:00Z', { terms })).toBe(NOVEMBER);
    // The week in hand has its change already, so it counts from then.
    const changed = [campaign([], [change('2022-09-18T09:00Z')])];
    expect(earliestRun('2022-09-19T07:00Z', { terms, campaigns: changed })).toBe(OCTOBER);
  });

  it('is for the last week, cut short, too', () => {
    const terms = { ...ROW_A, qualifying: { ...ROW_A.qualifying, activeFor: 'P1D', changes: 1 } };
    // Weeks 16 to 19.
    expect(earliestRun('2022-12-12T07:59:59.999Z', { terms })).toBe(JANUARY);
    expect(earliestRun('2022-12-12T08:00Z', { terms })).toBeNull();
  });

  it('is for as many changes as are asked, which may take more weeks than the row', () => {
    const terms = { ...ROW_A, qualifying: { ...ROW_A.qualifying, changes: 7 } };
    expect(earliestRun('2022-08-22T07:00Z', { terms })).toBe(OCTOBER);
    // Seven weeks from week 2 end with the eighth, on 10 October.
    expect(earliestRun('2022-08-29T07:00Z', { terms })).toBe(NOVEMBER);
    const busy = [campaign([ACTIVE], [change('2022-08-23T09:00Z', { changes: 4 })])];
    expect(earliestRun('2022-08-29T07:00Z', { terms, campaigns: busy })).toBe(OCTOBER);
  });

  it('has of the week in hand only what it still lacks', () => {
    const terms = (changes: number) => ({
      ...ROW_A,
      qualifying: { ...ROW_A.qualifying, activeFor: 'P1D', changesPerWeek: 3, changes },
    });
    const campaigns = [campaign([ACTIVE], [change('2022-09-13T09:00Z')])];
    // Weeks 4 to 7 come to twelve changes; the eighth begins on 10 October.
    expect(earliestRun('2022-09-14T00:00Z', { terms: terms(12), campaigns })).toBe(OCTOBER);
    expect(earliestRun('2022-09-14T00:00Z', { terms: terms(13), campaigns })).toBe(NOVEMBER);
  });

  it('goes on from the active time that is there, or begins anew where it must be unbroken', () => {
    const paused = [campaign([ACTIVE, '-2022-09-05T12:00Z'], FOUR_CHANGES)];
    expect(earliestRun('2022-09-20T07:00Z', { campaigns: paused })).toBe(OCTOBER);
    expect(earliestRun('2022-09-20T07:00:00.001Z', { campaigns: paused })).toBe(NOVEMBER);
    const terms: TermsV1 = { ...ROW_A, qualifying: { ...ROW_A.qualifying, activity: 'continuous' } };
    expect(earliestRun('2022-09-20T07:00Z', { campaigns: paused, terms })).toBe(NOVEMBER);
    expect(earliestRun('2022-10-20T00:00Z', { campaigns: paused, terms })).toBe(DECEMBER);
  });

  it('is the best of several campaigns', () => {
    const idle = campaign([], [], 'a');
    const far = campaign([ACTIVE], FOUR_CHANGES.slice(0, 3), 'b');
    expect(earliestRun('2022-09-13T00:00Z', { campaigns: [idle] })).toBe(NOVEMBER);
    expect(earliestRun('2022-09-13T00:00Z', { campaigns: [idle, far] })).toBe(OCTOBER);
    expect(earliestRun('2022-09-13T00:00Z', { campaigns: [far, idle] })).toBe(OCTOBER);
  });

  it('of whoever has qualified is the next at or after that, which is not completed', () => {
    const campaigns = [campaign()];
    expect(earliestRun('2022-09-19T12:00Z', { campaigns })).toBe(OCTOBER);
    // Due or long past, it is performed late, but it is performed.
    expect(earliestRun('2022-11-20T00:00Z', { campaigns })).toBe(OCTOBER);
    expect(earliestRun('2022-11-20T00:00Z', { campaigns, completed: 1 })).toBe(NOVEMBER);
    expect(earliestRun('2022-11-20T00:00Z', { campaigns, completed: 2, deferred: true })).toBe(DECEMBER);
    expect(earliestRun('2023-02-01T00:00Z', { campaigns, completed: 4, deferred: true })).toBeNull();
  });

  it('is one that could be made: of the runs not completed, none before the qualifying', () => {
    expect(earliestRun('2022-09-07T00:00Z', { completed: 0 })).toBe(NOVEMBER);
    expect(earliestRun('2022-08-01T00:00Z', { completed: 1 })).toBe(NOVEMBER);
  });

  it('is none for whoever is ineligible, or where the terms do not list the marketplace', () => {
    const campaigns = [campaign()];
    const asOf = '2022-10-01T00:00Z';
    expect(earliestRun(asOf, { campaigns, facts: { priorApiUse: true } })).toBeNull();
    expect(earliestRun(asOf, { campaigns, facts: { invitation: null } })).toBeNull();
    expect(earliestRun(asOf, { campaigns, facts: { marketplace: 'BR' } })).toBeNull();
    const late = plusMs(at('2022-09-19T12:00Z'), -1);
    expect(earliestRun(asOf, { campaigns, facts: { terminatedAt: late } })).toBeNull();
  });
});
