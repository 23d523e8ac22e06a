import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { logLines } from '../../src/audit/log-file.js';
import { EMPTY_ROOT } from '../../src/audit/seals/merkle.js';
import { checkpointText, parseVerifierKey, signNote, verifierKey } from '../../src/audit/seals/notes.js';
import { exitCodeOf, ledgerVerdict, verdictOn } from '../../src/cli/audit.js';
import { RefusedError } from '../../src/cli/shell.js';
import { copyLedger } from '../../src/event-store/copy.js';
import type { EventStore } from '../../src/event-store/event-store.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import type { Instant } from '../../src/kernel/instant.js';
import { loadSettings } from '../../src/settings.js';
import { fill, Sealed, temporaryFolder } from './sealed-ledger.js';

/** Who vouches for a ledger, and who only seems to. */
const NAME = 'ledger.example.com';
const folder = temporaryFolder();
const clean = folder.path('clean.db');
const ledger = folder.path('ledger.db');
const silent = { start: () => undefined, advance: () => undefined, stop: () => undefined };
let lines: string[];
let serverLines: string[];
let notes: string[];
let vkey: string;
let privateKey: ReturnType<typeof createPrivateKey>;

beforeAll(async () => {
  const sealed = new Sealed(SqliteEventStore.open(clean), clean);
  await fill(sealed.store, 1, 10);
  notes = [(await sealed.sign()).note];
  await fill(sealed.store, 10, 20);
  notes.push((await sealed.sign()).note);
  await sealed.upToDate();
  vkey = sealed.key.verifierKey();
  lines = await linesOf(sealed.store);
  const events = await Array.fromAsync(sealed.store.readAll());
  const server = {
    async *readAll() {
      yield* events.map((event) => ({ ...event, position: event.position * 137n + 1000n }));
    },
  };
  serverLines = await linesOf(server as unknown as EventStore);
  await sealed.close();
  privateKey = createPrivateKey(readFileSync(`${clean}.key`));
});
beforeEach(() => {
  for (const suffix of ['', '.seals', '.key']) copyFileSync(clean + suffix, ledger + suffix);
});
afterAll(() => folder.remove());

const linesOf = async (store: EventStore) => (await Array.fromAsync(logLines(store))).map((line) => line.trimEnd());
const settings = () => loadSettings({ PROMOLEDGER_STORE: `sqlite:${ledger}`, PROMOLEDGER_LEDGER_NAME: NAME });
const verify = (given: readonly string[] = [], keys: readonly string[] = [], origins: readonly string[] = []) =>
  ledgerVerdict(settings(), keys.map(parseVerifierKey), given.join('\n'), { origins });

