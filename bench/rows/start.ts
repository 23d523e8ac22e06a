import { mkdirSync } from 'node:fs';
import { copyOf, ledgerOf, remove } from '../ledgers.js';
import { alternately, type Effort, milliseconds, type Row } from '../measure.js';
import { serveLedger } from '../service.js';

/** Row 11: from starting the process to its first answer that it is ready. */
export async function startRow(effort: Effort, events: number): Promise<Row> {
  mkdirSync('.bench', { recursive: true });
  const path = copyOf(await ledgerOf('wide', events), 'start', { models: true });
  const empty = '.bench/empty.db';
  const start = (of: string) => ({
    run: async () => {
      const startedMs = performance.now();
      const service = await serveLedger(of);
      while (!(await fetch(`${service.url}/health/ready`)).ok) await new Promise((resolve) => setTimeout(resolve, 5));
      const ms = performance.now() - startedMs;
      await service.stop();
      return { done: 1, ms };
    },
    close: () => remove(of),
  });
  remove(empty);
  const rates = await alternately({ full: start(path), empty: start(empty) }, effort);
  const [fullMs, emptyMs] = [1000 / rates.full, 1000 / rates.empty];
  return {
    number: '11',
    measure: `start to ready, ${events.toLocaleString('en-US')} events | an empty ledger`,
    figure: milliseconds(fullMs),
    reference: milliseconds(emptyMs),
    ratio: (fullMs / emptyMs).toFixed(2),
    target: '≤ 2 × + 1 s',
    met: fullMs <= 2 * emptyMs + 1000,
  };
}
