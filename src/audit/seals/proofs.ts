import type { EventStore, Position, Recorded } from '../../event-store/event-store.js';
import { canonicalJson } from '../../kernel/canonical-json.js';
import { epochMs, type Instant } from '../../kernel/instant.js';
import { refuse, type Refusal } from '../../kernel/refusal.js';
import type { CheckpointSigned } from '../domain/events.js';
import { SealsLagError } from './checkpoints.js';
import { eventHash, sealedEvent, type SealedEvent } from './event-hash.js';
import type { Sealer } from './sealer.js';
import { brokenBy, SealBrokenError } from './soundness.js';

/** An event by its position, or by its place in its stream. */
export type EventPlace = { readonly position: Position } | { readonly stream: string; readonly revision: number };

export type CheckpointView = CheckpointSigned['data'];

/** Hashes are in hexadecimal; a path leads from the bottom of the tree up, as RFC 9162 has it. */
export interface InclusionProof {
  readonly event: SealedEvent;
  /** The event as it is hashed. */
  readonly canonical: string;
  readonly position: string;
  readonly hash: string;
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly rootHash: string;
  readonly path: readonly string[];
  /** The one that signed this tree; null when none did. */
  readonly checkpoint: CheckpointView | null;
}

interface Tree {
  readonly treeSize: number;
  readonly rootHash: string;
  readonly checkpoint: CheckpointView | null;
}

export interface ConsistencyProof {
  readonly from: Tree;
  readonly to: Tree;
  readonly path: readonly string[];
}

export interface SealStatus {
  readonly treeSize: number;
  readonly rootHash: string;
  /** Of the last event that is sealed, 0 when none is. */
  readonly position: string;
  /** The log's last position. */
  readonly head: string;
  /** Events that are not sealed yet, counted up to 1000. */
  readonly lagEvents: number;
  /** Since the first of them was recorded; 0 when all are sealed. */
  readonly lagSeconds: number;
  /** Events that no checkpoint covers, other checkpoints included. */
  readonly uncoveredEvents: number;
  readonly lastCheckpoint: CheckpointView | null;
  /** Why sealing stands still; or `seal-broken: …`, when it goes on, and nothing is signed. */
  readonly failure: string | null;
}

const LAG_COUNTED = 1000;
/** How long an answer waits for the seals, in ms. */
const PATIENCE_MS = 5000;

/** What auditors ask of the seals. */
export class Proofs {
  constructor(
    private readonly store: EventStore,
    private readonly sealer: Sealer,
    /** The real time: `recordedAt` is real, too. */
    private readonly now: () => Instant,
  ) {}

  async status(): Promise<SealStatus> {
    const { seals, failed } = this.sealer;
    const head = await this.store.head();
    const last = (await seals.ask('latestCheckpoint'))?.data ?? null;
    const { size, position = 0n } = seals.last ?? { size: 0 };
    let lagEvents = 0;
    let lagMs = 0;
    for await (const { recordedAt } of this.store.readAll({ after: position })) {
      if (lagEvents === 0) lagMs = epochMs(this.now()) - epochMs(recordedAt);
      lagEvents += 1;
      if (lagEvents === LAG_COUNTED) break;
    }
    const broken = last && (await brokenBy(last, seals));
    return {
      treeSize: size,
      rootHash: hex(await seals.ask('root', size)),
      position: String(position),
      head: String(head),
      lagEvents,
      lagSeconds: Math.max(lagMs / 1000, 0),
      uncoveredEvents: size - (last?.treeSize ?? 0),
      lastCheckpoint: last,
      failure: failed?.message ?? (broken ? `seal-broken: ${broken}` : null),
    };
  }

  /** Checkpoints by tree size; `after` is the tree size of the last one that was listed. */
  async checkpoints(
    after: number,
    limit: number,
    known: Position,
  ): Promise<{ items: CheckpointView[]; next: number | null }> {
    const kept = (await this.sealer.seals.ask('checkpoints', after, limit + 1, known)).map(({ data }) => data);
    const items = kept.slice(0, limit);
    return { items, next: kept.length > limit ? items.at(-1)!.treeSize : null };
  }

  /** The last position that is sealed, waiting for one that it is to include. Throws SealsLagError. */
  async sealedTo(position: Position): Promise<Position> {
    if (await this.sealer.reached(position, PATIENCE_MS)) return this.sealed;
    throw new SealsLagError(`sealing has not come to position ${position} yet`);
  }

