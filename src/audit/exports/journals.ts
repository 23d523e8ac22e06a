import { ledgerAccountName, type LedgerAccount } from '../../accounts/domain/postings.js';
import { dayOf, FIRST_DAY, journalFormat, plainText, TAGS, tagsOf, type Dialect } from './journal-text.js';

/**
 * hledger and ledger write a transaction alike: `DATE=DATE2 (CODE) DESCRIPTION`, the dates being the effective and the
 * recorded one and the code the position. An account is called as in the ledger itself: ids have no blank, `;` or control
 * character, which would end a name, and their `:` is written `%3A`.
 */
const PLAIN_TEXT = {
  accountName: ledgerAccountName,
  opened: (name) => `account ${name}\n`,
  head: (transaction) => {
    const { position, effectiveAt, recordedAt, description } = transaction;
    return [
      `${dayOf(effectiveAt)}=${dayOf(recordedAt)} (${position}) ${plainText(description)}\n`,
      ...tagsOf(transaction).map(([tag, value]) => `    ; ${tag}: ${value}\n`),
    ].join('');
  },
  indent: '    ',
} satisfies Partial<Dialect>;

export const hledger = journalFormat('journal', {
  ...PLAIN_TEXT,
  // Without it three digits behind the mark, 1.000 KWD, could be a thousand.
  preamble: (title) => `; ${title}\ndecimal-mark .\n\n`,
  // A mark must be in the sample, also where no digits follow.
  commodity: (currency, sample) => `commodity ${sample.includes('.') ? sample : `${sample}.`} ${currency}\n`,
});

export const ledger = journalFormat('ledger', {
  ...PLAIN_TEXT,
  // With --pedantic, tags are declared as accounts are.
  preamble: (title) => `; ${title}\n${TAGS.map((tag) => `tag ${tag}\n`).join('')}\n`,
  commodity: (currency, sample) => `commodity ${currency}\n    format ${sample} ${currency}\n`,
});

/**
 * Beancount sorts its directives by date, so accounts are opened on the first day there is: a fact that is recorded later
 * may be of an earlier day.
 *
 * It turns a total cost into a price a unit, of 28 digits, and back, and in a currency without digits calls the last of
 * them a difference. Amounts have at most three digits, so nothing real is as small as what is let pass.
 */
export const beancount = journalFormat('beancount', {
  preamble: (title) => `option "title" "${title}"\noption "inferred_tolerance_default" "*:0.000001"\n\n`,
  commodity: (currency) => `${FIRST_DAY} commodity ${currency}\n`,
  accountName: beancountAccountName,
  opened: (name) => `${FIRST_DAY} open ${name}\n`,
  head: (transaction) =>
    [
      `${dayOf(transaction.effectiveAt)} * "${plainText(transaction.description)}"\n`,
      `  recorded: ${dayOf(transaction.recordedAt)}\n`,
      ...tagsOf(transaction).map(([tag, value]) => `  ${tag}: "${value}"\n`),
    ].join(''),
  indent: '  ',
});

/**
 * A level of Beancount's begins with a capital or a digit and has letters, digits and dashes only. So `Z` begins an escape:
 * `Z3A` is the character of that code, and `Z-` in front of an id that begins otherwise is a capital to begin with.
 * `advertiser-1` is `Z-advertiser-1`, `a_b` is `Z-aZ5Fb`, and an id's own `Z` is `Z5A`: two ids never become one.
 */
export function beancountAccountName(account: LedgerAccount): string {
  return account.map((level, index) => (isWord(account, index) ? capitalised(level) : beancountLevel(level))).join(':');
}

/** The levels that the chart of accounts fixes; all others are ids. */
const isWord = ([root]: LedgerAccount, index: number): boolean => index < 2 || (root === 'expenses' && index === 3);

const capitalised = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);

function beancountLevel(id: string): string {
  const escaped = id.replace(/[^A-Ya-z0-9-]/g, (char) => {
    return `Z${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return /^[a-z-]/.test(escaped) ? `Z-${escaped}` : escaped;
}
