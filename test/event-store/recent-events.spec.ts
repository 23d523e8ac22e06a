import { describe, expect, it } from '@jest/globals';
import { RecentEvents, type Sized } from '../../src/event-store/recent-events.js';

const event = (position: number, size = 1) => ({ position: BigInt(position), size }) as Sized;
const events = (from: number, to: number, size?: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => event(from + index, size));
const positions = (found: readonly { position: bigint }[] | undefined) =>
  found?.map(({ position }) => Number(position));

describe('the events that are kept for followers', () => {
  it('are those of the commits since the first, without a gap', () => {
    const recent = new RecentEvents();
    expect(recent.between(0n, 1n)).toBeUndefined();
    recent.add(events(7, 9));
    recent.add([]);
    recent.add(events(10, 12));
    expect(positions(recent.between(6n, 12n))).toEqual([7, 8, 9, 10, 11, 12]);
    expect(positions(recent.between(8n, 10n))).toEqual([9, 10]);
    expect(positions(recent.between(12n, 12n))).toEqual([]);
    expect(recent.between(5n, 8n)).toBeUndefined();
    expect(recent.between(11n, 13n)).toBeUndefined();
  });

  it('begin anew where some are missing', () => {
    const recent = new RecentEvents();
    recent.add(events(1, 5));
    recent.add(events(8, 9));
    expect(recent.between(4n, 5n)).toBeUndefined();
    expect(recent.between(4n, 9n)).toBeUndefined();
    expect(positions(recent.between(7n, 9n))).toEqual([8, 9]);
  });

  it('are so many at most: the oldest give way', () => {
    const recent = new RecentEvents();
    for (let from = 1; from <= 100_000; from += 1000) recent.add(events(from, from + 999));
    expect(recent.between(100_000n - 8193n, 100_000n)).toBeUndefined();
    const kept = positions(recent.between(100_000n - 8192n, 100_000n))!;
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([8192, 91_809, 100_000]);
    expect(kept.every((position, index) => position === kept[0]! + index)).toBe(true);
  });

  it('are of so much text at most, and one is kept however large it is', () => {
    const recent = new RecentEvents();
    const large = 2.5 * 1024 * 1024;
    recent.add(events(1, 5, large));
    expect(recent.between(1n, 5n)).toBeUndefined();
    expect(positions(recent.between(2n, 5n))).toEqual([3, 4, 5]);
    recent.add([event(6, 5 * large)]);
    expect(recent.between(4n, 6n)).toBeUndefined();
    expect(positions(recent.between(5n, 6n))).toEqual([6]);
  });
});
