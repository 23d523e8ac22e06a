import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { bundles } from '../../scripts/server-projections.js';
import { serverScripts } from '../../src/server-projections/scripts.js';
import { type EngineCase, type EngineAnswer, openEngine } from '../support/engine.js';
import { play, readScenarios } from '../support/golden.js';
import { published } from '../support/history.js';
import { startService } from '../support/server.js';
import { fixturesOf, foldedByStream, PROJECTIONS, type Told } from './folds.js';

/**
 * Each fold on two engines: in this process, and bundled on the projection engine of KurrentDB. Both must give the same
 * state for every partition.
 */
const engine = openEngine();
if (typeof engine === 'string') process.stderr.write(`skipped: ${engine}\n`);
const onBoth = typeof engine === 'string' ? it.skip : it;
const run = (cases: readonly EngineCase[]): readonly EngineAnswer[] => {
  if (typeof engine === 'string') throw new Error(engine);
  return engine(cases);
};

const VERSIONS = [1, 2] as const;
const onVersions = (script: string, events: readonly Told[]): EngineCase[] =>
  VERSIONS.map((engineVersion) => ({ script, engineVersion, events }));

const scriptOf = (fold: string): string => scripts.get(fold)!;
let scripts: ReadonlyMap<string, string>;
beforeAll(() => {
  const built = bundles();
  scripts = new Map(serverScripts('', (fold) => built.get(fold)!).map(({ fold, query }) => [fold, query]));
});

describe.each(Object.keys(PROJECTIONS))('%s', (name) => {
  onBoth('gives the states of its fixtures', () => {
    const fixtures = fixturesOf(name);
    const answers = run(fixtures.flatMap(({ events }) => onVersions(scriptOf(name), events)));
    expect(answers).toEqual(fixtures.flatMap(({ states }) => VERSIONS.map(() => ({ states }))));
  });
});

describe('golden scenarios', () => {
  onBoth.each(readScenarios())('$name', async (scenario) => {
    const service = await startService();
    try {
      const position = await service.client.append(published());
      await play(scenario, service.client);
      const log = await service.client.log(position);
      const folds = Object.entries(PROJECTIONS).map(([name, fold]) => {
        const events = log.filter(({ stream }) => stream.startsWith(`${fold.category}-`));
        return { name, events, states: foldedByStream(fold, events) };
      });
      // Every one has something to fold.
      expect(folds.filter(({ events }) => events.length === 0)).toEqual([]);
      const answers = run(folds.flatMap(({ name, events }) => onVersions(scriptOf(name), events)));
      expect(answers).toEqual(folds.flatMap(({ states }) => VERSIONS.map(() => ({ states }))));
    } finally {
      await service.stop();
    }
  });
});

describe('the comparison', () => {
  const fixtures = fixturesOf('credit-balances');

  onBoth('finds a script that folds differently', () => {
    const planted = scriptOf('credit-balances').replace('revoked: true', 'revoked: false');
    const answers = run(fixtures.map(({ events }) => ({ script: planted, engineVersion: 2, events })));
    const equal = answers.map((answer, at) => {
      const { states } = fixtures[at]!;
      return JSON.stringify(answer) === JSON.stringify({ states });
    });
    const revoking = fixtures.map(({ events }) => events.every(({ type }) => type !== 'CreditRevoked'));
    expect(revoking).toContain(false);
    expect(equal).toEqual(revoking);
  });

  onBoth('stops at an event that the fold does not know, as the fold does', () => {
    const events = [{ stream: 'account-adv-1.DE', type: 'CreditPainted', data: { colour: 'red' } }];
    const fault = expect.stringContaining('unexpected {"type":"CreditPainted","data":{"colour":"red"}}');
    expect(run(onVersions(scriptOf('credit-balances'), events))).toEqual(VERSIONS.map(() => ({ fault })));
    expect(() => foldedByStream(PROJECTIONS['credit-balances']!, events)).toThrow(/^unexpected .*CreditPainted/);
  });
});

describe('scripts/engine.sh', () => {
  it('says why it can do nothing on a machine that knows neither its libc nor packages', () => {
    const machine = mkdtempSync(join(tmpdir(), 'promoledger-engine-'));
    try {
      for (const folder of ['bin', 'scripts']) mkdirSync(join(machine, folder));
      for (const tool of ['dirname', 'cut']) {
        const found = execFileSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
        symlinkSync(found, join(machine, 'bin', tool));
      }
      const script = join(machine, 'scripts', 'engine.sh');
      copyFileSync(fileURLToPath(new URL('../../scripts/engine.sh', import.meta.url)), script);
      const env = { PATH: join(machine, 'bin') };
      expect(spawnSync('/bin/bash', [script], { env, encoding: 'utf8' })).toMatchObject({
        status: 1,
        stderr: 'engine: it needs glibc 2.38, this machine has another libc and is no Debian\n',
      });
    } finally {
      rmSync(machine, { recursive: true });
    }
  });
});
