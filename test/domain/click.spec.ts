import { describe, expect, it } from '@jest/globals';
import {
  ACCOUNT,
  applied,
  APPLIED_AT,
  click,
  expired,
  EXPIRES_AT,
  given,
  givenOpened,
  opened,
  parts,
  revoked,
  reversed,
  spent,
} from './account-examples.js';
import { at } from './examples.js';
import { plusMs } from '../../src/kernel/instant.js';

const CREDIT = applied('sp', '10.00');

describe('a click', () => {
  it('is paid from the credit and billed for the rest', () => {
    const dear = { cost: '12.34', on: '2022-10-10T08:00Z' };
    givenOpened(CREDIT)
      .when(click(dear))
      .then(spent(dear, parts('sp', '10.00'), '2.34'));
  });

  it('that the credit covers bills nothing; one that nothing covers draws nothing', () => {
    const cheap = { cost: '9.99', on: '2022-10-10T08:00Z' };
    givenOpened(CREDIT)
      .when(click(cheap))
      .then(spent(cheap, parts('sp', '9.99')));
    givenOpened()
      .when(click(cheap))
      .then(spent(cheap, [], '9.99'));
  });

  it.each([
    ['a millisecond before it is applied', plusMs(APPLIED_AT, -1), false],
    ['when it is applied', APPLIED_AT, true],
    ['a millisecond before it expires', plusMs(EXPIRES_AT, -1), true],
    ['when it expires', EXPIRES_AT, false],
  ])('%s: is a credit live?', (_, on, live) => {
    const said = { cost: '1.00', on };
    givenOpened(CREDIT)
      .when(click(said))
      .then(live ? spent(said, parts('sp', '1.00')) : spent(said, [], '1.00'));
  });

  it('of an earlier time than its sweep draws until the credit is swept, and not after', () => {
    const late = { cost: '1.00', on: '2022-11-03T06:00Z' };
    givenOpened(CREDIT)
      .when(click(late))
      .then(spent(late, parts('sp', '1.00')));
    givenOpened(CREDIT, expired('sp', '10.00'))
      .when(click(late))
      .then(spent(late, [], '1.00'));
  });

  it('never draws on a revoked credit, though it happened before the revocation', () => {
    const late = { cost: '1.00', on: '2022-10-05T00:00Z' };
    givenOpened(CREDIT, revoked('sp', '2022-10-20T00:00Z', '10.00'))
      .when(click(late))
      .then(spent(late, [], '1.00'));
  });

  it('draws only on credits that pay for its product', () => {
    const said = { cost: '1.00', on: '2022-10-10T08:00Z', product: 'SB' };
    givenOpened(applied('sp', '10.00', { appliesTo: ['SP'] }))
      .when(click(said))
      .then(spent(said, [], '1.00'));
    givenOpened(applied('sp', '10.00', { appliesTo: ['SP', 'SB'] }))
      .when(click(said))
      .then(spent(said, parts('sp', '1.00')));
    const unheardOf = { ...said, product: 'DSP' };
    givenOpened(CREDIT)
      .when(click(unheardOf))
      .then(spent(unheardOf, [], '1.00'));
  });

  it('is paid though the account is suspended', () => {
    const said = { cost: '1.00', on: '2022-10-10T08:00Z' };
    givenOpened(CREDIT, {
      type: 'AccountStandingChanged',
      data: { ...ACCOUNT, standing: 'suspended', occurredAt: at('2022-10-09T00:00Z') },
    })
      .when(click(said))
      .then(spent(said, parts('sp', '1.00')));
  });

  it('in another currency than the account is refused', () => {
    given(opened('GBP'))
      .when(click({ cost: '1.00', on: '2022-10-10T08:00Z' }))
      .thenRefused('currency-mismatch');
  });

  it('stays exact however large it is', () => {
    const said = { cost: '10000000000000.00', on: '2022-10-10T08:00Z' };
    givenOpened(applied('sp', '9999999999999.99'))
      .when(click(said))
      .then(spent(said, parts('sp', '9999999999999.99'), '0.01'));
  });
});

