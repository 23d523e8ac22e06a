import { Clicks } from '../clicks.js';
import { HandwrittenLog, readyClick } from '../handwritten.js';
import { copyOf, GOES_ON_MS, ledgerOf, remove } from '../ledgers.js';
import { alternately, atLeast, type Contestant, type Effort, type Row, until } from '../measure.js';
import { post, serveLedger, serveReference } from '../service.js';

const CONNECTIONS = 50;
const ARRAY = 50;
const ACCOUNTS = 50;

/** So many events at most share a transaction of the service. */
const MOST_TOGETHER = 1000;

/**
 * Rows 4 and 5: clicks over HTTP, durable, the read models kept up, against routes that check the same clicks and do
 * nothing with them.
 */
export async function httpRows(effort: Effort, events: number): Promise<Row[]> {
  const ledger = await ledgerOf('wide', events);
  const path = copyOf(ledger, 'http', { models: true });
  const service = await serveLedger(path, { PROMOLEDGER_CHECKPOINT_EVERY: 'off' });
  const reference = await serveReference();
  const rows: Row[] = [];
  const clicks = Array.from({ length: ACCOUNTS }, (_, account) => new Clicks(account, 'http', GOES_ON_MS));
  const measure = async (number: string, what: string, size: number, requests: number, target: number) => {
    const stock = size === 1 ? 'stock' : 'stock-arrays';
    const together = Math.min(CONNECTIONS * size, MOST_TOGETHER);
    const posting = (url: string) => new Posting(url, clicks, size, requests);
    const rates = await alternately(
      {
        ours: new Recording(`${service.url}/v1/commands`, clicks, size, requests, service.url),
        stock: posting(`${reference.url}/${stock}`),
        direct: posting(`${reference.url}/direct`),
        alone: appending(ledger, clicks, { count: size * requests, together }),
      },
      effort,
    );
    rows.push(
      atLeast(number, `${what} | Nest's ValidationPipe, doing nothing`, [rates.ours, rates.stock], target),
      justTold(atLeast(number, `${what} | class-validator called directly`, [rates.ours, rates.direct], 0)),
      justTold(
        atLeast(number, `${what} | the append alone, by hand, ${together} a transaction`, [rates.ours, rates.alone], 0),
      ),
    );
  };
  const requests = Math.round(20_000 * effort.share);
  await measure('4', `HTTP, single clicks, ${CONNECTIONS} connections`, 1, requests, 0.8);
  await measure('5', `HTTP, arrays of ${ARRAY}, ${CONNECTIONS} connections`, ARRAY, requests / 10, 1.5);
  await service.stop();
  await reference.stop();
  remove(path);
  return rows;
}

const justTold = (row: Row): Row => ({ ...row, target: '', met: null });

/** What of it is the disk's and SQLite's: clicks that are decided already, written by a loop that does nothing else. */
function appending(
  ledger: string,
  clicks: readonly Clicks[],
  { count, together }: { count: number; together: number },
): Contestant {
  const path = copyOf(ledger, 'by-hand', { models: false });
  const log = new HandwrittenLog(path);
  return {
    run: async () => {
      const ready = Array.from({ length: count }, (_, n) => readyClick(n % ACCOUNTS, clicks[n % ACCOUNTS]!));
      const startedMs = performance.now();
      for (let n = 0; n < count; n += together) {
        await Promise.all(ready.slice(n, n + together).map((click) => log.appendInGroup(click)));
      }
      return { done: count, ms: performance.now() - startedMs };
    },
    close: () => {
      log.close();
      remove(path);
    },
  };
}

/** Posts clicks of many accounts. Their requests are made before the time runs. */
class Posting implements Contestant {
  private turn = 0;

  constructor(
    private readonly url: string,
    private readonly clicks: readonly Clicks[],
    private readonly size: number,
    private readonly requests: number,
  ) {}

  async run(): Promise<{ done: number; ms: number }> {
    const bodies = Array.from({ length: this.requests }, () => this.body());
    return { done: this.requests * this.size, ms: await post(this.url, CONNECTIONS, bodies) };
  }

  private body(): string {
    const clicks = this.clicks[this.turn++ % ACCOUNTS]!;
    const commands = Array.from({ length: this.size }, () => clicks.command());
    return JSON.stringify(this.size === 1 ? commands[0] : commands);
  }
}

/** The same, until questions include all of them. */
class Recording extends Posting {
  constructor(
    url: string,
    clicks: readonly Clicks[],
    size: number,
    requests: number,
    private readonly service: string,
  ) {
    super(url, clicks, size, requests);
  }

  override async run() {
    const before = await this.position();
    const { done, ms } = await super.run();
    const startedMs = performance.now();
    const after = await this.position(before + BigInt(done));
    if (after !== before + BigInt(done)) throw new Error(`of ${done} clicks ${after - before} were recorded`);
    return { done, ms: ms + performance.now() - startedMs };
  }

  /** Of what a question includes, once it includes `least`. */
  private async position(least = 0n): Promise<bigint> {
    let included = -1n;
    await until(`questions that include position ${least}`, async () => {
      const response = await fetch(`${this.service}/v1/accounts?limit=1&minPosition=${least}`);
      const { position } = (await response.json()) as { position?: string };
      if (response.ok) included = BigInt(position!);
      return included >= least;
    });
    return included;
  }
}
