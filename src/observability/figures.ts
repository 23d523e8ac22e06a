import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore, Position } from '../event-store/event-store.js';
import { epochMs, type Instant } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { isRefusal } from '../kernel/refusal.js';
import type { Moment } from '../read-models/moment.js';
import type { Queries, RunListed } from '../read-models/queries.js';
import type { ReadModels } from '../read-models/read-models.js';

/** How far the read models are behind the log. */
export interface Lag {
  readonly events: number;
  /** Age of the first event that they do not include. */
  readonly seconds: number;
}

export type RunState = RunListed['state'] | 'late';

export interface Expiring {
  readonly credits: number;
  /** In units of the currency. */
  readonly amount: number;
}

const EXPIRING_WITHIN_MS = 7 * 86_400_000;
/** The scheduler's next turn performs what is due; after so long something hinders it. */
const LATE_AFTER_MS = 3_600_000;
/** Where positions are not numbers of events, so many are counted at most. */
const COUNTED = 1000;
/** So many credits are looked at for one figure at most. */
const LOOKED_AT = 50_000;

/** What an operator asks of a ledger as a whole. Each answer is bounded work, and lets others work in between. */
export class Figures {
  constructor(
    private readonly store: EventStore,
    private readonly models: ReadModels,
    private readonly queries: Queries,
    private readonly clock: () => Instant,
    /** Whether each position of the log is an event: not so on a server, where they count bytes. */
    private readonly positionsAreEvents: boolean,
  ) {}

  async lag(): Promise<Lag> {
    const head = await this.store.head();
    const { position } = this.models.runner;
    if (head <= position) return { events: 0, seconds: 0 };
    let events = 0;
    let seconds = 0;
    for await (const { recordedAt } of this.store.readAll({ after: position })) {
      if (events === 0) seconds = Math.max(0, Date.now() - epochMs(recordedAt)) / 1000;
      events += 1;
      if (this.positionsAreEvents || events === COUNTED) break;
    }
    return { events: this.positionsAreEvents ? Number(head - position) : events, seconds };
  }

  get isRebuilding(): boolean {
    return this.models.isRebuilding;
  }

  /** Of all calendars, as far as the read models know them. */
  async runs(): Promise<Readonly<Record<RunState, number>>> {
    const counts = { planned: 0, due: 0, late: 0, completed: 0 };
    const moment = this.moment();
    const lateAtMs = epochMs(moment.asOf) - LATE_AFTER_MS;
    for (const promotionId of this.queries.promotionIds(moment)) {
      const listed = this.queries.disbursements(moment, promotionId);
      for (const { state, runAt } of isRefusal(listed) ? [] : listed.items) {
        counts[state === 'due' && epochMs(runAt) <= lateAtMs ? 'late' : state] += 1;
      }
      await nextTurn();
    }
    return counts;
  }

  /** By currency, the credits that have something left and end within 7 days. */
  async expiring(): Promise<ReadonlyMap<string, Expiring>> {
    const { asOf, known } = this.moment();
    const nowMs = epochMs(asOf);
    const sums = new Map<string, { credits: number; minor: bigint }>();
    let lookedAt = 0;
    for (const chunk of this.models.expiring.within(nowMs, nowMs + EXPIRING_WITHIN_MS, known)) {
      for (const { currency, heldMinor } of chunk) {
        const sum = sums.get(currency) ?? { credits: 0, minor: 0n };
        if (heldMinor > 0n) sums.set(currency, { credits: sum.credits + 1, minor: sum.minor + heldMinor });
      }
      lookedAt += chunk.length;
      if (lookedAt >= LOOKED_AT) break;
      await nextTurn();
    }
    const expiring = [...sums].map(([currency, { credits, minor }]): [string, Expiring] => {
      return [currency, { credits, amount: Number(formatMinor(minor, currency)) }];
    });
    return new Map(expiring);
  }

  private moment(): Moment {
    const known: Position = this.models.runner.position;
    return { asOf: this.clock(), known };
  }
}

/** Where the process writes: the ledger's file, if it has one, and what it can make again from the log. */
export interface Places {
  readonly ledger: string | null;
  readonly cache: string | null;
}

/** What is left to the process on the file system of each place, in bytes. */
export async function diskFree(places: Places): Promise<ReadonlyMap<keyof Places, number>> {
  const free = new Map<keyof Places, number>();
  for (const place of ['ledger', 'cache'] as const) {
    const path = places[place];
    if (path === null) continue;
    const { bavail, bsize } = await statfs(dirname(path));
    free.set(place, bavail * bsize);
  }
  return free;
}
