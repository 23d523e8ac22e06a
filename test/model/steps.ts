/** Random histories. A step names what it is about by numbers that are resolved only when it is its turn. */
import fc from 'fast-check';
import { DAY } from '../support/auditor/time.js';

/** An instant: so far from a moment of the history (of a credit, of an earlier fact, of the step's own subject). */
export interface When {
  readonly anchor: 'applied' | 'expires' | 'sweepable' | 'fact' | 'subject' | 'day';
  readonly pick: number;
  readonly shift: number;
}
/** A cost: so many minor units, or what a credit holds at the time and so much more or less. */
export type Cost = { readonly units: number } | { readonly leastOf: number; readonly more: number };

export type Step =
  | { kind: 'click'; account: number; product: string; cost: Cost; when: When; flaw: Flaw }
  | { kind: 'grant'; account: number; promotion: number; product: string; granted: string; when: When }
  | { kind: 'reverse'; account: number; pick: number; when: When }
  | { kind: 'revoke'; account: number; pick: number; clawback: boolean; when: When }
  | { kind: 'again'; pick: number; how: 'same' | 'respelt' | 'altered' }
  | { kind: 'expire'; when: When }
  | { kind: 'disburse'; date: string }
  | { kind: 'qualify'; account: number; product: string; plan: Plan }
  | { kind: 'open'; account: number }
  | { kind: 'standing'; account: number; good: boolean; when: When }
  | { kind: 'payment'; account: number; valid: boolean; when: When };

type Flaw = 'none' | 'other-currency' | 'zero' | 'too-many-digits';

/** How a campaign goes: a change a week but for one, a pause, and what else may spoil it. */
export interface Plan {
  readonly firstWeek: number;
  readonly skippedWeek: number | null;
  readonly pausedDays: number;
  readonly spoiled: 'no' | 'foreign-partner' | 'reading' | 'used-before' | 'mismatch';
  readonly backwards: boolean;
}

export interface History {
  readonly accounts: readonly number[];
  /** The second account is opened by a step, if at all. */
  readonly openedLate: boolean;
  readonly steps: readonly Step[];
  readonly questions: readonly { account: number; when: When; known: number }[];
}

const pick = fc.nat(997);
const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const account = oneOf(0, 0, 0, 0, 0, 1);

const whenever = (anchors: readonly When['anchor'][], days: readonly number[]): fc.Arbitrary<When> =>
  fc.record({ anchor: oneOf(...anchors), pick, shift: oneOf(...days).map((count) => Math.round(count * DAY)) });

const MS = 1 / DAY;
/** Anything goes; the rest of each kind's instants are near those where its answer changes. */
const anyTime = whenever(['applied', 'expires', 'sweepable', 'fact', 'day', 'day'], [0, MS, -MS, 1, -1, 3, -3, -30]);
const mostly = (weight: number, times: fc.Arbitrary<When>, ...others: fc.Arbitrary<When>[]) =>
  fc.oneof({ weight, arbitrary: times }, ...others.map((other) => ({ weight: 2, arbitrary: other })), anyTime);

const atClick = mostly(
  6,
  whenever(['applied'], [0, MS, 1, 3, 5, 10, 20, 25, 28]),
  whenever(['expires'], [-MS, 0, -1, -3, -10]),
  whenever(['fact'], [0, 0, -MS, -1, 1]),
);
const atReversal = mostly(6, whenever(['subject'], [0, MS, 1, 5, 10, 20]), whenever(['expires'], [-MS, 0, -1, 1]));
const atRevocation = mostly(6, whenever(['subject'], [0, MS, -MS, 1, 20]), whenever(['expires'], [0, 0, -MS, 1, 4]));
const atExpiry = mostly(4, whenever(['sweepable'], [0, -MS, 1]), whenever(['expires'], [0, 1]));

