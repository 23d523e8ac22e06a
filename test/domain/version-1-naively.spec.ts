import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DAY_MS, epochMs } from '../../src/kernel/instant.js';
import { evaluate } from '../../src/promotions/domain/conditions.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import type { TermsV1 } from '../../src/promotions/domain/terms.js';
import { ROW_A } from './examples.js';
import { NO_RATES } from './qualifying-examples.js';
import { ACTIONS, CALENDAR, day, FIRST_DAY, knownOf, LAST_DAY, START, type Fact } from './subject-worlds.js';

/**
 * The rules of version 1 as the specification states them, looked at day by day and as plainly as can be: everything here
 * happens at midnight. The last of four weeks is cut short.
 */
const END = 26;
const WEEKS = [0, 7, 14, 21].map((from) => ({ from, to: Math.min(from + 7, END) }));
const dayOf = (fact: Fact): number => (epochMs(fact.at) - epochMs(START)) / DAY_MS;

class Naive {
  constructor(
    private readonly asked: TermsV1['qualifying'],
    private readonly facts: readonly Fact[],
    private readonly product: string,
  ) {}

  /** The campaign that qualifies first, and the day; else the one to tell of. */
  answer(today: number): { readonly campaignId: string | null; readonly qualifiedOn: number | null } {
    const campaigns = ['a', 'b', 'c'].filter((id) =>
      this.facts.some(
        (fact) => 'campaign' in fact && fact.campaign.campaignId === id && fact.campaign.product === this.product,
      ),
    );
    for (let t = 0; t <= Math.min(today, END); t += 1) {
      const campaignId = campaigns.find((id) => this.qualifies(id, t));
      if (campaignId !== undefined) return { campaignId, qualifiedOn: t };
    }
    const changed = campaigns.filter((id) => this.changes(id, 0, END, today) > 0);
    const rank = (id: string) => this.row(id, today) * 1000 + this.changes(id, 0, END, today);
    const best = Math.max(...changed.map(rank));
    return { campaignId: changed.find((id) => rank(id) === best) ?? null, qualifiedOn: null };
  }

  private qualifies(id: string, t: number): boolean {
    const { weeks, changes } = this.asked;
    return this.row(id, t) >= weeks && this.changes(id, 0, END, t) >= changes && this.isActiveLongEnough(id, t);
  }

  /** Most weeks in a row. */
  private row(id: string, t: number): number {
    const good = WEEKS.map(({ from, to }) =>
      this.changes(id, from, to, t) >= this.asked.changesPerWeek ? 'x' : ' ',
    ).join('');
    return Math.max(...good.split(' ').map((row) => row.length));
  }

  /** Qualifying changes that took effect on days [from, to), seen on a day. */
  private changes(id: string, from: number, to: number, today: number): number {
    const invitation = this.facts.find((fact) => fact.of === 'invitation');
    if (!invitation || dayOf(invitation) > today) return 0;
    let sum = 0;
    for (const fact of this.facts) {
      if (fact.of !== 'change' || fact.campaign.campaignId !== id) continue;
      const { partnerId, method, path, changes } = fact.change;
      const n = dayOf(fact);
      if (
        n >= from &&
        n < to &&
        n <= today &&
        partnerId === 'partner-1' &&
        method === 'PUT' &&
        path !== '/campaigns/list'
      )
        sum += changes;
    }
    return sum;
  }

  private isActiveLongEnough(id: string, t: number): boolean {
    const days = Array.from({ length: t }, (_, n) => (this.isActive(id, n) ? 'x' : ' ')).join('');
    const needed = Number(/\d+/.exec(this.asked.activeFor)![0]);
    return this.asked.activity === 'continuous'
      ? days.includes('x'.repeat(needed))
      : days.replaceAll(' ', '').length >= needed;
  }

  private isActive(id: string, on: number): boolean {
    const switches = this.facts.filter(
      (fact) => fact.of === 'activity' && fact.campaign.campaignId === id && dayOf(fact) <= on,
    );
    const last = switches.sort((a, b) => dayOf(a) - dayOf(b)).at(-1);
    return last?.of === 'activity' && last.active;
  }
}

