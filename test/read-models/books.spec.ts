import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AccountEvent, CreditPart } from '../../src/accounts/domain/events.js';
import { monthOf } from '../../src/audit/domain/periods.js';
import { rollForward } from '../../src/audit/roll-forward.js';
import { instantOf, plusMs, type Instant } from '../../src/kernel/instant.js';
import { formatMinor, minorOf } from '../../src/kernel/money.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import type { Moment } from '../../src/read-models/moment.js';
import { ACCOUNT, AccountHistory, at } from './account-history.js';

/** Histories about the end of a month: hours 0 to 11 are October's. */
const START = at('2022-10-31T12:00:00Z');
const HOURS = 24;
const hour = (n: number): Instant => plusMs(START, n * 3_600_000);

type Step =
  | { do: 'give'; hour: number; lasts: number; amount: number }
  | { do: 'click' | 'show'; hour: number; amount: number; product: string }
  | { do: 'reverse' | 'revoke' | 'sweep'; hour: number; which: number };

const anHour = fc.nat({ max: HOURS });
const amount = fc.integer({ min: 1, max: 200 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('give' as const),
      hour: anHour,
      lasts: fc.integer({ min: 1, max: 14 }),
      amount,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('click' as const, 'show' as const),
      hour: anHour,
      amount,
      product: fc.constantFrom('SP', 'SP', 'SB'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('reverse' as const, 'reverse' as const, 'revoke' as const, 'sweep' as const),
      hour: anHour,
      which: fc.nat({ max: 30 }),
    }),
  },
);

function play(steps: readonly Step[]): AccountHistory {
  const history = new AccountHistory(hour(-1));
  steps.forEach((step, nth) => {
    const ids = history.events.map(({ data }) => data as Record<string, string>);
    const one = (key: string, which: number) => {
      const some = [...new Set(ids.flatMap((data) => data[key] ?? []))];
      return some[which % some.length] ?? 'none';
    };
    switch (step.do) {
      case 'give': {
        const expiresAt = hour(step.hour + step.lasts);
        const sweepableAt = plusMs(expiresAt, 3_600_000);
        return history.give({
          creditId: `credit-${nth}`,
          appliedMinor: step.amount,
          appliedAt: hour(step.hour),
          expiresAt,
          sweepableAt,
        });
      }
      case 'click':
        return history.click(`click-${nth}`, step.amount, hour(step.hour), step.product);
      case 'show':
        return history.show(`show-${nth}`, step.amount, hour(step.hour), step.product);
      case 'reverse':
        return history.reverse(one('clickId', step.which), hour(step.hour));
      case 'revoke':
        return history.revoke(one('creditId', step.which), hour(step.hour), step.which % 2 === 0);
      case 'sweep':
        return history.sweep(hour(step.hour));
    }
  });
  return history;
}

/** The events known and effective at a moment. */
function seen(history: AccountHistory, { asOf, known }: Moment): AccountEvent[] {
  return history.events
    .filter(({ position }) => position <= known)
    .map((event) => event as unknown as AccountEvent)
    .filter(({ data }) => {
      const effective = 'appliedAt' in data ? data.appliedAt : 'expiredAt' in data ? data.expiredAt : data.occurredAt;
      return effective <= asOf;
    });
}

const total = (parts: readonly bigint[]) => parts.reduce((sum, part) => sum + part, 0n);
const parted = (parts: readonly CreditPart[]) => total(parts.map((part) => minorOf(part.amount)));
const pick = <Type extends AccountEvent['type']>(events: readonly AccountEvent[], ...types: Type[]) =>
  events.filter((event): event is AccountEvent & { type: Type } => (types as string[]).includes(event.type));

/** What went in and out of the liabilities, all credits together, by adding up the events' own words. */
const movedBy = (events: readonly AccountEvent[]) => ({
  granted: total(pick(events, 'CreditApplied').map(({ data }) => minorOf(data.applied))),
  drawn: total(pick(events, 'ClickSpent', 'ImpressionsSpent').map(({ data }) => parted(data.draws))),
  expired: total(pick(events, 'CreditExpired').map(({ data }) => minorOf(data.amount))),
  revoked: total(pick(events, 'CreditRevoked').map(({ data }) => minorOf(data.amount))),
  restored: total(pick(events, 'ClickReversed').map(({ data }) => parted(data.restored))),
});
const owed = ({ granted, drawn, expired, revoked, restored }: ReturnType<typeof movedBy>) =>
  granted - drawn - expired - revoked + restored;

/** Of credits that have ended and are neither swept nor revoked. */
function lapsedOf(events: readonly AccountEvent[], asOf: Instant): bigint {
  const over = new Set(pick(events, 'CreditExpired', 'CreditRevoked').map(({ data }) => data.creditId));
  const lapsed = pick(events, 'CreditApplied').filter(({ data }) => data.expiresAt <= asOf && !over.has(data.creditId));
  const ofCredit = (creditId: string, parts: readonly CreditPart[]) =>
    parted(parts.filter((part) => part.creditId === creditId));
  return total(
    lapsed.map(({ data: { creditId, applied } }) => {
      const drawn = pick(events, 'ClickSpent', 'ImpressionsSpent').map(({ data }) => ofCredit(creditId, data.draws));
      const restored = pick(events, 'ClickReversed').map(({ data }) => ofCredit(creditId, data.restored));
      return minorOf(applied) - total(drawn) + total(restored);
    }),
  );
}

