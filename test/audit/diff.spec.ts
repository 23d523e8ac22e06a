import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Diff, type AccountDifference, type Change } from '../../src/audit/diff.js';
import { EventStore, type Position } from '../../src/event-store/event-store.js';
import { byCodeUnit } from '../../src/kernel/identifiers.js';
import { instantOf, LATEST, type Instant } from '../../src/kernel/instant.js';
import { isRefusal, type Refusal } from '../../src/kernel/refusal.js';
import type { AccountKey } from '../../src/read-models/accounts-queries.js';
import type { AccountLine } from '../../src/read-models/audit-reader.js';
import type { Page, Paging } from '../../src/read-models/cursors.js';
import type { Moment } from '../../src/read-models/moment.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import type { StatementLine } from '../../src/read-models/statement.js';
import { Coverage } from '../model/coverage.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import { Player, recordRates } from '../model/player.js';
import { histories } from '../model/steps.js';
import type { Auditor } from '../support/auditor/auditor.js';

const RUNS = Number(process.env['DIFF_RUNS'] ?? 40);
const SEED = Number(process.env['DIFF_SEED'] ?? Date.now() % 2 ** 31);
/** Any will do; a fixed one makes the time this takes the same each time. */
const SEED_OF_BUGS = 20_221_101;

type Compared = Pick<Diff, 'accounts' | 'changes'>;

let ledger: InProcessLedger;
let rates: Auditor;
beforeAll(async () => {
  ledger = await InProcessLedger.start();
  rates = await recordRates(ledger);
});
afterAll(() => ledger.stop());

/** All that is said of an account at a moment; null where it is not known. */
function answersOf({ advertiserId, marketplace }: AccountKey, moment: Moment) {
  const [queries, models] = [ledger.app.get(Queries), ledger.app.get(ReadModels)];
  const balance = queries.balance(moment, advertiserId, marketplace);
  if (isRefusal(balance)) return null;
  const { standing, paymentValid } = models.accounts.accountAt(advertiserId, marketplace, moment)!;
  const lines: StatementLine[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const paging = cursor === undefined ? { limit: 500 } : { limit: 500, cursor };
    const page = unlessRefused(queries.statement(moment, advertiserId, marketplace, paging));
    lines.push(...page.items);
    cursor = page.next;
  }
  const { available, billed, credits } = balance;
  return { figures: { available, billed, standing, paymentValid }, credits, lines };
}
type Answers = NonNullable<ReturnType<typeof answersOf>>;

/** What was answered, with what the difference says of it: it must become what is answered. */
function applied(before: Answers | null, difference: AccountDifference, changes: readonly Change[]): Answers {
  expect(difference.before).toEqual(before && before.figures);
  expect(difference.events).toBe(changes.length);
  expect(difference.changes).toEqual(changes.slice(0, 20));
  const credits = new Map((before?.credits ?? []).map((credit) => [credit.creditId, credit]));
  for (const { creditId, before: was, after } of difference.credits) {
    expect(was).toEqual(credits.get(creditId) ?? null);
    credits.set(creditId, after);
  }
  const lapsed = new Set(difference.lapses.map(({ before: was }) => JSON.stringify(was)));
  const lines: AccountLine[] = [
    ...(before?.lines ?? []).map(({ balance: _, ...line }) => line).filter((line) => !lapsed.has(JSON.stringify(line))),
    ...difference.lapses.flatMap(({ after }) => (after ? [after] : [])),
    ...changes.flatMap(({ line }) => (line ? [line] : [])),
  ];
  return {
    figures: difference.after,
    credits: [...credits.values()].sort(
      (a, b) => byCodeUnit(a.appliedAt, b.appliedAt) || byCodeUnit(a.creditId, b.creditId),
    ),
    lines: withBalances(lines.sort(inOrder)),
  };
}

const placeOf = ({ position }: AccountLine) => (position === null ? 2n ** 63n : BigInt(position));
const inOrder = (a: AccountLine, b: AccountLine): number =>
  byCodeUnit(a.effectiveAt, b.effectiveAt) ||
  Number(placeOf(a) - placeOf(b)) ||
  byCodeUnit(a.creditId ?? '', b.creditId ?? '');

function withBalances(lines: readonly AccountLine[]): StatementLine[] {
  const digits = lines[0]?.amount.split('.')[1]?.length ?? 0;
  let minor = 0n;
  return lines.map((line) => {
    minor += BigInt(line.amount.replace('.', ''));
    // Lines of one instant stand in the order recorded: between them it may be negative.
    const text = String(minor < 0n ? -minor : minor).padStart(digits + 1, '0');
    const unsigned = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
    const balance = minor < 0n ? `-${unsigned}` : unsigned;
    return { ...line, balance };
  });
}

function unlessRefused<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`${answer.refused}: ${answer.detail}`);
  return answer;
}

async function everyItem<Item>(limit: number, ask: (paging: Paging) => Promise<Page<Item> | Refusal>): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: Page<Item> = unlessRefused(await ask(cursor === undefined ? { limit } : { limit, cursor }));
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

