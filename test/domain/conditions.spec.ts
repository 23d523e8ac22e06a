import { describe, expect, it } from '@jest/globals';
import { evaluate } from '../../src/promotions/domain/conditions.js';
import type { ConvertAt, SubjectFacts } from '../../src/promotions/domain/facts.js';
import type { AwardTerms, ConditionTerms, SpendKind, WindowTerms } from '../../src/promotions/domain/terms.js';
import { NO_RATES } from './qualifying-examples.js';
import { ACTIONS, CALENDAR, day, knownOf, rulesFor, type Fact } from './subject-worlds.js';

const IN_EUROS = (amount: string) => ({ amount, currency: 'EUR' });

const active = (n: number, campaignId = 'a', product = 'SP', plannedEnd = null as Fact['at'] | null): Fact => ({
  of: 'activity',
  campaign: { campaignId, product },
  at: day(n),
  active: true,
  plannedEnd,
});
const paused = (n: number, campaignId = 'a', product = 'SP'): Fact =>
  ({ ...active(n, campaignId, product), active: false }) as Fact;
const changed = (n: number, changes = 1, campaignId = 'a', partnerId = 'partner-1'): Fact => ({
  of: 'change',
  campaign: { campaignId, product: 'SP' },
  at: day(n),
  change: { partnerId, method: 'PUT', path: '/campaigns', changes },
});
const spent = (n: number, own: bigint, kind: SpendKind = 'clicks', product = 'SP'): Fact => ({
  of: 'spend',
  at: day(n),
  spend: { product, kind, own },
});
const activated = (n: number): Fact => ({ of: 'activation', at: day(n) });
const opened = (n: number): Fact => ({ of: 'account', at: day(n) });
const attested = (n: number, by = 'school'): Fact => ({ of: 'attestation', at: day(n), action: 'exam', by });
const redeemed = (n: number, code = 'ONE'): Fact => ({ of: 'code', at: day(n), code });
const invited = (n: number): Fact => ({ of: 'invitation', at: day(n), partnerId: 'partner-1' });

interface Asked {
  readonly on?: number;
  readonly product?: string;
  readonly award?: AwardTerms;
  readonly convertAt?: ConvertAt;
  readonly currency?: string;
  readonly also?: readonly ConditionTerms[];
  readonly invitation?: 'required';
  readonly partners?: readonly string[];
  readonly timeZone?: string;
}

/** How a tree stands by the facts effective up to a day, long after all of it by default. */
function see(tree: ConditionTerms, facts: readonly Fact[], asked: Asked = {}) {
  const {
    on = 100,
    product = 'SP',
    award,
    convertAt = NO_RATES,
    currency = 'EUR',
    also = [],
    invitation,
    partners,
    timeZone = 'UTC',
  } = asked;
  const base = rulesFor([...also, tree], {
    timeZone,
    eligibility: { ...(invitation ? { invitation } : {}), ...(partners ? { partners } : {}) },
  });
  const rules = { ...base, stages: base.stages.map((stage) => (award ? { ...stage, award } : stage)) };
  const known: SubjectFacts = { ...knownOf(facts), currency };
  return evaluate(rules, CALENDAR, product, known, convertAt, day(on)).at(-1)!;
}
const metOn = (...asked: Parameters<typeof see>) => {
  const { metAt } = see(...asked).tree;
  return metAt === null ? null : (Date.parse(metAt) - Date.parse(day(0))) / 86_400_000;
};
const leaf = (...asked: Parameters<typeof see>) => {
  let { tree } = see(...asked);
  while (tree.parts.length > 0) tree = tree.parts[0]!;
  return tree;
};

