import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { logLines } from '../../src/audit/log-file.js';
import type { SealedEvent } from '../../src/audit/seals/event-hash.js';
import { parseVerifierKey, type Verifier } from '../../src/audit/seals/notes.js';
import { SealFile } from '../../src/audit/seals/seal-file.js';
import type { Verdict } from '../../src/audit/seals/verdict.js';
import { verifyLedger, verifyLogFile } from '../../src/audit/verify.js';
import { exitCodeOf, ledgerVerdict, verdictOn } from '../../src/cli/audit.js';
import { copyLedger } from '../../src/event-store/copy.js';
import { LedgerFileError } from '../../src/event-store/sqlite/ledger-file.js';
import { examineLedgerFile } from '../../src/event-store/sqlite/examination.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { loadSettings } from '../../src/settings.js';
import { hashOfEvent } from '../support/verifier.js';
import { fill, Sealed, temporaryFolder } from './sealed-ledger.js';

/** Kinds of tampering, and how often each is tried: 1,000 in all. */
const CLEAN = 3;
const IN_ROWS = 300;
const WITHOUT_SEALS = 100;
const IN_PAGES = 200;
const IN_LINES = 200;
const BY_WHO_HASHES = 200;

/** Of mulberry32, so that a failure is told by a seed and can be played again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const SEED = Number(process.env['TAMPERING_SEED'] ?? Date.now() % 2 ** 31);

const folder = temporaryFolder();
const ledger = folder.path('ledger.db');
const tampered = folder.path('tampered.db');
let kept: SealFile;
let lines: string[];
let notes: string;
let vkey: string;
let verifier: Verifier;
/** How many events the last checkpoint covers. */
let covered: number;

beforeAll(async () => {
  const sealed = new Sealed(SqliteEventStore.open(ledger), ledger);
  await fill(sealed.store, 1, 15);
  const first = await sealed.sign();
  await fill(sealed.store, 15, 30);
  const last = await sealed.sign();
  covered = last.treeSize;
  notes = first.note + last.note;
  await sealed.upToDate();
  lines = (await Array.fromAsync(logLines(sealed.store))).map((line) => line.trimEnd());
  vkey = sealed.key.verifierKey();
  verifier = parseVerifierKey(vkey);
  await sealed.close();
  kept = SealFile.toRead(`${ledger}.seals`);
});
afterAll(() => {
  kept.close();
  folder.remove();
});

async function verifyTampered(seals: SealFile | null = kept): Promise<Verdict | 'cannot be opened'> {
  try {
    const told = { notes: '', verifiers: [verifier], kept: seals, contiguous: true };
    return await verifyLedger(examineLedgerFile(tampered), told);
  } catch (error) {
    if (error instanceof LedgerFileError) return 'cannot be opened';
    throw error;
  }
}

const isFound = (verdict: Verdict | 'cannot be opened') => verdict === 'cannot be opened' || verdict.faults.length > 0;

/** All that a ledger's rows hold, byte by byte; null when they cannot be read. */
function rowsOf(path: string): string | null {
  const db = new DatabaseSync(path, { readOnly: true, readBigInts: true });
  try {
    const read = (sql: string) =>
      db
        .prepare(sql)
        .all()
        .map((row) => Object.values(row).join('|'));
    return [
      ...read('SELECT stream_id, hex(name), typeof(name) FROM streams'),
      ...read('SELECT type_id, hex(name), typeof(name) FROM types'),
      ...read(
        `SELECT position, stream_id, revision, type_id, hex(key), hex(data), hex(metadata), recorded_at,
           typeof(key) || typeof(data) || typeof(metadata) FROM events`,
      ),
    ].join('\n');
  } catch {
    return null;
  } finally {
    db.close();
  }
}

const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  events: ['position', 'stream_id', 'revision', 'type_id', 'key', 'data', 'metadata', 'recorded_at'],
  streams: ['stream_id', 'name'],
  types: ['type_id', 'name'],
};

