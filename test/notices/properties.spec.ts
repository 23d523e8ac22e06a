import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Recorded } from '../../src/event-store/event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { DAY_MS, type Instant, later, plusMs } from '../../src/kernel/instant.js';
import type { Notice } from '../../src/notices/domain/notices.js';
import { BEGINNING } from '../../src/notices/feed.js';
import { NoticesModel } from '../../src/notices/notices-model.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { at, Told } from './told.js';

/** Days from here on, in sixths: credits, spend and recording meet, and facts are late, also beyond a credit's end. */
const START = at('10-01T00:00');
const moment = (sixth: number): Instant => plusMs(START, (sixth * DAY_MS) / 6);

type Step = { when: number; later: number; which: number; amount: number; lasts: number } & {
  do: 'give' | 'click' | 'show' | 'reverse' | 'revoke' | 'sweep';
};

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('give', 'click', 'click', 'click', 'click', 'show', 'reverse', 'reverse', 'revoke', 'sweep'),
  when: fc.nat({ max: 100 }),
  /** Until the next is recorded. */
  later: fc.nat({ max: 12 }),
  which: fc.nat({ max: 20 }),
  amount: fc.integer({ min: 1, max: 60 }),
  lasts: fc.integer({ min: 1, max: 80 }),
});
/** Every history has a credit from the first day on, so that there is something to spend. */
const FIRST: Step = { do: 'give', when: 0, later: 0, which: 0, amount: 60, lasts: 80 };
const steps = fc.array(step, { minLength: 10, maxLength: 50 }).map((taken) => [FIRST, ...taken]);

/** Plays the steps, and answers when the last was recorded. */
function play(told: Told, taken: readonly Step[]): Instant {
  let recorded = 0;
  taken.forEach(({ do: what, when, later: pause, which, amount, lasts }, nth) => {
    recorded += pause;
    told.record(moment(recorded), (history) => {
      const ids = (type: string, key: string) =>
        history.events
          .filter((event) => event.type === type)
          .map((event) => (event.data as Record<string, string>)[key]!);
      const pick = (from: readonly string[]) => from[which % from.length];
      const credit = pick(ids('CreditApplied', 'creditId'));
      const click = pick(ids('ClickSpent', 'clickId'));
      const times = { appliedAt: moment(when), expiresAt: moment(when + lasts) };
      if (what === 'give') history.give({ creditId: `credit-${nth}`, appliedMinor: amount, ...times });
      if (what === 'click') history.click(`click-${nth}`, amount, moment(when));
      if (what === 'show') history.show(`shown-${nth}`, amount, moment(when));
      if (what === 'reverse' && click) history.reverse(click, moment(when));
      if (what === 'revoke' && credit) history.revoke(credit, moment(when), which % 2 === 0);
      if (what === 'sweep') history.sweep(moment(when));
    });
  });
  return moment(recorded);
}

const END = at('12-31T00:00');
const tick = (instant: Instant, ms: number): Instant => plusMs(instant, ms);
const minor = (amount: string): number => Math.round(Number(amount) * 100);

/** Each credit, right before its end and long after it, as the read model of the accounts has it at a position. */
function creditsAt(told: Told, known: bigint) {
  const end = told.history.balance(END, known).credits;
  return end.map(({ creditId, drawn, applied, expiresAt }) => {
    const before = told.history
      .balance(tick(expiresAt, -1), known)
      .credits.find((credit) => credit.creditId === creditId)!;
    return { creditId, isUsed: minor(drawn) * 5 >= minor(applied.amount) * 4, status: before.status };
  });
}

const creditOf = ({ data }: Notice): string => (data as { creditId: string }).creditId;

