import { afterAll } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { eventStoreContract } from './event-store.contract.js';

const folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
const path = join(folder, 'ledger.db');
afterAll(() => rmSync(folder, { recursive: true }));

// One file for all: the suite must not mind what others have written.
const open = async () => SqliteEventStore.open(path);
eventStoreContract('SqliteEventStore', { open, reopen: open });
