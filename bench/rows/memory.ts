import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { advertiserOf, MARKETPLACE } from '../clicks.js';
import { commandsOf, copyOf, HOME, logOf, remove } from '../ledgers.js';
import type { Effort, Row } from '../measure.js';

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
/** What is asked of a million commands, and of five million events. */
const COMMANDS = 1_000_000;
const REBUILT = 5;
const IMPORT_MB = 400;
const REBUILD_MB = 500;

/** Row 10: the command line imports a file of commands, and builds the read models of a log that has none. */
export async function memoryRows(_effort: Effort, commands: number): Promise<Row[]> {
  const file = `${HOME}/commands.ndjson`;
  const path = `${HOME}/memory.db`;
  rmSync(file, { force: true });
  for (const chunk of commandsOf('wide', commands)) {
    appendFileSync(file, chunk.map((command) => `${JSON.stringify(command)}\n`).join(''));
  }
  remove(path);
  const imported = await peakOf(path, ['import', file]);
  rmSync(file);
  const log = copyOf(await logOf('wide', REBUILT * commands), 'memory', { models: false });
  // A question that waits for the tables.
  const rebuilt = await peakOf(log, ['balance', advertiserOf(0), MARKETPLACE]);
  remove(log);
  const isWhole = commands >= COMMANDS;
  const row = (what: string, count: number, peakMb: number, mostMb: number): Row => ({
    number: '10',
    measure: `memory, ${what} ${count.toLocaleString('en-US')} | at most`,
    figure: `${Math.round(peakMb)} MB`,
    reference: `${mostMb} MB`,
    ratio: (peakMb / mostMb).toFixed(2),
    target: '≤ 1',
    met: peakMb > mostMb ? false : isWhole ? true : null,
    ...(isWhole ? {} : { note: `asked is ${COMMANDS / commands} times as much: --whole` }),
  });
  return [
    row('import of commands:', commands, imported, IMPORT_MB),
    row('rebuild from events:', REBUILT * commands, rebuilt, REBUILD_MB),
  ];
}

const EVERY_MS = 50;

/** The most memory that the command had at once, in MB: Linux keeps the mark, which is read until it ends. */
async function peakOf(path: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ['--no-warnings', CLI, ...args], {
    env: { PATH: process.env['PATH'], PROMOLEDGER_STORE: `sqlite:${path}`, PROMOLEDGER_SCHEDULER: 'off' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let peakMb = 0;
  const timer = setInterval(() => {
    const [, kib] = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
    // Of a process that has just ended there is nothing told.
    if (kib !== undefined) peakMb = (Number(kib) * 1024) / 1e6;
  }, EVERY_MS);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(timer);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return peakMb;
}