describe('a launch', () => {
  const LAUNCHED = { campaign: { launched: {} } };
  const OPEN_ENDED = { campaign: { launched: { endDate: 'none' } } } as const;
  const FIRST = { campaign: { firstLaunch: {} } };
  const FIRST_OF_ANY = { campaign: { firstLaunch: { of: 'any-product' } } } as const;

  it.each<[string, ConditionTerms, readonly Fact[], number | null]>([
    ['is the first activation', LAUNCHED, [active(2), paused(3), active(4)], 2],
    ['at the very start', LAUNCHED, [active(0)], 0],
    ['not before it, though it is activated again within', LAUNCHED, [active(-1), paused(3), active(4)], null],
    ['not at the very end', LAUNCHED, [active(28)], null],
    ['of another campaign, when one was too early', LAUNCHED, [active(-1), active(3, 'b')], 3],
    ['with no planned end', OPEN_ENDED, [active(2), active(9, 'b', 'SP', day(20))], 2],
    ['not with one, though the next activation has none', OPEN_ENDED, [active(2, 'a', 'SP', day(20)), active(9)], null],
    ['is the first of its product', FIRST, [active(2, 'b'), active(1, 'c', 'SB')], 2],
    ['not after another, even one long ended', FIRST, [active(-4, 'b'), paused(-3, 'b'), active(2)], null],
    ['and one of the same instant is not before it', FIRST, [active(2, 'b'), active(2, 'a')], 2],
    ['is the first of any product', FIRST_OF_ANY, [active(2), active(3, 'c', 'SB')], 2],
    ['not after one of another product', FIRST_OF_ANY, [active(1, 'c', 'SB'), active(2)], null],
    ['whatever becomes of it', FIRST, [active(2), paused(3)], 2],
  ])('%s', (_, tree, facts, on) => expect(metOn(tree, facts)).toBe(on));

  it('of two campaigns at once is of the one with the lower id', () => {
    expect(see(LAUNCHED, [active(2, 'b'), active(2, 'a')]).campaignId).toBe('a');
  });

  it('for all products as one is of any of them', () => {
    expect(see(FIRST, [active(-2), active(3, 'c', 'SB')], { product: 'ALL' })).toMatchObject({
      campaignId: 'c',
      qualifiedAt: day(3),
    });
  });

  it('is looked for once, and not for each campaign anew', () => {
    const looksAt = (campaigns: number) => {
      let looks = 0;
      const facts = Array.from({ length: campaigns }, (_, n) => ({
        campaignId: `c-${n}`,
        product: 'SP',
        activity: [
          {
            at: day(1),
            get active() {
              looks += 1;
              return true;
            },
          },
        ],
        changes: [],
      }));
      const known = { ...knownOf([]), campaigns: facts };
      expect(evaluate(rulesFor([FIRST]), CALENDAR, 'SP', known, NO_RATES, day(9))[0]?.qualifiedAt).toBe(day(1));
      return looks;
    };
    expect(looksAt(400)).toBe(2 * looksAt(200));
  });

  it('that can no longer be the first is missed from the moment on at which another was', () => {
    const { tree, until } = see(FIRST, [active(-4, 'b')], { on: 1 });
    expect(tree).toMatchObject({ couldBeMetAt: null, campaignId: null });
    expect(until).toBe(day(-4));
    expect(leaf(FIRST, [active(-4, 'b')], { on: 1 }).needs).toBe(
      'no launch before it, but there was one at 2022-09-01T00:00:00Z',
    );
  });

  it('is hoped for when its window begins', () => {
    const late: ConditionTerms = { campaign: { launched: {}, window: { from: '2022-09-20T00:00', for: 'P2D' } } };
    expect(leaf(late, [], { on: 3 })).toMatchObject({
      couldBeMetAt: day(15),
      until: day(17),
      needs: 'a launch by 2022-09-22T00:00:00Z',
    });
    expect(leaf(late, [], { on: 17 })).toMatchObject({
      couldBeMetAt: null,
      needs: 'a launch, which could be until 2022-09-22T00:00:00Z',
    });
  });
});

