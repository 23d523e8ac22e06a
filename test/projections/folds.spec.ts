import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { creditBalances, type CreditBalances, moved, movementsOf } from '../../projections/credit-balances.js';
import { currencyConversions } from '../../projections/currency-conversions.js';
import { disbursements } from '../../projections/disbursements.js';
import { qualifyingWeeks, type QualifyingWeeks } from '../../projections/qualifying-weeks.js';
import type { ClickSpent } from '../../src/accounts/domain/events.js';
import { instantOf } from '../../src/kernel/instant.js';
import { formatMinor } from '../../src/kernel/money.js';
import { folded, type Projection, type Told } from './folds.js';

const told = (type: string, data: Told['data']): Told => ({ stream: 'of-no-matter', type, data });

/** Few instants, so that many facts share one. */
const instants = fc.integer({ min: 0, max: 6 }).map((day) => instantOf(Date.UTC(2022, 7, 22 + day)));
const byTime = (a: { at: string }, b: { at: string }) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0);

const OWNER = { advertiserId: 'adv-1', marketplace: 'DE', product: 'SP' };
const CALL = { partnerId: 'partner-1', method: 'PUT', path: '/v2/sp/campaigns' };

const campaignFacts = fc
  .array(fc.record({ kind: fc.constantFrom('on', 'pause', 'end', 'change'), at: instants }), { maxLength: 12 })
  .map((facts) =>
    facts.map(({ kind, at: occurredAt }, serial) => {
      const campaignId = 'c-1';
      if (kind === 'on') return told('CampaignActivated', { ...OWNER, campaignId, occurredAt });
      if (kind === 'pause') return told('CampaignPaused', { campaignId, reason: 'budget', occurredAt });
      if (kind === 'end') return told('CampaignEnded', { campaignId, occurredAt });
      // The serial tells calls of one instant apart.
      const call = { ...OWNER, ...CALL, changeId: `ch-${serial}`, campaignId, changes: serial + 1, occurredAt };
      return told('ApiChangeRecorded', call);
    }),
  );
const occurredAt = ({ data }: Told) => data['occurredAt'] as string;
const distinctTimes = campaignFacts.map((facts) => [
  ...new Map(facts.map((fact) => [occurredAt(fact), fact])).values(),
]);

/** Whatever the order in which facts of different times are recorded, the state is that of the order of their times. */
const anyOrder = (projection: Projection<QualifyingWeeks>) =>
  fc.property(
    distinctTimes.chain((facts) =>
      fc.tuple(fc.constant(facts), fc.shuffledSubarray(facts, { minLength: facts.length })),
    ),
    ([facts, shuffled]) => {
      const inOrder = facts.toSorted((a, b) => (occurredAt(a) < occurredAt(b) ? -1 : 1));
      expect(folded(projection, shuffled)).toStrictEqual(folded(projection, inOrder));
    },
  );

describe('qualifying-weeks', () => {
  it('does not depend on the order of recording', () => {
    fc.assert(anyOrder(qualifyingWeeks));
  });

  it('would be found out if it did', () => {
    const asRecorded: Projection<QualifyingWeeks> = {
      ...qualifyingWeeks,
      evolve: (state, event: Parameters<typeof qualifyingWeeks.evolve>[1]) => {
        const { activity } = qualifyingWeeks.evolve({ ...state, activity: [] }, event);
        return { ...qualifyingWeeks.evolve(state, event), activity: [...state.activity, ...activity] };
      },
    };
    expect(fc.check(anyOrder(asRecorded)).failed).toBe(true);
  });

  it('keeps every fact, in the order of their times and then of recording', () => {
    fc.assert(
      fc.property(campaignFacts, (facts) => {
        const { activity, changes } = folded(qualifyingWeeks, facts);
        const calls = facts.filter(({ type }) => type === 'ApiChangeRecorded');
        const switches = facts.filter(({ type }) => type !== 'ApiChangeRecorded');
        expect(activity).toEqual(
          switches
            .map((fact) => ({ at: occurredAt(fact), active: fact.type === 'CampaignActivated' }))
            .toSorted(byTime),
        );
        expect(changes).toEqual(
          calls.map((fact) => ({ at: occurredAt(fact), ...CALL, changes: fact.data['changes'] })).toSorted(byTime),
        );
      }),
    );
  });
});

describe('currency-conversions', () => {
  it('has the latest effective first, of one time the last recorded first', () => {
    const rate = fc.record({ source: fc.constantFrom('ECB', 'BOJ', 'FED'), effectiveAt: instants });
    fc.assert(
      fc.property(fc.array(rate, { maxLength: 12 }), (rates) => {
        const recorded = rates.map((each, serial) => ({ base: 'EUR', quote: 'USD', rate: `0.${serial + 1}`, ...each }));
        const { rates: sorted } = folded(
          currencyConversions,
          recorded.map((data) => told('FxRateRecorded', data)),
        );
        const byLookUp = recorded.toReversed().map((each) => ({ ...each, at: each.effectiveAt }));
        expect(sorted).toEqual(byLookUp.toSorted((a, b) => -byTime(a, b)).map(({ at: _, ...each }) => each));
      }),
    );
  });
});

describe('disbursements', () => {
  it('lists the runs by date, apart from those that were begun', () => {
    const dates = fc.uniqueArray(fc.constantFrom('2022-10-04', '2022-11-01', '2022-12-06', '2023-01-03'));
    fc.assert(
      fc.property(dates, dates, (begun, completed) => {
        const run = (date: string) => ({ promotionId: 'promo-1', date, runAt: `${date}T07:00:00.000Z` });
        const result = { applied: 0, deferred: 0, credits: [], deferrals: [] };
        const state = folded(disbursements, [
          ...begun.map((date) => told('DisbursementRunStarted', { ...run(date), knownAt: '1' })),
          ...completed.map((date) => told('DisbursementRunCompleted', { ...run(date), ...result })),
        ]);
        expect(state.completed.map(({ date }) => date)).toEqual(completed.toSorted());
        expect(state.begun.map(({ date }) => date)).toEqual([...new Set([...begun, ...completed])]);
      }),
    );
  });
});

