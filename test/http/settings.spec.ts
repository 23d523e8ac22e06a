import { describe, expect, it } from '@jest/globals';
import { loadSettings, SettingsError } from '../../src/settings.js';

describe('settings', () => {
  it('have sound defaults', () => {
    const before = new Date().toISOString();
    const { clock, ...settings } = loadSettings({});
    expect(settings).toEqual({ host: '127.0.0.1', port: 3000, store: 'sqlite:./data/ledger.db', scheduler: true });
    expect(clock() >= before).toBe(true);
  });

  it('are read from the environment; an empty one is not set', () => {
    const { clock, ...settings } = loadSettings({
      HOST: '::1',
      PORT: '0',
      PROMOLEDGER_STORE: 'memory:',
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_CLOCK: '2022-10-04T09:00:00+02:00',
    });
    expect(settings).toEqual({ host: '::1', port: 0, store: 'memory:', scheduler: false });
    expect(clock()).toBe('2022-10-04T07:00:00.000Z');
    expect(loadSettings({ PORT: '', HOST: '' })).toMatchObject({ port: 3000, host: '127.0.0.1' });
  });

  it.each([
    ['HOST', 'a b'],
    ['HOST', 'http://here/'],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '3000.5'],
    ['PORT', 'http'],
    ['PROMOLEDGER_STORE', 'sqlite:'],
    ['PROMOLEDGER_STORE', 'postgres://u:secret@h/d'],
    ['PROMOLEDGER_STORE', 'esdb://admin:secret@localhost:2113'],
    ['PROMOLEDGER_STORE', 'esdb+discover://admin:secret@cluster:2113'],
    ['PROMOLEDGER_SCHEDULER', 'OFF'],
    ['PROMOLEDGER_CLOCK', '2022-10-04'],
    ['PROMOLEDGER_CLOCK', 'line\nbreak'],
  ])('%s=%j is one clear line, without secrets', (name, value) => {
    const { faults } = faultsOf({ [name]: value });
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name} .+$`))]);
    expect(faults[0]).not.toMatch(/secret|\n/);
  });

  it('name an EventStoreDB as what it is', () => {
    expect(faultsOf({ PROMOLEDGER_STORE: 'esdb://localhost:2113' }).message).toContain('no adapter yet');
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
