import type { DatabaseSync } from 'node:sqlite';
import type { Position, Recorded } from '../../event-store/event-store.js';
import { CHECKPOINTS_STREAM } from '../../kernel/identifiers.js';
import type { CheckpointSigned } from '../domain/events.js';
import { eventHash, sealedEvent } from './event-hash.js';
import { consistencyPath, inclusionPath, rootOf } from './merkle.js';
import { differingPart, openSeals, openSealsToRead, prepareStatements, SealsDamagedError } from './seal-tables.js';
import { checkTiles, TILE, Tiles } from './tiles.js';

const POSITION_BYTES = 8;
/** Of so many streams the last event is remembered; of others it is looked up. */
const REMEMBERED_HEADS = 10_000;

/** The last event that is sealed. */
export interface SealedTo {
  readonly size: number;
  readonly position: Position;
  readonly stream: string;
  readonly eventId: string;
  readonly searched: Position;
}

export interface Head {
  readonly revision: number;
  /** In hexadecimal. */
  readonly hash: string;
}

/** An event's place in the log, the one before it in its stream, and its hash. */
export interface Sealing {
  readonly index: number;
  readonly head: Head | undefined;
  readonly entry: Buffer;
}

type Inspect = (event: Recorded, sealing: Sealing) => void;

/** A checkpoint that the log has, and where. */
export interface KeptCheckpoint {
  readonly data: CheckpointSigned['data'];
  readonly leafIndex: number;
  readonly position: Position;
}

/** Hashes, tree and checkpoints of a log, in a file beside it that can be made again from it. */
export class SealFile {
  private sealed: SealedTo | undefined;
  private places: bigint[] = [];
  /** Last events of streams that were looked up, and held against the tree, or added; with their places if they are not saved. */
  private readonly heads = new Map<string, Head>();
  private readonly unsaved = new Map<string, number>();
  private readonly db: DatabaseSync;
  private readonly statements;
  private readonly tiles: Tiles;

