import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';

export const HOUR_SECONDS = 3600;
const HOUR_MS = HOUR_SECONDS * 1000;
/** A Redis that does not answer in that time is away. */
const REDIS_MS = 500;
const LONGEST_BACK_OFF_MS = 5000;
const TOLD_AGAIN_MS = 60_000;
/** Counters whose hour is over are removed so often. */
const SWEEP_MS = 10 * 60_000;

/** Where operations are counted. */
export interface CountersAt {
  /** A Redis that instances share; null for none. */
  readonly redis: string | null;
  /** What the names of its keys begin with. */
  readonly prefix: string;
  /** The process's own file, null for memory. */
  readonly path: string | null;
}

/** One of a client's limits: `key` is the name of its counter. */
export interface Limit {
  readonly key: string;
  readonly quota: number;
}

/** So many operations in a row that count against one limit, by its place. */
export interface Run {
  readonly limit: number;
  readonly count: number;
}

export interface Grant {
  /** So many, from the first on. */
  readonly count: number;
  /** The place of the limit that has none left for the next; undefined when all were granted. */
  readonly short: number | undefined;
  /** For each limit, after this. */
  readonly after: readonly { readonly used: number; readonly endsInMs: number }[];
}

/**
 * Counters that begin anew an hour after their first operation. Taking is one step: nothing is counted that is not
 * granted, not even for a moment, and nothing is lost when the process ends in the middle.
 */
export interface Counters {
  /** `all` of the operations or none, or as many as there are of the `first`. */
  take(limits: readonly Limit[], runs: readonly Run[], how: 'all' | 'first'): Promise<Grant>;
  close(): void;
}

type Report = (message: string) => void;

/**
 * Opens where it is counted. While that place is away, this process counts by itself, in memory and from nothing: an
 * outage of the counters is none of the ledger. `report` is told, once a minute at most.
 */
export function openCounters({ redis, prefix, path }: CountersAt, report: Report): Counters {
  if (redis !== null) return redisCounters(redis, prefix, new Insured('the shared store', report));
  if (path === null) return memoryCounters();
  const insured = new Insured('their file', report);
  try {
    return sqliteCounters(path, insured);
  } catch {
    // A disk that is full, or a file that cannot be written: until the next start.
    insured.away();
    return memoryCounters();
  }
}

/** What each limit gives, by what is used of it. The script for Redis says the same. */
function granted(limits: readonly Limit[], used: readonly number[], runs: readonly Run[], how: 'all' | 'first') {
  const taken = limits.map(() => 0);
  let count = 0;
  for (const { limit, count: wanted } of runs) {
    const given = Math.min(wanted, Math.max(0, limits[limit]!.quota - used[limit]! - taken[limit]!));
    taken[limit]! += given;
    count += given;
    if (given < wanted)
      return how === 'all' ? { count: 0, taken: limits.map(() => 0), short: limit } : { count, taken, short: limit };
  }
  return { count, taken, short: undefined };
}

interface Counted {
  readonly used: number;
  readonly endsAtMs: number;
}

/** Takes from counters that can be read and written in one step. */
function takeFrom(
  counters: { get(key: string, nowMs: number): Counted | undefined; set(key: string, counted: Counted): void },
  limits: readonly Limit[],
  runs: readonly Run[],
  how: 'all' | 'first',
): Grant {
  const nowMs = Date.now();
  const before = limits.map(({ key }) => counters.get(key, nowMs) ?? { used: 0, endsAtMs: nowMs + HOUR_MS });
  const { count, taken, short } = granted(
    limits,
    before.map(({ used }) => used),
    runs,
    how,
  );
  const after = before.map(({ used, endsAtMs }, i) => ({ used: used + taken[i]!, endsAtMs }));
  after.forEach((counted, i) => taken[i]! > 0 && counters.set(limits[i]!.key, counted));
  return { count, short, after: after.map(({ used, endsAtMs }) => ({ used, endsInMs: endsAtMs - nowMs })) };
}

/** True when it is time to remove what is over. */
function sweeper(): () => boolean {
  let sweptAt = Date.now();
  return () => {
    if (Math.abs(Date.now() - sweptAt) < SWEEP_MS) return false;
    sweptAt = Date.now();
    return true;
  };
}

function memoryCounters(): Counters {
  const counts = new Map<string, Counted>();
  const isTimeToSweep = sweeper();
  const current = {
    get: (key: string, nowMs: number) => {
      const counted = counts.get(key);
      return counted && counted.endsAtMs > nowMs ? counted : undefined;
    },
    set: (key: string, counted: Counted) => void counts.set(key, counted),
  };
  return {
    take: async (...asked) => {
      if (isTimeToSweep()) for (const [key, { endsAtMs }] of counts) if (endsAtMs <= Date.now()) counts.delete(key);
      return takeFrom(current, ...asked);
    },
    close: () => undefined,
  };
}

