import type { ServerUnaryCall, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import { admit, failure, type Member, type Node } from './node.js';

const { VNodeState } = gossip.MemberInfo;

/** Tells who is in the cluster: clients find the leader by it. Nobody has to say who they are to be told. */
export function gossipService(node: Node): UntypedServiceImplementation {
  return {
    read: (call: ServerUnaryCall<shared.Empty, gossip.ClusterInfo>, callback: sendUnaryData<gossip.ClusterInfo>) => {
      Promise.resolve(node.faults.strike('arrival', admit(node, call, 'gossip'))).then(
        () => callback(null, new gossip.ClusterInfo().setMembersList(node.members().map(toInfo))),
        (error: unknown) => {
          const told = failure(call, error);
          if (told) callback(told);
        },
      );
    },
  };
}

function toInfo({ endpoint, role, isAlive, instanceId }: Member): gossip.MemberInfo {
  const states = { leader: VNodeState.LEADER, follower: VNodeState.FOLLOWER, electing: VNodeState.UNKNOWN };
  return new gossip.MemberInfo()
    .setInstanceId(new shared.UUID().setString(instanceId))
    .setTimeStamp(String(Date.now()))
    .setState(states[role])
    .setIsAlive(isAlive)
    .setHttpEndPoint(new gossip.EndPoint().setAddress(endpoint.address).setPort(endpoint.port));
}
