import { setImmediate as nextTurn } from 'node:timers/promises';
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { currencyExponent } from '../../kernel/currencies.js';
import { epochMs } from '../../kernel/instant.js';
import type { Transaction } from '../transactions.js';
import type { ExportFormat } from './export-format.js';
import { rowsOf, type Row } from './rows.js';

/** So many rows are in memory, and encoded without the event loop getting its turn, at a time. */
const ROWS_OF_A_GROUP = 2000;

/**
 * Amounts are DECIMAL(38, 3), exact, so that every engine can add them up without a cast that might be to a double: 38
 * digits are the most that all engines have, three the most that a currency has.
 */
const DECIMALS = 3;
const LARGEST = 10n ** 38n - 1n;

type Element = Omit<SchemaElement, 'name'>;
interface Column {
  readonly name: string;
  readonly element: Element;
  readonly value: (row: Row) => unknown;
}

const column =
  (element: Element) =>
  (name: string, value: (row: Row) => unknown): Column => ({ name, element, value });

const REQUIRED = { repetition_type: 'REQUIRED' } as const;
const STRING = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const;
const text = column({ ...REQUIRED, ...STRING });
const optionalText = column({ repetition_type: 'OPTIONAL', ...STRING });
const long = column({ ...REQUIRED, type: 'INT64' });
const integer = column({ ...REQUIRED, type: 'INT32' });
const instant = column({
  ...REQUIRED,
  type: 'INT64',
  converted_type: 'TIMESTAMP_MILLIS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
});
const decimal = column({
  ...REQUIRED,
  type: 'FIXED_LEN_BYTE_ARRAY',
  type_length: 16,
  converted_type: 'DECIMAL',
  logical_type: { type: 'DECIMAL', precision: 38, scale: DECIMALS },
  precision: 38,
  scale: DECIMALS,
});

const COLUMNS: readonly Column[] = [
  long('position', (row) => row.position),
  integer('line', (row) => row.line),
  instant('effective_at', (row) => BigInt(epochMs(row.effectiveAt))),
  instant('recorded_at', (row) => BigInt(epochMs(row.recordedAt))),
  text('event_type', (row) => row.eventType),
  text('event_id', (row) => row.eventId),
  text('stream', (row) => row.stream),
  integer('revision', (row) => row.revision),
  text('advertiser_id', (row) => row.advertiserId),
  text('marketplace', (row) => row.marketplace),
  optionalText('promotion_id', (row) => row.promotionId),
  text('account', (row) => row.account),
  decimal('amount', (row) => scaled(row.amountMinor, row.currency)),
  text('currency', (row) => row.currency),
  decimal('cost', (row) => scaled(row.costMinor, row.costCurrency)),
  text('cost_currency', (row) => row.costCurrency),
  text('description', (row) => row.description),
];

const SCHEMA: SchemaElement[] = [
  { name: 'postings', num_children: COLUMNS.length },
  ...COLUMNS.map(({ name, element }) => ({ name, ...element })),
];

/** A row for each posting. What grows with the file is its footer, which the format has at the end: a line for each group. */
export const parquet: ExportFormat = {
  extension: 'parquet',
  mediaType: 'application/vnd.apache.parquet',
  write: groups,
};

async function* groups(transactions: AsyncIterable<Transaction>, title: string): AsyncGenerator<Uint8Array> {
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema: SCHEMA,
    kvMetadata: [{ key: 'title', value: title }],
    createdBy: 'promoledger',
  });
  let rows: Row[] = [];
  for await (const row of rowsOf(transactions)) {
    rows.push(row);
    if (rows.length < ROWS_OF_A_GROUP) continue;
    await writer.write(groupOf(rows));
    rows = [];
    yield taken(bytes);
    await nextTurn();
  }
  if (rows.length > 0) await writer.write(groupOf(rows));
  await writer.finish();
  yield taken(bytes);
}

const groupOf = (rows: readonly Row[]) => ({
  columnData: COLUMNS.map(({ name, value }) => ({ name, data: rows.map(value), offsetIndex: false })),
  rowGroupSize: rows.length,
});

/** What was written since, out of the writer's buffer. */
function taken(bytes: ByteWriter): Uint8Array {
  const chunk = bytes.getBytes().slice();
  bytes.index = 0;
  return chunk;
}

/** In thousandths. The writer would cut off what does not fit. */
function scaled(minor: bigint, currency: string): bigint {
  const thousandths = minor * 10n ** BigInt(DECIMALS - (currencyExponent(currency) ?? 0));
  if (thousandths > LARGEST || thousandths < -LARGEST) {
    throw new Error(`an amount of ${minor} minor units of ${currency} has more digits than Parquet's decimals`);
  }
  return thousandths;
}
