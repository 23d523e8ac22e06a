/** What sending is told of time and chance. */
export interface Timing {
  /** Real time, ms since 1970. */
  now(): number;
  /** Calls back once, after so long; the answer calls it off. */
  after(ms: number, callback: () => void): () => void;
  /** In [0, 1). */
  random(): number;
}

/** Real time; what waits does not keep the process. */
export const REAL_TIMING: Timing = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms).unref();
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** Until so much time has passed, or `gone`. */
export async function pause(timing: Timing, ms: number, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = timing.after(ms, resolve);
  const leave = () => resolve();
  gone.addEventListener('abort', leave, { once: true });
  await promise;
  gone.removeEventListener('abort', leave);
  cancel();
}
