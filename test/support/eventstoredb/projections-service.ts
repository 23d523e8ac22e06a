import type {
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
  handleUnaryCall,
} from '@grpc/grpc-js';
import structPb from 'google-protobuf/google/protobuf/struct_pb.js';
import projections from '@eventstore/db-client/generated/projections_pb.js';
import type { Asked } from './faults.js';
import { admit, failure, type Call, type Node } from './node.js';
import type { Projection } from './projections.js';

type StatisticsCall = ServerWritableStream<projections.StatisticsReq, projections.StatisticsResp>;

/** Management of projections, as the client uses it. */
export function projectionsService(node: Node): UntypedServiceImplementation {
  const kept = node.projections;

  /** A handler of a call that answers once: faults and errors are dealt with in one place. */
  const answering =
    <Request, Response>(
      nameOf: (request: Request) => string,
      answer: (request: Request) => Response,
    ): handleUnaryCall<Request, Response> =>
    (call: ServerUnaryCall<Request, Response>, callback) => {
      const answered = async (): Promise<Response> => {
        const asked = await arrive(node, call, nameOf(call.request));
        const response = answer(call.request);
        await node.faults.strike('commit', asked);
        return response;
      };
      answered().then(
        (response) => callback(null, response),
        (error: unknown) => {
          const told = failure(call, error);
          if (told) callback(told);
        },
      );
    };

  return {
    create: answering(
      (request: projections.CreateReq) => request.getOptions()!.getContinuous()!.getName(),
      (request) => {
        const options = request.getOptions()!;
        const continuous = options.getContinuous()!;
        kept.create(continuous.getName(), options.getQuery(), {
          emits: continuous.getEmitEnabled(),
          tracksEmitted: continuous.getTrackEmittedStreams(),
        });
        return new projections.CreateResp();
      },
    ),
    update: answering(named, (request: projections.UpdateReq) => {
      const options = request.getOptions()!;
      const emits = options.hasEmitEnabled() ? options.getEmitEnabled() : undefined;
      kept.update(options.getName(), options.getQuery(), emits);
      return new projections.UpdateResp();
    }),
    delete: answering(named, (request: projections.DeleteReq) => {
      kept.delete(named(request));
      return new projections.DeleteResp();
    }),
    enable: answering(named, (request: projections.EnableReq) => {
      kept.enable(named(request));
      return new projections.EnableResp();
    }),
    disable: answering(named, (request: projections.DisableReq) => {
      kept.disable(named(request), request.getOptions()!.getWriteCheckpoint());
      return new projections.DisableResp();
    }),
    reset: answering(named, (request: projections.ResetReq) => {
      kept.reset(named(request));
      return new projections.ResetResp();
    }),
    state: answering(named, (request: projections.StateReq) => {
      kept.get(named(request), 'ProjectionState');
      return new projections.StateResp().setState(stateOf(node, request));
    }),
    result: answering(named, (request: projections.ResultReq) => {
      kept.get(named(request), 'ProjectionResult');
      return new projections.ResultResp().setResult(stateOf(node, request));
    }),
    statistics: (call: StatisticsCall) => {
      statistics(node, call).catch((error: unknown) => {
        const told = failure(call, error);
        if (told) call.emit('error', told);
      });
    },
  };
}

function named(request: { getOptions(): { getName(): string } | undefined }): string {
  return request.getOptions()!.getName();
}

async function arrive(node: Node, call: Call, name: string): Promise<Asked> {
  const asked = admit(node, call, 'projections', name);
  await node.faults.strike('arrival', asked);
  return asked;
}

function stateOf(node: Node, request: projections.StateReq | projections.ResultReq): structPb.Value {
  const state = node.projections.stateOf(named(request), request.getOptions()!.getPartition());
  return structPb.Value.fromJavaScript(state as structPb.JavaScriptValue);
}

/** Of one projection, or of all that run on and on. */
async function statistics(node: Node, call: StatisticsCall): Promise<void> {
  const name = call.request.getOptions()!.getName();
  await arrive(node, call, name);
  const asked = name === '' ? node.projections.all() : [node.projections.get(name, 'Statistics')];
  for (const projection of asked) call.write(toStatistics(projection, node.log.all.at(-1)?.position ?? 0n));
  call.end();
}

function toStatistics(projection: Projection, head: bigint): projections.StatisticsResp {
  const runs = projection.status === 'Running';
  const details = new projections.StatisticsResp.Details()
    .setName(projection.name)
    .setEffectivename(projection.name)
    .setMode('Continuous')
    .setStatus(projection.status)
    .setStatereason(projection.reason)
    .setVersion(String(projection.version))
    .setEpoch(String(projection.epoch))
    .setPosition(runs ? `C:${head}/P:${head}` : 'C:0/P:-1')
    .setLastcheckpoint('C:0/P:-1')
    .setProgress(runs ? 100 : -1)
    .setPartitionscached(1)
    .setCoreprocessingtime('0')
    .setEventsprocessedafterrestart('0')
    .setBufferedevents('0');
  return new projections.StatisticsResp().setDetails(details);
}
