import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { CommandGateway } from '../src/commands/gateway.js';
import { createApp } from '../src/main.js';
import { ReadModels } from '../src/read-models/read-models.js';
import { loadSettings, type Settings } from '../src/settings.js';
import { Clicks, DAY_MS, granted, opened, published } from './clicks.js';

/** Ledgers are made once, from a seed, and kept here; what is measured works on copies. */
const HOME = '.bench';
const SEED = 'promoledger-1';

/** Many accounts side by side, or one that has nearly all the clicks (`deep`) beside one with a hundredth of them. */
export type Shape = 'wide' | 'deep';

const WIDE_ACCOUNTS = 500;
/** Of `deep`: the account with all the clicks, and the small one. */
export const DEEP = 0;
export const SHALLOW = 1;
const CREDITS = 12;
/** A credit of `wide` is given every so many days, and of `deep` twice as often. */
const DAYS = 30;
/** The clicks of `wide` end here, in the middle of its last credit: what is measured goes on from there, in the order of time. */
export const GOES_ON_MS = (CREDITS - 0.5) * DAYS * DAY_MS;
const CHUNK = 500;

export const settingsOf = (path: string): Settings =>
  loadSettings({ PROMOLEDGER_STORE: `sqlite:${path}`, PROMOLEDGER_SCHEDULER: 'off' });

/** A ledger of at least so many events with its read models; made by the service's own gateway when it is not there. */
export async function ledgerOf(shape: Shape, events: number): Promise<string> {
  const path = `${HOME}/${shape}-${events}.db`;
  if (existsSync(path)) return path;
  const draft = `${HOME}/draft.db`;
  mkdirSync(HOME, { recursive: true });
  remove(draft);
  process.stderr.write(`making ${path} … `);
  const startedMs = performance.now();
  const app = await createApp(settingsOf(draft));
  await fill(app.get(CommandGateway), app.get(ReadModels), shape, events);
  await app.close();
  for (const suffix of SUFFIXES) if (existsSync(draft + suffix)) renameSync(draft + suffix, path + suffix);
  process.stderr.write(`${Math.round((performance.now() - startedMs) / 1000)} s\n`);
  return path;
}

async function fill(gateway: CommandGateway, models: ReadModels, shape: Shape, events: number): Promise<void> {
  const submit = async (commands: readonly object[]): Promise<void> => {
    const results = await gateway.submit(commands);
    const refused = results.find(({ status }) => status === 'rejected');
    if (refused) throw new Error(JSON.stringify(refused));
  };
  const days = shape === 'deep' ? DAYS / 2 : DAYS;
  for (let n = 0; n < CREDITS; n += 1) await submit([published(n)]);
  const accounts = shape === 'deep' ? 2 : WIDE_ACCOUNTS;
  for (let account = 0; account < accounts; account += 1) {
    await submit([opened(account)]);
    for (let n = 0; n < CREDITS; n += 1) await submit([granted(account, n, '30000.00', n * days)]);
  }
  const shares = shape === 'deep' ? [events, Math.ceil(events / 100)] : Array<number>(accounts).fill(events / accounts);
  // Evenly over the time in which there are credits.
  const clicks = shares.map(
    (share, account) => new Clicks(account, SEED, 0, Math.floor((GOES_ON_MS * (days / DAYS)) / share)),
  );
  const left = [...shares];
  for (let sent = 0; left.some((count) => count > 0);) {
    const chunk: object[] = [];
    for (let account = 0; account < accounts; account += 1) {
      // Each account its part in each chunk, so that the log is in about the order of time.
      const part = Math.min(left[account]!, Math.max(1, Math.round((CHUNK * shares[account]!) / events)));
      for (let n = 0; n < part; n += 1) chunk.push(clicks[account]!.command());
      left[account]! -= part;
    }
    await submit(chunk);
    sent += chunk.length;
    if (sent % 50_000 < chunk.length) await models.caughtUp();
  }
  await models.caughtUp();
}

const SUFFIXES = [
  '',
  '-wal',
  '.models',
  '.models-wal',
  '.snapshots',
  '.snapshots-wal',
  '.seals',
  '.seals-wal',
  '.notices',
];

/** A copy to write to; it is the caller's to remove. `models`: with the read models and what else lies beside it. */
export function copyOf(path: string, name: string, { models }: { models: boolean }): string {
  const copy = `${HOME}/${name}.db`;
  remove(copy);
  for (const suffix of models ? SUFFIXES : ['', '-wal']) {
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  }
  return copy;
}

export function remove(path: string): void {
  for (const suffix of SUFFIXES) rmSync(path + suffix, { force: true });
  rmSync(`${path}-shm`, { force: true });
}
