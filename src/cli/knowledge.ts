import type { INestApplicationContext } from '@nestjs/common';
import type { Command } from 'commander';
import { Diff, type AccountDifference } from '../audit/diff.js';
import { GapReport, type Gap, type GapTotal } from '../audit/gap.js';
import { LateFacts, type RestatedLine } from '../audit/late-facts.js';
import { Periods, type ClosedPeriod } from '../audit/periods.js';
import type { Refusal } from '../kernel/refusal.js';
import type { Page, Paging } from '../read-models/cursors.js';
import type { Moment } from '../read-models/moment.js';
import { Queries, type MomentAsked } from '../read-models/queries.js';
import { ReadModels } from '../read-models/read-models.js';
import { instant, knownAt, print, RefusedError, unlessRefused, upToDate, withLedger, type Output } from './shell.js';

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
        ]);
      }),
    );

  periods
    .command('show <month>')
    .description('the trial balance of a closed month')
    .option('--view <view>', 'reported, restated or difference', 'reported')
    .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
    .option('--json', 'for machines: a JSON object a line')
    .action((month: string, { json, view, ...asked }: Output & MomentAsked & { view: string }) =>
      atMoment(asked, async (app, moment) => {
        const closed = unlessRefused(await app.get(Periods).closed(month, moment.known));
        if (view === 'difference') {
          const ask = (paging: Paging) => app.get(LateFacts).difference(closed, moment, paging);
          return everyItem<RestatedLine>(json, ask, restatedLine);
        }
        if (view !== 'reported' && view !== 'restated') {
          throw new RefusedError(`there is no view ${view}: it is reported, restated or difference`);
        }
        const ask = (paging: Paging) => app.get(Periods)[view](closed, moment, paging);
        return everyItem<{ account: string; currency: string; balance: string }>(json, ask, (line) =>
          amountLine(line.balance, line.currency, line.account),
        );
      }),
    );

  program
    .command('diff')
    .description('the accounts of which two moments of knowledge tell differently, and why')
    .requiredOption('--from <moment>', 'known at a recorded instant, or at position:N', knownAt)
    .option('--to <moment>', 'another one; all that is known by default', knownAt)
    .option('--as-of <instant>', 'what had happened by then; now by default', instant)
    .option('--json', 'for machines: a JSON object a line')
    .action(({ json, from, to, ...asked }: Output & MomentAsked & { from: KnownAt; to?: KnownAt }) =>
      atMoment({ ...asked, ...(to === undefined ? {} : { knownAt: to }) }, async (app, moment) => {
        const { known } = await app.get(Queries).moment({ knownAt: from });
        const ask = (paging: Paging) => app.get(Diff).accounts(known, moment, paging);
        await everyItem<AccountDifference>(json, ask, differenceText);
      }),
    );

  program
    .command('gap <promotion>')
    .description('what was billed between qualifying and the credit')
    .option('--marketplace <code>', 'in it only')
    .option('--advertiser <id>', 'of it only')
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

type GapOptions = Output & MomentAsked & { readonly marketplace?: string; readonly advertiser?: string };

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
    ...changes.map(({ position, effectiveAt, event, line }) => {
      const moved = line ? `, ${line.amount} and billed ${line.billable}` : '';
      return `  position ${position}: ${event.id} of ${effectiveAt}${moved}`;
    }),
  ].join('\n');
}

const gapLine = (gap: Gap): string => {
  const { advertiserId, marketplace, product, stage, status, daysWaited, currency, billed, coverable, clicks } = gap;
  const what = stage === null ? product : `${product} ${stage}`;
  const waited = `${status}, ${daysWaited} days${gap.withinSla === false ? ' (too late)' : ''}`;
  return `${advertiserId} ${marketplace} ${what}: ${waited}; ${clicks} clicks billed ${currency} ${billed}, coverable ${coverable}`;
};

const totalLine = ({ currency, gaps, waits, clicks, impressions, billed, coverable }: GapTotal): string =>
  `${currency}: ${gaps} of ${waits} waits had ${clicks} clicks and ${impressions} impressions billed ${billed}, coverable ${coverable}`;
