import { epochMs, instantOf } from '../kernel/instant.js';
import type { PromotionTerms } from '../promotions/domain/terms.js';
import { castOf, type Behaviour } from './cast.js';
import { playAdvertiser } from './advertiser.js';
import { Random } from './random.js';
import { CLOSE, PROMOTION_ID, STEPS, type Step } from './world.js';

/** A fact as a client sends it. */
export interface Command {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A fact and when the ledger is told of it, which may be long after it happened. */
export interface Arrival {
  readonly arrivesMs: number;
  readonly command: Command;
}

/** What arrives up to a step, in the order of arrival, and the step. */
export interface Phase {
  readonly commands: readonly Command[];
  readonly step: Step;
}

export interface Season {
  readonly phases: readonly Phase[];
  readonly cast: readonly { readonly advertiserId: string; readonly behaviour: Behaviour }[];
}

/** Of a thousand facts, so many are delivered twice: upstream queues promise at least once, not exactly once. */
const RESENT_PER_THOUSAND = 8;

/**
 * A season of so many advertisers, wholly decided by the seed. An advertiser's life depends on the seed and its number
 * alone: a longer season begins with the shorter one's advertisers.
 */
export function season(options: {
  readonly seed: number;
  readonly advertisers: number;
  readonly terms: PromotionTerms;
  readonly rates: readonly Arrival[];
}): Season {
  const random = new Random(options.seed);
  const published: Command = { type: 'PromotionPublished', data: { promotionId: PROMOTION_ID, terms: options.terms } };
  const arrivals: Arrival[] = [{ arrivesMs: 0, command: published }, ...options.rates];
  const cast: { advertiserId: string; behaviour: Behaviour }[] = [];
  for (let number = 0; number < options.advertisers; number++) {
    const own = random.fork(number);
    const behaviour = castOf(own, number);
    const post = new Post(own);
    cast.push({ advertiserId: playAdvertiser(own, number, behaviour, post), behaviour });
    arrivals.push(...post.arrivals);
  }
  return { phases: inPhases(arrivals), cast };
}

/** Takes an advertiser's facts and notes when each will arrive. */
export class Post {
  readonly arrivals: Arrival[] = [];

  constructor(private readonly random: Random) {}

  /** `occurredS` and `arrivesS` are seconds since 1970; a fact arrives when it happens unless said otherwise. */
  send(type: string, occurredS: number, data: Readonly<Record<string, unknown>>, arrivesS = occurredS): void {
    const command = { type, data: { ...data, [instantOfFact(type)]: instantOf(occurredS * 1000) } };
    this.arrivals.push({ arrivesMs: arrivesS * 1000, command });
    if (!this.random.chance(RESENT_PER_THOUSAND)) return;
    this.arrivals.push({ arrivesMs: (arrivesS + this.random.between(30, 36 * 3600)) * 1000, command });
  }
}

const instantOfFact = (type: string): string => (type === 'CreditApplied' ? 'appliedAt' : 'occurredAt');

/** Sorting is stable, so what arrives in one second keeps the order in which it was sent. What is after the close is left out. */
function inPhases(arrivals: readonly Arrival[]): readonly Phase[] {
  const sorted = arrivals
    .filter(({ arrivesMs }) => arrivesMs < epochMs(CLOSE))
    .sort((a, b) => a.arrivesMs - b.arrivesMs);
  let from = 0;
  return STEPS.map((step) => {
    const until = sorted.findIndex(({ arrivesMs }) => arrivesMs >= epochMs(step.at));
    const phase = sorted.slice(from, until < 0 ? sorted.length : until);
    from += phase.length;
    return { commands: phase.map(({ command }) => command), step };
  });
}
