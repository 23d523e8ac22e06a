import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Argument, type Command } from 'commander';
import { Exports, JOURNAL_FORMATS } from '../audit/exports/exports.js';
import { Queries } from '../read-models/queries.js';
import { ReadModels } from '../read-models/read-models.js';
import { journalAsked, journalFilterOf, type JournalOptions } from './books.js';
import { print, RefusedError, upToDate, withLedger } from './shell.js';

const LOG = 'log';

/** `export FORMAT`: the journal as a file for another program, or the log. */
export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .description('write the journal as a file for another program, or the log')
    .addArgument(new Argument('<format>', 'of the file').choices([...JOURNAL_FORMATS, LOG]))
    .option('--out <file>', 'a file, which is there once it is whole; by default the standard output');
  journalAsked(command).action(exportTo);
}

async function exportTo(format: string, { out, json, ...asked }: JournalOptions & { out?: string }): Promise<void> {
  const filter = journalFilterOf(asked);
  if (format === LOG && (asked.asOf !== undefined || Object.keys(filter).length > 0)) {
    throw new RefusedError('of the log no part can be verified: it takes --known-at alone');
  }
  await withLedger(async (app) => {
    await upToDate(app.get(ReadModels));
    const { asOf, knownAt } = asked;
    const moment = await app
      .get(Queries)
      .moment({ ...(asOf === undefined ? {} : { asOf }), ...(knownAt === undefined ? {} : { knownAt }) });
    const exports = app.get(Exports);
    const { chunks } = format === LOG ? exports.log(moment.known) : exports.journal(format, moment, filter);
    const file = Readable.from(chunks, { objectMode: false });
    if (out === undefined) return pipeline(file, process.stdout, { end: false });
    await writeWhole(file, out);
    const told = { file: out, format, asOf: moment.asOf, position: String(moment.known) };
    print(json, told, () => [`${out}: as of ${moment.asOf}, known up to position ${moment.known}.`]);
  });
}

/** Under another name until it is whole: half an export is never found under the name that was asked for. */
async function writeWhole(file: Readable, path: string): Promise<void> {
  const part = `${path}.part`;
  try {
    await pipeline(file, createWriteStream(part));
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