describe('being active', () => {
  const AT: ConditionTerms = { campaign: { activeAt: { moment: { from: '2022-09-15T00:00' } } } };
  const BEFORE: ConditionTerms = {
    campaign: { activeAt: { moment: { from: '2022-09-15T00:00' } }, window: { from: '2022-09-16T00:00' } },
  };
  const UNBROKEN: ConditionTerms = {
    campaign: {
      all: [
        { id: 'launched', launched: {} },
        {
          activeAt: { moment: { from: { met: 'launched' }, after: 'P30D' }, pauses: 'none' },
          window: { from: { met: 'launched' } },
        },
      ],
    },
  };

  it.each<[string, ConditionTerms, readonly Fact[], number | null]>([
    ['at a moment', AT, [active(2), paused(3), active(9)], 10],
    ['from that very moment on', AT, [active(10)], 10],
    ['not when paused at it', AT, [active(2), paused(10)], null],
    ['whatever comes after', AT, [active(2), paused(11)], 10],
    ['not at one before its window', BEFORE, [active(2)], null],
    ['for days after a launch, also beyond the period', UNBROKEN, [active(5)], 35],
    ['not after a pause', UNBROKEN, [active(5), paused(6), active(7)], null],
    ['but another campaign can be', UNBROKEN, [active(5), paused(6), active(7, 'b')], 37],
  ])('%s', (_, tree, facts, on) => expect(metOn(tree, facts)).toBe(on));

  it('for a time in a window that begins with a launch may end after the period', () => {
    const row: ConditionTerms = {
      campaign: {
        all: [
          { id: 'launched', launched: {} },
          { activeFor: { duration: 'P20D' }, window: { from: { met: 'launched' } } },
        ],
      },
    };
    expect(metOn(row, [active(20), paused(21), active(25)])).toBe(44);
    expect(metOn({ campaign: { activeFor: { duration: 'P20D' } } }, [active(20)])).toBeNull();
  });

  it('unbroken can no longer be since the break', () => {
    const { tree, until } = see(UNBROKEN, [active(5), paused(6)], { on: 29 });
    expect(tree).toMatchObject({ metAt: null, couldBeMetAt: null, campaignId: 'a' });
    expect(until).toBe(day(28));
  });
});

describe('own spend', () => {
  const atLeast = (amount: string, more: object = {}): ConditionTerms => ({
    spend: { amount: IN_EUROS(amount), ...more },
  });

  it.each<[string, ConditionTerms, readonly Fact[], number | null]>([
    ['is reached by the fact that makes it enough', atLeast('5.00'), [spent(2, 300n), spent(4, 200n), spent(6, 1n)], 4],
    ['not by a cent less', atLeast('5.00'), [spent(2, 300n), spent(4, 199n)], null],
    ['in the period', atLeast('5.00'), [spent(-1, 500n), spent(28, 500n)], null],
    ['of clicks only', atLeast('5.00', { spend: ['clicks'] }), [spent(2, 500n, 'impressions'), spent(5, 500n)], 5],
    ['of the product', atLeast('5.00'), [spent(2, 500n, 'clicks', 'SB')], null],
    ['of the products that are named', atLeast('5.00', { products: ['SB'] }), [spent(2, 500n, 'clicks', 'SB')], 2],
    [
      'from the first impression on',
      atLeast('5.00', { window: { from: { at: 'first-impression' }, for: 'P3D' } }),
      [spent(1, 500n), spent(2, 0n, 'impressions'), spent(4, 500n)],
      4,
    ],
    [
      'within days of the activation',
      atLeast('5.00', { window: { from: { at: 'activation' }, for: 'P3D' } }),
      [activated(2), spent(5, 500n)],
      null,
    ],
  ])('%s', (_, tree, facts, on) => expect(metOn(tree, facts)).toBe(on));

  it('of all products as one is of any of them', () => {
    expect(metOn(atLeast('5.00'), [spent(2, 300n, 'clicks', 'SB'), spent(3, 200n)], { product: 'ALL' })).toBe(3);
  });

  it('is told in words and in data', () => {
    expect(leaf(atLeast('5.00'), [spent(2, 123n)], { on: 3 })).toMatchObject({
      says: 'own spend of at least EUR 5.00',
      missing: { spend: IN_EUROS('3.77') },
      needs: 'EUR 3.77 more of own spend (EUR 1.23 so far) by 2022-10-03T00:00:00Z',
      until: day(28),
      couldBeMetAt: day(3),
    });
  });

  it('in another currency is held against the rates of the window’s start', () => {
    const asked: string[] = [];
    const convertAt: ConvertAt = (amount, currency, at) => {
      asked.push(`${amount.currency} ${amount.amount} at ${at}`);
      return { money: { amount: '700', currency }, fx: null };
    };
    const inYen = { currency: 'JPY', convertAt };
    expect(metOn(atLeast('5.00'), [spent(2, 699n), spent(3, 1n)], inYen)).toBe(3);
    expect(new Set(asked)).toEqual(new Set([`EUR 5.00 at ${day(0)}`]));
  });

  it('without a rate is not missed while there is some: a late rate could say that it was enough', () => {
    const asked = { currency: 'JPY' };
    const tree = atLeast('5.00');
    expect(leaf(tree, [spent(2, 900n)], asked)).toMatchObject({
      metAt: null,
      missing: { spend: IN_EUROS('5.00'), reason: 'no-fx-rate' },
      needs: 'a rate from EUR to JPY as at 2022-09-05T00:00:00Z',
      until: null,
    });
    expect(see(tree, [], asked).until).toBe(day(28));
  });
});

