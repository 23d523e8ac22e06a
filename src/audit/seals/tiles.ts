import { HASH_BYTES } from './event-hash.js';
import { foldHashes, leafHash, nodeHash, type Subtrees } from './merkle.js';
import { type prepareStatements, SealsDamagedError } from './seal-tables.js';

/**
 * The tree is kept as tiles of 256 hashes: those of level 0 are event hashes, each of level n + 1 is the root of a full
 * tile of level n. A proof reads a few tiles, and the log's growth rewrites the last of each level.
 */
const TILE_LEVELS = 8;
export const TILE = 2 ** TILE_LEVELS;
const TILE_BYTES = TILE * HASH_BYTES;

/** The last tile of a level, which is not full. */
interface OpenTile {
  readonly hashes: Buffer;
  number: number;
  count: number;
}

const tileKey = (level: number, number: number): bigint => BigInt(level) * 2n ** 40n + BigInt(number);

/** The tiles of a file; full ones are in it, and the others when they are saved. */
export class Tiles {
  private open: OpenTile[] = [];

  constructor(private readonly statements: Pick<ReturnType<typeof prepareStatements>, 'tile' | 'saveTile'>) {}

  /** The ends of the tree of `size` events as the file has them. */
  load(size: number): void {
    this.open = [];
    for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE)) {
      const number = Math.floor(count / TILE);
      const tile = { number, count: count % TILE, hashes: Buffer.alloc(TILE_BYTES) };
      const kept = this.tile(level, number);
      if (kept.length !== tile.count * HASH_BYTES) throw new SealsDamagedError('the seals lack the end of the tree');
      kept.copy(tile.hashes);
      this.open[level] = tile;
    }
  }

  /** Adds the hash of an event. */
  push(hash: Buffer, level = 0): void {
    const tile = (this.open[level] ??= { number: 0, count: 0, hashes: Buffer.alloc(TILE_BYTES) });
    hash.copy(tile.hashes, tile.count * HASH_BYTES);
    tile.count += 1;
    if (tile.count < TILE) return;
    this.saveTile(level, tile);
    const root = foldHashes(level === 0 ? leavesOf(tile.hashes) : tile.hashes);
    tile.number += 1;
    tile.count = 0;
    this.push(root, level + 1);
  }

  save(): void {
    this.open.forEach((tile, level) => tile.count > 0 && this.saveTile(level, tile));
  }

  /** The hash of an event. */
  entry(index: number): Buffer {
    const at = (index % TILE) * HASH_BYTES;
    const entry = this.tile(0, Math.floor(index / TILE)).subarray(at, at + HASH_BYTES);
    if (entry.length !== HASH_BYTES) throw new SealsDamagedError(`the seals have no hash of event ${index}`);
    return Buffer.from(entry);
  }

  readonly subtree = (level: number, index: number): Buffer => {
    const tileLevel = Math.floor(level / TILE_LEVELS);
    const count = 2 ** (level % TILE_LEVELS);
    const first = index * count;
    const from = (first % TILE) * HASH_BYTES;
    const hashes = this.tile(tileLevel, Math.floor(first / TILE)).subarray(from, from + count * HASH_BYTES);
    if (hashes.length !== count * HASH_BYTES) throw new SealsDamagedError('the seals lack a part of the tree');
    return foldHashes(tileLevel === 0 ? leavesOf(hashes) : hashes);
  };

  /** Where an event with that hash is, from a place on and before another; it looks at all of them. */
  find(entry: Buffer, from: number, before: number): number | undefined {
    for (let number = Math.floor(from / TILE); number * TILE < before; number += 1) {
      const hashes = this.tile(0, number);
      const start = Math.max(from - number * TILE, 0) * HASH_BYTES;
      for (let at = hashes.indexOf(entry, start); at !== -1; at = hashes.indexOf(entry, at + 1)) {
        if (at % HASH_BYTES === 0) return number * TILE + at / HASH_BYTES;
      }
    }
    return undefined;
  }

  private tile(level: number, number: number): Buffer {
    const open = this.open[level];
    if (open?.number === number) return open.hashes.subarray(0, open.count * HASH_BYTES);
    const row = this.statements.tile.get(tileKey(level, number)) as { hashes: Uint8Array } | undefined;
    const { buffer, byteOffset, length } = row?.hashes ?? new Uint8Array();
    return Buffer.from(buffer, byteOffset, length);
  }

  private saveTile(level: number, { number, count, hashes }: OpenTile): void {
    this.statements.saveTile.run(tileKey(level, number), hashes.subarray(0, count * HASH_BYTES));
  }
}

/** Throws SealsDamagedError when hashes of a level of tiles are not the roots of the tiles of the level below. */
export function checkTiles(subtree: Subtrees, level: number, from: number, to: number): void {
  const half = TILE_LEVELS * level - 1;
  for (let index = from; index < to; index += 1) {
    const folded = nodeHash(subtree(half, 2 * index), subtree(half, 2 * index + 1));
    if (folded.equals(subtree(TILE_LEVELS * level, index))) continue;
    throw new SealsDamagedError(`the hashes of tile ${index} of level ${level - 1} are not those that the tree has`);
  }
}

/** The leaves of the tree (RFC 9162) over packed event hashes. */
function leavesOf(entries: Buffer): Buffer {
  const leaves = Buffer.allocUnsafe(entries.length);
  for (let at = 0; at < entries.length; at += HASH_BYTES) {
    leafHash(entries.subarray(at, at + HASH_BYTES)).copy(leaves, at);
  }
  return leaves;
}
