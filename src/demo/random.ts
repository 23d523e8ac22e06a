const GOLDEN_RATIO_32 = 0x9e3779b1;

/**
 * Repeatable chance (mulberry32, in 32-bit integers): one seed gives one season, on every machine. Nothing here touches a
 * float, so no engine can round it otherwise.
 */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** An independent source for the nth part of a whole, so that one part's length does not shift the others. */
  fork(n: number): Random {
    return new Random(new Random(this.state ^ Math.imul(n + 1, GOLDEN_RATIO_32)).next32());
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    const range = BigInt(high - low + 1);
    return low + Number((BigInt(this.next32()) * range) >> 32n);
  }

  /** True in `perThousand` of a thousand cases. */
  chance(perThousand: number): boolean {
    return this.between(1, 1000) <= perThousand;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.between(0, items.length - 1)] ?? items[0];
  }

  /** One of the items, each as often as its weight says; weights are whole numbers. */
  weighted<T extends { readonly weight: number }>(items: readonly [T, ...T[]]): T {
    let left = this.between(
      1,
      items.reduce((sum, item) => sum + item.weight, 0),
    );
    return items.find((item) => (left -= item.weight) <= 0) ?? items[0];
  }

  /** So many different items (all, when there are fewer), in the order drawn. */
  sample<T extends { readonly weight: number }>(items: readonly [T, ...T[]], count: number): readonly T[] {
    const drawn: T[] = [];
    let rest: readonly T[] = items;
    while (drawn.length < count && isFilled(rest)) {
      const item = this.weighted(rest);
      drawn.push(item);
      rest = rest.filter((other) => other !== item);
    }
    return drawn;
  }

  /** Capital letters and digits, as platforms like them in their ids. */
  letters(length: number): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
    return Array.from({ length }, () => alphabet.charAt(this.between(0, alphabet.length - 1))).join('');
  }

  private next32(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}

const isFilled = <T>(items: readonly T[]): items is readonly [T, ...T[]] => items.length > 0;
