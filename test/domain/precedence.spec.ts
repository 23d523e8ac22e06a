import { describe, expect, it } from '@jest/globals';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { REFUSAL_CODES, type RefusalCode } from '../../src/kernel/refusal.js';
import {
  applied,
  click,
  eur,
  expired,
  given,
  grant,
  impressions,
  noRate,
  opened,
  OPENED_AT,
  parts,
  reversal,
  revocation,
  revoked,
  spent,
  usd,
} from './account-examples.js';
import { plusMs } from '../../src/kernel/instant.js';

const BEFORE_OPENING = plusMs(OPENED_AT, -1);
const SP = applied('sp', '10.00');
const SB = applied('sb', '10.00', { granted: usd('400.00') });
const CLICK = spent({ cost: '6.00', on: '2022-10-10T08:00Z' }, parts('sp', '6.00'));
const FOREIGN_CLICK = click({ cost: '1.00', on: BEFORE_OPENING });
const FOREIGN_IMPRESSIONS = impressions({ count: 1, cpm: '1.00', on: BEFORE_OPENING });

/** Each row's command has every fault named from its own row down to the last of its group: the first is answered. */
const ROWS: readonly (readonly [string, readonly AccountEvent[], AccountCommand, RefusalCode])[] = [
  // A grant, of which one fault after the other is mended.
  [
    'of a grant with every fault: no account',
    [],
    grant({ product: 'DSP', granted: eur('700.00'), appliedAt: BEFORE_OPENING }, { offer: null, convert: noRate }),
    'unknown-account',
  ],
  [
    'no promotion',
    [opened(), SP, SB],
    grant({ product: 'DSP', granted: eur('700.00'), appliedAt: BEFORE_OPENING }, { offer: null, convert: noRate }),
    'unknown-promotion',
  ],
  [
    'a product outside the terms',
    [opened(), SP, SB],
    grant({ product: 'DSP', granted: eur('700.00'), appliedAt: BEFORE_OPENING }, { convert: noRate }),
    'invalid-command',
  ],
  [
    'before the opening',
    [opened(), SP, SB],
    grant({ granted: eur('700.00'), appliedAt: BEFORE_OPENING }, { convert: noRate }),
    'invalid-command',
  ],
  [
    'not in the currency of the terms',
    [opened(), SP, SB],
    grant({ granted: eur('700.00') }, { convert: noRate }),
    'currency-mismatch',
  ],
  [
    'a product that was given for',
    [opened(), SB, SP],
    grant({ granted: usd('700.00') }, { convert: noRate }),
    'already-granted',
  ],
  ['over the cap', [opened(), SB], grant({ granted: usd('700.00') }, { convert: noRate }), 'cap-exceeded'],
  ['no rate', [opened(), SB], grant({}, { convert: noRate }), 'no-fx-rate'],
  // A click.
  ['of a click: no account', [], FOREIGN_CLICK, 'unknown-account'],
  ['before the opening', [opened('GBP')], FOREIGN_CLICK, 'invalid-command'],
  ['not in the currency of the account', [opened('GBP')], click({ cost: '1.00', on: OPENED_AT }), 'currency-mismatch'],
  // Impressions.
  ['of impressions: no account', [], FOREIGN_IMPRESSIONS, 'unknown-account'],
  ['before the opening', [opened('GBP')], FOREIGN_IMPRESSIONS, 'invalid-command'],
  ['not in the currency of the account', [opened('GBP')], impressions({ count: 1, cpm: '1.00' }), 'currency-mismatch'],
  // A reversal.
  ['of a reversal: no account', [], reversal('k-9', BEFORE_OPENING), 'unknown-account'],
  ['no click', [opened(), SP, CLICK], reversal('k-9', BEFORE_OPENING), 'unknown-click'],
  [
    'before its click',
    [opened(), SP, CLICK, revoked('sp', '2022-10-20T00:00Z', '4.00', '6.00')],
    reversal('k-1', BEFORE_OPENING),
    'invalid-command',
  ],
  // A revocation.
  ['of a revocation: no account', [], revocation('zz', BEFORE_OPENING), 'unknown-account'],
  ['no credit', [opened(), SP, CLICK], revocation('zz', BEFORE_OPENING), 'unknown-credit'],
  ['before a draw', [opened(), SP, CLICK], revocation('sp', BEFORE_OPENING), 'revocation-too-early'],
  [
    'before the expiry of a swept credit',
    [opened(), SP, expired('sp', '10.00')],
    revocation('sp', BEFORE_OPENING),
    'revocation-too-early',
  ],
  ['before the credit was applied', [opened(), SP], revocation('sp', BEFORE_OPENING), 'invalid-command'],
];

describe('of several refusals the first is answered', () => {
  it.each(ROWS)('%s', (_, events, command, refused) => {
    given(...events)
      .when(command)
      .thenRefused(refused);
  });

  it('in the order of the list, but for invalid-command by the state of the ledger', () => {
    const grantRows = ROWS.slice(0, 8).map(([, , , refused]) => refused);
    const listed = grantRows.filter((code) => code !== 'invalid-command').map((code) => REFUSAL_CODES.indexOf(code));
    expect(listed).toEqual([...listed].sort((a, b) => a - b));
    expect(new Set(REFUSAL_CODES).size).toBe(REFUSAL_CODES.length);
  });
});
