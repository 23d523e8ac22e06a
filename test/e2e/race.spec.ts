import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Command, CommandResult } from '../support/client.js';
import {
  granted,
  invited,
  opened,
  payable,
  PROMOTION_ID,
  published,
  qualifyingCampaign,
  rate,
} from '../support/history.js';
import { type Service, startService } from '../support/server.js';

interface Decided {
  readonly cost: { readonly amount: string };
  readonly billable: { readonly amount: string };
  readonly draws: readonly { readonly amount: { readonly amount: string } }[];
}

const CLIENTS = 50;
const CLICKS_EACH = 8;

const cents = (amount: string): bigint => BigInt(amount.replace('.', ''));
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

const click = (number: number): Command => ({
  type: 'ClickSpent',
  data: {
    advertiserId: 'racer',
    marketplace: 'US',
    clickId: `click-${number}`,
    campaignId: 'campaign-1',
    product: 'SP',
    cost: { amount: `${(number * 37) % 3}.${String(10 + ((number * 53) % 90))}`, currency: 'USD' },
    occurredAt: '2022-10-10T08:00:00Z',
  },
});

describe('clients that race', () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService();
    const history = [
      published(),
      opened('racer', 'US', 'USD'),
      granted('the-one-credit', 'racer', 'US', 'SP', '200.00'),
      rate('EUR', 'USD', '0.9764'),
      opened('winner', 'DE', 'EUR'),
      payable('winner', 'DE'),
      invited('winner'),
      ...qualifyingCampaign('winner', 'DE', 'SP'),
      ...qualifyingCampaign('winner', 'DE', 'SD'),
    ];
    for (const command of history) await service.client.append(command);
  });

  afterAll(() => service.stop());

  it('never overdraw a credit, and append each fact once', async () => {
    const numbers = Array.from({ length: CLIENTS * CLICKS_EACH }, (_, number) => number);
    // Two clients send each click, each client in an order of its own.
    const send = async (number: number) => ({
      number,
      answer: await service.client.post<CommandResult<Decided>>('/v1/commands', click(number)),
    });
    const clientsWork = Array.from({ length: CLIENTS }, async (_, client) => {
      const mine = numbers.filter((number) => number % CLIENTS === client);
      const neighbours = numbers.filter((number) => number % CLIENTS === (client + 1) % CLIENTS);
      const answers = [];
      for (const number of client % 2 === 0 ? [...mine, ...neighbours] : [...neighbours, ...mine].reverse()) {
        answers.push(await send(number));
      }
      return answers;
    });
    const answers = (await Promise.all(clientsWork)).flat();

    for (const number of numbers) {
      const pair = answers.filter((each) => each.number === number).map(({ answer }) => answer);
      expect(pair.map(({ status }) => status).sort()).toEqual([200, 201]);
      const [one, other] = pair.map(({ body }) => ({
        position: body.position,
        revision: body.revision,
        event: body.event,
      }));
      expect(one).toEqual(other);
    }

    const appended = answers.filter(({ answer }) => answer.status === 201).map(({ answer }) => answer.body);
    const decided = appended.map(({ event }) => event as Decided);
    const cost = sum(decided.map((each) => cents(each.cost.amount)));
    const drawn = sum(decided.flatMap(({ draws }) => draws.map((draw) => cents(draw.amount.amount))));
    const billed = sum(decided.map(({ billable }) => cents(billable.amount)));
    expect(cost).toBe(sum(numbers.map((number) => cents((click(number).data['cost'] as { amount: string }).amount))));
    expect(drawn + billed).toBe(cost);
    expect(drawn).toBe(20_000n);
    expect(billed).toBeGreaterThan(0n);

    const last = appended.map(({ position }) => BigInt(position ?? 0)).reduce((a, b) => (a > b ? a : b));
    const balance = await service.client.get(
      `/v1/accounts/racer/US/balance?asOf=2022-10-11T00:00:00Z&minPosition=${last}`,
    );
    expect(balance).toMatchObject({
      status: 200,
      body: {
        available: '0.00',
        credits: [{ creditId: 'the-one-credit', status: 'exhausted', remaining: '0.00', drawn: '200.00' }],
      },
    });
    expect(cents((balance.body as { billed: string }).billed)).toBe(billed);
  });

  it('perform a disbursement run once, and are all answered alike', async () => {
    const run = () =>
      service.client.send<{ position: string }>('POST', `/v1/promotions/${PROMOTION_ID}/disbursements/2022-10-04`);
    const answers = await Promise.all(Array.from({ length: 6 }, run));
    const result = {
      date: '2022-10-04',
      state: 'completed',
      applied: 2,
      deferred: 0,
      credits: [`${PROMOTION_ID}:winner:DE:SD`, `${PROMOTION_ID}:winner:DE:SP`],
      deferrals: [],
    };
    for (const { status, body } of answers) expect({ status, body }).toMatchObject({ status: 200, body: result });

    const log = await service.client.log(answers[0]?.body.position);
    const count = (type: string) => log.filter((event) => event.type === type).length;
    expect(count('DisbursementRunStarted')).toBe(1);
    expect(count('DisbursementRunCompleted')).toBe(1);
    expect(log.filter(({ type, stream }) => type === 'CreditApplied' && stream === 'account-winner.DE')).toHaveLength(
      2,
    );
  });
});
