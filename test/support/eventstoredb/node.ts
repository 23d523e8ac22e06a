import type { EventEmitter } from 'node:events';
import { status, type Deadline, type Metadata } from '@grpc/grpc-js';
import { ConnectionLost, ServerError, accessDenied, leaderInfo, serverNotReady, unauthenticated } from './errors.js';
import type { Endpoint } from './errors.js';
import type { Asked, Faults } from './faults.js';
import type { EventLog } from './log.js';
import type { Projections } from './projections.js';

/** What a server can do and how it is set up. */
export interface Features {
  /** As the server tells it, without the build. */
  readonly version: string;
  /** Whether it offers batch append; clients use the older call where it does not. */
  readonly batchAppend: boolean;
  /** Whether it runs projections, and so lets them be managed. */
  readonly runsProjections: boolean;
  /** Whether it says that a subscription has caught up or fallen behind: from 23.10 on. */
  readonly announces: boolean;
  readonly maxAppendBytes: number;
  /** Passwords by user; with none given, nobody is asked who they are. */
  readonly users: Readonly<Record<string, string>>;
  /** Whether a node that does not lead hands writes on to the one that does, unless the client asks it not to. */
  readonly forwardsWrites: boolean;
}

/** A node as gossip tells of it. */
export interface Member {
  readonly endpoint: Endpoint;
  readonly instanceId: string;
  readonly isAlive: boolean;
  readonly role: 'leader' | 'follower' | 'electing';
}

/** A node as its services see it. */
export interface Node {
  readonly log: EventLog;
  readonly projections: Projections;
  readonly faults: Faults;
  readonly features: Features;
  /** The leader of the cluster as this node knows it; `none` while there is an election. */
  leader(): 'self' | 'none' | Endpoint;
  members(): readonly Member[];
  /** Changes when the node goes down: what was under way then is not to be finished by what comes up again. */
  readonly life: number;
  /** Events that its reads and subscriptions were sent, all in all. */
  readonly sent: { events: number };
  /** Kills the connection from that address. */
  drop(peer: string): void;
}

/** What all calls of grpc-js have. */
export interface Call extends Pick<EventEmitter, 'once'> {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getPeer(): string;
  getPath(): string;
  getDeadline(): Deadline;
}

/** Lets a call in: what it asks, once it is known who asks. */
export function admit(node: Node, call: Call, method: Asked['method'], name = ''): Asked {
  if (method !== 'gossip' && method !== 'features') authenticate(node, call);
  const gone = new AbortController();
  const leave = (): void => gone.abort('gone');
  call.once('cancelled', leave);
  if (call.cancelled) leave();
  return {
    method,
    path: call.getPath(),
    name,
    deadline: milliseconds(call.getDeadline()),
    drop: () => node.drop(call.getPeer()),
    signal: gone.signal,
  };
}

function milliseconds(deadline: Deadline): number {
  return deadline instanceof Date ? deadline.getTime() : deadline;
}

function authenticate({ features: { users } }: Node, call: Call): void {
  if (Object.keys(users).length === 0) return;
  const [header] = call.metadata.get('authorization');
  if (header === undefined) throw accessDenied();
  const [user = '', password] = Buffer.from(String(header).replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':');
  if (password === undefined || users[user] !== password) throw unauthenticated();
}

/** Refuses what only the leader does, or what the client wants of the leader alone. */
export function checkLeader(node: Node, call: Call, writes: boolean): void {
  const leader = node.leader();
  if (leader === 'self') return;
  const insists = String(call.metadata.get('requires-leader')[0] ?? '').toLowerCase() === 'true';
  if (!insists && !writes) return;
  if (leader === 'none') throw serverNotReady();
  if (insists || !node.features.forwardsWrites) throw leaderInfo(leader);
}

/** What a call ends with when its handling threw, if there is anybody to tell. */
export function failure(call: Call, error: unknown): ServerError | undefined {
  if (error instanceof ConnectionLost || call.cancelled) return undefined;
  if (error instanceof ServerError) return error;
  return new ServerError(status.INTERNAL, `The double failed: ${error instanceof Error ? error.stack : String(error)}`);
}