/** Names that an object has of itself, and numbers, which an object puts first, are ids like any other. */
const CREDITS = ['c-1', '__proto__', '7', 'constructor'] as const;
const CURRENCY = 'EUR';
const ACCOUNT = { advertiserId: 'adv-1', marketplace: 'DE' };
const money = (minor: bigint) => ({ amount: formatMinor(minor, CURRENCY), currency: CURRENCY });

interface Move {
  readonly kind: 'click' | 'impressions' | 'restored' | 'forfeited' | 'unclawed' | 'revoked' | 'expired';
  readonly creditId: string;
  readonly part: bigint;
  readonly bill: bigint;
}
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('click', 'impressions', 'restored', 'forfeited', 'unclawed', 'revoked', 'expired'),
    creditId: fc.constantFrom(...CREDITS),
    part: fc.bigInt({ min: 1n, max: 10n ** 16n }),
    bill: fc.bigInt({ min: 0n, max: 10n ** 16n }),
  }),
  { maxLength: 20 },
);

function eventOf({ kind, creditId, part, bill }: Move): Told {
  const amount = money(part);
  const parts = { restored: [], forfeited: [], unclawed: [] };
  switch (kind) {
    case 'click':
      return told('ClickSpent', { ...ACCOUNT, draws: [{ creditId, amount }], billable: money(bill) });
    case 'impressions':
      return told('ImpressionsSpent', { ...ACCOUNT, draws: [{ creditId, amount }], billable: money(bill) });
    case 'revoked':
      return told('CreditRevoked', { ...ACCOUNT, creditId, amount, clawedBack: money(bill) });
    case 'expired':
      return told('CreditExpired', { ...ACCOUNT, creditId, amount });
    default:
      return told('ClickReversed', { ...ACCOUNT, ...parts, [kind]: [{ creditId, amount }], billable: money(bill) });
  }
}

function ledgerOf(all: readonly Move[], projection: Projection<CreditBalances> = creditBalances): CreditBalances {
  const opened = told('AccountOpened', { ...ACCOUNT, currency: CURRENCY });
  const given = CREDITS.map((creditId) => told('CreditApplied', { ...ACCOUNT, creditId, applied: money(0n) }));
  return folded(projection, [opened, ...given, ...all.map(eventOf)]);
}

describe('credit-balances', () => {
  /** What each kind of move adds to what a credit holds, to what spend holds of it, and to the bill. */
  const HELD = { click: -1n, impressions: -1n, restored: 1n, forfeited: 0n, unclawed: 0n, revoked: -1n, expired: -1n };
  const DRAWN = { click: 1n, impressions: 1n, restored: -1n, forfeited: -1n, unclawed: -1n, revoked: 0n, expired: 0n };
  const BILLED = { click: 1n, impressions: 1n, restored: -1n, forfeited: -1n, unclawed: -1n, revoked: 1n, expired: 0n };
  const sum = (all: readonly Move[], of: (move: Move) => bigint) => all.reduce((total, move) => total + of(move), 0n);

  it('adds up what each event moves, exactly, beyond what a float can hold', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const { billed, credits } = ledgerOf(all);
        expect(billed).toBe(money(sum(all, ({ kind, bill }) => BILLED[kind] * bill)).amount);
        expect(Object.keys(credits).sort()).toEqual(CREDITS.toSorted());
        for (const [creditId, { held, drawn, revoked }] of Object.entries(credits)) {
          const own = all.filter((move) => move.creditId === creditId);
          expect({ held, drawn, revoked }).toEqual({
            held: money(sum(own, ({ kind, part }) => HELD[kind] * part)).amount,
            drawn: money(sum(own, ({ kind, part }) => DRAWN[kind] * part)).amount,
            revoked: own.some(({ kind }) => kind === 'revoked'),
          });
        }
      }),
    );
  });

  it('adds movements up in any number at once', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const spending = all.filter(({ kind }) => kind !== 'revoked');
        const movements = spending.map((move) => movementsOf(eventOf(move) as unknown as ClickSpent));
        const sum = movements.reduce(
          (total, { billed, credits }) => ({
            billed: total.billed + billed,
            credits: [...total.credits, ...credits],
          }),
          { billed: 0n, credits: [] },
        );
        expect(JSON.stringify(moved(ledgerOf([]), sum))).toBe(JSON.stringify(ledgerOf(spending)));
      }),
    );
  });

  it('goes on from what comes back of its JSON, whatever the ids', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const stored: Projection<CreditBalances> = {
          ...creditBalances,
          evolve: (state, event) => JSON.parse(JSON.stringify(creditBalances.evolve(state, event))) as CreditBalances,
        };
        expect(JSON.stringify(ledgerOf(all, stored))).toBe(JSON.stringify(ledgerOf(all)));
      }),
    );
  });
});

describe('folding', () => {
  it('that wrote to the state or to the event would be found out', () => {
    const writing: Projection<{ types: string[] }> = {
      category: 'account',
      initial: () => ({ types: [] }),
      evolve: (state, event: { type: string }) => {
        state.types.push(event.type);
        return state;
      },
    };
    expect(() => folded(writing, [told('AccountOpened', {})])).toThrow(TypeError);
  });
});
