import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What accounts hold, in decimals of the currency: `account currency` → `-204.83`. Those that hold nothing are absent. */
export type Holdings = ReadonlyMap<string, string>;

/** Another program that keeps books of plain text. */
export interface Bookkeeper {
  /** Of the program's file, as the exports call it. */
  readonly format: 'hledger' | 'ledger' | 'beancount';
  /** Reads the journal, as strictly as it can, and throws with whatever it says of it: to be silent is to agree. */
  readonly check: (file: string) => void;
  /** What accounts hold; with `until`, by that day's beginning (`2022-11-01`). */
  readonly holdings: (file: string, until?: string) => Holdings;
  /** The same at cost. Beancount, which divides a total cost by the amount, has none that is exact. */
  readonly atCost?: (file: string) => Holdings;
}

/** Says that these tests must not be skipped, as in CI. */
const REQUIRED = process.env['PROMOLEDGER_BOOKKEEPERS'] === 'required';

function run(program: string, args: readonly string[]): string {
  const { stdout, stderr, status, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    // Reasons are in any language, and no settings of the machine's user are to matter.
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: '/nonexistent' },
  });
  if (error) throw error;
  if (status !== 0 || stderr !== '') throw new Error(`${program} ${args.join(' ')}\n${stderr}${stdout}`);
  return stdout;
}

function holdingsOf(rows: Iterable<readonly [account: string, currency: string, amount: string]>): Holdings {
  const held = [...rows].filter(([, , amount]) => /[1-9]/.test(amount));
  return new Map(held.map(([account, currency, amount]) => [`${account} ${currency}`, amount]));
}

const until = (flag: string, day?: string): string[] => (day === undefined ? [] : [flag, day]);

/** `"assets:receivable:a:DE","EUR","1.50"` after a line of names. */
function hledgerHoldings(file: string, args: readonly string[]): Holdings {
  const out = run('hledger', ['-f', file, 'balance', '--flat', '--no-total', '-O', 'csv', '--layout=bare', ...args]);
  const rows = out.trimEnd().split('\n').slice(1);
  return holdingsOf(rows.map((row) => row.slice(1, -1).split('","') as [string, string, string]));
}

/** A line with the account, and one for each of its currencies. */
function ledgerHoldings(file: string, args: readonly string[]): Holdings {
  const format = '@%(account)\\n%(scrub(amount))\\n';
  const out = run('ledger', [
    '--args-only',
    '-f',
    file,
    'balance',
    '--flat',
    '--no-total',
    '--balance-format',
    format,
    ...args,
  ]);
  const rows: [string, string, string][] = [];
  let account = '';
  for (const line of out.split('\n')) {
    const [amount = '', currency = ''] = line.trim().split(' ');
    if (line.startsWith('@')) account = line.slice(1);
    else if (currency !== '') rows.push([account, currency, amount]);
  }
  return holdingsOf(rows);
}

/** CSV of accounts, currencies and sums, padded with blanks; as text, since numbers are shown with the usual digits only. */
function beancountHoldings(file: string, day?: string): Holdings {
  const where = day === undefined ? '' : `WHERE date < ${day}`;
  const query = `SELECT account, currency, str(sum(number)) ${where} GROUP BY account, currency`;
  const rows = run('bean-query', ['-f', 'csv', file, query]).trimEnd().split('\n').slice(1);
  return holdingsOf(
    rows.map((row) => {
      const [account = '', currency = '', sum = ''] = row.split(',').map((cell) => cell.trim());
      return [account, currency, /^Decimal\('(.*)'\)$/.exec(sum)![1]!] as const;
    }),
  );
}

export const BOOKKEEPERS: readonly Bookkeeper[] = [
  {
    format: 'hledger',
    check: (file) => void run('hledger', ['-f', file, 'check', '--strict']),
    holdings: (file, day) => hledgerHoldings(file, until('--end', day)),
    atCost: (file) => hledgerHoldings(file, ['--cost']),
  },
  {
    format: 'ledger',
    check: (file) => void run('ledger', ['--args-only', '--strict', '--pedantic', '-f', file, 'balance']),
    holdings: (file, day) => ledgerHoldings(file, until('--end', day)),
    atCost: (file) => ledgerHoldings(file, ['--basis']),
  },
  {
    format: 'beancount',
    check: (file) => void run('bean-check', [file]),
    holdings: beancountHoldings,
  },
];

/** Why these tests are skipped here, if they are; it is told once. Throws where they must not be. */
export function whyNoBookkeepers(): string | undefined {
  try {
    for (const program of ['hledger', 'ledger', 'bean-check', 'bean-query']) run(program, ['--version']);
    return undefined;
  } catch (error) {
    const reason = `hledger, ledger and Beancount are not here: ${(error as Error).message} (scripts/bookkeepers.sh installs them)`;
    if (REQUIRED) throw new Error(reason, { cause: error });
    process.stderr.write(`skipped: ${reason}\n`);
    return reason;
  }
}

/** Calls with a file of this content, which is gone afterwards. */
export function withFile<T>(name: string, content: string | Uint8Array, use: (file: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  try {
    const file = join(directory, name);
    writeFileSync(file, content);
    return use(file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
