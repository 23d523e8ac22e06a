import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const CLI = here('../src/cli.js');
const REFERENCE = here('./reference-server.js');
/** Below those that systems give to outgoing connections, of which one may be left over. */
const FIRST_PORT = 18_100;
let ports = 0;
/** Longer than a start takes that works. */
const STARTS_MS = 60_000;

/** A process that serves HTTP, on a port of its own. */
export interface Served {
  readonly url: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

export const serveLedger = (path: string, env: Record<string, string> = {}): Promise<Served> =>
  serve([CLI, 'serve'], { PROMOLEDGER_STORE: `sqlite:${path}`, PROMOLEDGER_SCHEDULER: 'off', ...env });

export const serveReference = (): Promise<Served> => serve([REFERENCE], {});

async function serve(args: readonly string[], env: Record<string, string>): Promise<Served> {
  const port = String(FIRST_PORT + ports++);
  const child = spawn(process.execPath, ['--no-warnings', ...args], {
    env: { PATH: process.env['PATH'], PORT: port, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const silent = () => Promise.reject(new Error(`${args.join(' ')} did not say that it serves`));
  await Promise.race([
    once(child.stdout, 'data', { signal: AbortSignal.timeout(STARTS_MS) }).catch(silent),
    once(child, 'exit').then(() => Promise.reject(new Error(`${args.join(' ')} did not start`))),
  ]);
  child.stdout.resume();
  const stop = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { url: `http://127.0.0.1:${port}`, process: child, stop };
}

/** Of autocannon what is used here; it is installed under bench/peers. */
type Autocannon = (options: {
  url: string;
  method: string;
  headers: object;
  connections: number;
  amount: number;
  sampleInt: number;
  setupClient: (client: Client) => void;
}) => Promise<{ non2xx: number; errors: number; timeouts: number }>;

interface Client {
  setRequests(requests: readonly object[]): void;
  on(event: 'response', listener: () => void): void;
}

const autocannon = createRequire(here('../../bench/peers/package.json'))('autocannon') as Autocannon;

/** Autocannon notices so often that it is done, in ms. */
const NOTICED_EVERY_MS = 50;

/**
 * Posts the bodies over so many connections, each sent when the one before is answered. The time it took, in ms: from when
 * all requests are made and the first is sent, to the last answer. Autocannon itself would notice it later.
 */
export async function post(url: string, connections: number, bodies: readonly string[]): Promise<number> {
  let startedMs = 0;
  let endedMs = 0;
  let client = 0;
  const headers = { 'content-type': 'application/json' };
  const { non2xx, errors, timeouts } = await autocannon({
    url,
    method: 'POST',
    headers,
    connections,
    amount: bodies.length,
    sampleInt: NOTICED_EVERY_MS,
    setupClient: (one) => {
      const place = client++;
      one.setRequests(bodies.filter((_, n) => n % connections === place).map((body) => ({ body, headers })));
      one.on('response', () => (endedMs = performance.now()));
      startedMs = performance.now();
    },
  });
  if (non2xx + errors + timeouts > 0) throw new Error(`${non2xx} refused, ${errors} failed, ${timeouts} timed out`);
  return endedMs - startedMs;
}
