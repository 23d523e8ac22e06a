import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore, Recorded } from '../../event-store/event-store.js';
import { CHECKPOINTS_STREAM } from '../../kernel/identifiers.js';
import type { CheckpointSigned } from '../domain/events.js';
import { eventHash, sealedEvent } from './event-hash.js';
import { SealFile } from './seal-file.js';
import { SealsDamagedError } from './seal-tables.js';
import type { Seals } from './seals.js';
import { TILE } from './tiles.js';

/** The log holds something else than what was sealed or signed. */
export class SealBrokenError extends Error {
  override readonly name = 'SealBrokenError';
}

/** A checkpoint as the log has it. */
export type SignedEvent = Recorded & { readonly data: CheckpointSigned['data'] };

const BATCH = 100;
/** So many full tiles are checked before others get their turn. */
const TILES = 16;

/** By the log, not by the seals: others may sign, too. */
export async function lastSigned(store: EventStore): Promise<SignedEvent | undefined> {
  for await (const event of store.read(CHECKPOINTS_STREAM, { direction: 'backwards' })) return event as SignedEvent;
  return undefined;
}

/** Why the tree of the seals is none that a checkpoint's grew into; undefined when it is. */
export async function brokenBy(
  { treeSize, rootHash }: CheckpointSigned['data'],
  seals: Seals,
): Promise<string | undefined> {
  const isWithin = Number.isSafeInteger(treeSize) && treeSize > 0 && treeSize <= seals.size;
  if (isWithin && (await seals.ask('root', treeSize)).toString('hex') === rootHash) return undefined;
  return `the log is not what the last checkpoint, of ${treeSize} events, signs`;
}

/**
 * What the next roots are made of, held against the log: the last events, the tiles that are not full, and the last
 * checkpoint. It costs the same whatever the size. Throws SealsDamagedError when these seals are not the log's.
 */
export async function checkEnds(store: EventStore, seals: Seals): Promise<void> {
  if (seals.size === 0) return;
  await checkLastEvents(store, seals);
  for (let level = 1, count = above(seals.size); count > 0; level += 1, count = above(count)) {
    await seals.ask('checkTiles', level, count - (count % TILE), count);
    await nextTurn();
  }
  const signed = (await lastSigned(store))?.data;
  if (!signed || signed.treeSize > seals.size || (await brokenBy(signed, seals)) === undefined) return;
  // Seals that are the log's are kept: what they show is that the log was changed.
  const root = await seals.ask('root', signed.treeSize);
  if (root.equals(await rootOfLog(store, signed.treeSize))) return;
  throw new SealsDamagedError(`they do not lead to the checkpoint of ${signed.treeSize} events, nor does the log`);
}

/** The full tiles, which proofs are made of, as long as `isWanted`. Throws SealsDamagedError. */
export async function checkFullTiles(seals: Pick<Seals, 'size' | 'ask'>, isWanted: () => boolean): Promise<void> {
  for (let level = 1, count = above(seals.size); count > 0; level += 1, count = above(count)) {
    const full = count - (count % TILE);
    for (let index = 0; index < full; index += TILES) {
      await nextTurn();
      if (!isWanted()) return;
      await seals.ask('checkTiles', level, index, index + TILES);
    }
  }
}

const above = (count: number): number => Math.floor(count / TILE);

/** The events of the last tile, hashed again from the log. */
async function checkLastEvents(store: EventStore, seals: Seals): Promise<void> {
  const { size } = seals;
  let index = size - 1 - ((size - 1) % TILE);
  const heads = new Map<string, string>();
  const after = index === 0 ? 0n : await seals.ask('positionAt', index - 1);
  for await (const event of store.readAll({ after })) {
    if (index === size) return;
    const previous = heads.get(event.stream) ?? (await hashBefore(event, store, seals));
    const hash = eventHash(sealedEvent(event, previous));
    const isInPlace = (await seals.ask('positionAt', index)) === event.position;
    if (!isInPlace || (await hashAt(seals, index)) !== hash)
      throw new SealsDamagedError(`event ${index}, ${event.id}, is another in the log`);
    heads.set(event.stream, hash);
    index += 1;
  }
  if (index < size) throw new SealsDamagedError(`the log ends before event ${index}`);
}

async function hashBefore({ stream, revision }: Recorded, store: EventStore, seals: Seals): Promise<string | null> {
  if (revision === 0) return null;
  for await (const { position } of store.read(stream, { from: revision - 1, direction: 'backwards' })) {
    const index = await seals.ask('indexAt', position);
    if (index === undefined) throw new SealsDamagedError(`the log has an event at position ${position}`);
    return hashAt(seals, index);
  }
  return null;
}

const hashAt = async (seals: Seals, index: number): Promise<string> =>
  (await seals.ask('entry', index)).toString('hex');

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
