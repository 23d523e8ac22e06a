import { afterEach, beforeEach, describe, it } from '@jest/globals';
import { openTarget, type Target } from '../support/eventstoredb/target.js';
import { play, readScenarios } from '../support/golden.js';
import { published } from '../support/history.js';
import { type Service, startService } from '../support/server.js';

describe('golden scenarios on EventStoreDB', () => {
  let target: Target;
  let service: Service;

  beforeEach(async () => {
    target = await openTarget();
    service = await startService({ on: target });
    await service.client.append(published());
  });

  afterEach(async () => {
    await service.stop();
    await target.stop();
  });

  it.each(readScenarios())('$name', (scenario) => play(scenario, service.client));
});
