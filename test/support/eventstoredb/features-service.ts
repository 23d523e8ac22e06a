import { type UntypedServiceImplementation, type sendUnaryData } from '@grpc/grpc-js';
import projectionsGrpc from '@eventstore/db-client/generated/projections_grpc_pb.js';
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { admit, failure, type Call, type Node } from './node.js';

/** What the server can do with a method, besides having it. */
const FEATURES: Readonly<Record<string, readonly string[]>> = {
  read: ['position', 'events'],
  batchappend: ['deadline_duration'],
  create: ['track_emitted_streams'],
};

/** Says which methods the server has: the client asks before its first append. */
export function featuresService(node: Node): UntypedServiceImplementation {
  return {
    getSupportedMethods: (call: Call, callback: sendUnaryData<featuresPb.SupportedMethods>) => {
      supportedMethods(node, call).then(
        (methods) => callback(null, methods),
        (error: unknown) => {
          const told = failure(call, error);
          if (told) callback(told);
        },
      );
    },
  };
}

async function supportedMethods(node: Node, call: Call): Promise<featuresPb.SupportedMethods> {
  await node.faults.strike('arrival', admit(node, call, 'features'));
  const services = [
    streamsGrpc.StreamsService,
    ...(node.features.runsProjections ? [projectionsGrpc.ProjectionsService] : []),
  ];
  const methods = services
    .flatMap((service) => Object.values(service).map(({ path }) => path.toLowerCase()))
    .filter((path) => node.features.batchAppend || !path.endsWith('/batchappend'))
    .map((path) => {
      const [, service = '', method = ''] = path.split('/');
      return new featuresPb.SupportedMethod()
        .setServiceName(service)
        .setMethodName(method)
        .setFeaturesList([...(FEATURES[method] ?? [])]);
    });
  return new featuresPb.SupportedMethods().setMethodsList(methods).setEventStoreServerVersion(node.features.version);
}
