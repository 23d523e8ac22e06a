import {
  AccessDeniedError,
  BACKWARDS,
  END,
  type EventStoreDBClient,
  NotFoundError,
  type ProjectionDetails,
  UnknownError,
} from '@eventstore/db-client';
import { StoreUnavailableError } from '../event-store/event-store.js';
import type { Connection } from '../event-store/eventstoredb/connection.js';

/** What a projection is doing, as its server tells. */
export interface ServerProjection {
  readonly name: string;
  /** `Running`, `Stopped`, `Faulted (Enabled)`, … */
  readonly state: string;
  /** Percent of the log that it has seen; -1 before it knows. */
  readonly progress: number;
  /** Where it is in what it reads: `C:…/P:…` or `$ce-account:N`. */
  readonly position: string;
  /** Whose states it has at hand; others lie in its checkpoints. */
  readonly partitionsCached: number;
  /** Why it failed; empty while it has not. */
  readonly reason: string;
}

/** The server will not do it, however often it is asked. */
export class ProjectionsError extends Error {
  override readonly name = 'ProjectionsError';

  constructor(
    readonly kind: 'not-found' | 'denied' | 'switched-off' | 'refused',
    message: string,
  ) {
    super(message);
  }
}

/** gRPC's code for a service that the server does not have. */
const UNIMPLEMENTED: number = 12;

/** Linking the streams of a category, which `fromCategory` reads, is this projection's work. */
export const BY_CATEGORY = '$by_category';

/** The projections of an EventStoreDB / KurrentDB server, by name. */
export class ProjectionServer {
  constructor(private readonly connection: Connection) {}

  /** Asked one by one: servers of 22.10 cannot list any while one of them, whosever it is, does not compile. */
  async find(name: string): Promise<ServerProjection | undefined> {
    try {
      return shown(await this.asked((client) => client.getProjectionStatus(name)));
    } catch (error) {
      if (!(error instanceof ProjectionsError)) throw error;
      if (error.kind === 'not-found') return undefined;
      if (error.kind !== 'refused') throw error;
      const unknown = { progress: -1, position: '', partitionsCached: 0 };
      return { ...unknown, name, state: 'Faulted', reason: `${error.message} (its script may not compile)` };
    }
  }

  /**
   * The script that a projection runs. Its gRPC interface does not tell; the server keeps the definition as the last event
   * of a stream of its own, from the oldest to the newest version that we know of, and reads it there itself when it
   * starts. The HTTP interface would tell too, but needs another address, and its own way round TLS and a cluster.
   */
  async queryOf(name: string): Promise<string | undefined> {
    const last = { direction: BACKWARDS, fromRevision: END, maxCount: 1, requiresLeader: true } as const;
    try {
      const [resolved] = await this.connection.collect((client) => client.readStream(`$projections-${name}`, last));
      return (resolved?.event?.data as { query?: string } | undefined)?.query;
    } catch (error) {
      throw (error instanceof StoreUnavailableError && refusalOf(error.cause)) || error;
    }
  }

  /** It runs from the first event on; it may not write. That it is there already, with this very script, is as good. */
  async create(name: string, query: string): Promise<void> {
    try {
      await this.asked((client) => client.createProjection(name, query, { emitEnabled: false }));
    } catch (error) {
      // The server creates once: when the answer to one attempt is lost, the next is refused because of the first.
      if (!(error instanceof ProjectionsError) || error.kind !== 'refused') throw error;
      const isThere = (await this.find(name)) !== undefined && (await this.queryOf(name)) === query;
      if (!isThere) throw error;
    }
  }

  update(name: string, query: string): Promise<void> {
    return this.asked((client) => client.updateProjection(name, query, { emitEnabled: false }));
  }

  disable(name: string): Promise<void> {
    return this.asked((client) => client.disableProjection(name));
  }

  enable(name: string): Promise<void> {
    return this.asked((client) => client.enableProjection(name));
  }

  /** Forgets its states, and starts from the first event when it is enabled. */
  reset(name: string): Promise<void> {
    return this.asked((client) => client.resetProjection(name));
  }

  /** `{}` for a partition that it has seen no event of. */
  stateOf(name: string, partition: string): Promise<unknown> {
    return this.asked((client) => client.getProjectionState(name, { partition }));
  }

  /** Only what may be better a moment later is tried again. */
  private async asked<T>(ask: (client: EventStoreDBClient) => Promise<T>): Promise<T> {
    const answer = await this.connection.attempt((client) =>
      ask(client).then(
        (value) => ({ value }),
        (error: unknown) => {
          const refusal = refusalOf(error);
          if (!refusal) throw error;
          return { refusal };
        },
      ),
    );
    if ('refusal' in answer) throw answer.refusal;
    return answer.value;
  }
}

function refusalOf(error: unknown): ProjectionsError | undefined {
  if (error instanceof AccessDeniedError) {
    return new ProjectionsError('denied', 'these credentials may not manage projections: a user of $admins may');
  }
  if (error instanceof NotFoundError) return new ProjectionsError('not-found', error.message);
  if (!(error instanceof UnknownError)) return undefined;
  // So say servers that have no code of their own for it.
  if (error.message.includes('received NotFound')) return new ProjectionsError('not-found', error.message);
  if ((error.code as number | undefined) === UNIMPLEMENTED) {
    return new ProjectionsError(
      'switched-off',
      'the server has projections switched off: start it with RunProjections=All',
    );
  }
  return new ProjectionsError('refused', `the server refused: ${error.message}`);
}

const shown = (details: ProjectionDetails): ServerProjection => ({
  name: details.name,
  state: details.status,
  progress: details.progress,
  position: details.position,
  partitionsCached: details.partitionsCached,
  reason: details.stateReason,
});
