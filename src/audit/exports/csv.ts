import { formatMinor } from '../../kernel/money.js';
import type { Transaction } from '../transactions.js';
import { inChunks, type ExportFormat } from './export-format.js';
import { rowsOf, type Row } from './rows.js';

/**
 * Text that a spreadsheet would take for a formula gets an apostrophe in front, and so does text that begins with one: who
 * takes one leading apostrophe away has the text as it was.
 */
const guarded = (text: string): string => (/^[=+\-@\t\r\n'＝＋－＠]/.test(text) ? `'${text}` : text);

/** What a client named or wrote is guarded; what the ledger itself makes is not, so that a negative amount stays a number. */
const COLUMNS: readonly (readonly [name: string, cell: (row: Row) => string])[] = [
  ['position', (row) => String(row.position)],
  ['line', (row) => String(row.line)],
  ['effective_at', (row) => row.effectiveAt],
  ['recorded_at', (row) => row.recordedAt],
  ['event_type', (row) => row.eventType],
  ['event_id', (row) => guarded(row.eventId)],
  ['stream', (row) => guarded(row.stream)],
  ['revision', (row) => String(row.revision)],
  ['advertiser_id', (row) => guarded(row.advertiserId)],
  ['marketplace', (row) => row.marketplace],
  ['promotion_id', (row) => guarded(row.promotionId ?? '')],
  ['account', (row) => guarded(row.account)],
  ['amount', (row) => formatMinor(row.amountMinor, row.currency)],
  ['currency', (row) => row.currency],
  ['cost', (row) => formatMinor(row.costMinor, row.costCurrency)],
  ['cost_currency', (row) => row.costCurrency],
  ['description', (row) => guarded(row.description)],
];

/** RFC 4180, a row for each posting, UTF-8, with a line of names. */
export const csv: ExportFormat = {
  extension: 'csv',
  mediaType: 'text/csv; charset=utf-8; header=present',
  write: (transactions) => inChunks(lines(transactions)),
};

async function* lines(transactions: AsyncIterable<Transaction>): AsyncGenerator<string> {
  yield `${COLUMNS.map(([name]) => name).join(',')}\r\n`;
  for await (const row of rowsOf(transactions)) yield `${COLUMNS.map(([, cell]) => quoted(cell(row))).join(',')}\r\n`;
}

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
