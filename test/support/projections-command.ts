import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));

export interface Told {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the built `promoledger projections …` in a process of its own. */
export async function projections(store: string, streamPrefix: string, ...args: readonly string[]): Promise<Told> {
  const child = spawn(process.execPath, ['--no-warnings', LAUNCHER, 'projections', ...args], {
    env: { PATH: process.env['PATH'], PROMOLEDGER_STORE: store, PROMOLEDGER_STREAM_PREFIX: streamPrefix },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await ended, out, err };
}
