import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { openSigningKey, openStore } from '../places.js';
import { linesIn } from '../audit/log-file.js';
import { Checkpoints } from '../audit/seals/checkpoints.js';
import { NoteError, parseVerifierKey, type Verifier } from '../audit/seals/notes.js';
import { SealFile } from '../audit/seals/seal-file.js';
import { SealsInUseError } from '../audit/seals/seal-tables.js';
import { SigningKeyError } from '../audit/seals/signing-key.js';
import { SEALS_DAMAGED, type LedgerFault, type Verdict } from '../audit/seals/verdict.js';
import { verifyLedger, verifyLogFile } from '../audit/verify.js';
import { progressOn } from '../demo/progress.js';
import type { Recorded, Unreadable } from '../event-store/event-store.js';
import { examineLedgerFile } from '../event-store/sqlite/examination.js';
import { LedgerFileError } from '../event-store/sqlite/ledger-file.js';
import { loadSettings, type Settings } from '../settings.js';
import { DIFFERS, print, REFUSED, RefusedError, UNVOUCHED, unlessRefused, withLedger, type Output } from './shell.js';

export interface VerifyOptions extends Output {
  readonly checkpoints?: string;
  readonly key: readonly string[];
  readonly origin: readonly string[];
}

/** `verify | checkpoint`: what is shown to auditors. */
export function addAuditCommands(program: Command): void {
  program
    .command('verify [file]')
    .description('verify the ledger, or an exported log file alone, by its hashes, seals and checkpoints')
    .option('--checkpoints <file>', 'signed notes, one after the other, that were kept elsewhere')
    .option('--key <vkey>', 'a verifier key to believe, besides the one of the key file', collected, [])
    .option('--origin <name>', 'another name that the ledger had in its checkpoints', collected, [])
    .option('--json', 'for machines')
    .action(async (file: string | undefined, options: VerifyOptions) => {
      const verdict = await verdictOn(file, options);
      print(options.json, verdict, () => verdictLines(verdict));
      if (verdict.refused !== null) console.error(`promoledger: ${verdict.refused}`);
      process.exitCode = exitCodeOf(verdict);
    });

  program
    .command('checkpoint')
    .description('sign what is recorded and sealed by now, and print the signed note')
    .option('--json', 'for machines')
    .action(({ json }: Output) =>
      withLedger(async (app) => {
        const signed = unlessRefused(await app.get(Checkpoints).sign());
        print(json, signed, () => [signed.note.trimEnd()]);
      }),
    );
}

const collected = (value: string, before: readonly string[]): string[] => [...before, value];

/** What differs is told before anything else. */
export function exitCodeOf({ outcome, refused }: Verdict): number {
  if (outcome === 'differs') return DIFFERS;
  if (refused !== null) return REFUSED;
  return outcome === 'vouched' ? 0 : UNVOUCHED;
}

export async function verdictOn(file: string | undefined, options: VerifyOptions): Promise<Verdict> {
  const { checkpoints, key, origin: origins } = options;
  const progress = progressOn(process.stderr);
  const onEvent = () => progress.advance(1);
  try {
    const notes = checkpoints === undefined ? '' : readFileSync(existing(checkpoints), 'utf8');
    const keys = key.map(parseVerifierKey);
    progress.start('verifying', 0);
    if (file === undefined) return await ledgerVerdict(loadSettings(process.env), keys, notes, { origins, onEvent });
    const told = { notes, origins, verifiers: keys.length > 0 ? keys : null };
    return await verifyLogFile(linesIn(createReadStream(existing(file))), told, onEvent);
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    const isUnreadable = code !== undefined && ['open', 'read'].includes(syscall ?? '');
    throw error instanceof NoteError || isUnreadable ? new RefusedError(message) : error;
  } finally {
    progress.stop();
  }
}

function existing(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) throw new RefusedError(`there is no file ${file}`);
  if (stats.isDirectory()) throw new RefusedError(`${file} is a directory`);
  return file;
}

const FILE = 'sqlite:';

