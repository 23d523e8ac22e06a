import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import projectionsGrpc from '@eventstore/db-client/generated/projections_grpc_pb.js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { Certificate } from './certificate.js';
import type { Endpoint } from './errors.js';
import { Faults } from './faults.js';
import { featuresService } from './features-service.js';
import { gossipService } from './gossip-service.js';
import { EventLog } from './log.js';
import type { Features, Member, Node } from './node.js';
import { projectionsService } from './projections-service.js';
import { Projections } from './projections.js';
import { streamsService } from './streams-service.js';

export interface DoubleOptions extends Partial<Features> {
  /** The server's clock, milliseconds since 1970. */
  readonly clock?: () => number;
  readonly tls?: Certificate;
  /** These the nodes of a cluster share. */
  readonly log?: EventLog;
  readonly faults?: Faults;
  readonly projections?: Projections;
  /** Who is in its cluster; alone, it leads. */
  readonly membership?: {
    leader(node: EventStoreDbDouble): ReturnType<Node['leader']>;
    members(): readonly Member[];
  };
}

const DEFAULTS: Features = {
  version: '22.10.5',
  batchAppend: true,
  runsProjections: true,
  announces: false,
  maxAppendBytes: 1024 * 1024,
  users: {},
  forwardsWrites: false,
};

const ADDRESS = '127.0.0.1';

/**
 * A server in this process that speaks the protocol of EventStoreDB, for the real client; README.md says what of it. It
 * owns the sockets its connections come by, so that it can cut them as a network does.
 */
export class EventStoreDbDouble implements Node {
  readonly log: EventLog;
  readonly faults: Faults;
  readonly features: Features;
  readonly projections: Projections;
  readonly instanceId = crypto.randomUUID();
  readonly sent = { events: 0 };
  private readonly grpc = new Server();
  private readonly tcp: TcpServer;
  private readonly sockets = new Set<Socket>();
  private port = 0;
  private lives = 0;

  /** Starts on a free port. */
  static async start(options: DoubleOptions = {}): Promise<EventStoreDbDouble> {
    const double = new EventStoreDbDouble(options);
    await double.restart();
    return double;
  }

  private constructor(private readonly options: DoubleOptions) {
    this.features = { ...DEFAULTS, ...options };
    this.log = options.log ?? new EventLog(options.clock);
    this.faults = options.faults ?? new Faults();
    this.projections = options.projections ?? new Projections(this.log);
    this.grpc.addService(streamsGrpc.StreamsService, streamsService(this));
    this.grpc.addService(featuresGrpc.ServerFeaturesService, featuresService(this));
    this.grpc.addService(gossipGrpc.GossipService, gossipService(this));
    if (this.features.runsProjections) {
      this.grpc.addService(projectionsGrpc.ProjectionsService, projectionsService(this));
    }
    const injector = this.grpc.createConnectionInjector(credentials(options.tls));
    this.tcp = createServer({ noDelay: true }, (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      // A socket that is cut while it is written to says so; the client is the one to tell.
      socket.on('error', () => socket.destroy());
      injector.injectConnection(socket);
    });
  }

  get endpoint(): Endpoint {
    // A client with TLS must be given a name: grpc-js asks for one in the handshake, and Node lets it be no address.
    return { address: this.hasTls ? 'localhost' : ADDRESS, port: this.port };
  }

  get connectionString(): string {
    const { address, port } = this.endpoint;
    return `esdb://${address}:${port}?tls=${this.hasTls}`;
  }

  get hasTls(): boolean {
    return this.options.tls !== undefined;
  }

  leader(): ReturnType<Node['leader']> {
    return this.options.membership?.leader(this) ?? 'self';
  }

  members(): readonly Member[] {
    if (this.options.membership) return this.options.membership.members();
    return [{ endpoint: this.endpoint, instanceId: this.instanceId, isAlive: true, role: 'leader' }];
  }

  isUp(): boolean {
    return this.tcp.listening;
  }

  get life(): number {
    return this.lives;
  }

  drop(peer: string): void {
    for (const socket of this.sockets) if (`${socket.remoteAddress}:${socket.remotePort}` === peer) socket.destroy();
  }

  /** Cuts every connection; the server stays up. */
  dropAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** The machine goes away: nothing in flight is answered. The log is kept. */
  async stop(): Promise<void> {
    this.lives += 1;
    const closed = new Promise((resolve) => this.tcp.close(resolve));
    const gone = [...this.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    this.dropAll();
    await Promise.all([closed, ...gone]);
  }

  /** Comes back on the port it had. */
  async restart(): Promise<void> {
    if (this.isUp()) await this.stop();
    await new Promise<void>((resolve, reject) => {
      this.tcp.once('error', reject);
      this.tcp.listen(this.port, ADDRESS, () => {
        this.tcp.removeListener('error', reject);
        resolve();
      });
    });
    this.port = (this.tcp.address() as AddressInfo).port;
  }
}

function credentials(tls: Certificate | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [
    { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) },
  ]);
}
