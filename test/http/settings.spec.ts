import { describe, expect, it } from '@jest/globals';
import { SettingsError, loadSettings, storeShown } from '../../src/settings.js';

describe('settings', () => {
  it('have sound defaults', () => {
    const before = new Date().toISOString();
    const { clock, observability: _, limits: _limits, notices: _notices, ...settings } = loadSettings({});
    expect(settings).toEqual({
      host: '127.0.0.1',
      port: 3000,
      store: 'sqlite:./data/ledger.db',
      streamPrefix: '',
      cachePath: './data/ledger.db',
      fixedNow: null,
      ledgerName: 'promoledger',
      signingKey: { path: './data/ledger.db.key', isSet: false },
      checkpointEveryMs: 3_600_000,
      readOnly: false,
      scheduler: true,
      auth: null,
      life: { stopSeconds: 10, backups: null },
      strays: [],
    });
    expect(clock() >= before).toBe(true);
  });

  it('are read from the environment; an empty one is not set', () => {
    const {
      clock,
      observability: _,
      limits: _limits,
      notices: _notices,
      ...settings
    } = loadSettings({
      HOST: '::1',
      PORT: '0',
      PROMOLEDGER_STORE: 'memory:',
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_CLOCK: '2022-10-04T09:00:00+02:00',
    });
    expect(settings).toEqual({
      host: '::1',
      port: 0,
      store: 'memory:',
      streamPrefix: '',
      cachePath: null,
      fixedNow: '2022-10-04T07:00:00.000Z',
      ledgerName: 'promoledger',
      signingKey: null,
      checkpointEveryMs: 3_600_000,
      readOnly: false,
      scheduler: false,
      auth: null,
      life: { stopSeconds: 10, backups: null },
      strays: [],
    });
    expect(clock()).toBe('2022-10-04T07:00:00.000Z');
    expect(loadSettings({ PORT: '', HOST: '' })).toMatchObject({ port: 3000, host: '127.0.0.1' });
  });

  it('say who signs checkpoints, and how often', () => {
    const given = {
      PROMOLEDGER_LEDGER_NAME: 'ledger.example.com/eu',
      PROMOLEDGER_SIGNING_KEY: '/etc/promoledger/key.pem',
      PROMOLEDGER_CHECKPOINT_EVERY: 'PT15M',
    };
    expect(loadSettings(given)).toMatchObject({
      ledgerName: 'ledger.example.com/eu',
      signingKey: { path: '/etc/promoledger/key.pem', isSet: true },
      checkpointEveryMs: 900_000,
    });
    expect(loadSettings({ PROMOLEDGER_CHECKPOINT_EVERY: 'off' }).checkpointEveryMs).toBeNull();
  });

  it('performs nothing by itself on a ledger that is read only', () => {
    expect(loadSettings({ PROMOLEDGER_READ_ONLY: 'on', PROMOLEDGER_SCHEDULER: 'on' })).toMatchObject({
      readOnly: true,
      scheduler: false,
    });
  });

  it.each([
    ['HOST', 'a b'],
    ['HOST', 'http://here/'],
    ['PROMOLEDGER_LEDGER_NAME', 'a ledger'],
    ['PROMOLEDGER_LEDGER_NAME', 'a+b'],
    ['PROMOLEDGER_LEDGER_NAME', 'l\u00e4dger'],
    ['PROMOLEDGER_CHECKPOINT_EVERY', '1h'],
    ['PROMOLEDGER_CHECKPOINT_EVERY', 'PT0S'],
    ['PROMOLEDGER_CHECKPOINT_EVERY', 'P1D'],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '3000.5'],
    ['PORT', 'http'],
    ['PROMOLEDGER_STORE', 'sqlite:'],
    ['PROMOLEDGER_STORE', 'postgres://u:secret@h/d'],
    ['PROMOLEDGER_STORE', 'esdb://admin:secret@'],
    ['PROMOLEDGER_STORE', 'esdb://admin:secret@localhost:secret'],
    ['PROMOLEDGER_STORE', 'esdb://admin:secret@localhost:2113?tls=secret'],
    ['PROMOLEDGER_STORE', 'esdb://admin:secret@localhost:2113?colour=blue'],
    ['PROMOLEDGER_STORE', 'esdb://admin:secret@localhost:2113?tlsVerifyCert=false'],
    ['PROMOLEDGER_STORE', 'esdb+discover://admin:secret@cluster:2113?tlsCAFile=/no/such/file.pem'],
    ['PROMOLEDGER_STREAM_PREFIX', 'with-dash'],
    ['PROMOLEDGER_STREAM_PREFIX', 'Capitals'],
    ['PROMOLEDGER_OPERATIONS_PER_HOUR', 'facts:write'],
    ['PROMOLEDGER_OPERATIONS_PER_HOUR', 'facts:write=0'],
    ['PROMOLEDGER_OPERATIONS_PER_HOUR', 'facts:write=1.5'],
    ['PROMOLEDGER_OPERATIONS_PER_HOUR', 'facts:write=1,facts:write=2'],
    ['PROMOLEDGER_OPERATIONS_PER_HOUR', 'facts=1'],
    ['PROMOLEDGER_LIMITS_STORE', 'localhost:6379'],
    ['PROMOLEDGER_LIMITS_STORE', 'redis://:secret@'],
    ['PROMOLEDGER_MAX_CONNECTIONS', '0'],
    ['PROMOLEDGER_STOP_SECONDS', '10s'],
    ['PROMOLEDGER_SCHEDULER', 'OFF'],
    ['PROMOLEDGER_READ_ONLY', 'yes'],
    ['PROMOLEDGER_CLOCK', '2022-10-04'],
    ['PROMOLEDGER_CLOCK', 'line\nbreak'],
  ])('%s=%j is one clear line, without secrets', (name, value) => {
    const { faults } = faultsOf({ [name]: value });
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name} .+$`))]);
    expect(faults[0]).not.toMatch(/secret|\n/);
  });

  it.each(['esdb://admin:p%40ss@localhost:2113?tls=false', 'esdb+discover://u:p@cluster:2113', 'esdb://a:1,b:2,c:3'])(
    'take the server %s, and keep what can be made again in a place of its own',
    (store) => {
      const settings = loadSettings({ PROMOLEDGER_STORE: store, PROMOLEDGER_STREAM_PREFIX: 'acme_' });
      expect(settings).toMatchObject({ store, streamPrefix: 'acme_', cachePath: './data/eventstoredb' });
      expect(loadSettings({ PROMOLEDGER_STORE: store, PROMOLEDGER_CACHE: '/var/x' }).cachePath).toBe('/var/x');
    },
  );

  it('show a store without its password', () => {
    expect(storeShown('esdb://admin:p@ss@host:2113?tls=false')).toBe('esdb://host:2113?tls=false');
    expect(storeShown('esdb+discover://u:p@cluster:2113')).toBe('esdb+discover://cluster:2113');
    expect(storeShown('sqlite:./a@b.db')).toBe('sqlite:./a@b.db');
  });

  it('have limits, by default of nobody', () => {
    expect(loadSettings({}).limits).toEqual({ operationsPerHour: new Map(), store: null, maxConnections: 1000 });
    const given = {
      PROMOLEDGER_OPERATIONS_PER_HOUR: 'facts:write=100000, ledger:read=50000',
      PROMOLEDGER_LIMITS_STORE: 'rediss://user:secret@limits:6380/1',
      PROMOLEDGER_MAX_CONNECTIONS: '50',
    };
    expect(loadSettings(given).limits).toEqual({
      operationsPerHour: new Map([
        ['facts:write', 100_000],
        ['ledger:read', 50_000],
      ]),
      store: 'rediss://user:secret@limits:6380/1',
      maxConnections: 50,
    });
  });

  it('say which variables are named like one and are none', () => {
    const env = {
      PROMOLEDGER_STROE: 'sqlite:/tmp/x.db',
      PROMOLEDGER_CACHE: '/tmp',
      PROMOLEDGER_BACKUPS: '',
      PATH: '/bin',
    };
    expect(loadSettings(env).strays).toEqual(['PROMOLEDGER_STROE']);
  });

  it('list every fault', () => {
    expect(faultsOf({ PORT: 'x', HOST: ' ', PROMOLEDGER_SCHEDULER: 'y' }).message.split('\n')).toHaveLength(3);
  });
});

function faultsOf(env: Record<string, string>): SettingsError {
  try {
    loadSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}