/** Flips a bit of a stored value through SQL, as somebody would who has the file and knows what he does. */
function flipInRow(path: string, pick: (below: number) => number) {
  const db = new DatabaseSync(path, { readBigInts: true });
  try {
    db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
    for (;;) {
      const table = ['events', 'events', 'events', 'streams', 'types'][pick(5)]!;
      const column = COLUMNS[table]![pick(COLUMNS[table]!.length)]!;
      const rows = db.prepare(`SELECT rowid AS row, typeof(${column}) AS type FROM ${table}`).all();
      const { row, type } = rows[pick(rows.length)] as { row: bigint; type: string };
      const cast = type === 'integer' ? column : `CAST(${column} AS BLOB)`;
      const { value } = db.prepare(`SELECT ${cast} AS value FROM ${table} WHERE rowid = ?`).get(row) as {
        value: bigint | Uint8Array;
      };
      const bits = typeof value === 'bigint' ? 64 : value.length * 8;
      const bit = pick(bits);
      const flipped = typeof value === 'bigint' ? BigInt.asIntN(64, value ^ (1n << BigInt(bit))) : withBit(value, bit);
      const put = typeof value === 'bigint' ? '?' : 'CAST(? AS TEXT)';
      try {
        db.prepare(`UPDATE ${table} SET ${column} = ${put} WHERE rowid = ?`).run(flipped, row);
        // An event that keeps its position is the one to be named.
        const position = table === 'events' && column !== 'position' ? String(row) : null;
        const isCovered = table !== 'events' || row <= BigInt(covered);
        return { what: `bit ${bit} of ${table}.${column} in row ${row}`, position, isCovered };
      } catch (error) {
        // The value is another row's already, and SQLite refuses it: another bit, then.
        if (!/constraint/i.test((error as Error).message)) throw error;
      }
    }
  } finally {
    db.close();
  }
}

function withBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

/** The pages that hold the rows of the three tables, by what SQLite says of its B-trees. */
function leafPages(path: string): { readonly size: number; readonly numbers: readonly number[] } {
  const bytes = readFileSync(path);
  const size = bytes.readUInt16BE(16) === 1 ? 65_536 : bytes.readUInt16BE(16);
  const numbers = Array.from({ length: bytes.length / size }, (_, page) => page + 1).filter(
    (page) => page > 1 && bytes[(page - 1) * size] === 0x0d,
  );
  return { size, numbers };
}

