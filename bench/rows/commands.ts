import { accountDecider } from '../../src/accounts/domain/account.js';
import { Accounts } from '../../src/accounts/accounts.js';
import { Snapshots } from '../../src/commands/snapshots.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { Clicks } from '../clicks.js';
import { Emmett } from '../emmett.js';
import { DECIDED, HandwrittenLog, readyClick, type ReadyClick } from '../handwritten.js';
import { copyOf, GOES_ON_MS, ledgerOf, remove } from '../ledgers.js';
import { alternately, atLeast, type Contestant, type Effort, type Row } from '../measure.js';

const CLIENTS = 50;

/** Rows 1 to 3: a durable command, decided, appended and acknowledged in this process. */
export async function commandRows(effort: Effort, events: number): Promise<Row[]> {
  const ledger = await ledgerOf('wide', events);
  const count = Math.round(4000 * effort.share);
  const rows: Row[] = [];
  for (const clients of [1, CLIENTS]) {
    const commands = clients === 1 ? count : count * 5;
    const rates = await alternately(
      {
        ours: ours(ledger, clients, commands),
        byHand: byHand(ledger, clients, commands),
        emmett: await emmett(clients, Math.round(commands / (clients === 1 ? 4 : 20))),
      },
      effort,
    );
    const who = clients === 1 ? 'one client' : `${clients} clients`;
    const [hand, peer] = clients === 1 ? [0.6, 2] : [0.5, 5];
    const against = clients === 1 ? 'one event a transaction' : 'group commit';
    rows.push(
      atLeast(clients === 1 ? '1' : '2', `commands, ${who} | by hand, ${against}`, [rates.ours, rates.byHand], hand),
      atLeast('3', `commands, ${who} | Emmett on SQLite`, [rates.ours, rates.emmett], peer),
    );
  }
  return rows;
}

/** So many commands, evenly by clients that each send the next when the last is acknowledged. */
async function inParallel(clients: number, commands: number, send: (client: number) => Promise<void> | void) {
  const each = Math.ceil(commands / clients);
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let n = 0; n < each; n += 1) await send(client);
    }),
  );
  return { done: each * clients };
}

function ours(ledger: string, clients: number, commands: number): Contestant {
  const path = copyOf(ledger, 'ours', { models: false });
  const store = SqliteEventStore.open(path);
  const noRates = () => Promise.reject(new Error('no rate is needed'));
  const accounts = new Accounts(store, accountDecider, () => Promise.resolve(null), noRates, new Snapshots(null));
  const clicks = Array.from({ length: clients }, (_, account) => new Clicks(account, 'ours', GOES_ON_MS));
  return {
    run: () =>
      inParallel(clients, commands, async (client) => {
        const data = clicks[client]!.data();
        const { outcome } = await accounts.handle('ClickSpent', data, data);
        if (outcome.status !== 'appended') throw new Error(`a click was not appended: ${JSON.stringify(outcome)}`);
      }),
    close: async () => {
      await store.close();
      remove(path);
    },
  };
}

function byHand(ledger: string, clients: number, commands: number): Contestant {
  const path = copyOf(ledger, 'by-hand', { models: false });
  const log = new HandwrittenLog(path);
  const clicks = Array.from({ length: clients }, (_, account) => new Clicks(account, 'by hand', GOES_ON_MS));
  const ready = (account: number): ReadyClick => readyClick(account, clicks[account]!);
  return {
    run: () =>
      inParallel(clients, commands, (client) =>
        clients === 1 ? log.append(ready(client)) : log.appendInGroup(ready(client)),
      ),
    close: () => {
      log.close();
      remove(path);
    },
  };
}

/** It decides nothing: what is measured is its append. */
async function emmett(clients: number, commands: number): Promise<Contestant> {
  const peer = await Emmett.open('.bench/emmett.db');
  const clicks = Array.from({ length: clients }, (_, account) => new Clicks(account, 'emmett', GOES_ON_MS));
  return {
    run: () =>
      inParallel(clients, commands, async (client) => {
        const data = { ...clicks[client]!.data(), ...DECIDED };
        await peer.append(`account-${client}`, [{ type: 'ClickSpent', data }]);
      }),
    close: () => peer.close(),
  };
}
