import { describe, expect, it } from '@jest/globals';
import { expiryOf } from '../../src/accounts/domain/expiry.js';
import { plusMs } from '../../src/kernel/instant.js';
import type { Stage } from '../../src/promotions/domain/rules.js';
import {
  applied,
  click,
  expired,
  EXPIRES_AT,
  given,
  givenOpened,
  opened,
  parts,
  revoked,
  spent,
  sweep,
  SWEEPABLE_AT,
} from './account-examples.js';
import { at, ROW_A } from './examples.js';

const endOf = (appliedAt: string, expiry: Stage['expiry'] = ROW_A.expiry) =>
  expiryOf(at(appliedAt), expiry, ROW_A.timeZone);

const CREDIT = applied('sp', '10.00');

describe('when a credit ends', () => {
  it.each([
    ['of the first run', '2022-10-04T07:00Z', '2022-11-03T07:00Z', '2022-11-06T07:00Z'],
    ['over the end of summer time', '2022-11-01T07:00Z', '2022-12-01T08:00Z', '2022-12-04T08:00Z'],
    ['whose grace crosses it: days of 24 hours', '2022-10-06T07:00Z', '2022-11-05T07:00Z', '2022-11-08T07:00Z'],
    ['in the hour that comes twice: the earlier', '2022-10-07T08:30Z', '2022-11-06T08:30Z', '2022-11-09T08:30Z'],
    ['in the hour that is skipped: its later side', '2023-02-10T10:30Z', '2023-03-12T10:30Z', '2023-03-15T10:30Z'],
  ])('%s', (_, appliedAt, expiresAt, sweepableAt) => {
    expect(endOf(appliedAt)).toEqual({ expiresAt: at(expiresAt), sweepableAt: at(sweepableAt) });
  });

  it.each<[string, Stage['expiry'], string]>([
    [
      'so long after, at the end of that local day',
      { after: 'P30D', endOfDay: true, settlementGrace: 'P0D' },
      '2022-11-04T07:00Z',
    ],
    ['at a fixed local time', { on: '2022-12-31T12:00', settlementGrace: 'P0D' }, '2022-12-31T20:00Z'],
  ])('%s', (_, expiry, expiresAt) => {
    expect(endOf('2022-10-04T12:34Z', expiry)).toEqual({ expiresAt: at(expiresAt), sweepableAt: at(expiresAt) });
  });

  it('is not after the year 9999, nor is its sweep', () => {
    expect(endOf('9999-11-20T12:00Z')).toBeDefined();
    expect(endOf('9999-11-30T12:00Z')).toBeUndefined();
    expect(endOf('9999-12-10T12:00Z')).toBeUndefined();
  });
});

describe('the sweep', () => {
  it('comes when the settlement grace is over, and not a millisecond before', () => {
    givenOpened(CREDIT)
      .when(sweep(plusMs(SWEEPABLE_AT, -1)))
      .thenNothing();
    givenOpened(CREDIT).when(sweep(SWEEPABLE_AT)).then(expired('sp', '10.00'));
  });

  it('takes what is left, be it nothing', () => {
    const half = spent({ cost: '5.50', on: '2022-10-10T00:00Z' }, parts('sp', '5.50'));
    const rest = spent({ id: 'k-2', cost: '4.50', on: '2022-10-11T00:00Z' }, parts('sp', '4.50'));
    givenOpened(CREDIT, half).when(sweep(SWEEPABLE_AT)).then(expired('sp', '4.50'));
    givenOpened(CREDIT, half, rest).when(sweep(SWEEPABLE_AT)).then(expired('sp', '0.00'));
  });

  it('takes no account of when it comes: a credit expired when it did', () => {
    givenOpened(CREDIT)
      .when(sweep('2023-06-01T00:00Z'))
      .then(expired('sp', '10.00', EXPIRES_AT));
  });

  it('takes every credit that is due, soonest expiry first, and no other', () => {
    const sooner = at('2022-11-01T00:00Z');
    givenOpened(
      applied('a', '1.00'),
      applied('z', '2.00', { expiresAt: sooner, sweepableAt: at('2022-11-04T00:00Z') }),
      applied('m', '3.00', { sweepableAt: plusMs(SWEEPABLE_AT, 1) }),
    )
      .when(sweep(SWEEPABLE_AT))
      .then(expired('z', '2.00', sooner), expired('a', '1.00'));
  });

  it('comes once: what is swept or revoked has ended', () => {
    givenOpened(CREDIT, expired('sp', '10.00')).when(sweep(SWEEPABLE_AT)).thenNothing();
    givenOpened(CREDIT, revoked('sp', '2022-12-01T00:00Z', '10.00'))
      .when(sweep(SWEEPABLE_AT))
      .thenNothing();
    given(opened()).when(sweep(SWEEPABLE_AT)).thenNothing();
  });

  it('by the grace of the terms the credit was granted under, which its event bears', () => {
    const patient = applied('sp', '10.00', { sweepableAt: at('2023-01-01T00:00Z') });
    givenOpened(patient).when(sweep(SWEEPABLE_AT)).thenNothing();
    const late = { cost: '1.00', on: '2022-11-02T00:00Z' };
    givenOpened(patient)
      .when(click(late))
      .then(spent(late, parts('sp', '1.00')));
  });
});
