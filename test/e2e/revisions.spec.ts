import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Command, CommandResult } from '../support/client.js';
import { opened, payable } from '../support/history.js';
import { type Service, startService } from '../support/server.js';

const promotionId = 'codes';
const usd = (amount: string) => ({ amount, currency: 'USD' });

/** Whoever redeems the code is given so much the next day, as long as the budget lasts. */
const termsOf = (amount: string, budget: string) => ({
  version: 2,
  name: 'Codes',
  timeZone: 'UTC',
  period: { start: '2022-10-01T00:00', end: '2022-11-01T00:00' },
  marketplaces: ['US'],
  products: ['SP'],
  stages: [
    {
      id: 'redeemed',
      qualifying: { redeemed: { codes: ['AUTUMN'] } },
      award: { amount: usd(amount) },
      disbursement: { schedule: 'daily', within: 'P2D', until: '2022-11-02' },
      expiry: { after: 'P30D' },
    },
  ],
  caps: { budget: usd(budget) },
});

const redeemed = (advertiserId: string, occurredAt: string): Command => ({
  type: 'CodeRedeemed',
  data: { promotionId, advertiserId, code: 'AUTUMN', occurredAt },
});
const byHand = (creditId: string, advertiserId: string, amount: string): Command => ({
  type: 'CreditApplied',
  data: {
    creditId,
    promotionId,
    advertiserId,
    marketplace: 'US',
    product: 'SP',
    granted: usd(amount),
    appliedAt: '2022-10-20T00:00:00Z',
    reason: 'goodwill',
  },
});

describe('a revision from an effective time on', () => {
  let service: Service;

  beforeEach(async () => {
    service = await startService({ clock: '2022-12-01T00:00:00Z' });
    const { client } = service;
    await client.append({ type: 'PromotionPublished', data: { promotionId, terms: termsOf('50.00', '250.00') } });
    for (const advertiserId of ['adv-1', 'adv-2', 'adv-3', 'adv-4']) {
      await client.append(opened(advertiserId, 'US', 'USD'));
      await client.append(payable(advertiserId, 'US'));
    }
    await client.append({
      type: 'PromotionRevised',
      data: { promotionId, terms: termsOf('80.00', '250.00'), reason: 'more', effectiveAt: '2022-10-10T00:00:00Z' },
    });
    await client.append(redeemed('adv-1', '2022-10-08T12:00:00Z'));
    // Redeemed before and disbursed after it: by the terms in force at the run.
    await client.append(redeemed('adv-2', '2022-10-09T12:00:00Z'));
    await client.append(redeemed('adv-3', '2022-10-11T12:00:00Z'));
    await client.append(redeemed('adv-4', '2022-10-12T12:00:00Z'));
  });

  afterEach(() => service.stop());

  const perform = (date: string) => service.client.post(`/v1/promotions/${promotionId}/disbursements/${date}`, {});
  const credits = async () =>
    (await service.client.log())
      .filter(({ type }) => type === 'CreditApplied')
      .map(({ data }) => [
        data['advertiserId'],
        data['granted'],
        data['revision'],
        data['stage'],
        data['appliedAt'],
        data['dueBy'],
      ]);

  it('leaves the runs before it to the former terms; credits name their revision, stage and service level', async () => {
    expect((await perform('2022-10-12')).status).toBe(200);
    expect(await credits()).toEqual([
      ['adv-1', usd('50.00'), 1, 'redeemed', '2022-10-09T00:00:00.000Z', '2022-10-10T12:00:00.000Z'],
      ['adv-2', usd('80.00'), 2, 'redeemed', '2022-10-10T00:00:00.000Z', '2022-10-11T12:00:00.000Z'],
      ['adv-3', usd('80.00'), 2, 'redeemed', '2022-10-12T00:00:00.000Z', '2022-10-13T12:00:00.000Z'],
    ]);
    const balance = await service.client.get(`/v1/accounts/adv-1/US/balance?asOf=2022-10-12T00:00:00Z`);
    expect(balance.body).toMatchObject({ credits: [{ stage: 'redeemed', revision: 1, withinSla: true }] });
    const promotion = await service.client.get(`/v1/promotions/${promotionId}`);
    expect(promotion.body).toMatchObject({
      revision: 2,
      revisions: [
        { revision: 1, effectiveAt: null },
        { revision: 2, effectiveAt: '2022-10-10T00:00:00.000Z' },
      ],
    });
  });

  it('changes nothing of what was decided, when it comes later', async () => {
    await perform('2022-10-12');
    const before = await credits();
    await service.client.append({
      type: 'PromotionRevised',
      data: { promotionId, terms: termsOf('90.00', '400.00'), reason: 'still more' },
    });
    await perform('2022-10-13');
    expect(await credits()).toEqual([
      ...before,
      ['adv-4', usd('90.00'), 3, 'redeemed', '2022-10-13T00:00:00.000Z', '2022-10-14T12:00:00.000Z'],
    ]);
  });

  it('takes no run away that was performed on a date that there is no more', async () => {
    await perform('2022-10-12');
    const listed = async () => {
      const runs = await service.client.get<{ items: { date: string; state: string }[] }>(
        `/v1/promotions/${promotionId}/disbursements`,
      );
      return runs.body.items.map(({ date, state }) => [date, state]);
    };
    const completed = (await listed()).filter(([, state]) => state === 'completed');
    expect(completed).toHaveLength(12);
    const [stage] = termsOf('80.00', '250.00').stages;
    const disbursement = {
      schedule: 'first-tuesday',
      time: '00:00',
      firstMonth: '2022-10',
      lastMonth: '2022-11',
      within: 'P60D',
    };
    const terms = { ...termsOf('80.00', '250.00'), stages: [{ ...stage, disbursement }] };
    await service.client.append({ type: 'PromotionRevised', data: { promotionId, terms, reason: 'by month' } });
    // The first Tuesday of October, the 4th, is performed already.
    expect(await listed()).toEqual([...completed, ['2022-11-01', 'due']]);
    expect((await perform('2022-10-12')).status).toBe(200);
  });

  it('has a budget: who comes too late is left out, told once, and by hand no more is given either', async () => {
    await perform('2022-10-14');
    const runs = await service.client.get<{ items: { date: string; leftOut: object[] }[] }>(
      `/v1/promotions/${promotionId}/disbursements`,
    );
    const leftOut = runs.body.items.filter((run) => run.leftOut.length > 0);
    expect(leftOut).toMatchObject([
      {
        date: '2022-10-13',
        leftOut: [
          { advertiserId: 'adv-4', marketplace: 'US', product: 'SP', stage: 'redeemed', reasons: ['budget-exhausted'] },
        ],
      },
    ]);
    const tooMuch = await service.client.post<CommandResult>('/v1/commands', byHand('goodwill', 'adv-4', '40.01'));
    expect([tooMuch.status, (tooMuch.body as unknown as { code: string }).code]).toEqual([422, 'budget-exhausted']);
    await service.client.append(byHand('goodwill', 'adv-4', '40.00'));
  });

  it('takes no grant whose id looks like that of a run, with a stage or without', async () => {
    for (const id of ['other:adv-4:US:SP', 'other:adv-4:US:SP:redeemed']) {
      expect((await service.client.post('/v1/commands', byHand(id, 'adv-4', '1.00'))).status).toBe(400);
    }
  });
});
