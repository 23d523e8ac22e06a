import { performance } from 'node:perf_hooks';
import { allPages, readBooks, shown, type AccountBook } from './books.js';
import { readRates, readTerms } from './files.js';
import type { AccountItem, DemoLedger, RunResult } from './ledger.js';
import type { Progress } from './progress.js';
import * as report from './report.js';
import { season, type Phase, type Season } from './season.js';
import { disagreementIn, lifeOf, mostEventful, tellDisagreement } from './stories.js';
import { CLOSE, MONTH_END, PROMOTION_ID, YEAR_END } from './world.js';

/** Several hundred advertisers come to about a hundred thousand facts. */
export const DEFAULT_ADVERTISERS = 300;

/** As many commands as one request of the HTTP interface may hold. */
const BATCH = 500;

export interface DemoOptions {
  readonly ledger: DemoLedger;
  readonly seed: number;
  readonly advertisers: number;
  readonly out: (line: string) => void;
  readonly progress: Progress;
  /** The ledger's PROMOLEDGER_STORE, to say how to serve it afterwards. */
  readonly store: string;
  /** Compares every answer of the read models with a replay of the log; lines to print, and whether all were equal. */
  readonly replayCheck: () => Promise<{ readonly lines: readonly string[]; readonly equal: boolean }>;
}

/**
 * Plays a season into an empty ledger and prints what a finance person would ask about it. True when the books balance,
 * nothing was refused and the replay agrees with the read models.
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const { seed, advertisers, out } = options;
  out(`Seed ${seed}: the same seed and number of advertisers give the same season again.`);
  const played = season({ seed, advertisers, terms: readTerms(), rates: readRates() });
  out(`${advertisers} advertisers: ${castLine(played)}.`);
  const delivery = await deliver(options, played.phases);
  const told = await tell(options, delivery);
  heading(out, 'Replay: are the read models what the log says?');
  const replay = await options.replayCheck();
  replay.lines.forEach(out);
  sayHowToServe(out, options.store, played);
  return told && replay.equal && delivery.rejected.size === 0;
}

function sayHowToServe(out: (line: string) => void, store: string, { cast }: Season): void {
  heading(out, 'Ask it yourself');
  out(`PROMOLEDGER_STORE=${store} npm start`);
  out(`curl 'http://127.0.0.1:3000/v1/accounts?advertiserId=${cast[0]?.advertiserId}&asOf=${YEAR_END}'`);
}

function castLine({ cast }: Season): string {
  const groups = Map.groupBy(cast, ({ behaviour }) => behaviour);
  return [...groups].map(([behaviour, own]) => `${own.length} ${behaviour}`).join(', ');
}

interface Delivery {
  readonly runs: RunResult[];
  readonly sweeps: report.PerformedSweep[];
  readonly counts: { appended: number; duplicate: number; rejected: number };
  /** How many commands were refused, by code, with one example. */
  readonly rejected: Map<string, { count: number; detail: string }>;
}

/** Sends each phase's facts and then takes its step, so that a run decides on what had arrived by then. */
async function deliver({ ledger, progress, out }: DemoOptions, phases: readonly Phase[]): Promise<Delivery> {
  const delivery: Delivery = {
    runs: [],
    sweeps: [],
    counts: { appended: 0, duplicate: 0, rejected: 0 },
    rejected: new Map(),
  };
  const total = phases.reduce((sum, { commands }) => sum + commands.length, 0);
  const startedMs = performance.now();
  progress.start('importing', total);
  for (const { commands, step } of phases) {
    for (let from = 0; from < commands.length; from += BATCH) {
      const batch = commands.slice(from, from + BATCH);
      note(delivery, await ledger.submit(batch));
      progress.advance(batch.length);
    }
    if (step.kind === 'run') delivery.runs.push(await ledger.disburse(PROMOTION_ID, step.date));
    else delivery.sweeps.push({ asOf: step.at, ...(await ledger.expire(step.at)) });
  }
  progress.stop();
  const { appended, duplicate, rejected } = delivery.counts;
  const took = ((performance.now() - startedMs) / 1000).toFixed(1);
  out(
    `${total} facts in ${took} s: ${appended} appended, ${duplicate} sent twice and recognised, ${rejected} refused.`,
  );
  for (const [code, { count, detail }] of delivery.rejected) out(`  refused ${count} x ${code}, such as: ${detail}`);
  return delivery;
}

function note({ counts, rejected }: Delivery, results: Awaited<ReturnType<DemoLedger['submit']>>): void {
  for (const { status, error } of results) {
    counts[status] += 1;
    if (error === undefined) continue;
    const known = rejected.get(error.code) ?? { count: 0, detail: error.detail };
    rejected.set(error.code, { ...known, count: known.count + 1 });
  }
}

/** The report; true when everything in it adds up. */
async function tell({ ledger, progress, out }: DemoOptions, { runs, sweeps }: Delivery): Promise<boolean> {
  const accounts = (await listAccounts(ledger, CLOSE)).length;
  progress.start('reading the books', accounts);
  const books = await readBooks(ledger, CLOSE, () => progress.advance(1));
  progress.stop();
  const print = (title: string, lines: readonly string[]) => {
    heading(out, title);
    lines.forEach((line) => out(line));
  };
  print('Disbursement runs', report.runsTable(runs, books));
  print('Expiry runs', report.sweepsTable(sweeps));
  print(`By marketplace, as of ${shown(CLOSE)}, in its own currency where nothing else is said`, [
    ...report.marketplacesTable(books, CLOSE),
    'spent: what valid clicks cost. by credits: drawn, less what reversals put back. billed: with what was clawed back.',
  ]);
  print('Who paid for the clicks', report.whoPaidTable(books, CLOSE));
  const yearEnd = report.liabilityCheck(books, await listAccounts(ledger, YEAR_END), YEAR_END);
  print(`What was still owed to advertisers at the year's end, ${shown(YEAR_END)}`, yearEnd.lines);
  const close = report.liabilityCheck(books, await listAccounts(ledger, CLOSE), CLOSE);
  print(`The same at the season's close, ${shown(CLOSE)}`, close.lines);
  const bills = report.billsThatDiffer(books, CLOSE);
  out(`Bills: ${books.length - bills.length} of ${books.length} accounts are billed what their statement adds up to.`);
  const stories = await tellStories(ledger, books, runs, print);
  return yearEnd.balanced && close.balanced && bills.length === 0 && stories;
}

async function tellStories(
  ledger: DemoLedger,
  books: readonly AccountBook[],
  runs: readonly RunResult[],
  print: (title: string, lines: readonly string[]) => void,
): Promise<boolean> {
  const eventful = mostEventful(books);
  if (eventful !== undefined) print("One account's life at five moments", await lifeOf(eventful, ledger));
  const known = BigInt(runs.find(({ date }) => date === '2022-11-01')?.position ?? 0);
  const disagreement = disagreementIn(books, MONTH_END, known);
  if (disagreement === undefined) return true;
  const told = await tellDisagreement(disagreement, MONTH_END, known, ledger);
  print('One question, asked with two knownAts', told.lines);
  return told.explained;
}

async function listAccounts(ledger: DemoLedger, asOf: typeof CLOSE): Promise<readonly AccountItem[]> {
  const items: AccountItem[] = [];
  for await (const item of allPages((paging) => ledger.accounts({ asOf, ...paging }))) items.push(item);
  return items;
}

function heading(out: (line: string) => void, title: string): void {
  out('');
  out(title);
  out('='.repeat(title.length));
}
