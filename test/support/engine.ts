import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A server script and the events it is fed, on one of the two engines that servers have. */
export interface EngineCase {
  readonly script: string;
  readonly engineVersion: 1 | 2;
  readonly events: readonly { readonly stream: string; readonly type: string; readonly data: object }[];
}

export type EngineAnswer = { readonly states: Readonly<Record<string, object | null>> } | { readonly fault: string };

export type Engine = (cases: readonly EngineCase[]) => readonly EngineAnswer[];

/** Says that these tests must not be skipped, as in CI. */
const REQUIRED = process.env['PROMOLEDGER_ENGINE'] === 'required';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUNNER = fileURLToPath(new URL('./engine-runner.ts', import.meta.url));

/**
 * KurrentDB's projection engine. Its native library needs a newer libc than some machines have; Node is started through
 * the loader of the one that `scripts/engine.sh` unpacks, if it is there. Answers why not where it cannot run, and throws
 * where it must.
 */
export function openEngine(): Engine | string {
  const [loader] = globSync('.engine/usr/lib/*/ld-linux*.so.*', { cwd: ROOT });
  const start = loader ? [ROOT + loader, '--library-path', ROOT + dirname(loader)] : [];
  const [command = '', ...args] = [...start, process.execPath, '--no-warnings', RUNNER];
  const run = (cases: readonly EngineCase[]): readonly EngineAnswer[] => {
    const { stdout, stderr, status } = spawnSync(command, args, {
      input: JSON.stringify(cases),
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    });
    if (status !== 0) throw new Error(stderr || `it ended with ${status}`);
    return JSON.parse(stdout) as EngineAnswer[];
  };
  const fault = whatStops(run);
  if (fault === undefined) return run;
  const reason = `KurrentDB's projection engine cannot run here: ${fault} (scripts/engine.sh may help)`;
  if (REQUIRED) throw new Error(reason);
  return reason;
}

function whatStops(run: Engine): string | undefined {
  try {
    const [answer] = run([{ script: 'fromAll().when({})', engineVersion: 1, events: [] }]);
    return answer && 'fault' in answer ? answer.fault : undefined;
  } catch (error) {
    const { message } = error as Error;
    return /^.*(GLIBC|Error:).*$/m.exec(message)?.[0].trim() ?? message.trim().split('\n').at(-1)!;
  }
}
