import { status as code } from '@grpc/grpc-js';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { NOT_READY } from './errors.js';
import type { AppendOutcome, ExpectedRevision, ProposedEvent, StoredEvent } from './log.js';
import { PAGE_EVENTS, type Filter, type From, type ReadRequest, type SubscriptionMessage } from './reading.js';

/** Between the messages of the protocol and the plain values of the log. */

const JSON_TYPE = 'application/json';
const OCTETS_TYPE = 'application/octet-stream';
const TICKS_PER_MILLISECOND = 10_000n;

export type Decoded = Omit<ReadRequest, 'count'> & { readonly count: number | 'subscription' };

export function toRequest(message: streams.ReadReq): Decoded {
  const options = message.getOptions()!;
  const stream = options.getStream();
  return {
    source: stream && streamName(stream.getStreamIdentifier()),
    from: stream ? fromRevision(stream) : fromPosition(options.getAll()!),
    backwards: options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS,
    count: options.hasSubscription() ? 'subscription' : Number(options.getCount()),
    filter: toFilter(options.getFilter()),
  };
}

function fromRevision(options: streams.ReadReq.Options.StreamOptions): From {
  if (options.hasEnd()) return 'end';
  return options.hasRevision() ? BigInt(options.getRevision()) : 'start';
}

function fromPosition(options: streams.ReadReq.Options.AllOptions): From {
  if (options.hasEnd()) return 'end';
  const position = options.getPosition();
  return position ? BigInt(position.getCommitPosition()) : 'start';
}

function toFilter(options: streams.ReadReq.Options.FilterOptions | undefined): Filter | undefined {
  if (!options) return undefined;
  const expression = options.getStreamIdentifier() ?? options.getEventType()!;
  const subject = options.hasStreamIdentifier()
    ? (event: StoredEvent): string => event.stream
    : (event: StoredEvent): string => event.type;
  const regex = expression.getRegex() === '' ? undefined : new RegExp(expression.getRegex());
  const prefixes = expression.getPrefixList();
  const window = options.getMax() || PAGE_EVENTS;
  return {
    keeps: (event) =>
      regex ? regex.test(subject(event)) : prefixes.some((prefix) => subject(event).startsWith(prefix)),
    window,
    checkpointInterval: window * options.getCheckpointintervalmultiplier(),
  };
}

export function streamName(identifier: shared.StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');
}

export function streamIdentifier(stream: string): shared.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(stream, 'utf8'));
}

/** The two append calls name what is expected alike, but for the field of the revision. */
export function toExpected(
  options: streams.AppendReq.Options | streams.BatchAppendReq.Options,
  revision: string,
): ExpectedRevision {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no-stream';
  return options.hasStreamExists() ? 'stream-exists' : Number(revision);
}