const cost: fc.Arbitrary<Cost> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ units: fc.integer({ min: 1, max: 6_000 }) }) },
  { weight: 4, arbitrary: fc.record({ units: fc.integer({ min: 5_000, max: 60_000 }) }) },
  { weight: 2, arbitrary: fc.record({ leastOf: pick, more: oneOf(-1, 0, 1, 500) }) },
);

const kind = <Kind extends Step['kind'], Rest>(name: Kind, rest: { [Key in keyof Rest]: fc.Arbitrary<Rest[Key]> }) =>
  fc.record({ kind: fc.constant(name), ...rest }) as unknown as fc.Arbitrary<Extract<Step, { kind: Kind }>>;

const promoted = oneOf('SP', 'SB', 'SD');
const grant = kind('grant', {
  account,
  promotion: oneOf(0, 0, 1),
  product: oneOf(...Array.from({ length: 8 }, () => ['SP', 'SB', 'SD']).flat(), 'DSP'),
  granted: oneOf('200.00', '200', '150.00', '100.5', '50.00', '50.00', '0.01', '400.00', '600.01', '10.005'),
  when: anyTime,
});
const click = kind('click', {
  account,
  product: oneOf('SP', 'SB', 'SD', 'SP', 'DSP'),
  cost,
  when: atClick,
  flaw: oneOf<Flaw>('none', ...Array<Flaw>(20).fill('none'), 'other-currency', 'zero', 'too-many-digits'),
});
const plan = fc.record({
  firstWeek: oneOf(0, 0, 0, 0, 1, 3, 9),
  skippedWeek: oneOf(null, null, null, 0, 2, 4),
  pausedDays: oneOf(0, 0, 7, 20),
  spoiled: oneOf<Plan['spoiled']>(
    'no',
    'no',
    'no',
    'no',
    'no',
    'no',
    'no',
    'no',
    'foreign-partner',
    'reading',
    'used-before',
    'mismatch',
  ),
  backwards: fc.boolean(),
});
const qualify = kind('qualify', { account, product: promoted, plan });
/** In order more often than not: a run out of order is refused, and then nothing more comes of runs. */
const disburse = kind('disburse', {
  date: oneOf('2022-10-04', '2022-11-01', '2023-01-03', '2022-10-05'),
});
const payment = kind('payment', { account, valid: oneOf(true, true, true, false), when: anyTime });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 36, arbitrary: click },
  { weight: 9, arbitrary: grant },
  { weight: 20, arbitrary: kind('reverse', { account, pick, when: atReversal }) },
  { weight: 9, arbitrary: kind('revoke', { account, pick, clawback: fc.boolean(), when: atRevocation }) },
  { weight: 9, arbitrary: kind('again', { pick, how: oneOf('same', 'respelt', 'altered') }) },
  { weight: 8, arbitrary: kind('expire', { when: atExpiry }) },
  { weight: 4, arbitrary: disburse },
  { weight: 2, arbitrary: qualify },
  { weight: 1, arbitrary: kind('open', { account }) },
  { weight: 1, arbitrary: kind('standing', { account, good: fc.boolean(), when: anyTime }) },
  { weight: 2, arbitrary: payment },
);

const steps = (min: number, max: number) => fc.array(step, { minLength: min, maxLength: max, size: 'max' });

/** In a season, a grant or none before the runs: large ones leave no room under the cap. */
const grants = fc.array(
  kind('grant', {
    account: fc.constant(0),
    promotion: fc.constant(0),
    product: promoted,
    granted: oneOf('50.00', '450.00', '500.00'),
    when: whenever(['day'], [0]),
  }),
  { maxLength: 1 },
);

/** Grants that are in order, so that there is something to spend. */
const opening = fc.array(
  kind('grant', {
    account,
    promotion: oneOf(0, 0, 1),
    product: promoted,
    granted: oneOf('200.00', '150.00', '100.5', '50.00', '30', '0.01', '0.01'),
    when: whenever(['day', 'applied', 'applied'], [0, 0, 1, 5, -30, -30]),
  }),
  { minLength: 2, maxLength: 5, size: 'max' },
);

