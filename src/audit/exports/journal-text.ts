import type { LedgerAccount, Posting } from '../../accounts/domain/postings.js';
import type { Instant } from '../../kernel/instant.js';
import { formatMinor } from '../../kernel/money.js';
import type { Transaction } from '../transactions.js';
import { inChunks, type ExportFormat } from './export-format.js';
import { FirstUses } from './first-uses.js';

/** How a program for plain-text bookkeeping writes what all of them know. */
export interface Dialect {
  preamble(title: string): string;
  /** The declaration of a currency, of which `sample` is an amount with all its digits: `1000.00`. */
  commodity(currency: string, sample: string): string;
  accountName(account: LedgerAccount): string;
  /** The declaration of an account. */
  opened(name: string): string;
  /** What stands above the postings. */
  head(transaction: Transaction): string;
  /** Before each posting. */
  readonly indent: string;
}

/** A journal in a dialect: each account and currency is declared where it is first used, so that one pass is enough. */
export const journalFormat = (extension: string, dialect: Dialect): ExportFormat => ({
  extension,
  mediaType: 'text/plain; charset=utf-8',
  write: (transactions, title) => inChunks(journal(transactions, title, dialect)),
});

async function* journal(
  transactions: AsyncIterable<Transaction>,
  title: string,
  dialect: Dialect,
): AsyncGenerator<string> {
  const uses = new FirstUses();
  try {
    yield dialect.preamble(title);
    for await (const transaction of transactions) {
      for (const posting of transaction.postings) yield declarations(posting, uses, dialect);
      yield dialect.head(transaction);
      for (const posting of transaction.postings) {
        yield `${dialect.indent}${dialect.accountName(posting.account)}  ${amountText(posting)}\n`;
      }
      yield '\n';
    }
  } finally {
    uses.close();
  }
}

/** Of what the posting is the first to use. No account is called as a currency is: its name has levels. */
function declarations({ account, currency, cost }: Posting, uses: FirstUses, dialect: Dialect): string {
  const name = dialect.accountName(account);
  return [
    ...[currency, cost?.currency ?? currency]
      .filter((each) => uses.isFirst(each))
      .map((each) => dialect.commodity(each, `1000${formatMinor(0n, each).slice(1)}`)),
    ...(uses.isFirst(name) ? [dialect.opened(name)] : []),
  ].join('');
}

/** `-204.83 EUR @@ 200.00 USD`: a total cost bears no sign, it takes the amount's. */
function amountText({ amountMinor, currency, cost }: Posting): string {
  const amount = `${formatMinor(amountMinor, currency)} ${currency}`;
  if (cost === undefined) return amount;
  const magnitude = cost.amountMinor < 0n ? -cost.amountMinor : cost.amountMinor;
  return `${amount} @@ ${formatMinor(magnitude, cost.currency)} ${cost.currency}`;
}

/** The first day that all the programs know. */
export const FIRST_DAY = '1400-01-01';

/**
 * The day of an instant, UTC. One before FIRST_DAY becomes that day: what an account holds on any later day is the same,
 * and the instant itself is kept as a tag.
 */
export function dayOf(instant: Instant): string {
  const day = instant.slice(0, 10);
  return day < FIRST_DAY ? FIRST_DAY : day;
}

/** What every transaction bears besides its two dates. */
export const TAGS = [
  'position',
  'event_type',
  'event_id',
  'stream',
  'revision',
  'effective_at',
  'recorded_at',
] as const;

export function tagsOf({ position, event, effectiveAt, recordedAt }: Transaction): readonly [string, string][] {
  const values: Readonly<Record<(typeof TAGS)[number], string>> = {
    position: String(position),
    event_type: event.type,
    event_id: plainText(event.id),
    stream: plainText(event.stream),
    revision: String(event.revision),
    effective_at: effectiveAt,
    recorded_at: recordedAt,
  };
  return TAGS.map((tag) => [tag, values[tag]]);
}

/** What a program could take for a date, a tag, a quotation, a comment, or the end of the text. */
const UNSAFE = /[%,;|"\\[\]]|[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|^ +| +$|(?<= ) /gu;

/** Text on one line: what is unsafe is percent-encoded in UTF-8, as is `%` itself; `decodeURIComponent` reads it back. */
export const plainText = (text: string): string =>
  text.replace(UNSAFE, (unsafe) =>
    [...new TextEncoder().encode(unsafe)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
