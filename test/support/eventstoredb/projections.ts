import { unexpected, type ServerError } from './errors.js';
import type { EventLog } from './log.js';

type Status = 'Running' | 'Stopped' | 'Aborted/Stopped' | 'Faulted (Enabled)';

/** A projection as the server tells of it. */
export interface Projection {
  readonly name: string;
  readonly query: string;
  readonly emits: boolean;
  readonly tracksEmitted: boolean;
  readonly status: Status;
  /** Why it has faulted. */
  readonly reason: string;
  /** Counts the commands it was given; the epoch is the version at which it last began anew. */
  readonly version: number;
  readonly epoch: number;
}

/** What every server comes with, switched off. */
const STANDARD = ['$streams', '$stream_by_category', '$by_category', '$by_event_type', '$by_correlation_id'];

/**
 * The projections of a server: their queries and whether they run. They do not: what a state is, a test says. As the real
 * server does, it keeps the definition of each as the last event of a stream of its own, `$projections-` and the name.
 */
export class Projections {
  private readonly byName = new Map<string, Projection>();
  private readonly states = new Map<string, unknown>();

  constructor(private readonly log: EventLog) {
    for (const name of STANDARD) this.keep({ ...NEW, name, emits: true, status: 'Stopped' });
  }

  all(): readonly Projection[] {
    return [...this.byName.values()];
  }

  /** The projection, or the error that an `expected` answer has not come. */
  get(name: string, expected: 'Updated' | 'Statistics' | 'ProjectionState' | 'ProjectionResult'): Projection {
    const projection = this.byName.get(name);
    if (!projection) throw otherAnswer(expected, 'NotFound');
    return projection;
  }

  create(name: string, query: string, { emits, tracksEmitted }: Pick<Projection, 'emits' | 'tracksEmitted'>): void {
    if (tracksEmitted && !emits) throw unexpected('Exception was thrown by handler.');
    if (this.byName.has(name)) throw otherAnswer('Updated', 'Conflict');
    this.keep({ ...NEW, name, query, emits, tracksEmitted });
  }

  update(name: string, query: string, emits: boolean | undefined): void {
    const projection = this.get(name, 'Updated');
    this.keep({ ...projection, query, emits: emits ?? projection.emits, version: projection.version + 1 });
  }

  enable(name: string): void {
    if (this.get(name, 'Updated').status !== 'Running') this.turn(name, 'Running');
  }

  /** Without a checkpoint it is aborted. */
  disable(name: string, withCheckpoint: boolean): void {
    this.turn(name, withCheckpoint ? 'Stopped' : 'Aborted/Stopped');
  }

  /** Begins anew, with no state, when it runs again or goes on running. */
  reset(name: string): void {
    const projection = this.get(name, 'Updated');
    const version = projection.version + 1;
    const status = projection.status === 'Running' ? 'Running' : 'Stopped';
    for (const key of this.states.keys()) if (key.startsWith(`${name}\n`)) this.states.delete(key);
    this.keep({ ...projection, status, reason: '', version, epoch: version });
  }

  delete(name: string): void {
    const projection = this.get(name, 'Updated');
    if (projection.status === 'Running') throw otherAnswer('Updated', 'OperationFailed');
    this.keep({ ...projection, version: projection.version + 1 }, true);
    this.byName.delete(name);
  }

  /** What a partition's fold has come to; the whole projection's without one. */
  setState(name: string, partition: string, state: unknown): void {
    this.states.set(`${name}\n${partition}`, state);
  }

  /** Nothing but `{}` for a partition that no event was of. */
  stateOf(name: string, partition: string): unknown {
    return this.states.get(`${name}\n${partition}`) ?? {};
  }

  /** The projection stops at an event, as one does that throws. */
  fault(name: string, reason: string): void {
    this.byName.set(name, { ...this.get(name, 'Updated'), status: 'Faulted (Enabled)', reason });
  }

  private turn(name: string, status: Status): void {
    const projection = this.get(name, 'Updated');
    this.keep({ ...projection, status, reason: '', version: projection.version + 1 });
  }

  private keep(projection: Projection, deleted = false): void {
    this.byName.set(projection.name, projection);
    const { name, query, emits, tracksEmitted, status, version, epoch } = projection;
    this.log.writeOwn(`$projections-${name}`, '$ProjectionUpdated', {
      handlerType: 'JS',
      query,
      mode: 'Continuous',
      ...(status === 'Running' && { enabled: true }),
      ...(deleted && { deleted: true }),
      emitEnabled: emits,
      trackEmittedStreams: tracksEmitted,
      epoch,
      version,
    });
  }
}

const NEW: Omit<Projection, 'name'> = {
  query: '',
  emits: false,
  tracksEmitted: false,
  status: 'Running',
  reason: '',
  version: 0,
  epoch: -1,
};

function otherAnswer(expected: string, received: string): ServerError {
  return unexpected(`Envelope callback expected ${expected}, received ${received} instead`);
}
