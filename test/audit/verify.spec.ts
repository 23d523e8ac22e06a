import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { linesIn, logLines } from '../../src/audit/log-file.js';
import { parseVerifierKey } from '../../src/audit/seals/notes.js';
import type { Verdict } from '../../src/audit/seals/verdict.js';
import { verifyLogFile } from '../../src/audit/verify.js';
import { faultLine, ledgerVerdict, verdictLines } from '../../src/cli/audit.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { loadSettings } from '../../src/settings.js';
import { click, fill, Sealed, temporaryFolder } from './sealed-ledger.js';

const folder = temporaryFolder();
const clean = folder.path('clean.db');
const ledger = folder.path('ledger.db');
let notes: string[];
let vkey: string;
let lines: string[];

beforeAll(async () => {
  const sealed = new Sealed(SqliteEventStore.open(clean), clean);
  await fill(sealed.store, 1, 10);
  notes = [(await sealed.sign()).note];
  await fill(sealed.store, 10, 20);
  notes.push((await sealed.sign()).note);
  // What no checkpoint covers.
  await sealed.store.append('account-adv-9.DE', 'any', [click(90), click(91)]);
  await sealed.upToDate();
  vkey = sealed.key.verifierKey();
  lines = (await Array.fromAsync(logLines(sealed.store))).map((line) => line.trimEnd());
  await sealed.close();
});
beforeEach(() => {
  for (const suffix of ['', '.seals', '.key']) copyFileSync(clean + suffix, ledger + suffix);
});
afterAll(() => folder.remove());

const settings = (more: Record<string, string> = {}) =>
  loadSettings({ PROMOLEDGER_STORE: `sqlite:${ledger}`, PROMOLEDGER_LEDGER_NAME: 'ledger.example.com', ...more });
const verify = (given: readonly string[] = []) => ledgerVerdict(settings(), [], given.join('\n'));

