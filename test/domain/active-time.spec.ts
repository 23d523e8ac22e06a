import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DAY_MS, epochMs, plusMs } from '../../src/kernel/instant.js';
import { at, CALENDAR_A } from './examples.js';
import { ACTIVE, campaign, change, FOUR_CHANGES, LONG_AFTER, progress, rulesWith } from './qualifying-examples.js';

const { start, end } = CALENDAR_A;
const CONTINUOUS = rulesWith({ activity: 'continuous' });
const PERIOD_MS = epochMs(end) - epochMs(start);

describe('active time', () => {
  it('stops while the campaign is paused and then goes on', () => {
    const facts = campaign([ACTIVE, '-2022-09-05T12:00Z', '+2022-09-26T12:00Z']);
    expect(progress(facts, at('2022-09-20T00:00Z'))).toMatchObject({
      activeMs: 14 * DAY_MS,
      missing: { activeMs: 14 * DAY_MS },
    });
    expect(progress(facts).qualifiedAt).toBe(at('2022-10-10T12:00Z'));
  });

  it('begins with the period, though the campaign is older, and ends with it', () => {
    expect(progress(campaign(['+2020-01-01T00:00Z']), plusMs(start, 5000)).activeMs).toBe(5000);
    expect(progress(campaign(['+2020-01-01T00:00Z']), start).activeMs).toBe(0);
    expect(progress(campaign(['+2020-01-01T00:00Z']), plusMs(start, -DAY_MS)).activeMs).toBe(0);
    expect(progress(campaign(['+2020-01-01T00:00Z']), LONG_AFTER).activeMs).toBe(PERIOD_MS);
    expect(progress(campaign(['+2020-01-01T00:00Z', '-2022-08-01T00:00Z']), LONG_AFTER).activeMs).toBe(0);
  });

  it('is not changed by activating what is active or pausing what is paused', () => {
    const once = progress(campaign([ACTIVE, '-2022-09-05T12:00Z']));
    const often = campaign([
      '-2022-08-21T00:00Z',
      ACTIVE,
      '+2022-08-25T00:00Z',
      '+2022-09-01T00:00Z',
      '-2022-09-05T12:00Z',
      '-2022-09-08T00:00Z',
    ]);
    expect(progress(often)).toEqual(once);
  });

  it('goes on when an ended campaign is extended', () => {
    expect(progress(campaign([ACTIVE, '-2022-08-23T12:00Z', '+2022-12-31T19:59:59.999Z'])).activeMs).toBe(DAY_MS + 1);
  });

  it('is counted by what happened by then', () => {
    const facts = campaign([ACTIVE, '-2022-08-24T12:00Z']);
    expect(progress(facts, at('2022-08-22T12:00Z')).activeMs).toBe(0);
    expect(progress(facts, at('2022-08-23T12:00Z')).activeMs).toBe(DAY_MS);
    expect(progress(facts, at('2022-08-24T12:00Z')).activeMs).toBe(2 * DAY_MS);
    expect(progress(facts, at('2022-08-30T12:00Z')).activeMs).toBe(2 * DAY_MS);
  });

  it('goes on being counted after it was enough', () => {
    expect(progress(campaign(), at('2022-09-29T12:00Z'))).toMatchObject({
      activeMs: 38 * DAY_MS,
      missing: { activeMs: 0 },
    });
  });

  it('is what looking at every hour comes to, whatever the activity', () => {
    const HOUR = 3_600_000;
    const HOURS = 40;
    const toggle = fc.record({ hour: fc.integer({ min: -5, max: HOURS }), active: fc.boolean() });
    fc.assert(
      fc.property(fc.array(toggle, { maxLength: 15 }), fc.integer({ min: 0, max: HOURS }), (toggles, until) => {
        const inOrder = [...toggles].sort((a, b) => a.hour - b.hour);
        const activity = inOrder.map(({ hour, active }) => `${active ? '+' : '-'}${plusMs(start, hour * HOUR)}`);
        let hours = 0;
        for (let hour = 0; hour < until; hour += 1) {
          if (inOrder.findLast((one) => one.hour <= hour)?.active) hours += 1;
        }
        expect(progress(campaign(activity, []), plusMs(start, until * HOUR)).activeMs).toBe(hours * HOUR);
      }),
      { numRuns: 300 },
    );
  });
});

describe('continuous activity', () => {
  const paused = campaign([ACTIVE, '-2022-09-05T12:00Z', '+2022-09-26T12:00Z']);

  it('begins anew after a pause', () => {
    expect(progress(paused, at('2022-10-24T11:59:59.999Z'), CONTINUOUS).qualifiedAt).toBeNull();
    expect(progress(paused, LONG_AFTER, CONTINUOUS).qualifiedAt).toBe(at('2022-10-24T12:00Z'));
  });

  it('counts nothing while paused, and what has passed since when active', () => {
    expect(progress(paused, at('2022-09-05T00:00Z'), CONTINUOUS).missing.activeMs).toBe(14.5 * DAY_MS);
    expect(progress(paused, at('2022-09-10T00:00Z'), CONTINUOUS)).toMatchObject({
      activeMs: 0,
      missing: { activeMs: 28 * DAY_MS },
    });
    expect(progress(paused, at('2022-09-27T12:00Z'), CONTINUOUS).activeMs).toBe(DAY_MS);
  });

  it('is not broken by a pause of no length', () => {
    const blinked = campaign([ACTIVE, '-2022-09-05T12:00Z', '+2022-09-05T12:00Z']);
    expect(progress(blinked, LONG_AFTER, CONTINUOUS).qualifiedAt).toBe(at('2022-09-19T12:00Z'));
  });

  it('that was long enough once stays so', () => {
    const facts = campaign([ACTIVE, '-2022-09-20T00:00Z'], [...FOUR_CHANGES.slice(1), change('2022-09-22T09:00Z')]);
    expect(progress(facts, LONG_AFTER, CONTINUOUS)).toMatchObject({
      qualifiedAt: at('2022-09-22T09:00Z'),
      activeMs: 28.5 * DAY_MS,
      missing: { activeMs: 0 },
    });
  });
});
