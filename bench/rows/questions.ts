import { accountDecider } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { instantOf } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { createApp } from '../../src/main.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { advertiserOf, MARKETPLACE } from '../clicks.js';
import { copyOf, DEEP, ledgerOf, remove, settingsOf, SHALLOW } from '../ledgers.js';
import { alternately, atMost, type Effort, milliseconds, type Row } from '../measure.js';

const QUESTIONS = 2000;
const FIRST_MS = Date.UTC(2022, 9, 5);
const DAY_MS = 86_400_000;

/** Rows 8 and 9: what an account had at an instant of the past as known at a position of the past. */
export async function questionRows(effort: Effort, events: number): Promise<Row[]> {
  const path = copyOf(await ledgerOf('deep', events), 'questions', { models: true });
  const app = await createApp(settingsOf(path));
  const [store, queries] = [app.get(EventStore), app.get(Queries)];
  const head = await app.get(ReadModels).caughtUp();
  // Instants and positions over the whole history, the same for both accounts.
  const moments = Array.from({ length: QUESTIONS }, (_, n) => ({
    asOf: instantOf(FIRST_MS + Math.floor(((n * 7919) % QUESTIONS) * ((180 * DAY_MS) / QUESTIONS))),
    known: (head * BigInt(QUESTIONS + ((n * 104_729) % QUESTIONS))) / BigInt(2 * QUESTIONS),
  }));
  const ask = (account: number) => ({
    run: async () => {
      for (const moment of moments) {
        const balance = queries.balance(moment, advertiserOf(account), MARKETPLACE);
        if (isRefusal(balance)) throw new Error(balance.detail);
      }
      return { done: QUESTIONS };
    },
  });
  const rates = await alternately({ deep: ask(DEEP), shallow: ask(SHALLOW) }, effort);
  const [deepMs, shallowMs] = [1000 / rates.deep, 1000 / rates.shallow];
  const startedMs = performance.now();
  let state = accountDecider.initial;
  for await (const event of store.read(accountStream(advertiserOf(DEEP), MARKETPLACE))) {
    state = accountDecider.evolve(state, event as unknown as AccountEvent);
  }
  const foldMs = performance.now() - startedMs;
  await app.close();
  remove(path);
  const lines = events.toLocaleString('en-US');
  return [
    atMost('8', `balance at T and K, ${lines} lines | a hundredth of them`, [deepMs, shallowMs], 1.5),
    {
      number: '9',
      measure: 'the same | folding the stream, once',
      figure: milliseconds(deepMs),
      reference: milliseconds(foldMs),
      ratio: (foldMs / deepMs).toFixed(0),
      target: '≥ 1000',
      met: foldMs / deepMs >= 1000,
    },
  ];
}
