import { status } from '@grpc/grpc-js';
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { sendUnaryData } from '@grpc/grpc-js';
import type { UUID } from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import {
  ConnectionLost,
  NOT_READY,
  ServerError,
  deadlineExceeded,
  maxAppendSizeExceeded,
  tooSlow,
  unexpected,
} from './errors.js';
import { FeignedConflict, type Asked } from './faults.js';
import type { AppendOutcome, ExpectedRevision, ProposedEvent } from './log.js';
import { admit, checkLeader, failure, type Node } from './node.js';
import { PositionError, TooSlowError, follow, readEvents, type SubscriptionMessage } from './reading.js';
import * as wire from './wire.js';

type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;
type AppendCall = ServerReadableStream<streams.AppendReq, streams.AppendResp>;
type BatchCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;

interface Write {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: ProposedEvent[];
}

interface Batch extends Write {
  readonly deadline: number;
  bytes: number;
}

/** Appends, reads and subscriptions. */
export function streamsService(node: Node): UntypedServiceImplementation {
  return {
    read: (call: ReadCall) => {
      read(node, call).catch((error: unknown) => {
        const told = failure(call, error);
        if (told) call.emit('error', told);
      });
    },
    append: (call: AppendCall, callback: sendUnaryData<streams.AppendResp>) => {
      append(node, call).then(
        (response) => callback(null, response),
        (error: unknown) => {
          const told = failure(call, error);
          if (told) callback(told);
        },
      );
    },
    ...(node.features.batchAppend && { batchAppend: (call: BatchCall) => batchAppend(node, call) }),
  };
}

async function read(node: Node, call: ReadCall): Promise<void> {
  const request = wire.toRequest(call.request);
  const { source, count } = request;
  const kind = count === 'subscription' ? 'subscribe' : 'read';
  const asked = admit(node, call, `${kind}-${source === undefined ? 'all' : 'stream'}`, source);
  checkLeader(node, call, false);
  if (count === 0) throw unexpected('Unexpected ReadStreamResult: Error');
  await node.faults.strike('arrival', asked);
  const send = sender(node, call, asked);
  try {
    if (count === 'subscription') {
      await follow(node.log, request, { send, announces: node.features.announces, signal: asked.signal });
    } else if (source !== undefined && node.log.stream(source).length === 0) {
      call.write(wire.streamNotFound(source));
    } else {
      for (const event of readEvents(node.log, { ...request, count })) {
        await send({ kind: 'event', event });
        if (asked.signal.aborted) return;
      }
    }
  } catch (error) {
    if (error instanceof PositionError) throw unexpected('Unexpected ReadAllResult: Error');
    if (error instanceof TooSlowError) throw tooSlow();
    throw error;
  }
  call.end();
}

/** Writes to a call as fast as its client takes it. */
function sender(node: Node, call: ReadCall, asked: Asked): (message: SubscriptionMessage) => Promise<void> | undefined {
  let events = 0;
  return (message) => {
    if (asked.signal.aborted) return undefined;
    const flows = call.write(wire.fromMessage(message));
    if (message.kind === 'event') {
      events += 1;
      node.sent.events += 1;
    }
    const struck = message.kind === 'event' ? node.faults.strike({ afterEvents: events }, asked) : undefined;
    if (flows) return struck;
    return Promise.all([struck, drained(call, asked.signal)]).then(() => undefined);
  };
}

function drained(call: ReadCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.removeListener('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done);
  });
}

/** Commits, with what the faults do before and after it. */
async function commit(node: Node, asked: Asked, { stream, expected, events }: Write): Promise<AppendOutcome> {
  const { life } = node;
  try {
    await node.faults.strike('arrival', asked);
    if (node.life !== life) throw new ConnectionLost();
    if (Date.now() > asked.deadline) throw deadlineExceeded();
    const outcome = node.log.append(stream, expected, events);
    await node.faults.strike('commit', asked);
    return outcome;
  } catch (error) {
    if (!(error instanceof FeignedConflict)) throw error;
    return { kind: 'wrong-version', current: node.log.stream(stream).length - 1 };
  }
}

