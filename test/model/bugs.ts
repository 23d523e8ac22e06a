/** Bugs to plant in the account's decider, to show that the model test would notice them. */
import type { AccountState } from '../../src/accounts/domain/account.js';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import type { AccountEvent, CreditApplied, CreditPart } from '../../src/accounts/domain/events.js';
import type { Decider } from '../../src/kernel/decider.js';
import { plusMs } from '../../src/kernel/instant.js';
import { minorOf, moneyOf } from '../../src/kernel/money.js';
import { isRefusal } from '../../src/kernel/refusal.js';

export type AccountDecider = Decider<AccountState, AccountCommand, AccountEvent>;

/** A bug alters what is asked, or the events that were decided; `before` is the account's history. */
export interface Bug {
  readonly command?: (command: AccountCommand, before: History) => AccountCommand;
  readonly event?: (event: AccountEvent, before: History) => AccountEvent;
}
type History = readonly AccountEvent[];

interface Remembering {
  readonly inner: AccountState;
  readonly events: History;
}

/** The decider with the bug in it; with a bug that alters nothing, the decider as it is. */
export function withBug(decider: AccountDecider, bug: Bug): AccountDecider {
  const { codec: _, ...rules } = decider;
  const buggy: Decider<Remembering, AccountCommand, AccountEvent> = {
    ...rules,
    initial: { inner: decider.initial, events: [] },
    evolve: ({ inner, events }, event) => ({ inner: decider.evolve(inner, event), events: [...events, event] }),
    decide: (command, { inner, events }, recorded) => {
      const asked = bug.command?.(command, events) ?? command;
      const decided = decider.decide(asked, inner, recorded);
      if (isRefusal(decided)) return decided;
      return decided.map((event) => bug.event?.(asSaid(event, command), events) ?? asSaid(event, command));
    },
  };
  // The state is opaque to whoever folds with the decider.
  return buggy as unknown as AccountDecider;
}

/** What the client said stays what it said. */
function asSaid(event: AccountEvent, command: AccountCommand): AccountEvent {
  if (event.type !== 'ClickSpent' || command.type !== 'ClickSpent') return event;
  return { ...event, data: { ...event.data, occurredAt: command.data.occurredAt } };
}

const creditsIn = (events: History): CreditApplied['data'][] =>
  events.flatMap((event) => (event.type === 'CreditApplied' ? [event.data] : []));

const sum = (parts: readonly CreditPart[], creditId: string): bigint =>
  parts.filter((part) => part.creditId === creditId).reduce((total, part) => total + minorOf(part.amount), 0n);

const drawn = (events: History, creditId: string): bigint =>
  events.reduce((total, event) => total + (event.type === 'ClickSpent' ? sum(event.data.draws, creditId) : 0n), 0n);

const restored = (events: History, creditId: string): bigint =>
  events.reduce(
    (total, event) => total + (event.type === 'ClickReversed' ? sum(event.data.restored, creditId) : 0n),
    0n,
  );

const hasEnded = (events: History, creditId: string): boolean =>
  events.some(
    (event) => (event.type === 'CreditExpired' || event.type === 'CreditRevoked') && event.data.creditId === creditId,
  );

/** What is left when all is told, of credits that could pay the click. */
function couldPay(click: Extract<AccountEvent, { type: 'ClickSpent' }>['data'], before: History) {
  return creditsIn(before)
    .filter((credit) => credit.appliedAt <= click.occurredAt && click.occurredAt < credit.expiresAt)
    .filter((credit) => credit.appliesTo.includes(click.product) && !hasEnded(before, credit.creditId))
    .map(({ creditId, applied }) => {
      const left = minorOf(applied) - drawn(before, creditId) + restored(before, creditId);
      return { creditId, left, currency: applied.currency };
    });
}

export const BUGS: Readonly<Record<string, Bug>> = {
  'burn-down draws in the order of creditId': {
    event: (event, before) => {
      if (event.type !== 'ClickSpent') return event;
      const inOrder = couldPay(event.data, before).sort((a, b) => (a.creditId < b.creditId ? -1 : 1));
      let rest = event.data.draws.reduce((total, draw) => total + minorOf(draw.amount), 0n);
      const draws = inOrder.flatMap(({ creditId, left, currency }) => {
        const taken = left < rest ? left : rest;
        rest -= taken;
        return taken > 0n ? [{ creditId, amount: moneyOf(taken, currency) }] : [];
      });
      return { ...event, data: { ...event.data, draws } };
    },
  },
  'a click at the very end of a credit still draws': {
    command: (command, before) => {
      if (command.type !== 'ClickSpent') return command;
      const { occurredAt } = command.data;
      const atAnEnd = creditsIn(before).some((credit) => credit.expiresAt === occurredAt);
      return atAnEnd ? { ...command, data: { ...command.data, occurredAt: plusMs(occurredAt, -1) } } : command;
    },
  },
  'a late click spends what was left at its instant, though it was spent later': {
    event: (event, before) => {
      if (event.type !== 'ClickSpent' || event.data.draws.length !== 1) return event;
      const { draws, billable, occurredAt } = event.data;
      const [{ creditId, amount }] = draws as [CreditPart];
      const applied = creditsIn(before).find((credit) => credit.creditId === creditId)!.applied;
      const earlier = before.filter((other) => 'occurredAt' in other.data && other.data.occurredAt <= occurredAt);
      const held = minorOf(applied) - drawn(earlier, creditId) + restored(earlier, creditId) - minorOf(amount);
      const more = held < minorOf(billable) ? held : minorOf(billable);
      const drawnNow = moneyOf(minorOf(amount) + more, amount.currency);
      const billed = moneyOf(minorOf(billable) - more, amount.currency);
      return { ...event, data: { ...event.data, draws: [{ creditId, amount: drawnNow }], billable: billed } };
    },
  },
  'a sweep forgets what reversals gave back': {
    event: (event, before) => {
      if (event.type !== 'CreditExpired') return event;
      const { creditId, amount } = event.data;
      const forgetful = moneyOf(minorOf(amount) - restored(before, creditId), amount.currency);
      return { ...event, data: { ...event.data, amount: forgetful } };
    },
  },
  'a reversal restores after the end of a credit that is not swept': {
    event: (event, before) => {
      if (event.type !== 'ClickReversed') return event;
      const late = event.data.forfeited.filter((part) => !hasEnded(before, part.creditId));
      const forfeited = event.data.forfeited.filter((part) => !late.includes(part));
      return { ...event, data: { ...event.data, restored: [...event.data.restored, ...late], forfeited } };
    },
  },
  'a clawback bills clicks that were reversed, too': {
    event: (event, before) => {
      if (event.type !== 'CreditRevoked' || !event.data.clawback) return event;
      const { creditId, clawedBack } = event.data;
      const greedy = moneyOf(drawn(before, creditId), clawedBack.currency);
      return { ...event, data: { ...event.data, clawedBack: greedy } };
    },
  },
};
