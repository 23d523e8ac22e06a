import 'reflect-metadata';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Accounts } from '../src/accounts/accounts.js';
import { accountDecider } from '../src/accounts/domain/account.js';
import { Sealer } from '../src/audit/seals/sealer.js';
import type { Handled } from '../src/commands/facts.js';
import { Snapshots } from '../src/commands/snapshots.js';
import { SqliteEventStore } from '../src/event-store/sqlite/sqlite-event-store.js';
import type { RateBook } from '../src/fx/domain/conversion.js';
import { createApp } from '../src/main.js';
import { revisionAt } from '../src/promotions/domain/revisions.js';
import { offerOf } from '../src/promotions/offers.js';
import { Promotions } from '../src/promotions/promotions.js';
import { ReadModels } from '../src/read-models/read-models.js';
import { loadSettings, type Settings } from '../src/settings.js';
import { Clicks, type Command, DAY_MS, granted, opened, published } from './clicks.js';

/** Ledgers are made once, from a seed, and kept here, in the project; what is measured works on copies. */
export const HOME = '.bench';
const SEED = 'promoledger-1';

/** Many accounts side by side, or one that has nearly all the clicks (`deep`) beside one with a hundredth of them. */
export const SHAPES = ['wide', 'deep'] as const;
export type Shape = (typeof SHAPES)[number];

/** Of `wide`: so many clicks an account has, and so many accounts there are at least. */
const CLICKS_EACH = 2000;
const LEAST_ACCOUNTS = 100;
/** So many accounts click side by side, and the next when these are done: states of more than a service keeps at hand. */
const ACCOUNTS_AT_ONCE = 500;
/** Of `deep`: the account with all the clicks, and the small one. */
export const DEEP = 0;
export const SHALLOW = 1;
const CREDITS = 12;
/** A credit of `wide` is given every so many days, and of `deep` twice as often. */
const DAYS = 30;
/** The clicks of `wide` end here, in the middle of its last credit: what is measured goes on from there, in the order of time. */
export const GOES_ON_MS = (CREDITS - 0.5) * DAYS * DAY_MS;
/** Those of `deep`. */
export const DEEP_MS = GOES_ON_MS / 2;
const CHUNK = 2000;

export const settingsOf = (path: string): Settings =>
  loadSettings({ PROMOLEDGER_STORE: `sqlite:${path}`, PROMOLEDGER_SCHEDULER: 'off' });

const pathOf = (shape: Shape, events: number): string => `${HOME}/${shape}-${events}.db`;

/**
 * A ledger of at least so many events, made when it is not there, and what the service keeps beside it, as this code has it:
 * a log that is there may have been made by code that keeps something else.
 */
export async function ledgerOf(shape: Shape, events: number): Promise<string> {
  const path = await logOf(shape, events);
  await makeTheRest(path, shape);
  return path;
}

/** The log of such a ledger; there may be nothing beside it. */
export async function logOf(shape: Shape, events: number): Promise<string> {
  const path = pathOf(shape, events);
  if (existsSync(path)) return path;
  mkdirSync(HOME, { recursive: true });
  const draft = `${HOME}/draft-${shape}.db`;
  await makeLog(draft, shape, events);
  // The log last: it is there when all is.
  for (const suffix of suffixesOf(draft).toReversed()) renameSync(draft + suffix, path + suffix);
  return path;
}

/**
 * The log alone. It is the service's own code that decides and appends, so the events are those that it would have made of
 * the same commands; spared are HTTP, the checks of what comes from there, and waiting for each before the next.
 */
export async function makeLog(path: string, shape: Shape, events: number): Promise<void> {
  remove(path);
  const store = SqliteEventStore.open(path);
  const snapshots = new Snapshots(`${path}.snapshots`);
  const promotions = new Promotions(store);
  const accounts = new Accounts(
    store,
    accountDecider,
    async (promotionId, at) => offerOf(revisionAt((await promotions.stateOf(promotionId)).revisions, at)),
    async () => NO_RATES,
    snapshots,
  );
  const state = async (handler: Accounts | Promotions, commands: readonly Command[]): Promise<void> => {
    const stated = await Promise.all(commands.map(({ type, data }) => handler.handle(type, data, data)));
    stated.forEach(assertAppended);
  };
  for (const chunk of commandsOf(shape, events)) {
    await state(chunk[0]!.type === 'PromotionPublished' ? promotions : accounts, chunk);
  }
  await store.close();
  snapshots.close();
}

