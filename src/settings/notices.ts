import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { DAY_MS } from '../kernel/instant.js';
import { DOTLESS_IDENTIFIER, MARKETPLACE } from '../kernel/identifiers.js';
import { NOTICE_KINDS, type NoticeKind } from '../notices/domain/notices.js';
import { addressIn, isLoopback, isPublic, type Endpoint, type WebhookSettings } from '../notices/endpoint.js';
import type { Read } from './read.js';

/** The times that the Standard Webhooks specification gives: about three days in all. */
const RETRIES = '5s,5m,30m,2h,5h,10h,14h,20h,24h';

type Parsed<T> = T | string[];
/** A bare list would be one of faults. */
type Listed<T> = { readonly listed: readonly T[] };

export const readNotices = (read: Read): WebhookSettings => ({
  endpoints: read('PROMOLEDGER_WEBHOOKS', '', readEndpoints).listed,
  retriesMs: read('PROMOLEDGER_WEBHOOK_RETRIES', RETRIES, parseRetries).listed,
  deadLetterMs: read('PROMOLEDGER_WEBHOOK_DEAD_LETTER_DAYS', '30', parseDays),
  from: read('PROMOLEDGER_WEBHOOKS_FROM', 'now', parseFrom),
});

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const LONGEST_MS = 48 * 3_600_000;

function parseRetries(text: string): Parsed<Listed<number>> {
  const delays = text.split(',').map((part) => {
    const [, count, unit = ''] = /^\s*([1-9][0-9]{0,5})(ms|s|m|h)\s*$/.exec(part) ?? [];
    return count === undefined ? NaN : Number(count) * UNITS_MS[unit]!;
  });
  const isRight = delays.length <= 20 && delays.every((delay) => delay <= LONGEST_MS);
  return isRight ? { listed: delays } : [`must be 1 to 20 times of at most 48h each, such as ${RETRIES}`];
}

function parseDays(text: string): Parsed<number> {
  const days = /^[1-9][0-9]{0,3}$/.test(text) ? Number(text) : Infinity;
  return days <= 3650 ? days * DAY_MS : ['must be a number of days, 1 to 3650'];
}

function parseFrom(text: string): Parsed<bigint | null> {
  if (text === 'now') return null;
  return /^(0|[1-9][0-9]{0,17})$/.test(text) ? BigInt(text) : ['must be a position, or now'];
}

/** Of what is in the file no value is shown: secrets are among them. */
function readEndpoints(path: string): Parsed<Listed<Endpoint>> {
  if (path === '') return { listed: [] };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return [`names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`];
  }
  let listed: unknown;
  try {
    listed = JSON.parse(text);
  } catch {
    return ['names a file that is not JSON'];
  }
  if (!Array.isArray(listed)) return ['names a file that is not a JSON array of endpoints'];
  const faults: string[] = [];
  const endpoints = listed.map((each: unknown, index) => parseEndpoint(each, `/${index}`, faults));
  const ids = endpoints.map((endpoint) => endpoint?.id);
  ids.forEach((id, index) => {
    if (id !== undefined && ids.indexOf(id) !== index) faults.push(`/${index}/id is that of an endpoint before it`);
  });
  if (faults.length > 0) return faults.map((fault) => `names a file with a fault: ${fault}`);
  return { listed: endpoints.filter((endpoint) => endpoint !== undefined) };
}

const FIELDS = new Set(['id', 'url', 'secrets', 'kinds', 'advertisers', 'marketplaces', 'allowPrivate']);

function parseEndpoint(value: unknown, at: string, faults: string[]): Endpoint | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push(`${at} must be an object`);
    return undefined;
  }
  const said = value as Record<string, unknown>;
  const before = faults.length;
  const { id, url: urlText, secrets, allowPrivate = false } = said;
  for (const field of Object.keys(said)) {
    if (!FIELDS.has(field)) faults.push(`${at} has a field that is not known; known are ${[...FIELDS].join(', ')}`);
  }
  if (typeof id !== 'string' || !/^[a-z0-9][a-z0-9_-]{0,63}$/.test(id))
    faults.push(`${at}/id must be 1 to 64 of a-z 0-9 _ -`);
  if (typeof allowPrivate !== 'boolean') faults.push(`${at}/allowPrivate must be true or false`);
  const url = typeof urlText === 'string' && URL.canParse(urlText) ? new URL(urlText) : undefined;
  const urlFault = url ? faultOf(url, allowPrivate === true) : 'must be a URL';
  if (urlFault) faults.push(`${at}/url ${urlFault}`);
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.length > 5 || !secrets.every(isSecret))
    faults.push(`${at}/secrets must be 1 to 5 secrets: whsec_ and 24 to 64 bytes in base64`);
  const among = (field: string, what: string, fits: (text: string) => boolean): ReadonlySet<string> | null => {
    const list = said[field];
    if (list === undefined) return null;
    const isRight =
      Array.isArray(list) && list.length > 0 && list.every((each) => typeof each === 'string' && fits(each));
    if (!isRight) faults.push(`${at}/${field} must be a list of ${what}, or absent for all`);
    return isRight ? new Set(list as string[]) : null;
  };
  const kinds = among('kinds', NOTICE_KINDS.join(', '), (kind) => (NOTICE_KINDS as readonly string[]).includes(kind));
  const advertisers = among('advertisers', 'advertiser ids', (text) => DOTLESS_IDENTIFIER.test(text));
  const marketplaces = among('marketplaces', 'marketplaces', (text) => MARKETPLACE.test(text));
  if (faults.length > before) return undefined;
  return {
    id: id as string,
    url: url!,
    secrets: secrets as string[],
    kinds: kinds as ReadonlySet<NoticeKind> | null,
    advertisers,
    marketplaces,
    allowPrivate: allowPrivate === true,
  };
}

function faultOf(url: URL, allowPrivate: boolean): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be https';
  if (url.protocol === 'http:' && !isLoopback(url)) return 'must be https: only loopback may go without';
  if (url.username !== '' || url.password !== '') return 'must not hold a user or a password';
  if (url.hash !== '') return 'must not have a fragment';
  const address = addressIn(url);
  const isPrivate = address === null ? url.hostname === 'localhost' : !isPublic(address);
  return isPrivate && !allowPrivate ? 'is at an address that is not public: it takes "allowPrivate": true' : undefined;
}

function isSecret(secret: unknown): boolean {
  if (typeof secret !== 'string' || !/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret)) return false;
  const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64').length;
  try {
    return bytes >= 24 && bytes <= 64 && new Webhook(secret) instanceof Webhook;
  } catch {
    return false;
  }
}