function change(sql: string): void {
  const db = new DatabaseSync(ledger);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

/** As the command does it with files, by its exit code. */
async function verifyFile(some: readonly string[], given: readonly string[] = [], keys: readonly string[] = []) {
  const [log, checkpoints] = [folder.path('log.ndjson'), folder.path('notes')];
  writeFileSync(log, some.map((line) => `${line}\n`).join(''));
  writeFileSync(checkpoints, given.join(''));
  const more = given.length > 0 ? { checkpoints } : {};
  const verdict = await verdictOn(log, { key: keys, origin: [], ...more });
  return { ...verdict, exitCode: exitCodeOf(verdict) };
}

describe('nobody vouches', () => {
  it('for nothing at all, nor for what stands alone', async () => {
    expect(await verifyFile([])).toMatchObject({ exitCode: 4, faults: [], events: 0 });
    expect(await verifyFile([], [], [vkey])).toMatchObject({ exitCode: 4 });
    expect(await verifyFile(lines)).toMatchObject({ exitCode: 4, faults: [] });
    expect(await verifyFile(lines, [], [vkey])).toMatchObject({ exitCode: 0 });
    expect(await verifyFile(lines, notes)).toMatchObject({ exitCode: 0 });
    expect(await verifyFile([], notes)).toMatchObject({ exitCode: 3 });
  });

  it('for a ledger of which all was deleted, or whose seals and key are gone', async () => {
    rmSync(`${ledger}.seals`);
    change('DELETE FROM events; DELETE FROM streams; DELETE FROM types');
    const all = await verify();
    expect(all).toMatchObject({ outcome: 'unvouched', events: 0, faults: [] });
    expect(exitCodeOf(all)).toBe(4);
    expect(exitCodeOf(await verify(notes))).toBe(3);
    copyFileSync(clean, ledger);
    rmSync(`${ledger}.key`);
    expect(exitCodeOf(await verify())).toBe(4);
  });
});

describe('a foreign key', () => {
  /** Another history in the ledger's file, signed by another key. */
  async function rewrite(): Promise<string> {
    const path = folder.path('other.db');
    for (const suffix of ['', '.key', '.seals', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    const from = SqliteEventStore.open(clean);
    const other = new Sealed(SqliteEventStore.open(path), path);
    await copyLedger(from, other.store, silent, 7n);
    await from.close();
    await fill(other.store, 50, 62);
    await other.sign();
    await fill(other.store, 62, 70);
    await other.upToDate();
    const key = other.key.verifierKey();
    await other.close();
    copyFileSync(path, ledger);
    return key;
  }

  it('does not make the seals look damaged: the event is named that is not what was sealed', async () => {
    const foreign = await rewrite();
    for (const key of [true, false]) {
      if (!key) rmSync(`${ledger}.key`);
      const { faults, outcome } = await verify();
      expect(outcome).toBe('differs');
      expect(faults[0]).toMatchObject({ kind: 'altered', index: 7, position: '8', id: 'ClickSpent:click-50' });
      expect(JSON.stringify(faults)).not.toMatch(/damaged|delete/);
    }
    // Only who gives that key, and says so by it, can be told that it is the seals.
    expect((await verify([], [foreign])).faults[0]!.kind).toBe('seals');
  });

  it('that signs a clean copy, as its new ledger has, is told and is no fault', async () => {
    const from = SqliteEventStore.open(clean);
    const path = folder.path('copy.db');
    const copy = new Sealed(SqliteEventStore.open(path), path);
    await copyLedger(from, copy.store, silent);
    await from.close();
    await fill(copy.store, 70, 75);
    await copy.sign();
    await copy.upToDate();
    await copy.close();
    for (const suffix of ['', '.seals', '.key']) copyFileSync(path + suffix, ledger + suffix);
    const id = vkey.split('+')[1];
    expect(await verify()).toMatchObject({
      outcome: 'vouched',
      checkpoints: 1,
      remarks: [`the checkpoint at event 10 is signed by key id ${id} (${NAME}), which was not given`],
    });
    expect(await verify([], [vkey])).toMatchObject({ outcome: 'vouched', checkpoints: 3, remarks: [] });
  });
});

describe('checkpoints that were given', () => {
  const signed = (treeSize: number, rootHash: Buffer, origin = NAME) =>
    signNote(
      checkpointText({ origin, treeSize, rootHash, signedAt: '2022-10-05T13:00:00.000Z' as Instant }),
      NAME,
      privateKey,
    );

  it('of one size and two roots are a split view, whether or not the log has one of them', async () => {
    for (const given of [
      [signed(23, Buffer.alloc(32, 1))],
      [signed(99, Buffer.alloc(32, 1)), signed(99, Buffer.alloc(32, 2))],
      [signed(12, Buffer.alloc(32, 1)), signed(12, Buffer.alloc(32, 2))],
    ]) {
      const { faults } = await verify(given);
      const split = faults.find(({ kind }) => kind === 'split-view');
      expect(split?.detail).toMatch(/^a split view: two checkpoints of ledger.example.com sign \d+ events/);
    }
    // The log has the one, so nothing of it was altered.
    expect((await verify([signed(23, Buffer.alloc(32, 1))])).faults).toHaveLength(1);
  });

  it('of no events vouch for nothing, and have the root of none', async () => {
    expect((await verify([signed(0, Buffer.alloc(32, 1))])).faults).toMatchObject([
      {
        kind: 'checkpoint',
        detail: 'a checkpoint that was given: it signs no events, and its root is not the one of none',
      },
    ]);
    expect(await verifyFile([], [signed(0, EMPTY_ROOT)], [vkey])).toMatchObject({ exitCode: 4, faults: [] });
  });

  it('of another ledger are refused, though the key is known, unless the name is given', async () => {
    const root = Buffer.from((await verify()).rootHash, 'hex');
    const named = signed(24, root, 'other.example.com');
    const wrong = 'a checkpoint that was given: it is of other.example.com, and is signed by ledger.example.com';
    expect((await verify([named])).faults).toMatchObject([{ kind: 'checkpoint', detail: wrong }]);
    expect(await verify([named], [], ['other.example.com'])).toMatchObject({ outcome: 'vouched', checkpoints: 3 });
    // Without keys a name is all that tells ledgers apart.
    rmSync(`${ledger}.key`);
    expect((await verify([named])).faults[0]!.detail).toContain('and one before is of ledger.example.com');
  });

  it('of an unknown key are told, and vouch for nothing', async () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const text = checkpointText({
      origin: NAME,
      treeSize: 5,
      rootHash: Buffer.alloc(32),
      signedAt: '2022-10-05T13:00:00.000Z' as Instant,
    });
    const { faults } = await verify([signNote(text, NAME, stranger)]);
    const detail = 'a checkpoint that was given: its root is not that of the first 5 events';
    expect(faults).toMatchObject([{ kind: 'checkpoint', detail }]);
    const id = verifierKey(NAME, stranger).split('+')[1];
    const { remarks } = await verify([signNote(text, NAME, stranger)]);
    expect(remarks).toEqual([`a checkpoint that was given is signed by key id ${id} (${NAME}), which was not given`]);
  });
});

describe('what cannot be used is told', () => {
  it('a key file that is none, and the rest is looked at', async () => {
    writeFileSync(`${ledger}.key`, 'garbage');
    const verdict = await verify();
    expect(verdict).toMatchObject({ outcome: 'vouched', sealed: 24, signatures: 'not checked' });
    expect(verdict.refused).toContain(`the signing key ${ledger}.key cannot be read`);
    expect(exitCodeOf(verdict)).toBe(2);
    change('DELETE FROM events WHERE position = 8');
    expect(exitCodeOf(await verify())).toBe(3);
  });

  it('a directory instead of a file', async () => {
    const directory = folder.path('directory');
    mkdirSync(directory);
    const refused = new RefusedError(`${directory} is a directory`);
    await expect(verdictOn(directory, { key: [], origin: [] })).rejects.toThrow(refused);
    await expect(verdictOn(folder.path('log.ndjson'), { key: [], origin: [], checkpoints: directory })).rejects.toThrow(
      refused,
    );
  });
});

describe('positions in a log file', () => {
  const moved = (line: string, by: bigint) =>
    line.replace(/"position":"(\d+)"/, (_, position: string) => `"position":"${BigInt(position) + by}"`);
  const at = (index: number, alter: (line: string) => string) =>
    lines.map((line, place) => (place === index ? alter(line) : line));
  const last = () => lines.length - 1;

  it.each<[string, () => { index: number; some: string[] }]>([
    ['of the last line raised', () => ({ index: last(), some: at(last(), (line) => moved(line, 4n)) })],
    ['of a line raised', () => ({ index: 7, some: at(7, (line) => moved(line, 1n)) })],
    ['of the first line raised', () => ({ index: 0, some: at(0, (line) => moved(line, 1n)) })],
    ['all raised', () => ({ index: 0, some: lines.map((line) => moved(line, 1000n)) })],
    ['as a number', () => ({ index: 7, some: at(7, (line) => line.replace(/"position":"(\d+)"/, '"position":$1')) })],
    ['as a list', () => ({ index: 7, some: at(7, (line) => line.replace(/"position":("\d+")/, '"position":[$1]')) })],
    ['said to be a server’s', () => ({ index: 7, some: at(7, (line) => line.replace('s":true', 's":false')) })],
    ['said so by the first line', () => ({ index: 0, some: at(0, (line) => line.replace('s":true', 's":false')) })],
    [
      'said so by the last line',
      () => ({ index: last(), some: at(last(), (line) => line.replace('s":true', 's":false')) }),
    ],
  ])('%s are found at their line', async (_, tamper) => {
    const { index, some } = tamper();
    expect(some).not.toEqual(lines);
    const { faults, exitCode } = await verifyFile(some, notes, [vkey]);
    expect(exitCode).toBe(3);
    expect(faults[0]!.index).toBe(index);
  });

  it('of a server increase, and it is told that nothing vouches for them', async () => {
    expect(serverLines[0]).toContain('"position":"1137","contiguous":false');
    const verdict = await verifyFile(serverLines, notes, [vkey]);
    expect(verdict).toMatchObject({ exitCode: 0, remarks: ['positions are a server’s: nothing vouches for them'] });
    const lower = serverLines.map((line, index) => (index === 7 ? moved(line, -500n) : line));
    expect((await verifyFile(lower, notes, [vkey])).faults[0]).toMatchObject({ kind: 'altered', index: 7 });
    const unreadable = serverLines.map((line, index) => (index === 7 ? '{' : line));
    expect((await verifyFile(unreadable, notes, [vkey])).faults[0]).toEqual({
      kind: 'unreadable',
      index: 7,
      detail: 'line 8 is no JSON',
    });
  });
});
