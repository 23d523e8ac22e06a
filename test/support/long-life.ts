import { accountDecider, type AccountState } from '../../src/accounts/domain/account.js';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import type { CommandHandling } from '../../src/commands/handling.js';
import type { NewEvent } from '../../src/event-store/event-store.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { instantOf } from '../../src/kernel/instant.js';
import {
  ACCOUNT,
  click,
  eur,
  grant,
  offerOf,
  opened,
  reversal,
  revocation,
  sweep,
  usd,
} from '../domain/account-examples.js';
import { ROW_A } from '../domain/examples.js';

/** A click every half a minute. */
const STEP_MS = 30_000;
const START_MS = Date.UTC(2022, 5, 2);
const DAY_MS = 86_400_000;
/** A credit every thirty days, so that one or two are live at a time. */
const CREDIT_EVERY = (30 * DAY_MS) / STEP_MS;

/** Credits pay for one click in so many, and last for most of their time. */
const COVERED_EVERY = 20;

const timeOf = (n: number) => instantOf(START_MS + n * STEP_MS);
const clickOf = (n: number, cents = 1 + ((n * 37) % 99)) => ({
  type: 'ClickSpent' as const,
  data: {
    ...ACCOUNT,
    clickId: `k-${n}`,
    campaignId: 'c-1',
    product: n % COVERED_EVERY === 0 ? 'SP' : 'DSP',
    cost: eur(`0.${String(cents).padStart(2, '0')}`),
    occurredAt: lateOrNot(n),
  },
});
const creditOf = (n: number) => `credit-${Math.floor(n / CREDIT_EVERY)}`;

/** One covered click in five arrives half an hour late. */
const lateOrNot = (n: number) => timeOf(n % 100 === 60 ? n - 60 : n);

const grantOf = (n: number, creditId = creditOf(n), product = 'SP') =>
  grant(
    { creditId, promotionId: `for-${creditOf(n)}`, product, granted: usd('2000.00'), appliedAt: timeOf(n) },
    { offer: offerOf({ ...ROW_A, award: { ...ROW_A.award, capPerMarketplace: usd('3000.00') } }) },
  );

/** What happens to an account at its click of a number: mostly the click, now and then more. */
function commandsAt(n: number): AccountCommand[] {
  if (n % CREDIT_EVERY === 0) return [sweep(timeOf(n)), grantOf(n), clickOf(n)];
  if (n % CREDIT_EVERY === 60_000 && creditOf(n) === 'credit-3') {
    return [clickOf(n), revocation('credit-3', timeOf(n), true)];
  }
  return n % 1000 === 700 ? [clickOf(n), reversal(`k-${n - 40}`, timeOf(n))] : [clickOf(n)];
}

/** The life of an account with so many clicks, as events in blocks; decided here, by the pure decider alone. */
export function* lifeOf(clicks: number, blockSize: number): Generator<NewEvent[]> {
  let state: AccountState = accountDecider.initial;
  const recent = new Map<string, AccountEvent>();
  let block: NewEvent[] = [];
  const record = (event: AccountEvent) => {
    state = accountDecider.evolve(state, event);
    if (event.type === 'ClickSpent') recent.set(event.data.clickId, event);
    block.push({ ...event, id: accountDecider.idOf(event), metadata: { version: 1 } });
  };
  record(opened());
  for (let n = 0; n < clicks; n += 1) {
    for (const command of commandsAt(n)) {
      const decided = accountDecider.decide(command, state, (id) => recent.get(id.slice('ClickSpent:'.length)));
      if (isRefusal(decided)) throw new Error(`${command.type} at click ${n}: ${decided.detail}`);
      decided.forEach(record);
    }
    recent.delete(`k-${n - 100}`);
    if (block.length < blockSize) continue;
    yield block;
    block = [];
  }
  yield block;
}

/** All that clients are told of commands to the account's stream, one after the other. */
export async function answersTo(
  commands: readonly AccountCommand[],
  stream: string,
  handling: CommandHandling<AccountState, AccountCommand, AccountEvent>,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const command of commands) {
    const id = command.type === 'SweepCredits' ? null : accountDecider.idOf(command as AccountEvent);
    const said = id === null ? {} : command.data;
    const outcome = await handling.execute({ stream, command, id, said });
    if ('events' in outcome) answers.push({ ...outcome, events: outcome.events.map(({ data }) => data) });
    else answers.push('event' in outcome ? { ...outcome, event: outcome.event.data } : outcome);
  }
  return answers;
}

/** What is asked of an account after so many clicks: facts again, contradicted, taken back; new ones, late ones. */
export function questionsTo(clicks: number): readonly AccountCommand[] {
  const last = clicks - 1;
  const live = creditOf(last);
  const [early, middle] = [COVERED_EVERY, Math.floor(clicks / 2)];
  return [
    ...[early, middle, last].map((n) => clickOf(n)),
    ...[early, middle, last].map((n) => clickOf(n, 99 - ((n * 37) % 99))),
    ...[early, middle, clicks - COVERED_EVERY, 3 * CREDIT_EVERY + COVERED_EVERY].map((n) =>
      reversal(`k-${n}`, timeOf(clicks)),
    ),
    reversal('k-660', timeOf(700)),
    reversal('k-660', timeOf(clicks)),
    reversal('never', timeOf(clicks)),
    reversal(`k-${last}`, timeOf(last - 1000)),
    click({ id: 'new', cost: '5.00', on: timeOf(clicks) }),
    click({ id: 'late', cost: '5.00', on: timeOf(last - 500) }),
    click({ id: 'very-late', cost: '5.00', on: timeOf(10) }),
    click({ id: 'large', cost: '90000.00', on: timeOf(clicks + 1) }),
    grantOf(last, 'over-the-cap', 'SB'),
    grantOf(early, creditOf(early)),
    { type: 'AccountOpened', data: { ...ACCOUNT, currency: 'USD', occurredAt: timeOf(0) } },
    revocation(live, timeOf(last - 2000)),
    revocation('credit-0', timeOf(clicks + 2), true),
    revocation(live, timeOf(clicks + 3), true),
    revocation(live, timeOf(clicks + 3), true),
    reversal('new', timeOf(clicks + 4)),
    click({ id: 'last', cost: '5.00', on: timeOf(clicks + 5) }),
    sweep(timeOf(clicks + 60 * (DAY_MS / STEP_MS))),
  ];
}
