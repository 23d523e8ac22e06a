import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checkpoints, type CheckpointOptions, type Signed } from '../../src/audit/seals/checkpoints.js';
import { LocalSeals } from '../../src/audit/seals/seals.js';
import { Sealer } from '../../src/audit/seals/sealer.js';
import { SigningKey } from '../../src/audit/seals/signing-key.js';
import type { EventStore, NewEvent } from '../../src/event-store/event-store.js';
import { instantOf } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';

/** A store with its seals, as the service has them, without the service. */
export class Sealed {
  readonly told: string[] = [];
  readonly key: SigningKey;
  readonly kept: LocalSeals;
  readonly sealer: Sealer;
  readonly checkpoints: Checkpoints;

  constructor(
    readonly store: EventStore,
    /** Of what lies beside the ledger; null for memory. */
    path: string | null = null,
    options: Partial<CheckpointOptions> = {},
  ) {
    const report = (message: string) => void this.told.push(message);
    this.key = new SigningKey({
      name: 'ledger.example.com',
      path: path === null ? null : `${path}.key`,
      mayCreate: true,
      report,
    });
    this.kept = new LocalSeals(path === null ? '' : `${path}.seals`, report);
    this.sealer = new Sealer(store, this.kept, report);
    this.sealer.start();
    const now = () => instantOf(Date.now());
    this.checkpoints = new Checkpoints(store, this.sealer, this.key, { now, everyMs: null, warn: report, ...options });
  }

  async sign(): Promise<Signed> {
    const signed = await this.checkpoints.sign();
    if (isRefusal(signed)) throw new Error(signed.detail);
    return signed;
  }

  /** Waits until all that is recorded is sealed. */
  async upToDate(): Promise<void> {
    if (!(await this.sealer.reached(await this.store.head(), 10_000))) throw new Error('the seals lag');
  }

  async close(): Promise<void> {
    await this.sealer.close();
    await this.store.close();
  }
}

const event = (type: string, key: string, data: object): NewEvent => ({
  id: `${type}:${key}`,
  type,
  data,
  metadata: { version: 1 },
});

/** A click of an account, with text that has every kind of character that JSON spells in a way of its own. */
export const click = (number: number): NewEvent =>
  event('ClickSpent', `click-${number}`, {
    advertiserId: 'adv-1',
    clickId: `click-${number}`,
    cost: { amount: `${number}.10`, currency: 'EUR' },
    occurredAt: '2022-10-05T12:00:00.000Z',
    draws: [{ creditId: 'credit-1', amount: { amount: `${number}.10`, currency: 'EUR' } }],
    reason: `\u001b "quoted" \\ K\u00f6ln \ud83d\ude00 \ufffd ${number}`,
  });

/** Appends events to several streams in turn. */
export async function fill(store: EventStore, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number += 1) {
    const stream = `account-adv-${number % 3}.DE`;
    await store.append(stream, 'any', [click(number)]);
    if (number % 5 === 0) {
      const rate = event('FxRateRecorded', `ECB ${number}`, { base: 'EUR', quote: 'USD', rate: `0.${number}` });
      await store.append('fx-EUR.USD', 'any', [rate]);
    }
  }
}

/** A folder that is removed by `remove`. */
export function temporaryFolder(): { readonly path: (name: string) => string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'promoledger-seals-'));
  return {
    path: (name) => join(folder, name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
