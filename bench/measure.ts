/** A thing that is measured: does its work once, and says how much it did. */
export interface Contestant {
  /** Work done, in whatever the row counts (commands, events, questions); the time it took, in ms, when it says so itself. */
  run(): Promise<{ readonly done: number; readonly ms?: number }>;
  close?(): Promise<void> | void;
}

/** What a row of the table says. */
export interface Row {
  readonly number: string;
  /** What is measured, and behind ` | ` what it is measured against. */
  readonly measure: string;
  readonly figure: string;
  readonly reference: string;
  readonly ratio: string;
  /** The least and the greatest ratio of a turn. */
  readonly spread?: string;
  readonly target: string;
  /** Null: there is nothing to be met. */
  readonly met: boolean | null;
  readonly note?: string;
}

export interface Effort {
  /** Of each contestant, alternately. */
  readonly rounds: number;
  /** Part of the work of a full run. */
  readonly share: number;
}

/** What a contestant came to in each of its turns. */
export type Turns = readonly number[];

/** Longer than anything takes that works. */
const PATIENCE_MS = 60_000;

/** Looks until it is so; an error says what was waited for in vain. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + PATIENCE_MS; !(await isSo());) {
    if (performance.now() > endMs) throw new Error(`it was waited in vain for ${what}`);
  }
}

/** Work per second of each contestant in `rounds` turns, taken alternately after one to warm up. */
export async function alternately<const Names extends string>(
  contestants: Readonly<Record<Names, Contestant>>,
  { rounds }: Effort,
): Promise<Record<Names, Turns>> {
  const names = Object.keys(contestants) as Names[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Names, number[]>;
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const name of names) {
        globalThis.gc?.();
        const startedMs = performance.now();
        const { done, ms = performance.now() - startedMs } = await contestants[name].run();
        if (round > 0) rates[name].push((done / ms) * 1000);
      }
    }
  } finally {
    for (const name of names) await contestants[name].close?.();
  }
  return rates;
}

export function median(values: Turns): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `12,345/s`. */
export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en-US')}/s`;

export const milliseconds = (ms: number): string => (ms < 10 ? `${ms.toFixed(3)} ms` : `${Math.round(ms)} ms`);

/** What one of them took, in ms, of rates per second. */
export const msEach = (rates: Turns): Turns => rates.map((rate) => 1000 / rate);

const plain = (ratio: number): string => (ratio < 100 ? ratio.toFixed(2) : Math.round(ratio).toLocaleString('en-US'));

/**
 * Turn by turn, and then the median: what disturbs the machine for a while disturbs both of a turn. It may be a little
 * other than the ratio of the two medians shown.
 */
export function compared(figure: Turns, reference: Turns) {
  const ratios = figure.map((each, turn) => each / reference[turn]!);
  const ratio = median(ratios);
  const spread = `${plain(Math.min(...ratios))} to ${plain(Math.max(...ratios))}`;
  return { ratio, told: { ratio: plain(ratio), spread } };
}

/** A row whose figure, in work per second, must be at least `target` times its reference. */
export function atLeast(
  number: string,
  measure: string,
  [figure, reference]: readonly [Turns, Turns],
  target: number,
  note?: string,
): Row {
  const { ratio, told } = compared(figure, reference);
  return {
    number,
    measure,
    figure: perSecond(median(figure)),
    reference: perSecond(median(reference)),
    ...told,
    target: `≥ ${target}`,
    met: ratio >= target,
    ...(note === undefined ? {} : { note }),
  };
}

/** A row whose figure, a time in ms, may be at most `target` times its reference. */
export function atMost(
  number: string,
  measure: string,
  [figureMs, referenceMs]: readonly [Turns, Turns],
  target: number,
  note?: string,
): Row {
  const { ratio, told } = compared(figureMs, referenceMs);
  return {
    number,
    measure,
    figure: milliseconds(median(figureMs)),
    reference: milliseconds(median(referenceMs)),
    ...told,
    target: `≤ ${target}`,
    met: ratio <= target,
    ...(note === undefined ? {} : { note }),
  };
}
