import 'reflect-metadata';
import { createReadStream, existsSync, rmSync } from 'node:fs';
import type { INestApplicationContext } from '@nestjs/common';
import { Command, InvalidArgumentError } from 'commander';
import { ExpiryRuns } from './accounts/expiry.js';
import { checkReplay, type ReplayCheck } from './audit/replay-check.js';
import { balanceOf, replay } from './audit/replay.js';
import { CommandGateway } from './commands/gateway.js';
import { importLines, lineBatches } from './commands/import.js';
import { copyStore } from './copy-store.js';
import { DEFAULT_ADVERTISERS, runDemo } from './demo/demo.js';
import { InProcessLedger } from './demo/in-process-ledger.js';
import { progressOn } from './demo/progress.js';
import { CopyRefusedError, type Copied } from './event-store/copy.js';
import { EventStore } from './event-store/event-store.js';
import { parseInstant, type Instant } from './kernel/instant.js';
import { isRefusal, type Refusal } from './kernel/refusal.js';
import { createApp, createHttpApp } from './main.js';
import { Disbursements } from './promotions/disbursements.js';
import { Queries, type MomentAsked } from './read-models/queries.js';
import { NotCaughtUpError, ReadModels } from './read-models/read-models.js';
import { Scheduler } from './scheduler.js';
import { addProjectionCommands } from './server-projections/command.js';
import { loadSettings, storeShown, type Settings } from './settings.js';

/** What scripts can tell apart: 0 done, 1 failed, 2 refused or wrongly asked, 3 a replay or a copy that differs. */
const REFUSED = 2;
const DIFFERS = 3;
const DEMO_STORE = './data/demo.db';

const program = new Command('promoledger')
  .description('An event-sourced, bitemporal ledger for advertising promotional credits.')
  .showHelpAfterError()
  .exitOverride();

program.command('serve').description('serve the API').action(serve);

program
  .command('import <file>')
  .description('import commands, one JSON object a line')
  .option('--json', 'for machines')
  .action((file: string, { json }: Output) =>
    withLedger(async (app) => {
      if (!existsSync(file)) throw new RefusedError(`there is no file ${file}`);
      const progress = progressOn(process.stderr);
      const report = (line: object) => void process.stderr.write(`${JSON.stringify(line)}\n`);
      progress.start('importing', 0);
      const summary = await importLines(app.get(CommandGateway), lineBatches(createReadStream(file)), report);
      progress.stop();
      print(json, summary, () => [
        `${summary.read} read: ${summary.appended} appended, ${summary.duplicate} known before, ${summary.rejected} rejected.`,
      ]);
      if (summary.rejected > 0) process.exitCode = REFUSED;
    }),
  );

program
  .command('disburse <promotion> <date>')
  .description('perform a disbursement run')
  .option('--json', 'for machines')
  .action((promotion: string, date: string, { json }: Output) =>
    withLedger(async (app) => {
      const run = unlessRefused(await app.get(Disbursements).perform(promotion, date));
      print(json, run, () => [`Run ${run.date}: ${run.applied} credits applied, ${run.deferred} deferred.`]);
    }),
  );

program
  .command('expire')
  .description('sweep the credits that have ended and whose grace is over')
  .option('--as-of <instant>', 'by then; now by default', instant)
  .option('--json', 'for machines')
  .action(({ asOf, json }: Output & { asOf?: Instant }) =>
    withLedger(async (app) => {
      const run = unlessRefused(await app.get(ExpiryRuns).perform(asOf));
      const lapsed = run.amounts.map(({ amount, currency }) => `${currency} ${amount}`).join(', ') || 'nothing';
      print(json, run, () => [`${run.expired} credits expired with ${lapsed} left.`]);
    }),
  );

