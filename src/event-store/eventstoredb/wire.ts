import {
  jsonEvent,
  type AllStreamResolvedEvent,
  type JSONEventData,
  type ResolvedEvent,
  type Position as LogPosition,
} from '@eventstore/db-client';
import { createHash, randomUUID } from 'node:crypto';
import { instantOf, type Instant } from '../../kernel/instant.js';
import type { EventMetadata, NewEvent, Position, Recorded } from '../event-store.js';

/**
 * How the ledger's events stand in EventStoreDB. The natural id is kept in the metadata. The server's own id of an event is
 * a UUID made for the append: by it the server knows an attempt that is repeated, and that of another process with the same
 * facts is told apart. `$correlationId` and `$causationId` are the server's own names: its `$by_correlation_id` reads them.
 */
interface ServerMetadata {
  readonly id: string;
  readonly version: number;
  readonly recordedAt?: Instant;
  readonly actor?: string;
  readonly $correlationId?: string;
  readonly $causationId?: string;
}

/** What the index knows a natural id of a stream by: 16 bytes of its hash. */
export const eventKey = (stream: string, id: string): Buffer =>
  createHash('sha256').update(`${stream}\n${id}`).digest().subarray(0, 16);

/** To be made once for an append, and sent with each of its attempts. */
export function toServer({ id, type, data, metadata }: NewEvent): JSONEventData {
  const { version, recordedAt, actor, correlationId, causationId } = metadata;
  const kept: ServerMetadata = {
    id,
    version,
    ...(recordedAt && { recordedAt }),
    ...(actor && { actor }),
    ...(correlationId && { $correlationId: correlationId }),
    ...(causationId && { $causationId: causationId }),
  };
  // The client writes it down only when the call goes out: until then the caller may change what is its own.
  const copy = structuredClone(data) as Record<string, unknown>;
  return jsonEvent({ id: randomUUID(), type, data: copy, metadata: kept });
}

type ServerEvent = NonNullable<(ResolvedEvent | AllStreamResolvedEvent)['event']>;

/** Another program wrote into a stream of the ledger: answering from half-understood facts would be worse than not at all. */
export class ForeignEventError extends Error {
  override readonly name = 'ForeignEventError';
}

/** Throws ForeignEventError. */
export function fromServer(event: ServerEvent, prefix: string): Recorded {
  const written = (event.metadata ?? {}) as Partial<ServerMetadata>;
  const { id, version, recordedAt, actor, $correlationId, $causationId } = written;
  if (id === undefined || version === undefined || !event.isJson) {
    throw new ForeignEventError(`event ${event.revision} of ${event.streamId} was not written by this ledger`);
  }
  const metadata: EventMetadata = {
    version,
    ...(actor && { actor }),
    ...($correlationId && { correlationId: $correlationId }),
    ...($causationId && { causationId: $causationId }),
  };
  return {
    stream: event.streamId.slice(prefix.length),
    revision: Number(event.revision),
    position: positionOf(event),
    recordedAt: recordedAt ?? instantOf(event.created.getTime()),
    id,
    type: event.type,
    data: event.data as object,
    metadata,
  };
}

/**
 * The server orders its log by pairs of a commit and a prepare position. They differ only for what the TCP protocol's
 * explicit transactions wrote, which gRPC clients cannot: of all that this ledger writes the two are equal, and one
 * number, the place in bytes, says it. An event of which they differ is another program's, and is refused.
 */
export function positionOf({ position, streamId, revision }: ServerEvent): Position {
  if (position === undefined || position.commit !== position.prepare) {
    throw new ForeignEventError(
      `event ${revision} of ${streamId} was written in a transaction: it has no single position`,
    );
  }
  return position.commit;
}

export const toLogPosition = (position: Position): LogPosition => ({ commit: position, prepare: position });
