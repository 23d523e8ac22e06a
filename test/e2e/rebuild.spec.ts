import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from '@jest/globals';
import { instantOf } from '../../src/kernel/instant.js';
import type { openWriter } from '../../src/read-models/threaded-writer.js';
import type { Client } from '../support/client.js';
import { clicksOf, Load } from '../support/loaded.js';
import { pause, ServiceProcess } from '../support/server.js';

/** The thread is there once the service is built: run "npm run build" first. */
const BUILT: string = '../../dist/src/read-models/threaded-writer.js';
const built = (await import(BUILT)) as { readonly openWriter: typeof openWriter };

const NOW = instantOf(0);
/** Which value of a thread's `stat`, behind its name, is its niceness. */
const NICE = 16;

/** Of this process's threads, those that give way. */
const givingWay = (): number =>
  readdirSync('/proc/self/task').filter((thread) => {
    const [, told] = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ');
    return Number(told!.split(' ')[NICE]) === constants.priority.PRIORITY_BELOW_NORMAL;
  }).length;

// Elsewhere threads have no priority of their own.
const onLinux = process.platform === 'linux' ? it : it.skip;

onLinux('the thread of a rebuild gives way to all others; the one that follows the log does not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
  const open = (givesWay: boolean) =>
    built.openWriter(join(folder, `${givesWay}.models`), { clock: () => NOW, fixedNow: null, givesWay });
  const before = givingWay();
  const following = await open(false);
  expect(givingWay()).toBe(before);
  const rebuilding = await open(true);
  expect(givingWay()).toBe(before + 1);
  await Promise.all([following.close(), rebuilding.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const isRebuilding = async (client: Client): Promise<boolean> =>
  (await client.get<{ isRebuilding: boolean }>('/v1/admin/read-models')).body.isRebuilding;

const billed = async (client: Client, minPosition = '0'): Promise<string> => {
  const path = `/v1/accounts/adv-1/US/balance?asOf=2022-11-30T00:00:00Z&minPosition=${minPosition}`;
  return (await client.get<{ billed: string }>(path)).body.billed;
};

it('puts right what was spoilt while facts are posted, and does no harm when it is killed', async () => {
  const service = new ServiceProcess();
  try {
    let client = await service.start();
    const [opening, ...clicks] = clicksOf('adv-1', 8001);
    await client.append(opening!);
    const load = new Load();
    const post = async (from: number, to: number) => load.send(client, clicks.slice(from, to));
    await post(0, 4000);
    // 4,000 clicks of 0.25, with no credit to pay for them.
    expect(await billed(client, load.acknowledged.at(-1)!.position)).toBe('1000.00');
    const spoiler = new DatabaseSync(`${service.path}.models`, { timeout: 5000 });
    spoiler.exec(`UPDATE bill_lanes SET billed_total = '1'`);
    spoiler.close();
    expect(await billed(client)).toBe('0.01');

    await client.post('/v1/admin/read-models/rebuild', {});
    await service.kill();
    client = await service.start();
    expect([await isRebuilding(client), await billed(client)]).toEqual([false, '0.01']);

    await client.post('/v1/admin/read-models/rebuild', {});
    await post(4000, 8000);
    while (await isRebuilding(client)) await pause(20);
    expect(load.refused).toEqual([]);
    expect(await billed(client, load.acknowledged.at(-1)!.position)).toBe('2000.00');
    await service.kill();
    client = await service.start();
    expect(await billed(client, load.acknowledged.at(-1)!.position)).toBe('2000.00');
  } finally {
    await service.remove();
  }
}, 60_000);
