import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import {
  holdingFrom,
  holdingOf,
  leastFrom,
  moved,
  movementsOf,
  type Holding,
} from '../../src/accounts/domain/holding.js';

interface Movement {
  readonly minute: number;
  readonly delta: bigint;
}

const MINUTES = 12;
const minuteOf = (minute: number): number => Date.UTC(2022, 9, 4) + minute * 60_000;

/** What the list of movements comes to at a minute, by adding up. */
const heldAt = (movements: readonly Movement[], minute: number): bigint =>
  movements.reduce((sum, { minute: at, delta }) => (at <= minute ? sum + delta : sum), 0n);

/** The least from a minute on, by looking at every one. */
function naiveLeast(movements: readonly Movement[], from: number): bigint {
  let least = heldAt(movements, from);
  for (let minute = from + 1; minute <= MINUTES; minute += 1) {
    const held = heldAt(movements, minute);
    if (held < least) least = held;
  }
  return least;
}

const movement = fc.record({ minute: fc.integer({ min: 0, max: MINUTES }), delta: fc.bigInt(-9n, 9n) });

describe('a holding', () => {
  it('has the same least at every minute as a list that is added up, whatever the order of movements', () => {
    fc.assert(
      fc.property(movement, fc.array(movement, { maxLength: 25 }), (first, rest) => {
        const movements = [first];
        let holding = holdingFrom(minuteOf(first.minute), first.delta);
        for (const next of rest) {
          movements.push(next);
          holding = moved(holding, minuteOf(next.minute), next.delta);
          for (let minute = -1; minute <= MINUTES + 1; minute += 1) {
            expect(leastFrom(holding, minuteOf(minute))).toBe(naiveLeast(movements, minute));
          }
          expect(holding.after).toBe(heldAt(movements, MINUTES));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is left as it was by a movement, early or late', () => {
    const before = moved(holdingFrom(minuteOf(0), 10n), minuteOf(5), -3n);
    const text = (holding: Holding) =>
      JSON.stringify(holding, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
    const was = text(before);
    moved(before, minuteOf(2), -4n);
    moved(before, minuteOf(5), -4n);
    moved(before, minuteOf(9), -4n);
    expect(text(before)).toBe(was);
  });

  it('shares what is not later than a late movement', () => {
    const early = holdingFrom(minuteOf(0), 10n);
    const late = moved(moved(early, minuteOf(5), -3n), minuteOf(2), -1n);
    expect(late.before?.before).toBe(early);
  });

  it('is laid in memory in one way, and rightly, however many movements come in whatever order', () => {
    // The greatest that a number holds exactly is passed, or is not reached.
    const amount = fc.constantFrom(1n, BigInt(Number.MAX_SAFE_INTEGER) - 50n);
    const all = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 100, maxLength: 300 });
    fc.assert(
      fc.property(amount, all, (granted, minutes) => {
        const [first, ...rest] = minutes;
        let holding = holdingFrom(minuteOf(first!), granted);
        for (const minute of rest) holding = moved(holding, minuteOf(minute), 1n);
        const inOrder = [...new Set(minutes)].sort((a, b) => a - b);
        const movements = inOrder.map((minute): [number, bigint] => [
          minuteOf(minute),
          BigInt(rest.filter((each) => each <= minute).length) + (first! <= minute ? granted : 0n),
        ]);
        expect(movementsOf(holding)).toEqual(movements);
        expect(holding.length).toBe(movements.length);
        expect(isDeepStrictEqual(holding, holdingOf(movements))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('holds nothing before its first movement', () => {
    expect(leastFrom(holdingFrom(minuteOf(3), 10n), minuteOf(2))).toBe(0n);
    expect(leastFrom(holdingFrom(minuteOf(3), 10n), minuteOf(3))).toBe(10n);
  });
});
