import { describe, expect, it } from '@jest/globals';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import { FAULTS_OF_SENSE, FAULTS_OF_SHAPE } from './terms-faults.js';
import { changed, eur, EXAMPLES, type Change, usd, WHOLE } from './terms-examples.js';

const faultsIn = (document: unknown) => {
  const result = parseTerms(document);
  return 'faults' in result ? result.faults.map(({ path, message }) => [path, message]) : [];
};

const parsed = (document: unknown) => {
  const result = parseTerms(document);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.terms;
};

describe('a document of version 2', () => {
  it.each([...EXAMPLES])('such as %s is accepted', (_, document) => {
    expect(faultsIn(document)).toEqual([]);
  });

  it('is accepted with a bit of everything, its dates to the second', () => {
    const terms = parsed(WHOLE);
    const local = (text: string) => ({ from: `${text.slice(0, 10)}T00:00:00` });
    expect(terms).toEqual(
      changed(
        WHOLE,
        ['/period/start', '2022-09-01T00:00:00'],
        ['/period/end', '2023-01-01T00:00:00'],
        ['/eligibility/newTo/before', '2022-09-01T00:00:00'],
        ['/stages/1/qualifying/all/1/window', { ...local('2022-09-01'), until: '2022-12-01T00:00:00' }],
        ['/stages/1/expiry/on', '2023-06-30T00:00:00'],
      ),
    );
    expect(parsed(terms)).toStrictEqual(terms);
  });

  it.each<[string, ...Change[]]>([
    ['the least', ['/regions', undefined], ['/eligibility', undefined], ['/caps', undefined], ['/fx', undefined]],
    ['any other beside it', ['/stacking/with', 'any']],
    ['no other beside it', ['/eligibility/excludes', undefined], ['/stacking', { with: 'none' }]],
    ['parts that are empty', ['/eligibility', {}], ['/stacking', {}], ['/caps', {}], ['/stages/0/pays', {}]],
    ['conditions 16 deep', ['/stages/2/qualifying', nested(16)]],
    ['100 conditions', ['/stages/2/qualifying', { any: manyCodes(84) }]],
    [
      'a currency of its own in a marketplace, where no cap sums over marketplaces',
      ['/caps', { perMarketplace: { default: usd('400.00'), in: { FR: eur('450.00') } }, redemptions: 5 }],
      ['/stages/0/award/amount/in/FR', eur('120.00')],
      ['/stages/1/award', { amount: { default: usd('10.00'), in: { FR: eur('12.00') } } }],
      ['/stages/2/award', { amount: { default: usd('10.00'), in: { FR: eur('12.00') } } }],
    ],
    [
      'a stage that waits for another, and for a condition of its campaign',
      ['/stages/2/qualifying/window', { from: { met: 'launched' }, for: 'P30D' }],
      ['/stages/2/award/of', { window: { from: { met: 'launched' } } }],
    ],
    [
      'a window beside its spend',
      ['/stages/2/qualifying', { spend: { amount: usd('1.00') }, window: { from: { at: 'first-spend' } } }],
    ],
    ['runs over the eleven years that ten years of a period may need', ['/stages/1/disbursement/until', '2033-09-01']],
    [
      'holidays where a service level is in business days',
      ['/stages/2/disbursement', { schedule: 'daily', holidays: ['2022-12-26'], within: { businessDays: 3 } }],
    ],
    [
      'runs by month, by date and by week',
      [
        '/stages/0/disbursement',
        { schedule: 'monthly', day: 31, firstMonth: '2022-10', lastMonth: '2023-02', within: 'P30D' },
      ],
      [
        '/stages/1/disbursement',
        {
          schedule: 'monthly',
          nth: { week: 'last', weekday: 'friday' },
          time: '06:00',
          holidays: ['2022-12-26'],
          within: { businessDays: 5 },
          firstMonth: '2022-10',
          lastMonth: '2023-02',
        },
      ],
      ['/stages/2/disbursement', { schedule: 'dates', dates: ['2022-10-15', '2022-09-01'], within: 'P14D' }],
    ],
    ['a run on each Friday', ['/stages/2/disbursement', { schedule: 'weekly', weekday: 'friday', within: 'P14D' }]],
    ['a region called as a marketplace in it', ['/regions', { DE: ['DE', 'FR'] }]],
    ['a credit that pays for another product', ['/stages/0/pays/products', ['DSP']]],
  ])('may have %s', (_, ...changes) => {
    expect(faultsIn(changed(WHOLE, ...changes))).toEqual([]);
  });

  it.each([...FAULTS_OF_SHAPE, ...FAULTS_OF_SENSE])('may not have $what', ({ changes, faults }) => {
    expect(faultsIn(changed(WHOLE, ...changes))).toEqual(faults);
  });

  it('is told all of its faults at once, whatever they are of', () => {
    const document = changed(
      WHOLE,
      ['/colour', 'red'],
      ['/period/end', '2022-08-01T00:00'],
      ['/regions/Europe/1', 'ES'],
      ['/stages/0/id', 'Work'],
      ['/stages/0/qualifying/all/0/campaign/all/1/weeklyChanges/weeks', 0],
      ['/stages/1/qualifying/all/0', { launched: {}, window: { from: { met: 'bought' } } }],
      ['/stages/1/award/tiers/0/spend', eur('500.00')],
      ['/stages/2/award/match/upTo', eur('200.00')],
      ['/caps/budget', usd('1.000')],
    );
    expect(faultsIn(document).map(([path]) => path)).toEqual([
      '/colour',
      '/period/end',
      '/stages/0/id',
      '/stages/0/qualifying/all/0/campaign/all/1/weeklyChanges/weeks',
      '/caps/budget/amount',
      '/regions/Europe/1',
      '/stages/1/award/tiers/1/spend/amount',
      '/stages/1/qualifying/all/0/launched',
      '/stages/1/qualifying/all/0/window/from/met',
      '/stages/2/award/match/upTo/currency',
    ]);
  });

  it('is not told that a reference is wrong while what it may refer to could not be read', () => {
    expect(faultsIn(changed(WHOLE, ['/stages/0/qualifying/all/1', {}])).map(([path]) => path)).toEqual([
      '/stages/0/qualifying/all/1',
    ]);
  });

  it('may be nested as deeply as it likes before it is refused', () => {
    const [fault] = faultsIn(changed(WHOLE, ['/stages/2/qualifying', nested(1000)]));
    expect(fault).toEqual([`/stages/2/qualifying${'/all/0'.repeat(16)}`, 'is nested more than 16 conditions deep']);
  });
});

