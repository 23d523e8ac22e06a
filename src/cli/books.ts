import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { ledgerAccountName } from '../accounts/domain/postings.js';
import { monthOf, type Month } from '../audit/domain/periods.js';
import { Books, type JournalFilter, type Transaction } from '../audit/journal.js';
import type { RollForward } from '../audit/roll-forward.js';
import { TotalsAtCost } from '../audit/totals.js';
import { balanceView, totalView, transactionView } from '../audit/views.js';
import type { Instant } from '../kernel/instant.js';
import { formatMinor } from '../kernel/money.js';
import { ENTRY_KINDS, type EntryKind } from '../read-models/books-model.js';
import type { BooksFilter } from '../read-models/books-queries.js';
import type { Moment } from '../read-models/moment.js';
import { Queries, type MomentAsked } from '../read-models/queries.js';
import { ReadModels } from '../read-models/read-models.js';
import { filteredBy, type Filters } from './filters.js';
import { instant, knownAt, unlessRefused, upToDate, withLedger, type Output } from './shell.js';

/** So many roll-forwards are asked for at a time. */
const PAGE = 100;

/** `journal | trial-balance | roll-forward`: the books, line by line as they are read. With `--json` each line is a JSON object. */
export function addBooksCommands(program: Command): void {
  journalAsked(
    program.command('journal').description('the double entry of every event, in the order of the log'),
  ).action(({ json, ...asked }: JournalOptions) =>
    printBooks(asked, async function* (books, moment) {
      for await (const transaction of books.transactions(moment, journalFilterOf(asked))) {
        yield json ? JSON.stringify(transactionView(transaction)) : textOf(transaction);
      }
    }),
  );

  filtered(program.command('trial-balance').description('what every ledger account holds'))
    .option('--lapsed', 'only credits that have ended and are neither swept nor revoked')
    .action(({ json, ...asked }: Options) =>
      printBooks(asked, async function* (books, moment) {
        const totals = new TotalsAtCost();
        for await (const line of books.lines(moment, filterOf(asked))) {
          totals.add(line);
          if (line.balanceMinor === 0n) continue;
          const shown = balanceView(line);
          yield json ? JSON.stringify(shown) : amountLine(shown.balance, shown.currency, shown.account);
        }
        for (const total of totals.all().map(totalView)) {
          const { currency, balance, atCost } = total;
          yield json ? JSON.stringify({ total }) : amountLine(balance, currency, `in all, at cost ${atCost}`);
        }
      }),
    );

  const rollForward = program
    .command('roll-forward')
    .description('how the liability for credits went through a month; with --json, what each figure is made of');
  filteredBy(moments(rollForward), 'promotion', 'marketplace', 'currency')
    .argument('<month>', 'of UTC, such as 2022-10', monthNamed)
    .action((month: Month, { json, ...asked }: Options) =>
      printBooks(asked, async function* (books, moment) {
        for (let cursor: string | null | undefined; cursor !== null;) {
          const paging = cursor === undefined ? { limit: PAGE } : { limit: PAGE, cursor };
          const page = unlessRefused(await books.rollForward(moment, month, filterOf(asked), paging));
          for (const item of page.items) yield json ? JSON.stringify(item) : rollForwardText(item);
          cursor = page.next;
        }
      }),
    );
}

type Options = Output & MomentAsked & Filters & { readonly lapsed?: boolean };
/** What `journalAsked` makes of the command line. */
export type JournalOptions = Options & {
  readonly kind?: readonly EntryKind[];
  readonly from?: Instant;
  readonly to?: Instant;
};

const moments = (command: Command): Command =>
  command
    .option('--as-of <instant>', 'what had happened by then; now by default', instant)
    .option('--known-at <moment>', 'as known at a recorded instant, or at position:N', knownAt)
    .option('--json', 'for machines: a JSON object a line');

const filtered = (command: Command): Command =>
  filteredBy(moments(command), 'advertiser', 'marketplace', 'promotion', 'currency', 'account');

/** Adds the options that pick transactions. */
export const journalAsked = (command: Command): Command =>
  filtered(command)
    .option('--kind <types>', `of these events only: ${ENTRY_KINDS.join(',')}`, kinds)
    .option('--from <instant>', 'effective from then on', instant)
    .option('--to <instant>', 'effective before then', instant);

export const journalFilterOf = ({ kind, from, to, ...asked }: JournalOptions): JournalFilter => ({
  ...filterOf(asked),
  ...(from === undefined ? {} : { from }),
  ...(to === undefined ? {} : { to }),
  ...(kind === undefined ? {} : { kinds: kind }),
});

const filterOf = ({ advertiser, marketplace, promotion, currency, account, lapsed }: Options): BooksFilter => ({
  ...(advertiser === undefined ? {} : { advertiserId: advertiser }),
  ...(marketplace === undefined ? {} : { marketplace }),
  ...(promotion === undefined ? {} : { promotionId: promotion }),
  ...(currency === undefined ? {} : { currency }),
  ...(account === undefined ? {} : { account }),
  ...(lapsed ? { lapsed } : {}),
});

/** Prints lines as they are made, and no faster than they are read: a journal of any length is in nobody's memory. */
const printBooks = (
  { asOf, knownAt: known }: MomentAsked,
  lines: (books: Books, moment: Moment) => AsyncGenerator<string>,
): Promise<void> =>
  withLedger(async (app) => {
    await upToDate(app.get(ReadModels));
    const asked = { ...(asOf === undefined ? {} : { asOf }), ...(known === undefined ? {} : { knownAt: known }) };
    const made = lines(app.get(Books), await app.get(Queries).moment(asked));
    try {
      await pipeline(made, ended, process.stdout, { end: false });
    } catch (error) {
      // Whoever read it, `head` say, has seen enough.
      if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
    }
  });

async function* ended(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

function textOf({ effectiveAt, position, recordedAt, description, postings }: Transaction): string {
  return [
    `${effectiveAt} ${description} (position ${position}, recorded ${recordedAt})`,
    ...postings.map(({ account, amountMinor, currency, cost }) => {
      const at = cost ? ` @@ ${formatMinor(cost.amountMinor, cost.currency)} ${cost.currency}` : '';
      return amountLine(formatMinor(amountMinor, currency), currency, `${ledgerAccountName(account)}${at}`);
    }),
  ].join('\n');
}

const amountLine = (amount: string, currency: string, what: string): string =>
  `  ${amount.padStart(16)} ${currency}  ${what}`;

const FIGURES = ['opening', 'granted', 'drawn', 'expired', 'revoked', 'restored', 'closing', 'lapsed'] as const;

const rollForwardText = (item: RollForward): string =>
  [
    `${item.promotionId} in ${item.marketplace}`,
    ...FIGURES.map((name) => amountLine(item[name].amount, item.currency, name)),
  ].join('\n');

function kinds(text: string): readonly EntryKind[] {
  const named = text.split(',');
  const known = ENTRY_KINDS.filter((kind) => named.includes(kind));
  if (known.length === named.length) return known;
  throw new InvalidArgumentError(`It must be of ${ENTRY_KINDS.join(',')}.`);
}

function monthNamed(text: string): Month {
  const month = monthOf(text);
  if (!month) throw new InvalidArgumentError('It must be a month such as 2022-10.');
  return month;
}
