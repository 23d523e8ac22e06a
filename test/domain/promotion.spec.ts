import { describe, expect, it } from '@jest/globals';
import type { DisbursementRunCompleted, PlannedRun, PromotionEvent } from '../../src/promotions/domain/events.js';
import {
  dueRun,
  openRuns,
  promotionDecider,
  revisionMeant,
  runsUpTo,
  type PromotionCommand,
  type PromotionState,
} from '../../src/promotions/domain/promotion.js';
import type { PromotionTerms, TermsV1, TermsV2 } from '../../src/promotions/domain/terms.js';
import { calendarOf } from '../../src/promotions/domain/calendar.js';
import { plusMs, type Instant } from '../../src/kernel/instant.js';
import { runsOf } from '../../src/promotions/domain/revisions.js';
import { specificationOf } from '../support/decider-specification.js';
import { at, CALENDAR_A, PROMOTION_ID, ROW_A } from './examples.js';

const promotionId = PROMOTION_ID;
const { given } = specificationOf(promotionDecider);

const published: PromotionEvent = {
  type: 'PromotionPublished',
  data: { promotionId, terms: ROW_A, calendar: CALENDAR_A },
};
const LONGER: TermsV1 = { ...ROW_A, disbursement: { ...ROW_A.disbursement, lastMonth: '2023-02' } };
const revision = (number: number, terms = LONGER, reason = 'one run more') => ({
  type: 'PromotionRevised' as const,
  data: { promotionId, revision: number, terms, reason },
});
const revised = (number: number, terms = LONGER, reason = 'one run more'): PromotionEvent => {
  const { type, data } = revision(number, terms, reason);
  return { type, data: { ...data, calendar: calendarOf(terms) } };
};
const terminated = {
  type: 'PromotionTerminated' as const,
  data: { promotionId, reason: 'over', occurredAt: at('2022-10-01T00:00Z') },
};

const RUNS = CALENDAR_A.runs;
const start = (date: string, now: Instant): PromotionCommand => ({
  type: 'StartRun',
  data: { promotionId, date },
  now,
  head: '41',
});
const started = (index: number): PromotionEvent => ({
  type: 'DisbursementRunStarted',
  data: { promotionId, ...RUNS[index]!, knownAt: '41', revision: 1 },
});
const completed = (index: number): DisbursementRunCompleted => ({
  type: 'DisbursementRunCompleted',
  data: { promotionId, ...RUNS[index]!, applied: 1, deferred: 0, credits: ['credit'], deferrals: [] },
});

const doneWith =
  (number: number) =>
  (run: PlannedRun): PromotionEvent[] => [
    { type: 'DisbursementRunStarted', data: { promotionId, ...run, knownAt: '41', revision: number } },
    {
      type: 'DisbursementRunCompleted',
      data: { promotionId, ...run, applied: 0, deferred: 0, credits: [], deferrals: [] },
    },
  ];

const DAILY_RUNS = { schedule: 'daily', within: 'P14D', until: '2022-11-05' } as const;
/** Row A's award, on any day. */
const DAILY: TermsV2 = {
  version: 2,
  name: 'Daily',
  timeZone: ROW_A.timeZone,
  period: ROW_A.period,
  marketplaces: ROW_A.marketplaces,
  products: ROW_A.products,
  stages: [
    {
      id: 'activated',
      qualifying: { activated: 'offer' },
      award: { amount: ROW_A.award.amount },
      disbursement: DAILY_RUNS,
      expiry: { after: 'P30D' },
    },
  ],
};

