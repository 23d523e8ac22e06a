import type { INestApplicationContext } from '@nestjs/common';
import { Option, type Command } from 'commander';
import { Diff, type AccountDifference, type Change } from '../audit/diff.js';
import { GapReport, type Gap, type GapTotal } from '../audit/gap.js';
import { LateFacts, type LateFact, type RestatedLine } from '../audit/late-facts.js';
import { Periods, type ClosedPeriod } from '../audit/periods.js';
import type { Refusal } from '../kernel/refusal.js';
import type { Page, Paging } from '../read-models/cursors.js';
import type { Moment } from '../read-models/moment.js';
import { Queries, type MomentAsked } from '../read-models/queries.js';
import { ReadModels } from '../read-models/read-models.js';
import { filteredBy, type Filters } from './filters.js';
import {
  DIFFERS,
  instant,
  knownAt,
  print,
  RefusedError,
  unlessRefused,
  upToDate,
  withLedger,
  type Output,
} from './shell.js';

/** So many items are asked for at a time. */
const PAGE = 500;

type KnownAt = NonNullable<MomentAsked['knownAt']>;

/** `periods | diff | gap`: what was known when, and what was late. With `--json` each item is a JSON object on a line. */
export function addKnowledgeCommands(program: Command): void {
  const periods = program
    .command('periods')
    .description('the months that are closed, what was reported, what is known now');

  periods
    .command('list', { isDefault: true })
    .description('the months that are closed')
    .option('--json', 'for machines')
    .action(({ json }: Output) =>
      atMoment({}, (app, moment) =>
        everyItem<ClosedPeriod>(json, (paging) => app.get(Periods).list(moment, paging), periodLine),
      ),
    );

  periods
    .command('close <month>')
    .description('close a month, such as 2022-10')
    .option('--json', 'for machines')
    .action((month: string, { json }: Output) =>
      withLedger(async (app) => {
        await upToDate(app.get(ReadModels));
        const closing = unlessRefused(await app.get(Periods).close(month));
        const { event, status } = closing;
        print(json, closing, () => [
          status === 'appended' ? `${month} is closed.` : `${month} was closed before.`,
          `  known up to position ${event.position}, SHA-256 ${event.fullTrialBalanceSha256}`,
          ...event.trialBalance.map(({ account, marketplace, balance }) =>
            amountLine(balance.amount, balance.currency, marketplace ? `${account} in ${marketplace}` : account),
          ),
          ...closing.warnings.map((warning) => `  Mind: ${warning}.`),
        ]);
      }),
    );

  periods
    .command('show <month>')
    .description('the trial balance of a closed month')
    .addOption(
      new Option('--view <view>', 'which one').choices(['reported', 'restated', 'difference']).default('reported'),
    )
    .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
    .option('--json', 'for machines: a JSON object a line')
    .action(
      (
        month: string,
        { json, view, ...asked }: Output & MomentAsked & { view: 'reported' | 'restated' | 'difference' },
      ) =>
        atMoment(asked, async (app, moment) => {
          const closed = unlessRefused(await app.get(Periods).closed(month, moment.known));
          if (view === 'difference') {
            const ask = (paging: Paging) => app.get(LateFacts).difference(closed, moment, paging);
            return everyItem<RestatedLine>(json, ask, restatedLine);
          }
          const periods = app.get(Periods);
          if (view === 'restated')
            return everyItem(json, (paging) => periods.restated(closed, moment, paging), balanceLine);
          const { verified, ...first } = unlessRefused(await periods.reported(closed, moment, { limit: PAGE }));
          const { period, position, fullTrialBalanceSha256 } = closed;
          print(json, { period, view, position, fullTrialBalanceSha256, verified }, () => [
            `${periodLine(closed)}: ${verified ? 'verified' : 'NOT VERIFIED, the books are not those that were reported'}`,
          ]);
          if (!verified) process.exitCode = DIFFERS;
          const ask = (paging: Paging) => (paging.cursor ? periods.reported(closed, moment, paging) : first);
          return everyItem(json, async (paging) => ask(paging), balanceLine);
        }),
    );

  filteredBy(periods.command('late-facts <month>'), 'account', 'currency')
    .description('what of a closed month was recorded after it was closed, with its postings')
    .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
    .option('--json', 'for machines: a JSON object a line')
    .action((month: string, { json, account, currency, ...asked }: Output & MomentAsked & Filters) =>
      atMoment(asked, async (app, moment) => {
        const closed = unlessRefused(await app.get(Periods).closed(month, moment.known));
        const filter = {
          ...(account === undefined ? {} : { account }),
          ...(currency === undefined ? {} : { currency }),
        };
        const ask = (paging: Paging) => app.get(LateFacts).list(closed, moment, filter, paging);
        await everyItem<LateFact>(json, ask, lateFactText);
      }),
    );

  filteredBy(program.command('diff'), 'advertiser', 'marketplace')
    .description('the accounts of which two moments of knowledge tell differently, and why; of one, every event')
    .requiredOption('--from <moment>', 'known at a recorded instant, or at position:N', knownAt)
    .option('--to <moment>', 'another one; all that is known by default', knownAt)
    .option('--as-of <instant>', 'what had happened by then; now by default', instant)
    .option('--json', 'for machines: a JSON object a line')
    .action(({ json, from, to, advertiser, marketplace, ...asked }: DiffOptions) => {
      if ((advertiser === undefined) !== (marketplace === undefined)) {
        throw new RefusedError('--advertiser and --marketplace belong together: they name one account');
      }
      return atMoment({ ...asked, ...(to === undefined ? {} : { knownAt: to }) }, async (app, moment) => {
        const { known } = await app.get(Queries).moment({ knownAt: from });
        if (advertiser !== undefined && marketplace !== undefined) {
          const key = { advertiserId: advertiser, marketplace };
          return everyItem<Change>(json, (paging) => app.get(Diff).changes(key, known, moment, paging), changeLine);
        }
        const ask = (paging: Paging) => app.get(Diff).accounts(known, moment, paging);
        await everyItem<AccountDifference>(json, ask, differenceText);
      });
    });

  filteredBy(program.command('gap <promotion>'), 'marketplace', 'advertiser')
    .description('what was billed between qualifying and the credit')
    .option('--as-of <instant>', 'what had happened by then; now by default', instant)
    .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
    .option('--json', 'for machines: a JSON object a line')
    .action((promotionId: string, { json, marketplace, advertiser, ...asked }: GapOptions) =>
      atMoment(asked, async (app, moment) => {
        const filter = {
          promotionId,
          ...(marketplace === undefined ? {} : { marketplace }),
          ...(advertiser === undefined ? {} : { advertiserId: advertiser }),
        };
        let totals: readonly GapTotal[] = [];
        const ask = async (paging: Paging) => {
          const page = unlessRefused(await app.get(GapReport).gaps(moment, filter, paging));
          totals = page.totals ?? totals;
          return page;
        };
        await everyItem<Gap>(json, ask, gapLine);
        for (const total of totals) print(json, { total }, () => [totalLine(total)]);
      }),
    );
}

