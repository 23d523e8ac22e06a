import { setImmediate as nextTurn } from 'node:timers/promises';
import { readLine } from './log-file.js';
import { splitNotes } from './seals/notes.js';
import type { Verdict } from './seals/verdict.js';
import { Verification, type Item, type VerificationOptions } from './seals/verification.js';

/** Others get the event loop after so many events. */
const A_TURN = 500;

export interface Told extends Omit<VerificationOptions, 'kept' | 'contiguous'> {
  /** Checkpoints from outside the ledger, one note after the other. */
  readonly notes: string;
}

/** Verifies the ledger at hand, as its store reads it. Throws NoteError when the notes are none. */
export function verifyLedger(
  log: AsyncIterable<Item>,
  told: Told & Pick<VerificationOptions, 'kept' | 'contiguous'>,
  onEvent?: () => void,
): Promise<Verdict> {
  return verify(log, told, onEvent);
}

/** Verifies an exported log by its lines, with no store at hand. Throws NoteError when the notes are none. */
export function verifyLogFile(lines: AsyncIterable<string>, told: Told, onEvent?: () => void): Promise<Verdict> {
  return verify(itemsOf(lines), { ...told, kept: null, contiguous: null }, onEvent);
}

async function verify(
  items: AsyncIterable<Item>,
  { notes, ...options }: Told & VerificationOptions,
  onEvent?: () => void,
): Promise<Verdict> {
  const given = splitNotes(notes);
  const verification = new Verification(options);
  let count = 0;
  for await (const item of items) {
    verification.take(item);
    onEvent?.();
    count += 1;
    if (count % A_TURN === 0) await nextTurn();
  }
  for (const note of given) verification.vouch(note);
  return verification.finish();
}

async function* itemsOf(lines: AsyncIterable<string>): AsyncGenerator<Item> {
  let index = 0;
  for await (const line of lines) {
    yield readLine(line, index);
    index += 1;
  }
}
