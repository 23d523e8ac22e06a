import { describe, expect, it } from '@jest/globals';
import type { PeriodClosed } from '../../src/audit/domain/events.js';
import { monthOf, periodAt, periodsDecider, type ClosePeriod } from '../../src/audit/domain/periods.js';
import type { Instant } from '../../src/kernel/instant.js';
import { specificationOf } from '../support/decider-specification.js';

const { given } = specificationOf(periodsDecider);

const BOOKS: ClosePeriod['books'] = {
  position: '57',
  trialBalance: [{ account: 'income:clicks:SP', balance: { amount: '-4.83', currency: 'EUR' } }],
  fullTrialBalanceSha256: 'a'.repeat(64),
  fullTrialBalanceLines: 1,
  lastEvent: { stream: 'account-acme.DE', id: 'ClickSpent:click-1' },
  lapsed: [],
};
const OPENING = [{ account: 'income:clicks:SP', balance: { amount: '-1.00', currency: 'EUR' } }];
const close = (period: string, more: Partial<ClosePeriod> = {}): ClosePeriod => ({
  type: 'ClosePeriod',
  data: { period },
  now: '2023-06-15T00:00:00.000Z' as Instant,
  first: '2022-10',
  open: [],
  books: BOOKS,
  ...more,
});
const closed = (period: string): PeriodClosed => ({ type: 'PeriodClosed', data: { ...monthOf(period)!, ...BOOKS } });
const OPEN = [{ path: '/2022-10', message: 'the run of 2022-10-04 is not completed' }];

describe('closing a period', () => {
  it('records the month with its instants, and the books', () => {
    given()
      .when(close('2022-10'))
      .then({
        type: 'PeriodClosed',
        data: {
          period: '2022-10',
          from: '2022-10-01T00:00:00.000Z' as Instant,
          to: '2022-11-01T00:00:00.000Z' as Instant,
          asOf: '2022-10-31T23:59:59.999Z' as Instant,
          ...BOOKS,
        },
      });
  });

  it('begins with any month in or after that of the earliest fact, and goes on with the month after the last', () => {
    given().when(close('2022-09')).thenRefused('period-out-of-order');
    given().when(close('2022-10')).then(closed('2022-10'));
    given().when(close('2022-12')).then(closed('2022-12'));
    // A mistyped year of one fact keeps nobody from closing.
    given()
      .when(close('2022-12', { first: '0022-10' }))
      .then(closed('2022-12'));
    given(closed('2022-12')).when(close('2022-11')).thenRefused('period-out-of-order');
    given(closed('2022-10')).when(close('2022-11')).then(closed('2022-11'));
    given(closed('2022-10')).when(close('2022-12')).thenRefused('period-out-of-order');
    given(closed('2022-10'), closed('2022-11'), closed('2022-12')).when(close('2023-01')).then(closed('2023-01'));
  });

  it('tells with the first month what the books held when it began, and with no other', () => {
    const books = { ...BOOKS, opening: OPENING };
    const { type, data } = closed('2022-10');
    given()
      .when(close('2022-10', { books }))
      .then({ type, data: { ...data, opening: OPENING } });
    // As when two close at once, and either takes its month for the first.
    given(closed('2022-10')).when(close('2022-11', { books })).then(closed('2022-11'));
  });

  it('goes on from the last month also when an earlier fact became known since', () => {
    given(closed('2022-10'))
      .when(close('2022-11', { first: '2022-03' }))
      .then(closed('2022-11'));
    given(closed('2022-10'))
      .when(close('2022-03', { first: '2022-03' }))
      .thenRefused('period-out-of-order');
  });

  it('finds nothing to close where no account is', () => {
    given()
      .when(close('2022-10', { first: null }))
      .thenRefused('period-out-of-order');
  });

  it('is for months that are over, to the millisecond', () => {
    const last = '2022-10-31T23:59:59.999Z' as Instant;
    const first = '2022-11-01T00:00:00.000Z' as Instant;
    given()
      .when(close('2022-10', { now: last }))
      .thenRefused('period-not-over');
    given()
      .when(close('2022-10', { now: first }))
      .then(closed('2022-10'));
  });

  it('waits for runs and sweeps', () => {
    given()
      .when(close('2022-10', { open: OPEN }))
      .thenRefused('period-runs-open');
    expect(given().when(close('2022-10', { open: OPEN })).decision).toMatchObject({ errors: OPEN });
  });

  it('names of several faults the first: no month, not over, out of order, runs open', () => {
    const all = { now: '2022-10-15T00:00:00.000Z' as Instant, first: '2022-08', open: OPEN };
    given().when(close('2022-13', all)).thenRefused('invalid-command');
    given().when(close('2022-10', all)).thenRefused('period-not-over');
    given().when(close('2022-07', all)).thenRefused('period-out-of-order');
    given().when(close('2022-08', all)).thenRefused('period-runs-open');
  });

  it('is one fact a month', () => {
    expect(periodsDecider.idOf(closed('2022-10'))).toBe('PeriodClosed:2022-10');
  });
});

describe('a month', () => {
  it.each([
    ['2022-12', '2023-01-01T00:00:00.000Z', '2022-12-31T23:59:59.999Z'],
    ['2024-02', '2024-03-01T00:00:00.000Z', '2024-02-29T23:59:59.999Z'],
    ['0000-01', '0000-02-01T00:00:00.000Z', '0000-01-31T23:59:59.999Z'],
    ['9999-11', '9999-12-01T00:00:00.000Z', '9999-11-30T23:59:59.999Z'],
  ])('%s ends before %s', (period, to, asOf) => {
    expect(monthOf(period)).toEqual({ period, from: `${period}-01T00:00:00.000Z`, to, asOf });
    expect(periodAt(asOf as Instant)).toBe(period);
  });

  it.each(['2022-1', '2022-00', '2022-13', '2022-10-01', '22-10', '9999-12', '', ' 2022-10', '２０２２-10'])(
    'is not %j',
    (text) => expect(monthOf(text)).toBeUndefined(),
  );
});
