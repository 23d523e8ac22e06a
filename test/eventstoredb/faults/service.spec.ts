import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../support/client.js';
import { EventStoreDbDouble } from '../../support/eventstoredb/double.js';
import { drop } from '../../support/eventstoredb/faults.js';
import { granted, opened, published } from '../../support/history.js';
import { type Service, startService } from '../../support/server.js';

const BALANCE = '/v1/accounts/a/US/balance?asOf=2022-10-20T00:00:00Z';

describe('the service on an EventStoreDB that comes and goes', () => {
  let server: EventStoreDbDouble;
  let service: Service | undefined;
  const start = async (cache?: string) => {
    service = await startService({ on: { connectionString: server.connectionString, prefix: 'acme_', cache } });
    return service;
  };

  beforeEach(async () => {
    server = await EventStoreDbDouble.start();
  });
  afterEach(async () => {
    await service?.stop();
    await server.stop();
    service = undefined;
  });

  it('starts before the server does, says that it waits, and works as soon as the server is there', async () => {
    await server.stop();
    const { client } = await start();
    expect((await client.get('/health/live')).status).toBe(200);
    const waiting = await client.get<Problem>('/health/ready');
    expect([waiting.status, waiting.body.code]).toEqual([503, 'store-unavailable']);
    await server.restart();
    await becomes(200, async () => (await client.get('/health/ready')).status);
    await client.append(opened('a', 'US', 'USD'));
    expect(await client.get(BALANCE)).toMatchObject({ status: 200, body: { currency: 'USD' } });
  });

  it('answers 503 while the server is away, and has lost nothing when it is back', async () => {
    const { client } = await start();
    for (const command of [published(), opened('a', 'US', 'USD'), granted('credit-1', 'a', 'US', 'SP', '50.00')]) {
      await client.append(command);
    }
    await server.stop();
    const [ready, told, asked] = await Promise.all([
      client.get<Problem>('/health/ready'),
      client.post<Problem>('/v1/commands', granted('credit-2', 'a', 'US', 'SD', '60.00')),
      client.get<Problem>(BALANCE),
    ]);
    for (const answer of [ready, told, asked]) {
      expect([answer.status, answer.body.code]).toEqual([503, 'store-unavailable']);
    }
    await server.restart();
    await becomes(200, async () => (await client.get('/health/ready')).status);
    const position = await client.append(granted('credit-2', 'a', 'US', 'SD', '60.00'));
    expect(await client.get(`${BALANCE}&minPosition=${position}`)).toMatchObject({
      status: 200,
      body: { available: '110.00' },
    });
    expect(server.log.stream('acme_account-a.US')).toHaveLength(3);
  });

  it('answers once what was appended, though the acknowledgement was lost', async () => {
    const { client } = await start();
    for (const command of [published(), opened('a', 'US', 'USD')]) await client.append(command);
    server.faults.arm(drop, { method: 'append', when: 'commit' });
    const grant = () => client.post('/v1/commands', granted('credit-1', 'a', 'US', 'SP', '50.00'));
    expect(await grant()).toMatchObject({ status: 201, body: { status: 'appended', revision: 1 } });
    expect(await grant()).toMatchObject({ status: 200, body: { status: 'duplicate', revision: 1 } });
  });

  it('goes on from what it kept when it is started again, and from nothing on another server', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'promoledger-'));
    const first = await start(join(cache, 'ledger'));
    for (const command of [published(), opened('a', 'US', 'USD'), granted('credit-1', 'a', 'US', 'SP', '50.00')]) {
      await first.client.append(command);
    }
    const before = await first.client.get(BALANCE);
    await first.stop();
    const second = await start(join(cache, 'ledger'));
    expect(await second.client.get(BALANCE)).toEqual(before);
    const again = await second.client.post('/v1/commands', granted('credit-1', 'a', 'US', 'SP', '50.00'));
    expect(again).toMatchObject({ status: 200, body: { status: 'duplicate' } });
    await second.stop();

    const other = await EventStoreDbDouble.start();
    service = await startService({
      on: { connectionString: other.connectionString, prefix: 'acme_', cache: join(cache, 'ledger') },
    });
    expect(await service.client.get(BALANCE)).toMatchObject({ status: 404 });
    await service.client.append(published());
    await service.client.append(opened('a', 'US', 'USD'));
    await service.stop();
    service = undefined;
    await other.stop();
    rmSync(cache, { recursive: true });
  });
});

async function becomes<T>(wanted: T, now: () => Promise<T>): Promise<void> {
  while ((await now()) !== wanted) await new Promise((resolve) => setTimeout(resolve, 50));
}
