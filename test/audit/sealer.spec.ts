import { copyFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { logLines } from '../../src/audit/log-file.js';
import { hasNews, SealsLagError, type Signed } from '../../src/audit/seals/checkpoints.js';
import { Proofs } from '../../src/audit/seals/proofs.js';
import { SealFile } from '../../src/audit/seals/seal-file.js';
import { SealsDamagedError } from '../../src/audit/seals/seal-tables.js';
import type { Seals } from '../../src/audit/seals/seals.js';
import { checkTiles } from '../../src/audit/seals/tiles.js';
import { nodeHash } from '../../src/audit/seals/merkle.js';
import { checkFullTiles, SealBrokenError } from '../../src/audit/seals/soundness.js';
import { ledgerVerdict, verdictLines } from '../../src/cli/audit.js';
import { copyLedger } from '../../src/event-store/copy.js';
import { StoreUnavailableError } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { openLedgerFile } from '../../src/event-store/sqlite/ledger-file.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { instantOf, type Instant } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { loadSettings } from '../../src/settings.js';
import { hashOfEvent, includes, isConsistent, treeHash, type SealedEvent } from '../support/verifier.js';
import { click, fill, Sealed, temporaryFolder } from './sealed-ledger.js';

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = folder.path('ledger.db');
});
afterEach(() => folder.remove());

const open = () => new Sealed(SqliteEventStore.open(path), path);
const now = () => instantOf(Date.now());
const hex = (text: string) => Buffer.from(text, 'hex');

/** The events' hashes by the other verifier, from the exported log. */
async function hashesOf({ store }: Sealed): Promise<Buffer[]> {
  const lines = await Array.fromAsync(logLines(store));
  return lines.map((line) => hashOfEvent(JSON.parse(line) as SealedEvent));
}

/** A root, whoever says it. */
const rootIn = async (sealed: Sealed) => (await sealed.sealer.seals.ask('root')).toString('hex');

