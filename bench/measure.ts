/** A thing that is measured: does its work once, and says how much it did. */
export interface Contestant {
  /** Work done, in whatever the row counts (commands, events, questions); the time it took, in ms, when it says so itself. */
  run(): Promise<{ readonly done: number; readonly ms?: number }>;
  close?(): Promise<void> | void;
}

/** What a row of the table says. */
export interface Row {
  readonly number: string;
  readonly measure: string;
  readonly figure: string;
  readonly reference: string;
  readonly ratio: string;
  readonly target: string;
  readonly met: boolean | null;
  readonly note?: string;
}

export interface Effort {
  /** Of each contestant, alternately. */
  readonly rounds: number;
  /** Part of the work of a full run. */
  readonly share: number;
}

/** Work per second of each contestant: the medians of `rounds` turns, taken alternately after one to warm up. */
export async function alternately<const Names extends string>(
  contestants: Readonly<Record<Names, Contestant>>,
  { rounds }: Effort,
): Promise<Record<Names, number>> {
  const names = Object.keys(contestants) as Names[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Names, number[]>;
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      globalThis.gc?.();
      const startedMs = performance.now();
      const { done, ms = performance.now() - startedMs } = await contestants[name].run();
      if (round > 0) rates[name].push((done / ms) * 1000);
    }
  }
  for (const name of names) await contestants[name].close?.();
  return Object.fromEntries(names.map((name) => [name, median(rates[name])])) as Record<Names, number>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `12,345/s`. */
export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en-US')}/s`;

/** A row whose figure must be at least `target` times its reference. */
export function atLeast(
  number: string,
  measure: string,
  [figure, reference]: readonly [number, number],
  target: number,
  note?: string,
): Row {
  const ratio = figure / reference;
  return {
    number,
    measure,
    figure: perSecond(figure),
    reference: perSecond(reference),
    ratio: ratio.toFixed(2),
    target: `≥ ${target}`,
    met: ratio >= target,
    ...(note === undefined ? {} : { note }),
  };
}

/** A row whose figure, a time in ms, may be at most `target` times its reference. */
export function atMost(
  number: string,
  measure: string,
  [figureMs, referenceMs]: readonly [number, number],
  target: number,
  note?: string,
): Row {
  const ratio = figureMs / referenceMs;
  return {
    number,
    measure,
    figure: milliseconds(figureMs),
    reference: milliseconds(referenceMs),
    ratio: ratio.toFixed(2),
    target: `≤ ${target}`,
    met: ratio <= target,
    ...(note === undefined ? {} : { note }),
  };
}

export const milliseconds = (ms: number): string => (ms < 10 ? `${ms.toFixed(3)} ms` : `${Math.round(ms)} ms`);
