import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Group, GROUPS } from './groups.js';
import { type Shape, tidy } from './ledgers.js';
import { machine } from './machine.js';
import type { Effort, Row } from './measure.js';
import { installPeers } from './peers.js';
import { asMarkdown, asText, type Report, type Result } from './report.js';

/**
 * `npm run bench -- [--quick] [--whole] [--rows 4,5]`: the rows, each group of them in a process of its own, one after the
 * other; `--whole`: each on as many events as are asked for, however long it takes. It fails when a row cannot be measured;
 * a target that is not met is told, and is no failure of the run.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    whole: { type: 'boolean', default: false },
    rows: { type: 'string' },
  },
});
const isQuick = values.quick;
const wanted = values.rows?.split(',');
const effort: Effort = isQuick ? { rounds: 1, share: 0.05 } : { rounds: 5, share: 1 };
const events = isQuick ? 20_000 : 1_000_000;
const RESULTS = 'bench/RESULTS.md';
/** Longer than any part of a run takes that works. */
const MOST_MS = (values.whole ? 120 : 15) * 60_000;

const groups = Object.entries(GROUPS).filter(([, { rows }]) => !wanted || rows.some((row) => wanted.includes(row)));
const unknown = wanted?.filter((row) => !groups.some(([, { rows }]) => rows.includes(row))) ?? [];
if (unknown.length > 0) throw new Error(`there is no row ${unknown.join(', ')}`);
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) killAll(child);
  tidy();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const startedMs = performance.now();
installPeers();
tidy();
const settings = [...machine(), ['turns', `${effort.rounds} of each, alternately, after one to warm up`]] as const;
await makeLedgers([...new Set(groups.flatMap(([, { needs }]) => needs))]);
const results: Result[] = [];
for (const [name, group] of groups) results.push(await resultOf(name, group));
const report: Report = {
  date: new Date(),
  settings: [...settings, ['ledgers', `${events.toLocaleString('en-US')} events`], ['it took', `${seconds()} s`]],
  results,
};
console.log(asText(report));
if (isQuick) console.log('\nA quick run shows that everything runs. It proves nothing.');
else if (!wanted) writeFileSync(RESULTS, asMarkdown(report));
if (results.some(({ failure }) => failure !== undefined)) process.exitCode = 1;

/** Side by side: nothing is measured yet. */
async function makeLedgers(shapes: readonly Shape[]): Promise<void> {
  await told('ledgers', () =>
    Promise.all(shapes.map((shape) => ended(start('ledgers', [shape, String(events)]), `the ledger ${shape}`))),
  );
}

async function resultOf(name: string, group: Group): Promise<Result> {
  try {
    const rows = await told(`rows ${group.rows.join(', ')}`, async () => {
      const part = values.whole ? 1 : (group.share ?? 1);
      const child = start('group-process', [name, JSON.stringify({ effort, events: events * part })]);
      let rows: readonly Row[] = [];
      child.on('message', (message) => (rows = message as unknown as readonly Row[]));
      await ended(child, name);
      return rows;
    });
    return { group, rows: rows.filter(({ number }) => !wanted || wanted.includes(number)) };
  } catch (error) {
    return { group, rows: [], failure: (error as Error).message };
  } finally {
    tidy();
  }
}

/** The head of a group of processes, which are ended together, whatever it has started itself. */
function start(program: string, args: readonly string[]): ChildProcess {
  const file = new URL(`./${program}.js`, import.meta.url);
  const child = fork(file, args, { execArgv: ['--expose-gc', '--no-warnings'], detached: true, silent: true });
  running.add(child);
  return child;
}

/** Rejects with the last line of what it said when it fails, or when it does not end. */
async function ended(child: ChildProcess, what: string): Promise<void> {
  let said = '';
  child.stderr!.on('data', (chunk) => (said = `${said}${chunk}`.slice(-10_000)));
  child.stdout!.resume();
  child.once('exit', () => killAll(child));
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    killAll(child);
  }, MOST_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  running.delete(child);
  clearTimeout(limit);
  if (isLate) throw new Error(`${what} did not end in time`);
  if (code === 0) return;
  process.stderr.write(said);
  throw new Error(/^\w*Error: .*$/m.exec(said)?.[0] ?? `it ended with ${code}`);
}

function killAll({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch {
    // There is none left.
  }
}

async function told<T>(what: string, work: () => Promise<T>): Promise<T> {
  process.stderr.write(`${seconds().padStart(4)} s  ${what}\n`);
  return work();
}

function seconds(): string {
  return ((performance.now() - startedMs) / 1000).toFixed(0);
}