describe('an award by spend', () => {
  const ACTIVATED: ConditionTerms = { activated: 'offer' };
  const of = { window: { from: { at: 'activation' }, for: 'P10D' } } as const;
  const TIERS: AwardTerms = {
    tiers: [
      { spend: IN_EUROS('5.00'), amount: IN_EUROS('1.00') },
      { spend: IN_EUROS('10.00'), amount: IN_EUROS('3.00') },
    ],
    of,
  };
  const MATCH: AwardTerms = { match: { percent: 50, upTo: IN_EUROS('4.00') }, of };

  it.each<[string, AwardTerms, readonly Fact[], string | null, number | null]>([
    [
      'the highest tier, as soon as it is reached',
      TIERS,
      [activated(1), spent(2, 999n), spent(3, 1n), spent(4, 900n)],
      '3.00',
      3,
    ],
    ['another tier, when the window closes', TIERS, [activated(1), spent(2, 999n)], '1.00', 11],
    ['no tier', TIERS, [activated(1), spent(2, 499n)], null, null],
    ['no spend after the window', TIERS, [activated(1), spent(2, 500n), spent(11, 900n)], '1.00', 11],
    ['no activation, no window', TIERS, [spent(2, 999n)], null, null],
    ['the whole match, as soon as it is reached', MATCH, [activated(1), spent(2, 799n), spent(3, 1n)], '4.00', 3],
    ['a part, rounded half to even, when the window closes', MATCH, [activated(1), spent(2, 101n)], '0.50', 11],
    ['a part, rounded half to even, up', MATCH, [activated(1), spent(2, 103n)], '0.52', 11],
    ['nothing of nothing', MATCH, [activated(1), spent(2, 0n)], null, null],
    ['nothing that rounds to nothing', MATCH, [activated(1), spent(2, 1n)], null, null],
  ])('%s', (_, award, facts, amount, on) => {
    const { award: settled, qualifiedAt } = see(ACTIVATED, facts, { award });
    expect(settled).toEqual(amount === null ? null : IN_EUROS(amount));
    expect(qualifiedAt).toBe(on === null ? null : day(on));
  });

  it('is open until it is settled', () => {
    const facts = [activated(1), spent(2, 500n)];
    expect(see(ACTIVATED, facts, { award: TIERS, on: 10 })).toMatchObject({
      award: null,
      qualifiedAt: null,
      until: null,
      couldQualifyAt: day(10),
    });
    expect(see(ACTIVATED, [activated(1)], { award: TIERS, on: 11 })).toMatchObject({
      award: null,
      qualifiedAt: null,
      until: day(11),
      couldQualifyAt: null,
    });
  });

  it('is settled, but not earned, before the conditions are met', () => {
    const both: ConditionTerms = { all: [ACTIVATED, { attested: { action: 'exam' } }] };
    expect(see(both, [activated(1), spent(2, 500n), attested(20)], { award: TIERS })).toMatchObject({
      award: IN_EUROS('1.00'),
      qualifiedAt: day(20),
    });
  });

  it('is what it is in the marketplace where it does not depend on spend', () => {
    const award: AwardTerms = { amount: { default: IN_EUROS('5.00'), in: { DE: IN_EUROS('7.00') } } };
    expect(see(ACTIVATED, [], { award })).toMatchObject({
      award: IN_EUROS('7.00'),
      settlement: null,
      qualifiedAt: null,
    });
  });
});

