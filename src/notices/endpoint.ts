import { BlockList, isIP } from 'node:net';
import { isWithin } from '../kernel/bounds.js';
import type { Notice, NoticeKind } from './domain/notices.js';

/** Somebody's receiver of notices, as the operator has configured it. */
export interface Endpoint {
  readonly id: string;
  readonly url: URL;
  /** `whsec_…`, the newest first. Each message is signed with all of them, so that they can be rotated. */
  readonly secrets: readonly string[];
  /** What it is told of; null: all kinds. */
  readonly kinds: ReadonlySet<NoticeKind> | null;
  readonly advertisers: ReadonlySet<string> | null;
  readonly marketplaces: ReadonlySet<string> | null;
  /** Whether it may be at an address that is not public. */
  readonly allowPrivate: boolean;
}

export interface WebhookSettings {
  readonly endpoints: readonly Endpoint[];
  /** How long after each failed attempt the next is made, in ms; after the last there is none. */
  readonly retriesMs: readonly number[];
  /** Dead letters that are older, in ms, are dropped. */
  readonly deadLetterMs: number;
  /** Where an installation that has sent nothing yet begins: after this position; null: at what is recorded from then on. */
  readonly from: bigint | null;
}

export const wants = (endpoint: Endpoint, notice: Notice): boolean =>
  (endpoint.kinds?.has(notice.kind) ?? true) && isWithin(endpoint, notice);

/** Loopback, private, link-local (where clouds keep their metadata), shared, multicast and reserved addresses. */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4');
}

/** Of IPv6 only global unicast is public, without what carries an IPv4 address (6to4, Teredo) and documentation. */
const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6');
const NOT_GLOBAL = new BlockList();
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  NOT_GLOBAL.addSubnet(network, prefix, 'ipv6');
}

/** Whether an IP address is one of the public internet. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !NOT_PUBLIC.check(address, 'ipv4');
  if (isIP(address) !== 6) return false;
  return GLOBAL_UNICAST.check(address, 'ipv6') && !NOT_GLOBAL.check(address, 'ipv6');
}

/** The host as an IP address when it is one: the brackets of an IPv6 one are the URL's. */
export const addressIn = ({ hostname }: URL): string | null => {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? null : host;
};

export const isLoopback = (url: URL): boolean =>
  url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
