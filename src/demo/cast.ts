import type { Random } from './random.js';

/** How an advertiser behaves. Each is there to make one rule of the promotion show in the report. */
export type Behaviour =
  | 'steady'
  | 'late-starter'
  | 'pauses'
  | 'misses-a-week'
  | 'gives-up'
  | 'reads-only'
  | 'never-invited'
  | 'prior-api-use'
  | 'suspended-at-run'
  | 'late-payment-method'
  | 'late-account'
  | 'goodwill-to-the-cap'
  | 'fraud';

export interface Habit {
  readonly behaviour: Behaviour;
  /** Share of the advertisers. */
  readonly weight: number;
  /** Promotion weeks, from 1, in which its campaigns may start. */
  readonly starts: readonly [first: number, last: number];
  /** For how many weeks its tool makes changes. */
  readonly weeks: readonly [least: number, most: number];
}

/** Starting in week 1 or 2 is qualifying in time for the first run, in week 3 or later for a later one, or never. */
const HABITS: readonly [Habit, ...Habit[]] = [
  { behaviour: 'steady', weight: 40, starts: [1, 2], weeks: [5, 12] },
  { behaviour: 'late-starter', weight: 24, starts: [3, 14], weeks: [5, 10] },
  { behaviour: 'pauses', weight: 8, starts: [1, 8], weeks: [5, 12] },
  { behaviour: 'misses-a-week', weight: 6, starts: [1, 10], weeks: [6, 10] },
  { behaviour: 'gives-up', weight: 4, starts: [1, 12], weeks: [1, 3] },
  { behaviour: 'reads-only', weight: 2, starts: [1, 8], weeks: [5, 10] },
  { behaviour: 'never-invited', weight: 4, starts: [1, 8], weeks: [4, 8] },
  { behaviour: 'prior-api-use', weight: 3, starts: [1, 6], weeks: [5, 10] },
  { behaviour: 'suspended-at-run', weight: 2, starts: [1, 2], weeks: [5, 9] },
  { behaviour: 'late-payment-method', weight: 3, starts: [1, 2], weeks: [5, 9] },
  { behaviour: 'late-account', weight: 1, starts: [1, 2], weeks: [5, 8] },
  { behaviour: 'goodwill-to-the-cap', weight: 2, starts: [1, 2], weeks: [5, 9] },
  { behaviour: 'fraud', weight: 1, starts: [1, 2], weeks: [5, 8] },
];

export const BEHAVIOURS: readonly Behaviour[] = HABITS.map(({ behaviour }) => behaviour);

/** The first advertisers take one part each, so that no season is without one; then chance decides. */
export const castOf = (random: Random, number: number): Behaviour =>
  BEHAVIOURS[number] ?? random.weighted(HABITS).behaviour;

/** A fraudster's facts all arrive at once: its credits are then surely there to be revoked, and no late click follows. */
export const isPrompt = (behaviour: Behaviour): boolean => behaviour === 'fraud';

export function habitOf(behaviour: Behaviour): Habit {
  return HABITS.find((habit) => habit.behaviour === behaviour) ?? HABITS[0];
}
