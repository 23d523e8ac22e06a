import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from '@jest/globals';
import fc from 'fast-check';
import { Coverage } from '../model/coverage.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import { ledgerAgrees } from '../model/model.js';
import { openTarget, type Target } from '../support/eventstoredb/target.js';

const runs = Number(process.env['MODEL_RUNS'] ?? 50);
const seed = Number(process.env['MODEL_SEED'] ?? Date.now() % 2 ** 31);

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
  `the ledger on EventStoreDB does what the auditor says it must, in ${runs} random histories (MODEL_SEED=${seed})`,
  async () => fc.assert(await ledgerAgrees(ledger, new Coverage()), { seed, numRuns: runs }),
  60_000 + runs * 5_000,
);