export function toProposed(
  message: streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage,
): ProposedEvent {
  const properties = message.getMetadataMap();
  return {
    id: message.getId()!.getString().toLowerCase(),
    type: properties.get('type') ?? '',
    isJson: properties.get('content-type') === JSON_TYPE,
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

/** What counts against the largest append. Servers differ in what they count besides the data; this counts all. */
export function proposedBytes({ type, data, metadata }: ProposedEvent): number {
  return data.length + metadata.length + 2 * type.length;
}

export function fromEvent(event: StoredEvent): streams.ReadResp {
  const position = String(event.position);
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(event.id))
    .setStreamIdentifier(streamIdentifier(event.stream))
    .setStreamRevision(String(event.revision))
    .setCommitPosition(position)
    .setPreparePosition(position)
    .setData(event.data)
    .setCustomMetadata(event.metadata);
  recorded
    .getMetadataMap()
    .set('type', event.type)
    .set('created', String(BigInt(Math.trunc(event.createdMs)) * TICKS_PER_MILLISECOND))
    .set('content-type', event.isJson ? JSON_TYPE : OCTETS_TYPE);
  return new streams.ReadResp().setEvent(
    new streams.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(position),
  );
}

export function fromMessage(message: SubscriptionMessage): streams.ReadResp {
  const response = new streams.ReadResp();
  switch (message.kind) {
    case 'event':
      return fromEvent(message.event);
    case 'confirmation':
      return response.setConfirmation(new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(message.id));
    case 'checkpoint': {
      const { commit, prepare } = message;
      const checkpoint = new streams.ReadResp.Checkpoint().setCommitPosition(String(commit));
      return response.setCheckpoint(checkpoint.setPreparePosition(String(prepare)));
    }
    case 'caught-up':
      return response.setCaughtUp(new streams.ReadResp.CaughtUp());
    case 'fell-behind':
      return response.setFellBehind(new streams.ReadResp.FellBehind());
  }
}

export function streamNotFound(stream: string): streams.ReadResp {
  const notFound = new streams.ReadResp.StreamNotFound().setStreamIdentifier(streamIdentifier(stream));
  return new streams.ReadResp().setStreamNotFound(notFound);
}

export function toAppendResponse(outcome: AppendOutcome, expected: ExpectedRevision): streams.AppendResp {
  if (outcome.kind === 'wrong-version') {
    const wrong = new streams.AppendResp.WrongExpectedVersion();
    if (outcome.current < 0) wrong.setCurrentNoStream(new shared.Empty());
    else wrong.setCurrentRevision(String(outcome.current));
    if (expected === 'any') wrong.setExpectedAny(new shared.Empty());
    else if (expected === 'stream-exists') wrong.setExpectedStreamExists(new shared.Empty());
    else if (expected === 'no-stream') wrong.setExpectedNoStream(new shared.Empty());
    else wrong.setExpectedRevision(String(expected));
    return new streams.AppendResp().setWrongExpectedVersion(wrong);
  }
  const success = new streams.AppendResp.Success();
  if (outcome.revision < 0) success.setNoStream(new shared.Empty());
  else success.setCurrentRevision(String(outcome.revision));
  const position = String(outcome.position);
  success.setPosition(new streams.AppendResp.Position().setCommitPosition(position).setPreparePosition(position));
  return new streams.AppendResp().setSuccess(success);
}

export function batchSuccess(outcome: AppendOutcome & { kind: 'appended' }): streams.BatchAppendResp {
  const success = new streams.BatchAppendResp.Success();
  if (outcome.revision < 0) success.setNoStream(new emptyPb.Empty());
  else success.setCurrentRevision(String(outcome.revision));
  const position = String(outcome.position);
  success.setPosition(new shared.AllStreamPosition().setCommitPosition(position).setPreparePosition(position));
  return new streams.BatchAppendResp().setSuccess(success);
}

export function batchWrongVersion(current: number, expected: ExpectedRevision): streams.BatchAppendResp {
  const wrong = new shared.WrongExpectedVersion();
  if (current < 0) wrong.setCurrentNoStream(new emptyPb.Empty());
  else wrong.setCurrentStreamRevision(String(current));
  if (expected === 'any') wrong.setExpectedAny(new emptyPb.Empty());
  else if (expected === 'stream-exists') wrong.setExpectedStreamExists(new emptyPb.Empty());
  else if (expected === 'no-stream') wrong.setExpectedNoStream(new emptyPb.Empty());
  else wrong.setExpectedStreamPosition(String(expected));
  return batchError('WrongExpectedVersion', wrong, code.ALREADY_EXISTS);
}

export function batchTooLarge(maxBytes: number): streams.BatchAppendResp {
  const exceeded = new shared.MaximumAppendSizeExceeded().setMaxappendsize(maxBytes);
  return batchError('MaximumAppendSizeExceeded', exceeded, code.INVALID_ARGUMENT);
}

export function batchTimeout(): streams.BatchAppendResp {
  return batchError('Timeout', new shared.Timeout(), code.DEADLINE_EXCEEDED);
}

/** The client makes nothing of this one: to it, it is an unknown error. */
export function batchNotReady(): streams.BatchAppendResp {
  const packed = new anyPb.Any();
  packed.pack(new emptyPb.Empty().serializeBinary(), 'google.protobuf.Empty');
  return new streams.BatchAppendResp().setError(new statusPb.Status().setMessage(NOT_READY).setDetails(packed));
}

/** An error within the answers of a batch, which leaves the call open; the client knows it by the type of its details. */
function batchError(name: string, details: { serializeBinary(): Uint8Array }, number: code): streams.BatchAppendResp {
  const packed = new anyPb.Any();
  packed.pack(details.serializeBinary(), `event_store.client.${name}`);
  const error = new statusPb.Status()
    .setMessage(name)
    .setCode(number as number)
    .setDetails(packed);
  return new streams.BatchAppendResp().setError(error);
}
