import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Coverage } from './coverage.js';
import { InProcessLedger } from './ledger-under-test.js';
import { ledgerAgrees } from './model.js';

/** Fewer histories than this need not reach every case. */
const ENOUGH = 500;
const runs = Number(process.env['MODEL_RUNS'] ?? ENOUGH);
const seed = Number(process.env['MODEL_SEED'] ?? Date.now() % 2 ** 31);

let ledger: InProcessLedger;
beforeAll(async () => {
  ledger = await InProcessLedger.start();
});
afterAll(() => ledger.stop());

it(
  `the ledger does what the auditor says it must, in ${runs} random histories (MODEL_SEED=${seed} MODEL_RUNS=${runs})`,
  async () => {
    const coverage = new Coverage();
    await fc.assert(await ledgerAgrees(ledger, coverage), { seed, numRuns: runs });
    console.info(
      `MODEL_SEED=${seed} MODEL_RUNS=${runs} replays these ${runs} histories. They reached\n${coverage.report}`,
    );
    if (runs >= ENOUGH) expect(coverage.missed).toEqual([]);
  },
  300_000 + runs * 1_000,
);
