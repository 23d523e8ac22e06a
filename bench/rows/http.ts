import { Clicks } from '../clicks.js';
import { copyOf, GOES_ON_MS, ledgerOf, remove } from '../ledgers.js';
import { alternately, atLeast, type Contestant, type Effort, type Row } from '../measure.js';
import { post, serveLedger, serveReference, type Served } from '../service.js';

const CONNECTIONS = 50;
const ARRAY = 50;
const ACCOUNTS = 50;

/** Rows 4 and 5: clicks over HTTP, durable, the read models kept up, against class-validator in the same kind of route. */
export async function httpRows(effort: Effort, events: number): Promise<Row[]> {
  const path = copyOf(await ledgerOf('wide', events), 'http', { models: true });
  const service = await serveLedger(path, { PROMOLEDGER_CHECKPOINT_EVERY: 'off' });
  const reference = await serveReference();
  const rows: Row[] = [];
  const clicks = Array.from({ length: ACCOUNTS }, (_, account) => new Clicks(account, 'http', GOES_ON_MS));
  const measure = async (number: string, what: string, size: number, requests: number, target: number) => {
    const rates = await alternately(
      {
        ours: new Posting(service, 'ours', clicks, size, requests),
        reference: new Posting(reference, 'reference', clicks, size, requests),
      },
      effort,
    );
    rows.push(atLeast(number, what, [rates.ours, rates.reference], target));
  };
  const requests = Math.round(20_000 * effort.share);
  await measure('4', 'HTTP, single clicks, 50 connections | class-validator alone', 1, requests, 0.8);
  await measure('5', `HTTP, arrays of ${ARRAY}, 50 connections | class-validator alone`, ARRAY, requests / 10, 1.5);
  await service.stop();
  await reference.stop();
  remove(path);
  return rows;
}

/** Posts clicks of many accounts, and waits until questions include them. */
class Posting implements Contestant {
  private turn = 0;

  constructor(
    private readonly served: Served,
    private readonly name: string,
    private readonly clicks: readonly Clicks[],
    private readonly size: number,
    private readonly requests: number,
  ) {}

  async run() {
    const before = await this.position();
    const body = () => {
      const clicks = this.clicks[this.turn++ % ACCOUNTS]!;
      return this.size === 1 ? clicks.command() : Array.from({ length: this.size }, () => clicks.command());
    };
    const postedMs = await post(this.served.url, CONNECTIONS, this.requests, body);
    const startedMs = performance.now();
    const done = this.requests * this.size;
    const after = await this.position(before + BigInt(done));
    if (this.name === 'ours' && after < before + BigInt(done)) throw new Error(`of ${done} only ${after - before}`);
    return { done, ms: postedMs + performance.now() - startedMs };
  }

  /** Of what a question includes, once it includes `least`. */
  private async position(least = 0n): Promise<bigint> {
    if (this.name !== 'ours') return 0n;
    for (;;) {
      const response = await fetch(`${this.served.url}/v1/accounts?limit=1&minPosition=${least}`);
      const { position } = (await response.json()) as { position?: string };
      if (response.ok && BigInt(position!) >= least) return BigInt(position!);
    }
  }
}
