import { describe, expect, it } from '@jest/globals';
import { DAY_MS, plusMs } from '../../src/kernel/instant.js';
import { isQualifyingAction } from '../../src/promotions/domain/changes.js';
import type { ApiChange } from '../../src/promotions/domain/facts.js';
import { at, CALENDAR_A, ROW_A } from './examples.js';
import { ACTIVE, campaign, change, FOUR_CHANGES, progress, RULES, rulesWith, toldOf } from './qualifying-examples.js';

const { start, end } = CALENDAR_A;
const NEVER_ACTIVE: readonly string[] = [];

/** The weeks, from 1, in which changes count. */
const weeksOf = (...changes: readonly ApiChange[]) =>
  progress(campaign(NEVER_ACTIVE, changes)).weeks.flatMap((count, index) => Array<number>(count).fill(index + 1));

const isAction = (product: string, method: string, path: string) =>
  isQualifyingAction(ROW_A.qualifying.actions, product, { method, path });

describe('a qualifying action', () => {
  it.each([
    ['PUT', '/v2/sp/campaigns', true],
    ['POST', '/v2/sp/campaigns', true],
    ['PUT', '/v2/sp/campaigns/', true],
    ['PUT', '/v2/sp/campaigns/9988776655', true],
    ['PUT', '/v2/sp/campaigns/9988776655/', true],
    ['PUT', '/v2/sp/campaigns?source=tool', true],
    ['PUT', '/v2/sp/campaigns/9988776655?source=tool&next=/a/b', true],
    ['PUT', '/v2/sp/campaigns/?source=tool', true],
    ['PUT', '/v2/sp/productAds/007', true],
    ['GET', '/v2/sp/campaigns', false],
    ['put', '/v2/sp/campaigns', false],
    ['DELETE', '/v2/sp/campaigns/1', false],
    ['PUT', '/v2/sp/campaigns/extended', false],
    ['PUT', '/v2/sp/campaigns/123a', false],
    ['PUT', '/v2/sp/campaigns/1/2', false],
    ['PUT', '/v2/sp/campaigns//1', false],
    ['PUT', '/v2/sp/campaigns//', false],
    ['PUT', '/v2/sp/campaigns/١', false],
    ['PUT', '/V2/SP/campaigns', false],
    ['PUT', '/v2/sp', false],
    ['PUT', '/v2/sp/campaignsX', false],
    ['PUT', 'v2/sp/campaigns', false],
    ['POST', '/sp/campaigns/list', false],
    ['POST', '/sp/targets/bid/recommendations', false],
    ['PUT', '/sb/campaigns', false],
  ])('of SP: %s %s?', (method, path, is) => {
    expect(isAction('SP', method, path)).toBe(is);
  });

  it('is of the product it is listed for', () => {
    expect(isAction('SB', 'PUT', '/sb/campaigns')).toBe(true);
    expect(isAction('SD', 'POST', '/sd/budgetRules')).toBe(true);
    expect(isAction('SB', 'POST', '/sb/budgetRules')).toBe(false);
  });
});

