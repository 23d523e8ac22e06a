import { type Scope, SCOPES } from '../http/scopes.js';
import type { Read } from './read.js';

/** How much a client may ask for, and of whom. */
export interface LimitSettings {
  /** Operations that each client has in an hour, by scope. A scope that is not named has no limit. */
  readonly operationsPerHour: ReadonlyMap<Scope, number>;
  /** The Redis that instances count in together; null for a file of the process's own. */
  readonly store: string | null;
  readonly maxConnections: number;
}

type Parsed<T> = T | string[];

export const readLimits = (read: Read): LimitSettings => ({
  // Nobody's limit is a safe guess: what is refused here are facts of money already spent.
  operationsPerHour: read('PROMOLEDGER_OPERATIONS_PER_HOUR', '', parseQuotas),
  store: read('PROMOLEDGER_LIMITS_STORE', '', parseStore),
  maxConnections: read('PROMOLEDGER_MAX_CONNECTIONS', '1000', parseConnections),
});

const MOST = 1_000_000_000;

const isScope = (name: string): name is Scope => (SCOPES as readonly string[]).includes(name);

/** `facts:write=100000,ledger:read=50000`. */
function parseQuotas(text: string): Parsed<ReadonlyMap<Scope, number>> {
  const quotas = new Map<Scope, number>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [, name, quota] = /^\s*([a-z:]+)=([1-9][0-9]{0,9})\s*$/.exec(part) ?? [];
    if (name === undefined || !isScope(name) || quotas.has(name) || Number(quota) > MOST) {
      return [
        `must be a list such as facts:write=100000,ledger:read=50000, each of ${SCOPES.join(', ')} once at most, ` +
          `with a number from 1 to ${MOST}`,
      ];
    }
    quotas.set(name, Number(quota));
  }
  return quotas;
}

/** The value itself is never shown: it may hold a password. */
function parseStore(text: string): Parsed<string | null> {
  if (text === '') return null;
  return /^rediss?:\/\/./.test(text) && URL.canParse(text) ? text : ['must be redis://HOST:PORT or rediss://HOST:PORT'];
}

function parseConnections(text: string): Parsed<number> {
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : ['must be a whole number from 1 to 999999'];
}
