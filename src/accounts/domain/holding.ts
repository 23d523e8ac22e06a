import type { Instant } from '../../kernel/instant.js';

/**
 * What a credit holds over effective time, as a list of its movements, latest first: at and after `at` (until the next
 * later movement) it holds `after`, in minor units. Immutable and shared: facts that come in order cost one node, a late
 * fact copies only what is later than itself.
 */
export interface Holding {
  readonly at: Instant;
  readonly after: bigint;
  readonly before: Holding | null;
  /** How many movements there are, this one and those before it. */
  readonly length: number;
}

const movement = (at: Instant, after: bigint, before: Holding | null): Holding => ({
  at,
  after,
  before,
  length: (before?.length ?? 0) + 1,
});

export const holdingFrom = (at: Instant, amount: bigint): Holding => movement(at, amount, null);

/** The least it holds at any instant from `at` on: what may be taken at `at` without overdrawing a later moment. */
export function leastFrom(holding: Holding, at: Instant): bigint {
  let least = holding.after;
  let node: Holding | null = holding;
  while (node !== null && node.at > at) {
    node = node.before;
    // Before its first movement a credit holds nothing.
    const held = node?.after ?? 0n;
    if (held < least) least = held;
  }
  return least;
}

/** The holding with `delta` put on (or taken off, when negative) from `at` on. */
export function moved(holding: Holding, at: Instant, delta: bigint): Holding {
  const later: Holding[] = [];
  let rest: Holding | null = holding;
  while (rest !== null && rest.at > at) {
    later.push(rest);
    rest = rest.before;
  }
  let result: Holding =
    rest?.at === at ? movement(at, rest.after + delta, rest.before) : movement(at, (rest?.after ?? 0n) + delta, rest);
  for (let i = later.length - 1; i >= 0; i -= 1) {
    const node = later[i]!;
    result = movement(node.at, node.after + delta, result);
  }
  return result;
}

/** Its movements, the earliest first: from when on it holds how much. */
export function movementsOf(holding: Holding): [at: Instant, after: bigint][] {
  const movements: [Instant, bigint][] = [];
  for (let node: Holding | null = holding; node !== null; node = node.before) movements.push([node.at, node.after]);
  return movements.reverse();
}

/** The holding that has these movements, of which there is one at least. */
export function holdingOf([first, ...rest]: readonly (readonly [at: Instant, after: bigint])[]): Holding {
  return rest.reduce((holding, [at, after]) => movement(at, after, holding), holdingFrom(...first!));
}