describe('the same terms', () => {
  it.each<[string, Change, Change]>([
    ['amounts', ['/caps/budget/amount', '100000'], ['/caps/budget/amount', '100000.0']],
    ['weeks in days', ['/eligibility/dormancy', 'P2W'], ['/eligibility/dormancy', 'P14D']],
    ['years in months', ['/stages/0/expiry/after', 'P1Y'], ['/stages/0/expiry/after', 'P12M']],
    ['days of 24 hours', ['/fx/maxAge', 'P1W'], ['/fx/maxAge', 'P7D']],
    ['a grace', ['/stages/1/expiry/settlementGrace', 'P2W'], ['/stages/1/expiry/settlementGrace', 'P14D']],
    ['local times', ['/stages/1/expiry/on', '2023-06-30T00:00:00'], ['/stages/1/expiry/on', '2023-06-30T00:00']],
    ['marketplaces', ['/marketplaces', ['US', 'UK', 'FR', 'DE']], ['/marketplaces', ['DE', 'FR', 'UK', 'US']]],
    [
      'regions',
      ['/regions', { North: ['UK'], Europe: ['FR', 'DE'] }],
      ['/regions', { Europe: ['DE', 'FR'], North: ['UK'] }],
    ],
    ['promotions that it may be combined with', ['/stacking/with', ['b', 'a']], ['/stacking/with', ['a', 'b']]],
    ['partners', ['/eligibility/partners', ['b', 'a']], ['/eligibility/partners', ['a', 'b']]],
    [
      'dates of runs',
      ['/stages/1/disbursement', { schedule: 'dates', dates: ['2022-12-26', '2022-10-03'], within: 'P1W' }],
      ['/stages/1/disbursement', { schedule: 'dates', dates: ['2022-10-03', '2022-12-26'], within: 'P7D' }],
    ],
    [
      'holidays',
      ['/stages/1/disbursement/holidays', ['2022-12-26', '2022-10-03']],
      ['/stages/1/disbursement/holidays', ['2022-10-03', '2022-12-26']],
    ],
  ])('are the same however their %s are written', (_, one, other) => {
    expect(JSON.stringify(parsed(changed(WHOLE, one)))).toBe(JSON.stringify(parsed(changed(WHOLE, other))));
  });

  it('are the same in whatever order their fields come', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, inner]) => [name, reversed(inner)]),
      );
    };
    expect(JSON.stringify(parsed(reversed(WHOLE)))).toBe(JSON.stringify(parsed(WHOLE)));
  });

  it('are others when the order of products is', () => {
    const turned = parsed(changed(WHOLE, ['/products', ['SD', 'SB', 'SP']]));
    expect(turned).not.toEqual(parsed(WHOLE));
  });
});

function nested(depth: number): object {
  let condition: object = { activated: 'offer' };
  for (let level = 1; level < depth; level += 1) condition = { all: [condition] };
  return condition;
}

function manyCodes(count: number): object[] {
  return Array.from({ length: count }, (_, n) => ({ redeemed: { codes: [`CODE-${n}`] } }));
}