describe('a change', () => {
  it('belongs to the week whose start is not after it', () => {
    expect(weeksOf(change(start), change(plusMs(start, 7 * DAY_MS - 1)))).toEqual([1, 1]);
    expect(weeksOf(change('2022-08-29T07:00Z'))).toEqual([2]);
    // The week of the clock change is an hour longer.
    expect(weeksOf(change('2022-11-07T07:59:59.999Z'), change('2022-11-07T08:00Z'))).toEqual([11, 12]);
  });

  it('counts within the period only, its start included and its end not', () => {
    const changes = [change(plusMs(start, -1)), change(plusMs(end, -1)), change(end)];
    expect(weeksOf(...changes)).toEqual([19]);
    expect(progress(campaign(NEVER_ACTIVE, changes)).changes).toBe(1);
  });

  it("is the inviting partner's, and a qualifying action", () => {
    expect(weeksOf(change('2022-08-23T09:00Z', { partnerId: 'partner-2' }))).toEqual([]);
    expect(weeksOf(change('2022-08-23T09:00Z', { method: 'POST', path: '/sp/campaigns/list' }))).toEqual([]);
  });

  it('counts from its own instant on, as many times as it says', () => {
    const facts = campaign(NEVER_ACTIVE, [change('2022-08-23T09:00Z', { changes: 3 })]);
    expect(progress(facts, at('2022-08-23T08:59:59.999Z')).changes).toBe(0);
    expect(progress(facts, at('2022-08-23T09:00Z'))).toMatchObject({ changes: 3, missing: { weeks: 3, changes: 1 } });
  });

  it('made before the invitation counts once the invitation is in effect', () => {
    const rules = { ...RULES, invitation: { partnerId: 'partner-1', at: at('2022-09-25T10:00Z') } };
    const before = progress(campaign(), at('2022-09-25T09:59:59.999Z'), rules);
    expect(before).toMatchObject({ changes: 0, qualifiedAt: null, missing: { weeks: 4, changes: 4, activeMs: 0 } });
    const from = progress(campaign(), at('2022-09-25T10:00Z'), rules);
    expect(from).toMatchObject({ changes: 4, qualifiedAt: at('2022-09-25T10:00Z') });
  });

  it('of whoever is not invited counts for nothing', () => {
    const rules = { ...RULES, invitation: null };
    expect(progress(campaign(), undefined, rules)).toMatchObject({ changes: 0, longestRow: 0, qualifiedAt: null });
  });
});

describe('a campaign qualifies', () => {
  it('when the last of its conditions is met: here the 28 days', () => {
    const worked = [
      change('2022-08-22T12:00Z', { method: 'POST' }),
      change('2022-08-30T10:00Z', { path: '/v2/sp/campaigns/9988776655?source=tool' }),
      change('2022-09-07T10:00Z', { method: 'POST', path: '/v2/sp/adGroups/' }),
      change('2022-09-15T10:00Z', { path: '/v2/sp/targets' }),
      change('2022-09-16T10:00Z', { method: 'POST', path: '/sp/campaigns/list' }),
    ];
    const at1MsBefore = progress(campaign([ACTIVE], worked), at('2022-09-19T11:59:59.999Z'));
    expect(at1MsBefore).toMatchObject({ qualifiedAt: null, activeMs: 28 * DAY_MS - 1, missing: { activeMs: 1 } });
    const then = progress(campaign([ACTIVE], worked), at('2022-09-19T12:00Z'));
    expect(then).toMatchObject({
      qualifiedAt: at('2022-09-19T12:00Z'),
      changes: 4,
      missing: { weeks: 0, changes: 0, activeMs: 0 },
    });
  });

  it('here the fourth week', () => {
    const late = [...FOUR_CHANGES.slice(0, 3), change('2022-09-17T00:00Z')];
    const facts = campaign(['+2022-08-01T00:00Z'], late);
    expect(progress(facts, at('2022-09-18T00:00Z')).qualifiedAt).toBeNull();
    expect(progress(facts).qualifiedAt).toBe(at('2022-09-19T07:00Z'));
    const later = [...FOUR_CHANGES.slice(1), change('2022-09-20T00:00Z')];
    expect(progress(campaign(['+2022-08-01T00:00Z'], later)).qualifiedAt).toBe(at('2022-09-20T00:00Z'));
  });

  it('here the number of changes, over all of its weeks', () => {
    const rules = rulesWith({ changes: 6 });
    const facts = campaign([ACTIVE], [...FOUR_CHANGES, change('2022-10-20T10:00Z', { changes: 2 })]);
    expect(progress(facts, at('2022-10-20T09:59Z'), rules)).toMatchObject({
      qualifiedAt: null,
      missing: { changes: 2 },
    });
    expect(progress(facts, undefined, rules).qualifiedAt).toBe(at('2022-10-20T10:00Z'));
  });

  it('with weeks that each had enough, counted by the change that reached it', () => {
    const rules = rulesWith({ changesPerWeek: 3, weeks: 2 });
    const twice = ['2022-08-23T09:00Z', '2022-08-24T09:00Z', '2022-08-30T09:00Z'].map((on) =>
      change(on, { changes: 2 }),
    );
    const facts = campaign(['+2022-08-01T00:00Z'], [...twice, change('2022-09-04T09:00Z')]);
    expect(progress(facts, at('2022-09-04T08:59Z'), rules)).toMatchObject({ longestRow: 1, missing: { weeks: 1 } });
    expect(progress(facts, undefined, rules)).toMatchObject({ longestRow: 2, missing: { weeks: 0 } });
  });

  it('not with four weeks of which one is missing between them', () => {
    const gap = [...FOUR_CHANGES.slice(0, 3), change('2022-09-20T00:00Z'), change('2022-09-27T00:00Z')];
    expect(progress(campaign([ACTIVE], gap))).toMatchObject({ changes: 5, longestRow: 3, qualifiedAt: null });
  });

  it('at the very end of the period, and not after it', () => {
    const december = ['2022-12-05T09:00Z', '2022-12-12T09:00Z', '2022-12-19T09:00Z', '2022-12-26T09:00Z'];
    const changes = december.map((on) => change(on));
    const from = plusMs(end, -28 * DAY_MS);
    expect(progress(campaign([`+${from}`], changes), plusMs(end, -1)).qualifiedAt).toBeNull();
    expect(progress(campaign([`+${from}`], changes), end).qualifiedAt).toBe(end);
    expect(progress(campaign([`+${plusMs(from, 1)}`], changes))).toMatchObject({
      qualifiedAt: null,
      missing: { activeMs: 1 },
    });
    const invitation = { partnerId: 'partner-1', at: plusMs(end, 1) };
    expect(progress(campaign([`+${from}`], changes), undefined, { ...RULES, invitation }).qualifiedAt).toBeNull();
  });

  it('once: what happens after it changes nothing', () => {
    const facts = campaign([ACTIVE, '-2022-09-20T00:00Z'], FOUR_CHANGES);
    for (const asOf of [at('2022-09-19T12:00Z'), at('2022-10-30T00:00Z'), end]) {
      expect(progress(facts, asOf).qualifiedAt).toBe(at('2022-09-19T12:00Z'));
    }
  });
});

