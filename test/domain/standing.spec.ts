import { describe, expect, it } from '@jest/globals';
import type { Instant } from '../../src/kernel/instant.js';
import type { DisbursementRunCompleted } from '../../src/promotions/domain/events.js';
import {
  marketplacesAsOne,
  qualificationsOf,
  type Asked,
  type HeldCredit,
  type Qualification,
} from '../../src/promotions/domain/qualification.js';
import type { ConditionTerms, TermsV2 } from '../../src/promotions/domain/terms.js';
import { NO_RATES } from './qualifying-examples.js';
import { CALENDAR, day, knownOf, NOBODY, rulesFor, type Fact } from './subject-worlds.js';

/** How an advertiser stands by terms of version 2. */
const OFFER: ConditionTerms = { id: 'activated', activated: 'offer' };
const EXAM: ConditionTerms = { attested: { action: 'exam' }, window: { from: { met: 'activated' }, for: 'P5D' } };
const ACTIVATED: Fact = { of: 'activation', at: day(2) };
const INVITED: Fact = { of: 'invitation', at: day(1), partnerId: 'partner-1' };
const RUNS = [3, 9, 20].map((n) => ({ date: day(n).slice(0, 10), runAt: day(n) }));

interface Case extends Partial<Omit<Asked, 'rules' | 'facts' | 'asOf'>> {
  readonly trees?: readonly ConditionTerms[];
  readonly terms?: Partial<TermsV2>;
  readonly known?: readonly Fact[];
  readonly facts?: Partial<Asked['facts']>;
  readonly on?: number;
}

const of = ({ trees = [OFFER], terms, known = [ACTIVATED], facts, on = 10, ...asked }: Case) =>
  qualificationsOf({
    rules: rulesFor(trees, { awardFor: 'all-products', ...terms }),
    calendar: CALENDAR,
    facts: { ...knownOf(known), ...facts },
    terminatedAt: null,
    excludedSince: null,
    convertAt: NO_RATES,
    credits: [],
    runs: RUNS,
    completed: [],
    asOf: day(on),
    ...asked,
  });

const held = (credit: Partial<HeldCredit>): HeldCredit => ({
  creditId: 'credit-1',
  product: 'ALL',
  stage: 'stage-1',
  status: 'applied',
  qualifiedAt: day(2),
  campaignId: null,
  ...credit,
});

const ran = (n: number, done: Partial<DisbursementRunCompleted['data']>): DisbursementRunCompleted['data'] => ({
  promotionId: 'p',
  ...RUNS[n]!,
  applied: 0,
  deferred: 0,
  credits: [],
  deferrals: [],
  ...done,
});

describe('an answer', () => {
  it('has an item for each product, or one for all of them, and each stage', () => {
    const names = (items: ReturnType<typeof of>) => items.map(({ product, stage }) => `${product} ${stage}`);
    expect(names(of({ trees: [OFFER, EXAM] }))).toEqual(['ALL stage-1', 'ALL stage-2']);
    expect(names(of({ terms: { awardFor: 'product' } }))).toEqual(['SP stage-1', 'SB stage-1']);
  });

  it('tells the tree of conditions, and the award', () => {
    const [first, second] = of({ trees: [OFFER, EXAM], on: 4 });
    expect(first).toMatchObject({
      status: 'qualified',
      qualifiedAt: day(2),
      award: { amount: '50.00', currency: 'EUR' },
      earliestRun: RUNS[0]!.date,
    });
    expect(second).toMatchObject({ status: 'in-progress', qualifiedAt: null, earliestRun: RUNS[1]!.date });
    expect(second!.conditions).toEqual({
      kind: 'attested',
      id: null,
      says: '"exam" attested, within 5 days from "activated"',
      metAt: null,
      missing: { attestation: 'exam' },
      needs: '"exam" attested by 2022-09-12T00:00:00Z',
      until: day(7),
      couldBeMetAt: day(4),
      campaignId: null,
      parts: [],
    });
  });

  it('shows weeks without changes where changes are not asked for', () => {
    const [item] = of({});
    expect(item!.weeks).toEqual(CALENDAR.weeks.map((week) => ({ ...week, changes: 0 })));
    expect(item).toMatchObject({ activeSeconds: 0, missing: { weeks: 0, changes: 0, activeSeconds: 0 } });
  });

  it('is missed when the deadline is past, which may be before the end of the period', () => {
    const statuses = (on: number) => of({ trees: [OFFER, EXAM], on }).map(({ status }) => status);
    expect(statuses(6)).toEqual(['qualified', 'in-progress']);
    expect(statuses(7)).toEqual(['qualified', 'missed']);
    expect(of({ known: [], on: 27 })[0]!.status).toBe('in-progress');
    expect(of({ known: [], on: 28 })[0]!.status).toBe('missed');
  });

  it('names a run that disburses the stage', () => {
    const runs = RUNS.map((run, n) => ({ ...run, stages: n === 1 ? ['stage-2'] : ['stage-1'] }));
    expect(of({ trees: [OFFER, EXAM], on: 4, runs }).map(({ earliestRun }) => earliestRun)).toEqual([
      RUNS[0]!.date,
      RUNS[1]!.date,
    ]);
  });
});

