import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  creditAccount,
  ledgerAccountName,
  revokedAccount,
  type LedgerAccount,
} from '../../src/accounts/domain/postings.js';
import { plainText } from '../../src/audit/exports/journal-text.js';
import { beancountAccountName } from '../../src/audit/exports/journals.js';
import { accounts, reasons } from './transactions.js';

/** What each program takes for an account, and the levels that a name was made of. */
const NAMES = [
  {
    name: 'of hledger and ledger',
    nameOf: ledgerAccountName,
    pattern: /^[a-z]+(:[A-Za-z0-9_/.%-]+)+$/,
    levelsOf: (name: string) => name.split(':').map(decodeURIComponent),
  },
  {
    name: 'of Beancount',
    nameOf: beancountAccountName,
    pattern: /^(Assets|Liabilities|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+$/,
    levelsOf: (name: string) => name.split(':').map(beancountLevelRead),
  },
] as const;

/** Levels that the chart of accounts fixes; an id is written otherwise where it could be one of them. */
const WORDS = [
  'Assets',
  'Liabilities',
  'Income',
  'Expenses',
  'Receivable',
  'Credits',
  'Clicks',
  'Breakage',
  'Promotions',
];

function beancountLevelRead(level: string, index: number, levels: readonly string[]): string {
  if (index < 2 ? WORDS.includes(level) : level === 'Revoked' && index === 3 && levels[0] === 'Expenses') {
    return level.toLowerCase();
  }
  return level
    .replace(/^Z-/, '')
    .replace(/Z([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}

describe.each(NAMES)('account names $name', ({ nameOf, pattern, levelsOf }) => {
  it('are what the program takes, with a level for each level', () => {
    fc.assert(
      fc.property(accounts, (account) => {
        const name = nameOf(account);
        expect(name).toMatch(pattern);
        expect(name.split(':')).toHaveLength(account.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('are read back as the levels they were made of, so that two accounts never share one', () => {
    fc.assert(
      fc.property(accounts, (account) => {
        expect(levelsOf(nameOf(account))).toEqual([...account]);
      }),
      { numRuns: 2000 },
    );
  });

  it('differ where ids look alike', () => {
    const look: readonly LedgerAccount[] = [
      creditAccount('a', 'DE', 'b:c'),
      creditAccount('a', 'DE', 'b/c'),
      creditAccount('a', 'DE', 'bZ3Ac'),
      creditAccount('a:DE', 'DE', 'c'),
      creditAccount('Z-a', 'DE', 'b'),
      creditAccount('a', 'DE', 'b'),
      creditAccount('-a', 'DE', 'b'),
      creditAccount('A', 'DE', 'b'),
      creditAccount('Z', 'DE', 'b'),
      creditAccount('Z5A', 'DE', 'b'),
      revokedAccount('a'),
      revokedAccount('a:revoked'),
    ];
    expect(new Set(look.map((account) => nameOf(account))).size).toBe(look.length);
  });
});

it('names accounts in Beancount as the docs say', () => {
  expect(beancountAccountName(creditAccount('advertiser-1', 'DE', 'p:advertiser-1:DE:SP'))).toBe(
    'Liabilities:Credits:Z-advertiser-1:DE:Z-pZ3Aadvertiser-1Z3ADEZ3ASP',
  );
  expect(beancountAccountName(creditAccount('-1_a', 'ZA', 'Z'))).toBe('Liabilities:Credits:Z--1Z5Fa:Z5AA:Z5A');
  expect(beancountAccountName(revokedAccount('p'))).toBe('Expenses:Promotions:Z-p:Revoked');
});

describe('free text in a journal', () => {
  it('is on one line, without what a program could take for more, and is read back as it was', () => {
    fc.assert(
      fc.property(reasons, (reason) => {
        const text = plainText(reason);
        expect(text).not.toMatch(/[;,|"\\[\]\r\n\t]| {2}|^ | $/);
        expect(decodeURIComponent(text)).toBe(reason.toWellFormed());
      }),
      { numRuns: 2000 },
    );
  });

  it('stays readable where it can', () => {
    expect(plainText('Click fraud: 誤り (case 7)')).toBe('Click fraud: 誤り (case 7)');
  });
});
