import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { ItemResult } from '../../src/commands/gateway.js';
import { importLines, type Line, lineBatches, MAX_LINE_BYTES, type ReportLine } from '../../src/commands/import.js';
import { appOf, Fakes } from './fakes.js';

const linesOf = async (...chunks: (string | Buffer)[]): Promise<Line[]> => {
  const source = async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk);
  };
  const lines: Line[] = [];
  for await (const batch of lineBatches(source())) lines.push(...batch);
  return lines;
};

const rejected = (line: number, code: string) => ({ line, error: { code, detail: expect.any(String) } });

describe('lines', () => {
  it('are the same however the bytes arrive', async () => {
    const text = Buffer.from('{"a":"ä€😀"}\r\n\n[1]\n  \n"last"');
    const whole = await linesOf(text);
    expect(whole).toEqual([
      { line: 1, command: { a: 'ä€😀' } },
      { line: 3, command: [1] },
      { line: 5, command: 'last' },
    ]);
    for (let size = 1; size < text.length; size += 1) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.subarray(i * size, (i + 1) * size),
      );
      expect(await linesOf(...chunks)).toEqual(whole);
    }
  });

  it('that are not JSON in UTF-8 are rejected one by one', async () => {
    const lines = await linesOf(Buffer.from([0x22, 0xff, 0x22, 0x0a]), '{"a":}\n', '1\n');
    expect(lines).toEqual([rejected(1, 'malformed-json'), rejected(2, 'malformed-json'), { line: 3, command: 1 }]);
  });

  it('may be so long and no longer', async () => {
    const fits = `"${'x'.repeat(MAX_LINE_BYTES - 2)}"`;
    const lines = await linesOf(`${fits}\n`, `${fits} \n`, fits.slice(0, 9), `${fits.slice(9)} `, ' \n', '1');
    expect(lines.map((line) => ('error' in line ? line.error.code : line.line))).toEqual([
      1,
      'batch-too-large',
      'batch-too-large',
      4,
    ]);
  });

  it('are handed on as soon as they are complete', async () => {
    const source = async function* () {
      yield Buffer.from('1\n2');
      throw new Error('asked for more');
    };
    const first = await lineBatches(source()).next();
    expect(first).toEqual({ done: false, value: [{ line: 1, command: 1 }] });
  });
});

describe('an import', () => {
  const item = (changes: Partial<ItemResult>): ItemResult => ({
    type: 'T',
    key: 'k',
    status: 'appended',
    stream: 's',
    revision: 0,
    position: '1',
    ...changes,
  });
  const batchesOf = async function* (...batches: Line[][]) {
    yield* batches;
  };
  const commands = (count: number): Line[] => Array.from({ length: count }, (_, i) => ({ line: i + 1, command: i }));

  it('submits at most 500 at once, in order', async () => {
    const submitted: unknown[][] = [];
    const gateway = {
      submit: async (some: readonly unknown[]) => (submitted.push([...some]), some.map(() => item({}))),
    };
    const summary = await importLines(gateway, batchesOf(commands(1201), commands(1)), () => undefined);
    expect(submitted.map((some) => some.length)).toEqual([500, 500, 201, 1]);
    expect(submitted.flat().slice(0, 1201)).toEqual(commands(1201).map((line) => 'command' in line && line.command));
    expect(summary).toMatchObject({ read: 1202, appended: 1202 });
  });

  it('reports in the order of the lines, without the event, and counts positions as numbers', async () => {
    const results = [
      item({ position: '10', event: {} }),
      item({ status: 'duplicate', position: '9', event: {} }),
      item({ status: 'rejected', position: null, error: { code: 'unknown-click', detail: 'No.' } }),
    ];
    const gateway = { submit: async (some: readonly unknown[]) => results.splice(0, some.length) };
    const bad: Line = { line: 2, error: { code: 'malformed-json', detail: 'No.' } };
    const reported: ReportLine[] = [];
    const lines = [{ line: 1, command: 0 }, bad, { line: 3, command: 0 }, { line: 4, command: 0 }];
    const summary = await importLines(gateway, batchesOf(lines), (line) => void reported.push(line));
    expect(reported.map(({ line, status }) => [line, status])).toEqual([
      [2, 'rejected'],
      [3, 'duplicate'],
      [4, 'rejected'],
    ]);
    expect(reported.some((line) => 'event' in line)).toBe(false);
    expect(summary).toEqual({ read: 4, appended: 1, duplicate: 1, rejected: 2, lastPosition: '10' });
  });

  it('takes no further batch while the report is not taken', async () => {
    let taken = 0;
    const source = async function* () {
      for (taken = 1; taken <= 3; taken += 1) yield commands(1);
    };
    const gateway = { submit: async () => [item({ status: 'duplicate' })] };
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = importLines(gateway, source(), () => promise);
    await sleep(10);
    expect(taken).toBe(1);
    resolve();
    expect(await running).toMatchObject({ read: 3, duplicate: 3 });
  });
});

describe('an import over the wire', () => {
  it('answers while the client still sends, and outlives a client that leaves', async () => {
    const fakes = new Fakes();
    fakes.take = () => ({ status: 'duplicate' });
    const app = await appOf(fakes);
    await app.listen(0, '127.0.0.1');
    try {
      const socket = connect((app.getHttpServer().address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
      let received = '';
      socket.on('data', (text: string) => (received += text));
      const head =
        'POST /v1/import HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n';
      socket.write(`${head}2\r\n1\n\r\n`);
      while (!received.includes('"line":1')) await once(socket, 'data');
      socket.write('2\r\n2\n\r\n');
      while (!received.includes('"line":2')) await once(socket, 'data');
      expect(received).toContain('HTTP/1.1 200');
      socket.destroy();
      const next = await app.inject({ method: 'GET', url: '/health/live' });
      expect(next.statusCode).toBe(200);
    } finally {
      await app.close();
    }
  });

  it('stops reading when the client does not read the answer', async () => {
    const fakes = new Fakes();
    fakes.take = () => ({ status: 'rejected', error: { code: 'unknown-account', detail: 'x'.repeat(2000) } });
    const app = await appOf(fakes);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    try {
      socket.pause();
      const head =
        'POST /v1/import HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n';
      socket.write(head);
      const body = '1\n'.repeat(8000);
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
      let written = 0;
      while (socket.write(chunk) || (await Promise.race([once(socket, 'drain'), sleep(1000)]))) written += 8000;
      const submitted = () => fakes.calls.reduce((sum, [, count]) => sum + Number(count), 0);
      const stalledAt = submitted();
      await sleep(300);
      expect(submitted()).toBe(stalledAt);
      expect(stalledAt).toBeLessThan(written);
    } finally {
      socket.destroy();
      await app.close();
    }
  });
});
