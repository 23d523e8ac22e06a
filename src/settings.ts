import { EventStoreDBClient } from '@eventstore/db-client';
import { type Instant, instantOf, parseInstant } from './kernel/instant.js';
import { type LimitSettings, readLimits } from './settings/limits.js';
import { type AuthSettings, readAuth } from './settings/auth.js';
import type { WebhookSettings } from './notices/endpoint.js';
import { type LifeSettings, readLife } from './settings/life.js';
import { readNotices } from './settings/notices.js';
import { type ObservabilitySettings, readObservability } from './settings/observability.js';

export interface Settings {
  readonly host: string;
  readonly port: number;
  /** `sqlite:PATH`, `esdb://…` or `esdb+discover://…`, or `memory:`. */
  readonly store: string;
  /** What the names of the ledger's streams begin with on a server that it shares with others. */
  readonly streamPrefix: string;
  /** Where this process keeps what it can make again from the log (read models, snapshots, indexes); null for memory. */
  readonly cachePath: string | null;
  /** Whether due runs are performed by themselves. */
  readonly scheduler: boolean;
  /** What *now* is: the default of `asOf`, and what is due. */
  readonly clock: () => Instant;
  /** How much a client may ask for. */
  readonly limits: LimitSettings;
  /** How callers are known; null when nothing says it. */
  readonly auth: AuthSettings | null;
  /** What an operator sees, and when the service calls itself ready. */
  readonly observability: ObservabilitySettings;
  /** Whom notices are sent to. */
  readonly notices: WebhookSettings;
  /** How the process ends, and where backups go. */
  readonly life: LifeSettings;
}

/** One line for each setting that is wrong. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';

  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

const FILE = 'sqlite:';

const SERVER = /^esdb(\+discover)?:\/\/./;
/** In lower case, without the dashes and underscores that may stand in them. */
const CLIENT_OPTIONS = new Set([
  'connectionname',
  'defaultdeadline',
  'discoveryinterval',
  'gossiptimeout',
  'keepaliveinterval',
  'keepalivetimeout',
  'maxdiscoverattempts',
  'nodepreference',
  'tls',
  'tlscafile',
  'usercertfile',
  'userkeyfile',
]);

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings from environment variables; an empty one counts as not set. Throws SettingsError with every fault. */
export function loadSettings(env: Environment): Settings {
  const faults: string[] = [];
  const read = <T>(name: string, byDefault: string, parse: (text: string) => T | string[]): T => {
    const parsed = parse(env[name] || byDefault);
    if (Array.isArray(parsed)) faults.push(...parsed.map((fault) => `${name} ${fault}`));
    return parsed as T;
  };
  const store = read('PROMOLEDGER_STORE', 'sqlite:./data/ledger.db', parseStore);
  const settings: Settings = {
    host: read('HOST', '127.0.0.1', parseHost),
    port: read('PORT', '3000', parsePort),
    store,
    streamPrefix: read('PROMOLEDGER_STREAM_PREFIX', '', parsePrefix),
    cachePath: cachePathOf(String(store), env['PROMOLEDGER_CACHE'] || './data/eventstoredb'),
    scheduler: read('PROMOLEDGER_SCHEDULER', 'on', parseSwitch),
    clock: read('PROMOLEDGER_CLOCK', '', parseClock),
    limits: readLimits(read),
    auth: readAuth(read),
    observability: readObservability(read),
    notices: readNotices(read),
    life: readLife(read),
  };
  if (faults.length > 0) throw new SettingsError(faults);
  return settings;
}

function parseHost(text: string): string | string[] {
  return /^[A-Za-z0-9_.:-]+$/.test(text) ? text : [`must be a host name or an IP address, not ${shown(text)}`];
}

function parsePort(text: string): number | string[] {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  return port <= 65_535 ? port : [`must be a port from 0 to 65535, not ${shown(text)}`];
}

/** The value itself is never shown: a connection string may hold a password. */
function parseStore(text: string): string | string[] {
  if (text === 'memory:' || /^sqlite:./.test(text)) return text;
  if (SERVER.test(text)) return parseConnectionString(text);
  return ['must be sqlite:PATH, esdb://HOST:PORT or esdb+discover://HOST:PORT, or memory: for tests'];
}

function parseConnectionString(text: string): string | string[] {
  // Of options that it does not know, or that have no effect, the client tells by printing the whole string.
  const options = [...new URLSearchParams(/\?(.*)$/s.exec(text)?.[1] ?? '').keys()];
  const unknown = options.filter((name) => !CLIENT_OPTIONS.has(name.toLowerCase().replace(/[_-]/g, '')));
  if (unknown.length > 0) return [`has options that are not used here: ${unknown.map(shown).join(', ')}`];
  try {
    EventStoreDBClient.connectionString(text);
    return text;
  } catch (error) {
    const reason = (error as Error).message.replace(/".*"/s, 'text');
    return [`is no connection string of EventStoreDB: ${reason}`];
  }
}

/** Without user and password: for people to read. */
export const storeShown = (store: string): string => store.replace(/(?<=^esdb(\+discover)?:\/\/).*@/s, '');

function parsePrefix(text: string): string | string[] {
  return /^([a-z][a-z0-9_]{0,63})?$/.test(text) ? text : [`must be at most 64 of a-z, 0-9 and _, not ${shown(text)}`];
}

function cachePathOf(store: string, elsewhere: string): string | null {
  if (store === 'memory:') return null;
  return store.startsWith(FILE) ? store.slice(FILE.length) : elsewhere;
}

function parseSwitch(text: string): boolean | string[] {
  return text === 'on' || text === 'off' ? text === 'on' : [`must be on or off, not ${shown(text)}`];
}

function parseClock(text: string): (() => Instant) | string[] {
  if (text === '') return () => instantOf(Date.now());
  const fixed = parseInstant(text);
  return fixed ? () => fixed : [`must be an RFC 3339 instant such as 2022-10-04T07:00:00Z, not ${shown(text)}`];
}

/** On one line, whatever is in it, and not too long. */
const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
