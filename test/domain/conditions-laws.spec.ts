import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluate, type Verdict } from '../../src/promotions/domain/conditions.js';
import type { SubjectFacts } from '../../src/promotions/domain/facts.js';
import type { Rules } from '../../src/promotions/domain/rules.js';
import type { Instant } from '../../src/kernel/instant.js';
import { NO_RATES } from './qualifying-examples.js';
import {
  ANY_WINDOW,
  CALENDAR,
  day,
  EVERY_KIND,
  FIRST_DAY,
  FIXED_WINDOW,
  histories,
  HOPED_WINDOW,
  hopedFacts,
  knownOf,
  LAST_DAY,
  NAMED,
  NOBODY,
  rulesFor,
  trees,
  WIDENING_WINDOW,
  withFact,
  type Fact,
} from './subject-worlds.js';

const seed = Number(process.env['CONDITIONS_SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['CONDITIONS_RUNS'] ?? 100);
const law = (says: string, property: fc.IRawProperty<unknown>) =>
  it(
    `${says} (CONDITIONS_SEED=${seed} CONDITIONS_RUNS=${runs})`,
    () => fc.assert(property, { seed, numRuns: runs }),
    60_000,
  );

const LONG_AFTER = day(LAST_DAY + 100);
const TREE = trees({ windows: ANY_WINDOW, ofCampaigns: EVERY_KIND, onceInWindows: true });
const product = fc.constantFrom('SP', 'SB');
const someDay = fc.integer({ min: FIRST_DAY, max: LAST_DAY });
const rulesOfTree = fc
  .tuple(TREE, fc.constantFrom('required' as const, 'not-required' as const))
  .map(([tree, invitation]) => rulesFor([NAMED, tree], { eligibility: { invitation } }));

const verdictOn = (rules: Rules, facts: SubjectFacts, asOf: Instant, of = 'SP') =>
  evaluate(rules, CALENDAR, of, facts, NO_RATES, asOf)[1]!;

/** All of it but the campaigns told of. */
const summary = (rules: Rules, facts: SubjectFacts, asOf: Instant, of: string) => {
  const { qualifiedAt, couldQualifyAt, until, campaignId, tree } = verdictOn(rules, facts, asOf, of);
  return { qualifiedAt, couldQualifyAt, until, campaignId, tree };
};

describe('conditions, whatever they are', () => {
  law(
    'facts that come one by one, in whatever order, come to what all of them at once do',
    fc.property(
      rulesOfTree,
      histories(),
      product,
      fc.infiniteStream(fc.nat()),
      someDay,
      (rules, facts, of, keys, n) => {
        const shuffled = facts
          .map((fact) => ({ fact, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ fact }) => fact);
        let known = NOBODY;
        const taken: Fact[] = [];
        for (const fact of shuffled) {
          known = withFact(known, fact);
          taken.push(fact);
          const atOnce = knownOf([...taken].sort((a, b) => (a.at < b.at ? -1 : 1)));
          expect(summary(rules, known, day(n), of)).toEqual(summary(rules, atOnce, day(n), of));
        }
      },
    ),
  );

  law(
    'what is met was met from then on, and not before: only late facts could change it',
    fc.property(rulesOfTree, histories(), product, (rules, facts, of) => {
      const known = knownOf(facts);
      const { qualifiedAt, tree } = verdictOn(rules, known, LONG_AFTER, of);
      for (let n = FIRST_DAY; n <= LAST_DAY + 50; n += 1) {
        const then = verdictOn(rules, known, day(n), of);
        const by = (at: Instant | null) => (at !== null && at <= day(n) ? at : null);
        expect(then.qualifiedAt).toBe(by(qualifiedAt));
        expect(metAts(then.tree)).toEqual(metAts(tree).map(by));
      }
    }),
  );

  law(
    'all of them are met when the last is, any of them when the first is',
    fc.property(rulesOfTree, histories(), product, someDay, (rules, facts, of, n) => {
      for (const { kind, metAt, parts } of nodesOf(verdictOn(rules, knownOf(facts), day(n), of).tree)) {
        const met = parts.flatMap((part) => (part.metAt === null ? [] : [part.metAt])).sort();
        if (kind === 'all') expect(metAt).toBe(met.length === parts.length ? met.at(-1)! : null);
        if (kind === 'any') expect(metAt).toBe(met[0] ?? null);
      }
    }),
  );

  law(
    'what is not met says what it needs, and what is met needs nothing',
    fc.property(rulesOfTree, histories(), product, someDay, (rules, facts, of, n) => {
      for (const verdict of nodesOf(verdictOn(rules, knownOf(facts), day(n), of).tree)) {
        const { metAt, missing, needs, until, couldBeMetAt, parts } = verdict;
        if (metAt !== null)
          expect({ missing, needs, until, couldBeMetAt }).toEqual({
            missing: null,
            needs: null,
            until: null,
            couldBeMetAt: metAt,
          });
        else {
          expect(needs).toMatch(/\w/);
          expect(missing).not.toBeNull();
          if (couldBeMetAt !== null) expect(couldBeMetAt >= day(n)).toBe(true);
          // Of several, one may have to be met before another can be.
          if (parts.length === 0 && couldBeMetAt !== null && until !== null) expect(couldBeMetAt <= until).toBe(true);
        }
      }
    }),
  );
});

/** More of it is never worse: no launches, which an earlier one spoils, no moments that could come sooner, no pauses. */
const MONOTONE = trees({
  windows: WIDENING_WINDOW,
  windowsOfWeeks: FIXED_WINDOW,
  ofCampaigns: ['weeklyChanges', 'totalChanges', 'activeFor'],
  onceInWindows: false,
});

describe('monotone conditions', () => {
  law(
    'once met stay met, since then or since earlier, when facts are added',
    fc.property(MONOTONE, histories({ pauses: false }), product, (tree, facts, of) => {
      const rules = rulesFor([NAMED, tree]);
      let known = NOBODY;
      let before: Instant | null = null;
      for (const fact of facts) {
        known = withFact(known, fact);
        const { metAt } = verdictOn(rules, known, LONG_AFTER, of).tree;
        if (before !== null) expect(metAt !== null && metAt <= before).toBe(true);
        before = metAt;
      }
    }),
  );
});

describe('what could be', () => {
  const hoping = (ofCampaigns: typeof EVERY_KIND) =>
    trees({ windows: HOPED_WINDOW, ofCampaigns, onceInWindows: false });
  const hoped = (rules: Rules, facts: readonly Fact[], n: number, of: string) => {
    const known = knownOf(facts.filter(({ at }) => at <= day(n)));
    const could = verdictOn(rules, known, day(n), of).tree.couldBeMetAt;
    const met = verdictOn(rules, hopedFacts(known, n).reduce(withFact, known), LONG_AFTER, of).tree.metAt;
    return { could, met };
  };
  const during = fc.integer({ min: 0, max: LAST_DAY });

  law(
    'is met then, at the latest, if all goes well',
    fc.property(
      hoping(['weeklyChanges', 'totalChanges', 'activeFor', 'launched', 'activeAt', 'unbroken']),
      histories(),
      product,
      during,
      (tree, facts, of, n) => {
        const { could, met } = hoped(rulesFor([NAMED, tree]), facts, n, of);
        if (could !== null) expect(met !== null && met <= could).toBe(true);
      },
    ),
  );

  law(
    'is met no sooner, and what could not be is not, where nobody has to wait for weeks',
    fc.property(
      hoping(['totalChanges', 'activeFor', 'launched', 'activeAt', 'unbroken']),
      histories(),
      product,
      during,
      (tree, facts, of, n) => {
        const { could, met } = hoped(rulesFor([NAMED, tree]), facts, n, of);
        expect(met).toBe(could);
      },
    ),
  );
});

/** Those of the advertiser: which campaign is told of may change. */
const metAts = ({ kind, metAt, parts }: Verdict): readonly (Instant | null)[] =>
  kind === 'campaign' ? [metAt] : [metAt, ...parts.flatMap(metAts)];

const nodesOf = (verdict: Verdict): readonly Verdict[] => [verdict, ...verdict.parts.flatMap(nodesOf)];
