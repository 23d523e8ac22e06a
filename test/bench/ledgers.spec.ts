import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { commandsOf, makeLog, settingsOf } from '../../bench/ledgers.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { createApp } from '../../src/main.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'promoledger-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('measures on what the service makes of the same commands', async () => {
  const [shape, events] = ['deep', 2000] as const;
  const made = join(folder, 'made.db');
  await makeLog(made, shape, events);
  const store = SqliteEventStore.open(made);
  const app = await createApp(settingsOf(join(folder, 'served.db')));
  for (const commands of commandsOf(shape, events)) await app.get(CommandGateway).submit(commands);
  expect(await eventsOf(store)).toEqual(await eventsOf(app.get(EventStore)));
  await app.close();
  await store.close();
});

/** Of each stream, in order. What is sent together may be recorded in another order from stream to stream. */
async function eventsOf(store: EventStore): Promise<ReadonlyMap<string, readonly object[]>> {
  const streams = new Map<string, object[]>();
  for await (const { stream, revision, id, type, data, metadata } of store.readAll()) {
    const events = streams.get(stream) ?? [];
    streams.set(stream, events);
    events.push({ revision, id, type, data, metadata });
  }
  expect(streams.size).toBe(12 + 2);
  return streams;
}
