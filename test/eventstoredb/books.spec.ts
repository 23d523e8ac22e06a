import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from '@jest/globals';
import fc from 'fast-check';
import { Books } from '../../src/audit/journal.js';
import { booksAgree } from '../model/books.js';
import { Coverage } from '../model/coverage.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import { Player, recordRates } from '../model/player.js';
import { histories } from '../model/steps.js';
import { openTarget, type Target } from '../support/eventstoredb/target.js';

const runs = Number(process.env['BOOKS_RUNS'] ?? 4);
const seed = Number(process.env['BOOKS_SEED'] ?? Date.now() % 2 ** 31);

let target: Target;
let ledger: InProcessLedger;
const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));

beforeAll(async () => {
  target = await openTarget();
  ledger = await InProcessLedger.start(
    {},
    {
      PROMOLEDGER_STORE: target.connectionString,
      PROMOLEDGER_STREAM_PREFIX: target.prefix,
      PROMOLEDGER_CACHE: join(directory, 'cache'),
    },
  );
});
afterAll(async () => {
  await ledger.stop();
  await target.stop();
  rmSync(directory, { recursive: true });
});

it(
  `the books of a ledger on EventStoreDB are what the auditor adds up, in ${runs} random histories (BOOKS_SEED=${seed})`,
  async () => {
    const rates = await recordRates(ledger);
    let serial = 0;
    const property = fc.asyncProperty(histories, async (history) => {
      serial += 1;
      const player = new Player(ledger, rates, new Coverage(), history, `${serial}`);
      await player.play();
      await booksAgree(ledger.app.get(Books), ledger, player);
    });
    await fc.assert(property, { seed, numRuns: runs });
  },
  60_000 + runs * 10_000,
);
