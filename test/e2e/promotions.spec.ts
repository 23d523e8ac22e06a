import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { play, readScenarios, type Scenario } from '../support/golden.js';
import { PROMOTION_ID } from '../support/history.js';
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

  it.each(readScenarios())('$name, with the terms of row A as version 2', (scenario) =>
    play(asVersion2(scenario), service.client),
  );
});

/** A golden scenario under the same terms in version 2: nothing is another but credits' ids, which name the stage. */
function asVersion2(scenario: Scenario): Scenario {
  const text = JSON.stringify(scenario.steps);
  const derived = new RegExp(`"${PROMOTION_ID}(:[^":]+){3}(?=")`, 'g');
  const steps = JSON.parse(text.replaceAll(derived, '$&:click-credit')) as Scenario['steps'];
  const publish = { promotionId: PROMOTION_ID, terms: 'examples/cookbook/click-credit.json' };
  return { ...scenario, steps: [{ n: 0, publish }, ...steps] };
}
