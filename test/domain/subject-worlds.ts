import fc from 'fast-check';
import { DAY_MS, epochMs, plusMs, type Instant } from '../../src/kernel/instant.js';
import type { PromotionCalendar } from '../../src/promotions/domain/events.js';
import type { ApiChange, CampaignFacts, SpendFact, SubjectFacts } from '../../src/promotions/domain/facts.js';
import type { Rules, Stage } from '../../src/promotions/domain/rules.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import type {
  AnchorTerms,
  ConditionTerms,
  EdgeTerms,
  QualifyingActions,
  TermsV2,
  WindowTerms,
} from '../../src/promotions/domain/terms.js';
import { at } from './examples.js';
import { subject } from './qualifying-examples.js';

/** A promotion of four weeks, in days of UTC, and what may happen around it, a day at a time. */
export const START = at('2022-09-05T00:00Z');
export const DAYS = 28;
export const FIRST_DAY = -5;
export const LAST_DAY = 40;
export const day = (n: number): Instant => plusMs(START, n * DAY_MS);
const local = (n: number): string => day(n).slice(0, 16);

export const CALENDAR: PromotionCalendar = {
  start: START,
  end: day(DAYS),
  dormantFrom: null,
  weeks: [0, 1, 2, 3].map((week) => ({ week: week + 1, start: day(week * 7), end: day(week * 7 + 7) })),
  runs: [],
  // Whatever day a condition names.
  instants: Object.fromEntries(Array.from({ length: 400 }, (_, n) => [local(n - 100), day(n - 100)])),
};

export const ACTIONS: readonly QualifyingActions[] = ['SP', 'SB'].map((product) => ({
  product,
  methods: ['PUT'],
  paths: ['/campaigns'],
}));

/** One stage for each tree. */
export function rulesFor(trees: readonly ConditionTerms[], changed: Partial<TermsV2> = {}): Rules {
  return rulesOf({
    version: 2,
    name: 'any',
    timeZone: 'UTC',
    period: { start: local(0), end: local(DAYS) },
    marketplaces: ['DE'],
    products: ['SP', 'SB'],
    stages: trees.map((qualifying, index) => ({ ...STAGE, id: `stage-${index + 1}`, qualifying })),
    ...changed,
  });
}

const STAGE: Omit<Stage, 'id' | 'qualifying' | 'appliesTo' | 'spendKinds' | 'disbursement'> & {
  disbursement: TermsV2['stages'][number]['disbursement'];
} = {
  award: { amount: { amount: '50.00', currency: 'EUR' } },
  disbursement: { schedule: 'daily', within: 'P14D' },
  expiry: { after: 'P30D', settlementGrace: 'P3D' },
};

/** What may come to be known of a subject, one at a time. */
export type Fact = { readonly at: Instant } & (
  | { readonly of: 'activity'; readonly campaign: Owned; readonly active: boolean; readonly plannedEnd: Instant | null }
  | { readonly of: 'change'; readonly campaign: Owned; readonly change: Omit<ApiChange, 'at'> }
  | { readonly of: 'spend'; readonly spend: Omit<SpendFact, 'at'> }
  | { readonly of: 'invitation'; readonly partnerId: string }
  | { readonly of: 'activation' }
  | { readonly of: 'account' }
  | { readonly of: 'code'; readonly code: string }
  | { readonly of: 'attestation'; readonly action: string; readonly by: string }
);
type Owned = Pick<CampaignFacts, 'campaignId' | 'product'>;
type Undated<Each = Fact> = Each extends Fact ? Omit<Each, 'at'> : never;

/** What is known with one fact more, whenever it took effect. */
export function withFact(facts: SubjectFacts, fact: Fact): SubjectFacts {
  const { enrollment } = facts;
  const enrolled = (more: Partial<SubjectFacts['enrollment']>) => ({
    ...facts,
    enrollment: { ...enrollment, ...more },
  });
  switch (fact.of) {
    case 'activity': {
      const { at: when, active, plannedEnd } = fact;
      return withCampaign(facts, fact.campaign, (campaign) => ({
        ...campaign,
        activity: inOrder(campaign.activity, active ? { at: when, active, plannedEnd } : { at: when, active }),
      }));
    }
    case 'change':
      return withCampaign(facts, fact.campaign, (campaign) => ({
        ...campaign,
        changes: inOrder(campaign.changes, { at: fact.at, ...fact.change }),
      }));
    case 'spend':
      return { ...facts, spend: inOrder(facts.spend, { at: fact.at, ...fact.spend }) };
    case 'invitation':
      return enrolled({ invitation: enrollment.invitation ?? { partnerId: fact.partnerId, at: fact.at } });
    case 'activation':
      return enrolled({ activatedAt: enrollment.activatedAt ?? fact.at });
    case 'account':
      return { ...facts, openedAt: facts.openedAt ?? fact.at };
    case 'code':
      return enrollment.redeemed.some(({ code }) => code === fact.code)
        ? facts
        : enrolled({ redeemed: inOrder(enrollment.redeemed, { code: fact.code, at: fact.at }) });
    case 'attestation': {
      const { at: when, action, by } = fact;
      return enrolled({ attested: inOrder(enrollment.attested, { action, by, at: when }) });
    }
  }
}

