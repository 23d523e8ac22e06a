import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreDbStore } from '../../src/event-store/eventstoredb/eventstoredb-store.js';
import { EventStoreDbDouble } from '../support/eventstoredb/double.js';
import { projections } from '../support/projections-command.js';

/** The built command line, against the double: it keeps scripts and runs none, so a state is what the test says. */
const PREFIX = 'acme_';
const NAME = `${PREFIX}promoledger-currency-conversions`;
const RATE = {
  base: 'EUR',
  quote: 'USD',
  rate: '0.9764',
  source: 'ECB',
  effectiveAt: '2022-10-03T14:00:00.000Z',
};

let double: EventStoreDbDouble;
const run = (...args: readonly string[]) => projections(double.connectionString, PREFIX, ...args);

beforeAll(async () => {
  double = await EventStoreDbDouble.start();
  double.projections.update('$by_category', 'first\r\n-', undefined);
  const store = new EventStoreDbStore({
    connectionString: double.connectionString,
    streamPrefix: PREFIX,
    categories: ['fx-'],
    indexPath: ':memory:',
    report: () => undefined,
  });
  const recorded = { id: 'FxRateRecorded:1', type: 'FxRateRecorded', data: RATE, metadata: { version: 1 } };
  await store.append('fx-EUR.USD', 'none', [recorded]);
  await store.close();
});
afterAll(() => double.stop());

describe('promoledger projections', () => {
  it('deploys, and tells what is there', async () => {
    expect(await run('status')).toMatchObject({ status: 0, out: expect.stringContaining(`${NAME}: not deployed\n`) });
    const deployed = await run('deploy', '--json');
    expect([deployed.status, deployed.err]).toEqual([0, '']);
    expect(JSON.parse(deployed.out)).toMatchObject({
      projections: [
        { name: '$by_category', done: 'enabled', state: 'Running' },
        { name: `${PREFIX}promoledger-credit-balances`, done: 'created', state: 'Running' },
        { name: NAME, done: 'created', state: 'Running' },
        { name: `${PREFIX}promoledger-disbursements`, done: 'created', state: 'Running' },
        { name: `${PREFIX}promoledger-qualifying-weeks`, done: 'created', state: 'Running' },
      ],
    });
    expect((await run('deploy')).out).toContain(`${NAME}: unchanged, Running\n`);
    expect((await run('status')).out).toContain(`${NAME}: Running; the script of this version; 100.0 %`);
  });

  it('ends with 3 when a state differs, and with 0 when none does', async () => {
    double.projections.setState(NAME, `${PREFIX}fx-EUR.USD`, { rates: [{ ...RATE, rate: '0.9765' }] });
    const differs = await run('diff', '--partition', 'fx-EUR.USD');
    expect(differs.status).toBe(3);
    expect(differs.out).toContain(`${NAME}: the script of this version; of 1 streams 1 states differ (Running)\n`);
    expect(differs.out).toContain(`  fx-EUR.USD\n    here:   ${JSON.stringify({ rates: [RATE] })}\n    server: `);
    double.projections.setState(NAME, `${PREFIX}fx-EUR.USD`, { rates: [RATE] });
    const same = await run('diff', '--json');
    expect([same.status, same.err]).toEqual([0, '']);
    expect(JSON.parse(same.out)).toMatchObject({
      projections: [{ compared: 0 }, { compared: 1, differences: [] }, { compared: 0 }, { compared: 0 }],
    });
  });

  it.each(['memory:', 'sqlite:./data/never-made.db'])('refuses %s in one line', async (store) => {
    const refused = await projections(store, PREFIX, 'deploy');
    expect([refused.status, refused.out]).toEqual([2, '']);
    expect(refused.err).toMatch(/^promoledger: only an EventStoreDB server has projections: [^\n]*\n$/);
  });

  it('refuses streams that nothing folds, and counts that are none', async () => {
    expect(await run('diff', '--partition', 'enrollment-x')).toMatchObject({
      status: 2,
      err: 'promoledger: no projection is of the stream enrollment-x\n',
    });
    expect((await run('diff', '--partitions', '0')).status).toBe(2);
  });
});
