import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { convert, type RateBook, type RecordedRate } from '../../src/fx/domain/conversion.js';
import { epochMs, plusMs, type Instant } from '../../src/kernel/instant.js';
import type { Money } from '../../src/kernel/money.js';
import { at } from './examples.js';

const FIXING = at('2022-10-03T14:00Z');
const RUN_AT = at('2022-10-04T07:00Z');
const WEEK_MS = 7 * 24 * 3_600_000;

type Said = readonly [pair: string, rate: string, effectiveAt?: Instant, source?: string];

/** The rates in the order recorded. */
function bookOf(...said: readonly Said[]): RateBook {
  const recorded = said.map(([pair, rate, effectiveAt = FIXING, source = 'ECB'], index): RecordedRate => {
    const [base, quote] = pair.split('/') as [string, string];
    return { base, quote, rate, source, effectiveAt, position: BigInt(index + 1) };
  });
  return {
    rates: (base, quote, moment) =>
      recorded
        .filter((rate) => rate.base === base && rate.quote === quote && rate.effectiveAt <= moment)
        .sort((a, b) => epochMs(b.effectiveAt) - epochMs(a.effectiveAt) || Number(b.position - a.position)),
    commonBases: (quote, other) => [
      ...new Set(
        recorded
          .filter(({ base }) => [quote, other].every((q) => recorded.some((r) => r.base === base && r.quote === q)))
          .map(({ base }) => base),
      ),
    ],
  };
}

const usd = (amount: string): Money => ({ amount, currency: 'USD' });

/** The amount, or why there is none. */
function converted(book: RateBook, to: string, moment = RUN_AT, money = usd('200.00')): string {
  const result = convert(book, money, to, moment, 'P7D');
  return 'refused' in result ? result.refused : result.money.amount;
}

function ratesUsed(book: RateBook, to: string): readonly string[] {
  const result = convert(book, usd('200.00'), to, RUN_AT, 'P7D');
  if ('refused' in result) return [result.refused];
  return (result.fx?.rates ?? []).map(({ base, quote, rate, source }) => `${base}/${quote} ${rate} ${source}`);
}

describe('the worked conversions of USD 200 at the first run', () => {
  const ecb = bookOf(['EUR/USD', '0.9764'], ['EUR/JPY', '141.49'], ['EUR/GBP', '0.8707']);

  it.each([
    ['EUR', '204.83', ['EUR/USD 0.9764 ECB']],
    ['JPY', '28982', ['EUR/USD 0.9764 ECB', 'EUR/JPY 141.49 ECB']],
    ['GBP', '178.35', ['EUR/USD 0.9764 ECB', 'EUR/GBP 0.8707 ECB']],
  ])('into %s is %s, and says by which rates', (currency, amount, rates) => {
    expect(converted(ecb, currency)).toBe(amount);
    expect(ratesUsed(ecb, currency)).toEqual(rates);
  });

  it('tells a rate as it was said, without its place in the log', () => {
    expect(convert(ecb, usd('200.00'), 'EUR', RUN_AT, 'P7D')).toStrictEqual({
      money: { amount: '204.83', currency: 'EUR' },
      fx: { rates: [{ base: 'EUR', quote: 'USD', rate: '0.9764', source: 'ECB', effectiveAt: FIXING }] },
    });
  });

  it('leaves a currency as it is, with no rates', () => {
    expect(convert(ecb, usd('200.00'), 'USD', RUN_AT, 'P7D')).toStrictEqual({ money: usd('200.00'), fx: null });
  });
});

describe('the way of a conversion', () => {
  const EARLIER = plusMs(FIXING, -3_600_000);

  it('is direct, though an inverse and a cross are later', () => {
    const book = bookOf(['USD/EUR', '2', EARLIER], ['EUR/USD', '4'], ['GBP/USD', '1'], ['GBP/EUR', '8']);
    expect(converted(book, 'EUR')).toBe('400.00');
  });

  it('is inverse, though a cross is later', () => {
    const book = bookOf(['EUR/USD', '4', EARLIER], ['GBP/USD', '1'], ['GBP/EUR', '8']);
    expect(converted(book, 'EUR')).toBe('50.00');
  });

  it('is a cross through any base', () => {
    expect(converted(bookOf(['GBP/USD', '2'], ['GBP/EUR', '3']), 'EUR')).toBe('300.00');
  });

  it('is none of a chain of two bases, nor of one currency quoted in both', () => {
    expect(converted(bookOf(['USD/GBP', '2'], ['GBP/EUR', '3']), 'EUR')).toBe('no-fx-rate');
    expect(converted(bookOf(['USD/GBP', '2'], ['EUR/GBP', '3']), 'EUR')).toBe('no-fx-rate');
    expect(converted(bookOf(), 'EUR')).toBe('no-fx-rate');
  });

  it('is chosen before its age is looked at', () => {
    const old = plusMs(RUN_AT, -WEEK_MS - 1);
    expect(converted(bookOf(['USD/EUR', '2', old], ['EUR/USD', '4']), 'EUR')).toBe('stale-fx-rate');
    expect(converted(bookOf(['EUR/USD', '4', old], ['GBP/USD', '1'], ['GBP/EUR', '8']), 'EUR')).toBe('stale-fx-rate');
  });

  it('takes the latest effective by then, whatever was recorded last', () => {
    const book = bookOf(['USD/EUR', '3', FIXING], ['USD/EUR', '2', EARLIER], ['USD/EUR', '5', plusMs(RUN_AT, 1)]);
    expect(converted(book, 'EUR')).toBe('600.00');
    expect(converted(book, 'EUR', plusMs(FIXING, -1))).toBe('400.00');
    expect(converted(book, 'EUR', plusMs(RUN_AT, 1))).toBe('1000.00');
    expect(converted(book, 'EUR', plusMs(EARLIER, -1))).toBe('no-fx-rate');
  });

  it('gives a tie to the rate recorded later', () => {
    expect(converted(bookOf(['USD/EUR', '2'], ['USD/EUR', '3', FIXING, 'Fed']), 'EUR')).toBe('600.00');
    expect(converted(bookOf(['EUR/USD', '2'], ['EUR/USD', '4', FIXING, 'Fed']), 'EUR')).toBe('50.00');
  });
});