describe('what an advertiser does once', () => {
  it.each<[string, ConditionTerms, readonly Fact[], number | null]>([
    ['attested', { attested: { action: 'exam' } }, [attested(-1), attested(2), attested(3)], 2],
    [
      'attested by those who may',
      { attested: { action: 'exam', by: ['school'] } },
      [attested(2, 'friend'), attested(3)],
      3,
    ],
    ['another action', { attested: { action: 'course' } }, [attested(2)], null],
    ['redeemed', { redeemed: { codes: ['ONE', 'TWO'] } }, [redeemed(2, 'TWO'), redeemed(3)], 2],
    ['another code', { redeemed: { codes: ['TWO'] } }, [redeemed(2)], null],
    ['activated', { activated: 'offer' }, [activated(2)], 2],
    ['activated too early', { activated: 'offer' }, [activated(-1)], null],
  ])('%s', (_, tree, facts, on) => expect(metOn(tree, facts)).toBe(on));

  it('cannot be done again', () => {
    expect(leaf({ activated: 'offer' }, [activated(-1)], { on: 2 })).toMatchObject({
      couldBeMetAt: null,
      until: day(-1),
    });
    expect(leaf({ redeemed: { codes: ['ONE'] } }, [redeemed(-1)], { on: 2 })).toMatchObject({
      couldBeMetAt: null,
      until: day(-1),
    });
    expect(leaf({ redeemed: { codes: ['ONE', 'TWO'] } }, [redeemed(-1)], { on: 2 })).toMatchObject({
      couldBeMetAt: day(2),
      missing: { codes: 1 },
    });
    expect(leaf({ attested: { action: 'exam' } }, [attested(-1)], { on: 2 }).couldBeMetAt).toBe(day(2));
  });
});

describe('a window', () => {
  const EXAM: ConditionTerms = { id: 'examined', attested: { action: 'exam' } };
  const within = (window: object): ConditionTerms => ({ redeemed: { codes: ['ONE'] }, window }) as ConditionTerms;

  it('refers to conditions of whatever stage', () => {
    const soon = within({ from: { met: 'examined' }, for: 'P3D' });
    expect(metOn(soon, [attested(2), redeemed(4)], { also: [EXAM] })).toBe(4);
    expect(metOn(soon, [attested(2), redeemed(5)], { also: [EXAM] })).toBeNull();
    expect(leaf(soon, [], { also: [EXAM], on: 5 })).toMatchObject({
      missing: { waitsFor: '"examined"' },
      needs: '"examined" to begin with by 2022-10-06T00:00:00Z',
      until: day(31),
      couldBeMetAt: day(5),
    });
    // When the exam is missed, so is what was to follow.
    expect(leaf(soon, [], { also: [EXAM], on: 28 })).toMatchObject({ until: day(28), couldBeMetAt: null });
  });

  it('refers, from outside, to the first campaign that meets a condition of campaigns', () => {
    const launch: ConditionTerms = {
      campaign: { all: [{ id: 'launched', launched: {} }, { activeFor: { duration: 'P9D' } }] },
    };
    const soon = within({ from: { met: 'launched' }, for: 'P3D' });
    expect(metOn(soon, [active(2, 'b'), active(4), redeemed(4)], { also: [launch] })).toBe(4);
    expect(metOn(soon, [active(2, 'b'), active(4), redeemed(6)], { also: [launch] })).toBeNull();
  });

  it('ends with another condition, and is open until then', () => {
    const before = within({ from: '2022-09-01T00:00', until: { met: 'examined' } });
    expect(metOn(before, [redeemed(3), attested(4)], { also: [EXAM] })).toBe(3);
    expect(metOn(before, [attested(3), redeemed(4)], { also: [EXAM] })).toBeNull();
    expect(metOn(before, [redeemed(4)], { also: [EXAM] })).toBe(4);
  });
});