describe('a promotion', () => {
  it('is published with its calendar', () => {
    given()
      .when({ type: 'PromotionPublished', data: { promotionId, terms: ROW_A } })
      .then(published);
  });

  it('is revised by the next number, with its calendar computed anew', () => {
    given(published).when(revision(2)).then(revised(2));
    given(published, revised(2))
      .when(revision(3, ROW_A, 'as it was'))
      .then(revised(3, ROW_A, 'as it was'));
    for (const wrong of [1, 3, 4]) given(published).when(revision(wrong)).thenRefused('invalid-command');
  });

  it('keeps the currency of its award in a revision', () => {
    const inEuros = (amount: string) => ({ amount, currency: 'EUR' });
    const terms = {
      ...ROW_A,
      award: { ...ROW_A.award, amount: inEuros('200.00'), capPerMarketplace: inEuros('600.00') },
    };
    given(published).when(revision(2, terms)).thenRefused('invalid-command');
  });

  it('is terminated as it is said', () => {
    given(published).when(terminated).then(terminated);
  });

  it.each<[string, PromotionCommand]>([
    ['revised', revision(2)],
    ['terminated', terminated],
    ['disbursed', start('2022-10-04', at('2022-10-04T07:00Z'))],
  ])('is not %s before it is published', (_, command) => {
    given().when(command).thenRefused('unknown-promotion');
  });

  it('knows its facts by their keys', () => {
    expect(
      [published, revised(2), terminated, started(0), completed(0)].map((event) => promotionDecider.idOf(event)),
    ).toEqual([
      `PromotionPublished:${promotionId}`,
      'PromotionRevised:2',
      `PromotionTerminated:${promotionId}`,
      'DisbursementRunStarted:2022-10-04',
      'DisbursementRunCompleted:2022-10-04',
    ]);
  });
});

describe('the revision an unnumbered command means', () => {
  const after = (...events: PromotionEvent[]): PromotionState =>
    events.reduce((state, event) => promotionDecider.evolve(state, event), promotionDecider.initial);
  const state = after(published, revised(2), revised(3, ROW_A, 'as it was'));

  it('is the one that says the same for the same reason', () => {
    expect(revisionMeant(state, { terms: LONGER, reason: 'one run more' })).toBe(2);
    expect(revisionMeant(state, { terms: ROW_A, reason: 'as it was' })).toBe(3);
  });

  it('is else the next', () => {
    expect(revisionMeant(state, { terms: LONGER, reason: 'again' })).toBe(4);
    expect(revisionMeant(after(published), { terms: ROW_A, reason: 'again' })).toBe(2);
    expect(revisionMeant(after(), { terms: ROW_A, reason: 'again' })).toBe(2);
  });
});

describe('the calendar of row A', () => {
  it('has its period, its dormancy and its runs', () => {
    expect(CALENDAR_A).toMatchObject({
      start: at('2022-08-22T07:00Z'),
      end: at('2022-12-31T20:00Z'),
      dormantFrom: at('2022-05-22T07:00Z'),
      runs: [
        { date: '2022-10-04', runAt: at('2022-10-04T07:00Z') },
        { date: '2022-11-01', runAt: at('2022-11-01T07:00Z') },
        { date: '2022-12-06', runAt: at('2022-12-06T08:00Z') },
        { date: '2023-01-03', runAt: at('2023-01-03T08:00Z') },
      ],
    });
  });

  it('has 19 weeks without a gap, of which the 11th has an hour more and the last is cut short', () => {
    const { weeks } = CALENDAR_A;
    expect(weeks).toHaveLength(19);
    expect(weeks[0]).toEqual({ week: 1, start: at('2022-08-22T07:00Z'), end: at('2022-08-29T07:00Z') });
    expect(weeks[10]).toEqual({ week: 11, start: at('2022-10-31T07:00Z'), end: at('2022-11-07T08:00Z') });
    expect(weeks[18]).toEqual({ week: 19, start: at('2022-12-26T08:00Z'), end: at('2022-12-31T20:00Z') });
    weeks.forEach(({ week, start: from }, index) => {
      expect(week).toBe(index + 1);
      if (index > 0) expect(from).toBe(weeks[index - 1]!.end);
    });
  });

  it('is another in another zone, and has no dormancy where the terms ask for none', () => {
    const tokyo = calendarOf({ ...ROW_A, timeZone: 'Asia/Tokyo', eligibility: {} });
    expect([tokyo.start, tokyo.dormantFrom, tokyo.runs[0]!.runAt]).toEqual([
      at('2022-08-21T15:00Z'),
      null,
      at('2022-10-03T15:00Z'),
    ]);
  });

  it('ends with a whole week when the period does', () => {
    const { weeks } = calendarOf({ ...ROW_A, period: { start: '2022-08-22T00:00:00', end: '2022-09-05T00:00:00' } });
    expect(weeks.map(({ end }) => end)).toEqual([at('2022-08-29T07:00Z'), at('2022-09-05T07:00Z')]);
  });
});

