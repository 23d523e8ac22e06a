import { describe, it } from '@jest/globals';
import {
  applied,
  click,
  expired,
  EXPIRES_AT,
  givenOpened,
  parts,
  revoked,
  reversal,
  reversed,
  spent,
} from './account-examples.js';
import { at } from './examples.js';
import { plusMs } from '../../src/kernel/instant.js';

const CREDIT = applied('sp', '10.00');
const CLICK = spent({ cost: '12.00', on: '2022-10-10T08:00Z' }, parts('sp', '10.00'), '2.00');
const ON = '2022-10-12T00:00Z';

describe('a reversal', () => {
  it('puts each draw back on its credit and takes off the bill what was billed', () => {
    givenOpened(CREDIT, CLICK)
      .when(reversal('k-1', ON))
      .then(reversed('k-1', ON, { restored: parts('sp', '10.00'), billable: '2.00' }));
  });

  it('of a click that drew nothing takes it off the bill', () => {
    givenOpened(spent({ cost: '2.00', on: '2022-10-10T08:00Z' }, [], '2.00'))
      .when(reversal('k-1', ON))
      .then(reversed('k-1', ON, { billable: '2.00' }));
  });

  it('puts nothing back from the expiry on', () => {
    const last = plusMs(EXPIRES_AT, -1);
    givenOpened(CREDIT, CLICK)
      .when(reversal('k-1', last))
      .then(reversed('k-1', last, { restored: parts('sp', '10.00'), billable: '2.00' }));
    givenOpened(CREDIT, CLICK)
      .when(reversal('k-1', EXPIRES_AT))
      .then(reversed('k-1', EXPIRES_AT, { forfeited: parts('sp', '10.00'), billable: '2.00' }));
  });

  it('forfeits what was drawn on a credit that is swept or revoked, though it happened before', () => {
    for (const end of [expired('sp', '0.00'), revoked('sp', '2022-10-20T00:00Z', '0.00')]) {
      givenOpened(CREDIT, CLICK, end)
        .when(reversal('k-1', ON))
        .then(reversed('k-1', ON, { forfeited: parts('sp', '10.00'), billable: '2.00' }));
    }
  });

  it('decides for each draw by its own credit', () => {
    const on = '2022-10-20T00:00Z';
    givenOpened(
      applied('a', '1.00', { expiresAt: at('2022-10-15T00:00Z') }),
      applied('b', '2.00'),
      applied('c', '3.00'),
      applied('d', '4.00'),
      spent(
        { cost: '11.00', on: '2022-10-10T08:00Z' },
        parts('a', '1.00', 'b', '2.00', 'c', '3.00', 'd', '4.00'),
        '1.00',
      ),
      revoked('b', '2022-10-14T00:00Z', '0.00', '2.00'),
      revoked('c', '2022-10-14T00:00Z', '0.00'),
    )
      .when(reversal('k-1', on))
      .then(
        reversed('k-1', on, {
          restored: parts('d', '4.00'),
          forfeited: parts('a', '1.00', 'c', '3.00'),
          unclawed: parts('b', '2.00'),
          billable: '3.00',
        }),
      );
  });

  it('gives back what a click can draw again', () => {
    const next = { id: 'k-2', cost: '10.00', on: ON };
    givenOpened(CREDIT, CLICK, reversed('k-1', ON, { restored: parts('sp', '10.00'), billable: '2.00' }))
      .when(click(next))
      .then(spent(next, parts('sp', '10.00')));
  });

  it('gives nothing back when it forfeits', () => {
    const next = { id: 'k-2', cost: '10.00', on: '2022-10-20T00:00Z' };
    givenOpened(CREDIT, CLICK, reversed('k-1', EXPIRES_AT, { forfeited: parts('sp', '10.00'), billable: '2.00' }))
      .when(click(next))
      .then(spent(next, [], '10.00'));
  });

  it('may be of the same instant as its click, and not before it', () => {
    const first = '2022-10-10T08:00Z';
    givenOpened(CREDIT, CLICK)
      .when(reversal('k-1', first))
      .then(reversed('k-1', first, { restored: parts('sp', '10.00'), billable: '2.00' }));
    givenOpened(CREDIT, CLICK)
      .when(reversal('k-1', plusMs(at(first), -1)))
      .thenRefused('invalid-command');
  });

  it('of a click that is not recorded here is refused', () => {
    givenOpened(CREDIT, CLICK).when(reversal('k-2', ON)).thenRefused('unknown-click');
  });
});

describe('a reversal of a click that was clawed back', () => {
  const clawedBack = givenOpened(CREDIT, CLICK, revoked('sp', '2022-10-20T00:00Z', '0.00', '10.00'));

  it('takes the part clawed back off the bill, with what was billed', () => {
    const on = '2022-10-20T00:00Z';
    clawedBack
      .when(reversal('k-1', on))
      .then(reversed('k-1', on, { unclawed: parts('sp', '10.00'), billable: '12.00' }));
  });

  it('may not be before the revocation', () => {
    clawedBack.when(reversal('k-1', plusMs(at('2022-10-20T00:00Z'), -1))).thenRefused('invalid-command');
  });

  it('takes it off the bill after the expiry too: nothing is forfeited that was billed', () => {
    clawedBack
      .when(reversal('k-1', '2022-12-01T00:00Z'))
      .then(reversed('k-1', '2022-12-01T00:00Z', { unclawed: parts('sp', '10.00'), billable: '12.00' }));
  });
});
