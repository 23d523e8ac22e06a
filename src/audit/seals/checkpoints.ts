import { concatMap, timer, type Subscription } from 'rxjs';
import type { EventStore, NewEvent } from '../../event-store/event-store.js';
import { CHECKPOINTS_STREAM } from '../../kernel/identifiers.js';
import { epochMs, type Instant } from '../../kernel/instant.js';
import { refuse, type Refusal } from '../../kernel/refusal.js';
import type { CheckpointSigned } from '../domain/events.js';
import { checkpointText } from './notes.js';
import type { Sealer } from './sealer.js';
import type { SealFile } from './seal-file.js';
import type { SigningKey } from './signing-key.js';

/** Sealing is not as far as the log within the time that whoever asks may wait. */
export class SealsLagError extends Error {
  override readonly name = 'SealsLagError';
}

/** A checkpoint in the log. */
export type Signed = CheckpointSigned['data'];

const PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 60_000;
const ATTEMPTS = 20;

/**
 * Whether there is something to sign: trees grow, and checkpoints alone are no news, or a ledger in which nothing happens
 * would grow by its own seals.
 */
export const hasNews = (size: number, last: Pick<Signed, 'treeSize'> | undefined, checkpointsSince: number): boolean =>
  size - (last?.treeSize ?? 0) - checkpointsSince > 0;

export interface CheckpointOptions {
  /** The real time, whatever the ledger takes for now: when it was signed is recorded time. */
  readonly now: () => Instant;
  /** So long, in ms, a scheduled checkpoint is older than the one before; null: none is scheduled. */
  readonly everyMs: number | null;
  /** Told in a line what went wrong with a scheduled one. */
  readonly warn: (message: string) => void;
}

/** Signs the log's tree, on demand and on a schedule. Several processes may: a tree of one size is signed once. */
export class Checkpoints {
  private subscription: Subscription | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: EventStore,
    private readonly sealer: Sealer,
    private readonly key: SigningKey,
    private readonly options: CheckpointOptions,
  ) {}

  /** Signs all that is recorded now, or answers with the last checkpoint when there is no news. Throws SealsLagError. */
  async sign(): Promise<Signed | Refusal> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const seals = await this.sealedAll();
      const last = await this.last();
      const size = seals.size;
      if (size === 0) return refuse('no-checkpoint', 'The ledger has no events yet.');
      if (last && !hasNews(size, last.data, seals.checkpointsSince(last.data.treeSize))) return last.data;
      const data = this.checkpoint(seals);
      const event: NewEvent = {
        id: `CheckpointSigned:${size}`,
        type: 'CheckpointSigned',
        data,
        metadata: { version: 1 },
      };
      const appended = await this.store.append(CHECKPOINTS_STREAM, last?.revision ?? 'none', [event]);
      // Somebody else signed meanwhile, perhaps the same tree.
      if ('conflict' in appended || appended.repeated) continue;
      // Whoever asked for it will look it up.
      await this.sealer.reached(appended.position, PATIENCE_MS);
      return data;
    }
    throw new Error(`others signed ${ATTEMPTS} checkpoints meanwhile`);
  }

  /** Signs when the last checkpoint is old enough, as long as it is asked to. */
  start(): void {
    const { everyMs, now, warn } = this.options;
    if (everyMs === null) return;
    const startedAt = now();
    this.subscription = timer(0, Math.min(LOOK_EVERY_MS, everyMs))
      .pipe(
        concatMap(() => {
          this.turn = this.signWhenDue(startedAt, everyMs).catch((error: unknown) => {
            warn(`the scheduled checkpoint failed: ${String(error)}`);
          });
          return this.turn;
        }),
      )
      .subscribe();
  }

  /** Lets the turn that is under way finish, and begins no other. */
  async stop(): Promise<void> {
    this.subscription?.unsubscribe();
    await this.turn;
  }

  /** Signs when the last one, or without one the start, is `everyMs` ago. */
  async signWhenDue(startedAt: Instant, everyMs: number): Promise<void> {
    const since = (await this.last())?.data.signedAt ?? startedAt;
    if (epochMs(this.options.now()) - epochMs(since) >= everyMs) await this.sign();
  }

  private async sealedAll(): Promise<SealFile> {
    const head = await this.store.head();
    if (await this.sealer.reached(head, PATIENCE_MS)) return this.sealer.seals;
    throw new SealsLagError(`sealing has not come to position ${head} yet`);
  }

  /** By the log, not by the seals: others may sign, too. */
  private async last(): Promise<{ data: Signed; revision: number } | undefined> {
    for await (const { data, revision } of this.store.read(CHECKPOINTS_STREAM, { direction: 'backwards' })) {
      return { data: data as Signed, revision };
    }
    return undefined;
  }

  private checkpoint(seals: SealFile): Signed {
    const { size: treeSize, position } = seals.last!;
    const [rootHash, signedAt] = [seals.root(), this.options.now()];
    const text = checkpointText({ origin: this.key.name, treeSize, rootHash, signedAt });
    const note = this.key.sign(text);
    return { note, treeSize, rootHash: rootHash.toString('hex'), position: String(position), signedAt };
  }
}
