import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { actorHash, errorFields, Log, redacted } from '../../src/observability/logging.js';
import { within } from '../../src/observability/scope.js';

function logOf(options: { level?: 'debug' | 'info' | 'warn' | 'error'; format?: 'json' | 'text' } = {}) {
  const lines: string[] = [];
  const log = new Log({ level: 'info', format: 'json', ...options, sink: (line) => void lines.push(line) });
  return { log, lines, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('the log', () => {
  it('is one JSON object a line, whatever is in a message', () => {
    const { log, lines, entries } = logOf();
    log.warn('two\nlines\u2028and "more"', 'scheduler');
    expect(lines[0]).not.toMatch(/\n/);
    expect(entries()).toEqual([
      { time: expect.any(String), level: 'warn', logger: 'scheduler', message: 'two\nlines\u2028and "more"' },
    ]);
  });

  it('is one line for people, too: a message cannot pretend to be another', () => {
    const { log, lines } = logOf({ format: 'text' });
    log.write('info', 'http', 'request\n2026 INFO forged', {
      route: '/v1/accounts',
      note: 'a\r\nb',
      absent: undefined,
    });
    expect(lines).toEqual([
      expect.stringMatching(/^\S+Z INFO {2}http: "request\\n2026 INFO forged" route=\/v1\/accounts note="a\\r\\nb"$/),
    ]);
  });

  it('leaves out what is less than its level', () => {
    const { log, entries } = logOf({ level: 'warn' });
    log.debug('d', 'x');
    log.log('i', 'x');
    log.warn('w', 'x');
    log.error('e', 'x');
    expect(entries().map(({ level }) => level)).toEqual(['warn', 'error']);
  });

  it('does not tell of each route at a start, unless it is asked for details', () => {
    const { log, lines } = logOf();
    log.log('Mapped {/v1/accounts, GET} route', 'RouterExplorer');
    expect(lines).toEqual([]);
  });

  it('is written some milliseconds together, in order, and warnings at once', async () => {
    const written = (stream: NodeJS.WriteStream) => {
      const spy = jest.spyOn(stream, 'write').mockReturnValue(true);
      return { spy, texts: () => spy.mock.calls.map(([text]) => text) };
    };
    const [out, errors] = [written(process.stdout), written(process.stderr)];
    try {
      const log = new Log({ level: 'info', format: 'text' });
      log.log('first', 'x');
      log.warn('at once', 'x');
      await new Promise(setImmediate);
      log.log('second', 'x');
      expect(out.texts()).toEqual([]);
      expect(errors.texts()).toEqual([expect.stringMatching(/at once\n$/)]);
      await sleep(50);
      log.log('third', 'x');
      await sleep(50);
      expect(out.texts()).toEqual([expect.stringMatching(/first\n.*second\n$/), expect.stringMatching(/third\n$/)]);
    } finally {
      out.spy.mockRestore();
      errors.spy.mockRestore();
    }
  });

  it('bears the correlation id of the request that a line belongs to', async () => {
    const { log, entries } = logOf();
    await within({ correlationId: 'order-66', span: undefined }, async () => {
      await Promise.resolve();
      log.warn('within', 'x');
    });
    log.warn('without', 'x');
    expect(entries().map((entry) => entry['correlationId'])).toEqual(['order-66', undefined]);
  });
});

describe('what stays out of it', () => {
  it.each([
    ['account-adv-1.DE changed under 100 attempts', 'account-… changed under 100 attempts'],
    ['enrollment-p.adv-1 has lost its revision 3', 'enrollment-… has lost its revision 3'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer …'],
    ['key plk_machine_abcDEF-123 is unknown', 'key … is unknown'],
    ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln', 'token …'],
    ['esdb://admin:changeit@host:2113 is away', 'esdb://…@host:2113 is away'],
    ['from jane.doe@example.com', 'from …'],
    ['the ledger file cannot be written: disk I/O error', 'the ledger file cannot be written: disk I/O error'],
  ])('%j is told as %j', (text, told) => expect(redacted(text)).toBe(told));

  it('the text of an error that nobody foresaw; its kind and place are told', () => {
    const fields = errorFields(new TypeError('cannot read jane of undefined'));
    expect(fields).toEqual({ error: 'TypeError', at: expect.stringContaining('logging.spec.ts') });
    expect(JSON.stringify(fields)).not.toContain('jane');
    expect(errorFields('jane')).toEqual({ error: 'string' });
  });

  it('but not that of the system and the store, which an operator needs', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(errorFields(full)).toEqual({ error: 'Error', code: 'ENOSPC', detail: full.message });
  });

  it('who a caller is: a line tells only which lines are of the same one', () => {
    expect(actorHash('jane')).toMatch(/^[0-9a-f]{12}$/);
    expect(actorHash('jane')).toBe(actorHash('jane'));
    expect(actorHash('jane')).not.toBe(actorHash('joan'));
  });
});
