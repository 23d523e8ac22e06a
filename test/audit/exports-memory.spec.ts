import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildSync } from 'esbuild';

const ENTRY = fileURLToPath(new URL('./export-stream.ts', import.meta.url));
const MIB = 2 ** 20;
const HEAP_MIB = 48;
/** For machines that are busy with other things. */
const PATIENCE_MS = 300_000;
/** With the machine code, buffers and SQLite's cache; about 130 to 180 are taken. */
const PEAK_MIB = 256;

let directory: string;
let program: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  program = join(directory, 'export-stream.mjs');
  buildSync({ entryPoints: [ENTRY], outfile: program, bundle: true, platform: 'node', format: 'esm' });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const exported = (format: string, transactions: number) =>
  spawnSync(
    process.execPath,
    ['--no-warnings', `--max-old-space-size=${HEAP_MIB}`, program, format, `${transactions}`],
    {
      encoding: 'utf8',
    },
  );

describe(`an export with a heap of ${HEAP_MIB} MiB`, () => {
  it.each([
    ['hledger', 150_000],
    ['ledger', 150_000],
    ['beancount', 150_000],
    ['csv', 150_000],
    ['parquet', 100_000],
  ])(
    'streams more than it could hold: %s of %d transactions, each with an account of its own',
    (format, transactions) => {
      const { status, stdout, stderr } = exported(format, transactions);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const { bytes, peakBytes } = JSON.parse(stdout) as { bytes: number; peakBytes: number };
      // Parquet packs these ids well; of text there is more than the process ever had.
      if (format !== 'parquet') expect(bytes).toBeGreaterThan(PEAK_MIB * MIB);
      expect(peakBytes).toBeLessThan(PEAK_MIB * MIB);
    },
    PATIENCE_MS,
  );

  it(
    'would not do if it remembered its accounts',
    () => {
      const { stderr } = exported('remembering', 150_000);
      expect(stderr).toMatch(/heap/i);
    },
    PATIENCE_MS,
  );
});
