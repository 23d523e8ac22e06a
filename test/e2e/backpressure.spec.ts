import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { opened } from '../support/history.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));
const HEAP_MIB = 96;
const SENT_MIB = 128;
const RECORDED = 8;
/** Of the import alone, above what the idle service takes: some buffers of a connection, and what V8 leaves to collect. */
const MOST_MIB = 96;

const isLinux = process.platform === 'linux';
if (!isLinux) console.warn('skipped: the memory of an import, which is read from /proc');

(isLinux ? describe : describe.skip)('an import that is sent faster than it is committed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  let child: ChildProcess;
  let url: string;

  beforeAll(async () => {
    if (!existsSync(CLI)) throw new Error('dist/ is missing: run "npm run build" first');
    child = spawn(process.execPath, ['--no-warnings', `--max-old-space-size=${HEAP_MIB}`, CLI, 'serve'], {
      env: { PORT: '0', PROMOLEDGER_STORE: `sqlite:${join(directory, 'ledger.db')}`, PROMOLEDGER_SCHEDULER: 'off' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr!.on('data', (piece: Buffer) => (said += String(piece)));
    for await (const piece of child.stdout!) {
      said += String(piece);
      if (/http:\/\/127\.0\.0\.1:\d+/.test(said)) break;
    }
    url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0] ?? fail(said);
    while (!(await fetch(`${url}/health/live`)).ok);
  });
  afterAll(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  const fail = (said: string): never => {
    throw new Error(`the service did not start: ${said}`);
  };

  const residentMib = (): number =>
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1024;

  it(`of ${SENT_MIB} MiB takes no more memory than a few batches`, async () => {
    const lineKib = 64;
    const lines = (SENT_MIB * 1024) / lineKib;
    const padding = ' '.repeat(lineKib * 1024);
    const body = Readable.from(
      (function* () {
        // One in RECORDED is recorded, and the reader of lines holds whole ones.
        for (let i = 0; i < lines; i += 1) {
          const command = i % RECORDED === 0 ? opened(`adv-${i}`, 'DE', 'EUR') : { type: 'Nothing', data: {} };
          yield `${JSON.stringify(command)}${padding}\n`;
        }
      })(),
    );
    const before = residentMib();
    const last = await new Promise<string>((resolve, reject) => {
      const sending = request(
        `${url}/v1/import`,
        { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (piece: string) => (text = (text + piece).slice(-2000)));
          response.on('end', () => resolve(text.trimEnd().split('\n').at(-1)!)).on('error', reject);
        },
      );
      body.pipe(sending.on('error', reject));
    });
    expect(JSON.parse(last)).toMatchObject({
      summary: { read: lines, appended: lines / RECORDED, rejected: lines - lines / RECORDED },
    });
    console.log(`${Math.round(residentMib() - before)} MiB more for ${SENT_MIB} MiB sent`);
    expect(residentMib() - before).toBeLessThan(MOST_MIB);
  });
});
