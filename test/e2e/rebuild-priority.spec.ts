import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { instantOf } from '../../src/kernel/instant.js';
import type { openWriter } from '../../src/read-models/threaded-writer.js';

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
  const open = (isApart: boolean) =>
    built.openWriter(join(folder, `${isApart}.models`), { clock: () => NOW, fixedNow: null, isApart });
  const before = givingWay();
  const following = await open(false);
  expect(givingWay()).toBe(before);
  const rebuilding = await open(true);
  expect(givingWay()).toBe(before + 1);
  await Promise.all([following.close(), rebuilding.close()]);
  rmSync(folder, { recursive: true, force: true });
});