describe('the order of burning', () => {
  const SOONER = at('2022-11-01T00:00Z');
  const BEFORE = at('2022-10-01T00:00Z');

  it.each([
    ['soonest expiry first', applied('a', '5.00', { appliedAt: BEFORE }), applied('z', '5.00', { expiresAt: SOONER })],
    ['then earliest applied', applied('a', '5.00'), applied('z', '5.00', { appliedAt: BEFORE })],
    ['then the lower id, by code unit', applied('a', '5.00'), applied('Z', '5.00')],
  ])('is %s', (_, second, first) => {
    const said = { cost: '7.00', on: '2022-10-10T08:00Z' };
    const draws = parts(first.data.creditId, '5.00', second.data.creditId, '2.00');
    for (const recorded of [
      [first, second],
      [second, first],
    ]) {
      givenOpened(...recorded)
        .when(click(said))
        .then(spent(said, draws));
    }
  });

  it('passes an exhausted credit and one for another product by, and bills only what none covers', () => {
    const said = { cost: '8.00', on: '2022-10-10T08:00Z' };
    givenOpened(
      applied('a', '5.00'),
      applied('b', '5.00', { appliesTo: ['SB'] }),
      applied('c', '5.00'),
      applied('d', '2.00'),
      spent({ id: 'k-0', cost: '5.00', on: '2022-10-09T00:00Z' }, parts('a', '5.00')),
    )
      .when(click(said))
      .then(spent(said, parts('c', '5.00', 'd', '2.00'), '1.00'));
  });

  it('draws of one click, whatever comes after, are never taken again', () => {
    const late = { id: 'k-2', cost: '6.00', on: '2022-10-05T00:00Z' };
    givenOpened(
      CREDIT,
      spent({ cost: '10.00', on: '2022-10-20T00:00Z' }, parts('sp', '10.00')),
      applied('sb', '10.00', { expiresAt: SOONER }),
    )
      .when(click(late))
      .then(spent(late, parts('sb', '6.00')));
  });
});

describe('a late click', () => {
  const LATE = { id: 'k-late', cost: '10.00', on: '2022-10-10T00:00Z' };

  it('takes at most what no later click has drawn', () => {
    givenOpened(CREDIT, spent({ cost: '7.00', on: '2022-10-20T00:00Z' }, parts('sp', '7.00')))
      .when(click(LATE))
      .then(spent(LATE, parts('sp', '3.00'), '7.00'));
  });

  it('cannot spend what only a later reversal gave back', () => {
    const history = givenOpened(
      CREDIT,
      spent({ cost: '7.00', on: '2022-10-08T00:00Z' }, parts('sp', '7.00')),
      reversed('k-1', '2022-10-15T00:00Z', { restored: parts('sp', '7.00') }),
    );
    history.when(click(LATE)).then(spent(LATE, parts('sp', '3.00'), '7.00'));
    const after = { ...LATE, on: '2022-10-15T00:00Z' };
    history.when(click(after)).then(spent(after, parts('sp', '10.00')));
    const justBefore = { ...LATE, on: plusMs(at('2022-10-15T00:00Z'), -1) };
    history.when(click(justBefore)).then(spent(justBefore, parts('sp', '3.00'), '7.00'));
  });

  it('is held to the least of several later moments, not to the last', () => {
    const dip = spent({ id: 'k-2', cost: '9.00', on: '2022-10-12T00:00Z' }, parts('sp', '9.00'));
    const back = reversed('k-2', '2022-10-14T00:00Z', { restored: parts('sp', '9.00') });
    givenOpened(CREDIT, dip, back)
      .when(click(LATE))
      .then(spent(LATE, parts('sp', '1.00'), '9.00'));
    // Once the dip is past, all of it is there.
    const past = { ...LATE, on: '2022-10-14T00:00Z' };
    givenOpened(CREDIT, dip, back)
      .when(click(past))
      .then(spent(past, parts('sp', '10.00')));
  });

  it('of one instant with another takes what that one left', () => {
    const same = { ...LATE, on: '2022-10-20T00:00Z' };
    givenOpened(CREDIT, spent({ cost: '7.00', on: '2022-10-20T00:00Z' }, parts('sp', '7.00')))
      .when(click(same))
      .then(spent(same, parts('sp', '3.00'), '7.00'));
  });

  it('and many more, in any order, draw all that there is and nothing else', () => {
    let history = givenOpened(CREDIT);
    const draws = [20, 5, 12, 31, 7].flatMap((day) => {
      const said = { id: `k-${day}`, cost: '3.00', on: `2022-10-${String(day).padStart(2, '0')}T00:00Z` };
      const { decision } = history.when(click(said));
      if ('refused' in decision || decision[0]?.type !== 'ClickSpent') throw new Error(JSON.stringify(decision));
      history = history.and(...decision);
      return decision[0].data.draws.map(({ amount }) => amount.amount);
    });
    expect(draws).toEqual(['3.00', '3.00', '3.00', '1.00']);
  });
});