describe(`a ledger that somebody tampered with (seed ${SEED})`, () => {
  it('is not what is found when nobody did', async () => {
    copyFileSync(ledger, tampered);
    for (let time = 0; time < 20; time += 1) {
      const verdict = await verifyTampered();
      expect(verdict).toMatchObject({ faults: [], remarks: [], checkpoints: 2, events: lines.length, uncovered: 1 });
    }
    const told = { notes, verifiers: [verifier] };
    expect(await verifyLogFile(streamOf(lines), told)).toMatchObject({ faults: [], checkpoints: 2, uncovered: 1 });
  });

  it(`is not what any of ${CLEAN} ledgers is that were written, restarted, closed and copied at random`, async () => {
    const pick = random(SEED + 5);
    for (let time = 0; time < CLEAN; time += 1) {
      const path = await writtenAtRandom(pick, `clean-${time}`);
      const settings = loadSettings({
        PROMOLEDGER_STORE: `sqlite:${path}`,
        PROMOLEDGER_LEDGER_NAME: 'ledger.example.com',
      });
      expect(await ledgerVerdict(settings)).toMatchObject({ outcome: 'vouched', faults: [], remarks: [] });
      rmSync(`${path}.seals`);
      expect(await ledgerVerdict(settings)).toMatchObject({ outcome: 'vouched', faults: [], remarks: [] });
    }
  }, 300_000);

  it(`is found for each of ${IN_ROWS} bits flipped in its rows`, async () => {
    const pick = random(SEED);
    const missed: string[] = [];
    for (let time = 0; time < IN_ROWS; time += 1) {
      copyFileSync(ledger, tampered);
      const { what, position } = flipInRow(tampered, pick);
      const verdict = await verifyTampered();
      const named = verdict !== 'cannot be opened' && verdict.faults[0]?.position;
      if (position === null ? !isFound(verdict) : named !== position) {
        missed.push(`${what}: ${JSON.stringify(verdict)}`);
      }
    }
    expect(missed).toEqual([]);
  }, 300_000);

  it(`is not what it was without its seals either, for each of ${WITHOUT_SEALS} bits flipped in what checkpoints cover`, async () => {
    const pick = random(SEED + 4);
    const missed: string[] = [];
    for (let changes = 0; changes < WITHOUT_SEALS;) {
      copyFileSync(ledger, tampered);
      const { what, position, isCovered } = flipInRow(tampered, pick);
      if (!isCovered) continue;
      changes += 1;
      const verdict = await verifyTampered(null);
      if (verdict === 'cannot be opened') continue;
      // Where the checkpoints' stream has another name, none is there, and nobody vouches.
      const isTold = position === null ? verdict.outcome !== 'vouched' : verdict.outcome === 'differs';
      const { index = null } = verdict.faults[0] ?? {};
      const isBehind = position !== null && index !== null && BigInt(index) >= BigInt(position);
      if (!isTold || isBehind) missed.push(`${what}: ${JSON.stringify(verdict)}`);
    }
    expect(missed).toEqual([]);
  }, 300_000);

  it(`is found for each of ${IN_PAGES} bits flipped in its pages that change a row`, async () => {
    const pick = random(SEED + 1);
    const { size, numbers } = leafPages(ledger);
    const clean = rowsOf(ledger);
    const bytes = readFileSync(ledger);
    const missed: string[] = [];
    for (let changes = 0; changes < IN_PAGES;) {
      const bit = ((numbers[pick(numbers.length)]! - 1) * size + pick(size)) * 8 + pick(8);
      writeFileSync(tampered, withBit(bytes, bit));
      // In space that no row uses: nothing was changed.
      if (rowsOf(tampered) === clean) continue;
      changes += 1;
      if (!isFound(await verifyTampered())) missed.push(`bit ${bit}`);
    }
    expect(missed).toEqual([]);
  }, 300_000);

  it(`is found in each of ${IN_LINES} log files with a line altered, dropped, inserted or moved`, async () => {
    const pick = random(SEED + 2);
    const missed: string[] = [];
    for (let time = 0; time < IN_LINES; time += 1) {
      const { what, first, lines: changed } = tamperWithLines(pick, (line) => withChar(line, pick), true);
      const byCommand = time % 4 === 0;
      const { faults, exitCode } = byCommand ? await verifyFile(changed) : await verifyLines(changed);
      if (faults[0]?.index !== first || exitCode !== 3) missed.push(`${what}: ${JSON.stringify(faults[0])}`);
    }
    expect(missed).toEqual([]);
  }, 300_000);

  it(`is found in each of ${BY_WHO_HASHES} log files whose hashes were made to fit`, async () => {
    const pick = random(SEED + 3);
    const missed: string[] = [];
    for (let time = 0; time < BY_WHO_HASHES; time += 1) {
      const { what, lines: changed } = tamperWithLines(pick, (line) => withOtherAmount(line, pick));
      const verdict = await verifyLogFile(streamOf(rehashed(changed)), { notes, verifiers: [verifier] });
      if (verdict.faults.length === 0) missed.push(what);
    }
    expect(missed).toEqual([]);
  }, 300_000);
});

const silent = { start: () => undefined, advance: () => undefined, stop: () => undefined };

