import { constants } from 'node:os';

/** A terminal tells the whole group of processes, and a launcher tells its child besides: that is one signal. */
const SAME_SIGNAL_MS = 1000;

/** The first SIGTERM or SIGINT closes the service and ends the process with 0; a second one ends it at once. */
export function stopOnSignals(
  close: () => Promise<void>,
  tell: (level: 'info' | 'error', message: string) => void,
): void {
  let askedMs: number | undefined;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (askedMs !== undefined) {
      if (performance.now() - askedMs > SAME_SIGNAL_MS) process.exit(128 + constants.signals[signal]);
      return;
    }
    askedMs = performance.now();
    tell('info', `stopping on ${signal}: what is under way is finished; a second signal ends it at once`);
    try {
      await close();
      process.exit(0);
    } catch (error) {
      tell('error', `the service could not be closed: ${(error as Error).message}`);
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, (name) => void stop(name));
}
