import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { checkReplay } from '../../src/audit/replay-check.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { play, readScenarios } from '../support/golden.js';
import { type Service, startService } from '../support/server.js';

let service: Service;
beforeEach(async () => {
  service = await startService();
});
afterEach(() => service.stop());

it.each(readScenarios('test/promotions'))('folding the log answers as the read models do: $name', async (scenario) => {
  await play(scenario, service.client);
  const { app } = service;
  const { compared, differences } = await checkReplay(app.get(EventStore), app.get(Queries), app.get(ReadModels));
  expect(compared).toBeGreaterThan(0);
  expect(differences).toEqual([]);
});