describe('a credit', () => {
  it('takes the place of its stage, and one without a stage that of all', () => {
    const statuses = (credit: Partial<HeldCredit>) =>
      of({ trees: [OFFER, EXAM], on: 4, credits: [held(credit)] }).map(({ status }) => status);
    expect(statuses({ stage: 'stage-2' })).toEqual(['qualified', 'applied']);
    expect(statuses({ stage: null, status: 'revoked' })).toEqual(['revoked', 'revoked']);
    expect(statuses({ product: 'SP' })).toEqual(['qualified', 'in-progress']);
  });

  it('of another marketplace does, where the terms count them as one', () => {
    const rules = rulesFor([OFFER], { marketplaces: ['DE', 'FR', 'US'], regions: { EU: ['DE', 'FR'] } });
    expect(marketplacesAsOne({ ...rules, oncePer: 'marketplace' }, 'DE')).toEqual(['DE']);
    expect(marketplacesAsOne({ ...rules, oncePer: 'region' }, 'FR')).toEqual(['DE', 'FR']);
    expect(marketplacesAsOne({ ...rules, oncePer: 'region' }, 'US')).toEqual(['US']);
    expect(marketplacesAsOne({ ...rules, oncePer: 'advertiser' }, 'US')).toEqual(['DE', 'FR', 'US']);
    expect(marketplacesAsOne({ ...rules, oncePer: 'advertiser' }, 'JP')).toEqual(['JP']);
  });
});