const runs = 60;
const seed = Number(process.env['BOOKS_SEED'] ?? Date.now() % 2 ** 31);
const moments = fc.array(fc.record({ cut: fc.nat(), hour: fc.integer({ min: -2, max: HOURS + 16 }) }), {
  minLength: 4,
  maxLength: 4,
});

async function inHistories(look: (history: AccountHistory, moment: Moment) => Promise<void>): Promise<void> {
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), moments, async (steps, asked) => {
    const history = play(steps);
    for (const { cut, hour: n } of asked) {
      const { position: known } = history.events[cut % history.events.length]!;
      await look(history, { asOf: hour(n), known });
    }
    await look(history, { asOf: hour(HOURS + 16), known: history.head });
  });
  await fc.assert(property, { seed, numRuns: runs });
}

describe(`the books of random histories with impressions (BOOKS_SEED=${seed})`, () => {
  it('have every ledger account at what its events say', () =>
    inHistories(async (history, moment) => {
      const events = seen(history, moment);
      const spent = pick(events, 'ClickSpent', 'ImpressionsSpent');
      const reversed = pick(events, 'ClickReversed');
      const clicks = new Map(
        pick(history.events as unknown as AccountEvent[], 'ClickSpent').map(({ data }) => [data.clickId, data]),
      );
      const revoked = pick(events, 'CreditRevoked');
      const income = (product: string) =>
        total(
          reversed
            .map(({ data }) => clicks.get(data.clickId)!)
            .filter((click) => click.product === product)
            .map(({ cost }) => minorOf(cost)),
        ) - total(spent.filter(({ data }) => data.product === product).map(({ data }) => minorOf(data.cost)));
      const billed =
        total(spent.map(({ data }) => minorOf(data.billable))) -
        total(reversed.map(({ data }) => minorOf(data.billable))) +
        total(revoked.map(({ data }) => minorOf(data.clawedBack)));
      const moved = movedBy(events);
      const expected: [string, bigint][] = [
        ['assets:receivable:adv:DE', billed],
        ['expenses:promotions:promotion', moved.granted],
        [
          'expenses:promotions:promotion:revoked',
          -moved.revoked - total(revoked.map(({ data }) => minorOf(data.clawedBack))),
        ],
        ['income:breakage:promotion', -moved.expired - total(reversed.map(({ data }) => parted(data.forfeited)))],
        ['income:clicks:SB', income('SB')],
        ['income:clicks:SP', income('SP')],
      ];
      const lines: [string, bigint][] = [];
      let liabilities = 0n;
      for await (const { name, balanceMinor } of history.books.balances(moment)) {
        if (name.startsWith('liabilities:credits:adv:DE:')) liabilities += balanceMinor;
        else lines.push([name, balanceMinor]);
      }
      expect(lines).toEqual(expected.filter(([, balance]) => balance !== 0n));
      expect(liabilities).toBe(-owed(moved));
    }));

  it('roll each month forward to its end', () =>
    inHistories(async (history, moment) => {
      for (const name of ['2022-09', '2022-10', '2022-11']) {
        const month = monthOf(name)!;
        const page = await rollForward(history.books, moment, month, {}, { limit: 10 });
        if (isRefusal(page)) throw new Error(page.detail);
        const end = moment.asOf < month.asOf ? moment.asOf : month.asOf;
        const before = month.from <= end ? plusMs(month.from, -1) : end;
        const opening = movedBy(seen(history, { ...moment, asOf: before }));
        const events = seen(history, { ...moment, asOf: end });
        const closing = movedBy(events);
        if (pick(events, 'CreditApplied').length === 0) {
          expect(page.items).toEqual([]);
          continue;
        }
        const [item] = page.items;
        const { promotionId: _p, marketplace: _m, currency: _c, ...figures } = item!;
        const amounts = Object.fromEntries(Object.entries(figures).map(([key, figure]) => [key, figure.amount]));
        const eur = (minor: bigint) => formatMinor(minor, 'EUR');
        expect([name, page.items.length, amounts]).toEqual([
          name,
          1,
          {
            opening: eur(owed(opening)),
            granted: eur(closing.granted - opening.granted),
            drawn: eur(closing.drawn - opening.drawn),
            expired: eur(closing.expired - opening.expired),
            revoked: eur(closing.revoked - opening.revoked),
            restored: eur(closing.restored - opening.restored),
            closing: eur(owed(closing)),
            lapsed: eur(lapsedOf(events, end)),
          },
        ]);
      }
    }));
});

describe('the books', () => {
  it('stay exact beyond 64 bits', async () => {
    const history = new AccountHistory(START);
    const most = 10n ** 15n;
    for (let nth = 0; nth < 10_000; nth += 1) {
      history.click(`click-${nth}`, Number(most) - nth, instantOf(Date.parse(START) + nth));
    }
    const lines: string[] = [];
    for await (const { name, balanceMinor } of history.books.balances({ asOf: hour(1), known: history.head })) {
      lines.push(`${name} ${balanceMinor}`);
    }
    const sum = most * 10_000n - (9_999n * 10_000n) / 2n;
    expect(sum).toBeGreaterThan(2n ** 63n);
    expect(lines).toEqual([`assets:receivable:${ACCOUNT.advertiserId}:DE ${sum}`, `income:clicks:SP -${sum}`]);
  });
});