describe('the sealer', () => {
  it('leaves its file to others once it is closed, though it was just looking into it', async () => {
    const first = open();
    await fill(first.store, 1, 20);
    await first.upToDate();
    await first.close();
    const second = open();
    await second.close();
    await expect(second.kept.ask('root')).rejects.toThrow('closed');
    const third = open();
    await third.upToDate();
    await third.close();
  });

  it('gives each event the hash, and the log the tree, that the other verifier gives them, in tiles of any fill', async () => {
    const sealed = open();
    // More than a tile, and more than two.
    for (const end of [3, 250, 600]) {
      await fill(sealed.store, sealed.sealer.seals.size + 1, end);
      await sealed.upToDate();
      const hashes = await hashesOf(sealed);
      expect(sealed.sealer.seals.size).toBe(hashes.length);
      expect(await sealed.sealer.seals.ask('root')).toEqual(treeHash(hashes));
      expect(await sealed.sealer.seals.ask('entry', hashes.length - 1)).toEqual(hashes.at(-1));
    }
    await sealed.close();
  });

  it('proves any event, by position or stream, and any two trees, to the other verifier', async () => {
    const sealed = open();
    await fill(sealed.store, 1, 250);
    const first = await sealed.sign();
    await fill(sealed.store, 250, 300);
    const last = await sealed.sign();
    await sealed.upToDate();
    const proofs = new Proofs(sealed.store, sealed.sealer, now);
    for (let position = 1n; position <= BigInt(last.treeSize); position += 23n) {
      const proof = await proofs.inclusion({ position });
      if (isRefusal(proof)) throw new Error(proof.detail);
      const { event, leafIndex, treeSize, rootHash, hash } = proof;
      expect(hashOfEvent(event)).toEqual(hex(hash));
      expect(leafIndex).toBe(Number(position) - 1);
      expect(proof.checkpoint).toEqual(last);
      const inTree = { hash: hashOfEvent(event), leafIndex, treeSize, path: proof.path.map(hex), root: hex(rootHash) };
      expect(includes(inTree)).toBe(true);
      expect(await proofs.inclusion(event)).toEqual(proof);
    }
    for (const [from, to] of [
      [first.treeSize, last.treeSize],
      [1, 257],
      [256, 300],
      [7, 7],
    ] as const) {
      const proof = await proofs.consistency(from, to);
      if (isRefusal(proof)) throw new Error(proof.detail);
      const side = ({ treeSize, rootHash }: typeof proof.from) => ({ size: treeSize, root: hex(rootHash) });
      expect(isConsistent({ first: side(proof.from), second: side(proof.to), path: proof.path.map(hex) })).toBe(true);
    }
    await sealed.close();
  });

  it('lags behind the log, says by how much, and catches up after a restart', async () => {
    const store = SqliteEventStore.open(path);
    await fill(store, 1, 30);
    const sealed = new Sealed(store, path);
    const recordedAt = (await Array.fromAsync(store.readAll()))[0]!.recordedAt;
    const later = () => instantOf(Date.parse(recordedAt) + 3000);
    const proofs = new Proofs(store, sealed.sealer, later);
    expect(await proofs.status()).toMatchObject({ treeSize: 0, position: '0', lagEvents: 34, lagSeconds: 3 });
    await sealed.upToDate();
    const root = await rootIn(sealed);
    expect(await proofs.status()).toMatchObject({
      treeSize: 34,
      position: '34',
      head: '34',
      rootHash: root,
      lagEvents: 0,
      lagSeconds: 0,
      uncoveredEvents: 34,
      lastCheckpoint: null,
      failure: null,
    });
    await sealed.close();

    const again = open();
    expect(await rootIn(again)).toBe(root);
    await fill(again.store, 30, 31);
    await again.upToDate();
    expect(await again.sealer.seals.ask('root')).toEqual(treeHash(await hashesOf(again)));
    expect(again.told).toEqual([]);
    await again.close();
  });

  it('goes on where a transaction that was cut short began', async () => {
    const sealed = open();
    await fill(sealed.store, 1, 300);
    await sealed.upToDate();
    await sealed.close();
    const events = await Array.fromAsync((await reopened()).readAll());
    const file = new SealFile(folder.path('cut.seals'));
    file.add(events.slice(0, 250));
    const cut = () => {
      let count = 0;
      file.add(events.slice(250), () => {
        count += 1;
        if (count === 20) throw new Error('cut');
      });
    };
    expect(cut).toThrow('cut');
    expect(file.size).toBe(250);
    file.add(events.slice(250));
    const whole = new SealFile(`${path}.seals`);
    expect(file.root()).toEqual(whole.root());
    whole.close();
    file.close();
  });

  async function reopened() {
    const store = SqliteEventStore.open(path);
    const copy = new MemoryEventStore();
    await copyLedger(store, copy, { start: () => undefined, advance: () => undefined, stop: () => undefined });
    await store.close();
    return copy;
  }

  it('makes the same tree again when its file is gone, and sets one aside that is damaged or of another log', async () => {
    const sealed = open();
    await fill(sealed.store, 1, 60);
    const { rootHash, treeSize } = await sealed.sign();
    await sealed.upToDate();
    const root = await rootIn(sealed);
    await sealed.close();

    rmSync(`${path}.seals`);
    const anew = open();
    await anew.upToDate();
    expect(await rootIn(anew)).toBe(root);
    expect((await anew.sealer.seals.ask('latestCheckpoint'))?.data).toMatchObject({ rootHash, treeSize });
    await anew.close();
    expect(asideFiles()).toEqual([]);

    writeFileSync(`${path}.seals`, 'this is no database, and never was one, whatever its name may say of it');
    const mended = open();
    await mended.upToDate();
    expect(await rootIn(mended)).toBe(root);
    expect(mended.told).toEqual([expect.stringContaining('the seals were made again from the log: ')]);
    await mended.close();
    expect(asideFiles()).toHaveLength(1);

    rmSync(path);
    const other = open();
    await fill(other.store, 100, 102);
    await other.upToDate();
    expect(await other.sealer.seals.ask('root')).toEqual(treeHash(await hashesOf(other)));
    await other.close();
    expect(asideFiles()).toHaveLength(2);
    expect(statSync(`${path}.seals`).size).toBeGreaterThan(0);
  });

  const asideFiles = () => readdirSync(folder.path('.')).filter((name) => /\.seals\.\d/.test(name));

  /** Changes seals that no service has. */
  const spoil = (sql: string) => {
    const db = new DatabaseSync(`${path}.seals`);
    const { changes } = db.prepare(sql).run();
    db.close();
    expect(changes).toBeGreaterThan(0);
  };

  /** Signed roots are those that the other verifier makes of the log: a wrong one could not be taken back. */
  async function expectRightRoots(sealed: Sealed) {
    const hashes = await hashesOf(sealed);
    const signed = await Array.fromAsync(sealed.store.read('audit-checkpoints'));
    for (const { data } of signed) {
      const { treeSize, rootHash } = data as Signed;
      expect(rootHash).toBe(treeHash(hashes.slice(0, treeSize)).toString('hex'));
    }
    expect(await sealed.sealer.seals.ask('root')).toEqual(treeHash(hashes));
    return signed.length;
  }

  // Hashes of event 4, in a tile that is full or not; of a full tile, in the level above; the stream's last.
  const ZEROED = `hashes = CAST(substr(hashes, 1, 96) || zeroblob(32) || substr(hashes, 129) AS BLOB)`;
  it.each([
    ['heads', 40, 'UPDATE heads SET hash = zeroblob(32)'],
    ['heads', 300, `UPDATE heads SET hash = zeroblob(32) WHERE stream LIKE 'fx-%'`],
    ['heads that point elsewhere', 40, 'UPDATE heads SET leaf_index = 0'],
    ['heads that are gone', 40, 'DELETE FROM heads'],
    ['an open tile', 40, `UPDATE tiles SET ${ZEROED} WHERE tile = 0`],
    ['a full tile', 300, `UPDATE tiles SET ${ZEROED} WHERE tile = 0`],
    ['the level above', 300, `UPDATE tiles SET hashes = zeroblob(32) WHERE tile = ${2 ** 40}`],
    ['a tile that is gone', 300, 'DELETE FROM tiles WHERE tile = 0'],
  ])(
    'signs no wrong root when its seals are damaged, and makes them again: %s of %d clicks',
    async (_, clicks, sql) => {
      const sealed = open();
      await fill(sealed.store, 1, clicks);
      await sealed.upToDate();
      await sealed.close();
      spoil(sql);
      const damaged = open();
      await fill(damaged.store, clicks, clicks + 20);
      await damaged.sign();
      await damaged.upToDate();
      expect(await expectRightRoots(damaged)).toBe(1);
      expect(damaged.told).toContainEqual(expect.stringContaining('the seals were made again from the log: '));
      expect(asideFiles()).toHaveLength(1);
      await damaged.close();
    },
  );

  it('checks full tiles, too, of which no root is made any more', async () => {
    // A tree of equal leaves has equal hashes in each level: 100,000 of them need no time.
    const levels: Buffer[] = [Buffer.alloc(32)];
    while (levels.length < 18) levels.push(nodeHash(levels.at(-1)!, levels.at(-1)!));
    const tree = (wrong: string) => {
      const subtree = (level: number, index: number) =>
        wrong === `${level} ${index}` ? Buffer.alloc(32, 1) : levels[level]!;
      const ask = async (_: string, ...range: [number, number, number]) => checkTiles(subtree, ...range);
      return { size: 100_000, ask: ask as Seals['ask'] };
    };
    await checkFullTiles(tree('none'), () => true);
    await expect(checkFullTiles(tree('8 255'), () => true)).rejects.toThrow('tile 255 of level 0');
    await expect(checkFullTiles(tree('7 6'), () => true)).rejects.toThrow('tile 3 of level 0');
    // What is not in a full tile is checked before anything is sealed.
    await checkFullTiles(tree('8 256'), () => true);
    await checkFullTiles(tree('8 255'), () => false);
  });

  it('knows a ledger that was restored and fed again by what it recorded since', async () => {
    const sealed = open();
    await fill(sealed.store, 1, 30);
    await sealed.sign();
    await sealed.upToDate();
    await sealed.close();
    copyFileSync(path, `${path}.backup`);
    const first = open();
    await fill(first.store, 30, 60);
    await first.upToDate();
    const [size, root] = [first.sealer.seals.size, await rootIn(first)];
    await first.close();

    copyFileSync(`${path}.backup`, path);
    const store = new SqliteEventStore(openLedgerFile(path), () => Date.now() + 1000);
    await fill(store, 30, 60);
    const again = new Sealed(store, path);
    await again.upToDate();
    expect(again.sealer.seals.size).toBe(size);
    expect(await rootIn(again)).not.toBe(root);
    expect(again.told).toEqual([expect.stringMatching(/made again from the log: event .* is another in the log/)]);
    await again.sign();
    await again.upToDate();
    expect(await expectRightRoots(again)).toBe(2);
    await again.close();
    const [aside, ...others] = asideFiles();
    expect(others).toEqual([]);
    const { faults, remarks } = await ledgerVerdict(loadSettings({ PROMOLEDGER_STORE: `sqlite:${path}` }));
    expect(faults).toEqual([]);
    expect(remarks).toContainEqual(
      expect.stringContaining(`seals that did not fit the log were set aside as ${aside}:`),
    );
  });

  it('of a ledger without events leaves nothing to verify, which is not to be clean', async () => {
    await open().close();
    const verdict = await ledgerVerdict(loadSettings({ PROMOLEDGER_STORE: `sqlite:${path}` }));
    expect(verdict).toMatchObject({ faults: [], events: 0, outcome: 'unvouched' });
    expect(verdictLines(verdict)[0]).toBe('There is nothing to verify: the ledger has no events.');
  });

  it('signs nothing that does not extend the last checkpoint, and says so; its seals are no reason to make them anew', async () => {
    const sealed = open();
    await fill(sealed.store, 1, 30);
    await sealed.sign();
    await sealed.close();
    const db = new DatabaseSync(path);
    db.exec(`UPDATE events SET data = replace(data, 'adv-1', 'adv-2') WHERE position = 3`);
    db.close();
    rmSync(`${path}.seals`);
    for (let time = 0; time < 2; time += 1) {
      const changed = open();
      await changed.store.append('account-a.DE', 'any', [click(100 + time)]);
      await expect(changed.checkpoints.sign()).rejects.toThrow(SealBrokenError);
      const { failure } = await new Proofs(changed.store, changed.sealer, now).status();
      expect(failure).toMatch(/^seal-broken: the log is not what the last checkpoint, of 34 events, signs$/);
      expect(await Array.fromAsync(changed.store.read('audit-checkpoints'))).toHaveLength(1);
      expect(changed.told).toEqual([]);
      expect(asideFiles()).toEqual([]);
      await changed.close();
    }
  });

  it('knows places by positions that have gaps, as those of a server have', async () => {
    const store = new MemoryEventStore();
    await fill(store, 1, 500);
    const events = (await Array.fromAsync(store.readAll())).map((event) => {
      return { ...event, position: event.position * 137n + (event.position % 5n) };
    });
    const file = new SealFile('');
    for (let from = 0; from < events.length; from += 70) file.add(events.slice(from, from + 70));
    events.forEach(({ position }, index) => {
      expect(file.positionAt(index)).toBe(position);
      expect(file.indexAt(position)).toBe(index);
      expect(file.indexAt(position + 1n)).toBeUndefined();
    });
    expect(file.indexAt(1n)).toBeUndefined();
    file.close();
  });

  it('stands still while the store is away, says so, and answers who waits', async () => {
    const store = new MemoryEventStore();
    await store.close();
    const sealed = new Sealed(store);
    expect(await sealed.sealer.reached(1n, 20)).toBe(false);
    expect(sealed.sealer.failed).toBeInstanceOf(StoreUnavailableError);
    expect(sealed.told).toEqual([expect.stringContaining('sealing stands still')]);
    await sealed.sealer.close();
  });
});