describe('whoever will never be given it is ineligible', () => {
  const whom = { advertiserId: NOBODY.advertiserId, marketplace: NOBODY.marketplace, product: 'ALL', stage: 'stage-1' };
  const newTo = (what: 'campaign' | 'spend' | 'account', before: TermsV2['eligibility'] & object) => ({
    eligibility: { newTo: { what: [what], before: { at: 'period-start' as const } }, ...before },
  });
  const first = (what: string, at: Instant) => ({ first: { ...NOBODY.first, [what]: at } });
  const invited: Partial<Asked['facts']> = { enrollment: knownOf([INVITED, ACTIVATED]).enrollment };
  const listing = (partner: string) => ({
    eligibility: { invitation: 'required' as const, partners: [partner] },
  });
  const inviting = { eligibility: { invitation: 'required' as const } };
  const withdrawn = (at: Instant): Partial<Asked['facts']> => ({
    enrollment: { ...knownOf([INVITED, ACTIVATED]).enrollment, withdrawnAt: at },
  });

  it.each<[string, readonly string[], Case]>([
    [
      'for all reasons, in this order',
      ['prior-api-use', 'not-new', 'not-combinable', 'not-invited', 'promotion-terminated', 'budget-exhausted'],
      {
        terms: newTo('spend', inviting.eligibility),
        facts: { priorApiUse: true, ...first('spend', day(-1)) },
        excludedSince: day(9),
        terminatedAt: day(1),
        completed: [ran(0, { leftOut: [{ ...whom, reasons: ['budget-exhausted'] }] })],
      },
    ],
    ['as a campaign was before', ['not-new'], { terms: newTo('campaign', {}), facts: first('campaign', day(-1)) }],
    ['as an account was before', ['not-new'], { terms: newTo('account', {}), facts: first('account', day(-1)) }],
    ['not for a campaign at the moment itself', [], { terms: newTo('campaign', {}), facts: first('campaign', day(0)) }],
    ['not for what does not matter', [], { terms: newTo('campaign', {}), facts: first('spend', day(-1)) }],
    [
      'as all that was is before what is still to come',
      ['not-new'],
      {
        terms: { eligibility: { newTo: { what: ['campaign'], before: { at: 'first-impression' } } } },
        facts: first('campaign', day(5)),
      },
    ],
    ['as another promotion excludes it', ['not-combinable'], { excludedSince: day(10) }],
    ['not before it does', [], { excludedSince: day(11) }],
    ['as the invitation was withdrawn', ['invitation-withdrawn'], { terms: inviting, facts: withdrawn(day(1)) }],
    ['as the partner who invited is not listed', ['not-invited'], { terms: listing('partner-2'), facts: invited }],
    ['not when the partner is', [], { terms: listing('partner-1'), facts: invited }],
    [
      'as all that was is before an invitation that does not count',
      ['not-new'],
      {
        terms: {
          eligibility: {
            partners: ['partner-2'],
            newTo: { what: ['campaign'], before: { at: 'invitation' } },
          },
        },
        facts: { ...invited, ...first('campaign', day(5)) },
      },
    ],
    ['not when it was withdrawn after', [], { terms: inviting, facts: withdrawn(day(3)) }],
    ['not when no invitation is asked for', [], { facts: withdrawn(day(1)) }],
    [
      'as nothing is left',
      ['redemptions-exhausted'],
      { completed: [ran(0, { leftOut: [{ ...whom, reasons: ['redemptions-exhausted'] }] }), ran(1, {})] },
    ],
    [
      'not as nothing is left of another stage',
      [],
      { completed: [ran(0, { leftOut: [{ ...whom, stage: 'stage-2', reasons: ['redemptions-exhausted'] }] })] },
    ],
  ])('%s', (_, reasons, told) => {
    expect(of(told)[0]).toMatchObject({ status: reasons.length > 0 ? 'ineligible' : 'qualified', reasons });
  });
});

describe('what the runs have made of it', () => {
  const whom = { advertiserId: NOBODY.advertiserId, marketplace: NOBODY.marketplace, product: 'ALL', stage: 'stage-1' };
  const putOff = { deferrals: [{ ...whom, reasons: ['cap-exceeded' as const] }] };
  const leftOut = { leftOut: [{ ...whom, reasons: ['budget-exhausted' as const] }] };
  const [first, second, third] = [ran(0, putOff), ran(1, {}), ran(2, {})];

  it.each<[string, Qualification['status'], Case]>([
    ['put off by the last', 'deferred', { completed: [first] }],
    ['and no more by the next', 'qualified', { completed: [first, second] }],
    [
      'put off, and the next was not for this stage',
      'deferred',
      {
        runs: RUNS.map((run, index) => (index === 1 ? { ...run, stages: ['stage-2'] } : run)),
        completed: [first, second],
      },
    ],
    ['left out', 'ineligible', { completed: [ran(0, leftOut), second] }],
    ['left out, and put off when there was more to give', 'deferred', { completed: [ran(0, leftOut), ran(1, putOff)] }],
    ['put off, and then left out', 'ineligible', { completed: [first, ran(1, leftOut)] }],
    ['known too late for the last run', 'missed', { completed: [ran(0, {}), second, third], on: 25 }],
    ['put off by the last run that there is', 'deferred', { completed: [first, second, ran(2, putOff)], on: 25 }],
    ['waiting for a run that is due', 'qualified', { completed: [ran(0, {}), second], on: 25 }],
  ])('%s: %s', (_, status, told) => {
    expect(of(told)[0]?.status).toBe(status);
  });
});