function withCampaign(
  facts: SubjectFacts,
  owned: Owned,
  change: (before: CampaignFacts) => CampaignFacts,
): SubjectFacts {
  const before = facts.campaigns.find(({ campaignId }) => campaignId === owned.campaignId);
  const after = change(before ?? { ...owned, activity: [], changes: [] });
  return { ...facts, campaigns: [...facts.campaigns.filter((each) => each !== before), after] };
}

const inOrder = <T extends { readonly at: Instant }>(all: readonly T[], one: T): readonly T[] => {
  const index = all.findIndex((each) => each.at > one.at);
  return index < 0 ? [...all, one] : all.toSpliced(index, 0, one);
};

export const NOBODY: SubjectFacts = subject({
  enrollment: { invitation: null, withdrawnAt: null, activatedAt: null, redeemed: [], attested: [] },
});

export const knownOf = (facts: readonly Fact[]): SubjectFacts => facts.reduce(withFact, NOBODY);

const CAMPAIGNS: readonly Owned[] = [
  { campaignId: 'a', product: 'SP' },
  { campaignId: 'b', product: 'SP' },
  { campaignId: 'c', product: 'SB' },
];
const campaign = fc.constantFrom(...CAMPAIGNS);
const partnerId = fc.constantFrom('partner-1', 'partner-2');
const product = fc.constantFrom('SP', 'SB');

/** Once in a history: the same fact has one natural key. */
const ONCE = fc.constantFrom<Undated[]>(
  { of: 'invitation', partnerId: 'partner-1' },
  { of: 'activation' },
  { of: 'account' },
  { of: 'code', code: 'ONE' },
  { of: 'code', code: 'TWO' },
);

const activity = (active: fc.Arbitrary<boolean>) =>
  fc.record({
    of: fc.constant('activity' as const),
    campaign,
    active,
    plannedEnd: fc.constantFrom(null, day(60)),
  });