describe('a cross', () => {
  it('needs one source', () => {
    expect(converted(bookOf(['GBP/USD', '2', FIXING, 'ECB'], ['GBP/EUR', '3', FIXING, 'Fed']), 'EUR')).toBe(
      'no-fx-rate',
    );
  });

  it('needs one effective time', () => {
    const dayBefore = plusMs(FIXING, -86_400_000);
    const uneven = [
      ['GBP/USD', '2', FIXING],
      ['GBP/EUR', '3', dayBefore],
    ] as const;
    expect(converted(bookOf(...uneven), 'EUR')).toBe('no-fx-rate');
    // The latest time that both have, though one has a later rate.
    expect(converted(bookOf(...uneven, ['GBP/USD', '1', dayBefore]), 'EUR')).toBe('600.00');
  });

  it('is the latest one through any base', () => {
    const dayBefore = plusMs(FIXING, -86_400_000);
    const book = bookOf(['CHF/USD', '1'], ['CHF/EUR', '5'], ['GBP/USD', '1', dayBefore], ['GBP/EUR', '7', dayBefore]);
    expect(converted(book, 'EUR')).toBe('1000.00');
  });

  it('counts as recorded with its later leg', () => {
    const [a, b, c, d]: readonly Said[] = [
      ['GBP/USD', '1'],
      ['GBP/EUR', '2'],
      ['CHF/USD', '1'],
      ['CHF/EUR', '3'],
    ];
    expect(converted(bookOf(a!, c!, d!, b!), 'EUR')).toBe('400.00');
    expect(converted(bookOf(b!, a!, d!, c!), 'EUR')).toBe('600.00');
    // Of two sources through one base, too.
    const fed: readonly Said[] = [
      ['GBP/USD', '1', FIXING, 'Fed'],
      ['GBP/EUR', '4', FIXING, 'Fed'],
    ];
    expect(converted(bookOf(fed[0]!, a!, b!, fed[1]!), 'EUR')).toBe('800.00');
    expect(converted(bookOf(a!, fed[0]!, fed[1]!, b!), 'EUR')).toBe('400.00');
  });
});

describe('the age of a rate', () => {
  const book = bookOf(['USD/EUR', '2']);

  it('may be exactly the most that the terms allow, and not a millisecond more', () => {
    expect(converted(book, 'EUR', plusMs(FIXING, WEEK_MS))).toBe('400.00');
    expect(converted(book, 'EUR', plusMs(FIXING, WEEK_MS + 1))).toBe('stale-fx-rate');
  });

  it('is what the terms say', () => {
    const moment = plusMs(FIXING, WEEK_MS);
    expect(convert(book, usd('1.00'), 'EUR', moment, 'P6D')).toMatchObject({ refused: 'stale-fx-rate' });
    expect(convert(book, usd('1.00'), 'EUR', plusMs(moment, 1), 'P8D')).toMatchObject({ money: { amount: '2.00' } });
  });
});

describe('rounding', () => {
  it('is done once, half-even', () => {
    expect(converted(bookOf(['USD/EUR', '0.5']), 'EUR', RUN_AT, usd('0.01'))).toBe('0.00');
    expect(converted(bookOf(['USD/EUR', '0.5']), 'EUR', RUN_AT, usd('0.03'))).toBe('0.02');
    expect(converted(bookOf(['EUR/USD', '2']), 'EUR', RUN_AT, usd('0.05'))).toBe('0.02');
    // By way of a rounded cent of the base this would be 0.00.
    expect(converted(bookOf(['GBP/USD', '3'], ['GBP/EUR', '300']), 'EUR', RUN_AT, usd('0.01'))).toBe('1.00');
  });

  it('errs by at most half a cent on a cross of any two rates', () => {
    const rate = fc.bigInt(1n, 10n ** 8n);
    fc.assert(
      fc.property(rate, rate, fc.bigInt(1n, 10n ** 15n), (a, b, minor) => {
        const amount = `${minor / 100n}.${String(minor % 100n).padStart(2, '0')}`;
        const book = bookOf(['GBP/USD', String(a)], ['GBP/EUR', String(b)]);
        const got = BigInt(converted(book, 'EUR', RUN_AT, usd(amount)).replace('.', ''));
        const error = minor * b - got * a;
        expect(2n * (error < 0n ? -error : error) <= a).toBe(true);
      }),
    );
  });
});