describe('changes', () => {
  const WEEKS: ConditionTerms = { campaign: { weeklyChanges: { weeks: 2, changesPerWeek: 1, actions: ACTIONS } } };
  const TOTAL: ConditionTerms = { campaign: { totalChanges: { changes: 3, actions: ACTIONS } } };

  it('count from any partner, or one of those listed, where no invitation is asked for', () => {
    expect(metOn(TOTAL, [changed(2, 2), changed(3, 1, 'a', 'partner-2')])).toBe(3);
    expect(metOn(TOTAL, [changed(2, 2), changed(3, 1, 'a', 'partner-2')], { partners: ['partner-1'] })).toBeNull();
  });

  it('count from the invitation on, where one is asked for', () => {
    const asked = { invitation: 'required' } as const;
    expect(metOn(TOTAL, [changed(2, 3), invited(5)], asked)).toBe(5);
    expect(metOn(TOTAL, [changed(2, 3)], asked)).toBeNull();
    expect(metOn(TOTAL, [changed(2, 3, 'a', 'partner-2'), invited(5)], asked)).toBeNull();
  });

  it('say in words what is there and what is missing', () => {
    expect(leaf(WEEKS, [changed(2)], { on: 3 })).toMatchObject({
      says: '2 weeks in a row with at least 1 change each',
      missing: { weeks: 1 },
      needs: '2 weeks in a row with at least 1 change each: 1 so far, 1 to go by 2022-10-03T00:00:00Z',
      couldBeMetAt: day(7),
    });
    expect(leaf(TOTAL, [changed(2)], { on: 3, invitation: 'required' }).needs).toBe(
      'at least 3 changes in all: 0 so far, 3 to go, and an invitation by 2022-10-03T00:00:00Z',
    );
  });

  it('in a window are those of its own weeks', () => {
    const late: ConditionTerms = {
      campaign: {
        weeklyChanges: { weeks: 2, changesPerWeek: 1, actions: ACTIONS },
        window: { from: '2022-09-09T00:00' },
      },
    };
    expect(metOn(late, [changed(3), changed(11)])).toBeNull();
    expect(metOn(late, [changed(4), changed(10)])).toBeNull();
    expect(metOn(late, [changed(10), changed(11)])).toBe(11);
  });

  it('in a window that begins with a fact, or after the period, are of its weeks', () => {
    const weekly = { weeklyChanges: { weeks: 2, changesPerWeek: 1, actions: ACTIONS } };
    const long: ConditionTerms = { campaign: { ...weekly, window: { from: { at: 'activation' }, for: 'P14D' } } };
    expect(metOn(long, [activated(24), changed(30), changed(31)])).toBe(31);
    expect(metOn(long, [activated(24), changed(31), changed(38)])).toBeNull();
    expect(leaf(long, [activated(24), changed(30)], { on: 30 })).toMatchObject({
      needs: expect.stringMatching(/: 1 so far, 1 to go/) as unknown,
      until: day(38),
      couldBeMetAt: day(31),
    });
    const open: ConditionTerms = { campaign: { ...weekly, window: { from: { at: 'period-end' } } } };
    expect(metOn(open, [changed(28), changed(41), changed(49)])).toBe(49 - 8);
    expect(metOn(open, [changed(70), changed(77)])).toBe(77);
    expect(leaf(open, [], { on: 100 })).toMatchObject({ until: null, couldBeMetAt: day(105) });
  });

  it('have weeks on the wall clock where the window begins on it, of 7 times 24 hours else', () => {
    const weekly = { weeklyChanges: { weeks: 2, changesPerWeek: 1, actions: ACTIONS } };
    const from = (window: WindowTerms): ConditionTerms => ({ campaign: { ...weekly, window } });
    const inBerlin = { timeZone: 'Europe/Berlin' };
    // Summer time ends on the 55th day: the eighth week begins an hour later.
    expect(metOn(from({ from: { at: 'period-start' } }), [changed(49), changed(56)])).toBe(56);
    expect(metOn(from({ from: { at: 'period-start' } }), [changed(49), changed(56)], inBerlin)).toBeNull();
    const facts = [activated(0), changed(49), changed(56)];
    expect(metOn(from({ from: { at: 'activation' } }), facts, inBerlin)).toBe(56);
  });

  it('are told by the weeks of the calendar, whatever the window', () => {
    const window = { from: '2022-09-09T00:00' };
    const late: ConditionTerms = {
      campaign: { weeklyChanges: { weeks: 2, changesPerWeek: 1, actions: ACTIONS }, window },
    };
    expect(leaf(late, [changed(3), changed(8), changed(12)]).soFar?.weeks).toEqual([0, 2, 0, 0]);
  });
});

