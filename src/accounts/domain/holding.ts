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
}

export const holdingFrom = (at: Instant, amount: bigint): Holding => ({ at, after: amount, before: null });

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
    rest?.at === at
      ? { at, after: rest.after + delta, before: rest.before }
      : { at, after: (rest?.after ?? 0n) + delta, before: rest };
  for (let i = later.length - 1; i >= 0; i -= 1) {
    const node = later[i]!;
    result = { at: node.at, after: node.after + delta, before: result };
  }
  return result;
}