async function append(node: Node, call: AppendCall): Promise<streams.AppendResp> {
  const { maxAppendBytes } = node.features;
  let write: Write | undefined;
  let bytes = 0;
  const messages: AsyncIterable<streams.AppendReq> = call;
  for await (const message of messages) {
    const options = message.getOptions();
    if (options) {
      const stream = wire.streamName(options.getStreamIdentifier());
      write = { stream, expected: wire.toExpected(options, options.getRevision()), events: [] };
      continue;
    }
    const event = wire.toProposed(message.getProposedMessage()!);
    bytes += wire.proposedBytes(event);
    if (bytes > maxAppendBytes) throw maxAppendSizeExceeded(maxAppendBytes);
    write!.events.push(event);
  }
  if (!write || call.cancelled) throw new ConnectionLost();
  const asked = admit(node, call, 'append', write.stream);
  checkLeader(node, call, true);
  return wire.toAppendResponse(await commit(node, asked, write), write.expected);
}

/** One call for all the writes of a connection: each has its own answer, known by its correlation id. */
function batchAppend(node: Node, call: BatchCall): void {
  const open = new Map<string, Batch>();
  let unanswered = 0;
  let ended = false;

  const answer = (id: UUID, stream: string, response: streams.BatchAppendResp): void => {
    if (call.cancelled) return;
    call.write(response.setCorrelationId(id).setStreamIdentifier(wire.streamIdentifier(stream)));
  };
  const endWhenDone = (): void => {
    if (ended && unanswered === 0) call.end();
  };
  const end = (error: unknown): void => {
    const told = failure(call, error);
    if (told) call.emit('error', told);
  };

  const finish = async (caller: Asked, id: UUID, batch: Batch): Promise<void> => {
    unanswered += 1;
    try {
      checkLeader(node, call, true);
      const asked = { ...caller, name: batch.stream, deadline: batch.deadline };
      answer(id, batch.stream, toAnswer(await commit(node, asked, batch), batch.expected));
    } catch (error) {
      const told = error instanceof ServerError ? withinBatch(error) : undefined;
      if (told) answer(id, batch.stream, told);
      else end(error);
    }
    unanswered -= 1;
    endWhenDone();
  };

  const take = (caller: Asked, request: streams.BatchAppendReq): void => {
    const id = request.getCorrelationId()!;
    const options = request.getOptions();
    if (options) open.set(id.getString(), toBatch(options));
    const batch = open.get(id.getString());
    if (!batch) return;
    const events = request.getProposedMessagesList().map(wire.toProposed);
    batch.events.push(...events);
    batch.bytes += events.reduce((bytes, event) => bytes + wire.proposedBytes(event), 0);
    const tooLarge = batch.bytes > node.features.maxAppendBytes;
    if (tooLarge) answer(id, batch.stream, wire.batchTooLarge(node.features.maxAppendBytes));
    if (tooLarge || request.getIsFinal()) open.delete(id.getString());
    if (!tooLarge && request.getIsFinal()) void finish(caller, id, batch);
  };

  try {
    const caller = admit(node, call, 'append');
    call.on('data', (request: streams.BatchAppendReq) => take(caller, request));
    call.on('end', () => {
      ended = true;
      endWhenDone();
    });
  } catch (error) {
    end(error);
  }
}

function toBatch(options: streams.BatchAppendReq.Options): Batch {
  return {
    stream: wire.streamName(options.getStreamIdentifier()),
    expected: wire.toExpected(options, options.getStreamPosition()),
    deadline: options.getDeadline()?.toDate().getTime() ?? Infinity,
    events: [],
    bytes: 0,
  };
}

function toAnswer(outcome: AppendOutcome, expected: ExpectedRevision): streams.BatchAppendResp {
  return outcome.kind === 'appended' ? wire.batchSuccess(outcome) : wire.batchWrongVersion(outcome.current, expected);
}

/** Errors that answer one write of the call; others end the call, and with it all its writes. */
function withinBatch({ code, details }: ServerError): streams.BatchAppendResp | undefined {
  if (code === status.DEADLINE_EXCEEDED || code === status.ABORTED) return wire.batchTimeout();
  return details === NOT_READY ? wire.batchNotReady() : undefined;
}
