import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../../scripts/audit.js', import.meta.url));

describe('the audit of dependencies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'promoledger-audit-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs it with an npm that answers so. */
  const audited = (answer: string) => {
    writeFileSync(join(folder, 'answer'), answer);
    writeFileSync(join(folder, 'npm'), `#!/bin/sh\ncat '${join(folder, 'answer')}'\nexit 1\n`);
    chmodSync(join(folder, 'npm'), 0o755);
    const env = { PATH: `${folder}:${process.env['PATH']}` };
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], { env, encoding: 'utf8' });
    return { status, said: stdout + stderr };
  };
  const report = (counts: object, vulnerabilities: object) =>
    JSON.stringify({
      vulnerabilities,
      metadata: {
        vulnerabilities: { info: 0, low: 0, moderate: 0, high: 0, critical: 0, ...counts },
        dependencies: { prod: 123, total: 456 },
      },
    });

  it('fails on what is high or critical, and names it', () => {
    const found = { leftpad: { name: 'leftpad', severity: 'critical', range: '<1.3.0' } };
    expect(audited(report({ critical: 1 }, found))).toEqual({
      status: 1,
      said: expect.stringMatching(/123 packages to run[^]*456 packages to build[^]*critical: leftpad <1\.3\.0/),
    });
  });

  it('passes what is less', () => {
    const found = { leftpad: { name: 'leftpad', severity: 'low', range: '*' } };
    expect(audited(report({ low: 1 }, found))).toEqual({
      status: 0,
      said: expect.stringContaining('0 with known high'),
    });
  });

  it.each([
    '',
    'npm error audit endpoint returned an error',
    '{"error":{"code":"ENOAUDIT"}}',
    '{"message":"405","method":"POST"}',
  ])('does not take %j for a good answer', (answer) => {
    expect(audited(answer)).toEqual({ status: 2, said: expect.stringContaining('NOT AUDITED') });
  });
});