program
  .command('balance <advertiser> <marketplace>')
  .description('what an account has')
  .option('--as-of <instant>', 'what had happened by then; now by default', instant)
  .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
  .option('--json', 'for machines')
  .action((advertiser: string, marketplace: string, { json, ...asked }: Output & MomentAsked) =>
    withLedger(async (app) => {
      const queries = app.get(Queries);
      await upToDate(app.get(ReadModels));
      const moment = await queries.moment(asked);
      const balance = unlessRefused(queries.balance(moment, advertiser, marketplace));
      print(json, { ...balance, asOf: moment.asOf, position: String(moment.known) }, () => [
        `${balance.currency} ${balance.available} available, ${balance.billed} billed, as of ${moment.asOf}.`,
        ...balance.credits.map(
          (credit) => `  ${credit.creditId}: ${credit.status}, ${credit.remaining} left, until ${credit.expiresAt}`,
        ),
      ]);
    }),
  );

program
  .command('replay')
  .description('fold the log from its first event')
  .option('--check', 'compare balances, qualifications, runs and rates with it, at several moments')
  .option('--as-of <instant>', 'what had happened by then; now by default', instant)
  .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
  .option('--json', 'for machines')
  .action(({ json, check, ...asked }: Output & MomentAsked & { check?: boolean }) =>
    withLedger(async (app) => {
      await upToDate(app.get(ReadModels));
      const store = app.get(EventStore);
      if (check) {
        const result = await checkReplay(store, app.get(Queries), app.get(ReadModels), progressOn(process.stderr));
        print(json, { ...result, moments: result.moments.map(plainMoment) }, () => checkLines(result));
        if (result.differences.length > 0) process.exitCode = DIFFERS;
        return;
      }
      const moment = await app.get(Queries).moment(asked);
      const replayed = await replay(store, moment);
      const accounts = [...replayed.accounts.values()].map((account) => ({
        advertiserId: account.advertiserId,
        marketplace: account.marketplace,
        ...balanceOf(account, moment.asOf),
      }));
      print(json, { ...plainMoment(moment), events: replayed.events, accounts }, () => [
        `${replayed.events} events, as of ${moment.asOf}, known up to position ${moment.known}.`,
        ...accounts.map((a) => `${a.advertiserId} ${a.marketplace}: ${a.currency} ${a.available}, billed ${a.billed}`),
      ]);
    }),
  );

addProjectionCommands(program, {
  settings: () => loadSettings(process.env),
  print,
  refuse: (detail) => {
    throw new RefusedError(detail);
  },
  failed: () => void (process.exitCode = 1),
  differs: () => void (process.exitCode = DIFFERS),
});

program
  .command('demo')
  .description('play the promotion of 2022 into a fresh ledger and report on it')
  .option('--advertisers <count>', 'how many', count, DEFAULT_ADVERTISERS)
  .option('--seed <number>', 'of the season', count, 2022)
  .action(demo);

program
  .command('copy')
  .description('copy a ledger into an empty store, or go on with it, and verify it by hash')
  .requiredOption('--from <store>', 'as PROMOLEDGER_STORE names stores')
  .requiredOption('--to <store>', 'another one')
  .option('--json', 'for machines')
  .action(async ({ from, to, json }: Output & { from: string; to: string }) => {
    const copied = await copyStore(from, to, progressOn(process.stderr));
    print(json, { ...copied, head: String(copied.head), equal: copied.difference === null }, () => copyLines(copied));
    if (copied.difference !== null) process.exitCode = DIFFERS;
  });

interface Output {
  readonly json?: boolean;
}

async function serve(): Promise<void> {
  const settings = loadSettings(process.env);
  const app = await createHttpApp(settings);
  await app.listen(settings.port, settings.host);
  if (settings.scheduler) app.get(Scheduler).start();
  console.log(
    `promoledger serves ${await app.getUrl()}/v1 from ${storeShown(settings.store)}; the API is described at /docs`,
  );
}

