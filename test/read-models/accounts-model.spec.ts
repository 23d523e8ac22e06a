import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AccountEvent, ClickReversed, ClickSpent, CreditApplied } from '../../src/accounts/domain/events.js';
import type { Recorded } from '../../src/event-store/event-store.js';
import { epochMs, type Instant, instantOf, plusMs } from '../../src/kernel/instant.js';
import { formatMinor, minorOf } from '../../src/kernel/money.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import type { SpendKind } from '../../src/promotions/domain/terms.js';
import { AccountHistory, at } from './account-history.js';

/** Histories on a grid of few instants, so that facts meet at one time, are late, and come after their credit's end. */
const START = at('2022-10-01T00:00:00Z');
const HOURS = 24;
const hour = (n: number): Instant => plusMs(START, n * 3_600_000);

type Step =
  | { do: 'give'; hour: number; lasts: number; amount: number; all: boolean; kind: SpendKind | null }
  | { do: 'spend'; kind: SpendKind; hour: number; amount: number; other: boolean }
  | { do: 'reverse'; hour: number; which: number }
  | { do: 'revoke'; hour: number; which: number; clawback: boolean }
  | { do: 'sweep'; hour: number };

const anHour = fc.integer({ min: 0, max: HOURS });
const which = fc.nat({ max: 30 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('give' as const),
      hour: anHour,
      lasts: fc.integer({ min: 1, max: 14 }),
      amount: fc.integer({ min: 1, max: 300 }),
      all: fc.boolean(),
      kind: fc.constantFrom(null, null, 'clicks' as const, 'impressions' as const),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('spend' as const),
      kind: fc.constantFrom('clicks' as const, 'clicks' as const, 'impressions' as const),
      hour: anHour,
      amount: fc.integer({ min: 1, max: 120 }),
      other: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reverse' as const), hour: anHour, which }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('revoke' as const), hour: anHour, which, clawback: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), hour: anHour }) },
);
const steps = fc.array(step, { minLength: 5, maxLength: 60 });

function play(history: AccountHistory, taken: readonly Step[], from = 0): AccountHistory {
  taken.forEach((step, index) => {
    const nth = from + index;
    const ids = (type: string, key: string) =>
      history.events
        .filter((event) => event.type === type)
        .map((event) => (event.data as Record<string, string>)[key]!);
    const pick = (from: readonly string[], n: number) => from[n % from.length];
    switch (step.do) {
      case 'give': {
        const expiresAt = hour(step.hour + step.lasts);
        return history.give({
          creditId: `credit-${(nth * 7) % 61}-${nth}`,
          appliedMinor: step.amount,
          appliedAt: hour(step.hour),
          expiresAt,
          sweepableAt: plusMs(expiresAt, 3 * 3_600_000),
          appliesTo: step.all ? ['SP', 'SB'] : ['SP'],
          ...(step.kind ? { spendKinds: [step.kind] } : {}),
        });
      }
      case 'spend': {
        const told = [step.amount, hour(step.hour), step.other ? 'SB' : 'SP'] as const;
        return void (step.kind === 'clicks'
          ? history.click(`click-${nth}`, ...told)
          : history.show(`impressions-${nth}`, ...told));
      }
      case 'reverse': {
        const clickId = pick(ids('ClickSpent', 'clickId'), step.which);
        return void (clickId && history.reverse(clickId, hour(step.hour)));
      }
      case 'revoke': {
        const creditId = pick(ids('CreditApplied', 'creditId'), step.which);
        return void (creditId && history.revoke(creditId, hour(step.hour), step.clawback));
      }
      case 'sweep':
        return void history.sweep(hour(step.hour));
    }
  });
  return history;
}

type Fact = AccountEvent & Pick<Recorded, 'position' | 'recordedAt'>;

const known = (events: readonly Recorded[], position: bigint): Fact[] =>
  events.filter((event) => event.position <= position).map((event) => event as unknown as Fact);
const typed = <Type extends AccountEvent['type']>(facts: readonly Fact[], type: Type) =>
  facts.filter((fact) => fact.type === type) as (Fact & { type: Type })[];
const partOf = (parts: ClickSpent['data']['draws'], creditId: string) =>
  parts.reduce((sum, part) => (part.creditId === creditId ? sum + minorOf(part.amount) : sum), 0n);

/** Clicks and impressions. */
const spends = (facts: readonly Fact[]) => [...typed(facts, 'ClickSpent'), ...typed(facts, 'ImpressionsSpent')];

/** What the credit holds by its movements, told from the events alone. */
function heldBy(
  facts: readonly Fact[],
  { creditId, applied, appliedAt, expiresAt }: CreditApplied['data'],
  asOf: Instant,
) {
  if (asOf < appliedAt) return 0n;
  if (asOf >= expiresAt) return 0n;
  if (typed(facts, 'CreditRevoked').some(({ data }) => data.creditId === creditId && data.occurredAt <= asOf))
    return 0n;
  let held = minorOf(applied);
  for (const { data } of spends(facts)) if (data.occurredAt <= asOf) held -= partOf(data.draws, creditId);
  for (const { data } of typed(facts, 'ClickReversed')) {
    if (data.occurredAt <= asOf) held += partOf(data.restored, creditId);
  }
  return held;
}

function foldedBalance(facts: readonly Fact[], asOf: Instant) {
  const past = facts.filter(({ data }) => 'occurredAt' in data && data.occurredAt <= asOf);
  const goneOf = (
    { draws, reversal }: { draws: ClickSpent['data']['draws']; reversal?: ClickReversed['data'] },
    id: string,
  ) => (reversal ? 0n : partOf(draws, id));
  const spent = spends(past).map(({ type, data }) => {
    const isReversed = (fact: ClickReversed) => type === 'ClickSpent' && fact.data.clickId === data.clickId;
    const reversal = typed(past, 'ClickReversed').find(isReversed)?.data;
    return { draws: data.draws, ...(reversal ? { reversal } : {}) };
  });
  let available = 0n;
  const credits = typed(facts, 'CreditApplied')
    .filter(({ data }) => data.appliedAt <= asOf)
    .sort(({ data: a }, { data: b }) => (`${a.appliedAt} ${a.creditId}` < `${b.appliedAt} ${b.creditId}` ? -1 : 1))
    .map(({ data }) => {
      const held = heldBy(facts, data, asOf);
      available += held;
      const revoked = typed(past, 'CreditRevoked').some((fact) => fact.data.creditId === data.creditId);
      const drawn = spent.reduce((sum, each) => sum + goneOf(each, data.creditId), 0n);
      return {
        creditId: data.creditId,
        status: revoked ? 'revoked' : data.expiresAt <= asOf ? 'expired' : held === 0n ? 'exhausted' : 'active',
        remaining: formatMinor(held, 'EUR'),
        drawn: formatMinor(drawn, 'EUR'),
      };
    });
  const billed =
    spends(past).reduce((sum, { data }) => sum + minorOf(data.billable), 0n) -
    typed(past, 'ClickReversed').reduce((sum, { data }) => sum + minorOf(data.billable), 0n) +
    typed(past, 'CreditRevoked').reduce((sum, { data }) => sum + minorOf(data.clawedBack), 0n);
  return { available: formatMinor(available, 'EUR'), billed: formatMinor(billed, 'EUR'), credits };
}

/** Kind, place and changes of each line; the balances are compared with `heldBy` separately. */
function foldedLines(facts: readonly Fact[], asOf: Instant): string[] {
  const lines: { at: Instant; place: bigint; id: string; text: string }[] = [];
  const add = (at: Instant, place: bigint | null, kind: string, id: string, amount: bigint, billable: bigint) => {
    const text = `${at} ${place} ${kind} ${id} ${formatMinor(amount, 'EUR')} ${formatMinor(billable, 'EUR')}`;
    if (at <= asOf) lines.push({ at, place: place ?? 10n ** 9n, id, text });
  };
  for (const { data, position } of typed(facts, 'CreditApplied')) {
    add(data.appliedAt, position, 'credit-applied', data.creditId, minorOf(data.applied), 0n);
    const lapse = heldBy(facts, data, instantOf(epochMs(data.expiresAt) - 1));
    const sweep = typed(facts, 'CreditExpired').find((fact) => fact.data.creditId === data.creditId);
    if (sweep) expect(minorOf(sweep.data.amount)).toBe(lapse);
    if (lapse > 0n) add(data.expiresAt, sweep?.position ?? null, 'credit-expired', data.creditId, -lapse, 0n);
  }
  for (const { type, data, position } of spends(facts)) {
    const drawn = data.draws.reduce((sum, { amount }) => sum + minorOf(amount), 0n);
    const [kind, id] = type === 'ClickSpent' ? ['click', data.clickId] : ['impressions', data.impressionsId];
    add(data.occurredAt, position, kind, id, -drawn, minorOf(data.billable));
  }
  for (const { data, position } of typed(facts, 'ClickReversed')) {
    const restored = data.restored.reduce((sum, { amount }) => sum + minorOf(amount), 0n);
    add(data.occurredAt, position, 'click-reversed', data.clickId, restored, -minorOf(data.billable));
  }
  for (const { data, position } of typed(facts, 'CreditRevoked')) {
    const credit = typed(facts, 'CreditApplied').find((fact) => fact.data.creditId === data.creditId)!.data;
    const taken = data.occurredAt < credit.expiresAt ? minorOf(data.amount) : 0n;
    add(data.occurredAt, position, 'credit-revoked', data.creditId, -taken, minorOf(data.clawedBack));
  }
  lines.sort((a, b) => {
    if (a.at !== b.at) return a.at < b.at ? -1 : 1;
    if (a.place !== b.place) return a.place < b.place ? -1 : 1;
    return a.id < b.id ? -1 : 1;
  });
  return lines.map(({ text }) => text);
}

const moments = fc.array(
  fc.record({ hour: fc.integer({ min: -2, max: HOURS + 16 }), early: fc.boolean(), share: fc.nat(100) }),
  {
    minLength: 12,
    maxLength: 12,
  },
);
const momentOf = (
  history: AccountHistory,
  { hour: n, early, share }: { hour: number; early: boolean; share: number },
) => ({
  asOf: early ? instantOf(epochMs(hour(n)) - 1) : hour(n),
  known: 1n + (history.head * BigInt(share)) / 100n,
});

describe('the account model', () => {
  it('answers every moment as folding the events does', () => {
    fc.assert(
      fc.property(steps, moments, (taken, asked) => {
        const history = play(new AccountHistory(hour(-1)), taken);
        history.model.forget();
        for (const each of asked) {
          const { asOf, known: position } = momentOf(history, each);
          const facts = known(history.events, position);
          const { available, billed, credits } = history.balance(asOf, position);
          const shown = credits.map(({ creditId, status, remaining, drawn }) => ({
            creditId,
            status,
            remaining,
            drawn,
          }));
          expect({ available, billed, credits: shown }).toEqual(foldedBalance(facts, asOf));
          const { items } = history.statement(asOf, position);
          const lines = items.map((line) => {
            const { effectiveAt, kind, creditId, clickId, impressionsId, amount, billable } = line;
            return `${effectiveAt} ${line.position} ${kind} ${creditId ?? clickId ?? impressionsId} ${amount} ${billable}`;
          });
          expect(lines).toEqual(foldedLines(facts, asOf));
          items.forEach((line, index) => {
            if (items[index + 1]?.effectiveAt === line.effectiveAt) return;
            expect(line.balance).toBe(foldedBalance(facts, line.effectiveAt).available);
          });
        }
        history.db.close();
      }),
      { numRuns: 200 },
    );
  });

  it('gives a statement in pages that fit together while facts keep arriving', () => {
    const hours = fc.integer({ min: -1, max: HOURS + 16 });
    fc.assert(
      fc.property(steps, steps, fc.integer({ min: 1, max: 5 }), hours, hours, (taken, arriving, limit, from, to) => {
        const history = play(new AccountHistory(hour(-1)), taken);
        const asOf = hour(HOURS);
        const period = { from: hour(from), to: hour(to) };
        const whole = history.statement(asOf, history.head);
        const inPeriod = whole.items.filter(({ effectiveAt: at }) => at >= period.from && at < period.to);
        const paged = [];
        let next: string | null = null;
        do {
          const page = history.statement(asOf, history.head, period, {
            limit,
            ...(next === null ? {} : { cursor: next }),
          });
          expect(page.moment).toEqual(whole.moment);
          paged.push(...page.items);
          next = page.next;
          const nth = history.events.length;
          play(history, [...arriving.slice(nth % arriving.length), ...arriving].slice(0, 4), 1000 * nth);
        } while (next !== null);
        expect(paged).toEqual(inPeriod);
        history.db.close();
      }),
      { numRuns: 100 },
    );
  });

  it('says that a credit was exhausted when it could give nothing, and not needed when it could', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const history = play(new AccountHistory(hour(-1)), taken);
        for (const { data, position } of typed(known(history.events, history.head), 'ClickSpent')) {
          const before = known(history.events, position - 1n);
          const answer = await history.explain(data.clickId, hour(HOURS + 20));
          if (isRefusal(answer)) throw new Error(answer.detail);
          for (const { creditId, outcome } of answer.credits) {
            if (outcome !== 'exhausted' && outcome !== 'not-needed') continue;
            const credit = typed(before, 'CreditApplied').find((fact) => fact.data.creditId === creditId)!.data;
            const held: bigint[] = [];
            for (let at = data.occurredAt; at < credit.expiresAt; at = plusMs(at, 3_600_000)) {
              held.push(heldBy(before, credit, at));
            }
            expect(held.includes(0n) ? 'exhausted' : 'not-needed').toBe(outcome);
            if (outcome === 'not-needed') expect(minorOf(data.billable)).toBe(0n);
          }
        }
        history.db.close();
      }),
      { numRuns: 60 },
    );
  });
});
