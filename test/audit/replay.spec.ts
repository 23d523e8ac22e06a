import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { creditBalances } from '../../projections/credit-balances.js';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { effectiveAtOf } from '../../src/accounts/domain/postings.js';
import { spentBy } from '../../src/audit/qualifications.js';
import { replay, type Replayed } from '../../src/audit/replay.js';
import type { NewEvent } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { instantOf, LATEST, type Instant } from '../../src/kernel/instant.js';
import { minorOf, moneyOf } from '../../src/kernel/money.js';

const STREAM = 'account-adv-1.DE';
const OWNER = { advertiserId: 'adv-1', marketplace: 'DE' };
const CREDITS = ['c-1', '__proto__', '7'] as const;
const money = (minor: bigint) => moneyOf(minor, 'EUR');
const atDay = (day: number): Instant => instantOf(Date.UTC(2022, 7, 1 + day));

interface Fact {
  readonly kind: 'click' | 'impressions' | 'reversal' | 'revocation' | 'expiry';
  readonly credits: readonly (typeof CREDITS)[number][];
  /** Small ones, and such as a number no longer holds when they are summed. */
  readonly part: bigint;
  readonly bill: bigint;
  readonly day: number;
}

const minor = fc.oneof(fc.bigInt({ min: 0n, max: 99n }), fc.bigInt({ min: 10n ** 14n, max: 10n ** 16n }));
const facts: fc.Arbitrary<Fact[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('click', 'click', 'click', 'impressions', 'reversal', 'revocation', 'expiry'),
    credits: fc.subarray([...CREDITS]),
    part: minor,
    bill: minor,
    day: fc.integer({ min: 1, max: 5 }),
  }),
  { maxLength: 30 },
);

/** The history of an account whose facts come late, or in no order: what they say of amounts need not be decided rightly. */
function historyOf(all: readonly Fact[]): AccountEvent[] {
  const opened = { type: 'AccountOpened', data: { ...OWNER, currency: 'EUR', occurredAt: atDay(0) } };
  const given = CREDITS.map((creditId, revision) => {
    const ends = { appliedAt: atDay(0), expiresAt: atDay(90) };
    return { type: 'CreditApplied', data: { ...OWNER, creditId, applied: money(5n), revision, ...ends } };
  });
  const recorded = all.map(({ kind, credits, part, bill, day }, n) => {
    const draws = credits.map((creditId) => ({ creditId, amount: money(part) }));
    const about = { ...OWNER, product: 'SP', occurredAt: atDay(day), billable: money(bill) };
    const creditId = credits[0] ?? 'c-1';
    switch (kind) {
      case 'click':
        return { type: 'ClickSpent', data: { ...about, clickId: `s-${n}`, draws } };
      case 'impressions':
        // Of the same id as a click may be that is reversed.
        return { type: 'ImpressionsSpent', data: { ...about, impressionsId: `s-${n - 1}`, draws } };
      case 'reversal':
        return {
          type: 'ClickReversed',
          data: { ...about, clickId: `s-${n >> 1}`, restored: draws, forfeited: [], unclawed: [] },
        };
      case 'revocation':
        return { type: 'CreditRevoked', data: { ...about, creditId, amount: money(part), clawedBack: money(bill) } };
      case 'expiry':
        return { type: 'CreditExpired', data: { ...OWNER, creditId, amount: money(part), expiredAt: atDay(day) } };
    }
  });
  return [opened, ...given, ...recorded] as AccountEvent[];
}

/** One event after the other, and what was spent put in order at the end. */
function plainly(history: readonly AccountEvent[], asOf: Instant) {
  const events = history.filter((event) => effectiveAtOf(event) <= asOf);
  const reversed = events.flatMap(({ type, data }) => (type === 'ClickReversed' ? [data.clickId] : []));
  const spend = events.flatMap(({ type, data }) => {
    if (type !== 'ClickSpent' && type !== 'ImpressionsSpent') return [];
    const { product, occurredAt: at, billable } = data;
    const what = { at, product, own: minorOf(billable) };
    if (type === 'ImpressionsSpent') return [{ id: data.impressionsId, kind: 'impressions', ...what }];
    return reversed.includes(data.clickId) ? [] : [{ id: data.clickId, kind: 'clicks', ...what }];
  });
  const balances = events.reduce((state, event) => creditBalances.evolve(state, event), creditBalances.initial());
  return { balances, spend: spend.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)) };
}

async function stored(history: readonly AccountEvent[]): Promise<MemoryEventStore> {
  const store = new MemoryEventStore();
  const events = history.map((event, n): NewEvent => ({
    ...event,
    id: `${event.type}:${n}`,
    metadata: { version: 1 },
  }));
  await store.append(STREAM, 'none', events);
  return store;
}

const told = ({ accounts, grants, events }: Replayed) => {
  const { advertiserId: _, marketplace: __, openedAt: ___, ...balances } = accounts.get(STREAM)!;
  return { balances: JSON.stringify(balances), grants: grants.get(STREAM)?.size, events };
};

/** `folds` is what is replayed of the history: all of it, unless a test plants a fault. */
const replays = (folds: (history: AccountEvent[]) => AccountEvent[] = (history) => history) =>
  fc.asyncProperty(facts, fc.nat({ max: 30 }), fc.integer({ min: 1, max: 6 }), async (all, later, day) => {
    const history = historyOf(all);
    const known = Math.max(4, history.length - later);
    const store = await stored(folds(history));
    const { balances, spend } = plainly(history.slice(0, known), atDay(day));
    const moment = { asOf: atDay(day), known: BigInt(known) };
    expect(told(await replay(store, moment))).toEqual({ balances: JSON.stringify(balances), grants: 3, events: known });
    expect(await spentBy(OWNER, store, moment)).toEqual(spend);
  });

describe('a replay', () => {
  it('gives what one event after the other gives, at any moment of both times', () =>
    fc.assert(replays(), { numRuns: 1000 }));

  it.each<[fault: string, planted: (event: AccountEvent) => AccountEvent]>([
    ['a draw that is off by one beyond what a number holds', (event) => altered(event, 'ClickSpent', 'draws')],
    ['a bill that is', (event) => altered(event, 'ImpressionsSpent', 'billable')],
    ['a reversal that is', (event) => altered(event, 'ClickReversed', 'restored')],
  ])('would be found out: %s', async (_, planted) => {
    const checked = await fc.check(
      replays((history) => history.map(planted)),
      { numRuns: 300 },
    );
    expect(checked.failed).toBe(true);
  });

  it('is of nothing when nothing was known', async () => {
    const store = await stored(historyOf([]));
    const { accounts, events } = await replay(store, { asOf: LATEST, known: 0n });
    expect([accounts.size, events]).toEqual([0, 0]);
  });
});

/** By the least there is, of amounts so large that it is lost in a sum of numbers. */
function altered(
  event: AccountEvent,
  type: AccountEvent['type'],
  field: 'draws' | 'restored' | 'billable',
): AccountEvent {
  if (event.type !== type) return event;
  const text = JSON.stringify(event).split(`"${field}":`);
  const off = text[1]!.replace(
    /(\d{12}\.\d)(\d)/,
    (_, rest: string, last: string) => rest + (last === '0' ? '1' : '0'),
  );
  return JSON.parse([text[0], off].join(`"${field}":`)) as AccountEvent;
}
