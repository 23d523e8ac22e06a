/** How long whoever asks waits for a figure, in ms. */
const PATIENCE_MS = 1000;

/**
 * A figure that costs something: taken when it is asked for, by one at a time, and at most every so often. While a new one
 * takes its time the one before is answered, for a while; undefined when there is none.
 */
export class Sampled<T> {
  private latest: { readonly value: T | undefined; readonly atMs: number } | undefined;
  private taking: Promise<void> | undefined;

  constructor(
    private readonly everyMs: number,
    private readonly take: () => Promise<T>,
  ) {}

  async value(): Promise<T | undefined> {
    if (this.ageMs() >= this.everyMs) {
      this.taking ??= this.sample();
      await inTime(this.taking, PATIENCE_MS);
    }
    return this.ageMs() < 2 * this.everyMs + PATIENCE_MS ? this.latest?.value : undefined;
  }

  private ageMs(): number {
    return this.latest ? performance.now() - this.latest.atMs : Infinity;
  }

  private async sample(): Promise<void> {
    const value = await this.take().catch(() => undefined);
    this.latest = { value, atMs: performance.now() };
    this.taking = undefined;
  }
}

/** The outcome, or `late` after so long: then the work goes on by itself, and how it ends is nobody's. */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, ms, 'late')));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
