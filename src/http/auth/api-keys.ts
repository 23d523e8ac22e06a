import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { DOTLESS_IDENTIFIER, MARKETPLACE } from '../../kernel/identifiers.js';
import { epochMs, parseInstant } from '../../kernel/instant.js';
import type { Caller } from '../caller.js';
import { type Scope, SCOPES } from '../scopes.js';

/** An entry of the file. The key itself is in nobody's hands but its holder's. */
interface ApiKey {
  readonly sha256: Buffer;
  readonly caller: Caller;
}

export type ApiKeys = ReadonlyMap<string, ApiKey>;

const ID = /^[A-Za-z0-9-]{1,64}$/;
/** 32 bytes in base64url behind the name. */
const KEY = /^plk_([A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]{43}$/;
/** What may be stored with events and stand in a log: one word of printable ASCII. */
export const SUBJECT = /^[\x21-\x7e]{1,256}$/;

export const looksLikeKey = (credentials: string): boolean => credentials.startsWith('plk_');

/**
 * A fast hash is right here, as it would not be for a password: a key is 256 bits of chance, not words of a person, so
 * there is nothing to guess from the hash however many can be tried in a second.
 */
export const hashOfKey = (key: string): Buffer => hash('sha256', key, 'buffer');

/** A new key. It is shown once; the file keeps its hash. */
export function newKey(id: string): { readonly key: string; readonly sha256: string } {
  if (!ID.test(id)) throw new Error('the name of a key must be 1 to 64 of A-Z a-z 0-9 -');
  const key = `plk_${id}_${randomBytes(32).toString('base64url')}`;
  return { key, sha256: hashOfKey(key).toString('hex') };
}

/** Compared with where no key has the name, so that the time does not tell which names there are. */
const NO_HASH = Buffer.alloc(32);

/** Undefined when the key is none of these, or its time is over. */
export function callerOfKey(keys: ApiKeys, credentials: string, nowMs: number): Caller | undefined {
  const id = KEY.exec(credentials)?.[1];
  const entry = id === undefined ? undefined : keys.get(id);
  const isSame = timingSafeEqual(hashOfKey(credentials), entry?.sha256 ?? NO_HASH);
  if (!entry || !isSame) return undefined;
  const { caller } = entry;
  return caller.endsAtMs !== undefined && nowMs >= caller.endsAtMs ? undefined : caller;
}

/**
 * `{ "keys": [{ "id", "sha256", "subject", "scopes": [], "advertisers"?: [], "marketplaces"?: [], "notAfter"?: instant }] }`;
 * bounds that are absent or null do not bind. Throws an error that names the fault: nothing is guessed.
 */
export function parseKeys(text: string): ApiKeys {
  const file: unknown = JSON.parse(text);
  const list = isRecord(file) && Object.keys(file).length === 1 ? file['keys'] : undefined;
  if (!Array.isArray(list)) throw new Error('it must be an object with keys, a list');
  const keys = new Map<string, ApiKey>();
  for (const [index, entry] of list.entries()) {
    const { id, key } = parseKey(entry, `keys/${index}`);
    if (keys.has(id)) throw new Error(`keys/${index}/id is that of another key`);
    keys.set(id, key);
  }
  return keys;
}

const FIELDS: ReadonlySet<string> = new Set([
  'id',
  'sha256',
  'subject',
  'scopes',
  'advertisers',
  'marketplaces',
  'notAfter',
]);

function parseKey(entry: unknown, at: string): { id: string; key: ApiKey } {
  if (!isRecord(entry)) throw new Error(`${at} must be an object`);
  const stray = Object.keys(entry).find((name) => !FIELDS.has(name));
  if (stray !== undefined) throw new Error(`${at} has an unknown field ${JSON.stringify(stray)}`);
  const { id, sha256, subject, scopes, advertisers, marketplaces, notAfter = null } = entry;
  const require = (holds: boolean, field: string, must: string) => {
    if (!holds) throw new Error(`${at}/${field} must be ${must}`);
  };
  require(typeof id === 'string' && ID.test(id), 'id', '1 to 64 of A-Z a-z 0-9 -');
  require(typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256), 'sha256', '64 hexadecimal digits, in lower case');
  require(typeof subject === 'string' && SUBJECT.test(subject), 'subject', '1 to 256 printable characters, no spaces');
  require(Array.isArray(scopes) && scopes.every(isScope), 'scopes', `a list of ${SCOPES.join(', ')}`);
  const bounds = parseBounds(advertisers, marketplaces);
  require(bounds.advertisers !== undefined, 'advertisers', 'a list of advertiserIds');
  require(bounds.marketplaces !== undefined, 'marketplaces', 'a list of marketplaces such as DE');
  const until = typeof notAfter === 'string' ? parseInstant(notAfter) : notAfter === null ? null : undefined;
  require(until !== undefined, 'notAfter', 'an instant such as 2027-01-01T00:00:00Z');
  return {
    id: id as string,
    key: {
      sha256: Buffer.from(sha256 as string, 'hex'),
      caller: {
        subject: `key:${subject as string}`,
        scopes: new Set(scopes as Scope[]),
        advertisers: bounds.advertisers ?? null,
        marketplaces: bounds.marketplaces ?? null,
        ...(until && { endsAtMs: epochMs(until) }),
      },
    },
  };
}

/** Absent or null does not bind; undefined where it is anything but a list of names that can be. */
export const parseBounds = (advertisers: unknown, marketplaces: unknown) => ({
  advertisers: parseBound(advertisers, DOTLESS_IDENTIFIER),
  marketplaces: parseBound(marketplaces, MARKETPLACE),
});

function parseBound(names: unknown, pattern: RegExp): ReadonlySet<string> | null | undefined {
  if (names === undefined || names === null) return null;
  const isList = Array.isArray(names) && names.every((name) => typeof name === 'string' && pattern.test(name));
  return isList ? new Set(names as string[]) : undefined;
}

export const isScope = (name: unknown): name is Scope => (SCOPES as readonly unknown[]).includes(name);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
