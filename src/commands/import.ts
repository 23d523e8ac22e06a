import { MAX_DEPTH, parseJson, TooDeepError } from '../kernel/json.js';
import type { CommandGateway, ItemResult } from './gateway.js';

/** So many commands at most are handed over at once, here and in an array that a client sends. */
export const MAX_BATCH = 500;

/** Longer lines are rejected without being kept: the memory that an import takes does not depend on what is sent. */
export const MAX_LINE_BYTES = 1024 * 1024;

const NEWLINE = 0x0a;

/** A line that is not blank, as the JSON value it holds or as why it holds none. Lines count from 1. */
export type Line =
  | { readonly line: number; readonly command: unknown }
  | { readonly line: number; readonly error: NonNullable<ItemResult['error']> };

/** One for each line that was not appended. */
export interface ReportLine extends Omit<ItemResult, 'event'> {
  readonly line: number;
}

/** `lastPosition` is the greatest position of what was appended or recorded before, null when there was none. */
export interface Summary {
  readonly read: number;
  readonly appended: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly lastPosition: string | null;
}

/**
 * Submits newline-delimited commands, in order, a batch at a time. The next batch is asked for when the one before is
 * recorded and what `report` returned has settled: a slow store or a slow reader of the report slows the source down.
 * Throws what the gateway throws; what was submitted before that is recorded, and sending all of it again is safe.
 */
export async function importLines(
  gateway: Pick<CommandGateway, 'submit'>,
  batches: AsyncIterable<readonly Line[]>,
  report: (line: ReportLine) => Promise<void> | void,
): Promise<Summary> {
  const counts = { appended: 0, duplicate: 0, rejected: 0 };
  let read = 0;
  let last: bigint | undefined;
  for await (const batch of batches) {
    for (let from = 0; from < batch.length; from += MAX_BATCH) {
      for (const result of await submitted(gateway, batch.slice(from, from + MAX_BATCH))) {
        read += 1;
        counts[result.status] += 1;
        if (result.position !== null && result.status !== 'rejected') last = greater(last, BigInt(result.position));
        if (result.status !== 'appended') await report(result);
      }
    }
  }
  return { read, ...counts, lastPosition: last === undefined ? null : String(last) };
}

const greater = (a: bigint | undefined, b: bigint): bigint => (a === undefined || b > a ? b : a);

/** The results of all the lines, in order; only those that hold a value are submitted. */
async function submitted(gateway: Pick<CommandGateway, 'submit'>, lines: readonly Line[]): Promise<ReportLine[]> {
  const commands = lines.flatMap((line) => ('command' in line ? [line.command] : []));
  const results = (commands.length === 0 ? [] : await gateway.submit(commands)).values();
  return lines.map((line) => {
    if ('error' in line) return { line: line.line, ...UNREAD, error: line.error };
    const result = results.next().value;
    if (!result) throw new Error('the gateway answered with fewer results than commands');
    const { event: _, ...reported } = result;
    return { line: line.line, ...reported };
  });
}

const UNREAD = { type: null, key: null, status: 'rejected', stream: null, revision: null, position: null } as const;

/** The lines that each chunk of bytes completes: what has arrived is handed on without waiting for more. */
export async function* lineBatches(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  const reader = new LineReader();
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      reader.hold(chunk.subarray(from, to));
      reader.takeInto(lines);
      from = to + 1;
    }
    reader.hold(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  const rest: Line[] = [];
  reader.takeInto(rest);
  if (rest.length > 0) yield rest;
}

/** Space, tab, carriage return. */
const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);

/** Puts a line together from the pieces in which it arrives. */
class LineReader {
  private pieces: Uint8Array[] = [];
  private bytes = 0;
  private line = 0;

  hold(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (this.bytes <= MAX_LINE_BYTES) this.pieces.push(piece);
    else this.pieces = [];
  }

  /** Ends the line; a blank one counts but gives nothing. */
  takeInto(lines: Line[]): void {
    const bytes = Buffer.concat(this.pieces);
    const tooLong = this.bytes > MAX_LINE_BYTES;
    this.pieces = [];
    this.bytes = 0;
    this.line += 1;
    if (tooLong) {
      lines.push(this.rejected('batch-too-large', `The line is longer than ${MAX_LINE_BYTES} bytes.`));
      return;
    }
    try {
      if (!isBlank(bytes)) lines.push({ line: this.line, command: parseJson(bytes) });
    } catch (error) {
      if (error instanceof TooDeepError) {
        lines.push(this.rejected('invalid-command', `The line is nested more than ${MAX_DEPTH} deep.`));
        return;
      }
      lines.push(this.rejected('malformed-json', 'The line is not JSON in UTF-8.'));
    }
  }

  private rejected(code: string, detail: string): Line {
    return { line: this.line, error: { code, detail } };
  }
}
