import type { Expiring, Figures, Lag, Places, RunState } from './figures.js';
import { diskFree } from './figures.js';
import type { Metrics } from './metrics.js';
import { Sampled } from './sampled.js';

/** How often a figure is taken at most, in ms. */
export interface Pace {
  readonly lag: number;
  readonly disk: number;
  readonly runs: number;
  readonly expiring: number;
}

const PACE: Pace = { lag: 1000, disk: 5000, runs: 30_000, expiring: 300_000 };

/** Figures of the whole ledger, taken when metrics are scraped, and not at each scrape. What cannot be told has no value. */
export class Gauges {
  private readonly lag: Sampled<Lag>;
  private readonly disk: Sampled<ReadonlyMap<string, number>>;
  private readonly runs: Sampled<Readonly<Record<RunState, number>>>;
  private readonly expiring: Sampled<ReadonlyMap<string, Expiring>>;

  constructor(
    private readonly metrics: Metrics,
    private readonly figures: Figures,
    places: Places,
    pace: Pace = PACE,
  ) {
    this.lag = new Sampled(pace.lag, () => figures.lag());
    this.disk = new Sampled(pace.disk, () => diskFree(places));
    this.runs = new Sampled(pace.runs, () => figures.runs());
    this.expiring = new Sampled(pace.expiring, () => figures.expiring());
  }

  async refresh(): Promise<void> {
    const taken = [this.lag.value(), this.disk.value(), this.runs.value(), this.expiring.value()] as const;
    const [lag, disk, runs, expiring] = await Promise.all(taken);
    const { metrics } = this;
    metrics.storeUp.set(lag ? 1 : 0);
    metrics.projectionRebuilding.set(this.figures.isRebuilding ? 1 : 0);
    for (const gauge of [metrics.lagEvents, metrics.lagSeconds]) gauge.remove();
    if (lag) {
      metrics.lagEvents.set(lag.events);
      metrics.lagSeconds.set(lag.seconds);
    }
    for (const gauge of [metrics.diskFree, metrics.runs, metrics.expiring, metrics.expiringAmount]) gauge.reset();
    for (const [place, bytes] of disk ?? []) metrics.diskFree.set({ place }, bytes);
    for (const [state, count] of Object.entries(runs ?? {})) metrics.runs.set({ state }, count);
    for (const [currency, { credits, amount }] of expiring ?? []) {
      metrics.expiring.set({ currency }, credits);
      metrics.expiringAmount.set({ currency }, amount);
    }
  }
}