  /** `path` is a file, or '' for one that is gone when it is closed. Throws when it is damaged or somebody has it. */
  constructor(path: string, open = openSeals) {
    this.db = open(path);
    try {
      this.statements = prepareStatements(this.db);
      this.tiles = new Tiles(this.statements);
      this.load();
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /** To compare with: nothing is written, and `add` fails. Throws SealsInUseError, too. */
  static toRead(path: string): SealFile {
    return new SealFile(path, openSealsToRead);
  }

  /** How many events are sealed. */
  get size(): number {
    return this.sealed?.size ?? 0;
  }

  get last(): SealedTo | undefined {
    return this.sealed;
  }

  /** Seals the events that follow in the log, all or none; `inspect` sees each before it is added. */
  add(events: Iterable<Recorded>, inspect?: Inspect): void {
    this.transaction(() => {
      for (const event of events) this.addOne(event, this.size, inspect);
    });
  }

  /** Seals what stands in the place of an event that cannot be read. */
  addUnreadable(position: Position, standIn: Buffer): void {
    this.transaction(() => this.append(standIn, { position, stream: '', id: '' }));
  }

  /** The log has nothing more up to there. */
  searchedTo(position: Position): void {
    if (!this.sealed) return;
    this.statements.searched.run(position);
    this.sealed = { ...this.sealed, searched: position };
  }

  /** The hash of an event. */
  entry(index: number): Buffer {
    return this.tiles.entry(index);
  }

  /** The root of the first `size` events. */
  root(size = this.size): Buffer {
    return rootOf(size, this.tiles.subtree);
  }

  /** Leads from an event to the root of the first `size`. */
  inclusionPath(index: number, size: number): Buffer[] {
    return inclusionPath(index, size, this.tiles.subtree);
  }

  /** Leads from the tree of the first `first` events to that of the first `second`. */
  consistencyPath(first: number, second: number): Buffer[] {
    return consistencyPath(first, second, this.tiles.subtree);
  }

  /** Holds the hashes [from, to) of a level of tiles against the tiles below. Throws SealsDamagedError. */
  checkTiles(level: number, from: number, to: number): void {
    checkTiles(this.tiles.subtree, level, from, to);
  }

  positionAt(index: number): Position {
    const number = Math.floor(index / TILE);
    const at = (index % TILE) * POSITION_BYTES;
    const row = this.statements.place.get(number) as { positions: Uint8Array } | undefined;
    if (!row || row.positions.length < at + POSITION_BYTES)
      throw new SealsDamagedError(`no position of event ${index}`);
    return Buffer.from(row.positions).readBigInt64BE(at);
  }

  /** The place in the log of the event at a position; undefined when no event is sealed there. */
  indexAt(position: Position): number | undefined {
    const row = this.statements.placeOf.get(position) as { tile: bigint; positions: Uint8Array } | undefined;
    if (!row) return undefined;
    const positions = Buffer.from(row.positions);
    for (let at = 0; at < positions.length; at += POSITION_BYTES) {
      if (positions.readBigInt64BE(at) === position) return Number(row.tile) * TILE + at / POSITION_BYTES;
    }
    return undefined;
  }

  /** The last event of a stream: all that follows in it rests on that hash, so it must be the tree's, too. */
  head(stream: string): Head | undefined {
    const remembered = this.heads.get(stream);
    if (remembered) return remembered;
    const row = this.statements.head.get(stream);
    if (!row) return undefined;
    const { revision, hash, leafIndex } = row as { revision: bigint; hash: Uint8Array; leafIndex: bigint };
    if (!this.entry(Number(leafIndex)).equals(hash))
      throw new SealsDamagedError(`the seals have two hashes of the last event of ${stream}`);
    const head = { revision: Number(revision), hash: Buffer.from(hash).toString('hex') };
    this.heads.set(stream, head);
    return head;
  }

  /** The checkpoints whose trees have more than `after` events and whose events lie up to `known`, the smallest first. */
  checkpoints(after: number, limit: number, known: Position = 2n ** 63n - 1n): KeptCheckpoint[] {
    return this.statements.checkpoints.all(after, known, limit).map(checkpointOf);
  }

  /** The first checkpoint of at least so many events. */
  checkpointFrom(size: number): KeptCheckpoint | undefined {
    return this.statements.checkpoints.all(size - 1, 2n ** 63n - 1n, 1).map(checkpointOf)[0];
  }

  latestCheckpoint(): KeptCheckpoint | undefined {
    return this.statements.latestCheckpoint.all().map(checkpointOf)[0];
  }

  /** How many of the events between two places of the log, the second excluded, are checkpoints. */
  checkpointsBetween(from: number, to: number): number {
    return Number(this.statements.checkpointsBetween.get(from, to)!['count']);
  }

  /** Where in the log an event with that hash is, from a place on; it looks at all of them. */
  findEntry(entry: Buffer, from: number): number | undefined {
    return this.tiles.find(entry, from, this.size);
  }

  /** Which part of the file is not as in another of as many events; undefined: none. */
  differsIn(other: SealFile): string | undefined {
    return differingPart(this.db, other.db);
  }

  get isOpen(): boolean {
    return this.db.isOpen;
  }

  close(): void {
    if (this.isOpen) this.db.close();
  }

  private addOne(event: Recorded, index: number, inspect?: Inspect): void {
    const head = this.head(event.stream);
    const hash = eventHash(sealedEvent(event, head?.hash ?? null));
    const entry = Buffer.from(hash, 'hex');
    inspect?.(event, { index, head, entry });
    this.append(entry, event);
    this.heads.set(event.stream, { revision: event.revision, hash });
    this.unsaved.set(event.stream, index);
    if (event.stream !== CHECKPOINTS_STREAM || event.type !== 'CheckpointSigned') return;
    const { treeSize } = event.data as CheckpointSigned['data'];
    if (Number.isSafeInteger(treeSize))
      this.statements.addCheckpoint.run(treeSize, index, event.position, JSON.stringify(event.data));
  }

  private append(entry: Buffer, { position, stream, id }: Pick<Recorded, 'position' | 'stream' | 'id'>): void {
    this.tiles.push(entry);
    this.places.push(position);
    if (this.places.length === TILE) {
      this.savePlaces(Math.floor(this.size / TILE));
      this.places = [];
    }
    this.sealed = { size: this.size + 1, position, stream, eventId: id, searched: position };
  }

  private transaction(write: () => void): void {
    this.statements.begin.run();
    try {
      write();
      this.tiles.save();
      if (this.places.length > 0) this.savePlaces(Math.floor(this.size / TILE));
      const { size, position, stream, eventId, searched } = this.sealed!;
      this.statements.save.run(size, position, stream, eventId, searched);
      this.saveHeads();
      this.statements.commit.run();
    } catch (error) {
      if (this.db.isTransaction) this.statements.rollback.run();
      this.load();
      throw error;
    }
  }

  private saveHeads(): void {
    for (const [stream, index] of this.unsaved) {
      const { revision, hash } = this.heads.get(stream)!;
      this.statements.setHead.run(stream, revision, Buffer.from(hash, 'hex'), index);
    }
    this.unsaved.clear();
    if (this.heads.size > REMEMBERED_HEADS) this.heads.clear();
  }

  private savePlaces(number: number): void {
    const packed = Buffer.alloc(this.places.length * POSITION_BYTES);
    this.places.forEach((position, at) => packed.writeBigInt64BE(position, at * POSITION_BYTES));
    this.statements.savePlaces.run(number, this.places[0]!, packed);
  }

  /** What the file says; what was not committed is forgotten. */
  private load(): void {
    this.heads.clear();
    this.unsaved.clear();
    const row = this.statements.load.get() as (Omit<SealedTo, 'size'> & { size: bigint }) | undefined;
    this.sealed = row && { ...row, size: Number(row.size) };
    this.tiles.load(this.size);
    const first = this.size - (this.size % TILE);
    this.places = Array.from({ length: this.size % TILE }, (_, at) => this.positionAt(first + at));
  }
}

function checkpointOf(row: Record<string, unknown>): KeptCheckpoint {
  const { data, leafIndex, position } = row as { data: string; leafIndex: bigint; position: bigint };
  return { data: JSON.parse(data) as CheckpointSigned['data'], leafIndex: Number(leafIndex), position };
}
