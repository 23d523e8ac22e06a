import type { Moment } from '../../read-models/moment.js';
import type { Books } from '../journal.js';
import type { JournalFilter } from '../transactions.js';
import { csv } from './csv.js';
import type { ExportFormat } from './export-format.js';
import { plainText } from './journal-text.js';
import { beancount, hledger, ledger } from './journals.js';
import { parquet } from './parquet.js';

const OF_THE_JOURNAL: Readonly<Record<string, ExportFormat>> = { hledger, ledger, beancount, csv, parquet };

/** What the journal can be exported as. */
export const EXPORT_FORMATS: readonly string[] = Object.keys(OF_THE_JOURNAL);

/** A file, made as it is read. */
export interface Exported {
  readonly fileName: string;
  readonly mediaType: string;
  readonly chunks: AsyncIterable<string | Uint8Array>;
}

/** The journal of a moment in the forms of other programs. */
export class Exports {
  constructor(private readonly books: Books) {}

  /** `format` is one of EXPORT_FORMATS. */
  open(format: string, moment: Moment, filter: JournalFilter): Exported {
    const { extension, mediaType, write } = OF_THE_JOURNAL[format]!;
    const transactions = this.books.transactions(moment, filter);
    return {
      fileName: `promoledger-${moment.asOf.slice(0, 10)}-position-${moment.known}.${extension}`,
      mediaType,
      chunks: write(transactions, titleOf(moment, filter)),
    };
  }
}

const titleOf = ({ asOf, known }: Moment, filter: JournalFilter): string => {
  const kept = Object.entries(filter).map(([name, value]) => `, ${name} ${plainText(String(value))}`);
  return `promoledger as of ${asOf}, known up to position ${known}${kept.join('')}`;
};