type GapOptions = Output & MomentAsked & Pick<Filters, 'marketplace' | 'advertiser'>;
type DiffOptions = GapOptions & { readonly from: KnownAt; readonly to?: KnownAt };

function atMoment(
  asked: MomentAsked,
  use: (app: INestApplicationContext, moment: Moment) => Promise<void>,
): Promise<void> {
  return withLedger(async (app) => {
    await upToDate(app.get(ReadModels));
    await use(app, await app.get(Queries).moment(asked));
  });
}

/** Prints page after page, each item on its own. */
async function everyItem<Item extends object>(
  json: boolean | undefined,
  ask: (paging: Paging) => Promise<Page<Item> | Refusal>,
  text: (item: Item) => string,
): Promise<void> {
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = unlessRefused(await ask(cursor === undefined ? { limit: PAGE } : { limit: PAGE, cursor }));
    for (const item of page.items) print(json, item, () => [text(item)]);
    cursor = page.next;
  }
}

const amountLine = (amount: string, currency: string, what: string): string =>
  `  ${amount.padStart(16)} ${currency}  ${what}`;

const balanceLine = ({ balance, currency, account }: { balance: string; currency: string; account: string }): string =>
  amountLine(balance, currency, account);

const lateFactText = ({ position, recordedAt, effectiveAt, description, postings }: LateFact): string =>
  [
    `${effectiveAt} ${description} (position ${position}, recorded ${recordedAt})`,
    ...postings.map(({ account, amount, currency }) => amountLine(amount, currency, account)),
  ].join('\n');

const periodLine = ({ period, closedAt, position, fullTrialBalanceSha256 }: ClosedPeriod): string =>
  `${period}  closed ${closedAt} on position ${position}, SHA-256 ${fullTrialBalanceSha256}`;

const restatedLine = ({ account, currency, reported, restated, difference, lateFacts, facts }: RestatedLine): string =>
  [
    account,
    amountLine(reported, currency, 'reported'),
    amountLine(restated, currency, 'restated'),
    amountLine(difference, currency, `difference, by ${lateFacts} late facts`),
    ...facts.map(({ amount, description, effectiveAt, position }) =>
      amountLine(amount, currency, `  ${description}, of ${effectiveAt}, position ${position}`),
    ),
  ].join('\n');

function differenceText({
  advertiserId,
  marketplace,
  currency,
  before,
  after,
  credits,
  changes,
  events,
}: AccountDifference) {
  const was = (figure: 'available' | 'billed') => `${before ? before[figure] : 'unknown'} -> ${after[figure]}`;
  return [
    `${advertiserId} ${marketplace}: ${currency} available ${was('available')}, billed ${was('billed')}, by ${events} events`,
    ...credits.map(({ creditId, before: earlier, after: later }) => {
      const told = earlier ? `${earlier.status} ${earlier.remaining}` : 'unknown';
      return `  ${creditId}: ${told} -> ${later.status} ${later.remaining}`;
    }),
    ...changes.map(changeLine),
    ...(events > changes.length
      ? [`  and ${events - changes.length} more: --advertiser and --marketplace list all`]
      : []),
  ].join('\n');
}

function changeLine({ position, effectiveAt, event, line }: Change): string {
  const moved = line ? `, ${line.amount} and billed ${line.billable}` : '';
  return `  position ${position}: ${event.id} of ${effectiveAt}${moved}`;
}

const gapLine = (gap: Gap): string => {
  const { advertiserId, marketplace, product, stage, status, daysWaited, currency, billed, coverable, clicks } = gap;
  const what = stage === null ? product : `${product} ${stage}`;
  const waited = `${status}, ${daysWaited} days${gap.withinSla === false ? ' (too late)' : ''}`;
  return `${advertiserId} ${marketplace} ${what}: ${waited}; ${clicks} clicks billed ${currency} ${billed}, coverable ${coverable}`;
};

const totalLine = ({ currency, gaps, waits, clicks, impressions, billed, coverable }: GapTotal): string =>
  `${currency}: ${gaps} of ${waits} waits had ${clicks} clicks and ${impressions} impressions billed ${billed}, coverable ${coverable}`;
