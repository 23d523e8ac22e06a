import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import {
  granted,
  invited,
  opened,
  payable,
  PROMOTION_ID,
  published,
  qualifyingCampaign,
  rate,
  TERMS,
} from '../support/history.js';
import { startService, type Service } from '../support/server.js';

/** What an answer says of itself: its moment, its pages, and whom it answers at all. */
let service: Service;
const ADVERTISERS = ['adv-1', 'adv-2', 'adv-3'];

beforeAll(async () => {
  service = await startService({ clock: '2022-12-01T00:00:00Z' });
  await service.client.append(published());
  await service.client.append(rate('EUR', 'USD', '0.9764'));
  for (const advertiserId of ADVERTISERS) await service.client.append(opened(advertiserId, 'DE', 'EUR'));
});
afterAll(() => service.stop());

const get = <T extends object>(path: string) => service.client.get<T>(path);
interface Page {
  readonly items: readonly { readonly advertiserId: string }[];
  readonly next: string | null;
  readonly asOf: string;
  readonly knownAt: string | null;
  readonly position: string;
}

describe('a moment', () => {
  it('is told with every answer', async () => {
    const { body } = await get<Page>('/v1/accounts?asOf=2022-11-01T01:00:00%2B01:00&knownAt=position:4');
    expect(body).toMatchObject({ asOf: '2022-11-01T00:00:00.000Z', knownAt: 'position:4', position: '4' });
    expect(body.items.map(({ advertiserId }) => advertiserId)).toEqual(['adv-1', 'adv-2']);
  });

  it('includes what was recorded before it was asked, without being told to wait', async () => {
    for (let i = 0; i < 20; i += 1) {
      const { body } = await service.client.post<{ position: string }>(
        '/v1/commands',
        granted(`goodwill-${i}`, 'adv-3', 'DE', ['SP', 'SB', 'SD'][i % 3]!, '1.00'),
      );
      const known = (await get<Page>('/v1/accounts')).body.position;
      if (body.position) expect(BigInt(known)).toBeGreaterThanOrEqual(BigInt(body.position));
    }
  });

  it.each(['2000-01-01T00:00:00Z', 'position:3'])('of the past, %s, includes no later position', async (knownAt) => {
    const { status, body } = await get<Problem>(`/v1/accounts?knownAt=${knownAt}&minPosition=99999`);
    expect([status, body.code, body.errors?.map(({ path }) => path)]).toEqual([
      400,
      'invalid-command',
      ['/minPosition'],
    ]);
  });

  it('that is not recorded yet is waited for, then refused', async () => {
    const { status, body } = await get<Problem>('/v1/accounts?minPosition=99999');
    expect([status, body.code]).toEqual([503, 'not-caught-up']);
  }, 15_000);
});

describe('a page', () => {
  it('goes on where the one before ended, at its moment, while facts arrive', async () => {
    const first = (await get<Page>('/v1/accounts?limit=2')).body;
    await service.client.append(opened('adv-25', 'DE', 'EUR'));
    const second = (await get<Page>(`/v1/accounts?limit=2&cursor=${first.next}`)).body;
    expect([...first.items, ...second.items].map(({ advertiserId }) => advertiserId)).toEqual(ADVERTISERS);
    expect([second.next, second.position]).toEqual([null, first.position]);
  });

  it('is of no other moment than its first', async () => {
    const { next } = (await get<Page>('/v1/accounts?limit=1&knownAt=position:4')).body;
    const again = await get<Page>(`/v1/accounts?limit=1&knownAt=position:4&cursor=${next}`);
    expect([again.status, again.body.position]).toEqual([200, '4']);
    for (const other of ['knownAt=position:3', 'asOf=2022-01-01T00:00:00Z', 'minPosition=5']) {
      const { status, body } = await get<Problem>(`/v1/accounts?limit=1&cursor=${next}&${other}`);
      expect([other, status, body.errors?.map(({ path }) => path)]).toEqual([other, 400, ['/cursor']]);
    }
  });
});

describe('whom it answers', () => {
  it.each(['nobody/DE', 'adv-1/FR', 'a.b/DE', 'adv-1/de'])('qualification of %s', async (account) => {
    const { status, body } = await get<{ items: object[] }>(
      `/v1/accounts/${account}/qualification?promotionId=${PROMOTION_ID}`,
    );
    expect(status).toBe(200);
    expect(body.items).toMatchObject(
      ['SP', 'SB', 'SD'].map((product) => ({
        product,
        status: 'ineligible',
        reasons: ['not-invited'],
        campaignId: null,
      })),
    );
  });
});

it("a manual grant cannot take the place of another promotion's credit", async () => {
  await service.client.append(published('other'));
  await service.client.append(payable('adv-1', 'DE'));
  await service.client.append(invited('adv-1'));
  for (const command of qualifyingCampaign('adv-1', 'DE', 'SP')) await service.client.append(command);
  const creditId = `${PROMOTION_ID}:adv-1:DE:SP`;
  const grant = granted(creditId, 'adv-1', 'DE', 'SP', '1.00');
  const taken = await service.client.post<Problem>('/v1/commands', {
    ...grant,
    data: { ...grant.data, promotionId: 'other' },
  });
  expect([taken.status, taken.body.errors?.map(({ path }) => path)]).toEqual([400, ['/data/creditId']]);
  const run = await service.client.post(`/v1/promotions/${PROMOTION_ID}/disbursements/2022-10-04`, {});
  expect(run.body).toMatchObject({ applied: 1, credits: [creditId], state: 'completed', knownAt: null });
});

it('a credit is held against the service level of its own terms', async () => {
  const terms = { ...TERMS, disbursement: { ...(TERMS['disbursement'] as object), within: 'P7D' } };
  await service.client.append(published('hasty', terms));
  await service.client.append(opened('adv-4', 'DE', 'EUR'));
  await service.client.append(payable('adv-4', 'DE'));
  for (const command of qualifyingCampaign('adv-4', 'DE', 'SP')) await service.client.append(command);
  const invitation = invited('adv-4');
  await service.client.append({ ...invitation, data: { ...invitation.data, promotionId: 'hasty' } });
  const run = await service.client.post<{ position: string }>('/v1/promotions/hasty/disbursements/2022-10-04', {});
  const path = `/v1/accounts/adv-4/DE/balance?minPosition=${run.body.position}`;
  const { body } = await get<{ credits: object[] }>(path);
  // Fifteen days after qualifying: within the 30 of the example's terms, and not within these 7.
  expect(body.credits).toMatchObject([{ qualifiedAt: '2022-09-19T12:00:00.000Z', withinSla: false }]);
});
