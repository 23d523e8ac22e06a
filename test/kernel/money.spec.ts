import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { currencyExponent, isCurrency } from '../../src/kernel/currencies.js';
import {
  convertMinor,
  divideHalfEven,
  formatMinor,
  MAX_MINOR,
  minorOf,
  moneyOf,
  normalizeDecimal,
  parseMoney,
  ratioOf,
  Sum,
} from '../../src/kernel/money.js';

describe('an amount that a client sends', () => {
  it.each([
    ['204.83', 'EUR', 20483n],
    ['204.8', 'EUR', 20480n],
    ['204', 'EUR', 20400n],
    ['0.01', 'EUR', 1n],
    ['28982', 'JPY', 28982n],
    ['1.234', 'KWD', 1234n],
    ['1', 'KWD', 1000n],
    ['10000000000000.00', 'EUR', MAX_MINOR],
    ['1000000000000000', 'JPY', MAX_MINOR],
  ])('%s %s', (amount, currency, minor) => expect(parseMoney(amount, currency)).toBe(minor));

  it.each([
    ['204.831', 'EUR', 'precision'],
    ['204.830', 'EUR', 'precision'],
    ['1.0', 'JPY', 'precision'],
    ['1.2345', 'KWD', 'precision'],
    ['0.001', 'EUR', 'precision'],
    ['0', 'EUR', 'not-positive'],
    ['0.00', 'EUR', 'not-positive'],
    ['10000000000000.01', 'EUR', 'too-large'],
    ['1000000000000001', 'JPY', 'too-large'],
    ['9'.repeat(64), 'EUR', 'too-large'],
    ['-1.00', 'EUR', 'malformed'],
    ['+1.00', 'EUR', 'malformed'],
    ['01.00', 'EUR', 'malformed'],
    ['1.', 'EUR', 'malformed'],
    ['.50', 'EUR', 'malformed'],
    ['1,00', 'EUR', 'malformed'],
    ['1e2', 'EUR', 'malformed'],
    ['1_000', 'EUR', 'malformed'],
    ['1 000', 'EUR', 'malformed'],
    ['١', 'EUR', 'malformed'],
    ['1.00\n', 'EUR', 'malformed'],
    ['', 'EUR', 'malformed'],
    ['9'.repeat(65), 'EUR', 'malformed'],
    ['1.00', 'EURO', 'unknown-currency'],
    ['1.00', 'eur', 'unknown-currency'],
    ['1.00', 'XXX', 'unknown-currency'],
    ['1.00', 'XAU', 'unknown-currency'],
    ['1.00', 'constructor', 'unknown-currency'],
  ])('"%s" %s is %s', (amount, currency, fault) => expect(parseMoney(amount, currency)).toBe(fault));
});

describe('minor units', () => {
  it.each([
    [20483n, 'EUR', '204.83'],
    [5n, 'EUR', '0.05'],
    [0n, 'EUR', '0.00'],
    [-5n, 'EUR', '-0.05'],
    [-20483n, 'EUR', '-204.83'],
    [28982n, 'JPY', '28982'],
    [0n, 'JPY', '0'],
    [-7n, 'JPY', '-7'],
    [7n, 'KWD', '0.007'],
  ])('%s of %s are written with exactly its digits', (minor, currency, amount) => {
    expect(formatMinor(minor, currency)).toBe(amount);
    expect(minorOf(moneyOf(minor, currency))).toBe(minor);
  });

  it('stay exact in sums far beyond what a float holds', () => {
    const sum = Array.from({ length: 20_000 }, () => MAX_MINOR).reduce((total, minor) => total + minor, 1n);
    expect(formatMinor(sum, 'EUR')).toBe('200000000000000000.01');
  });

  it('are read as bigints are, short or long, and what is no amount is refused as they refuse it', () => {
    const plainly = (amount: string) => BigInt(amount.replace('.', ''));
    const outcomeOf = (read: () => bigint) => {
      try {
        return read();
      } catch {
        return 'refused';
      }
    };
    const amounts = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map((minor) => formatMinor(minor, 'EUR'));
    const texts = fc.oneof(
      amounts,
      fc.stringMatching(/^[-0-9.]{0,17}$/),
      fc.string({ maxLength: 17 }),
      fc.constantFrom('999999999999999', '9999999999999999', '1e3', '1,00', '1.2.3', ' 1', '', '.'),
    );
    fc.assert(
      fc.property(texts, (amount) => {
        expect(outcomeOf(() => minorOf({ amount }))).toBe(outcomeOf(() => plainly(amount)));
      }),
      { numRuns: 1000 },
    );
  });

  /** Around what a number holds, and around what is short. */
  const summands = fc.array(
    fc.oneof(
      fc.bigInt({ min: 0n, max: 10n ** 4n }),
      fc.bigInt({ min: 10n ** 14n, max: 10n ** 16n }),
      fc.constantFrom(MAX_MINOR, MAX_MINOR - 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n),
    ),
    { maxLength: 40 },
  );
  const addsUp = (sumOf: (minors: readonly bigint[]) => bigint) =>
    fc.property(summands, (minors) => sumOf(minors) === minors.reduce((total, minor) => total + minor, 0n));

  it('are summed exactly, however large', () => {
    const summed = (currency: string) => (minors: readonly bigint[]) => {
      const sum = new Sum();
      for (const minor of minors) sum.add(moneyOf(minor, currency));
      return sum.minor;
    };
    for (const currency of ['EUR', 'JPY', 'KWD']) fc.assert(addsUp(summed(currency)), { numRuns: 300 });
  });

  it('would be found out if they were summed as numbers alone', () => {
    const asNumbers = (minors: readonly bigint[]) => BigInt(minors.reduce((total, minor) => total + Number(minor), 0));
    expect(fc.check(addsUp(asNumbers), { numRuns: 300 }).failed).toBe(true);
  });

  it('are not guessed for an unknown currency', () => {
    expect(() => formatMinor(1n, 'ABC')).toThrow('ABC');
    expect(() => convertMinor(1n, 'EUR', 'ABC', ratioOf('1'))).toThrow('ABC');
  });

  it('are as many as ISO 4217 says', () => {
    expect(['JPY', 'KRW', 'ISK', 'EUR', 'HUF', 'KWD', 'BHD', 'XXX'].map(currencyExponent)).toEqual([
      0,
      0,
      0,
      2,
      2,
      3,
      3,
      undefined,
    ]);
    expect([isCurrency('EUR'), isCurrency('XTS')]).toEqual([true, false]);
  });
});

