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
  /** What the ledger's checkpoints call it. */
  readonly ledgerName: string;
  /** Of the file with the key that signs them: as set, then it must be there; beside the ledger; or null for memory. */
  readonly signingKey: { readonly path: string; readonly isSet: boolean } | null;
  /** How old the last checkpoint may be before another is signed; null: none is by itself. */
  readonly checkpointEveryMs: number | null;
  /** Whether the ledger is read only: nothing is recorded, and nothing is performed by itself. */
  readonly readOnly: boolean;
  /** Whether due runs are performed by themselves. */
  readonly scheduler: boolean;
  /** What *now* is: the default of `asOf`, and what is due. */
  readonly clock: () => Instant;
  /** What it is fixed to; null: the machine's runs. */
  readonly fixedNow: Instant | null;
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
  /** Variables that are named like settings and are none: they have no effect. */
  readonly strays: readonly string[];
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
  const known = new Set(['PROMOLEDGER_CACHE', 'PROMOLEDGER_SIGNING_KEY']);
  const read = <T>(name: string, byDefault: string, parse: (text: string) => T | string[]): T => {
    known.add(name);
    const parsed = parse(env[name] || byDefault);
    if (Array.isArray(parsed)) faults.push(...parsed.map((fault) => `${name} ${fault}`));
    return parsed as T;
  };
  const store = read('PROMOLEDGER_STORE', 'sqlite:./data/ledger.db', parseStore);
  const cachePath = cachePathOf(String(store), env['PROMOLEDGER_CACHE'] || './data/eventstoredb');
  const fixedNow = read('PROMOLEDGER_CLOCK', '', parseClock);
  const readOnly = read('PROMOLEDGER_READ_ONLY', 'off', parseSwitch);
  const settings: Settings = {
    host: read('HOST', '127.0.0.1', parseHost),
    port: read('PORT', '3000', parsePort),
    store,
    streamPrefix: read('PROMOLEDGER_STREAM_PREFIX', '', parsePrefix),
    cachePath,
    ledgerName: read('PROMOLEDGER_LEDGER_NAME', 'promoledger', parseLedgerName),
    signingKey: signingKeyOf(env['PROMOLEDGER_SIGNING_KEY'], cachePath),
    checkpointEveryMs: read('PROMOLEDGER_CHECKPOINT_EVERY', 'PT1H', parseEvery),
    readOnly,
    scheduler: read('PROMOLEDGER_SCHEDULER', 'on', parseSwitch) && !readOnly,
    fixedNow,
    clock: () => fixedNow ?? instantOf(Date.now()),
    limits: readLimits(read),
    auth: readAuth(read),
    observability: readObservability(read),
    notices: readNotices(read),
    life: readLife(read),
    strays: Object.keys(env).filter((name) => name.startsWith('PROMOLEDGER_') && !known.has(name)),
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

/** It stands in signed notes, where a blank and a plus separate. */
function parseLedgerName(text: string): string | string[] {
  return /^[!-*,-~]{1,200}$/.test(text)
    ? text
    : [`must be at most 200 of ASCII, no blank and no plus, not ${shown(text)}`];
}

function signingKeyOf(path: string | undefined, cachePath: string | null): Settings['signingKey'] {
  if (path) return { path, isSet: true };
  return cachePath === null ? null : { path: `${cachePath}.key`, isSet: false };
}

function parseEvery(text: string): number | null | string[] {
  if (text === 'off') return null;
  const [, count, unit] = /^PT([1-9][0-9]{0,3})([SMH])$/.exec(text) ?? [];
  const ms = { S: 1000, M: 60_000, H: 3_600_000 }[unit ?? ''];
  return ms ? Number(count) * ms : [`must be a duration such as PT15M or PT1H, or off, not ${shown(text)}`];
}

function parseSwitch(text: string): boolean | string[] {
  return text === 'on' || text === 'off' ? text === 'on' : [`must be on or off, not ${shown(text)}`];
}

function parseClock(text: string): Instant | null | string[] {
  if (text === '') return null;
  const fixed = parseInstant(text);
  return fixed ?? [`must be an RFC 3339 instant such as 2022-10-04T07:00:00Z, not ${shown(text)}`];
}

/** On one line, whatever is in it, and not too long. */
const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
