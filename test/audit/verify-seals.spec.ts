import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SealFile } from '../../src/audit/seals/seal-file.js';
import { exitCodeOf, ledgerVerdict, verdictLines } from '../../src/cli/audit.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { loadSettings } from '../../src/settings.js';
import { fill, Sealed, temporaryFolder } from './sealed-ledger.js';

/** What verification makes of the seals beside a ledger, whatever became of them, and that it leaves them so. */
const folder = temporaryFolder();
const clean = folder.path('clean.db');
const ledger = folder.path('ledger.db');
const seals = `${ledger}.seals`;

beforeAll(async () => {
  const sealed = new Sealed(SqliteEventStore.open(clean), clean);
  // More than a tile has, so that the tree has two levels.
  await fill(sealed.store, 1, 250);
  await sealed.sign();
  await fill(sealed.store, 250, 255);
  await sealed.sign();
  await sealed.upToDate();
  await sealed.close();
});
beforeEach(() => {
  for (const name of files()) rmSync(folder.path(name));
  for (const suffix of ['', '.seals', '.key']) copyFileSync(clean + suffix, ledger + suffix);
});
afterAll(() => folder.remove());

const files = () => readdirSync(folder.path('.')).filter((name) => name.startsWith('ledger.db'));
const settings = () =>
  loadSettings({ PROMOLEDGER_STORE: `sqlite:${ledger}`, PROMOLEDGER_LEDGER_NAME: 'ledger.example.com' });
const verify = () => ledgerVerdict(settings());

function change(sql: string, file = seals): void {
  const db = new DatabaseSync(file);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

/** Seals whose process was killed: what it had not brought into the file lies in the log beside it. */
function leaveUnsaved(): void {
  const file = new SealFile(seals);
  try {
    file.searchedTo(file.last!.position + 1n);
    for (const suffix of ['', '-wal']) copyFileSync(seals + suffix, folder.path(`left${suffix}`));
  } finally {
    file.close();
  }
  for (const suffix of ['', '-wal']) copyFileSync(folder.path(`left${suffix}`), seals + suffix);
}

describe('verification changes no byte', () => {
  it.each<[string, () => void]>([
    ['of a clean ledger', () => undefined],
    ['of seals that were not closed', leaveUnsaved],
    ['of seals of another version', () => change('PRAGMA user_version = 7')],
    ['of a file without a byte', () => writeFileSync(seals, '')],
    ['of what is no database', () => writeFileSync(seals, 'x'.repeat(5000))],
  ])('%s', async (_, prepare) => {
    prepare();
    const before = new Map(files().map((name) => [name, readFileSync(folder.path(name))]));
    await verify();
    for (const [name, bytes] of before) expect(readFileSync(folder.path(name)).equals(bytes)).toBe(true);
    // SQLite's lock on the ledger may leave its two files, and no page in them.
    const made = files().filter((name) => !before.has(name));
    expect(made.filter((name) => !['ledger.db-shm', 'ledger.db-wal'].includes(name))).toEqual([]);
    if (existsSync(`${ledger}-wal`)) expect(readFileSync(`${ledger}-wal`)).toHaveLength(0);
  });

  it('and reads what was not brought into the file', async () => {
    leaveUnsaved();
    expect(readFileSync(`${seals}-wal`).length).toBeGreaterThan(0);
    expect(await verify()).toMatchObject({ outcome: 'vouched', sealed: 306 });
  });
});

describe('seals that are not those of the log are a fault', () => {
  it.each([
    ['of another version', 'PRAGMA user_version = 7', 'it has version 7, and this program reads version'],
    ['without a table', 'DROP TABLE heads', 'no such table: heads'],
    ['that seal nothing', 'DELETE FROM sealed', 'it says that nothing is sealed'],
    ['with another revision', 'UPDATE heads SET revision = revision + 1', 'of the last events of streams'],
    ['with another hash', 'UPDATE heads SET hash = zeroblob(32)', 'of the last events of streams'],
    ['without a stream', `DELETE FROM heads WHERE stream = 'fx-EUR.USD'`, 'of the last events of streams'],
    ['with a stream more', `INSERT INTO heads VALUES ('z', 0, zeroblob(32), 0)`, 'of the last events of streams'],
    ['with other positions', 'UPDATE places SET positions = zeroblob(length(positions))', 'of positions'],
    ['with another first position', 'UPDATE places SET first = first + 1', 'of positions'],
    ['with another end', 'UPDATE sealed SET position = position - 1', 'of the last event'],
    ['with another last event', `UPDATE sealed SET event_id = 'x'`, 'of the last event'],
    ['with another node of the tree', 'UPDATE tiles SET hashes = zeroblob(32) WHERE tile > 1000000', 'of the tree'],
    ['without a checkpoint', 'DELETE FROM checkpoints WHERE tree_size > 300', 'of checkpoints'],
    ['with a checkpoint more', `INSERT INTO checkpoints VALUES (7, 8, 9, '{}')`, 'of checkpoints'],
    ['with another checkpoint', `UPDATE checkpoints SET data = replace(data, 'a', 'b')`, 'of checkpoints'],
  ])('%s', async (_, sql, detail) => {
    change(sql);
    const verdict = await verify();
    expect(verdict.faults).toEqual([{ kind: 'seals', index: null, detail: expect.stringContaining(detail) }]);
    expect(exitCodeOf(verdict)).toBe(3);
    expect(verdict.faults[0]!.detail).toContain('keep it, and set it aside');
  });

  it('that say the log has nothing more where it has', async () => {
    const store = SqliteEventStore.open(ledger);
    await fill(store, 300, 302);
    await store.close();
    const verdict = await verify();
    expect(verdict.faults).toEqual([]);
    expect(verdictLines(verdict)).toContain('  306 events are sealed beside the ledger; 3 events are not sealed yet');
    change('UPDATE sealed SET searched = 1000');
    expect((await verify()).faults).toMatchObject([
      { kind: 'seals', detail: expect.stringContaining('nothing more up to position 1000') },
    ]);
  });

  it('with a bit flipped anywhere, as far as it changes a row, and no bit is the end of verification', async () => {
    const bytes = readFileSync(seals);
    const rows = () => {
      const file = SealFile.toRead(seals);
      const whole = SealFile.toRead(`${clean}.seals`);
      try {
        return file.last!.searched === whole.last!.searched && file.differsIn(whole) === undefined;
      } finally {
        file.close();
        whole.close();
      }
    };
    let found = 0;
    // Each at another place, spread over the file.
    for (let at = 100; at < bytes.length; at += Math.ceil(bytes.length / 30)) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << (at % 8);
      writeFileSync(seals, flipped);
      const { outcome } = await verify();
      if (outcome === 'differs') found += 1;
      else expect(rows()).toBe(true);
    }
    expect(found).toBeGreaterThan(5);
  });
});