async function demo({ advertisers, seed }: { advertisers: number; seed: number }): Promise<void> {
  for (const suffix of ['', '.models', '.snapshots'].flatMap((file) => [file, `${file}-wal`, `${file}-shm`])) {
    rmSync(`${DEMO_STORE}${suffix}`, { force: true });
  }
  const store = `sqlite:${DEMO_STORE}`;
  const progress = progressOn(process.stderr);
  await withLedger(
    async (app) => {
      const out = (line: string) => console.log(line);
      const replayCheck = async () => {
        const result = await checkReplay(app.get(EventStore), app.get(Queries), app.get(ReadModels), progress);
        return { lines: checkLines(result), equal: result.differences.length === 0 };
      };
      const ledger = new InProcessLedger(app);
      if (!(await runDemo({ ledger, seed, advertisers, out, progress, store, replayCheck }))) process.exitCode = 1;
    },
    loadSettings({ PROMOLEDGER_STORE: store, PROMOLEDGER_SCHEDULER: 'off' }),
  );
}

/** The application without its HTTP edge, on the store that the environment names. */
async function withLedger(
  use: (app: INestApplicationContext) => Promise<void>,
  settings: Settings = loadSettings(process.env),
): Promise<void> {
  const app = await createApp(settings);
  try {
    await use(app);
  } finally {
    await app.close();
  }
}

/** On a machine that has no read models yet they take their time: a request is told so, a command waits. */
async function upToDate(models: ReadModels): Promise<void> {
  for (;;) {
    try {
      await models.caughtUp();
      return;
    } catch (error) {
      if (!(error instanceof NotCaughtUpError) || models.runner.failed) throw error;
    }
  }
}

const plainMoment = ({ asOf, known }: { asOf: Instant; known: bigint }) => ({ asOf, position: known.toString() });

function checkLines({ events, compared, moments, differences }: ReplayCheck): string[] {
  const shown = moments.map(({ asOf, known }) => `  as of ${asOf}, known up to position ${known}`);
  if (differences.length === 0) {
    return [`${events} events replayed at ${moments.length} moments: all ${compared} answers are equal.`, ...shown];
  }
  return [
    `${differences.length} of ${compared} answers differ from the replay:`,
    ...differences
      .slice(0, 20)
      .map(({ what, moment, replayed, answered }) =>
        [
          `  ${what} as of ${moment.asOf}, position ${moment.known}`,
          `    replay: ${replayed}`,
          `    answer: ${answered}`,
        ].join('\n'),
      ),
  ];
}

function copyLines({ appended, held, source, target, difference, hasGrown }: Copied): string[] {
  return [
    `${appended} events copied, ${held} were there before.`,
    `  source sha256 ${source}`,
    `  target sha256 ${target}`,
    difference === null ? 'Both logs are equal.' : `The target differs: ${difference}.`,
    ...(hasGrown ? ['The source was written to meanwhile: the same command goes on from here.'] : []),
  ];
}

function print(json: boolean | undefined, answer: object, lines: () => readonly string[]): void {
  console.log(json ? JSON.stringify(answer) : lines().join('\n'));
}

/** A refusal ends a command with its detail. */
class RefusedError extends Error {}

function unlessRefused<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new RefusedError(`${answer.refused}: ${answer.detail}`);
  return answer;
}

function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (!parsed) throw new InvalidArgumentError('It must be an RFC 3339 instant such as 2022-10-04T07:00:00Z.');
  return parsed;
}

function knownAt(text: string): NonNullable<MomentAsked['knownAt']> {
  const position = /^position:(\d{1,18})$/.exec(text)?.[1];
  return position === undefined ? { instant: instant(text) } : { position: BigInt(position) };
}

function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof Error && 'exitCode' in error) {
    // Commander has told it already.
    process.exitCode = error.exitCode === 0 ? 0 : REFUSED;
  } else {
    console.error(`promoledger: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof RefusedError || error instanceof CopyRefusedError ? REFUSED : 1;
  }
}