/** Reads the ledger that the settings name, and what lies beside it; writes nothing to either. */
export async function ledgerVerdict(
  settings: Settings,
  keys: readonly Verifier[] = [],
  notes = '',
  { origins = [], onEvent }: { readonly origins?: readonly string[]; readonly onEvent?: () => void } = {},
): Promise<Verdict> {
  const { own, refused } = ownVerifier(settings);
  const known = own === null ? keys : [...keys, own];
  const verifiers = known.length > 0 ? known : null;
  const { kept, fault, remark } = openSeals(settings);
  try {
    const contiguous = settings.store.startsWith(FILE);
    const told = { notes, origins, verifiers, kept, contiguous, needsCheckpoint: keys.length > 0 };
    const verdict = await withLog(settings, (log) => verifyLedger(log, told, onEvent));
    return {
      ...verdict,
      outcome: fault ? 'differs' : verdict.outcome,
      faults: [...verdict.faults, ...(fault ? [fault] : [])],
      remarks: [...verdict.remarks, ...(remark ? [remark] : []), ...sealsSetAside(settings)],
      refused,
    };
  } catch (error) {
    if (error instanceof LedgerFileError) return unopened(error.message);
    throw error;
  } finally {
    kept?.close();
  }
}

/** A key that cannot be read is told, and the rest of the ledger is looked at all the same. */
function ownVerifier(settings: Settings): { own: Verifier | null; refused: string | null } {
  try {
    return { own: signingKeyOf(settings).verifier(), refused: null };
  } catch (error) {
    if (error instanceof SigningKeyError) return { own: null, refused: error.message };
    throw error;
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

function openSeals({ cachePath }: Settings): { kept: SealFile | null; fault?: LedgerFault; remark?: string } {
  const path = `${cachePath}.seals`;
  if (cachePath === null || !existsSync(path)) return { kept: null };
  try {
    return { kept: SealFile.toRead(path) };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof SealsInUseError) return { kept: null, remark: `the seals were not looked at: ${message}` };
    return { kept: null, fault: { kind: 'seals', index: null, detail: `${SEALS_DAMAGED}: ${message}` } };
  }
}

/** What a service found not to be the log's, and made anew: either the seals were damaged, or the log was changed. */
function sealsSetAside({ cachePath }: Settings): string[] {
  if (cachePath === null || !existsSync(dirname(cachePath))) return [];
  const begins = `${basename(cachePath)}.seals.`;
  const names = readdirSync(dirname(cachePath)).filter(
    (name) => name.startsWith(begins) && /\.[0-9]{8}T[0-9]+Z$/.test(name),
  );
  return names.map(
    (name) => `seals that did not fit the log were set aside as ${name}: find out why, then remove them`,
  );
}

const unopened = (detail: string): Verdict => ({
  outcome: 'differs',
  faults: [{ kind: 'file', index: null, detail }],
  events: 0,
  rootHash: '',
  checkpoints: 0,
  uncovered: 0,
  signatures: 'not checked',
  sealed: null,
  remarks: [],
  refused: null,
});

const HEADLINES: Readonly<Record<Verdict['outcome'], string>> = {
  vouched: 'The ledger is what was sealed.',
  unvouched: 'The ledger is consistent in itself, and nobody vouches for it.',
  differs: 'The ledger is NOT what was sealed.',
};

const NOTHING = 'There is nothing to verify: the ledger has no events.';

export function verdictLines(verdict: Verdict): string[] {
  const { outcome, faults, events, rootHash, checkpoints, uncovered, signatures, sealed, remarks } = verdict;
  const unsealed = sealed !== null && sealed < events ? `; ${events - sealed} events are not sealed yet` : '';
  const counted = [
    `${events} events, root ${rootHash}`,
    `${checkpoints} checkpoints agree, signatures ${signatures}; ${uncovered} events behind the last of them`,
    sealed === null ? 'no seals were compared' : `${sealed} events are sealed beside the ledger${unsealed}`,
    ...remarks,
  ];
  const headline = events === 0 && outcome === 'unvouched' ? NOTHING : HEADLINES[outcome];
  return [headline, ...[...faults.map(faultLine), ...counted].map((line) => `  ${line}`)];
}

/** Kind, place and reason on one line. */
export function faultLine({ kind, index, position, stream, revision, id, detail }: LedgerFault): string {
  if (index === null) return `${kind}: ${detail}`;
  const named = id === undefined ? '' : `, ${id} (${stream}, revision ${revision})`;
  return `${kind} at event ${index}${position === undefined ? '' : `, position ${position}`}${named}: ${detail}`;
}
