import { HASH_BYTES, sha256 } from './event-hash.js';

/**
 * The Merkle tree of RFC 9162, section 2.1, over event hashes in the order of the log. All of it is put together from
 * complete subtrees: the one at (`level`, `index`) has the 2^level leaves from index × 2^level on. A tree of n leaves
 * needs at most log2(n) of them, and they never change as the log grows.
 */
export type Subtrees = (level: number, index: number) => Buffer;

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

export const leafHash = (entry: Uint8Array): Buffer => sha256(Buffer.concat([LEAF, entry]));
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.concat([NODE, left, right]));

/** Of no events at all. */
export const EMPTY_ROOT: Buffer = sha256('');

/** The root of the first `size` leaves. */
export const rootOf = (size: number, subtree: Subtrees): Buffer =>
  size === 0 ? EMPTY_ROOT : rangeHash(0, size, subtree);

/** What leads from a leaf to the root of the first `size` (2.1.3.1), from the bottom up. `index` is below `size`. */
export function inclusionPath(index: number, size: number, subtree: Subtrees): Buffer[] {
  const path: Buffer[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    const isLeft = index < middle;
    path.push(isLeft ? rangeHash(middle, to, subtree) : rangeHash(from, middle, subtree));
    if (isLeft) to = middle;
    else from = middle;
  }
  return path.reverse();
}

/** What shows that the first `first` leaves are a beginning of the first `second` (2.1.4.1); `first` from 1 to `second`. */
export function consistencyPath(first: number, second: number, subtree: Subtrees): Buffer[] {
  const path: Buffer[] = [];
  let [from, to] = [0, second];
  while (to !== first) {
    const middle = from + splitOf(to - from);
    const isLeft = first <= middle;
    path.push(isLeft ? rangeHash(middle, to, subtree) : rangeHash(from, middle, subtree));
    if (isLeft) to = middle;
    else from = middle;
  }
  // The old tree itself is known to whoever asks; a part of it, to which the path led, is not.
  if (from > 0) path.push(rangeHash(from, to, subtree));
  return path.reverse();
}

/** The root over leaves [from, to), where `from` is a multiple of the largest power of two that fits in between. */
function rangeHash(from: number, to: number, subtree: Subtrees): Buffer {
  const count = to - from;
  const level = Math.floor(Math.log2(count));
  const whole = 2 ** level;
  const left = subtree(level, from / whole);
  return count === whole ? left : nodeHash(left, rangeHash(from + whole, to, subtree));
}

/** The largest power of two below `count`. */
const splitOf = (count: number): number => 2 ** (Math.ceil(Math.log2(count)) - 1);

/** The root over hashes of one level, packed one after the other; their number is a power of two. */
export function foldHashes(hashes: Buffer): Buffer {
  let row = hashes;
  while (row.length > HASH_BYTES) {
    const above = Buffer.allocUnsafe(row.length / 2);
    for (let at = 0; at < row.length; at += 2 * HASH_BYTES) {
      nodeHash(row.subarray(at, at + HASH_BYTES), row.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES)).copy(
        above,
        at / 2,
      );
    }
    row = above;
  }
  return Buffer.from(row);
}
