import { describe, expect, it } from '@jest/globals';
import { epochMs } from '../../src/kernel/instant.js';
import { AccountsReader } from '../../src/read-models/accounts-reader.js';
import { ExpiringCredits } from '../../src/read-models/expiring-credits.js';
import { AccountHistory, at } from './account-history.js';

const NOW = at('2022-10-28T00:00:00Z');
const UNTIL = at('2022-11-04T00:00:00Z');

function historyOf(...ends: readonly (readonly [creditId: string, expiresAt: string])[]) {
  const history = new AccountHistory(at('2022-06-01T09:00:00Z'));
  for (const [creditId, expiresAt] of ends) {
    const [appliedAt, sweepableAt] = [at('2022-10-04T07:00:00Z'), at('2023-01-01T00:00:00Z')];
    history.give({ creditId, appliedMinor: 1000, appliedAt, expiresAt: at(expiresAt), sweepableAt });
  }
  return history;
}

function expiringOf({ db, model, head }: AccountHistory, known = head) {
  const expiring = new ExpiringCredits(db, new AccountsReader(db, model));
  return [...expiring.within(epochMs(NOW), epochMs(UNTIL), known)];
}
const heldOf = (history: AccountHistory) =>
  expiringOf(history).flatMap((chunk) => chunk.map(({ heldMinor }) => heldMinor));

describe('credits that will lapse', () => {
  it('are those that end after now and by the end of the time, the soonest first, with what they hold now', () => {
    const history = historyOf(
      ['now', NOW],
      ['last', UNTIL],
      ['soon', '2022-10-28T00:00:00.001Z'],
      ['later', '2022-11-04T00:00:00.001Z'],
    );
    history.click('click-1', 400, at('2022-10-20T00:00:00Z'));
    history.click('click-2', 700, at('2022-10-27T23:00:00Z'));
    // Both clicks drew on the one that ended now first, and the second on the next one to end.
    expect(expiringOf(history)).toEqual([
      [
        { currency: 'EUR', heldMinor: 900n },
        { currency: 'EUR', heldMinor: 1000n },
      ],
    ]);
  });

  it('are not those that were revoked or swept, or that are not known yet', () => {
    const history = historyOf(['kept', '2022-11-01T00:00:00Z'], ['revoked', '2022-11-01T00:00:00Z']);
    const before = history.head;
    history.give({
      creditId: 'unknown',
      appliedMinor: 1000,
      appliedAt: at('2022-10-04T07:00:00Z'),
      expiresAt: at('2022-11-01T00:00:00Z'),
    });
    history.revoke('revoked', at('2022-10-05T00:00:00Z'), false);
    expect(expiringOf(history, before)).toEqual([[{ currency: 'EUR', heldMinor: 1000n }]]);
    history.sweep(at('2023-01-01T00:00:00Z'));
    expect(heldOf(history)).toEqual([]);
  });

  it('come in chunks, each credit once, also when many end at one instant', () => {
    const many = Array.from({ length: 450 }, (_, n) => [`credit-${n}`, '2022-11-01T00:00:00Z'] as const);
    const chunks = expiringOf(historyOf(...many));
    expect(chunks.map(({ length }) => length)).toEqual([200, 200, 50]);
    expect(chunks.flat().every(({ heldMinor }) => heldMinor === 1000n)).toBe(true);
  });
});