const NO_RATES: RateBook = { rates: () => [], commonBases: () => [] };

function assertAppended({ outcome }: Handled): void {
  if (outcome.status !== 'appended') throw new Error(`a command was not appended: ${JSON.stringify(outcome)}`);
}

/** What a ledger is told, in chunks: accounts click side by side, so that the log of each 500 is in about the order of time. */
export function* commandsOf(shape: Shape, events: number): Generator<readonly Command[]> {
  yield upTo(CREDITS, published);
  const isDeep = shape === 'deep';
  const shares = isDeep ? [events, events / 100] : sharesOf(events, Math.max(LEAST_ACCOUNTS, events / CLICKS_EACH));
  const amount = isDeep ? '100000.00' : '30000.00';
  const days = isDeep ? DAYS / 2 : DAYS;
  for (let account = 0; account < shares.length; account += 1) {
    yield [opened(account)];
    yield upTo(CREDITS, (n) => granted(account, n, amount, n * days));
  }
  const endMs = isDeep ? DEEP_MS : GOES_ON_MS;
  const accounts = shares.map((share, account) => {
    return { share, clicks: new Clicks(account, SEED, 0, Math.floor(endMs / share)) };
  });
  for (let first = 0; first < accounts.length; first += ACCOUNTS_AT_ONCE) {
    const together = accounts.slice(first, first + ACCOUNTS_AT_ONCE);
    const turns = Math.ceil(((events / CHUNK) * together.length) / accounts.length);
    for (let turn = 0; turn < turns; turn += 1) {
      yield together.flatMap(({ share, clicks }) => {
        const partUntil = (end: number) => Math.round((share * end) / turns);
        return upTo(partUntil(turn + 1) - partUntil(turn), () => clicks.command());
      });
    }
  }
}

const sharesOf = (events: number, accounts: number): number[] => upTo(accounts, () => events / accounts);
const upTo = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));

/** The read models, and the seals of a ledger that is served later: sealing in the background would be measured, too. */
async function makeTheRest(path: string, shape: Shape): Promise<void> {
  const app = await createApp(settingsOf(path));
  const models = app.get(ReadModels);
  const head = await models.head();
  const isBuilt = await models.runner.reached(head, MADE_MS);
  if (models.isRebuilding) await models.rebuild();
  const isSealed = shape !== 'wide' || (await app.get(Sealer).reached(head, MADE_MS));
  await app.close();
  if (!isBuilt || !isSealed) throw new Error(`${path}: its ${isBuilt ? 'seals' : 'read models'} were not made in time`);
}

const MADE_MS = 10 * 60_000;

/** Of the files that a ledger is made of, whatever the service keeps beside it: the log is the first. */
const suffixesOf = (path: string): string[] => {
  const own = basename(path);
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(own));
  return names.map((name) => name.slice(own.length)).sort();
};

/** A copy to write to; it is the caller's to remove. `models`: with the read models and what else lies beside it. */
export function copyOf(path: string, name: string, { models }: { models: boolean }): string {
  const copy = `${HOME}/${name}.db`;
  remove(copy);
  for (const suffix of models ? suffixesOf(path) : ['']) copyFileSync(path + suffix, copy + suffix);
  return copy;
}

/** With all that lies beside it. */
export function remove(path: string): void {
  for (const suffix of suffixesOf(path)) rmSync(path + suffix);
}

/** Leaves nothing but the ledgers that were made whole. */
export function tidy(): void {
  if (!existsSync(HOME)) return;
  for (const name of readdirSync(HOME)) {
    if (!/^(wide|deep)-\d+\.db/.test(name)) rmSync(`${HOME}/${name}`, { recursive: true, force: true });
  }
}

/** `node dist/bench/ledgers.js wide 1000000`. */
if (process.argv[1] === import.meta.filename) {
  const [shape, events] = [SHAPES.find((each) => each === process.argv[2]), Number(process.argv[3])];
  if (!shape || !Number.isSafeInteger(events) || events < CHUNK) {
    throw new Error(`tell a shape, ${SHAPES.join(' or ')}, and how many events, from ${CHUNK} on`);
  }
  const startedMs = performance.now();
  const path = await ledgerOf(shape, events);
  console.log(`${path} is there after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}