describe('a run', () => {
  const [first, second] = [RUNS[0]!, RUNS[1]!];

  it('starts when it is due, and not a millisecond before', () => {
    given(published).when(start(first.date, first.runAt)).then(started(0));
    given(published)
      .when(start(first.date, plusMs(first.runAt, -1)))
      .thenRefused('run-not-due');
  });

  it('is of a date of the calendar', () => {
    for (const date of ['2022-10-05', '2022-09-06', '', 'constructor']) {
      given(published)
        .when(start(date, at('2023-02-01T00:00Z')))
        .thenRefused('unknown-run');
    }
  });

  it('comes after every earlier one is completed', () => {
    given(published).when(start(second.date, second.runAt)).thenRefused('run-out-of-order');
    given(published, started(0)).when(start(second.date, second.runAt)).thenRefused('run-out-of-order');
    given(published, started(0), completed(0)).when(start(second.date, second.runAt)).then(started(1));
  });

  it('that was begun and not completed goes on: the same fact, under the same key', () => {
    given(published, started(0)).when(start(first.date, first.runAt)).then(started(0));
  });

  it('that is neither due nor in order is not due', () => {
    given(published)
      .when(start(second.date, plusMs(second.runAt, -1)))
      .thenRefused('run-not-due');
  });

  it('starts though the promotion is terminated: who had qualified is still given a credit', () => {
    given(published, terminated).when(start(first.date, first.runAt)).then(started(0));
  });

  it('is of the calendar as revised', () => {
    const done = [published, ...RUNS.map((_, index) => completed(index))];
    const february = { date: '2023-02-07', runAt: at('2023-02-07T08:00Z') };
    given(...done)
      .when(start(february.date, february.runAt))
      .thenRefused('unknown-run');
    given(...done, revised(2))
      .when(start(february.date, february.runAt))
      .then({ type: 'DisbursementRunStarted', data: { promotionId, ...february, knownAt: '41', revision: 2 } });
  });

  it('is completed with its result, which the promotion remembers', () => {
    const { data } = completed(0);
    given(published, started(0)).when({ type: 'CompleteRun', data }).then(completed(0));
    const states = [published, started(0), completed(0)].reduce<PromotionState[]>(
      (all, event) => [...all, promotionDecider.evolve(all.at(-1) ?? promotionDecider.initial, event)],
      [],
    );
    expect(states.map(({ runs }) => runs.get(first.date)?.result)).toEqual([undefined, null, data]);
  });
});

