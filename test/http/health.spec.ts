import { describe, expect, it } from '@jest/globals';
import type { Figures, Places } from '../../src/observability/figures.js';
import { ServiceReadiness } from '../../src/observability/readiness.js';
import type { ReadModels } from '../../src/read-models/read-models.js';

const NEVER = new Promise<never>(() => undefined);

function readiness(given: {
  head?: () => Promise<bigint>;
  ready?: () => Promise<void>;
  failed?: Error;
  seconds?: number;
  places?: Places;
  freeMebibytes?: number;
}) {
  let asked = 0;
  const models = {
    head: () => {
      asked += 1;
      return given.head?.() ?? Promise.resolve(3n);
    },
    ready: given.ready ?? (async () => undefined),
    runner: { failed: given.failed },
  } as unknown as ReadModels;
  const figures = { lag: async () => ({ events: 7, seconds: given.seconds ?? 0 }) } as unknown as Figures;
  const limits = { readyLagSeconds: 60, readyFreeMebibytes: given.freeMebibytes ?? 1 };
  const places = given.places ?? { ledger: null, cache: null };
  return { service: new ServiceReadiness(models, figures, places, limits), asked: () => asked };
}

const faults = async (given: Parameters<typeof readiness>[0]) =>
  (await readiness(given).service.checks()).filter(({ ok }) => !ok).map(({ name, code }) => [name, code]);

describe('readiness', () => {
  it('finds nothing missing where all is well', async () => {
    expect(await faults({ places: { ledger: './ledger.db', cache: null } })).toEqual([]);
  });

  it('answers though the store hangs', async () => {
    expect(await faults({ head: () => NEVER, ready: () => NEVER })).toEqual([
      ['store', 'store-unavailable'],
      ['readModels', 'not-caught-up'],
    ]);
  });

  it('tells a store that is away, and not what its error says', async () => {
    const [store] = await readiness({ head: () => Promise.reject(new Error('at secret:2113')) }).service.checks();
    expect(store).toEqual({
      name: 'store',
      code: 'store-unavailable',
      ok: false,
      detail: 'The store cannot be reached.',
    });
  });

  it.each([
    [60, []],
    [60.1, [['readModels', 'not-caught-up']]],
  ])('takes read models that are %d s behind as %j', async (seconds, found) => {
    expect(await faults({ seconds })).toEqual(found);
  });

  it('tells read models that stand still', async () => {
    expect(await faults({ failed: new Error('a fault') })).toEqual([['readModels', 'not-caught-up']]);
  });

  it('tells a disk that is short, and one that cannot be asked', async () => {
    const places = { ledger: './ledger.db', cache: null };
    expect(await faults({ places, freeMebibytes: 1e9 })).toEqual([['disk', 'store-unavailable']]);
    expect(await faults({ places: { ledger: '/no/such/place/ledger.db', cache: null } })).toEqual([
      ['disk', 'store-unavailable'],
    ]);
  });

  it('asks once for all who ask at the same time, and anew for the next', async () => {
    const { service, asked } = readiness({});
    await Promise.all([service.checks(), service.checks(), service.checks()]);
    expect(asked()).toBe(1);
    await service.checks();
    expect(asked()).toBe(2);
  });
});
