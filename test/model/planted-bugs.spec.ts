import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accountDecider } from '../../src/accounts/domain/account.js';
import { BUGS, withBug, type Bug } from './bugs.js';
import { Coverage } from './coverage.js';
import { InProcessLedger } from './ledger-under-test.js';
import { ledgerAgrees } from './model.js';

/** Any seed will do; a fixed one makes the time this takes the same each time. */
const SEED = 20_221_004;

/** Plays histories on a ledger with the bug planted, until one disagrees with the auditor. */
async function play(bug: Bug, numRuns: number) {
  const ledger = await InProcessLedger.start({ accountDecider: withBug(accountDecider, bug) });
  try {
    const property = await ledgerAgrees(ledger, new Coverage());
    return await fc.check(property, { seed: SEED, numRuns, endOnFailure: true });
  } finally {
    await ledger.stop();
  }
}

describe('the model test finds a planted bug', () => {
  it.each(Object.entries(BUGS))('%s', async (_name, bug) => {
    const { failed, errorInstance } = await play(bug, 400);
    expect(failed).toBe(true);
    expect(String(errorInstance)).toContain('differs at');
  });

  it('and nothing where none is planted', async () => {
    expect((await play({}, 40)).failed).toBe(false);
  });
});
