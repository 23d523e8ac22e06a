import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';

const LAUNCHER = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));

const directory = mkdtempSync(join(tmpdir(), 'promoledger-start-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let child: ChildProcess | undefined;
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

/** Starts the built service; answers what it says until it serves, or has ended. */
async function serve(env: Record<string, string>): Promise<{ said: string; exitCode: number | null }> {
  const started = spawn(process.execPath, ['--no-warnings', LAUNCHER, 'serve'], {
    env: { PATH: process.env['PATH'], PORT: '0', PROMOLEDGER_STORE: 'memory:', PROMOLEDGER_SCHEDULER: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  let said = '';
  return new Promise((resolve) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('promoledger serves')) resolve({ said, exitCode: null });
    };
    started.stdout.on('data', hear);
    started.stderr.on('data', hear);
    started.once('close', (exitCode) => resolve({ said, exitCode }));
  });
}

describe('a service without authentication', () => {
  it.each(['127.0.0.1', '::1', 'localhost'])('serves on %s, and says that it has none', async (HOST) => {
    const { said, exitCode } = await serve({ HOST });
    expect([exitCode, said]).toEqual([null, expect.stringContaining('without authentication, so on loopback only')]);
  });

  it.each(['0.0.0.0', '::', '10.1.2.3'])('does not start on %s, and says why in one line', async (HOST) => {
    const { said, exitCode } = await serve({ HOST });
    expect([exitCode, said]).toEqual([
      1,
      `promoledger: HOST ${HOST} is reached from elsewhere, and nothing says how callers are known: ` +
        'set PROMOLEDGER_API_KEYS or PROMOLEDGER_AUTH_JWKS, or listen on 127.0.0.1\n',
    ]);
  });
});

describe('a service with authentication', () => {
  it('serves on any interface, and does not say that it is open', async () => {
    const keys = join(directory, 'keys.json');
    writeFileSync(keys, '{"keys":[]}');
    const { said, exitCode } = await serve({ HOST: '0.0.0.0', PROMOLEDGER_API_KEYS: keys });
    expect([exitCode, said]).toEqual([null, expect.not.stringContaining('without authentication')]);
  });

  it.each([
    ['is not there', undefined, 'it is not there'],
    ['is no JSON', '{', 'it is not JSON'],
    ['has a fault', '{"keys":[{}]}', 'keys/0/id must be 1 to 64 of A-Z a-z 0-9 -'],
  ])('does not start with a file of keys that %s, and says so in one line', async (name, text, fault) => {
    const keys = join(directory, `${name}.json`);
    if (text !== undefined) writeFileSync(keys, text);
    const { said, exitCode } = await serve({ PROMOLEDGER_API_KEYS: keys });
    expect([exitCode, said]).toEqual([1, `promoledger: ${keys} cannot be used: ${fault}\n`]);
  });
});