/** A ledger that nobody tampered with; its last checkpoint is somewhere in it. */
async function writtenAtRandom(pick: (below: number) => number, name: string): Promise<string> {
  let path = folder.path(`${name}.db`);
  let sealed = new Sealed(SqliteEventStore.open(path), path);
  await fill(sealed.store, 1, 3);
  await sealed.sign();
  for (let step = 0, number = 3; step < 9; step += 1) {
    switch (pick(5)) {
      case 0:
        await sealed.sign();
        break;
      case 1: {
        const period = `2022-${String(step + 1).padStart(2, '0')}`;
        const closed = {
          id: `PeriodClosed:${period}`,
          type: 'PeriodClosed',
          data: { period },
          metadata: { version: 1 },
        };
        await sealed.store.append('audit-periods', 'any', [closed]);
        break;
      }
      case 2:
        if (pick(2) === 0) await sealed.upToDate();
        await sealed.close();
        sealed = new Sealed(SqliteEventStore.open(path), path);
        break;
      case 3: {
        const to = folder.path(`${name}-${step}.db`);
        copyFileSync(`${path}.key`, `${to}.key`);
        const copy = new Sealed(SqliteEventStore.open(to), to);
        await copyLedger(sealed.store, copy.store, silent);
        await sealed.close();
        [sealed, path] = [copy, to];
        break;
      }
      default:
        await fill(sealed.store, number, (number += 1 + pick(40)));
    }
  }
  await sealed.upToDate();
  await sealed.close();
  return path;
}

const verifyLines = async (some: readonly string[]) => {
  const verdict = await verifyLogFile(streamOf(some), { notes, verifiers: [verifier] });
  return { ...verdict, exitCode: exitCodeOf(verdict) };
};

/** As the command reads it, byte by byte. */
async function verifyFile(some: readonly string[]) {
  const [log, checkpoints] = [folder.path('log.ndjson'), folder.path('notes')];
  writeFileSync(log, some.map((line) => `${line}\n`).join(''));
  writeFileSync(checkpoints, notes);
  const verdict = await verdictOn(log, { key: [vkey], origin: [], checkpoints });
  return { ...verdict, exitCode: exitCodeOf(verdict) };
}

async function* streamOf(some: readonly string[]): AsyncGenerator<string> {
  yield* some;
}

/** `first` is the line that is the first to be wrong; without `canBeLast` it is one that the checkpoints cover. */
function tamperWithLines(pick: (below: number) => number, alter: (line: string) => string, canBeLast = false) {
  const changed = [...lines];
  const at = pick(covered);
  switch (pick(4)) {
    case 0: {
      // The last line, too, which no checkpoint covers.
      const any = canBeLast ? pick(lines.length) : at;
      changed[any] = alter(changed[any]!);
      return { what: `line ${any} altered: ${changed[any]}`, first: any, lines: changed };
    }
    case 1:
      changed.splice(at, 1);
      return { what: `line ${at} dropped`, first: at, lines: changed };
    case 2:
      // A copy of a line is no event of its own, wherever it stands.
      changed.splice(at, 0, changed[pick(covered)]!);
      return { what: `a line inserted at ${at}`, first: changed[at] === changed[at + 1] ? at + 1 : at, lines: changed };
    default: {
      const to = at + 1 + pick(lines.length - at - 1);
      changed.splice(to, 0, ...changed.splice(at, 1));
      return { what: `line ${at} moved to ${to}`, first: at, lines: changed };
    }
  }
}

function withChar(line: string, pick: (below: number) => number): string {
  const at = pick(line.length);
  const other = String.fromCharCode(line.charCodeAt(at) ^ (1 << pick(7)));
  return line.slice(0, at) + other + line.slice(at + 1);
}

function withOtherAmount(line: string, pick: (below: number) => number): string {
  const event = JSON.parse(line) as { data: Record<string, unknown> };
  event.data['changed'] = pick(1_000_000);
  return JSON.stringify(event);
}

/** Places, revisions, and hashes as they would be, had this been the log from the start. */
function rehashed(some: readonly string[]): string[] {
  const heads = new Map<string, { revision: number; hash: string }>();
  return some.map((line, index) => {
    const event = JSON.parse(line) as SealedEvent & { index: number; position: string; hash: string };
    const head = heads.get(event.stream);
    const own = { ...event, index, position: String(index + 1), revision: (head?.revision ?? -1) + 1 };
    const fitted = { ...own, previous: head?.hash ?? null };
    const hash = hashOfEvent(fitted).toString('hex');
    heads.set(event.stream, { revision: fitted.revision, hash });
    return JSON.stringify({ ...fitted, hash });
  });
}
