import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { effectiveAtOf } from '../../src/accounts/domain/postings.js';
import type { EventStore } from '../../src/event-store/event-store.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { instantOf } from '../../src/kernel/instant.js';
import { formatMinor } from '../../src/kernel/money.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import type { Moment } from '../../src/read-models/moment.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { availableAt, creditBalances } from '../../projections/credit-balances.js';
import { advertiserOf, MARKETPLACE, START_MS } from '../clicks.js';
import { copyOf, DEEP, DEEP_MS, ledgerOf, remove, SHALLOW } from '../ledgers.js';
import { alternately, atMost, compared, type Effort, median, milliseconds, msEach, type Row } from '../measure.js';

const QUESTIONS = 2000;

/** Rows 8 and 9: what an account had at an instant of the past as known at a position of the past. */
export async function questionRows(effort: Effort, events: number): Promise<Row[]> {
  const path = copyOf(await ledgerOf('deep', events), 'questions', { models: true });
  const store = SqliteEventStore.open(path);
  const models = new ReadModels(store, new ReadModelDatabase(`${path}.models`));
  await models.start();
  const head = await models.caughtUp();
  const balance = (account: number, moment: Moment) => {
    const answer = models.accounts.balance(moment, advertiserOf(account), MARKETPLACE);
    if (isRefusal(answer)) throw new Error(answer.detail);
    return answer;
  };
  // Each turn asks of other moments, the same of both accounts.
  const ask = (account: number) => {
    let asked = 0;
    const run = async () => {
      for (let n = 0; n < QUESTIONS; n += 1) balance(account, momentOf(asked++, head));
      return { done: QUESTIONS };
    };
    return { run };
  };
  let folds = 0;
  const fold = async () => {
    const moment = momentOf(folds++, head);
    const { available, billed } = balance(DEEP, moment);
    const folded = await foldOf(store, DEEP, moment);
    if (folded.available !== available || folded.billed !== billed) {
      throw new Error(
        `as of ${moment.asOf}, ${moment.known}: ${available}, ${billed} are not ${JSON.stringify(folded)}`,
      );
    }
    return { done: 1 };
  };
  const rates = await alternately({ deep: ask(DEEP), shallow: ask(SHALLOW), fold: { run: fold } }, effort);
  await models.close();
  await store.close();
  remove(path);
  const [lines, fewer] = [events, events / 100].map((count) => count.toLocaleString('en-US'));
  const folded = compared(rates.deep, rates.fold);
  return [
    atMost(
      '8',
      `balance at T and K, ${lines} lines | of ${fewer} lines`,
      [msEach(rates.deep), msEach(rates.shallow)],
      1.5,
    ),
    {
      number: '9',
      measure: 'the same | folding the stream',
      figure: milliseconds(median(msEach(rates.deep))),
      reference: milliseconds(median(msEach(rates.fold))),
      ...folded.told,
      target: '≥ 1000',
      met: folded.ratio >= 1000,
    },
  ];
}

/** Spread over the history, both by their time and by what is known, by two ratios that fill it evenly. */
function momentOf(n: number, head: bigint): Moment {
  const [time, knowledge] = [(n * 0.618_033_988) % 1, (n * 0.414_213_562) % 1];
  return {
    asOf: instantOf(START_MS + Math.floor(time * DEEP_MS)),
    // All is known from the time on when the accounts were opened.
    known: (head * BigInt(Math.floor((0.02 + 0.98 * knowledge) * 1_000_000))) / 1_000_000n,
  };
}

/** The same from the account's events alone. */
async function foldOf(store: EventStore, account: number, { asOf, known }: Moment) {
  let state = creditBalances.initial();
  for await (const event of store.read(accountStream(advertiserOf(account), MARKETPLACE))) {
    if (event.position > known) break;
    const fact = event as unknown as AccountEvent;
    if (fact.type === 'AccountOpened' || effectiveAtOf(fact) <= asOf) state = creditBalances.evolve(state, fact);
  }
  return { available: formatMinor(availableAt(state, asOf), state.currency), billed: state.billed };
}
