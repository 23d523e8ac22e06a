import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { eventStoreContract } from './event-store.contract.js';

eventStoreContract('MemoryEventStore', { open: async () => new MemoryEventStore() });
