import { createReadStream, existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { openSigningKey, openStore } from '../places.js';
import { linesIn } from '../audit/log-file.js';
import { Checkpoints } from '../audit/seals/checkpoints.js';
import { NoteError, parseVerifierKey, type Verifier } from '../audit/seals/notes.js';
import { SealFile, SealsDamagedError } from '../audit/seals/seal-file.js';
import { SEALS_DAMAGED, type LedgerFault, type Verdict } from '../audit/seals/verdict.js';
import { verifyLedger, verifyLogFile } from '../audit/verify.js';
import { progressOn } from '../demo/progress.js';
import type { Recorded, Unreadable } from '../event-store/event-store.js';
import { examineLedgerFile } from '../event-store/sqlite/examination.js';
import { LedgerFileError } from '../event-store/sqlite/ledger-file.js';
import { loadSettings, type Settings } from '../settings.js';
import { DIFFERS, print, RefusedError, unlessRefused, withLedger, type Output } from './shell.js';

interface VerifyOptions extends Output {
  readonly checkpoints?: string;
  readonly key: readonly string[];
}

/** `verify | checkpoint`: what is shown to auditors. */
export function addAuditCommands(program: Command): void {
  program
    .command('verify [file]')
    .description('verify the ledger, or an exported log file alone, by its hashes, seals and checkpoints')
    .option('--checkpoints <file>', 'signed notes, one after the other, that were kept elsewhere')
    .option('--key <vkey>', 'a verifier key to believe, besides the one of the key file', collected, [])
    .option('--json', 'for machines')
    .action(async (file: string | undefined, options: VerifyOptions) => {
      const verdict = await verdictOn(file, options);
      print(options.json, verdict, () => verdictLines(verdict));
      if (verdict.faults.length > 0) process.exitCode = DIFFERS;
    });

  program
    .command('checkpoint')
    .description('sign all that is recorded now, and print the signed note')
    .option('--json', 'for machines')
    .action(({ json }: Output) =>
      withLedger(async (app) => {
        const signed = unlessRefused(await app.get(Checkpoints).sign());
        print(json, signed, () => [signed.note.trimEnd()]);
      }),
    );
}

const collected = (value: string, before: readonly string[]): string[] => [...before, value];

async function verdictOn(file: string | undefined, { checkpoints, key }: VerifyOptions): Promise<Verdict> {
  const progress = progressOn(process.stderr);
  const onEvent = () => progress.advance(1);
  try {
    const notes = checkpoints === undefined ? '' : readFileSync(existing(checkpoints), 'utf8');
    const keys = key.map(parseVerifierKey);
    progress.start('verifying', 0);
    if (file === undefined) return await ledgerVerdict(loadSettings(process.env), keys, notes, onEvent);
    const told = { notes, verifiers: keys.length > 0 ? keys : null };
    return await verifyLogFile(linesIn(createReadStream(existing(file))), told, onEvent);
  } catch (error) {
    throw error instanceof NoteError ? new RefusedError(error.message) : error;
  } finally {
    progress.stop();
  }
}

function existing(file: string): string {
  if (existsSync(file)) return file;
  throw new RefusedError(`there is no file ${file}`);
}

const FILE = 'sqlite:';

/** Reads the ledger that the settings name, and what lies beside it; writes nothing to it. */
export async function ledgerVerdict(
  settings: Settings,
  keys: readonly Verifier[] = [],
  notes = '',
  onEvent?: () => void,
): Promise<Verdict> {
  const own = signingKeyOf(settings).verifier();
  const known = own === null ? keys : [...keys, own];
  const verifiers = known.length > 0 ? known : null;
  const { kept, fault, remark } = openSeals(settings);
  try {
    const told = { notes, verifiers, kept, contiguous: settings.store.startsWith(FILE) };
    const verdict = await withLog(settings, (log) => verifyLedger(log, told, onEvent));
    return {
      ...verdict,
      faults: [...verdict.faults, ...(fault ? [fault] : [])],
      remarks: [...verdict.remarks, ...(remark ? [remark] : [])],
    };
  } catch (error) {
    if (error instanceof LedgerFileError) return unopened(error.message);
    throw error;
  } finally {
    kept?.close();
  }
}

/** To verify with: a file that is missing is no fault, and none is made. */
const signingKeyOf = ({ signingKey, ...settings }: Settings) =>
  openSigningKey({ ...settings, signingKey: signingKey && { ...signingKey, isSet: false } });

async function withLog(
  settings: Settings,
  use: (log: AsyncIterable<Recorded | Unreadable>) => Promise<Verdict>,
): Promise<Verdict> {
  if (settings.store.startsWith(FILE)) return use(examineLedgerFile(existing(settings.store.slice(FILE.length))));
  // Nothing is looked up: what a process keeps beside a store on a server may be in use.
  const store = openStore({ ...settings, cachePath: null });
  try {
    return await use(store.readAll());
  } finally {
    await store.close();
  }
}

const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function openSeals({ cachePath }: Settings): { kept: SealFile | null; fault?: LedgerFault; remark?: string } {
  const path = `${cachePath}.seals`;
  if (cachePath === null || !existsSync(path)) return { kept: null };
  try {
    return { kept: new SealFile(path) };
  } catch (error) {
    const { errcode = 0, message } = error as { errcode?: number; message: string };
    const isDamage = error instanceof SealsDamagedError || [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcode & 0xff);
    // A service has them, or nothing may be written here.
    if (!isDamage) return { kept: null, remark: `the seals were not looked at: ${message}` };
    return { kept: null, fault: { kind: 'seals', index: null, detail: `${SEALS_DAMAGED}: ${message}` } };
  }
}

const unopened = (detail: string): Verdict => ({
  faults: [{ kind: 'file', index: null, detail }],
  events: 0,
  rootHash: '',
  checkpoints: 0,
  uncovered: 0,
  signatures: 'not checked',
  sealed: null,
  remarks: [],
});

export function verdictLines(verdict: Verdict): string[] {
  const { faults, events, rootHash, checkpoints, uncovered, signatures, sealed, remarks } = verdict;
  const counted = [
    `${events} events, root ${rootHash}`,
    `${checkpoints} checkpoints agree, signatures ${signatures}; ${uncovered} events behind the last of them`,
    sealed === null ? 'no seals were compared' : `${sealed} events are sealed beside the ledger`,
    ...remarks,
  ].map((line) => `  ${line}`);
  if (faults.length === 0) return ['The ledger is what was sealed.', ...counted];
  return ['The ledger is NOT what was sealed.', ...faults.map((fault) => `  ${faultLine(fault)}`), ...counted];
}

/** Kind, place and reason on one line. */
export function faultLine({ kind, index, position, stream, revision, id, detail }: LedgerFault): string {
  if (index === null) return `${kind}: ${detail}`;
  const named = id === undefined ? '' : `, ${id} (${stream}, revision ${revision})`;
  return `${kind} at event ${index}${position === undefined ? '' : `, position ${position}`}${named}: ${detail}`;
}