  async latest(): Promise<CheckpointView | Refusal> {
    return (await this.lastCheckpoint()) ?? refuse('no-checkpoint', 'No checkpoint was signed yet.');
  }

  /**
   * That an event is in the log, in the tree of the first `treeSize` events; by default the one of the last checkpoint.
   * Throws SealsLagError and SealBrokenError.
   */
  async inclusion(place: EventPlace, treeSize?: number): Promise<InclusionProof | Refusal> {
    const { seals } = this.sealer;
    const event = await this.find(place);
    if (!event) return refuse('unknown-event', 'There is no such event in the log.');
    const leafIndex = await this.indexOf(event);
    const size = treeSize ?? (await this.lastCheckpoint())?.treeSize ?? 0;
    if (treeSize === undefined && leafIndex >= size) {
      return refuse('no-checkpoint', `No checkpoint covers event ${leafIndex} yet: ask for one, or for a treeSize.`);
    }
    const fault = this.faultIn('treeSize', size, leafIndex + 1);
    if (fault) return fault;
    const sealed = sealedEvent(event, await this.hashBefore(event));
    const hash = eventHash(sealed);
    if (hash !== hex(await seals.ask('entry', leafIndex)))
      throw new SealBrokenError(`${event.id} is not what was sealed`);
    return {
      event: sealed,
      canonical: canonicalJson(sealed),
      position: String(event.position),
      hash,
      leafIndex,
      ...(await this.tree(size)),
      path: (await seals.ask('inclusionPath', leafIndex, size)).map(hex),
    };
  }

  /** That the first `from` events are the beginning of the first `to`; by default those of the last checkpoint. */
  async consistency(from: number, until?: number): Promise<ConsistencyProof | Refusal> {
    const to = until ?? (await this.lastCheckpoint())?.treeSize;
    if (to === undefined) return refuse('no-checkpoint', 'No checkpoint was signed yet: say `to`.');
    const fault = this.faultIn('to', to, 1) ?? this.faultIn('from', from, 1, to);
    if (fault) return fault;
    const path = (await this.sealer.seals.ask('consistencyPath', from, to)).map(hex);
    return { from: await this.tree(from), to: await this.tree(to), path };
  }

  private get sealed(): Position {
    return this.sealer.seals.last?.position ?? 0n;
  }

  private async lastCheckpoint(): Promise<CheckpointView | undefined> {
    return (await this.sealer.seals.ask('latestCheckpoint'))?.data;
  }

  private async tree(treeSize: number): Promise<Tree> {
    const { seals } = this.sealer;
    const signed = (await seals.ask('checkpointFrom', treeSize))?.data;
    const checkpoint = signed?.treeSize === treeSize ? signed : null;
    return { treeSize, rootHash: hex(await seals.ask('root', treeSize)), checkpoint };
  }

  private faultIn(field: string, size: number, least: number, most = this.sealer.seals.size): Refusal | undefined {
    if (size >= least && size <= most) return undefined;
    const message = `must be from ${least} to ${most}, and is ${size}`;
    return refuse('invalid-command', 'The query has a fault.', [{ path: `/${field}`, message }]);
  }

  private async find(place: EventPlace): Promise<Recorded | undefined> {
    const events =
      'position' in place
        ? this.store.readAll({ after: place.position - 1n })
        : this.store.read(place.stream, { from: place.revision });
    for await (const event of events) {
      const isIt = 'position' in place ? event.position === place.position : event.revision === place.revision;
      return isIt ? event : undefined;
    }
    return undefined;
  }

  private async indexOf({ id, position }: Recorded): Promise<number> {
    if (position > this.sealed) throw new SealsLagError(`${id} is not sealed yet`);
    const index = await this.sealer.seals.ask('indexAt', position);
    if (index === undefined) throw new SealBrokenError(`${id} stands where nothing was sealed`);
    return index;
  }

  private async hashBefore({ stream, revision }: Recorded): Promise<string | null> {
    if (revision === 0) return null;
    const before = await this.find({ stream, revision: revision - 1 });
    if (!before) throw new SealBrokenError(`${stream} has lost its revision ${revision - 1}`);
    return hex(await this.sealer.seals.ask('entry', await this.indexOf(before)));
  }
}

const hex = (hash: Buffer): string => hash.toString('hex');
