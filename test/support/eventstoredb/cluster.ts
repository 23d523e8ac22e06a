import { EventStoreDbDouble, type DoubleOptions } from './double.js';
import { Faults } from './faults.js';
import { EventLog } from './log.js';
import type { Member, Node } from './node.js';
import { Projections } from './projections.js';

/**
 * Nodes over one log, of which one leads: what is acknowledged is on all of them. Who leads, a test says; while the leader
 * is down nobody does, until it is back or another is elected.
 */
export class EventStoreDbCluster {
  readonly nodes: EventStoreDbDouble[] = [];
  private leader: EventStoreDbDouble | undefined;

  static async start(options: Omit<DoubleOptions, 'membership'> = {}, size = 3): Promise<EventStoreDbCluster> {
    const log = options.log ?? new EventLog(options.clock);
    const shared = { log, faults: options.faults ?? new Faults(), projections: new Projections(log) };
    const cluster = new EventStoreDbCluster();
    for (let index = 0; index < size; index += 1) {
      const membership = {
        leader: (node: EventStoreDbDouble) => cluster.leaderFor(node),
        members: () => cluster.members(),
      };
      cluster.nodes.push(await EventStoreDbDouble.start({ ...options, ...shared, membership }));
    }
    cluster.elect(0);
    return cluster;
  }

  /** Makes a node the leader; with none, the cluster has no leader and takes no writes. */
  elect(index: number | undefined): void {
    this.leader = index === undefined ? undefined : this.nodes[index];
  }

  get log(): EventLog {
    return this.nodes[0]!.log;
  }

  get faults(): Faults {
    return this.nodes[0]!.faults;
  }

  /** Of all nodes: the client asks them, in no certain order, who leads. */
  get connectionString(): string {
    return `esdb://${this.hosts().join(',')}?tls=${this.nodes[0]!.hasTls}`;
  }

  /** Of one name that stands for the cluster. */
  get discoveryString(): string {
    return `esdb+discover://${this.hosts()[0]}?tls=${this.nodes[0]!.hasTls}`;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  private hosts(): string[] {
    return this.nodes.map(({ endpoint: { address, port } }) => `${address}:${port}`);
  }

  private leaderFor(node: EventStoreDbDouble): ReturnType<Node['leader']> {
    if (!this.leader?.isUp()) return 'none';
    return this.leader === node ? 'self' : this.leader.endpoint;
  }

  private members(): Member[] {
    return this.nodes.map((node) => {
      const role = this.leader?.isUp() ? (this.leader === node ? 'leader' : 'follower') : 'electing';
      return { endpoint: node.endpoint, instanceId: node.instanceId, isAlive: node.isUp(), role };
    });
  }
}