const goodwill = (promotion: number, product: string, granted: string, day: number): Step => {
  return { kind: 'grant', account: 0, promotion, product, granted, when: { anchor: 'day', pick: day, shift: 0 } };
};

/** Three credits, two of which end at one instant (60 days from 30 September, 30 days from 30 October), and both pay. */
const overlap = fc
  .tuple(
    fc.shuffledSubarray([goodwill(1, 'SP', '30.00', 10), goodwill(0, 'SP', '50.00', 40), goodwill(0, 'SD', '5', 45)], {
      minLength: 2,
    }),
    pick,
  )
  .map(([given, any]): Step[] => {
    const when: When = { anchor: 'applied', pick: any, shift: 5 * DAY };
    const click: Step = { kind: 'click', account: 0, product: 'SP', cost: { units: 7_000 }, when, flaw: 'none' };
    const reversed: Step = {
      kind: 'reverse',
      account: 0,
      pick: 1,
      when: { anchor: 'expires', pick: any, shift: any % 3 },
    };
    return [...given, click, ...(any % 2 === 0 ? [reversed] : [])];
  });

const RUNS = ['2022-10-04', '2022-11-01', '2022-12-06'];
const paid = (day: number): Step[] => [
  { kind: 'payment', account: 0, valid: true, when: { anchor: 'day', pick: day, shift: 0 } },
];

const SUSPENDED: Step = { kind: 'standing', account: 0, good: false, when: { anchor: 'day', pick: 9, shift: 0 } };

/** Campaigns, and between anything else the runs in their order; the payment method is valid early, late or never. */
const season = fc
  .tuple(
    fc.array(kind('qualify', { account: oneOf(0, 0, 1), product: promoted, plan }), {
      minLength: 2,
      maxLength: 4,
      size: 'max',
    }),
    oneOf(paid(0), paid(0), paid(30), paid(30), []),
    oneOf(false, false, false, false, true),
    fc.array(steps(0, 8), { minLength: RUNS.length, maxLength: RUNS.length }),
  )
  .map(([campaigns, payments, suspended, parts]): Step[] => [
    ...campaigns,
    ...payments,
    ...(suspended ? [SUSPENDED] : []),
    ...parts.flatMap((part, index) => [...part, { kind: 'disburse', date: RUNS[index] ?? '' } as const]),
  ]);

/** What comes when all is over: a sweep, then fraud and invalid clicks that are found out too late. */
const aftermath = fc
  .tuple(kind('expire', { when: atExpiry }), steps(0, 3), fc.array(oneOf('revoke', 'reverse'), { maxLength: 3 }), pick)
  .map(([sweep, between, found, first]): Step[] => [
    sweep,
    ...between,
    ...found.map((what, index): Step => {
      const when: When = { anchor: what === 'revoke' ? 'expires' : 'subject', pick: first, shift: 5 * DAY };
      const about = { account: 0, pick: first + index, when };
      return what === 'revoke' ? { kind: 'revoke', ...about, clawback: true } : { kind: 'reverse', ...about };
    }),
  ]);

/** Indices of ACCOUNTS: mostly euros and dollars. */
const twoAccounts = fc.uniqueArray(oneOf(0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6), { minLength: 2, maxLength: 2 });

export const histories: fc.Arbitrary<History> = fc.record({
  accounts: twoAccounts,
  openedLate: oneOf(false, false, false, true),
  steps: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(fc.oneof(opening, opening, overlap), steps(12, 36), aftermath).map((parts) => parts.flat()),
    },
    { weight: 2, arbitrary: fc.tuple(grants, season, steps(2, 12)).map((parts) => parts.flat()) },
  ),
  questions: fc.array(fc.record({ account, when: anyTime, known: pick }), { minLength: 4, maxLength: 8, size: 'max' }),
});
