import { readFileSync } from 'node:fs';
import { csv } from '../../src/audit/exports/csv.js';
import type { ExportFormat } from '../../src/audit/exports/export-format.js';
import { beancount, hledger, ledger } from '../../src/audit/exports/journals.js';
import { parquet } from '../../src/audit/exports/parquet.js';
import type { Transaction } from '../../src/audit/transactions.js';
import { instantOf } from '../../src/kernel/instant.js';

/**
 * Run in a process of its own with little memory: exports so many transactions, each with an account of its own, and
 * tells how many bytes came out, and how much memory it took at the most.
 */

/** What a format must not be like: it remembers the accounts it has declared. */
const remembering: ExportFormat = {
  extension: '',
  mediaType: '',
  async *write(transactions) {
    const seen = new Set<string>();
    for await (const { postings } of transactions) {
      for (const { account } of postings) seen.add(account.join(':'));
      yield `${seen.size}\n`;
    }
  },
};

const FORMATS: Readonly<Record<string, ExportFormat>> = { hledger, ledger, beancount, csv, parquet, remembering };

async function* ledgerOf(count: number): AsyncGenerator<Transaction> {
  for (let index = 0; index < count; index += 1) {
    const creditId = `credit-${index}-`.padEnd(400, 'x');
    yield {
      position: BigInt(index + 1),
      recordedAt: instantOf(1_665_000_000_000 + index),
      effectiveAt: instantOf(1_664_000_000_000 + index * 1000),
      event: { stream: 'account-a.DE', revision: index, id: `CreditApplied:${creditId}`, type: 'CreditApplied' },
      advertiserId: 'a',
      marketplace: 'DE',
      description: `Credit ${creditId} of p`,
      postings: [
        { account: ['expenses', 'promotions', 'p'], amountMinor: 20_000n, currency: 'USD' },
        {
          account: ['liabilities', 'credits', 'a', 'DE', creditId],
          amountMinor: -20_483n,
          currency: 'EUR',
          cost: { amountMinor: -20_000n, currency: 'USD' },
        },
      ],
    };
  }
}

const [format = '', count = ''] = process.argv.slice(2);
let bytes = 0;
for await (const chunk of FORMATS[format]!.write(ledgerOf(Number(count)), 'many')) bytes += chunk.length;
// What the kernel tells of a process by resourceUsage() begins with what its parent had when it was started.
const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1];
process.stdout.write(JSON.stringify({ bytes, peakBytes: Number(peakKib) * 1024 }));
