import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { differencesIn, play, readScenarios } from '../support/golden.js';
import { published } from '../support/history.js';
import { type Service, startService } from '../support/server.js';

const scenarios = readScenarios();

describe('golden scenarios', () => {
  let service: Service;

  beforeEach(async () => {
    service = await startService();
    await service.client.append(published());
  });

  afterEach(() => service.stop());

  it('are all here', () => {
    expect(scenarios.map(({ name }) => name)).toEqual([
      'first-credit-in-germany',
      'two-products-the-cap-and-a-pause',
      'burn-down-over-two-credits',
      'deferred-then-applied-in-yen',
      'point-in-time',
    ]);
    for (const { steps } of scenarios) expect(steps.map(({ n }) => n)).toEqual(steps.map((_, index) => index + 1));
  });

  it.each(scenarios)('$name', (scenario) => play(scenario, service.client));
});

describe('what an answer contains', () => {
  it('is compared field by field, list by list, instant by instant', () => {
    const answer = { items: [{ at: '2022-10-04T07:00:00.000Z', amount: '5.00', extra: 1 }] };
    expect(differencesIn(answer, { items: [{ at: '2022-10-04T00:00:00-07:00', amount: '5.00' }] })).toEqual([]);
    expect(differencesIn(answer, { items: [{ amount: '5.0' }] })).toEqual([
      '/items/0/amount: expected "5.0", got "5.00"',
    ]);
    expect(differencesIn(answer, { items: [] })).toEqual(['/items: 1 elements, not 0']);
    expect(differencesIn(answer, { none: null })).toEqual(['/none: expected null, got undefined']);
    expect(differencesIn({ items: null }, { items: [] })).toEqual(['/items: expected a list, got null']);
  });
});
