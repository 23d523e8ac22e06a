import { describe, expect, it } from '@jest/globals';
import { refuse, type RefusalCode } from '../../src/kernel/refusal.js';
import { DEFERRAL_REASONS } from '../../src/promotions/domain/events.js';
import { decideRunCredit, type RunAccount } from '../../src/promotions/domain/run.js';
import { ROW_A } from './examples.js';

const OPEN = { currency: 'EUR', standing: 'good', paymentValid: true } as const;
const SUSPENDED = { ...OPEN, standing: 'suspended' } as const;
const UNPAYABLE = { ...OPEN, paymentValid: false };
const NEITHER = { ...SUSPENDED, paymentValid: false };

const FULL = 60_000n;
const converted = (amount: string) => (currency: string) => ({ money: { amount, currency }, fx: null });
const refused = (code: RefusalCode) => () => refuse(code, 'so it is');
const PAYS = converted('204.83');

const decide = (open: RunAccount['open'], granted = 0n, convert: Parameters<typeof decideRunCredit>[2] = PAYS) =>
  decideRunCredit(ROW_A, { open, granted }, convert);

describe('a run', () => {
  it('applies the credit in the currency of the account, and says by which rates', () => {
    const asked: string[] = [];
    const fx = { rates: [] };
    const decision = decide(OPEN, 0n, (currency) => {
      asked.push(currency);
      return { money: { amount: '204.83', currency }, fx };
    });
    expect(asked).toEqual(['EUR']);
    expect(decision).toStrictEqual({ applied: { amount: '204.83', currency: 'EUR' }, fx });
  });

  it('applies it up to exactly the cap', () => {
    expect(decide(OPEN, 40_000n)).toHaveProperty('applied');
    expect(decide(OPEN, 40_001n)).toEqual({ deferred: ['cap-exceeded'] });
  });

  it.each<[readonly string[], RunAccount['open'], bigint, Parameters<typeof decideRunCredit>[2]]>([
    [['account-not-open'], null, 0n, PAYS],
    [['standing-suspended'], SUSPENDED, 0n, PAYS],
    [['payment-method-invalid'], UNPAYABLE, 0n, PAYS],
    [['cap-exceeded'], OPEN, FULL, PAYS],
    [['no-fx-rate'], OPEN, 0n, refused('no-fx-rate')],
    [['stale-fx-rate'], OPEN, 0n, refused('stale-fx-rate')],
    [['precision'], OPEN, 0n, converted('0.00')],
    [['standing-suspended', 'payment-method-invalid'], NEITHER, 0n, PAYS],
    [['payment-method-invalid', 'precision'], UNPAYABLE, 0n, converted('0.00')],
    [
      ['standing-suspended', 'payment-method-invalid', 'cap-exceeded', 'no-fx-rate'],
      NEITHER,
      FULL,
      refused('no-fx-rate'),
    ],
    [['standing-suspended', 'cap-exceeded', 'stale-fx-rate'], SUSPENDED, FULL, refused('stale-fx-rate')],
    // An account that is not open has neither standing nor payment method nor currency; the cap is looked at all the same.
    [['account-not-open', 'cap-exceeded'], null, FULL, refused('no-fx-rate')],
  ])('puts it off for all of %j', (reasons, open, granted, convert) => {
    expect(decide(open, granted, convert)).toEqual({ deferred: reasons });
    const places = reasons.map((reason) => (DEFERRAL_REASONS as readonly string[]).indexOf(reason));
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('does not ask for a rate when there is no account', () => {
    expect(() =>
      decide(null, 0n, () => {
        throw new Error('asked');
      }),
    ).not.toThrow();
  });
});
