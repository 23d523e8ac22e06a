import type { EventStore, Position } from '../../event-store/event-store.js';
import type { Moment } from '../../read-models/moment.js';
import type { Books } from '../journal.js';
import { logLines } from '../log-file.js';
import type { JournalFilter } from '../transactions.js';
import { csv } from './csv.js';
import { inChunks, type ExportFormat } from './export-format.js';
import { plainText } from './journal-text.js';
import { beancount, hledger, ledger } from './journals.js';
import { parquet } from './parquet.js';

const JOURNALS: Readonly<Record<string, ExportFormat>> = { hledger, ledger, beancount, csv, parquet };

/** What the journal can be exported as. */
export const JOURNAL_FORMATS: readonly string[] = Object.keys(JOURNALS);

/** A file, made as it is read. */
export interface Exported {
  readonly fileName: string;
  readonly mediaType: string;
  readonly chunks: AsyncIterable<string | Uint8Array>;
}

/** The journal of a moment in the forms of other programs, and the log itself. */
export class Exports {
  constructor(
    private readonly books: Books,
    private readonly store: EventStore,
  ) {}

  /** `format` is one of JOURNAL_FORMATS. */
  journal(format: string, moment: Moment, filter: JournalFilter): Exported {
    const { extension, mediaType, write } = JOURNALS[format]!;
    return {
      fileName: `promoledger-${moment.asOf.slice(0, 10)}-position-${moment.known}.${extension}`,
      mediaType,
      chunks: write(this.books.transactions(moment, filter), titleOf(moment, filter)),
    };
  }

  /** Every event up to a position, as `promoledger verify` reads it. */
  log(known: Position): Exported {
    return {
      fileName: `promoledger-log-position-${known}.ndjson`,
      mediaType: 'application/x-ndjson',
      chunks: inChunks(logLines(this.store, known)),
    };
  }
}

/** On one line, with nothing in it that a program could take for more. */
const titleOf = ({ asOf, known }: Moment, filter: JournalFilter): string => {
  const kept = Object.entries(filter).map(([name, value]) => ` ${name}=${plainText(String(value))}`);
  return `promoledger as of ${asOf} known up to position ${known}${kept.join('')}`;
};
