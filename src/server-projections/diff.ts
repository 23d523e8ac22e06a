import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { EventStore } from '../event-store/event-store.js';
import { type ProjectionStatus, statusOf } from './deploy.js';
import { evolved, type Fold } from './folds.js';
import { foldOf, type ServerScript } from './scripts.js';
import type { ProjectionServer } from './server.js';

/** Which streams to look at: these, so many by chance, or all. */
export type Partitions = { readonly named: readonly string[] } | { readonly sample: number } | 'all';

export interface StateDifference {
  /** The stream, without the ledger's prefix. */
  readonly partition: string;
  /** The fold of its events in this process. */
  readonly here: object;
  readonly server: unknown;
}

export interface ProjectionDiff {
  readonly projection: ProjectionStatus;
  /** Partitions looked at. */
  readonly compared: number;
  readonly differences: readonly StateDifference[];
}

/** The server follows the log at its own pace: for so long, in ms, a difference may be one of time. */
const SETTLES_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 200;
/** Partitions asked for at the same time. */
const AT_ONCE = 8;

/** What the server answers for a stream of which it has seen no event. */
const NO_STATE = {};

/** Compares each projection's script with ours, and its states with those that the folds give in this process. */
export class Comparison {
  constructor(
    private readonly server: ProjectionServer,
    private readonly store: EventStore,
    private readonly streamPrefix: string,
    private readonly settlesWithinMs = SETTLES_WITHIN_MS,
  ) {}

  async of(script: ServerScript, partitions: Partitions): Promise<ProjectionDiff> {
    const projection = await statusOf(this.server, script);
    if (projection.version === 'missing') return { projection, compared: 0, differences: [] };
    const streams = await this.streams(foldOf(script), partitions);
    const until = Date.now() + this.settlesWithinMs;
    let differences = await this.differences(script, streams);
    while (differences.length > 0 && Date.now() < until) {
      await sleep(LOOK_EVERY_MS);
      const again = differences.map(({ partition }) => partition);
      differences = await this.differences(script, again);
    }
    return { projection, compared: streams.length, differences };
  }

  private async differences(script: ServerScript, streams: readonly string[]): Promise<StateDifference[]> {
    const found: StateDifference[] = [];
    for (let at = 0; at < streams.length; at += AT_ONCE) {
      const some = streams.slice(at, at + AT_ONCE).map((stream) => this.difference(script, stream));
      found.push(...(await Promise.all(some)).filter((each) => each !== undefined));
    }
    return found;
  }

  private async difference(script: ServerScript, partition: string): Promise<StateDifference | undefined> {
    const server = await this.server.stateOf(script.name, this.streamPrefix + partition);
    const fold = foldOf(script);
    let state: object | undefined;
    for await (const event of this.store.read(partition)) state = evolved(fold, state ?? fold.initial(), event);
    const here = state ?? NO_STATE;
    return isDeepStrictEqual(server, here) ? undefined : { partition, here, server };
  }

  /** The streams to look at. Sampling reads the log as well: only so has every stream the same chance. */
  private async streams({ category }: Fold, partitions: Partitions): Promise<readonly string[]> {
    if (partitions !== 'all' && 'named' in partitions) {
      return partitions.named.filter((stream) => stream.startsWith(`${category}-`));
    }
    const size = partitions === 'all' ? Infinity : partitions.sample;
    const streams: string[] = [];
    let seen = 0;
    for await (const { stream, revision } of this.store.readAll({ filter: { streamPrefixes: [`${category}-`] } })) {
      if (revision !== 0) continue;
      seen += 1;
      if (streams.length < size) streams.push(stream);
      else {
        // Of `seen` streams each is kept with the same chance, size in seen.
        const place = Math.floor(Math.random() * seen);
        if (place < size) streams[place] = stream;
      }
    }
    return streams;
  }
}

export const isSame = ({ projection, differences }: ProjectionDiff): boolean =>
  projection.version === 'current' && differences.length === 0;
