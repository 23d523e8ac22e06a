import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { Lanes } from '../../src/read-models/lanes.js';

const OWNER = 7;

function lanesOf(effectiveTimes: readonly number[], amountOf = (index: number) => BigInt(index + 1)) {
  const db = new ReadModelDatabase(':memory:');
  const lanes = new Lanes(db, 'test_lanes', ['amount', 'opposite']);
  effectiveTimes.forEach((effectiveMs, index) => {
    const amount = amountOf(index);
    lanes.add(OWNER, effectiveMs, BigInt(index + 1), [amount, -amount]);
  });
  return { db, lanes };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('lanes', () => {
  it('sum what is effective and known, in any order of arrival, as adding up does', () => {
    const histories = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 120 }),
      // Long falling stretches fill the rising lanes and go on in falling ones.
      fc.array(fc.integer({ min: -3, max: 1 }), { minLength: 30, maxLength: 150 }).map((steps) => {
        let at = 500;
        return steps.map((step) => (at += step));
      }),
    );
    fc.assert(
      fc.property(histories, fc.infiniteStream(fc.nat()), (times, dice) => {
        const { db, lanes } = lanesOf(times);
        for (let i = 0; i < 20; i += 1) {
          const asOf = (times[dice.next().value! % (times.length + 1)] ?? 15) - (dice.next().value! % 2);
          const known = dice.next().value! % (times.length + 2);
          let sum = 0n;
          times.forEach((at, index) => (sum += at <= asOf && index < known ? BigInt(index + 1) : 0n));
          if (i === 10) lanes.forget();
          expect(lanes.sums(OWNER, asOf, BigInt(known))).toEqual([sum, -sum]);
          expect(lanes.sums(OWNER + 1, asOf, BigInt(known))).toEqual([0n, 0n]);
        }
        db.close();
      }),
      { numRuns: 150 },
    );
  });

  it('goes on with the lanes that are stored', () => {
    const times = [5, 9, 3, 3, 8, 1, ...upTo(20).map((index) => -index), 7];
    const { db, lanes } = lanesOf(times);
    const before = lanes.lanesOf(OWNER);
    lanes.forget();
    expect(lanes.lanesOf(OWNER)).toBe(before);
    lanes.add(OWNER, 2, 100n, [1000n, 0n]);
    const sumAt2 = times.reduce((sum, at, index) => (at <= 2 ? sum + BigInt(index + 1) : sum), 1000n);
    expect(lanes.sums(OWNER, 2, 100n)[0]).toBe(sumAt2);
    db.close();
  });

  it('are seen by who asks while another thread, or another connection, adds to them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
    const [writing, reading] = [0, 1].map(() => new ReadModelDatabase(join(folder, 'lanes.db'))) as [
      ReadModelDatabase,
      ReadModelDatabase,
    ];
    const [writer, reader] = [writing, reading].map((each) => new Lanes(each, 'test_lanes', ['amount'])) as [
      Lanes,
      Lanes,
    ];
    expect(reader.sums(OWNER, 100, 100n)).toEqual([0n]);
    [50, 40, 60].forEach((effectiveMs, index) => {
      writer.add(OWNER, effectiveMs, BigInt(index + 1), [7n]);
      expect(reader.sums(OWNER, 100, 100n)).toEqual([7n * BigInt(index + 1)]);
      expect(reader.lanesOf(OWNER)).toBe(writer.lanesOf(OWNER));
    });
    for (const each of [writing, reading]) each.close();
    rmSync(folder, { recursive: true });
  });

  it('are few', () => {
    const count = 3000;
    const shuffled = upTo(count).map((index) => (index * 7919) % count);
    const lanesFor = (times: readonly number[]) => {
      const { db, lanes } = lanesOf(times);
      const used = lanes.lanesOf(OWNER);
      db.close();
      return used;
    };
    expect(lanesFor(upTo(count))).toBe(1);
    expect(lanesFor(upTo(count).map((index) => (index % 100 === 50 ? index - 40 : index)))).toBe(2);
    expect(lanesFor(upTo(count).map((index) => -index))).toBeLessThanOrEqual(17);
    expect(lanesFor(shuffled)).toBeLessThanOrEqual(4 * Math.sqrt(count));
  });

  it('stay exact beyond 64 bits', () => {
    const { db, lanes } = lanesOf(upTo(30), () => 10n ** 18n + 1n);
    expect(lanes.sums(OWNER, 30, 30n)).toEqual([30n * 10n ** 18n + 30n, -30n * 10n ** 18n - 30n]);
    db.close();
  });
});
