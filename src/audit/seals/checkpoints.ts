import { concatMap, timer, type Subscription } from 'rxjs';
import type { EventStore, NewEvent, Position } from '../../event-store/event-store.js';
import { CHECKPOINTS_STREAM } from '../../kernel/identifiers.js';
import { epochMs, type Instant } from '../../kernel/instant.js';
import { refuse, type Refusal } from '../../kernel/refusal.js';
import type { CheckpointSigned } from '../domain/events.js';
import { checkpointText } from './notes.js';
import type { Sealer } from './sealer.js';
import type { SealedTo } from './seal-file.js';
import type { Seals } from './seals.js';
import type { SigningKey } from './signing-key.js';
import { brokenBy, lastSigned, SealBrokenError } from './soundness.js';

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
  /** How long the seals are waited for, in ms, before what is sealed is signed. */
  readonly patienceMs?: number;
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

  /**
   * Signs what is recorded now, or as much of it as is sealed when the seals lag for long: its size says how much. Without
   * news it answers with the last checkpoint. Throws SealsLagError when nothing new is sealed, and SealBrokenError when the
   * tree is none that the last checkpoint's grew into: that could not be taken back.
   */
  async sign(): Promise<Signed | Refusal> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const last = await lastSigned(this.store);
      const head = await this.store.head();
      if (head === 0n) return refuse('no-checkpoint', 'The ledger has no events yet.');
      await this.sealer.reached(head, this.patienceMs);
      const { seals, end } = this.toSign(last?.position ?? 0n);
      if (last) {
        const broken = await brokenBy(last.data, seals);
        if (broken !== undefined) throw new SealBrokenError(broken);
        const checkpoints = await seals.ask('checkpointsBetween', last.data.treeSize, end.size);
        if (!hasNews(end.size, last.data, checkpoints)) return last.data;
      }
      const rootHash = await seals.ask('root', end.size);
      // Answers come in turn: damage that was found before this root was made is known by now.
      if (!this.sealer.sound) throw new SealsLagError('the seals were found to be damaged just now');
      const data = this.checkpoint(end, rootHash);
      const event: NewEvent = {
        id: `CheckpointSigned:${data.treeSize}`,
        type: 'CheckpointSigned',
        data,
        metadata: { version: 1 },
      };
      const appended = await this.store.append(CHECKPOINTS_STREAM, last?.revision ?? 'none', [event]);
      // Somebody else signed meanwhile, perhaps the same tree.
      if ('conflict' in appended || appended.repeated) continue;
      // Whoever asked for it will look it up.
      await this.sealer.reached(appended.position, this.patienceMs);
      return data;
    }
    throw new Error(`others signed ${ATTEMPTS} checkpoints meanwhile`);
  }

  /** Signs when the last checkpoint is old enough, as long as it is asked to. */
  start(): void {
    const { everyMs, now, warn } = this.options;
    if (everyMs === null) return;
    // Auditors are to know it from the beginning, and to ask for it makes none.
    try {
      this.key.verifierKey();
    } catch (error) {
      warn(`no checkpoint can be signed: ${String(error)}`);
    }
    const startedAt = now();
    let told: string | undefined;
    this.subscription = timer(0, Math.min(LOOK_EVERY_MS, everyMs))
      .pipe(
        concatMap(() => {
          this.turn = this.signWhenDue(startedAt, everyMs).catch((error: unknown) => {
            if (told !== String(error)) warn(`the scheduled checkpoint failed: ${String(error)}`);
            told = String(error);
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
    const since = (await lastSigned(this.store))?.data.signedAt ?? startedAt;
    if (epochMs(this.options.now()) - epochMs(since) >= everyMs) await this.sign();
  }

  private get patienceMs(): number {
    return this.options.patienceMs ?? PATIENCE_MS;
  }

  /** Only seals that are the log's, with something in them, and the last checkpoint. */
  private toSign(lastSignedAt: Position): { seals: Seals; end: SealedTo } {
    const { sound } = this.sealer;
    if (!sound) throw new SealsLagError('the seals are not checked yet');
    const { last: end } = sound;
    if (end && end.position >= lastSignedAt) return { seals: sound, end };
    throw new SealsLagError(
      `sealing has come to position ${end?.position ?? 0n} so far, and there is nothing to sign up to there`,
    );
  }

  private checkpoint({ size: treeSize, position }: SealedTo, rootHash: Buffer): Signed {
    const signedAt = this.options.now();
    const text = checkpointText({ origin: this.key.name, treeSize, rootHash, signedAt });
    const note = this.key.sign(text);
    return { note, treeSize, rootHash: rootHash.toString('hex'), position: String(position), signedAt };
  }
}
