import { setTimeout as sleep } from 'node:timers/promises';
import { Clicks } from '../clicks.js';
import { copyOf, GOES_ON_MS, ledgerOf, remove } from '../ledgers.js';
import { alternately, atLeast, type Effort, type Row } from '../measure.js';
import { post, serveLedger } from '../service.js';

const CONNECTIONS = 50;
const ARRAY = 50;
const ACCOUNTS = 50;
/** Of a full run, in a turn. */
const REQUESTS = 400;
/** Of the ledger: a rebuild under way is let end after each turn. */
const EVENTS_SHARE = 0.05;
const EXPORTS = ['log', 'csv'];
const LOOKS_MS = 50;

/** Row 13: clicks are posted while the read models are built anew and an export is read, over and over. */
export async function postingRows(effort: Effort, events: number): Promise<Row[]> {
  const path = copyOf(await ledgerOf('wide', events * EVENTS_SHARE), 'posting', { models: true });
  const service = await serveLedger(path, { PROMOLEDGER_CHECKPOINT_EVERY: 'off' });
  const clicks = Array.from({ length: ACCOUNTS }, (_, account) => new Clicks(account, 'posting', GOES_ON_MS));
  const requests = Math.max(CONNECTIONS, Math.round(REQUESTS * effort.share));
  let sent = 0;
  const posting = async () => {
    const bodies = Array.from({ length: requests }, () => {
      const of = clicks[sent++ % ACCOUNTS]!;
      return JSON.stringify(Array.from({ length: ARRAY }, () => of.command()));
    });
    const ms = await post(`${service.url}/v1/commands`, CONNECTIONS, bodies);
    return { done: requests * ARRAY, ms };
  };
  let [rebuilds, exports] = [0, 0];
  const busy = async () => {
    const others = new Others(service.url);
    await others.areUnderWay();
    const posted = await posting();
    await others.end();
    rebuilds += others.rebuilds;
    exports += others.exports;
    return posted;
  };
  const rates = await alternately({ busy: { run: busy }, alone: { run: posting } }, effort);
  await service.stop();
  remove(path);
  const note = `${rebuilds} rebuilds, ${exports} exports were begun in ${effort.rounds + 1} turns`;
  return [
    atLeast('13', `posting while a rebuild and an export run | posting alone`, [rates.busy, rates.alone], 0.5, note),
  ];
}

/** A rebuild and an export, each begun again when it has ended. */
class Others {
  rebuilds = 0;
  exports = 0;
  private readonly stopping = new AbortController();
  private readonly loops: readonly Promise<void>[];
  private hasExported = false;

  constructor(private readonly url: string) {
    this.loops = [this.rebuild(), this.export()];
  }

  async areUnderWay(): Promise<void> {
    while (this.rebuilds === 0 || !this.hasExported) await Promise.race([sleep(LOOKS_MS), ...this.loops]);
  }

  /** A rebuild cannot be broken off: what comes after this is not to be measured beside it. */
  async end(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  private async rebuild(): Promise<void> {
    const at = `${this.url}/v1/admin/read-models`;
    while (!this.stopping.signal.aborted) {
      const { ok, status } = await fetch(`${at}/rebuild`, { method: 'POST' });
      if (!ok) throw new Error(`a rebuild was answered with ${status}`);
      this.rebuilds += 1;
      while (((await (await fetch(at)).json()) as { isRebuilding: boolean }).isRebuilding) await sleep(LOOKS_MS);
    }
  }

  private async export(): Promise<void> {
    const { signal } = this.stopping;
    try {
      for (; ; this.exports += 1) {
        const { ok, body, status } = await fetch(`${this.url}/v1/exports/${EXPORTS[this.exports % 2]}`, { signal });
        if (!ok) throw new Error(`an export was answered with ${status}`);
        for await (const _piece of body!) this.hasExported = true;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      this.exports += 1;
    }
  }
}