describe('the campaign that is told of', () => {
  const [a, b, c] = ['a', 'b', 'c'] as const;
  const EARLIER = '+2022-08-20T12:00Z';

  it('is the first to qualify, of two at once the one with the lower id', () => {
    expect(toldOf(campaign([ACTIVE], FOUR_CHANGES, a), campaign([EARLIER], FOUR_CHANGES, b))).toBe(b);
    expect(toldOf(campaign([ACTIVE], FOUR_CHANGES, b), campaign([ACTIVE], FOUR_CHANGES, a))).toBe(a);
    expect(toldOf(campaign([ACTIVE], FOUR_CHANGES, 'Z'), campaign([ACTIVE], FOUR_CHANGES, a))).toBe('Z');
  });

  it('is else the one with most weeks in a row, then most changes, then the lowest id', () => {
    const [one, two] = [FOUR_CHANGES.slice(0, 1), FOUR_CHANGES.slice(0, 2)];
    const busy = [change('2022-08-23T09:00Z', { changes: 50 })];
    expect(toldOf(campaign([], busy, a), campaign([], two, b))).toBe(b);
    expect(toldOf(campaign([], one, a), campaign([], busy, b))).toBe(b);
    expect(toldOf(campaign([], one, c), campaign([], one, b))).toBe(b);
    // Qualified beats a longer row.
    const longer = [...FOUR_CHANGES, change('2022-09-20T09:00Z')];
    expect(toldOf(campaign([], longer, a), campaign([ACTIVE], FOUR_CHANGES, b))).toBe(b);
  });

  it('is none when none has a qualifying change', () => {
    expect(toldOf()).toBeNull();
    expect(toldOf(campaign([ACTIVE], [], a))).toBeNull();
  });
});
