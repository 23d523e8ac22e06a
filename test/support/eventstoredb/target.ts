import { randomUUID } from 'node:crypto';
import { EventStoreDbDouble } from './double.js';

/** An EventStoreDB to test on: the server at EVENTSTOREDB_URL, or the double. */
export interface Target {
  readonly connectionString: string;
  /** Fresh: what begins with it is this run's, and nobody else's. */
  readonly prefix: string;
  stop(): Promise<void>;
}

const REAL_SERVER = process.env['EVENTSTOREDB_URL'];

export async function openTarget(): Promise<Target> {
  const prefix = `t${randomUUID().replaceAll('-', '')}_`;
  // `npm run test:eventstoredb` is asked for by whoever has a server: it must not pass on the double unnoticed.
  if (!REAL_SERVER && process.env['npm_lifecycle_event'] === 'test:eventstoredb') {
    throw new Error('EVENTSTOREDB_URL must name the server, such as esdb://127.0.0.1:2113?tls=false');
  }
  if (REAL_SERVER) return { connectionString: REAL_SERVER, prefix, stop: async () => undefined };
  const double = await EventStoreDbDouble.start();
  return { connectionString: double.connectionString, prefix, stop: () => double.stop() };
}
