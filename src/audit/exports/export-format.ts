import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Transaction } from '../transactions.js';

/** A program's or a table's form of the journal. It is written as it is read: no more of it is kept than is in hand. */
export interface ExportFormat {
  /** Of the file's name, without the dot. */
  readonly extension: string;
  readonly mediaType: string;
  /** `title` says in plain text (see plainText) what is exported. */
  readonly write: (transactions: AsyncIterable<Transaction>, title: string) => AsyncIterable<string | Uint8Array>;
}

const CHUNK_CHARACTERS = 65_536;

/**
 * The same text in pieces of about 64 KiB: a write to a socket for each transaction would be slow. A buffer that has room
 * is no wait, so the event loop gets its turn behind each piece.
 */
export async function* inChunks(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let pending: string[] = [];
  let length = 0;
  for await (const text of texts) {
    pending.push(text);
    length += text.length;
    if (length < CHUNK_CHARACTERS) continue;
    yield pending.join('');
    pending = [];
    length = 0;
    await nextTurn();
  }
  if (length > 0) yield pending.join('');
}
