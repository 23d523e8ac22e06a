import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { ledgerAccountName } from '../../src/accounts/domain/postings.js';
import { csv } from '../../src/audit/exports/csv.js';
import { parquet } from '../../src/audit/exports/parquet.js';
import type { Transaction } from '../../src/audit/transactions.js';
import { currencyExponent } from '../../src/kernel/currencies.js';
import { formatMinor } from '../../src/kernel/money.js';
import { streamed, textOf, transactions } from './transactions.js';

/** RFC 4180, read by somebody else than who wrote it: a record ends outside of quotes only. */
function recordsOf(text: string): string[][] {
  const records: string[][] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  let record: string[] = [];
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (!match) throw new Error('no RFC 4180');
    record.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === ',') continue;
    records.push(record);
    record = [];
  }
  return records;
}

const csvOf = async (all: readonly Transaction[]): Promise<Record<string, string>[]> => {
  const [names = [], ...rows] = recordsOf(await textOf(csv.write(streamed(all), '')));
  return rows.map((row) => {
    expect(row).toHaveLength(names.length);
    return Object.fromEntries(names.map((name, index) => [name, row[index]!]));
  });
};

/** What the rows must say, whatever the format. */
const rowsOf = (all: readonly Transaction[]) =>
  all.flatMap(({ position, effectiveAt, recordedAt, event, advertiserId, marketplace, description, postings }) =>
    postings.map(({ account, amountMinor, currency, cost }, index) => ({
      position,
      line: index + 1,
      effective_at: effectiveAt,
      recorded_at: recordedAt,
      event_type: event.type,
      event_id: event.id,
      stream: event.stream,
      revision: event.revision,
      advertiser_id: advertiserId,
      marketplace,
      promotion_id: null,
      account: ledgerAccountName(account),
      amount: { minor: amountMinor, currency },
      currency,
      cost: cost ? { minor: cost.amountMinor, currency: cost.currency } : { minor: amountMinor, currency },
      cost_currency: cost?.currency ?? currency,
      description,
    })),
  );

const [ADVERTISER, REASON] = ['-1-1', '=HYPERLINK("http://x","y")\r\n+1'] as const;
const hostile: Transaction = {
  position: 9_007_199_254_740_993n,
  recordedAt: '2022-10-05T00:00:00.001Z' as Transaction['recordedAt'],
  effectiveAt: '2022-10-04T07:00:00.000Z' as Transaction['effectiveAt'],
  event: { stream: `account-${ADVERTISER}.DE`, revision: 3, id: 'CreditApplied:x', type: 'CreditApplied' },
  advertiserId: ADVERTISER,
  marketplace: 'DE',
  description: REASON,
  postings: [
    { account: ['assets', 'receivable', ADVERTISER, 'DE'], amountMinor: -5n, currency: 'EUR' },
    { account: ['income', 'clicks', 'SP'], amountMinor: 5n, currency: 'EUR' },
  ],
};

describe('CSV', () => {
  it('holds every posting, read back as it was once a leading apostrophe is taken away', async () => {
    await fc.assert(
      fc.asyncProperty(transactions(), async (all) => {
        const read = await csvOf(all);
        const text = (cell: string) => cell.replace(/^'/, '');
        const expected = rowsOf(all).map((row) => ({
          ...row,
          position: String(row.position),
          line: String(row.line),
          revision: String(row.revision),
          promotion_id: '',
          amount: formatMinor(row.amount.minor, row.amount.currency),
          cost: formatMinor(row.cost.minor, row.cost.currency),
        }));
        expect(
          read.map((row) =>
            Object.fromEntries(
              Object.entries(row).map(([name, cell]) => [name, /amount|cost$/.test(name) ? cell : text(cell)]),
            ),
          ),
        ).toEqual(expected);
      }),
    );
  });

  it('has no cell that a spreadsheet takes for a formula, and amounts that it takes for numbers', async () => {
    await fc.assert(
      fc.asyncProperty(transactions(), async (all) => {
        for (const { amount, cost, ...others } of await csvOf(all)) {
          expect([amount, cost]).toEqual([amount, cost].map(() => expect.stringMatching(/^-?\d+(\.\d+)?$/)));
          expect(Object.values(others).filter((cell) => /^[=+\-@\t\r\n]/.test(cell))).toEqual([]);
        }
      }),
    );
  });

  it('is what RFC 4180 says', async () => {
    expect((await textOf(csv.write(streamed([hostile]), ''))).split('\r\n').slice(0, 3).join('\r\n')).toBe(
      [
        'position,line,effective_at,recorded_at,event_type,event_id,stream,revision,advertiser_id,marketplace,promotion_id,account,amount,currency,cost,cost_currency,description',
        `9007199254740993,1,2022-10-04T07:00:00.000Z,2022-10-05T00:00:00.001Z,CreditApplied,CreditApplied:x,account--1-1.DE,3,'-1-1,DE,,assets:receivable:-1-1:DE,-0.05,EUR,-0.05,EUR,"'=HYPERLINK(""http://x"",""y"")`,
        '+1"',
      ].join('\r\n'),
    );
  });

  it('has its line of names when there is nothing else', async () => {
    expect(recordsOf(await textOf(csv.write(streamed([]), '')))).toHaveLength(1);
  });
});

async function fileOf(all: Iterable<Transaction>): Promise<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of parquet.write(streamed(all), 'of a test')) chunks.push(chunk as Uint8Array);
  return new Uint8Array(Buffer.concat(chunks)).buffer;
}