function change(sql: string, file = ledger): void {
  const db = new DatabaseSync(file);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

/** Takes an event out and closes the gap, as somebody would who wants it not to show. */
const DROPPED = `
  DELETE FROM events WHERE position = 8;
  UPDATE events SET revision = -revision WHERE stream_id = 1 AND revision > 2;
  UPDATE events SET revision = -revision - 1 WHERE revision < 0;
  UPDATE events SET position = -position WHERE position > 8;
  UPDATE events SET position = -position - 1 WHERE position < 0`;

describe('a clean ledger', () => {
  it('is found to be what was sealed, and it is said how much of it nothing outside vouches for', async () => {
    const verdict = await verify(notes);
    expect(verdict).toMatchObject({
      outcome: 'vouched',
      faults: [],
      events: 26,
      checkpoints: 2,
      uncovered: 3,
      signatures: 'checked',
      sealed: 26,
      remarks: [],
    });
    expect(verdictLines(verdict)).toEqual([
      'The ledger is what was sealed.',
      `  26 events, root ${verdict.rootHash}`,
      '  2 checkpoints agree, signatures checked; 3 events behind the last of them',
      '  26 events are sealed beside the ledger',
    ]);
  });

  it('needs neither seals nor a key, and says what was not looked at', async () => {
    rmSync(`${ledger}.seals`);
    rmSync(`${ledger}.key`);
    const verdict = await verify();
    expect(verdict).toMatchObject({ outcome: 'unvouched', faults: [], sealed: null, signatures: 'not checked' });
    expect(verdictLines(verdict)[0]).toBe('The ledger is consistent in itself, and nobody vouches for it.');
    expect(existsSync(`${ledger}.key`)).toBe(false);
    expect(existsSync(`${ledger}.seals`)).toBe(false);
    expect(await ledgerVerdict(settings(), [parseVerifierKey(vkey)])).toMatchObject({
      outcome: 'vouched',
      signatures: 'checked',
    });
    expect(await verify(notes)).toMatchObject({ outcome: 'vouched', signatures: 'not checked' });
  });

  it('is not changed by being verified, and may grow behind its seals', async () => {
    const bytes = readFileSync(ledger);
    await verify();
    expect(readFileSync(ledger)).toEqual(bytes);
    const store = SqliteEventStore.open(ledger);
    await fill(store, 30, 35);
    await store.close();
    expect(await verify()).toMatchObject({ faults: [], events: 32, sealed: 26, uncovered: 9 });
  });
});

describe('the first event that is wrong is named', () => {
  const named = ({ faults }: Verdict) => faultLine(faults[0]!);

  it.each([
    [
      'altered',
      `UPDATE events SET data = replace(data, '7.10', '9.10') WHERE position = 8`,
      'altered at event 7, position 8, ClickSpent:click-7 (account-adv-1.DE, revision 2): its content or its place is not what was sealed',
    ],
    [
      'dropped',
      'DELETE FROM events WHERE position = 8',
      'dropped at event 7, position 9, ClickSpent:click-8 (account-adv-2.DE, revision 2): it has position 9, where 8 belongs',
    ],
    [
      'dropped, and the gap closed',
      DROPPED,
      'dropped at event 7, position 8, ClickSpent:click-8 (account-adv-2.DE, revision 2): the event that was sealed before it, at position 8, is missing',
    ],
    [
      'inserted',
      `UPDATE events SET position = -position - 1 WHERE position > 7;
       UPDATE events SET position = -position WHERE position < 0;
       INSERT INTO streams VALUES (99, 'account-adv-x.DE');
       INSERT INTO events SELECT 8, 99, 0, type_id, 'click-x', data, metadata, recorded_at FROM events WHERE position = 7`,
      'inserted at event 7, position 8, ClickSpent:click-x (account-adv-x.DE, revision 0): it was never sealed; the event that belongs here stands at 8',
    ],
    [
      'reordered',
      `UPDATE events SET position = -8 WHERE position = 8; UPDATE events SET position = 8 WHERE position = 9;
       UPDATE events SET position = 9 WHERE position = -8`,
      'reordered at event 7, position 8, ClickSpent:click-8 (account-adv-2.DE, revision 2): it was sealed as event 8, and the one that belongs here stands at 8',
    ],
    [
      'unreadable',
      `UPDATE events SET data = substr(data, 2) WHERE position = 8`,
      'unreadable at event 7, position 8: its data is no JSON',
    ],
    [
      'spelt otherwise',
      `UPDATE events SET data = replace(data, ':', ': ') WHERE position = 8`,
      'unreadable at event 7, position 8: its data is not spelt as the store writes it',
    ],
    [
      'of no stream',
      `UPDATE events SET stream_id = 77 WHERE position = 8`,
      'unreadable at event 7, position 8: it belongs to no stream',
    ],
    [
      'recorded at another time',
      `UPDATE events SET recorded_at = recorded_at + 1 WHERE position = 8`,
      'altered at event 7, position 8, ClickSpent:click-7 (account-adv-1.DE, revision 2): its content or its place is not what was sealed',
    ],
    [
      'cut off at the end',
      'DELETE FROM events WHERE position > 24',
      'dropped at event 24: the log ends here; 26 events were sealed, up to position 26',
    ],
  ])('%s', async (_, sql, line) => {
    change(sql);
    expect(named(await verify())).toBe(line);
  });

  it('by its place alone where the seals are gone: the last checkpoint that fits, and the first that does not', async () => {
    rmSync(`${ledger}.seals`);
    change(`UPDATE events SET data = replace(data, '15.10', '95.10') WHERE data LIKE '%15.10%'`);
    expect(named(await verify())).toBe(
      'altered at event 10: of the events 10 to 22 some were altered, dropped, inserted or reordered:' +
        ' the root of their tree is not the one that the checkpoint of 23 events signs',
    );
  });

  it('with a doubt where no checkpoint covers it', async () => {
    change(`UPDATE events SET data = replace(data, '91.10', '99.10') WHERE position = 26`);
    expect(named(await verify())).toContain(
      'no checkpoint that is believed covers it: it may be the seals that were changed',
    );
  });

  it('by a checkpoint kept elsewhere, when log and seals were both cut off before it', async () => {
    rmSync(`${ledger}.seals`);
    change(`DELETE FROM events WHERE position > 15;
      DELETE FROM streams WHERE stream_id NOT IN (SELECT stream_id FROM events);
      DELETE FROM types WHERE type_id NOT IN (SELECT type_id FROM events)`);
    expect(await verify()).toMatchObject({ faults: [], events: 15 });
    expect(named(await verify(notes))).toBe(
      'dropped at event 15: the log ends after 15 events, and a checkpoint signs 23',
    );
  });
});

describe('a checkpoint that is wrong is named', () => {
  const last = "WHERE type_id = (SELECT type_id FROM types WHERE name = 'CheckpointSigned') AND revision = 1";

  it.each([
    [
      'its signature',
      `replace(data, substr(data, instr(data, 'example.com ') + 30, 4), 'AAAA')`,
      /does not fit its text/,
    ],
    ['what it says beside its note', `replace(data, '"treeSize":23', '"treeSize":22')`, /something else than its note/],
    [
      'whose it is',
      `replace(data, 'ledger.example.com', 'ledger.example.org')`,
      /has the key id of ledger.example.com/,
    ],
    ['that it is a note', `replace(data, '\\n\\n', '\\n')`, /it is no signed note/],
  ])('%s', async (_, changed, reason) => {
    rmSync(`${ledger}.seals`);
    change(`UPDATE events SET data = ${changed} ${last}`);
    const { faults } = await verify();
    expect(faults[0]).toMatchObject({ kind: 'checkpoint', stream: 'audit-checkpoints', revision: 1 });
    expect(faults[0]!.detail).toMatch(reason);
  });

  it('one of another key is no fault, and vouches for nothing', async () => {
    const stranger = new Sealed(SqliteEventStore.open(folder.path('stranger.db')), folder.path('stranger.db'));
    const other = parseVerifierKey(stranger.key.verifierKey());
    await stranger.close();
    rmSync(`${ledger}.key`);
    const id = vkey.split('+')[1];
    expect(await ledgerVerdict(settings(), [other])).toMatchObject({
      outcome: 'unvouched',
      faults: [],
      checkpoints: 0,
      remarks: [`the checkpoint at event 10 is signed by key id ${id} (ledger.example.com), which was not given`],
    });
  });
});

describe('a file of seals that is damaged', () => {
  const isSeals = async () => {
    const { faults } = await verify();
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ kind: 'seals', index: null });
    return faults[0]!.detail;
  };

  it('is told from a damaged log by the checkpoints', async () => {
    change('UPDATE tiles SET hashes = zeroblob(length(hashes))', `${ledger}.seals`);
    expect(await isSeals()).toContain('from event 0 on: the log agrees with the checkpoint of 23 events');
  });

  it('is told when it lacks a part, or is no database', async () => {
    change('DELETE FROM tiles', `${ledger}.seals`);
    expect(await isSeals()).toContain('the seals lack the end of the tree');
    writeFileSync(`${ledger}.seals`, 'x'.repeat(5000));
    expect(await isSeals()).toContain('file is not a database');
  });
});

