import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NewEvent } from '../../src/event-store/event-store.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { instantOf } from '../../src/kernel/instant.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));
const CLICKS = 112_000;
const BATCH = 500;
/** Of the process that exports. */
const HEAP_MIB = 64;
const ACCOUNT = { advertiserId: 'adv-1', marketplace: 'DE' };
const FIRST_MS = Date.UTC(2022, 9, 5);

const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
const ledger = join(directory, 'ledger.db');

const event = (type: string, key: string, data: object): NewEvent => ({
  id: `${type}:${key}`,
  type,
  data: { ...ACCOUNT, ...data },
  metadata: { version: 1 },
});

/** A click that nothing paid for. */
function click(n: number): NewEvent {
  const cost = { amount: '0.85', currency: 'EUR' };
  const clickId = `click-${n}`;
  const occurredAt = instantOf(FIRST_MS + n * 1000);
  const said = { clickId, campaignId: 'campaign-1', product: 'SP', cost, occurredAt };
  return event('ClickSpent', clickId, { ...said, draws: [], billable: cost });
}

beforeAll(async () => {
  const store = SqliteEventStore.open(ledger);
  const occurredAt = instantOf(FIRST_MS);
  await store.append('account-adv-1.DE', 'none', [event('AccountOpened', '', { currency: 'EUR', occurredAt })]);
  for (let n = 0; n < CLICKS; n += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, offset) => click(n + offset));
    await store.append('account-adv-1.DE', n, batch);
  }
  await store.close();
  // The tables and the seals are there before, as beside a ledger in use: what they take is not the exports'.
  for (const command of [['balance', 'adv-1', 'DE'], ['checkpoint']]) promoledger([], command);
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true }));

function promoledger(options: readonly string[], command: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', ...options, CLI, ...command], {
    env: { PATH: process.env['PATH'], PROMOLEDGER_STORE: `sqlite:${ledger}` },
    encoding: 'utf8',
  });
  return { status, isOutOfMemory: stderr.includes('heap out of memory') };
}

/** How many lines of a file are those that are looked for. */
async function linesOf(path: string, isOne: (line: string) => boolean): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) if (isOne(line)) count += 1;
  return count;
}

describe(`a ledger that is exported with ${HEAP_MIB} MiB of heap`, () => {
  it.each([
    ['log', CLICKS + 2, (line: string) => line.startsWith('{"index":')],
    ['hledger', CLICKS, (line: string) => line.includes(' Click click-')],
  ])(
    'is there whole: %s',
    async (format, expected, isOne) => {
      const path = join(directory, `export.${format}`);
      const options = [`--max-old-space-size=${HEAP_MIB}`];
      const ended = promoledger(options, ['export', format, '--out', path]);
      expect(ended).toEqual({ status: 0, isOutOfMemory: false });
      expect(await linesOf(path, isOne)).toBe(expected);
      // What was written would not have fitted beside the program.
      if (format === 'log') expect(statSync(path).size).toBeGreaterThan(HEAP_MIB * 1024 * 1024);
    },
    180_000,
  );
});
