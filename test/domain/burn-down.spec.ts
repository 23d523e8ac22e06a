import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { burnDown, inBurnOrder, type Burnable } from '../../src/accounts/domain/burn-down.js';
import { holdingFrom } from '../../src/accounts/domain/holding.js';
import { epochMs, instantOf, type Instant } from '../../src/kernel/instant.js';

const day = (number: number): Instant => instantOf(Date.UTC(2022, 9, number));

const credit = fc.record({
  creditId: fc.constantFrom('a', 'b', 'B', 'c'),
  appliedDay: fc.integer({ min: 1, max: 5 }),
  expiresDay: fc.integer({ min: 6, max: 9 }),
  held: fc.bigInt(0n, 20n),
  appliesTo: fc.subarray(['SP', 'SB']),
  spendKinds: fc.constantFrom(null, ['clicks'] as const, ['impressions'] as const, ['impressions', 'clicks'] as const),
  swept: fc.boolean(),
  revoked: fc.constantFrom(null, { at: day(1) }),
});

const credits: fc.Arbitrary<readonly Burnable[]> = fc
  .uniqueArray(credit, { maxLength: 4, selector: ({ creditId }) => creditId })
  .map((all) =>
    all.map(({ appliedDay, expiresDay, held, ...rest }) => ({
      ...rest,
      appliedAt: day(appliedDay),
      expiresAt: day(expiresDay),
      holding: holdingFrom(epochMs(day(appliedDay)), held),
    })),
  );

const kind = fc.constantFrom('clicks' as const, 'impressions' as const);

describe('burn-down', () => {
  it('pays all it may and no more, in order, and bills the rest', () => {
    fc.assert(
      fc.property(credits, kind, fc.bigInt(1n, 50n), fc.integer({ min: 0, max: 10 }), (given, of, cost, on) => {
        const { draws, billable } = burnDown(inBurnOrder(given), { product: 'SP', kind: of }, cost, day(on));
        const drawn = draws.reduce((sum, { amount }) => sum + amount, 0n);
        expect(drawn + billable).toBe(cost);

        const mayPay = given.filter(
          ({ appliedAt, expiresAt, appliesTo, spendKinds, swept, revoked }) =>
            !swept &&
            !revoked &&
            appliesTo.includes('SP') &&
            (spendKinds ?? ['clicks', 'impressions']).includes(of) &&
            appliedAt <= day(on) &&
            day(on) < expiresAt,
        );
        const most = mayPay.reduce((sum, { holding }) => sum + holding.after, 0n);
        expect(drawn).toBe(most < cost ? most : cost);

        draws.forEach(({ credit: drawnOn, amount }, index) => {
          expect(mayPay).toContain(drawnOn);
          expect(amount > 0n && amount <= drawnOn.holding.after).toBe(true);
          // All but the last to pay are emptied.
          if (index < draws.length - 1) expect(amount).toBe(drawnOn.holding.after);
        });
        const untouched = mayPay.filter(
          ({ holding }) => holding.after > 0n && !draws.some((d) => d.credit.holding === holding),
        );
        const last = draws.at(-1)?.credit;
        for (const other of untouched) if (last) expect(inBurnOrder([other, last])[0]).toBe(last);
      }),
      { numRuns: 500 },
    );
  });

  it('orders by expiry, then by when it was applied, then by the code units of the id; the given list stays', () => {
    const of = (creditId: string, appliedDay: number, expiresDay: number): Burnable => ({
      creditId,
      appliedAt: day(appliedDay),
      expiresAt: day(expiresDay),
      appliesTo: ['SP'],
      spendKinds: null,
      holding: holdingFrom(epochMs(day(appliedDay)), 1n),
      swept: false,
      revoked: null,
    });
    const given = [of('a', 2, 9), of('b', 1, 9), of('B', 1, 9), of('_', 1, 9), of('z', 5, 8)];
    const order = ({ creditId }: Burnable) => creditId;
    expect(inBurnOrder(given).map(order)).toEqual(['z', 'B', '_', 'b', 'a']);
    expect(given.map(order)).toEqual(['a', 'b', 'B', '_', 'z']);
  });
});