/** Every account of which the difference tells, and every one of the history's of which it does not. */
async function differencesAgree(
  diff: Compared,
  from: Position,
  to: Moment,
  accounts: readonly AccountKey[],
  limit: number,
) {
  const told = await everyItem(limit, (paging) => diff.accounts(from, to, paging));
  const names = told.map(({ advertiserId, marketplace }) => `${advertiserId}.${marketplace}`);
  expect(new Set(names).size).toBe(names.length);
  for (const key of accounts) {
    const before = answersOf(key, { ...to, known: from });
    const after = answersOf(key, to);
    const difference = told.find(
      ({ advertiserId, marketplace }) => advertiserId === key.advertiserId && marketplace === key.marketplace,
    );
    if (!difference) {
      expect(after).toEqual(before);
      continue;
    }
    const changes = await everyItem(limit, (paging) => diff.changes(key, from, to, paging));
    expect(applied(before, difference, changes)).toEqual(after);
  }
}

/** The accounts that have events from a position on. */
async function accountsAfter(after: Position): Promise<AccountKey[]> {
  const accounts = new Map<string, AccountKey>();
  for await (const { stream, data } of ledger.app.get(EventStore).readAll({ after })) {
    if (stream.startsWith('account-')) accounts.set(stream, data as AccountKey);
  }
  return [...accounts.values()];
}

let played = 0;

const questions = fc.array(
  fc.record({
    from: fc.nat(997),
    to: fc.nat(997),
    day: fc.integer({ min: 0, max: 200 }),
    limit: fc.constantFrom(1, 2, 500),
  }),
  { minLength: 6, maxLength: 6 },
);

async function lookedAt(diff: Compared, seed: number, numRuns: number) {
  const property = fc.asyncProperty(histories, questions, async (history, asked) => {
    played += 1;
    const start = await ledger.app.get(ReadModels).caughtUp();
    await new Player(ledger, rates, new Coverage(), history, `d${played}`).play();
    const head = await ledger.app.get(ReadModels).caughtUp();
    const accounts = await accountsAfter(start);
    const length = Number(head - start) + 1;
    for (const { from, to, day, limit } of asked) {
      const [k1, k2] = [from % length, to % length].sort((a, b) => a - b);
      const asOf = instantOf(Date.parse('2022-09-01T00:00:00Z') + day * 86_400_000) satisfies Instant;
      await differencesAgree(diff, start + BigInt(k1!), { asOf, known: start + BigInt(k2!) }, accounts, limit);
    }
  });
  return fc.check(property, { seed, numRuns, endOnFailure: true });
}

it(
  `what was answered, and the difference, come to what is answered, in ${RUNS} random histories (DIFF_SEED=${SEED} DIFF_RUNS=${RUNS})`,
  async () => {
    const { failed, errorInstance, counterexamplePath } = await lookedAt(ledger.app.get(Diff), SEED, RUNS);
    expect([failed, counterexamplePath, errorInstance ?? null]).toEqual([false, null, null]);
  },
  60_000 + RUNS * 5_000,
);

const changing = (diff: Diff, change: (item: AccountDifference) => AccountDifference): Compared => ({
  changes: (...asked) => diff.changes(...asked),
  async accounts(...asked) {
    const page = await diff.accounts(...asked);
    return isRefusal(page) ? page : { ...page, items: page.items.map(change) };
  },
});

const BUGS: Readonly<Record<string, (diff: Diff) => Compared>> = {
  'changes of a lapse are left out': (diff) => changing(diff, (item) => ({ ...item, lapses: [] })),
  'a changed credit is left out': (diff) => changing(diff, (item) => ({ ...item, credits: item.credits.slice(1) })),
  'the figures before are those after': (diff) => changing(diff, (item) => ({ ...item, before: item.after })),
  'an account is left out': (diff) => ({
    changes: (...asked) => diff.changes(...asked),
    async accounts(...asked) {
      const page = await diff.accounts(...asked);
      return isRefusal(page) ? page : { ...page, items: page.items.slice(1) };
    },
  }),
  'facts of after asOf are told': (diff) => ({
    changes: (key, from, moment, paging) => diff.changes(key, from, { ...moment, asOf: LATEST }, paging),
    accounts: (...asked) => diff.accounts(...asked),
  }),
  'the first event after the earlier moment is left out': (diff) => ({
    changes: (key, from, moment, paging) => diff.changes(key, from + 1n, moment, paging),
    accounts: (...asked) => diff.accounts(...asked),
  }),
};

describe('a difference is found wrong when', () => {
  it.each(Object.entries(BUGS))(
    '%s',
    async (_, bug) => {
      const { failed, errorInstance } = await lookedAt(bug(ledger.app.get(Diff)), SEED_OF_BUGS, 100);
      expect([failed, String(errorInstance)]).toEqual([true, expect.stringContaining('expect(')]);
    },
    60_000,
  );
});