describe('a log file alone', () => {
  const read = (some: readonly string[]) => linesIn(chunked(`${some.join('\n')}\n`));
  const told = () => ({ notes: notes.join('\n'), verifiers: [parseVerifierKey(vkey)] });

  /** In pieces that end anywhere. */
  async function* chunked(text: string): AsyncGenerator<Buffer> {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 997) yield bytes.subarray(at, at + 997);
  }

  it('is verified as the ledger is, and needs nothing but the checkpoints', async () => {
    const ofLedger = await verify();
    const verdict = await verifyLogFile(read(lines), told());
    expect(verdict).toEqual({ ...ofLedger, sealed: null });
    expect(await verifyLogFile(read(lines), { notes: '', verifiers: null })).toMatchObject({
      outcome: 'unvouched',
      faults: [],
      signatures: 'not checked',
      checkpoints: 2,
    });
  });

  it.each<[string, (some: string[]) => unknown, object]>([
    ['altered', (some) => (some[7] = some[7]!.replace('7.10', '9.10')), { kind: 'altered', id: 'ClickSpent:click-7' }],
    ['dropped', (some) => some.splice(7, 1), { kind: 'dropped', id: 'ClickSpent:click-8' }],
    ['inserted', (some) => some.splice(7, 0, some[3]!), { kind: 'reordered', id: 'ClickSpent:click-4' }],
    ['moved', (some) => some.splice(9, 0, ...some.splice(7, 1)), { kind: 'dropped', id: 'ClickSpent:click-8' }],
    ['empty', (some) => (some[7] = ''), { kind: 'unreadable', detail: 'line 8 is no JSON' }],
    ['no event', (some) => (some[7] = '{}'), { kind: 'unreadable', detail: 'line 8 is no event of a log' }],
    [
      'spelt otherwise',
      (some) => (some[7] = some[7]!.replace(':', ': ')),
      { kind: 'unreadable', detail: 'line 8 is not spelt as the export writes it' },
    ],
  ])('names the first line that is %s', async (_, tamper, fault) => {
    const some = [...lines];
    tamper(some);
    const { faults } = await verifyLogFile(read(some), told());
    expect(faults[0]).toMatchObject({ index: 7, ...fault });
  });

  it('that ends before a checkpoint is found, and one that ends behind the last is not', async () => {
    const { faults } = await verifyLogFile(read(lines.slice(0, 20)), told());
    expect(faults[0]).toMatchObject({ kind: 'dropped', index: 20 });
    const { faults: none, uncovered } = await verifyLogFile(read(lines.slice(0, 24)), told());
    expect(none).toEqual([]);
    expect(uncovered).toBe(1);
  });

  it('refuses notes that are none', async () => {
    await expect(verifyLogFile(read(lines), { ...told(), notes: 'nonsense' })).rejects.toThrow(
      'this belongs to no signed note: nonsense',
    );
  });
});