describe('seals that cannot be compared', () => {
  it('are a remark while somebody has them, and then a checkpoint must vouch', async () => {
    const holder = new SealFile(seals);
    try {
      const remarks = [expect.stringContaining('the seals were not looked at: ')];
      expect(await verify()).toMatchObject({ outcome: 'vouched', sealed: null, checkpoints: 2, remarks });
      rmSync(`${ledger}.key`);
      expect(await verify()).toMatchObject({ outcome: 'unvouched', sealed: null, remarks });
    } finally {
      holder.close();
    }
  });

  it('whose end was lost with their write-ahead log are behind, and say so', async () => {
    rmSync(seals);
    const file = new SealFile(seals);
    const events = SqliteEventStore.open(ledger);
    const all = await Array.fromAsync(events.readAll());
    await events.close();
    try {
      file.add(all.slice(0, 200));
      file.add(all.slice(200));
      for (const suffix of ['', '-wal']) copyFileSync(seals + suffix, folder.path(`left${suffix}`));
    } finally {
      file.close();
    }
    const wal = readFileSync(folder.path('left-wal'));
    wal[wal.length - 100]! ^= 1;
    copyFileSync(folder.path('left'), seals);
    writeFileSync(`${seals}-wal`, wal);
    const verdict = await verify();
    expect(verdict).toMatchObject({ outcome: 'vouched', sealed: 200 });
    expect(verdictLines(verdict)).toContain('  200 events are sealed beside the ledger; 106 events are not sealed yet');
  });

  it('are set aside as they are by a service, never emptied', async () => {
    change('PRAGMA user_version = 7');
    const bytes = readFileSync(seals);
    const sealed = new Sealed(SqliteEventStore.open(ledger), ledger);
    await sealed.upToDate();
    await sealed.close();
    const aside = files().filter((name) => /\.seals\.\d/.test(name) && !/-(wal|shm)$/.test(name));
    expect(aside).toHaveLength(1);
    expect(readFileSync(folder.path(aside[0]!)).equals(bytes)).toBe(true);
    expect(await verify()).toMatchObject({ outcome: 'vouched', sealed: 306 });
  });
});