describe('notices of any history', () => {
  it('are told once each', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const told = new Told();
        const now = play(told, taken);
        const ids = [...told.all(), ...told.model.due(now)!].map(({ notice }) => notice.id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 150 },
    );
  });

  it('are told when, and only when, the balances say so', () => {
    let thresholds = 0;
    fc.assert(
      fc.property(steps, (taken) => {
        const told = new Told();
        play(told, taken);
        const expected = {
          'credit-80-percent-used': new Map<string, bigint>(),
          'credit-used-up': new Map<string, bigint>(),
        };
        for (const { position } of told.log) {
          for (const { creditId, isUsed, status } of creditsAt(told, position)) {
            const first = (kind: keyof typeof expected) =>
              expected[kind].has(creditId) || expected[kind].set(creditId, position);
            if (isUsed) first('credit-80-percent-used');
            if (status === 'exhausted') first('credit-used-up');
          }
        }
        for (const kind of ['credit-80-percent-used', 'credit-used-up'] as const) {
          const notices = told.all().filter(({ notice }) => notice.kind === kind);
          const found = new Map(notices.map(({ notice }) => [creditOf(notice), BigInt(notice.position!)]));
          expect(found).toEqual(expected[kind]);
          thresholds += notices.length;
        }
      }),
      { numRuns: 100 },
    );
    expect(thresholds).toBeGreaterThan(50);
  });

  it('are so at the instant that they name, as known at the event that caused them', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const told = new Told();
        play(told, taken);
        for (const { notice } of told.all()) {
          if (notice.position === null || notice.kind === 'credit-applied') continue;
          const { credits } = told.history.balance(notice.occurredAt, BigInt(notice.position));
          const credit = credits.find(({ creditId }) => creditId === creditOf(notice))!;
          if (notice.kind === 'credit-used-up') expect(credit.status).toBe('exhausted');
          else expect(minor(credit.drawn) * 5).toBeGreaterThanOrEqual(minor(credit.applied.amount) * 4);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('tell of an end within seven days while something is left, and of no other', () => {
    let ends = 0;
    fc.assert(
      fc.property(steps, fc.nat({ max: 60 }), (taken, pause) => {
        const told = new Told();
        const recorded = play(told, taken);
        const now = tick(recorded, pause * 3_600_000);
        const found = [...told.all(), ...told.model.due(now)!].map(({ notice }) => notice);
        const expiring = found.filter(({ kind }) => kind === 'credit-expiring');
        const statuses = new Map(creditsAt(told, told.head).map(({ creditId, status }) => [creditId, status]));
        for (const { creditId, appliedAt, expiresAt } of told.history.balance(END).credits) {
          const from = later(appliedAt, tick(expiresAt, -7 * DAY_MS));
          const isSwept = told.log.some(
            ({ id }) => id === `CreditExpired:${creditId}` || id === `CreditRevoked:${creditId}`,
          );
          if (statuses.get(creditId) === 'active' && !isSwept && from <= now && now < expiresAt)
            expect(expiring.map(creditOf)).toContain(creditId);
        }
        for (const notice of expiring) {
          ends += 1;
          const { expiresAt } = notice.data as { expiresAt: Instant };
          expect(notice.occurredAt < expiresAt && notice.occurredAt <= now).toBe(true);
          expect(notice.occurredAt >= tick(expiresAt, -7 * DAY_MS)).toBe(true);
          const known = told.log.findLast(({ recordedAt }) => recordedAt <= notice.occurredAt)!.position;
          const then = creditsAt(told, known).find(({ creditId }) => creditId === creditOf(notice));
          expect(then?.status).toBe('active');
        }
      }),
      { numRuns: 150 },
    );
    expect(ends).toBeGreaterThan(50);
  });

  it('are the same for an account, whatever is recorded of others in between', () => {
    fc.assert(
      fc.property(steps, steps, fc.infiniteStream(fc.boolean()), (one, other, turns) => {
        const logs = [one, other].map((taken, index) => {
          const told = new Told();
          play(told, taken);
          return told.log.map((event) => ofAdvertiser(event, `adv-${index}`));
        });
        const alone = logs.map((log) => noticesOf(log)).flat();
        const mixed = noticesOf(interleaved(logs[0]!, logs[1]!, turns));
        const told = (notices: readonly Notice[]) =>
          notices
            .filter(({ kind }) => kind !== 'credit-expiring')
            .map(({ position: _, ...notice }) => JSON.stringify(notice))
            .sort();
        expect(told(mixed)).toEqual(told(alone));
      }),
      { numRuns: 50 },
    );
  });
});

const ofAdvertiser = (event: Recorded, advertiserId: string): Recorded => ({
  ...event,
  stream: accountStream(advertiserId, 'DE'),
  data: { ...event.data, advertiserId },
});

function* interleaved(a: readonly Recorded[], b: readonly Recorded[], turns: Iterable<boolean>): Generator<Recorded> {
  const [left, right] = [[...a], [...b]];
  const turn = turns[Symbol.iterator]();
  while (left.length + right.length > 0) {
    const from = right.length === 0 || (left.length > 0 && turn.next().value === true) ? left : right;
    yield from.shift()!;
  }
}

function noticesOf(log: Iterable<Recorded>): readonly Notice[] {
  const model = new NoticesModel(new ReadModelDatabase(':memory:'), () => END);
  let position = 0n;
  for (const event of log) model.apply({ ...event, position: (position += 1n) });
  return model.after(BEGINNING, position, 10_000).map(({ notice }) => notice);
}