/** Read with hyparquet; it would make numbers of decimals, so it is told that they are bytes. */
async function parquetOf(file: ArrayBuffer): Promise<Record<string, unknown>[]> {
  const metadata = parquetMetadata(file);
  const schema = metadata.schema.map((element) => {
    const { converted_type, logical_type, ...rest } = element;
    return converted_type === 'DECIMAL'
      ? rest
      : { ...rest, ...(converted_type ? { converted_type } : {}), ...(logical_type ? { logical_type } : {}) };
  });
  return parquetReadObjects({ file, metadata: { ...metadata, schema } });
}

const bigEndian = (bytes: Uint8Array): bigint => BigInt.asIntN(128, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));

/** In thousandths, whatever the digits of the currency. */
const thousandths = ({ minor, currency }: { minor: bigint; currency: string }): bigint =>
  minor * 10n ** BigInt(3 - currencyExponent(currency)!);

describe('Parquet', () => {
  it('holds every posting, read back exactly', async () => {
    await fc.assert(
      fc.asyncProperty(transactions(), async (all) => {
        const read = await parquetOf(await fileOf(all));
        expect(
          read.map((row) => ({
            ...row,
            amount: bigEndian(row['amount'] as Uint8Array),
            cost: bigEndian(row['cost'] as Uint8Array),
          })),
        ).toEqual(
          rowsOf(all).map((row) => ({
            ...row,
            effective_at: new Date(row.effective_at),
            recorded_at: new Date(row.recorded_at),
            amount: thousandths(row.amount),
            cost: thousandths(row.cost),
          })),
        );
      }),
    );
  });

  it('says what its columns are', async () => {
    const { schema, key_value_metadata, num_rows } = parquetMetadata(await fileOf([hostile]));
    const of = (name: string) => schema.find((element) => element.name === name);
    expect(num_rows).toBe(2n);
    expect(key_value_metadata).toEqual([{ key: 'title', value: 'of a test' }]);
    expect(of('amount')).toMatchObject({ logical_type: { type: 'DECIMAL', precision: 38, scale: 3 }, type_length: 16 });
    expect(of('effective_at')).toMatchObject({
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
    });
    expect(of('account')).toMatchObject({ converted_type: 'UTF8', repetition_type: 'REQUIRED' });
    expect(of('promotion_id')).toMatchObject({ repetition_type: 'OPTIONAL' });
  });

  it('is of several groups when it is long, and of none when it is empty', async () => {
    const many = Array.from({ length: 2400 }, (_, index) => ({ ...hostile, position: BigInt(index) }));
    const file = await fileOf(many);
    expect(parquetMetadata(file).row_groups.map(({ num_rows }) => num_rows)).toEqual([2000n, 2000n, 800n]);
    const read = await parquetOf(file);
    expect(read.map(({ position }) => position)).toEqual(many.flatMap(({ position }) => [position, position]));
    expect(await parquetOf(await fileOf([]))).toEqual([]);
  });

  it('refuses an amount with more digits than its decimals instead of cutting it', async () => {
    const [first, ...rest] = hostile.postings;
    const tooLarge = { ...hostile, postings: [{ ...first!, amountMinor: 10n ** 38n }, ...rest] };
    await expect(fileOf([tooLarge])).rejects.toThrow('more digits');
    const largest = { ...first!, amountMinor: -(10n ** 37n - 1n) };
    const [row] = await parquetOf(await fileOf([{ ...hostile, postings: [largest] }]));
    expect(bigEndian(row!['amount'] as Uint8Array)).toBe(-(10n ** 37n - 1n) * 10n);
  });
});