/** Busy ones: nobody qualifies by doing little. */
const onDay = (min: number) => fc.integer({ min, max: 30 });
const ofCampaign = (campaignId: string, product: string): fc.Arbitrary<Fact[]> =>
  fc
    .record({
      switches: fc.uniqueArray(fc.tuple(onDay(-5), fc.constantFrom(true, true, false)), {
        selector: ([n]) => n,
        maxLength: 6,
      }),
      changes: fc.uniqueArray(fc.tuple(onDay(-2), fc.constantFrom(1, 1, 2), fc.constantFrom(...CALLS)), {
        selector: ([n]) => n,
        maxLength: 14,
        size: 'max',
      }),
    })
    .map(({ switches, changes }) => [
      ...switches.map(([n, active]): Fact => ({
        of: 'activity',
        campaign: { campaignId, product },
        at: day(n),
        active,
        plannedEnd: null,
      })),
      ...changes.map(([n, count, call]): Fact => ({
        of: 'change',
        campaign: { campaignId, product },
        at: day(n),
        change: { ...call, changes: count },
      })),
    ]);
const GOOD = { partnerId: 'partner-1', method: 'PUT', path: '/campaigns' };
const CALLS = [
  GOOD,
  GOOD,
  { ...GOOD, path: '/campaigns/12?x=1' },
  { ...GOOD, path: '/campaigns/list' },
  { ...GOOD, method: 'GET' },
  { ...GOOD, partnerId: 'partner-2' },
];
const invited = fc.option(fc.oneof(onDay(-5), fc.integer({ min: -5, max: 10 })), { freq: 9 });
const HISTORIES: fc.Arbitrary<readonly Fact[]> = fc
  .tuple(ofCampaign('a', 'SP'), ofCampaign('b', 'SP'), ofCampaign('c', 'SB'), invited)
  .map(([a, b, c, n]) => [
    ...a,
    ...b,
    ...c,
    ...(n === null ? [] : [{ of: 'invitation', at: day(n), partnerId: 'partner-1' } as const]),
  ]);

const seed = Number(process.env['CONDITIONS_SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['CONDITIONS_RUNS'] ?? 500);

it(`version 1 is what the specification says, plainly counted (CONDITIONS_SEED=${seed} CONDITIONS_RUNS=${runs})`, () => {
  const asked = fc.record({
    weeks: fc.integer({ min: 1, max: 4 }),
    changesPerWeek: fc.integer({ min: 1, max: 2 }),
    changes: fc.integer({ min: 1, max: 6 }),
    activeFor: fc.integer({ min: 1, max: 14 }).map((days) => `P${days}D`),
    activity: fc.constantFrom('total' as const, 'continuous' as const),
    actions: fc.constant(ACTIONS),
  });
  const calendar = {
    ...CALENDAR,
    end: day(END),
    weeks: CALENDAR.weeks.map((week, n) => ({ ...week, end: day(WEEKS[n]!.to) })),
  };
  let qualified = 0;
  fc.assert(
    fc.property(
      asked,
      HISTORIES,
      fc.constantFrom('SP', 'SB'),
      fc.integer({ min: FIRST_DAY, max: LAST_DAY }),
      (qualifying, facts, product, today) => {
        const rules = rulesOf({ ...ROW_A, qualifying, products: ['SP', 'SB'] });
        const [verdict] = evaluate(rules, calendar, product, knownOf(facts), NO_RATES, day(today));
        const { campaignId, qualifiedOn } = new Naive(qualifying, facts, product).answer(today);
        expect(verdict).toMatchObject({ campaignId, qualifiedAt: qualifiedOn === null ? null : day(qualifiedOn) });
        if (qualifiedOn !== null) qualified += 1;
      },
    ),
    { seed, numRuns: runs },
  );
  // Histories in which nobody ever qualifies would show little.
  if (runs >= 500) expect(qualified).toBeGreaterThan(runs / 20);
});
