import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadSettings, SettingsError } from '../../src/settings.js';
import { OTHER_SECRET, SECRET } from './webhook-world.js';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'webhooks-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function configured(content: unknown): string {
  const path = join(directory, 'webhooks.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const read = (content: unknown) => loadSettings({ PROMOLEDGER_WEBHOOKS: configured(content) }).notices;

function faultsOf(act: () => unknown): readonly string[] {
  try {
    act();
    return [];
  } catch (error) {
    return (error as SettingsError).faults;
  }
}

const ENDPOINT = { id: 'crm', url: 'https://hooks.example.com/promoledger', secrets: [SECRET] };

describe('settings of webhooks', () => {
  it('name nobody by default, and try again for about three days', () => {
    const { endpoints, retriesMs, from } = loadSettings({}).notices;
    expect([endpoints, from]).toEqual([[], null]);
    const hours = retriesMs.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
    expect(hours).toBeGreaterThan(72);
    expect(hours).toBeLessThan(80);
  });

  it('read endpoints from a file', () => {
    const filter = { kinds: ['credit-used-up'], advertisers: ['acme'], marketplaces: ['DE'], allowPrivate: true };
    const local = {
      ...ENDPOINT,
      ...filter,
      id: 'local',
      url: 'http://127.0.0.1:8080/',
      secrets: [OTHER_SECRET, SECRET],
    };
    expect(read([ENDPOINT, local]).endpoints).toMatchObject([
      {
        id: 'crm',
        url: new URL(ENDPOINT.url),
        kinds: null,
        advertisers: null,
        marketplaces: null,
        allowPrivate: false,
      },
      {
        id: 'local',
        kinds: new Set(['credit-used-up']),
        advertisers: new Set(['acme']),
        secrets: [OTHER_SECRET, SECRET],
      },
    ]);
  });

  it('say when to try again, and where to begin', () => {
    const { retriesMs, from } = loadSettings({
      PROMOLEDGER_WEBHOOK_RETRIES: '50ms, 5s,2m,1h',
      PROMOLEDGER_WEBHOOKS_FROM: '42',
    }).notices;
    expect([retriesMs, from]).toEqual([[50, 5000, 120_000, 3_600_000], 42n]);
  });

  it.each([
    ['', 'not JSON'],
    [{}, 'not a JSON array'],
    [[3], '/0 must be an object'],
    [[{ ...ENDPOINT, id: 'A' }], '/0/id must be'],
    [[ENDPOINT, ENDPOINT], '/1/id is that of an endpoint before it'],
    [[{ ...ENDPOINT, uri: 'x' }], '/0 has a field that is not known'],
    [[{ ...ENDPOINT, url: 'hooks.example.com' }], '/0/url must be a URL'],
    [[{ ...ENDPOINT, url: 'http://hooks.example.com/' }], '/0/url must be https'],
    [[{ ...ENDPOINT, url: 'ftp://hooks.example.com/' }], '/0/url must be https'],
    [[{ ...ENDPOINT, url: 'https://user:pass@hooks.example.com/' }], '/0/url must not hold a user'],
    [[{ ...ENDPOINT, url: 'https://hooks.example.com/#x' }], '/0/url must not have a fragment'],
    [[{ ...ENDPOINT, url: 'https://169.254.169.254/' }], 'not public'],
    [[{ ...ENDPOINT, url: 'https://[::1]/' }], 'not public'],
    [[{ ...ENDPOINT, url: 'https://0x7f000001/' }], 'not public'],
    [[{ ...ENDPOINT, url: 'http://localhost/' }], 'not public'],
    [[{ ...ENDPOINT, secrets: [] }], '/0/secrets must be'],
    [[{ ...ENDPOINT, secrets: ['whsec_c2hvcnQ='] }], '/0/secrets must be'],
    [[{ ...ENDPOINT, secrets: ['my secret'] }], '/0/secrets must be'],
    [[{ ...ENDPOINT, kinds: ['everything'] }], '/0/kinds must be a list of credit-applied'],
    [[{ ...ENDPOINT, advertisers: [] }], '/0/advertisers must be'],
    [[{ ...ENDPOINT, marketplaces: ['de'] }], '/0/marketplaces must be'],
    [[{ ...ENDPOINT, allowPrivate: 'yes' }], '/0/allowPrivate must be'],
  ])('refuse %j', (content, fault) => {
    const faults = faultsOf(() => read(content));
    expect(faults).toEqual([expect.stringContaining(fault)]);
    expect(faults[0]).toMatch(/^PROMOLEDGER_WEBHOOKS names a file/);
  });

  it('show nothing of what is in the file, and tell of one that is not there', () => {
    const faults = faultsOf(() => read([{ ...ENDPOINT, secrets: ['whsec_tellnobody'], url: 'http://tellnobody/' }]));
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain('tellnobody');
    expect(faultsOf(() => loadSettings({ PROMOLEDGER_WEBHOOKS: join(directory, 'none') }))).toEqual([
      'PROMOLEDGER_WEBHOOKS names a file that cannot be read (ENOENT)',
    ]);
  });

  it.each(['x', '5', '5d', '0s', '1s,', '49h', Array(21).fill('1s').join(',')])(
    'refuse to try again after "%s"',
    (text) => {
      const faults = faultsOf(() => loadSettings({ PROMOLEDGER_WEBHOOK_RETRIES: text }));
      expect(faults).toEqual([expect.stringContaining('PROMOLEDGER_WEBHOOK_RETRIES must be')]);
    },
  );

  it('refuse to begin at what is no position', () => {
    for (const text of ['0', '3651', '30d', '-1']) {
      expect(faultsOf(() => loadSettings({ PROMOLEDGER_WEBHOOK_DEAD_LETTER_DAYS: text }))).toEqual([
        'PROMOLEDGER_WEBHOOK_DEAD_LETTER_DAYS must be a number of days, 1 to 3650',
      ]);
    }
    expect(loadSettings({ PROMOLEDGER_WEBHOOK_DEAD_LETTER_DAYS: '7' }).notices.deadLetterMs).toBe(7 * 86_400_000);
    expect(faultsOf(() => loadSettings({ PROMOLEDGER_WEBHOOKS_FROM: 'yesterday' }))).toEqual([
      'PROMOLEDGER_WEBHOOKS_FROM must be a position, or now',
    ]);
  });
});
