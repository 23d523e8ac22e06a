import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { accountDecider, type AccountState } from '../../src/accounts/domain/account.js';
import type { StateCodec } from '../../src/kernel/decider.js';
import type { AccountDecider } from './bugs.js';
import { Coverage } from './coverage.js';
import { InProcessLedger } from './ledger-under-test.js';
import { ledgerAgrees } from './model.js';

const codec = accountDecider.codec!;
const SEED = 20_221_004;
/** More than any stack holds. */
const MOVEMENTS = 200_000;

/** The decider of accounts, which writes each state down and goes on with what it reads of it. */
const forgetful = (by: StateCodec<AccountState>): AccountDecider => ({
  ...accountDecider,
  evolve: (state, event) => by.decode(by.encode(accountDecider.evolve(state, event))),
});

async function play(decider: AccountDecider, numRuns: number) {
  const ledger = await InProcessLedger.start({ accountDecider: decider });
  try {
    return await fc.check(await ledgerAgrees(ledger, new Coverage()), { seed: SEED, numRuns, endOnFailure: true });
  } finally {
    await ledger.stop();
  }
}

describe("a written account's state", () => {
  it('is read as it was, whatever happened to the account', async () => {
    let differing: AccountState | undefined;
    const { failed } = await play(
      {
        ...accountDecider,
        evolve: (before, event) => {
          const state = accountDecider.evolve(before, event);
          if (!isDeepStrictEqual(codec.decode(codec.encode(state)), state)) differing = state;
          return state;
        },
      },
      100,
    );
    expect([failed, differing]).toEqual([false, undefined]);
  });

  it('decides and evolves as the state itself, after each event of random histories', async () => {
    expect((await play(forgetful(codec), 60)).failed).toBe(false);
  });

  it.each<[string, (state: AccountState) => AccountState]>([
    ['when a credit last moved', (state) => withCredits(state, () => ({ lastMovedAt: null }))],
    ['that a credit was swept', (state) => withCredits(state, () => ({ swept: false }))],
    [
      'all movements but the last',
      (state) =>
        withCredits(state, ({ holding: { at, after } }) => ({
          holding: { at, after, before: null, length: 1 },
        })),
    ],
  ])('would be found wrong by that test if it lost %s', async (_, losing) => {
    const { failed } = await play(forgetful({ ...codec, decode: (text) => losing(codec.decode(text)) }), 400);
    expect(failed).toBe(true);
  });

  it('may have very many movements', () => {
    let holding = accountDecider.initial.credits[0]?.holding ?? null;
    for (let length = 1; length <= MOVEMENTS; length += 1) {
      holding = { at: '2022-10-04T07:00:00.000Z' as never, after: BigInt(length) ** 2n, before: holding, length };
    }
    const state = { ...accountDecider.initial, credits: [{ holding, granted: 1n, drawn: 2n } as never] };
    const read = codec.decode(codec.encode(state)).credits[0]!.holding;
    expect([read.length, read.after, read.before?.after]).toEqual([
      MOVEMENTS,
      BigInt(MOVEMENTS) ** 2n,
      BigInt(MOVEMENTS - 1) ** 2n,
    ]);
    expect(codec.weigh(state)).toBe(MOVEMENTS + 1);
  });
});

type Credit = AccountState['credits'][number];
const withCredits = (state: AccountState, change: (credit: Credit) => Partial<Credit>): AccountState => ({
  ...state,
  credits: state.credits.map((credit) => ({ ...credit, ...change(credit) })),
});