describe('an amount that is another in some marketplaces', () => {
  const DEAR = IN_EUROS('90.00');
  const here = (amount: string) => ({ default: DEAR, in: { DE: IN_EUROS(amount) } });
  const elsewhere = { default: IN_EUROS('30.00'), in: { FR: DEAR } };
  const facts = [spent(2, 20_00n), spent(3, 10_00n)];

  it('of spend is needed', () => {
    expect(metOn({ spend: { amount: here('30.00') } }, facts)).toBe(3);
    expect(metOn({ spend: { amount: elsewhere } }, facts)).toBe(3);
    expect(see({ spend: { amount: here('40.00') } }, facts).tree).toMatchObject({
      says: 'own spend of at least EUR 90.00 (DE: EUR 40.00)',
      missing: { spend: IN_EUROS('10.00') },
    });
  });

  it('is given for tiers, and for tiers of others', () => {
    const offered: ConditionTerms = { activated: 'offer' };
    const tiers: AwardTerms = {
      tiers: [
        { spend: here('10.00'), amount: here('1.00') },
        { spend: here('30.00'), amount: elsewhere },
      ],
      of: {},
    };
    expect(see(offered, [activated(1), ...facts], { award: tiers })).toMatchObject({
      qualifiedAt: day(3),
      award: IN_EUROS('30.00'),
    });
  });

  it('is the most that is matched', () => {
    const offered: ConditionTerms = { activated: 'offer' };
    const match: AwardTerms = { match: { percent: 50, upTo: here('10.00') }, of: {} };
    expect(see(offered, [activated(1), ...facts], { award: match })).toMatchObject({
      qualifiedAt: day(2),
      award: IN_EUROS('10.00'),
    });
  });
});

describe('a window that begins days after an anchor', () => {
  const AFTER: ConditionTerms = {
    attested: { action: 'exam' },
    window: {
      from: { from: { at: 'account-opened' }, after: 'P30D' },
      until: { from: { at: 'account-opened' }, after: 'P60D' },
    },
  };

  it.each<[string, readonly Fact[], number | null]>([
    ['holds what is in it', [opened(-20), attested(10)], 10],
    ['from its very start', [opened(-20), attested(9), attested(10)], 10],
    ['not what is at its end', [opened(-20), attested(40)], null],
    ['nothing while the account is not open', [attested(10)], null],
  ])('%s', (_, facts, on) => expect(metOn(AFTER, facts)).toBe(on));

  it('says what it is, and what it waits for', () => {
    expect(see(AFTER, [opened(1)], { on: 2 }).tree).toMatchObject({
      says: '"exam" attested, from 30 days after the opening of the account until 60 days after the opening of the account',
      until: day(61),
      couldBeMetAt: day(31),
    });
    expect(see(AFTER, [], { on: 2 }).tree).toMatchObject({
      missing: { waitsFor: 'the opening of the account' },
      couldBeMetAt: day(32),
    });
  });
});

describe('whoever must be invited', () => {
  const OFFER: ConditionTerms = { activated: 'offer' };
  const asked = { invitation: 'required' } as const;

  it('qualifies with the invitation, not before it', () => {
    expect(see(OFFER, [activated(2), invited(5)], asked)).toMatchObject({
      tree: { metAt: day(2) },
      qualifiedAt: day(5),
    });
    expect(see(OFFER, [activated(2)], { ...asked, on: 9 })).toMatchObject({
      qualifiedAt: null,
      couldQualifyAt: day(9),
      until: day(28),
    });
  });

  it('not with one by a partner that is not listed, nor by changes of that partner', () => {
    const listed = (...partners: string[]) => ({ ...asked, partners });
    const changes: ConditionTerms = { campaign: { totalChanges: { changes: 1, actions: ACTIONS } } };
    expect(see(OFFER, [activated(2), invited(5)], listed('partner-1', 'partner-2')).qualifiedAt).toBe(day(5));
    expect(see(OFFER, [activated(2), invited(5)], listed('partner-2')).qualifiedAt).toBeNull();
    expect(metOn(changes, [invited(1), changed(3)], listed('partner-1'))).toBe(3);
    expect(metOn(changes, [invited(1), changed(3)], listed('partner-2'))).toBeNull();
  });

  it('not with one after the period', () => {
    expect(see(OFFER, [activated(2), invited(28)], asked).qualifiedAt).toBe(day(28));
    expect(see(OFFER, [activated(2), invited(29)], asked)).toMatchObject({ qualifiedAt: null, couldQualifyAt: null });
  });
});

it('nothing counts in a marketplace that is not listed', () => {
  const rules = { ...rulesFor([{ activated: 'offer' }]), marketplaces: ['US'] };
  const [verdict] = evaluate(rules, CALENDAR, 'SP', knownOf([activated(2)]), NO_RATES, day(5));
  expect(verdict).toMatchObject({ qualifiedAt: null, couldQualifyAt: null, tree: { metAt: null } });
});
