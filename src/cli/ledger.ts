import { createReadStream, existsSync, rmSync } from 'node:fs';
import type { Command } from 'commander';
import { ExpiryRuns } from '../accounts/expiry.js';
import { checkReplay, type ReplayCheck } from '../audit/replay-check.js';
import { balanceOf, replay } from '../audit/replay.js';
import { CommandGateway } from '../commands/gateway.js';
import { importLines, lineBatches } from '../commands/import.js';
import { copyStore } from '../copy-store.js';
import { DEFAULT_ADVERTISERS, runDemo } from '../demo/demo.js';
import { InProcessLedger } from '../demo/in-process-ledger.js';
import { progressOn } from '../demo/progress.js';
import type { Copied } from '../event-store/copy.js';
import { EventStore } from '../event-store/event-store.js';
import type { Instant } from '../kernel/instant.js';
import { Disbursements } from '../promotions/disbursements.js';
import { Queries, type MomentAsked } from '../read-models/queries.js';
import { ReadModels } from '../read-models/read-models.js';
import { loadSettings } from '../settings.js';
import {
  count,
  DIFFERS,
  instant,
  knownAt,
  print,
  REFUSED,
  RefusedError,
  unlessRefused,
  upToDate,
  withLedger,
  type Output,
} from './shell.js';

const DEMO_STORE = './data/demo.db';

/** `import | disburse | expire | balance | replay | demo | copy`: the ledger's own work. */
export function addLedgerCommands(program: Command): void {
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
    .option('--check', 'compare balances, qualifications, runs, rates and the books with it, at several moments')
    .option('--as-of <instant>', 'what had happened by then; now by default', instant)
    .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
    .option(
      '--until <moment>',
      'rebuild the ledger as it was known at a recorded instant, or at position:N, …',
      knownAt,
    )
    .option('--into <file>', '… into this file, which can be served with --read-only')
    .option('--json', 'for machines')
    .action(async ({ json, check, until, into, ...asked }: ReplayOptions) => {
      if (until !== undefined || into !== undefined) {
        if (check || asked.asOf !== undefined || asked.knownAt !== undefined) {
          throw new RefusedError('--until and --into rebuild a whole ledger: without --check, --as-of and --known-at');
        }
        return rebuild(until, into, json);
      }
      await withLedger(async (app) => {
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
          ...accounts.map(
            (a) => `${a.advertiserId} ${a.marketplace}: ${a.currency} ${a.available}, billed ${a.billed}`,
          ),
        ]);
      });
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
}

type KnownAt = NonNullable<MomentAsked['knownAt']>;
type ReplayOptions = Output & MomentAsked & { check?: boolean; until?: KnownAt; into?: string };

/** Into a file that is not there yet, or goes on with one that an interrupted rebuild has left. */
async function rebuild(until: KnownAt | undefined, into: string | undefined, json: boolean | undefined): Promise<void> {
  if (until === undefined || into === undefined) throw new RefusedError('--until and --into belong together');
  const copied = await copyStore(loadSettings(process.env).store, `sqlite:${into}`, progressOn(process.stderr), until);
  print(json, { ...copied, head: String(copied.head), equal: copied.difference === null }, () => copyLines(copied));
  if (copied.difference !== null) process.exitCode = DIFFERS;
}

async function demo({ advertisers, seed }: { advertisers: number; seed: number }): Promise<void> {
  for (const suffix of ['', '.models', '.seals', '.snapshots'].flatMap((file) => [
    file,
    `${file}-wal`,
    `${file}-shm`,
  ])) {
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