const anyFact = (pauses: boolean): fc.Arbitrary<Undated> =>
  fc.oneof(
    { weight: 3, arbitrary: activity(pauses ? fc.boolean() : fc.constant(true)) },
    {
      weight: 4,
      arbitrary: fc.record({
        of: fc.constant('change' as const),
        campaign,
        change: fc.record({
          partnerId,
          method: fc.constantFrom('PUT', 'PUT', 'GET'),
          path: fc.constantFrom('/campaigns', '/campaigns/12?x=1', '/campaigns/list'),
          changes: fc.integer({ min: 1, max: 2 }),
        }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        of: fc.constant('spend' as const),
        spend: fc.record({
          product,
          kind: fc.constantFrom('clicks', 'impressions'),
          own: fc.bigInt({ min: 0n, max: 30_00n }),
        }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        of: fc.constant('attestation' as const),
        action: fc.constantFrom('course', 'exam'),
        by: fc.constantFrom('school', 'friend'),
      }),
    },
    { weight: 2, arbitrary: ONCE },
  );

/** Histories in which no two facts are of one instant: which of such two comes first is what was recorded first. */
export const histories = ({ pauses = true } = {}): fc.Arbitrary<readonly Fact[]> =>
  fc
    .uniqueArray(fc.tuple(fc.integer({ min: FIRST_DAY, max: LAST_DAY }), anyFact(pauses)), {
      selector: ([n]) => n,
      minLength: 12,
      maxLength: 45,
      size: 'max',
    })
    .map((all) => uniqueKeys(all.map(([n, fact]) => ({ ...fact, at: day(n) }))));

function uniqueKeys(facts: readonly Fact[]): readonly Fact[] {
  const seen = new Set<string>();
  return facts.filter((fact) => {
    if (!['invitation', 'activation', 'account', 'code'].includes(fact.of)) return true;
    const key = fact.of === 'code' ? fact.code : fact.of;
    return !seen.has(key) && seen.add(key);
  });
}

/** Conditions that others refer to, in a stage of their own. */
export const NAMED: ConditionTerms = {
  any: [
    { id: 'activated', activated: 'offer' },
    { id: 'examined', attested: { action: 'exam' } },
    {
      campaign: {
        all: [
          { id: 'launched', launched: {} },
          { id: 'busy', totalChanges: { changes: 2, actions: ACTIONS } },
        ],
      },
    },
  ],
};

export interface Grammar {
  /** How windows may begin and end; the period is always one. */
  readonly windows: fc.Arbitrary<WindowTerms>;
  /** Of `weeklyChanges`, where they are others: their weeks begin with them. */
  readonly windowsOfWeeks?: fc.Arbitrary<WindowTerms>;
  /** Kinds of conditions on campaigns, of those below. */
  readonly ofCampaigns: readonly (keyof typeof OF_CAMPAIGNS)[];
  /** Whether what happens only once is asked for in windows, too. */
  readonly onceInWindows: boolean;
}

const someDay = fc.oneof(fc.integer({ min: FIRST_DAY, max: 7 }), fc.integer({ min: 7, max: LAST_DAY })).map(local);
const someDays = fc.integer({ min: 1, max: 15 }).map((n) => `P${n}D`);
/** Anchors that no later or earlier fact moves once they are there. */
const fixedAnchor: fc.Arbitrary<AnchorTerms> = fc.oneof(
  someDay,
  fc.constantFrom<AnchorTerms[]>(
    { at: 'period-start' },
    { at: 'period-end' },
    { at: 'activation' },
    { at: 'invitation' },
    { at: 'account-opened' },
  ),
);
const namedAnchor = (...ids: string[]): fc.Arbitrary<AnchorTerms> => fc.constantFrom(...ids).map((met) => ({ met }));
const spendAnchor = fc.constantFrom<AnchorTerms[]>({ at: 'first-impression' }, { at: 'first-spend' });
/** An anchor, or some days after it. */
const edge = (anchor: fc.Arbitrary<AnchorTerms>): fc.Arbitrary<EdgeTerms> =>
  fc.oneof({ weight: 2, arbitrary: anchor }, { weight: 1, arbitrary: fc.record({ from: anchor, after: someDays }) });
const windowsFrom = (from: fc.Arbitrary<AnchorTerms>, until: fc.Arbitrary<AnchorTerms>): fc.Arbitrary<WindowTerms> =>
  fc.oneof(
    edge(from).map((each) => ({ from: each })),
    fc.tuple(edge(from), someDays).map(([each, length]) => ({ from: each, for: length })),
    fc.tuple(edge(from), edge(until)).map(([each, end]) => ({ from: each, until: end })),
  );

const ALL_NAMED = ['activated', 'examined', 'launched', 'busy'];
const anyAnchor = fc.oneof(fixedAnchor, namedAnchor(...ALL_NAMED), spendAnchor);
export const ANY_WINDOW = windowsFrom(anyAnchor, anyAnchor);
/** That more facts can only widen, and only begin earlier if they are open. */
export const WIDENING_WINDOW = fc.oneof(
  windowsFrom(fixedAnchor, someDay),
  namedAnchor('activated', 'examined', 'busy').map((from) => ({ from })),
);
/** That facts begin but once. */
export const FIXED_WINDOW = windowsFrom(fixedAnchor, someDay);
/** That begin as soon as they are wished to, and end when they are said to. */
export const HOPED_WINDOW = windowsFrom(
  fc.oneof(fixedAnchor, namedAnchor('activated', 'examined'), spendAnchor),
  someDay,
);

const few = fc.integer({ min: 1, max: 3 });
const moment = fc.record({
  from: fc.oneof(someDay, namedAnchor('activated', 'examined'), fixedAnchor),
  after: someDays,
});
const OF_CAMPAIGNS = {
  weeklyChanges: fc
    .record({ weeks: few, changesPerWeek: few })
    .map((asked) => ({ weeklyChanges: { ...asked, actions: ACTIONS } })),
  totalChanges: few.map((changes) => ({ totalChanges: { changes: changes * 2, actions: ACTIONS } })),
  activeFor: fc
    .record({ duration: someDays, activity: fc.constantFrom('total' as const, 'continuous' as const) })
    .map((asked) => ({ activeFor: asked })),
  launched: fc.constantFrom('none' as const, 'any' as const).map((endDate) => ({ launched: { endDate } })),
  firstLaunch: fc.constantFrom('product' as const, 'any-product' as const).map((of) => ({ firstLaunch: { of } })),
  activeAt: moment.map((each) => ({ activeAt: { moment: each } })),
  unbroken: moment.map((each) => ({ activeAt: { moment: each, pauses: 'none' as const } })),
} as const;
export const EVERY_KIND = Object.keys(OF_CAMPAIGNS) as (keyof typeof OF_CAMPAIGNS)[];

const OF_ADVERTISERS: readonly fc.Arbitrary<object>[] = [
  fc
    .record({ minor: fc.integer({ min: 1, max: 50_00 }), kinds: fc.constantFrom(undefined, ['clicks' as const]) })
    .map(({ minor, kinds }) => ({
      spend: { amount: { amount: (minor / 100).toFixed(2), currency: 'EUR' }, ...(kinds ? { spend: kinds } : {}) },
    })),
  fc.constantFrom({ attested: { action: 'course' } }, { attested: { action: 'exam', by: ['school'] } }),
];
const ONCE_ONLY = [
  fc.constantFrom<ConditionTerms[]>({ redeemed: { codes: ['ONE'] } }, { redeemed: { codes: ['ONE', 'TWO'] } }),
  fc.constant<ConditionTerms>({ activated: 'offer' }),
];

/** Trees of any shape. */
export function trees({
  windows,
  windowsOfWeeks = windows,
  ofCampaigns,
  onceInWindows,
}: Grammar): fc.Arbitrary<ConditionTerms> {
  const windowed = (atom: fc.Arbitrary<object>, within = windows) =>
    fc
      .tuple(atom, fc.option(within, { nil: undefined, freq: 1 }))
      .map(([each, window]) => (window ? { ...each, window } : each) as ConditionTerms);
  const several = (part: fc.Arbitrary<ConditionTerms>) => fc.array(part, { minLength: 1, maxLength: 3 });
  const groups = (part: fc.Arbitrary<ConditionTerms>): fc.Arbitrary<ConditionTerms>[] => [
    several(part).map((all) => ({ all })),
    several(part).map((any) => ({ any })),
  ];
  return fc.letrec<{ tree: ConditionTerms; inside: ConditionTerms }>((tie) => ({
    inside: fc.oneof(
      { depthSize: 'small', maxDepth: 2 },
      ...ofCampaigns.map((kind) => windowed(OF_CAMPAIGNS[kind], kind === 'weeklyChanges' ? windowsOfWeeks : windows)),
      ...groups(tie('inside')),
    ),
    tree: fc.oneof(
      { depthSize: 'small', maxDepth: 2 },
      tie('inside').map((inner) => ({ campaign: inner })),
      ...OF_ADVERTISERS.map((atom) => windowed(atom)),
      ...ONCE_ONLY.map((atom) => (onceInWindows ? windowed(atom) : atom)),
      ...groups(tie('tree')),
    ),
  })).tree;
}

/** All that can go well from a day on: as often as it can, in campaigns launched whenever they can be. */
export function hopedFacts(facts: SubjectFacts, from: number): readonly Fact[] {
  const days = Array.from({ length: LAST_DAY + 40 - from }, (_, n) => day(from + n));
  const started: Fact[] = facts.campaigns.map((owned) => ({
    of: 'activity',
    campaign: owned,
    at: days[0]!,
    active: true,
    plannedEnd: null,
  }));
  const launched = days.flatMap((when) =>
    (['SP', 'SB'] as const).map((of): Fact => {
      const owned = { campaignId: `new-${of}-${epochMs(when)}`, product: of };
      return { of: 'activity', campaign: owned, at: when, active: true, plannedEnd: null };
    }),
  );
  const changed = (owned: Owned): Fact[] =>
    days.map((when) => ({
      of: 'change',
      campaign: owned,
      at: when,
      change: { partnerId: 'partner-1', method: 'PUT', path: '/campaigns', changes: 9 },
    }));
  const always = days.flatMap((when): Fact[] => [
    ...(['SP', 'SB'] as const).map((of): Fact => ({
      of: 'spend',
      at: when,
      spend: { product: of, kind: 'impressions', own: 0n },
    })),
    ...(['SP', 'SB'] as const).map((of): Fact => ({
      of: 'spend',
      at: when,
      spend: { product: of, kind: 'clicks', own: 100_00n },
    })),
    { of: 'attestation', at: when, action: 'course', by: 'school' },
    { of: 'attestation', at: when, action: 'exam', by: 'school' },
  ]);
  const once: Fact[] = [
    { of: 'invitation', at: days[0]!, partnerId: 'partner-1' },
    { of: 'activation', at: days[0]! },
    { of: 'account', at: days[0]! },
    { of: 'code', at: days[0]!, code: 'ONE' },
    { of: 'code', at: days[0]!, code: 'TWO' },
  ];
  return [
    ...once,
    ...started,
    ...launched,
    ...always,
    ...[...facts.campaigns, ...launched.map(ownedBy)].flatMap(changed),
  ];
}

const ownedBy = (fact: Fact): Owned => (fact as Extract<Fact, { of: 'activity' }>).campaign;
