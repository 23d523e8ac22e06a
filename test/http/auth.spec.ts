import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Command } from 'commander';
import { addKeyCommand } from '../../src/cli/keys.js';
import { callerOfKey, hashOfKey, newKey, parseKeys } from '../../src/http/auth/api-keys.js';
import { isOnLoopback } from '../../src/http/auth/identify.js';
import { ownerOfDerived, derivedCreditId } from '../../src/kernel/identifiers.js';
import { isWithin } from '../../src/kernel/bounds.js';
import { loadSettings, SettingsError } from '../../src/settings.js';
import { appOf, Fakes } from './fakes.js';

describe('the settings of authentication', () => {
  const tokens = {
    PROMOLEDGER_AUTH_JWKS: 'https://identity.example/jwks',
    PROMOLEDGER_AUTH_ISSUER: 'https://identity.example',
    PROMOLEDGER_AUTH_AUDIENCE: 'promoledger',
  };
  const faultsOf = (env: Record<string, string>): readonly string[] => {
    try {
      loadSettings(env);
    } catch (error) {
      if (error instanceof SettingsError) return error.faults;
      throw error;
    }
    return [];
  };

  it('are none by default, and ask only for keys that cannot be shared', () => {
    expect(loadSettings({}).auth).toBeNull();
    expect(loadSettings({ PROMOLEDGER_API_KEYS: './keys.json' }).auth).toEqual({
      tokens: null,
      apiKeys: './keys.json',
    });
    const { tokens: read } = loadSettings(tokens).auth!;
    expect([...read!.algorithms]).toEqual(['RS256', 'PS256', 'ES256', 'EdDSA']);
    expect(read!.clockSkewSeconds).toBe(30);
  });

  it.each<[string, string]>([
    ['PROMOLEDGER_AUTH_JWKS', 'http://identity.example/jwks'],
    ['PROMOLEDGER_AUTH_JWKS', 'ftp://identity.example/jwks'],
    ['PROMOLEDGER_AUTH_JWKS', 'https://'],
    ['PROMOLEDGER_AUTH_ISSUER', ''],
    ['PROMOLEDGER_AUTH_AUDIENCE', ''],
    ['PROMOLEDGER_AUTH_ALGORITHMS', 'HS256'],
    ['PROMOLEDGER_AUTH_ALGORITHMS', 'RS256,none'],
    ['PROMOLEDGER_AUTH_ALGORITHMS', 'RS256,'],
    ['PROMOLEDGER_AUTH_CLOCK_SKEW_SECONDS', '301'],
    ['PROMOLEDGER_AUTH_CLOCK_SKEW_SECONDS', '-1'],
    ['PROMOLEDGER_AUTH_ADVERTISERS_CLAIM', 'two words'],
  ])('%s=%j is one clear line', (name, value) => {
    expect(faultsOf({ ...tokens, [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} .+$`))]);
  });

  it('that are of no use stop the start: nobody is to believe that something is checked', () => {
    const { PROMOLEDGER_AUTH_JWKS: _, ...others } = tokens;
    expect(faultsOf(others)).toHaveLength(2);
  });
});

describe('loopback', () => {
  it.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost', '::ffff:127.0.0.1'])('is %s', async (host) => {
    expect(await isOnLoopback(host)).toBe(true);
  });
  it.each([
    '0.0.0.0',
    '::',
    '0',
    '10.0.0.1',
    '192.168.1.5',
    '8.8.8.8',
    'fe80::1',
    '::ffff:10.0.0.1',
    'no.such.host.invalid',
  ])('is not %s', async (host) => {
    expect(await isOnLoopback(host)).toBe(false);
  });
});

describe('a service without authentication', () => {
  let app: NestFastifyApplication;
  beforeAll(async () => {
    app = await appOf(new Fakes());
  });
  afterAll(() => app.close());
  const statusOf = async (headers: Record<string, string>, url = '/v1/accounts') =>
    (await app.inject({ method: 'GET', url, headers })).statusCode;

  it.each(['localhost', 'localhost:3000', '127.0.0.1:3000', '[::1]:3000', '127.0.0.1'])(
    'answers to %s',
    async (host) => {
      expect(await statusOf({ host })).toBe(200);
      expect(await statusOf({ host, origin: `http://${host}` })).toBe(200);
      // Not even when it has just been let in.
      expect(await statusOf({ host, origin: 'http://evil.example' })).toBe(403);
    },
  );

  it.each([
    'evil.example',
    'localhost.evil.example',
    '10.0.0.1:3000',
    'a b',
    '127.0.0.1.nip.io',
    'evil.example#127.0.0.1',
  ])('does not answer to %s, a name that a page may have made to point here', async (host) => {
    expect(await statusOf({ host })).toBe(403);
  });

  it.each(['https://evil.example', 'null', 'http://localhost:9999', 'http://127.0.0.1'])(
    'does not answer a page of %s',
    async (origin) => {
      expect(await statusOf({ host: 'localhost:3000', origin })).toBe(403);
    },
  );
});

describe('the file of keys', () => {
  const { key, sha256 } = newKey('feed');
  const entry = { id: 'feed', sha256, subject: 'feed', scopes: ['facts:write'] };
  const file = (...keys: unknown[]) => JSON.stringify({ keys });

  it('holds a hash, from which nobody makes the key', () => {
    expect(key).toMatch(/^plk_feed_[A-Za-z0-9_-]{43}$/);
    expect(sha256).toBe(hashOfKey(key).toString('hex'));
    expect(newKey('feed').key).not.toBe(key);
    const keys = parseKeys(file({ ...entry, advertisers: ['adv-1'], notAfter: '2027-01-01T00:00:00Z' }));
    const ends = Date.parse('2027-01-01T00:00:00Z');
    expect(callerOfKey(keys, key, ends - 1)).toMatchObject({ subject: 'key:feed', marketplaces: null });
    expect(callerOfKey(keys, key, ends)).toBeUndefined();
  });

  it.each<[unknown, RegExp]>([
    [[], /keys, a list/],
    [{ keys: {} }, /keys, a list/],
    [{ keys: [], more: 1 }, /keys, a list/],
    [{ keys: ['x'] }, /keys\/0 must be an object/],
    [{ keys: [entry, entry] }, /keys\/1\/id is that of another/],
    [{ keys: [{ ...entry, id: 'a_b' }] }, /keys\/0\/id/],
    [{ keys: [{ ...entry, sha256: 'ABC' }] }, /keys\/0\/sha256/],
    [{ keys: [{ ...entry, key: 'plk_' }] }, /unknown field "key"/],
    [{ keys: [{ ...entry, subject: 'a b' }] }, /keys\/0\/subject/],
    [{ keys: [{ ...entry, scopes: ['facts:wirte'] }] }, /keys\/0\/scopes/],
    [{ keys: [{ ...entry, scopes: undefined }] }, /keys\/0\/scopes/],
    [{ keys: [{ ...entry, advertiser: ['adv-1'] }] }, /unknown field "advertiser"/],
    [{ keys: [{ ...entry, advertisers: 'adv-1' }] }, /keys\/0\/advertisers/],
    [{ keys: [{ ...entry, marketplaces: ['Germany'] }] }, /keys\/0\/marketplaces/],
    [{ keys: [{ ...entry, notAfter: 'soon' }] }, /keys\/0\/notAfter/],
  ])('%j is refused, with what is wrong', (text, message) => {
    expect(() => parseKeys(JSON.stringify(text))).toThrow(message);
  });

  describe('promoledger api-key', () => {
    const directory = mkdtempSync(join(tmpdir(), 'promoledger-keys-'));
    afterAll(() => rmSync(directory, { recursive: true, force: true }));
    const said: string[] = [];
    const { log } = console;
    afterEach(() => {
      console.log = log;
      said.length = 0;
    });
    const run = async (...args: string[]) => {
      console.log = (line: string) => void said.push(line);
      const program = new Command().exitOverride();
      addKeyCommand(program);
      await program.parseAsync(['api-key', ...args], { from: 'user' });
    };

    it('adds to the file what lets its key in, and shows the key once', async () => {
      const path = join(directory, 'keys.json');
      await run('one', '--scope', 'ledger:read', '--advertiser', 'adv-1', 'adv-2', '--file', path);
      const made = said.join('\n').split('\n')[0]!;
      await run('two', '--scope', 'facts:write', 'grants:write', '--subject', 'team/finance', '--file', path);
      const keys = parseKeys(readFileSync(path, 'utf8'));
      expect(callerOfKey(keys, made, 0)).toMatchObject({
        subject: 'key:one',
        advertisers: new Set(['adv-1', 'adv-2']),
      });
      expect(keys.get('two')!.caller).toMatchObject({ subject: 'key:team/finance', advertisers: null });
      expect(readFileSync(path, 'utf8')).not.toContain(made);
      await expect(run('one', '--scope', 'admin', '--file', path)).rejects.toThrow(/id is that of another key/);
      expect(parseKeys(readFileSync(path, 'utf8')).size).toBe(2);
    });

    it('refuses what the service would not understand', async () => {
      await expect(run('a_b', '--scope', 'admin')).rejects.toThrow(/name of a key/);
      await expect(run('c', '--scope', 'admin', '--not-after', 'soon')).rejects.toThrow(/notAfter/);
      await expect(run('c', '--scope', 'admin', '--marketplace', 'Germany')).rejects.toThrow(/marketplaces/);
    });
  });
});

describe('bounds', () => {
  const of = (advertisers: string[] | null, marketplaces: string[] | null) => ({
    advertisers: advertisers && new Set(advertisers),
    marketplaces: marketplaces && new Set(marketplaces),
  });

  it.each([
    [of(null, null), {}, true],
    [of(['a'], null), { advertiserId: 'a' }, true],
    [of(['a'], null), { advertiserId: 'b', marketplace: 'DE' }, false],
    [of(['a'], null), {}, false],
    [of(null, ['DE']), { advertiserId: 'a' }, false],
    [of(['a'], ['DE']), { advertiserId: 'a', marketplace: 'DE' }, true],
    [of(['a'], ['DE']), { advertiserId: 'a', marketplace: 'FR' }, false],
    [of([], null), { advertiserId: 'a', marketplace: 'DE' }, false],
  ])('%# keep what they should', (bounds, owned, within) => {
    expect(isWithin(bounds, owned)).toBe(within);
  });

  it.each([
    ['p', 'adv-1', 'DE', 'SP', null],
    ['p:q', 'a:b:DE:SP', 'FR', 'SP', null],
    ['p', 'a:b', 'FR', 'ALL', 'first-step'],
    ['p', 'p:a:DE', 'GB', 'SB', 'two'],
  ])('know whose credit it is by %s:%s:%s:%s:%s', (promotionId, advertiserId, marketplace, product, stage) => {
    const creditId = derivedCreditId(promotionId, advertiserId, marketplace, product, stage);
    expect(ownerOfDerived(creditId, promotionId)).toEqual({ advertiserId, marketplace });
  });
});
