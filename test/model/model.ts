import fc from 'fast-check';
import type { Coverage } from './coverage.js';
import type { LedgerUnderTest } from './ledger-under-test.js';
import { Player, recordRates } from './player.js';
import { histories, type History } from './steps.js';

/** That any history comes to the same on the ledger and on the auditor. The ledger must be empty. */
export async function ledgerAgrees(ledger: LedgerUnderTest, coverage: Coverage): Promise<fc.IAsyncProperty<[History]>> {
  const rates = await recordRates(ledger);
  let serial = 0;
  return fc.asyncProperty(histories, async (history) => {
    serial += 1;
    coverage.begin();
    await new Player(ledger, rates, coverage, history, `${serial}`).play();
  });
}