describe('a checkpoint', () => {
  it('is signed when there is news, and only then', () => {
    expect(hasNews(10, undefined, 0)).toBe(true);
    expect(hasNews(10, { treeSize: 10 }, 0)).toBe(false);
    expect(hasNews(11, { treeSize: 10 }, 1)).toBe(false);
    expect(hasNews(12, { treeSize: 10 }, 1)).toBe(true);
    expect(hasNews(12, { treeSize: 10 }, 2)).toBe(false);
  });

  it('does not make an idle ledger grow, and is refused of an empty one', async () => {
    const sealed = open();
    expect(await sealed.checkpoints.sign()).toMatchObject({ refused: 'no-checkpoint' });
    await sealed.store.append('account-a.DE', 'any', [click(1)]);
    const first = await sealed.sign();
    expect(await sealed.sign()).toEqual(first);
    expect(await sealed.store.head()).toBe(2n);
    await sealed.store.append('account-a.DE', 'any', [click(2)]);
    const second = await sealed.sign();
    expect(second.treeSize).toBe(3);
    expect(await sealed.sign()).toEqual(second);
    expect(await sealed.store.head()).toBe(4n);
    await sealed.close();
  });

  it('is signed by the schedule once the last one is old enough', async () => {
    const sealed = open();
    await sealed.store.append('account-a.DE', 'any', [click(1)]);
    const hour = 3_600_000;
    const checkpointsIn = async () => (await Array.fromAsync(sealed.store.read('audit-checkpoints'))).length;
    await sealed.checkpoints.signWhenDue(now(), hour);
    expect(await checkpointsIn()).toBe(0);
    await sealed.checkpoints.signWhenDue(instantOf(Date.now() - hour), hour);
    expect(await checkpointsIn()).toBe(1);
    await sealed.store.append('account-a.DE', 'any', [click(2)]);
    await sealed.checkpoints.signWhenDue('2000-01-01T00:00:00.000Z' as Instant, hour);
    expect(await checkpointsIn()).toBe(1);
    await sealed.close();
  });

  it('signs what is sealed when writers outrun the sealer, on demand and by the schedule', async () => {
    const store = new MemoryEventStore();
    await fill(store, 1, 10);
    const sealed = new Sealed(store, null, { patienceMs: 20 });
    await sealed.upToDate();
    const behind = sealed.sealer.seals.size;
    // As if it had been written to since: what lies ahead is never reached.
    const head = await store.head();
    store.head = async () => head + 1000n;
    const first = await sealed.sign();
    expect(first).toMatchObject({ treeSize: behind, position: String(head) });
    await store.append('account-a.DE', 'any', [click(100)]);
    expect(await sealed.sealer.reached(head + 2n, 10_000)).toBe(true);
    await sealed.checkpoints.signWhenDue('2022-01-01T00:00:00.000Z' as Instant, -1);
    const signed = await Array.fromAsync(store.read('audit-checkpoints'));
    expect(signed.map(({ data }) => (data as Signed).treeSize)).toEqual([behind, behind + 2]);
    await sealed.close();
  });

  it('waits while nothing new is sealed, and signs nothing', async () => {
    const store = new MemoryEventStore();
    await fill(store, 1, 10);
    const sealed = new Sealed(store, null, { patienceMs: 0 });
    await expect(sealed.checkpoints.sign()).rejects.toThrow(SealsLagError);
    expect(await Array.fromAsync(store.read('audit-checkpoints'))).toEqual([]);
    await sealed.close();
  });

  it('is not signed when its seals are found to be damaged while their root is asked for', async () => {
    const sealed = new Sealed(new MemoryEventStore());
    await fill(sealed.store, 1, 10);
    await sealed.upToDate();
    const found = Promise.withResolvers<void>();
    sealed.kept.add = async () => {
      // The answer that is under way goes on a turn later.
      setImmediate(() => found.resolve());
      throw new SealsDamagedError('a tile is gone');
    };
    const ask = sealed.kept.ask.bind(sealed.kept);
    sealed.kept.ask = async (name, ...about) => {
      const answer = await ask(name, ...about);
      if (name === 'root') await sealed.store.append('account-a.DE', 'any', [click(100)]).then(() => found.promise);
      return answer;
    };
    await expect(sealed.checkpoints.sign()).rejects.toThrow(SealsLagError);
    expect(await Array.fromAsync(sealed.store.read('audit-checkpoints'))).toEqual([]);
    await sealed.close();
  });

  it('is signed by a key that is made when the schedule starts, or by the first signature, and by no question', async () => {
    const sealed = open();
    const files = () => readdirSync(folder.path('.')).filter((name) => name.endsWith('.key'));
    expect(sealed.key.knownVerifierKey()).toBeNull();
    expect(files()).toEqual([]);
    await sealed.store.append('account-a.DE', 'any', [click(1)]);
    await sealed.sign();
    expect(files()).toEqual(['ledger.db.key']);
    expect(sealed.key.knownVerifierKey()).toBe(sealed.key.verifierKey());
    await sealed.close();
    rmSync(`${path}.key`);
    const scheduled = new Sealed(SqliteEventStore.open(path), path, { everyMs: 3_600_000 });
    scheduled.checkpoints.start();
    expect(files()).toEqual(['ledger.db.key']);
    expect(scheduled.told).toEqual([expect.stringContaining('a signing key was made')]);
    await scheduled.checkpoints.stop();
    await scheduled.close();
  });

  it('is signed once for a tree, whichever of two instances is first', async () => {
    const store = new MemoryEventStore();
    const instances = [new Sealed(store), new Sealed(store)];
    for (let round = 1; round <= 5; round += 1) {
      await fill(store, round * 10, round * 10 + 5);
      await Promise.all([...instances, ...instances].map((instance) => instance.sign()));
    }
    const signed = await Array.fromAsync(store.read('audit-checkpoints'));
    const sizes = signed.map(({ data }) => (data as { treeSize: number }).treeSize);
    expect(sizes).toEqual([...new Set(sizes)].sort((a, b) => a - b));
    expect(sizes).toHaveLength(5);
    await Promise.all(instances.map((instance) => instance.upToDate()));
    expect(await rootIn(instances[0]!)).toBe(await rootIn(instances[1]!));
    for (const instance of instances) await instance.sealer.close();
  });

  it('still proves what it proved when the ledger was copied to another store', async () => {
    const sealed = open();
    await fill(sealed.store, 1, 20);
    const signed = await sealed.sign();
    const proof = await new Proofs(sealed.store, sealed.sealer, now).inclusion({ position: 7n });
    const copy = new Sealed(new MemoryEventStore());
    const progress = { start: () => undefined, advance: () => undefined, stop: () => undefined };
    await copyLedger(sealed.store, copy.store, progress);
    await copy.upToDate();
    expect((await copy.sealer.seals.ask('latestCheckpoint'))?.data).toEqual(signed);
    expect(await new Proofs(copy.store, copy.sealer, now).inclusion({ position: 7n })).toEqual(proof);
    await sealed.close();
    await copy.close();
  });
});
