import { setTimeout as sleep } from 'node:timers/promises';
import { copyOf, HOME, ledgerOf, remove } from '../ledgers.js';
import { alternately, compared, type Effort, median, milliseconds, msEach, type Row, until } from '../measure.js';
import { serveLedger } from '../service.js';

const LOOKS_MS = 5;

/** Row 11: from starting the process to its first answer that it is ready. */
export async function startRows(effort: Effort, events: number): Promise<Row[]> {
  const path = copyOf(await ledgerOf('wide', events), 'start', { models: true });
  const empty = `${HOME}/empty.db`;
  const start = (of: string) => ({
    run: async () => {
      const startedMs = performance.now();
      const service = await serveLedger(of);
      await until(`${service.url} to be ready`, async () => {
        if ((await fetch(`${service.url}/health/ready`)).ok) return true;
        await sleep(LOOKS_MS);
        return false;
      });
      const ms = performance.now() - startedMs;
      await service.stop();
      return { done: 1, ms };
    },
    close: () => remove(of),
  });
  const rates = await alternately({ full: start(path), empty: start(empty) }, effort);
  const [fullMs, emptyMs] = [msEach(rates.full), msEach(rates.empty)];
  const isMet = median(fullMs) <= 2 * median(emptyMs) + 1000;
  return [
    {
      number: '11',
      measure: `start to ready, ${events.toLocaleString('en-US')} events | an empty ledger`,
      figure: milliseconds(median(fullMs)),
      reference: milliseconds(median(emptyMs)),
      ...compared(fullMs, emptyMs).told,
      target: '≤ 2, + 1 s',
      met: isMet,
    },
  ];
}
