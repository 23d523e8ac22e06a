import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { play, readScenarios } from '../support/golden.js';
import { type Service, startService } from '../support/server.js';

const scenarios = readScenarios('test/promotions');

describe('promotions, each from its document to its credits', () => {
  let service: Service;

  beforeEach(async () => {
    service = await startService();
  });

  afterEach(() => service.stop());

  it('have steps that are numbered from 1', () => {
    for (const { steps } of scenarios) expect(steps.map(({ n }) => n)).toEqual(steps.map((_, index) => index + 1));
  });

  it.each(scenarios)('$name', (scenario) => play(scenario, service.client));
});
