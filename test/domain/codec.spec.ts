import { expect, it } from '@jest/globals';
import { accountDecider } from '../../src/accounts/domain/account.js';
import { applied, expired, opened, parts, reversed, revoked, spent } from './account-examples.js';

const codec = accountDecider.codec!;

/** Something of everything that a state remembers. */
const HISTORY = [
  opened(),
  applied('sp', '10.00'),
  applied('sb', '20.00'),
  applied('sd', '5.00'),
  spent({ id: 'k-1', cost: '12.00', on: '2022-10-10T12:00Z' }, parts('sb', '12.00')),
  spent({ id: 'k-2', cost: '1.00', on: '2022-10-08T12:00Z' }, parts('sb', '1.00')),
  reversed('k-1', '2022-10-12T12:00Z', { restored: parts('sb', '12.00') }),
  revoked('sp', '2022-10-20T12:00Z', '10.00', '0.00'),
  expired('sd', '5.00'),
];

it('writes of a history what this version of it always wrote; when this changes, the version must', () => {
  const state = HISTORY.reduce((folded, event) => accountDecider.evolve(folded, event), accountDecider.initial);
  const credit = {
    promotionId: 'amazon-ads-api-click-credit-2022',
    appliedAt: '2022-10-04T07:00:00.000Z',
    expiresAt: '2022-11-03T07:00:00.000Z',
    sweepableAt: '2022-11-06T07:00:00.000Z',
    appliesTo: ['SP', 'SB', 'SD'],
    spendKinds: null,
    stage: null,
    lastMovedAt: null,
    swept: false,
    revoked: null,
    granted: '20000',
    drawn: '0',
    movements: [[Date.parse('2022-10-04T07:00:00.000Z'), '0']],
  };
  expect([codec.version, JSON.parse(codec.encode(state))]).toEqual([
    3,
    {
      opened: { currency: 'EUR', at: '2022-06-01T09:00:00.000Z' },
      credits: [
        {
          ...credit,
          creditId: 'sb',
          product: 'SB',
          drawn: '100',
          lastMovedAt: '2022-10-12T12:00:00.000Z',
          movements: [
            [Date.parse('2022-10-04T07:00:00.000Z'), '2000'],
            [Date.parse('2022-10-08T12:00:00.000Z'), '1900'],
            [Date.parse('2022-10-10T12:00:00.000Z'), '700'],
            [Date.parse('2022-10-12T12:00:00.000Z'), '1900'],
          ],
        },
        { ...credit, creditId: 'sd', product: 'SD', swept: true },
        { ...credit, creditId: 'sp', product: 'SP', revoked: { at: '2022-10-20T12:00:00.000Z', clawback: true } },
      ],
    },
  ]);
  expect(codec.decode(codec.encode(state))).toStrictEqual(state);
});
