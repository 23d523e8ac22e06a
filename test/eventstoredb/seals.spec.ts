import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openStore } from '../../src/places.js';
import { parseVerifierKey } from '../../src/audit/seals/notes.js';
import { Proofs, type InclusionProof } from '../../src/audit/seals/proofs.js';
import { ledgerVerdict } from '../../src/cli/audit.js';
import { copyLedger } from '../../src/event-store/copy.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { instantOf } from '../../src/kernel/instant.js';
import { loadSettings } from '../../src/settings.js';
import { fill, Sealed, temporaryFolder } from '../audit/sealed-ledger.js';
import { openTarget, type Target } from '../support/eventstoredb/target.js';

/** Seals on a server: positions have gaps, and several instances seal and sign one log. */
let server: Target;
const folder = temporaryFolder();
beforeAll(async () => {
  server = await openTarget();
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

const settings = (cache: string) =>
  loadSettings({
    PROMOLEDGER_STORE: server.connectionString,
    PROMOLEDGER_STREAM_PREFIX: `${server.prefix}seals_`,
    PROMOLEDGER_CACHE: folder.path(cache),
  });
const instance = (cache: string) => new Sealed(openStore(settings(cache)), folder.path(cache));
const root = async ({ sealer }: Sealed) => (await sealer.seals.ask('root')).toString('hex');

it('are the same in every instance, after a restart, and in a copy of the ledger in a file', async () => {
  const [first, second] = [instance('first'), instance('second')];
  await fill(first.store, 1, 12);
  const both = await Promise.all([first.sign(), second.sign()]);
  expect(new Set(both.map(({ treeSize }) => treeSize)).size).toBe(1);
  await fill(second.store, 12, 20);
  const last = await second.sign();
  await Promise.all([first.upToDate(), second.upToDate()]);
  expect(await root(first)).toBe(await root(second));

  const now = () => instantOf(Date.now());
  const { position } = (await Array.fromAsync(first.store.readAll()))[8]!;
  const proof = (await new Proofs(first.store, first.sealer, now).inclusion({ position })) as InclusionProof;
  expect(proof).toMatchObject({ leafIndex: 8, treeSize: last.treeSize, checkpoint: last });
  await first.close();

  const again = instance('first');
  await again.upToDate();
  expect(await root(again)).toBe(await root(second));
  expect(again.told).toEqual([]);
  await again.close();

  const path = folder.path('copy.db');
  const copied = new Sealed(SqliteEventStore.open(path), path);
  const progress = { start: () => undefined, advance: () => undefined, stop: () => undefined };
  await copyLedger(second.store, copied.store, progress);
  await copied.upToDate();
  expect(await root(copied)).toBe(await root(second));
  const { stream, revision } = proof.event;
  const there = await new Proofs(copied.store, copied.sealer, now).inclusion({ stream, revision });
  expect(there).toEqual({ ...proof, position: '9' });
  await copied.close();

  const keys = [first, second].map(({ key }) => parseVerifierKey(key.verifierKey()));
  await second.close();
  expect(await ledgerVerdict(settings('second'), keys, last.note)).toMatchObject({
    faults: [],
    checkpoints: 2,
    signatures: 'checked',
    uncovered: 1,
  });
});