describe('a revision with an effective time', () => {
  const shorter: TermsV1 = { ...ROW_A, disbursement: { ...ROW_A.disbursement, time: '12:00', lastMonth: '2022-12' } };
  const effectiveAt = at('2022-11-15T00:00Z');
  const { type, data } = revision(2, shorter, 'noon');
  const fromNovember = { type, data: { ...data, effectiveAt } };
  const calendar = calendarOf(shorter);
  const noon = calendar.runs[2]!;

  it('is recorded as it is said', () => {
    given(published)
      .when(fromNovember)
      .then({ type, data: { ...data, effectiveAt, calendar } });
  });

  const events: PromotionEvent[] = [published, { type, data: { ...data, effectiveAt, calendar } }];

  it('leaves the runs before it to the former terms', () => {
    given(...events)
      .when(start(RUNS[0]!.date, RUNS[0]!.runAt))
      .then(started(0));
    const december = given(...events, started(0), completed(0), started(1), completed(1));
    december.when(start(noon.date, RUNS[2]!.runAt)).thenRefused('run-not-due');
    december
      .when(start(noon.date, noon.runAt))
      .then({ type: 'DisbursementRunStarted', data: { promotionId, ...noon, knownAt: '41', revision: 2 } });
    december.when(start(RUNS[3]!.date, RUNS[3]!.runAt)).thenRefused('unknown-run');
  });

  it('has one run a date, though it comes into force between two times of it', () => {
    const onTheDay = { revision: 2, terms: shorter, calendar, effectiveAt: at('2022-11-01T10:00Z') };
    const before = { revision: 1, terms: ROW_A, calendar: CALENDAR_A, effectiveAt: null };
    expect(runsOf([before, onTheDay], []).map(({ run }) => run)).toEqual([RUNS[0], RUNS[1], noon]);
    expect(runsOf([before], []).map(({ run }) => run)).toEqual(RUNS);
  });

  it('decides a run under what was in force when the run began, whatever is revised before it goes on', () => {
    const late = {
      ...revised(2),
      data: { ...revised(2).data, effectiveAt: at('2022-01-01T00:00Z') },
    } as PromotionEvent;
    const state = [published, started(0), late, completed(0)].reduce(
      (before, event) => promotionDecider.evolve(before, event),
      promotionDecider.initial,
    );
    expect(state.runs.get(RUNS[0]!.date)?.revision.revision).toBe(1);
  });

  const later = (number: number, terms: PromotionTerms, from?: Instant): PromotionEvent => {
    const { type: kind, data: said } = revision(number, ROW_A, 'other dates');
    return { type: kind, data: { ...said, terms, calendar: calendarOf(terms), ...(from && { effectiveAt: from }) } };
  };
  const stateAfter = (...all: readonly PromotionEvent[]) =>
    all.reduce((before, event) => promotionDecider.evolve(before, event), promotionDecider.initial);
  const datesOf = (state: PromotionState) => openRuns(state, at('2024-01-01T00:00Z')).map(({ date }) => date);

  it('takes no run away that was begun: it is the first to go on', () => {
    const oneRun: TermsV1 = {
      ...ROW_A,
      disbursement: { ...ROW_A.disbursement, firstMonth: '2022-12', lastMonth: '2022-12' },
    };
    const state = stateAfter(published, started(0), later(2, oneRun));
    expect(openRuns(state, RUNS[2]!.runAt)).toEqual([RUNS[0], RUNS[2]]);
    expect(dueRun(state, RUNS[0]!.date, RUNS[0]!.runAt)).toEqual(RUNS[0]);
    expect(runsUpTo(state, RUNS[0]!.date)).toEqual([RUNS[0]]);
    given(published, started(0), later(2, oneRun))
      .when(start(RUNS[2]!.date, RUNS[2]!.runAt))
      .thenRefused('run-out-of-order');
  });

  it.each([
    ['at once', undefined],
    ['from before its runs on', at('2022-08-22T07:00Z')],
  ])('opens no date before the last run that was begun: %s', (_, from) => {
    const state = stateAfter(published, started(0), completed(0), later(2, DAILY, from));
    expect(datesOf(state)[0]).toBe('2022-10-05');
    expect(openRuns(state, at('2022-10-07T12:00Z')).map(({ date }) => date)).toEqual([
      '2022-10-05',
      '2022-10-06',
      '2022-10-07',
    ]);
  });

  it.each(['06:00', '18:00'])('loses no date and lists none twice when it moves the time of day to %s', (time) => {
    const dailyAt = (hour: string): TermsV2 => ({
      ...DAILY,
      stages: [{ ...DAILY.stages[0]!, disbursement: { ...DAILY_RUNS, time: hour } }],
    });
    const former = time === '06:00' ? '18:00' : '06:00';
    const noon = at('2022-09-10T19:00Z');
    const first: PromotionEvent = {
      type: 'PromotionPublished',
      data: { promotionId, terms: dailyAt(former), calendar: calendarOf(dailyAt(former)) },
    };
    const state = stateAfter(first, later(2, dailyAt(time), noon));
    const dates = datesOf(state);
    expect(dates).toEqual(calendarOf(DAILY).runs.map(({ date }) => date));
    const runs = openRuns(state, at('2024-01-01T00:00Z')).filter(({ date }) => date >= '2022-09-09');
    const runAt = (hour: string, date: string) =>
      calendarOf(dailyAt(hour)).runs.find((run) => run.date === date)?.runAt;
    // The day of the change belongs to the former terms, whose side its earliest time is on.
    expect(runs.slice(0, 3).map((run) => run.runAt)).toEqual([
      runAt(former, '2022-09-09'),
      runAt(former, '2022-09-10'),
      runAt(time, '2022-09-11'),
    ]);
    // And is decided under them, though they are no longer in force at its time.
    const onTheDay = runs[1]!;
    const before = runs[0]!;
    const began = calendarOf(dailyAt(former)).runs.filter(({ runAt }) => runAt <= before.runAt);
    given(first, later(2, dailyAt(time), noon), ...began.flatMap(doneWith(1)))
      .when(start(onTheDay.date, onTheDay.runAt))
      .then({ type: 'DisbursementRunStarted', data: { promotionId, ...onTheDay, knownAt: '41', revision: 1 } });
  });

  it('is another one than the same without', () => {
    const state = events.reduce((before, event) => promotionDecider.evolve(before, event), promotionDecider.initial);
    expect(revisionMeant(state, { terms: shorter, reason: 'noon', effectiveAt })).toBe(2);
    expect(revisionMeant(state, { terms: shorter, reason: 'noon' })).toBe(3);
  });
});
