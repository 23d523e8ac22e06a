import { afterAll, beforeAll } from '@jest/globals';
import { EventStoreDbStore } from '../../src/event-store/eventstoredb/eventstoredb-store.js';
import { eventStoreContract } from '../contract/event-store.contract.js';
import { openTarget, type Target } from '../support/eventstoredb/target.js';

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.stop());

const open = async () =>
  new EventStoreDbStore({
    connectionString: target.connectionString,
    streamPrefix: target.prefix,
    categories: ['contract'],
    indexPath: ':memory:',
    report: () => undefined,
  });
eventStoreContract('EventStoreDbStore', { open, reopen: open });