/** Counts in memory while the place is away, and tells. */
class Insured {
  private readonly memory = memoryCounters();
  private toldAt = -Infinity;

  constructor(
    private readonly place: string,
    private readonly report: Report,
  ) {}

  async take(...asked: Parameters<Counters['take']>): Promise<Grant> {
    this.away();
    return this.memory.take(...asked);
  }

  away(): void {
    if (Date.now() - this.toldAt < TOLD_AGAIN_MS) return;
    this.toldAt = Date.now();
    this.report(`operations cannot be counted in ${this.place}: each process counts its own, from nothing`);
  }

  back(): void {
    if (this.toldAt > 0) this.report(`operations are counted in ${this.place} again`);
    this.toldAt = -Infinity;
  }
}

/**
 * One step on the server. KEYS: the limits' counters. ARGV: how, the hour in ms, the quota of each limit, then for each run the
 * place of its limit, from 1, and its count. Answers count, short or 0, then what is used and the ms left of each limit.
 */
const TAKE = `
local used, taken = {}, {}
for i, key in ipairs(KEYS) do used[i] = tonumber(redis.call('GET', key) or '0'); taken[i] = 0 end
local count, short = 0, 0
for at = 3 + #KEYS, #ARGV, 2 do
  local i, wanted = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local given = math.min(wanted, math.max(0, tonumber(ARGV[2 + i]) - used[i] - taken[i]))
  taken[i] = taken[i] + given
  count = count + given
  if given < wanted then short = i break end
end
if short > 0 and ARGV[1] == 'all' then
  count = 0
  for i = 1, #KEYS do taken[i] = 0 end
end
local answer = { count, short }
for i, key in ipairs(KEYS) do
  if taken[i] > 0 then
    redis.call('INCRBY', key, taken[i])
    if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[2]) end
  end
  local left = redis.call('PTTL', key)
  answer[2 * i + 1] = used[i] + taken[i]
  answer[2 * i + 2] = left < 0 and tonumber(ARGV[2]) or left
end
return answer`;

function redisCounters(url: string, prefix: string, insured: Insured): Counters {
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: REDIS_MS,
    retryStrategy: (attempt) => Math.min(attempt * 100, LONGEST_BACK_OFF_MS),
  });
  client.on('error', () => insured.away());
  client.on('ready', () => insured.back());
  return {
    async take(limits, runs, how) {
      const keys = limits.map(({ key }) => `promoledger:${prefix}operations:${key}`);
      const wanted = runs.flatMap(({ limit, count }) => [limit + 1, count]);
      const args = [how, HOUR_MS, ...limits.map(({ quota }) => quota), ...wanted];
      try {
        const [count, short, ...after] = (await client.eval(TAKE, keys.length, ...keys, ...args)) as [number, number];
        const left = after as number[];
        return {
          count,
          short: short === 0 ? undefined : short - 1,
          after: limits.map((_, i) => ({ used: left[2 * i]!, endsInMs: left[2 * i + 1]! })),
        };
      } catch {
        return insured.take(limits, runs, how);
      }
    },
    close: () => client.disconnect(),
  };
}

function sqliteCounters(path: string, insured: Insured): Counters {
  const db = new DatabaseSync(path, { timeout: 1000 });
  // What a power cut takes from the counts is to the client's good.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  db.exec('CREATE TABLE IF NOT EXISTS operations (key TEXT PRIMARY KEY, points INTEGER NOT NULL, expire INTEGER)');
  db.exec('CREATE INDEX IF NOT EXISTS operations_by_end ON operations (expire)');
  const remove = db.prepare('DELETE FROM operations WHERE expire <= ?');
  remove.run(Date.now());
  const get = db.prepare('SELECT points AS used, expire AS endsAtMs FROM operations WHERE key = ? AND expire > ?');
  const set = db.prepare('INSERT OR REPLACE INTO operations (key, points, expire) VALUES (?, ?, ?)');
  const isTimeToSweep = sweeper();
  const current = {
    get: (key: string, nowMs: number) => get.get(key, nowMs) as Counted | undefined,
    set: (key: string, { used, endsAtMs }: Counted) => void set.run(key, used, endsAtMs),
  };
  return {
    async take(...asked) {
      try {
        db.exec('BEGIN IMMEDIATE');
        try {
          if (isTimeToSweep()) remove.run(Date.now());
          const grant = takeFrom(current, ...asked);
          db.exec('COMMIT');
          return grant;
        } catch (error) {
          db.exec('ROLLBACK');
          throw error;
        }
      } catch {
        return insured.take(...asked);
      }
    },
    close: () => db.close(),
  };
}
