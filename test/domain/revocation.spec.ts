import { describe, it } from '@jest/globals';
import {
  applied,
  APPLIED_AT,
  expired,
  EXPIRES_AT,
  givenOpened,
  parts,
  revocation,
  revoked,
  reversed,
  spent,
  sweep,
} from './account-examples.js';
import { at } from './examples.js';
import { plusMs } from '../../src/kernel/instant.js';

const CREDIT = applied('sp', '10.00');
const CLICK_ON = '2022-10-10T08:00Z';
const CLICK = spent({ cost: '6.00', on: CLICK_ON }, parts('sp', '6.00'));
const ON = '2022-10-20T00:00Z';

describe('a revocation', () => {
  it('takes what is left and leaves the clicks paid', () => {
    givenOpened(CREDIT, CLICK)
      .when(revocation('sp', ON))
      .then(revoked('sp', ON, '4.00'));
  });

  it('with clawback also bills what the clicks drew', () => {
    givenOpened(CREDIT, CLICK)
      .when(revocation('sp', ON, true))
      .then(revoked('sp', ON, '4.00', '6.00'));
    givenOpened(CREDIT)
      .when(revocation('sp', ON, true))
      .then(revoked('sp', ON, '10.00', '0.00'));
  });

  it('does not claw back what was reversed, given back or forfeited', () => {
    const other = spent({ id: 'k-2', cost: '1.50', on: CLICK_ON }, parts('sp', '1.50'));
    givenOpened(CREDIT, CLICK, other, reversed('k-1', ON, { restored: parts('sp', '6.00') }))
      .when(revocation('sp', ON, true))
      .then(revoked('sp', ON, '8.50', '1.50'));
    const late = '2022-11-04T00:00Z';
    givenOpened(CREDIT, CLICK, other, reversed('k-1', late, { forfeited: parts('sp', '6.00') }))
      .when(revocation('sp', late, true))
      .then(revoked('sp', late, '2.50', '1.50'));
  });

  it('touches one credit only', () => {
    const both = [CREDIT, applied('sb', '20.00'), spent({ cost: '3.00', on: CLICK_ON }, parts('sb', '3.00'))] as const;
    givenOpened(...both)
      .when(revocation('sb', ON, true))
      .then(revoked('sb', ON, '17.00', '3.00'));
    givenOpened(...both)
      .when(revocation('sp', ON, true))
      .then(revoked('sp', ON, '10.00', '0.00'));
  });

  it('ends the credit: no sweep comes after it', () => {
    givenOpened(CREDIT, revoked('sp', ON, '10.00'))
      .when(sweep('2023-01-01T00:00Z'))
      .thenNothing();
  });

  it('may be of the instant the credit was applied, and not before', () => {
    givenOpened(CREDIT)
      .when(revocation('sp', APPLIED_AT))
      .then(revoked('sp', APPLIED_AT, '10.00'));
    givenOpened(CREDIT)
      .when(revocation('sp', plusMs(APPLIED_AT, -1)))
      .thenRefused('invalid-command');
  });

  it('may be of the instant of the last draw, and not before', () => {
    givenOpened(CREDIT, CLICK)
      .when(revocation('sp', CLICK_ON))
      .then(revoked('sp', CLICK_ON, '4.00'));
    givenOpened(CREDIT, CLICK)
      .when(revocation('sp', plusMs(at(CLICK_ON), -1)))
      .thenRefused('revocation-too-early');
  });

  it('may not be before the latest draw, whichever was recorded last', () => {
    const earlier = spent({ id: 'k-0', cost: '1.00', on: '2022-10-05T00:00Z' }, parts('sp', '1.00'));
    givenOpened(CREDIT, CLICK, earlier).when(revocation('sp', '2022-10-06T00:00Z')).thenRefused('revocation-too-early');
  });

  it('may not be before a restoration, and may be before a forfeit, which moves nothing', () => {
    givenOpened(CREDIT, CLICK, reversed('k-1', ON, { restored: parts('sp', '6.00') }))
      .when(revocation('sp', plusMs(at(ON), -1)))
      .thenRefused('revocation-too-early');
    givenOpened(CREDIT, CLICK, reversed('k-1', EXPIRES_AT, { forfeited: parts('sp', '6.00') }))
      .when(revocation('sp', ON))
      .then(revoked('sp', ON, '4.00'));
  });

  it('of a credit that is not recorded here is refused', () => {
    givenOpened(CREDIT).when(revocation('sb', ON)).thenRefused('unknown-credit');
  });
});

describe('a revocation after the end', () => {
  it('takes what is left while the credit is not swept, as the sweep would have', () => {
    for (const on of [EXPIRES_AT, at('2022-12-01T00:00Z')]) {
      givenOpened(CREDIT, CLICK)
        .when(revocation('sp', on))
        .then(revoked('sp', on, '4.00'));
    }
  });

  it('takes nothing from a swept credit, and claws back all the same', () => {
    const swept = givenOpened(CREDIT, CLICK, expired('sp', '4.00'));
    const on = '2022-12-01T00:00Z';
    swept.when(revocation('sp', on)).then(revoked('sp', on, '0.00'));
    swept.when(revocation('sp', on, true)).then(revoked('sp', on, '0.00', '6.00'));
  });

  it('of a swept credit may be of its expiry, and not before', () => {
    const swept = givenOpened(CREDIT, CLICK, expired('sp', '4.00'));
    swept.when(revocation('sp', EXPIRES_AT)).then(revoked('sp', EXPIRES_AT, '0.00'));
    swept.when(revocation('sp', plusMs(EXPIRES_AT, -1))).thenRefused('revocation-too-early');
  });
});
