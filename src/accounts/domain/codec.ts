import type { StateCodec } from '../../kernel/decider.js';
import type { AccountState, CreditState } from './account.js';
import { holdingOf, movementsOf } from './holding.js';

/** As JSON has no bigint, and a list of movements may be too long to nest. Amounts are minor units, in decimal. */
interface WrittenCredit extends Omit<CreditState, 'granted' | 'holding' | 'drawn'> {
  readonly granted: string;
  readonly drawn: string;
  /** The earliest first; their times are in ms. */
  readonly movements: readonly (readonly [at: number, after: string])[];
}

type WrittenAccount = Omit<AccountState, 'credits'> & { readonly credits: readonly WrittenCredit[] };

const writtenCredit = ({ granted, holding, drawn, ...rest }: CreditState): WrittenCredit => ({
  ...rest,
  granted: granted.toString(),
  drawn: drawn.toString(),
  movements: movementsOf(holding).map(([at, after]) => [at, after.toString()]),
});

const readCredit = ({ granted, drawn, movements, ...rest }: WrittenCredit): CreditState => ({
  ...rest,
  granted: BigInt(granted),
  drawn: BigInt(drawn),
  holding: holdingOf(movements.map(([at, after]) => [at, BigInt(after)])),
});

/** Of an account it is the movements of its unswept credits that may be many; its clicks and impressions are not in the state. */
export const accountCodec: StateCodec<AccountState> = {
  version: 3,
  encode: (state) => JSON.stringify({ ...state, credits: state.credits.map(writtenCredit) } satisfies WrittenAccount),
  decode: (text) => {
    const written = JSON.parse(text) as WrittenAccount;
    return { ...written, credits: written.credits.map(readCredit) };
  },
  weigh: ({ credits }) => credits.reduce((sum, { holding }) => sum + holding.length, 1),
};
