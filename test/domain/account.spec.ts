import { describe, expect, it } from '@jest/globals';
import { accountDecider } from '../../src/accounts/domain/account.js';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { plusMs } from '../../src/kernel/instant.js';
import {
  ACCOUNT,
  applied,
  click,
  expired,
  given,
  givenOpened,
  grant,
  opened,
  OPENED_AT,
  revocation,
  revoked,
  reversal,
  reversed,
  parts,
  spent,
  sweep,
} from './account-examples.js';
import { at } from './examples.js';

const suspended = (occurredAt: string): AccountEvent => ({
  type: 'AccountStandingChanged',
  data: { ...ACCOUNT, standing: 'suspended', reason: 'review', occurredAt: at(occurredAt) },
});
const payable = (occurredAt: string): AccountEvent => ({
  type: 'PaymentMethodChanged',
  data: { ...ACCOUNT, valid: true, occurredAt: at(occurredAt) },
});

describe('an account', () => {
  it('is opened as it is said', () => {
    const command = opened('JPY') as Extract<AccountCommand, { type: 'AccountOpened' }>;
    given().when(command).then(command);
  });

  it('records its standing and payment method, and keeps nothing of them to decide by', () => {
    for (const fact of [suspended('2022-07-01T00:00Z'), payable('2022-07-01T00:00Z')]) {
      givenOpened()
        .when(fact as AccountCommand)
        .then(fact);
      const before = accountDecider.evolve(accountDecider.initial, opened());
      expect(accountDecider.evolve(before, fact)).toBe(before);
    }
  });

  it.each<[string, AccountCommand]>([
    ['a standing', suspended('2022-07-01T00:00Z') as AccountCommand],
    ['a payment method', payable('2022-07-01T00:00Z') as AccountCommand],
    ['a click', click({ cost: '1.00', on: '2022-07-01T00:00Z' })],
    ['a reversal', reversal('k-1', '2022-07-01T00:00Z')],
    ['a revocation', revocation('sp', '2022-07-01T00:00Z')],
    ['a manual grant', grant()],
  ])('does not exist for %s before it was opened here', (_, command) => {
    given().when(command).thenRefused('unknown-account');
  });

  it('has nothing to sweep before it was opened here', () => {
    given().when(sweep('2023-01-01T00:00Z')).thenNothing();
  });

  it.each<[string, (on: string) => AccountCommand]>([
    ['a standing', (on) => suspended(on) as AccountCommand],
    ['a payment method', (on) => payable(on) as AccountCommand],
    ['a click', (on) => click({ cost: '1.00', on })],
    ['a manual grant', (on) => grant({ appliedAt: at(on) })],
  ])('takes %s of the instant of its opening, and none of a millisecond before', (_, command) => {
    givenOpened()
      .when(command(plusMs(OPENED_AT, -1)))
      .thenRefused('invalid-command');
    expect(givenOpened().when(command(OPENED_AT)).decision).toHaveLength(1);
  });
});

describe('the natural key of a fact', () => {
  it.each<[AccountEvent, string]>([
    [opened(), 'AccountOpened:adv-1.DE'],
    [suspended('2022-07-01T00:00Z'), 'AccountStandingChanged:2022-07-01T00:00:00.000Z'],
    [payable('2022-07-01T00:00Z'), 'PaymentMethodChanged:2022-07-01T00:00:00.000Z'],
    [applied('sp', '1.00'), 'CreditApplied:sp'],
    [spent({ id: 'k-7', cost: '1.00', on: '2022-10-05T00:00Z' }, []), 'ClickSpent:k-7'],
    [reversed('k-7', '2022-10-05T00:00Z', {}), 'ClickReversed:k-7'],
    [revoked('sp', '2022-10-05T00:00Z', '1.00'), 'CreditRevoked:sp'],
    [expired('sp', '1.00'), 'CreditExpired:sp'],
  ])('%j is known as %s', (event, id) => expect(accountDecider.idOf(event)).toBe(id));

  it('of its click is what a reversal must be told, and nothing else is looked up', () => {
    expect(accountDecider.refersTo!(reversal('k-7', '2022-10-05T00:00Z'))).toEqual(['ClickSpent:k-7']);
    expect(accountDecider.refersTo!(click({ cost: '1.00', on: '2022-10-05T00:00Z' }))).toEqual([]);
  });

  it('tells credits apart, whatever they are called', () => {
    const one = applied('constructor', '5.00', { product: 'SP' });
    const other = applied('__proto__', '7.00', { product: 'SB' });
    givenOpened(one, other)
      .when(click({ cost: '8.00', on: '2022-10-05T00:00Z' }))
      .then(spent({ cost: '8.00', on: '2022-10-05T00:00Z' }, parts('__proto__', '7.00', 'constructor', '1.00')));
  });
});
