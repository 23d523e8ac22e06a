import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreDBClient } from '@eventstore/db-client';
import { bundles } from '../../scripts/server-projections.js';
import { EventStoreDbStore } from '../../src/event-store/eventstoredb/eventstoredb-store.js';
import { serverScripts } from '../../src/server-projections/scripts.js';
import { fixturesOf, PROJECTIONS } from '../projections/folds.js';
import { openTarget, type Target } from '../support/eventstoredb/target.js';
import { projections } from '../support/projections-command.js';

/** The folds on a server's own engine. The double keeps projections but cannot run them: this needs EVENTSTOREDB_URL. */
const onServer = process.env['EVENTSTOREDB_URL'] ? describe : describe.skip;

onServer("the folds on the server's engine", () => {
  let target: Target;
  const run = (...args: readonly string[]) => projections(target.connectionString, target.prefix, ...args);
  const diff = async () => {
    const { status, out } = await run('diff', '--partitions', 'all', '--json');
    return { status, projections: (JSON.parse(out) as Diffs).projections };
  };

  interface Diffs {
    readonly projections: readonly {
      readonly projection: { readonly name: string; readonly version: string; readonly state: string };
      readonly compared: number;
      readonly differences: readonly { readonly partition: string }[];
    }[];
  }

  beforeAll(async () => {
    target = await openTarget();
    const store = new EventStoreDbStore({
      connectionString: target.connectionString,
      streamPrefix: target.prefix,
      categories: Object.values(PROJECTIONS).map(({ category }) => `${category}-`),
      indexPath: ':memory:',
      report: () => undefined,
    });
    for (const { stream, events } of histories()) {
      const facts = events.map(({ type, data }, serial) => ({ id: `${type}:${serial}`, type, data, metadata: V1 }));
      await store.append(stream, 'none', facts);
    }
    await store.close();
  });

  afterAll(async () => {
    const client = EventStoreDBClient.connectionString(target.connectionString);
    for (const { name } of serverScripts(target.prefix, () => '')) {
      await client.disableProjection(name);
      await client.deleteProjection(name, { deleteCheckpointStream: true, deleteStateStream: true });
    }
    await client.dispose();
    await target.stop();
  });

  it('gives the states of the folds here, for every fixture', async () => {
    expect(await run('deploy')).toMatchObject({ status: 0, err: '' });
    const streams = histories();
    const counts = Object.values(PROJECTIONS).map(
      ({ category }) => streams.filter(({ stream }) => stream.startsWith(`${category}-`)).length,
    );
    const found = await diff();
    expect(found.projections.flatMap(({ differences }) => differences)).toEqual([]);
    expect(found.projections.map(({ compared }) => compared)).toEqual(counts);
    expect(found.status).toBe(0);
  });

  it('is found out when it runs another script, and put right by a deploy', async () => {
    const script = serverScripts(target.prefix, (fold) => bundles().get(fold)!)[0]!;
    const client = EventStoreDBClient.connectionString(target.connectionString);
    await client.updateProjection(script.name, script.query.replace('revoked: true', 'revoked: false'));
    await client.resetProjection(script.name);
    await client.dispose();
    const revoked = histories().filter(({ events }) => events.some(({ type }) => type === 'CreditRevoked'));
    const wrong = await diff();
    expect(wrong.status).toBe(3);
    expect(wrong.projections[0]).toMatchObject({ projection: { version: 'other', state: 'Running' } });
    const partitions = wrong.projections.map(({ differences }) => differences.map(({ partition }) => partition).sort());
    expect(partitions).toEqual([revoked.map(({ stream }) => stream).sort(), [], [], []]);
    expect((await run('deploy')).out).toContain(`${script.name}: updated, Running`);
    expect((await diff()).status).toBe(0);
  });
});

const V1 = { version: 1 };

/** The streams of all fixtures, each with a name of its own. */
const histories = () =>
  Object.keys(PROJECTIONS).flatMap((name) =>
    fixturesOf(name).flatMap(({ events }, serial) =>
      [...Map.groupBy(events, ({ stream }) => stream)].map(([stream, told]) => ({
        stream: `${stream}.${serial}`,
        events: told,
      })),
    ),
  );
