import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore, Recorded } from '../../event-store/event-store.js';
import { CHECKPOINTS_STREAM } from '../../kernel/identifiers.js';
import type { CheckpointSigned } from '../domain/events.js';
import { eventHash, sealedEvent } from './event-hash.js';
import { nodeHash } from './merkle.js';
import { SealFile, TILE_LEVELS } from './seal-file.js';
import { SealsDamagedError } from './seal-tables.js';

/** The log holds something else than what was sealed or signed. */
export class SealBrokenError extends Error {
  override readonly name = 'SealBrokenError';
}

/** A checkpoint as the log has it. */
export type SignedEvent = Recorded & { readonly data: CheckpointSigned['data'] };

type Tree = Pick<SealFile, 'size' | 'subtree'>;

const TILE = 2 ** TILE_LEVELS;
const BATCH = 100;

/** By the log, not by the seals: others may sign, too. */
export async function lastSigned(store: EventStore): Promise<SignedEvent | undefined> {
  for await (const event of store.read(CHECKPOINTS_STREAM, { direction: 'backwards' })) return event as SignedEvent;
  return undefined;
}

/** Why the tree of the seals is none that a checkpoint's grew into; undefined when it is. */
export function brokenBy({ treeSize, rootHash }: CheckpointSigned['data'], seals: SealFile): string | undefined {
  const isWithin = Number.isSafeInteger(treeSize) && treeSize > 0 && treeSize <= seals.size;
  if (isWithin && seals.root(treeSize).toString('hex') === rootHash) return undefined;
  return `the log is not what the last checkpoint, of ${treeSize} events, signs`;
}

/**
 * What the next roots are made of, held against the log: the last events, the tiles that are not full, and the last
 * checkpoint. It costs the same whatever the size. Throws SealsDamagedError when these seals are not the log's.
 */
export async function checkEnds(store: EventStore, seals: SealFile): Promise<void> {
  if (seals.size === 0) return;
  await checkLastEvents(store, seals);
  for (let level = 1, count = above(seals.size); count > 0; level += 1, count = above(count)) {
    for (let index = count - (count % TILE); index < count; index += 1) checkTile(seals, level, index);
    await nextTurn();
  }
  const signed = (await lastSigned(store))?.data;
  if (!signed || signed.treeSize > seals.size || brokenBy(signed, seals) === undefined) return;
  // Seals that are the log's are kept: what they show is that the log was changed.
  if ((await rootOfLog(store, signed.treeSize)).equals(seals.root(signed.treeSize))) return;
  throw new SealsDamagedError(`they do not lead to the checkpoint of ${signed.treeSize} events, nor does the log`);
}

/** The full tiles, which proofs are made of, as long as `isWanted`. Throws SealsDamagedError. */
export async function checkFullTiles(seals: Tree, isWanted: () => boolean): Promise<void> {
  for (let level = 1, count = above(seals.size); count > 0; level += 1, count = above(count)) {
    for (let index = 0; index < count - (count % TILE); index += 1) {
      await nextTurn();
      if (!isWanted()) return;
      checkTile(seals, level, index);
    }
  }
}

const above = (count: number): number => Math.floor(count / TILE);

/** A hash of one level, and the tile of the level below that it is of. */
function checkTile(seals: Tree, level: number, index: number): void {
  const half = TILE_LEVELS * level - 1;
  const folded = nodeHash(seals.subtree(half, 2 * index), seals.subtree(half, 2 * index + 1));
  if (folded.equals(seals.subtree(TILE_LEVELS * level, index))) return;
  throw new SealsDamagedError(`the hashes of tile ${index} of level ${level - 1} are not those that the tree has`);
}

/** The events of the last tile, hashed again from the log. */
async function checkLastEvents(store: EventStore, seals: SealFile): Promise<void> {
  let index = seals.size - 1 - ((seals.size - 1) % TILE);
  const heads = new Map<string, string>();
  for await (const event of store.readAll({ after: index === 0 ? 0n : seals.positionAt(index - 1) })) {
    if (index === seals.size) return;
    const previous = heads.get(event.stream) ?? (await hashBefore(event, store, seals));
    const hash = eventHash(sealedEvent(event, previous));
    const isSealed = seals.positionAt(index) === event.position && hexEntry(seals, index) === hash;
    if (!isSealed) throw new SealsDamagedError(`event ${index}, ${event.id}, is another in the log`);
    heads.set(event.stream, hash);
    index += 1;
  }
  if (index < seals.size) throw new SealsDamagedError(`the log ends before event ${index}`);
}

async function hashBefore({ stream, revision }: Recorded, store: EventStore, seals: SealFile): Promise<string | null> {
  if (revision === 0) return null;
  for await (const { position } of store.read(stream, { from: revision - 1, direction: 'backwards' })) {
    const index = seals.indexAt(position);
    if (index === undefined) throw new SealsDamagedError(`the log has an event at position ${position}`);
    return hexEntry(seals, index);
  }
  return null;
}

const hexEntry = (seals: SealFile, index: number): string => seals.entry(index).toString('hex');

/** Of the first `size` events as the log has them now; nothing equals it when there are fewer. */
async function rootOfLog(store: EventStore, size: number): Promise<Buffer> {
  const tree = new SealFile('');
  try {
    let batch: Recorded[] = [];
    for await (const event of store.readAll()) {
      batch.push(event);
      const isLast = tree.size + batch.length === size;
      if (batch.length < BATCH && !isLast) continue;
      tree.add(batch);
      batch = [];
      if (isLast) return tree.root();
      await nextTurn();
    }
    return Buffer.alloc(0);
  } finally {
    tree.close();
  }
}
