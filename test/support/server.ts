import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { INestApplicationContext } from '@nestjs/common';
import { createHttpApp } from '../../src/main.js';
import { loadSettings } from '../../src/settings.js';
import { Client } from './client.js';

/** A running service on an SQLite file of its own. */
export interface Service {
  readonly client: Client;
  /** What is behind it: for questions that are not asked over HTTP. */
  readonly app: INestApplicationContext;
  /** Closes it and removes its file. */
  stop(): Promise<void>;
}

const temporaryLedger = () => {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  return {
    store: `sqlite:${join(directory, 'ledger.db')}`,
    cache: join(directory, 'cache'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
};

/** The ledger on an EventStoreDB that the caller runs. */
export interface ServerStore {
  readonly connectionString: string;
  readonly prefix: string;
  /** What the service keeps for itself; a fresh place by default. */
  readonly cache?: string | undefined;
}

/**
 * Starts the service in this process on a free port: real HTTP, on a real file, or on the EventStoreDB given. `clock`
 * fixes now; `env` has settings besides.
 */
export async function startService({
  clock,
  on,
  env = {},
}: { clock?: string; on?: ServerStore; env?: Readonly<Record<string, string>> } = {}): Promise<Service> {
  const ledger = temporaryLedger();
  const app = await createHttpApp(
    loadSettings({
      PROMOLEDGER_STORE: on?.connectionString ?? ledger.store,
      PROMOLEDGER_STREAM_PREFIX: on?.prefix,
      PROMOLEDGER_CACHE: on?.cache ?? ledger.cache,
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_CLOCK: clock,
      PROMOLEDGER_LOG_LEVEL: 'warn',
      ...env,
    }),
  );
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    client: new Client(`http://127.0.0.1:${port}`),
    app,
    stop: async () => {
      await app.close();
      ledger.remove();
    },
  };
}

const LAUNCHER = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));
const BUILT_CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

const READY_WITHIN_MS = 30_000;

/** A service in a process of its own, which can be killed without a warning and started again on the same file. */
export class ServiceProcess {
  private readonly ledger = temporaryLedger();
  private child: ChildProcess | undefined;
  private removed = false;

  /** `env` has settings besides its own. */
  constructor(private readonly env: Readonly<Record<string, string>> = {}) {
    if (!existsSync(BUILT_CLI))
      throw new Error('dist/ is missing: this test runs the built service, so run "npm run build" first');
  }

  /** Starts it on a port that the system chooses, and waits until it is ready. */
  async start(): Promise<Client> {
    if (this.removed) throw new Error('its file is gone');
    const child = spawn(process.execPath, ['--no-warnings', LAUNCHER, 'serve'], {
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        PROMOLEDGER_STORE: this.ledger.store,
        PROMOLEDGER_SCHEDULER: 'off',
        ...this.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const deadline = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (url && (await isReady(url))) return new Client(url);
      await pause(25);
    }
    await this.kill();
    throw new Error(`the service did not become ready; it said:\n${output.slice(-2000)}`);
  }

  /** Its ledger's file. */
  get path(): string {
    return this.ledger.store.slice('sqlite:'.length);
  }

  /** Tells it to end; how it ended. */
  async signal(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const child = this.child;
    if (!child) throw new Error('it does not run');
    if (child.exitCode === null && child.signalCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill(signal);
      await exited;
    }
    return { code: child.exitCode, signal: child.signalCode };
  }

  /** SIGKILL: it gets no chance to finish anything. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  /** Ends it for good and removes its file. */
  async remove(): Promise<void> {
    this.removed = true;
    await this.kill();
    this.ledger.remove();
  }
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/health/ready`).then(
    (response) => response.ok,
    () => false,
  );

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
