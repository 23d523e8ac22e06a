import { describe, expect, it } from '@jest/globals';
import { readRates } from '../../src/demo/files.js';
import { ecbRates, pegRates } from '../../src/demo/rates.js';
import { MARKETS, STEPS } from '../../src/demo/world.js';
import { convert, type RateBook, type RecordedRate } from '../../src/fx/domain/conversion.js';
import type { FxRate } from '../../src/fx/domain/events.js';
import type { Instant } from '../../src/kernel/instant.js';

const dataOf = (arrivals: ReturnType<typeof ecbRates>) =>
  arrivals.map(({ command }) => command.data as unknown as FxRate);

describe("the ECB's file", () => {
  it('becomes one fact for each day and currency, effective at 16:00 in Frankfurt, and sent then', () => {
    const arrivals = ecbRates('date,USD,JPY\n2022-10-03,0.9764,141.49\n2022-10-31,0.9914,147.4\n');
    const ecb = { base: 'EUR', source: 'ECB' };
    const [summer, winter] = ['2022-10-03T14:00:00.000Z', '2022-10-31T15:00:00.000Z'];
    expect(dataOf(arrivals)).toEqual([
      { ...ecb, quote: 'USD', rate: '0.9764', effectiveAt: summer },
      { ...ecb, quote: 'JPY', rate: '141.49', effectiveAt: summer },
      { ...ecb, quote: 'USD', rate: '0.9914', effectiveAt: winter },
      { ...ecb, quote: 'JPY', rate: '147.4', effectiveAt: winter },
    ]);
    expect(arrivals[2]).toMatchObject({ arrivesMs: Date.parse(winter), command: { type: 'FxRateRecorded' } });
  });

  it.each([
    ['a header without dates', 'day,USD\n2022-10-03,0.9764'],
    ['a header with another name than a currency', 'date,dollar\n2022-10-03,0.9764'],
    ['a rate that is missing', 'date,USD,JPY\n2022-10-03,0.9764'],
    ['a rate that is no number', 'date,USD\n2022-10-03,N/A'],
    ['a date in another form', 'date,USD\n3.10.2022,0.9764'],
    ['a day that does not exist', 'date,USD\n2022-02-30,0.9764'],
  ])('is refused with %s', (_, csv) => {
    expect(() => ecbRates(csv)).toThrow();
  });
});

describe('the rates of the season', () => {
  const rates = dataOf(readRates());
  const book: RateBook = {
    rates: (base, quote, at) =>
      rates
        .filter((rate) => rate.base === base && rate.quote === quote && rate.effectiveAt <= at)
        .sort((a, b) => (a.effectiveAt < b.effectiveAt ? 1 : -1))
        .map((rate): RecordedRate => ({ ...rate, position: 1n })),
    commonBases: () => ['EUR'],
  };
  const converted = (currency: string, at: Instant) =>
    convert(book, { amount: '200.00', currency: 'USD' }, currency, at, 'P7D');

  it('say the peg every week', () => {
    const weeks = dataOf(pegRates('2022-05-02T14:00:00.000Z' as Instant, '2022-05-20T00:00:00.000Z' as Instant));
    expect(weeks.map(({ base, quote, rate, effectiveAt }) => [base, quote, rate, effectiveAt.slice(0, 10)])).toEqual([
      ['USD', 'AED', '3.6725', '2022-05-02'],
      ['USD', 'AED', '3.6725', '2022-05-09'],
      ['USD', 'AED', '3.6725', '2022-05-16'],
    ]);
  });

  it('are fresh enough for every account currency at every run', () => {
    const runs = STEPS.filter(({ kind }) => kind === 'run');
    expect(runs).toHaveLength(4);
    const currencies = new Set(MARKETS.map(({ currency }) => currency));
    expect(currencies.size).toBe(10);
    for (const { at } of runs)
      for (const currency of currencies) expect(converted(currency, at)).toHaveProperty('money');
  });

  it('give what was worked out by hand for the first run', () => {
    const run = STEPS[0]?.at as Instant;
    expect(converted('EUR', run)).toMatchObject({ money: { amount: '204.83' } });
    expect(converted('JPY', run)).toMatchObject({ money: { amount: '28982' } });
    expect(converted('GBP', run)).toMatchObject({ money: { amount: '178.35' } });
    expect(converted('AED', run)).toMatchObject({ money: { amount: '734.50' } });
  });
});