describe('half-even rounding', () => {
  it.each([
    [0n, 2n, 0n],
    [1n, 2n, 0n],
    [3n, 2n, 2n],
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [9n, 2n, 4n],
    [1n, 3n, 0n],
    [2n, 3n, 1n],
    [249n, 100n, 2n],
    [251n, 100n, 3n],
    [10n ** 30n + 1n, 2n, 5n * 10n ** 29n],
    [10n ** 30n + 3n, 2n, 5n * 10n ** 29n + 2n],
  ])('%s / %s is %s', (numerator, denominator, quotient) =>
    expect(divideHalfEven(numerator, denominator)).toBe(quotient),
  );
});

describe('conversion of minor units', () => {
  it.each([
    // 1.5 and 2.5 pence: each tie goes to the even one.
    [15n, 'USD', 'GBP', '0.1', 2n],
    [25n, 'USD', 'GBP', '0.1', 2n],
    [35n, 'USD', 'GBP', '0.1', 4n],
    // Between currencies of different digits.
    [100n, 'USD', 'JPY', '144.5', 144n],
    [300n, 'USD', 'JPY', '144.5', 434n],
    [1n, 'JPY', 'KWD', '0.0021', 2n],
    [1n, 'USD', 'JPY', '10', 0n],
    [MAX_MINOR, 'USD', 'EUR', '0.999999999999', 999999999999000n],
  ])('%s %s → %s at %s is %s', (minor, from, to, rate, converted) =>
    expect(convertMinor(minor, from, to, ratioOf(rate))).toBe(converted),
  );

  it('is the nearest minor unit to the exact fraction, and the even one of two as near', () => {
    const currency = fc.constantFrom('JPY', 'EUR', 'KWD');
    // Few digits, so that ties do occur; and many, so that a float would not do.
    const minors = fc.oneof(fc.bigInt(1n, 200n), fc.bigInt(1n, MAX_MINOR));
    const rates = fc.tuple(fc.oneof(fc.bigInt(1n, 50n), fc.bigInt(1n, 10n ** 18n)), fc.nat({ max: 12 }));
    fc.assert(
      fc.property(minors, currency, currency, rates, (minor, from, to, [digits, scale]) => {
        const text = digits.toString().padStart(scale + 1, '0');
        const decimal = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
        const converted = convertMinor(minor, from, to, ratioOf(decimal));

        const numerator = minor * digits * 10n ** BigInt(currencyExponent(to)!);
        const denominator = 10n ** BigInt(scale + currencyExponent(from)!);
        const error = numerator - converted * denominator;
        const twice = 2n * (error < 0n ? -error : error);
        expect(twice <= denominator).toBe(true);
        if (twice === denominator) expect(converted % 2n).toBe(0n);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a decimal', () => {
  it.each([
    ['1.50', '1.5'],
    ['2.0', '2'],
    ['2.000', '2'],
    ['0.9764', '0.9764'],
    ['0.10', '0.1'],
    ['100', '100'],
    ['100.00', '100'],
    ['1.050', '1.05'],
  ])('%s says %s', (decimal, normal) => {
    expect(normalizeDecimal(decimal)).toBe(normal);
    const [a, b] = [ratioOf(decimal), ratioOf(normal)];
    expect(a.numerator * b.denominator).toBe(b.numerator * a.denominator);
  });
});
