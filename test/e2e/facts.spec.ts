import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Command, CommandResult } from '../support/client.js';
import { granted, invited, opened, PROMOTION_ID, published, rate } from '../support/history.js';
import { startService, type Service } from '../support/server.js';

/** Facts that conditions of version 2 look at: each sent, sent again, and seen where it shows. */
let service: Service;
beforeAll(async () => {
  service = await startService({ clock: '2022-12-01T00:00:00Z' });
  for (const command of [
    published(),
    published('welcome', WELCOME),
    rate('USD', 'EUR', '1'),
    opened('adv-1', 'DE', 'EUR'),
    granted('goodwill', 'adv-1', 'DE', 'SP', '10.00'),
    invited('adv-1'),
  ]) {
    await service.client.append(command);
  }
});
afterAll(() => service.stop());

const WELCOME = {
  version: 2,
  name: 'Welcome',
  timeZone: 'UTC',
  period: { start: '2022-08-01T00:00', end: '2023-01-01T00:00' },
  marketplaces: ['DE'],
  products: ['SP'],
  stages: [
    {
      id: 'welcome',
      qualifying: { redeemed: { codes: ['WELCOME-2022'] } },
      award: { amount: { amount: '50.00', currency: 'USD' } },
      disbursement: { schedule: 'daily', within: 'P14D' },
      expiry: { after: 'P30D' },
    },
  ],
};

const ACCOUNT = { advertiserId: 'adv-1', marketplace: 'DE' };
const ENROLLED = { promotionId: 'welcome', advertiserId: 'adv-1', occurredAt: '2022-10-05T08:00:00Z' };
const IMPRESSIONS: Command = {
  type: 'ImpressionsSpent',
  data: {
    ...ACCOUNT,
    impressionsId: 'i-1',
    campaignId: 'c-1',
    product: 'SP',
    impressions: 4000,
    cpm: { amount: '3.11', currency: 'EUR' },
    occurredAt: '2022-10-05T08:00:00+02:00',
  },
};

/** Each with the stream and the key it has there. */
const FACTS: readonly (readonly [Command, stream: string, key: string])[] = [
  [IMPRESSIONS, 'account-adv-1.DE', 'i-1'],
  [
    {
      type: 'CampaignActivated',
      data: {
        ...ACCOUNT,
        campaignId: 'c-1',
        product: 'SP',
        occurredAt: '2022-09-01T00:00:00Z',
        plannedEnd: '2022-12-24T00:00:00Z',
      },
    },
    'campaign-c-1',
    '2022-09-01T00:00:00.000Z',
  ],
  [{ type: 'OfferActivated', data: ENROLLED }, 'enrollment-welcome.adv-1', 'welcome.adv-1'],
  [{ type: 'CodeRedeemed', data: { ...ENROLLED, code: 'WELCOME-2022' } }, 'enrollment-welcome.adv-1', 'WELCOME-2022'],
  [
    {
      type: 'ActionAttested',
      data: { ...ENROLLED, attestationId: 'a-1', action: 'certificate', attestedBy: 'academy' },
    },
    'enrollment-welcome.adv-1',
    'a-1',
  ],
  [
    { type: 'InvitationWithdrawn', data: { ...ENROLLED, promotionId: PROMOTION_ID, reason: 'sent in error' } },
    `enrollment-${PROMOTION_ID}.adv-1`,
    `${PROMOTION_ID}.adv-1`,
  ],
];

const send = (command: Command) =>
  service.client.post<CommandResult & { key: string; type: string }>('/v1/commands', command);

describe('a fact', () => {
  it.each(FACTS.map(([command, ...at]) => [command.type, command, ...at] as const))(
    'is appended once, and told again as it was: %s',
    async (_, command, stream, key) => {
      const first = await send(command);
      expect([first.status, first.body]).toMatchObject([201, { status: 'appended', type: command.type, stream, key }]);
      const again = await send(command);
      expect([again.status, again.body]).toEqual([200, { ...first.body, status: 'duplicate' }]);
      const other = await send({ ...command, data: { ...command.data, ...changeTo(command) } });
      expect([other.status, other.body]).toMatchObject([409, { code: 'conflicting-duplicate' }]);
    },
  );

  it('in a batch may follow what it depends on', async () => {
    const terms = { ...WELCOME, stages: [{ ...WELCOME.stages[0], qualifying: { redeemed: { codes: ['EARLY'] } } }] };
    const named = { promotionId: 'early', advertiserId: 'adv-2', occurredAt: '2022-10-05T08:00:00Z' };
    const { body } = await service.client.post<{ results: CommandResult[] }>('/v1/commands', [
      { type: 'CodeRedeemed', data: { ...named, code: 'EARLY' } },
      published('early', terms),
      { type: 'CodeRedeemed', data: { ...named, code: 'EARLY' } },
      { type: 'InvitationWithdrawn', data: { ...named, reason: 'none was sent' } },
      { type: 'AdvertiserInvited', data: { ...named, partnerId: 'partner-1' } },
      { type: 'InvitationWithdrawn', data: { ...named, reason: 'sent in error' } },
    ]);
    expect(body.results.map(({ status, error }) => error?.code ?? status)).toEqual([
      'unknown-promotion',
      'appended',
      'appended',
      'not-invited',
      'appended',
      'appended',
    ]);
  });
});

/** The same fact by its key, with other content. */
const changeTo = ({ type }: Command): object => {
  if (type === 'ImpressionsSpent') return { impressions: 4001 };
  if (type === 'CampaignActivated') return { plannedEnd: undefined };
  return { occurredAt: '2022-10-06T08:00:00Z' };
};

describe('impressions', () => {
  it('are decided, and stand on the statement and in the balance', async () => {
    const { body } = await send(IMPRESSIONS);
    expect(body.event).toMatchObject({
      cost: { amount: '12.44', currency: 'EUR' },
      draws: [{ creditId: 'goodwill', amount: { amount: '10.00', currency: 'EUR' } }],
      billable: { amount: '2.44', currency: 'EUR' },
    });
    const account = '/v1/accounts/adv-1/DE';
    const statement = await service.client.get<{ items: object[] }>(`${account}/statement`);
    expect(statement.body.items[1]).toEqual({
      effectiveAt: '2022-10-05T06:00:00.000Z',
      recordedAt: expect.stringMatching(/Z$/),
      position: body.position,
      kind: 'impressions',
      impressionsId: 'i-1',
      draws: [{ creditId: 'goodwill', amount: '10.00' }],
      amount: '-10.00',
      billable: '2.44',
      balance: '0.00',
    });
    const balance = await service.client.get(`${account}/balance`);
    expect(balance.body).toMatchObject({ billed: '2.44', credits: [{ creditId: 'goodwill', drawn: '10.00' }] });
  });

  it('are none of the clicks', async () => {
    const { status, body } = await service.client.get<{ code: string }>('/v1/accounts/adv-1/DE/clicks/i-1');
    expect([status, body.code]).toEqual([404, 'unknown-click']);
    const reversal = { ...ACCOUNT, clickId: 'i-1', reason: 'robot', occurredAt: '2022-10-06T00:00:00Z' };
    const reversed = await service.client.post<{ code: string }>('/v1/commands', {
      type: 'ClickReversed',
      data: reversal,
    });
    expect([reversed.status, reversed.body.code]).toEqual([404, 'unknown-click']);
  });
});
