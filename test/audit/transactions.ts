import fc from 'fast-check';
import {
  breakageAccount,
  clicksAccount,
  creditAccount,
  grantsAccount,
  receivableAccount,
  revokedAccount,
  type LedgerAccount,
} from '../../src/accounts/domain/postings.js';
import type { Entry, Transaction } from '../../src/audit/transactions.js';
import {
  accountStream,
  CREDIT_ID,
  DOTLESS_IDENTIFIER,
  IDENTIFIER,
  MARKETPLACE,
  PRODUCT,
} from '../../src/kernel/identifiers.js';
import { instantOf, LATEST, epochMs, type Instant } from '../../src/kernel/instant.js';

/** Ids of every kind that the ledger takes, with those that another program could mistake for something of its own. */
const hostile = (pattern: RegExp, ...some: readonly string[]) =>
  fc.oneof(
    fc.stringMatching(pattern),
    fc.constantFrom(
      ...['-1-1', '/x', ':', '::', '-', '_', 'Z', 'z', 'Z-a', 'Z3A', 'ZZ', '--', '0', 'a:b', 'revoked', ...some].filter(
        (id) => pattern.test(id),
      ),
    ),
  );

export const ids = {
  advertiser: hostile(DOTLESS_IDENTIFIER),
  promotion: hostile(DOTLESS_IDENTIFIER, '2022-10-04', 'date:2022-01-01'),
  click: hostile(IDENTIFIER, '.', '..', '1.00', 'a.b'),
  credit: hostile(CREDIT_ID, '.', 'liabilities:credits', 'a:DE:SP', 'p:a:DE:SP'),
  marketplace: fc.oneof(fc.stringMatching(MARKETPLACE), fc.constantFrom('DE', 'US', 'ZA', 'ZZ')),
  product: hostile(PRODUCT, 'SP', 'SB'),
};

/** Every account that the chart of accounts can have. */
export const accounts: fc.Arbitrary<LedgerAccount> = fc.oneof(
  fc.tuple(ids.advertiser, ids.marketplace, ids.credit).map((levels) => creditAccount(...levels)),
  fc.tuple(ids.advertiser, ids.marketplace).map((levels) => receivableAccount(...levels)),
  ids.promotion.map(grantsAccount),
  ids.promotion.map(revokedAccount),
  ids.promotion.map(breakageAccount),
  ids.product.map(clicksAccount),
);

/** What a client may write for people to read, and what a program could take for more than that. */
export const reasons = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  fc.constantFrom(
    '=1+1',
    '  two  blanks  ; a comment',
    'a, date: 2001-01-01, b:c',
    'x  ; [2001-01-01=2002-02-02] date:2001-01-01',
    '[2001-01-01=2002-02-02] [=2003-03-03]',
    'line\nliabilities:credits:x  1.00 EUR\r\n\r\n2022-01-01 * "x"',
    '"quoted" \\n \\ | \u2028 \u0000 \u0085 \t ﻿ 100 % {a} (b) <c> #tag ^link @ @@ = * !',
    '誤り 🙂 no\u00a0break',
    ':a:b:',
    "'quoted'",
  ),
);

export const CURRENCIES = ['EUR', 'USD', 'JPY', 'KWD'] as const;
const currency = fc.constantFrom(...CURRENCIES);
/** Of what one fact may come to, to the most that a client may say. */
const minor = fc.oneof(fc.bigInt(1n, 10n ** 15n), fc.bigInt(1n, 30_000n));

const instants = (earliest: string): fc.Arbitrary<Instant> =>
  fc.oneof(
    fc.integer({ min: Date.parse('2022-09-01'), max: Date.parse('2022-12-31') }).map(instantOf),
    fc.integer({ min: Date.parse(earliest), max: epochMs(LATEST) }).map(instantOf),
  );

type Legs = readonly Pick<Entry, 'account' | 'amountMinor' | 'currency' | 'cost'>[];

/** A grant, at a cost in another currency or not. */
const granted: fc.Arbitrary<Legs> = fc
  .tuple(ids.promotion, fc.tuple(ids.advertiser, ids.marketplace, ids.credit), minor, currency, minor, currency)
  .map(([promotionId, credit, cost, costCurrency, applied, of]) => [
    { account: grantsAccount(promotionId), amountMinor: cost, currency: costCurrency },
    of === costCurrency
      ? { account: creditAccount(...credit), amountMinor: -cost, currency: of }
      : {
          account: creditAccount(...credit),
          amountMinor: -applied,
          currency: of,
          cost: { amountMinor: -cost, currency: costCurrency },
        },
  ]);

/** Some amounts on some accounts, and on another what makes them nothing. */
const moved: fc.Arbitrary<Legs> = fc
  .tuple(fc.array(fc.tuple(accounts, minor), { minLength: 1, maxLength: 4 }), accounts, currency)
  .map(([legs, last, of]) => [
    ...legs.map(([account, amountMinor]) => ({ account, amountMinor, currency: of })),
    { account: last, amountMinor: -legs.reduce((sum, [, each]) => sum + each, 0n), currency: of },
  ]);

/** Transactions that balance, of accounts, words and days that are as odd as the ledger allows. */
export const transactions = (earliest = '0000-01-01T00:00:00Z'): fc.Arbitrary<readonly Transaction[]> =>
  fc
    .array(
      fc.record({
        legs: fc.oneof(granted, moved),
        advertiserId: ids.advertiser,
        marketplace: ids.marketplace,
        id: ids.click,
        reason: reasons,
        effectiveAt: instants(earliest),
        recordedAt: instants(earliest),
      }),
      // So many that a trap which few fall into is found in few runs: each of them starts programs.
      { minLength: 1, maxLength: 60, size: 'max' },
    )
    .map((all) =>
      all.map(({ legs, advertiserId, marketplace, id, reason, effectiveAt, recordedAt }, index) => ({
        position: BigInt(index + 1),
        recordedAt,
        effectiveAt,
        event: {
          stream: accountStream(advertiserId, marketplace),
          revision: index,
          id: `ClickReversed:${id}`,
          type: 'ClickReversed',
        },
        advertiserId,
        marketplace,
        description: `Reversal of click ${id}: ${reason}`,
        postings: legs,
      })),
    );

export async function* streamed<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

export async function textOf(chunks: AsyncIterable<string | Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
  return text;
}
