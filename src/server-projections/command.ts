import { type Command, InvalidArgumentError } from 'commander';
import { Connection } from '../event-store/eventstoredb/connection.js';
import { EventStoreDbStore } from '../event-store/eventstoredb/eventstoredb-store.js';
import type { Settings } from '../settings.js';
import { deploy, isRunning, status, type ProjectionStatus } from './deploy.js';
import { Comparison, isSame, type Partitions, type ProjectionDiff } from './diff.js';
import { FOLDS } from './folds.js';
import { type ServerScript, serverScripts } from './scripts.js';
import { ProjectionServer } from './server.js';

/** What these commands have in common with all others. */
export interface Shell {
  readonly settings: () => Settings;
  print(json: boolean | undefined, answer: object, lines: () => readonly string[]): void;
  refuse(detail: string): never;
  failed(): void;
  differs(): void;
}

interface Output {
  readonly json?: boolean;
}

/** What a command works with, on the server that the settings name. */
interface Workshop {
  readonly server: ProjectionServer;
  readonly scripts: readonly ServerScript[];
  readonly comparison: Comparison;
}

const CATEGORIES = Object.values(FOLDS).map(({ category }) => category);
const SAMPLE = 100;
/** Differences told in words; `--json` tells all. */
const TOLD = 10;

/** `projections deploy | status | diff`. */
export function addProjectionCommands(program: Command, shell: Shell): void {
  const group = program.command('projections').description("the ledger's projections on an EventStoreDB server");

  group
    .command('deploy')
    .description('create those that are missing, replace those that differ, have all of them run')
    .option('--json', 'for machines')
    .action(({ json }: Output) =>
      withServer(shell, async ({ server, scripts }) => {
        const projections = await deploy(server, scripts);
        shell.print(json, { projections }, () =>
          projections.map(({ name, done, state, reason }) => `${name}: ${done}, ${withReason(state, reason)}`),
        );
        if (!projections.every(isRunning)) shell.failed();
      }),
    );

  group
    .command('status')
    .description('what they do, and whether they are those of this version')
    .option('--json', 'for machines')
    .action(({ json }: Output) =>
      withServer(shell, async ({ server, scripts }) => {
        const projections = await status(server, scripts);
        shell.print(json, { projections }, () => projections.map(statusLine));
      }),
    );

  group
    .command('diff')
    .description('compare their scripts, and their states with those that the log gives here')
    .option('--partitions <count>', 'of how many streams, taken by chance, or all', partitionCount, { sample: SAMPLE })
    .option('--partition <stream...>', 'of these streams')
    .option('--json', 'for machines')
    .action(({ json, partitions, partition }: Output & { partitions: Partitions; partition?: string[] }) =>
      withServer(shell, async ({ scripts, comparison }) => {
        const stray = partition?.find((stream) => !CATEGORIES.some((category) => stream.startsWith(`${category}-`)));
        if (stray !== undefined) shell.refuse(`no projection is of the stream ${stray}`);
        const diffs: ProjectionDiff[] = [];
        for (const script of scripts) {
          diffs.push(await comparison.of(script, partition ? { named: partition } : partitions));
        }
        shell.print(json, { projections: diffs }, () => diffs.flatMap(diffLines));
        if (!diffs.every(isSame)) shell.differs();
      }),
    );
}

async function withServer(shell: Shell, use: (workshop: Workshop) => Promise<void>): Promise<void> {
  const { store: connectionString, streamPrefix } = shell.settings();
  if (!connectionString.startsWith('esdb')) {
    shell.refuse(
      'only an EventStoreDB server has projections: PROMOLEDGER_STORE must be esdb://… or esdb+discover://…',
    );
  }
  const report = (message: string) => void process.stderr.write(`${message}\n`);
  const connection = new Connection(connectionString, report);
  const store = new EventStoreDbStore({
    connectionString,
    streamPrefix,
    categories: CATEGORIES.map((category) => `${category}-`),
    indexPath: ':memory:',
    report,
  });
  try {
    const server = new ProjectionServer(connection);
    const comparison = new Comparison(server, store, streamPrefix);
    await use({ server, scripts: serverScripts(streamPrefix), comparison });
  } finally {
    await store.close();
    await connection.close();
  }
}

const withReason = (state: string, reason: string): string => (reason === '' ? state : `${state}: ${reason}`);

const VERSIONS: Readonly<Record<ProjectionStatus['version'], string>> = {
  current: 'the script of this version',
  other: 'another script',
  missing: 'not deployed',
};

function statusLine({ name, version, state, reason, progress, position, partitionsCached }: ProjectionStatus): string {
  if (version === 'missing') return `${name}: ${VERSIONS[version]}`;
  const place = `${progress < 0 ? '?' : progress.toFixed(1)} % at ${position}, ${partitionsCached} partitions at hand`;
  return `${name}: ${withReason(state, reason)}; ${VERSIONS[version]}; ${place}`;
}

function diffLines({ projection, compared, differences }: ProjectionDiff): string[] {
  const { name, state, reason, version } = projection;
  if (version === 'missing') return [`${name}: ${VERSIONS[version]}`];
  const states = differences.length === 0 ? 'all states are equal' : `${differences.length} states differ`;
  return [
    `${name}: ${VERSIONS[version]}; of ${compared} streams ${states} (${withReason(state, reason)})`,
    ...differences
      .slice(0, TOLD)
      .flatMap(({ partition, here, server }) => [
        `  ${partition}`,
        `    here:   ${JSON.stringify(here)}`,
        `    server: ${JSON.stringify(server)}`,
      ]),
  ];
}

function partitionCount(text: string): Partitions {
  if (text === 'all') return text;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1, or all.');
  return { sample: Number(text) };
}
