import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHttpApp } from '../../src/main.js';
import { loadSettings } from '../../src/settings.js';
import { Client } from './client.js';

/** A running service on an SQLite file of its own. */
export interface Service {
  readonly client: Client;
  /** Closes it and removes its file. */
  stop(): Promise<void>;
}

const temporaryLedger = () => {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  return {
    store: `sqlite:${join(directory, 'ledger.db')}`,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
};

/** Starts the service in this process on a free port: real HTTP, real file. `clock` fixes now. */
export async function startService(options: { clock?: string } = {}): Promise<Service> {
  const ledger = temporaryLedger();
  const app = await createHttpApp(
    loadSettings({
      PROMOLEDGER_STORE: ledger.store,
      PROMOLEDGER_SCHEDULER: 'off',
      ...(options.clock ? { PROMOLEDGER_CLOCK: options.clock } : {}),
    }),
  );
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    client: new Client(`http://127.0.0.1:${port}`),
    stop: async () => {
      await app.close();
      ledger.remove();
    },
  };
}

const LAUNCHER = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));
const BUILT_CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

/** A service in a process of its own, which can be killed without a warning and started again on the same file. */
export class ServiceProcess {
  private readonly ledger = temporaryLedger();
  private child: ChildProcess | undefined;

  constructor() {
    if (!existsSync(BUILT_CLI))
      throw new Error('dist/ is missing: this test runs the built service, so run "npm run build" first');
  }

  /** Starts it and waits until it is ready. A port may be taken between being found free and being used: try again. */
  async start(): Promise<Client> {
    let output = '';
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const port = await freePort();
      const child = spawn(process.execPath, ['--no-warnings', LAUNCHER, 'serve'], {
        env: {
          PATH: process.env['PATH'],
          PORT: String(port),
          PROMOLEDGER_STORE: this.ledger.store,
          PROMOLEDGER_SCHEDULER: 'off',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      this.child = child;
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const url = `http://127.0.0.1:${port}`;
      if (await isReady(url, child)) return new Client(url);
      await this.kill();
    }
    throw new Error(`the service did not become ready; it said:\n${output.slice(-2000)}`);
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

  async remove(): Promise<void> {
    await this.kill();
    this.ledger.remove();
  }
}

async function isReady(url: string, child: ChildProcess): Promise<boolean> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const ready = await fetch(`${url}/health/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return true;
    await pause(25);
  }
  return false;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
