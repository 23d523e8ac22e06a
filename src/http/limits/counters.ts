import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterSQLite,
} from 'rate-limiter-flexible';

export const HOUR_SECONDS = 3600;
/** A Redis that does not answer in that time is away. */
const REDIS_MS = 500;
const LONGEST_BACK_OFF_MS = 5000;
const TOLD_AGAIN_MS = 60_000;

/** Where operations are counted. */
export interface CountersAt {
  /** A Redis that instances share; null for none. */
  readonly redis: string | null;
  /** What the names of its keys begin with. */
  readonly prefix: string;
  /** The process's own file, null for memory. */
  readonly path: string | null;
}

/** Counters that begin anew an hour after their first operation. */
export interface Counters {
  /** Counts up to `quota` for each key. */
  limiter(quota: number): RateLimiterAbstract;
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

const options = (quota: number, keyPrefix = 'operations') => ({ points: quota, duration: HOUR_SECONDS, keyPrefix });

const memoryCounters = (): Counters => ({
  limiter: (quota) => new RateLimiterMemory(options(quota)),
  close: () => undefined,
});

/** Tells when it is counted in memory instead. */
class Insured {
  private toldAt = -Infinity;

  constructor(
    private readonly place: string,
    private readonly report: Report,
  ) {}

  limiter(quota: number): RateLimiterMemory {
    const away = () => this.away();
    return new (class extends RateLimiterMemory {
      override consume(...given: Parameters<RateLimiterMemory['consume']>) {
        away();
        return super.consume(...given);
      }
    })(options(quota));
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
    limiter: (quota) =>
      new RateLimiterRedis({
        ...options(quota, `promoledger:${prefix}operations`),
        storeClient: client,
        rejectIfRedisNotReady: true,
        insuranceLimiter: insured.limiter(quota),
      }),
    close: () => client.disconnect(),
  };
}

/** The library speaks with another driver of SQLite; Node's own is given its shape. */
function sqliteCounters(path: string, insured: Insured): Counters {
  const db = new DatabaseSync(path, { timeout: 1000 });
  // What a power cut takes from the counts is to the client's good.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  db.exec('CREATE TABLE IF NOT EXISTS operations (key TEXT PRIMARY KEY, points INTEGER NOT NULL, expire INTEGER)');
  db.prepare('DELETE FROM operations WHERE expire < ?').run(Date.now());
  const client = {
    prepare: (sql: string) => db.prepare(sql),
    // It is asked for around a single statement, which is one by itself.
    transaction: <T>(run: () => T) => run,
  };
  return {
    limiter: (quota) =>
      new RateLimiterSQLite({
        ...options(quota),
        storeClient: client,
        storeType: 'better-sqlite3',
        tableName: 'operations',
        tableCreated: true,
        clearExpiredByTimeout: false,
        insuranceLimiter: insured.limiter(quota),
      }),
    close: () => db.close(),
  };
}
