import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError, type NewEvent } from '../../src/event-store/event-store.js';
import { EventStoreDbStore } from '../../src/event-store/eventstoredb/eventstoredb-store.js';
import { STREAM_CATEGORIES } from '../../src/kernel/identifiers.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import type { Answer, Client, Command, CommandResult } from '../support/client.js';
import { openTarget, type Target } from '../support/eventstoredb/target.js';
import * as history from '../support/history.js';
import { type Service, startService } from '../support/server.js';

/** Fixed, so that answers of different moments are alike. */
const NOW = '2022-12-31T00:00:00Z';
const RUN = `/v1/promotions/${history.PROMOTION_ID}/disbursements/2022-10-04`;
/** In the order of the run: both have qualified at the same instant. */
const QUALIFIED = ['q1', 'q2', 'q3'] as const;
const RUN_CREDITS = QUALIFIED.flatMap((advertiser) =>
  ['SD', 'SP'].map((product) => `${history.PROMOTION_ID}:${advertiser}:US:${product}`),
);

const of = (advertiserId: string) => ({ advertiserId, marketplace: 'US' });

const click = (advertiserId: string, clickId: string, amount: string): Command => ({
  type: 'ClickSpent',
  data: {
    ...of(advertiserId),
    clickId,
    campaignId: 'campaign-1',
    product: 'SP',
    cost: { amount, currency: 'USD' },
    occurredAt: '2022-10-10T08:00:00Z',
  },
});
const reversal = (advertiserId: string, clickId: string): Command => ({
  type: 'ClickReversed',
  data: { ...of(advertiserId), clickId, reason: 'invalid', occurredAt: '2022-10-20T08:00:00Z' },
});
const revocation = (advertiserId: string, creditId: string, clawback: boolean): Command => ({
  type: 'CreditRevoked',
  data: { ...of(advertiserId), creditId, reason: 'fraud', clawback, occurredAt: '2022-10-15T08:00:00Z' },
});

/** Someone with an account for whom a run has a credit for each of two products. */
const qualified = (advertiserId: string): Command[] => [
  history.opened(advertiserId, 'US', 'USD'),
  history.payable(advertiserId, 'US'),
  history.invited(advertiserId),
  ...history.qualifyingCampaign(advertiserId, 'US', 'SP'),
  ...history.qualifyingCampaign(advertiserId, 'US', 'SD'),
];

describe('three instances on one EventStoreDB', () => {
  let target: Target;
  let services: Service[] = [];
  let clients: Client[];

  beforeAll(async () => {
    target = await openTarget();
    services = await Promise.all([1, 2, 3].map(() => startService({ clock: NOW, on: target })));
    clients = services.map(({ client }) => client);
    for (const command of [history.published(), ...QUALIFIED.flatMap(qualified)]) await clients[0]!.append(command);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await target.stop();
  });

  const instance = (number: number): Client => clients[number % clients.length]!;
  const send = (number: number, command: Command): Promise<Answer<CommandResult>> =>
    instance(number).post('/v1/commands', command);
  const eventsOf = async (stream: string, minPosition: string) =>
    (await instance(0).log(minPosition)).filter((event) => event.stream === stream);

  it('perform a run once that all are asked for at once, and answer alike', async () => {
    const answers = await Promise.all(
      clients
        .flatMap((client) => [client, client])
        .map((client) => client.post<{ position: string; asOf: string }>(RUN, {})),
    );
    const [first] = answers;
    expect(first).toMatchObject({ status: 200, body: { state: 'completed', applied: 6, credits: RUN_CREDITS } });
    // Each answers at a moment of its own.
    for (const { status, body } of answers)
      expect({ status, body }).toMatchObject({ status: 200, body: { ...first!.body, asOf: body.asOf } });
    const log = await instance(0).log(first!.body.position);
    const count = (type: string) => log.filter((event) => event.type === type).length;
    expect(count('DisbursementRunStarted')).toBe(1);
    expect(count('DisbursementRunCompleted')).toBe(1);
    expect(count('CreditApplied')).toBe(RUN_CREDITS.length);
  });

  it('keep a cap that manual grants race for through all of them', async () => {
    for (let round = 0; round < 5; round += 1) {
      const advertiser = `capped-${round}`;
      await instance(round).append(history.opened(advertiser, 'US', 'USD'));
      // Of three for USD 250 two fit under USD 600, whichever come first.
      const answers = await Promise.all(
        ['SP', 'SB', 'SD'].map((product, number) =>
          send(round + number, history.granted(product, advertiser, 'US', product, '250.00')),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 422]);
      const refused = answers.find(({ status }) => status === 422);
      expect(refused?.body).toMatchObject({ code: 'cap-exceeded' });
    }
  });

  it('refuse nothing by what they knew before another was told', async () => {
    for (let round = 0; round < 6; round += 1) {
      const advertiser = `late-${round}`;
      const [a, b, c] = [round, round + 1, round + 2];
      const clickIt = click(advertiser, 'k', '50.00');
      const revokeIt = revocation(advertiser, 'credit', true);
      expect(await send(b, clickIt)).toMatchObject({ status: 404, body: { code: 'unknown-account' } });
      await instance(a).append(history.opened(advertiser, 'US', 'USD'));
      expect(await send(b, reversal(advertiser, 'k'))).toMatchObject({ status: 404, body: { code: 'unknown-click' } });
      expect(await send(c, revokeIt)).toMatchObject({ status: 404, body: { code: 'unknown-credit' } });
      await instance(a).append(history.granted('credit', advertiser, 'US', 'SP', '200.00'));
      expect(await send(b, clickIt)).toMatchObject({
        status: 201,
        body: { event: { draws: [{ creditId: 'credit' }], billable: { amount: '0.00' } } },
      });
      expect(await send(c, revokeIt)).toMatchObject({
        status: 201,
        body: { event: { amount: { amount: '150.00' }, clawedBack: { amount: '50.00' } } },
      });
      // What the click drew was clawed back a moment ago: it comes off the bill, and goes back to no credit.
      expect(await send(a, reversal(advertiser, 'k'))).toMatchObject({
        status: 201,
        body: { event: { restored: [], billable: { amount: '50.00' } } },
      });
      expect(await send(b, history.granted('other', advertiser, 'US', 'SP', '200.00'))).toMatchObject({
        status: 422,
        body: { code: 'already-granted' },
      });
    }
  });

  it('know duplicates and conflicts of what another recorded', async () => {
    await instance(0).append(history.opened('twice', 'US', 'USD'));
    for (let round = 0; round < 6; round += 1) {
      const clickId = `k-${round}`;
      const first = await send(round, click('twice', clickId, '5.00'));
      expect(first.status).toBe(201);
      for (const other of [round + 1, round + 2]) {
        const again = await send(other, click('twice', clickId, '5.00'));
        expect(again).toMatchObject({ status: 200, body: { ...first.body, status: 'duplicate' } });
        expect(await send(other, click('twice', clickId, '6.00'))).toMatchObject({
          status: 409,
          body: { code: 'conflicting-duplicate' },
        });
      }
    }
  });

  it('record a fact once that all are sent at once', async () => {
    const opening = await instance(0).append(history.opened('at-once', 'US', 'USD'));
    const facts = Array.from({ length: 10 }, (_, number) => click('at-once', `k-${number}`, '5.00'));
    for (const fact of facts) {
      const answers = await Promise.all(clients.map((_, number) => send(number, fact)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
      const places = answers.map(({ body: { position, revision } }) => `${revision} at ${position}`);
      expect(new Set(places).size).toBe(1);
    }
    const last = await send(0, facts.at(-1)!);
    expect(BigInt(last.body.position!)).toBeGreaterThan(BigInt(opening));
    expect(await eventsOf('account-at-once.US', last.body.position!)).toHaveLength(1 + facts.length);
  });

  it('include in an answer what another has acknowledged, when they are asked to', async () => {
    await instance(0).append(history.opened('read', 'US', 'USD'));
    for (let round = 1; round <= 12; round += 1) {
      const position = await instance(round).append(click('read', `k-${round}`, '1.00'));
      const balances = await Promise.all(
        clients.map((client) => client.get(`/v1/accounts/read/US/balance?minPosition=${position}`)),
      );
      for (const balance of balances) {
        expect(balance).toMatchObject({ status: 200, body: { billed: `${round}.00` } });
      }
    }
  });
});

/** A store whose process dies at an append: that one is written and never heard of, or not; nothing is after it. */
class DyingStore extends EventStoreDbStore {
  private credits = 0;

  constructor(
    target: Target,
    private readonly lasts: number,
    private readonly isWritten: boolean,
  ) {
    super({
      connectionString: target.connectionString,
      streamPrefix: target.prefix,
      categories: STREAM_CATEGORIES,
      indexPath: ':memory:',
      report: () => undefined,
    });
  }

  override async append(...[stream, expected, events]: Parameters<EventStoreDbStore['append']>) {
    if (events.some(isRunCredit)) this.credits += 1;
    if (this.credits <= this.lasts) return super.append(stream, expected, events);
    if (this.isWritten && this.credits === this.lasts + 1) await super.append(stream, expected, events);
    throw new StoreUnavailableError('the process is dead');
  }
}

const isRunCredit = ({ data }: NewEvent): boolean => (data as { origin?: string }).origin === 'run';

describe('an instance that is killed in the middle of a run', () => {
  it.each([
    ['before its first credit', 0, false],
    ['after two credits', 2, false],
    ['when its third credit is written, before it hears of it', 2, true],
    ['when all credits are written, before the run is completed', 5, true],
  ])(
    '%s, leaves a run that another completes with the same credits',
    async (_, lasts, isWritten) => {
      const target = await openTarget();
      const doomed = await InProcessLedger.start({ store: new DyingStore(target, lasts, isWritten) });
      for (const command of [history.published(), ...QUALIFIED.flatMap(qualified)]) {
        expect(await doomed.submit(command as never)).toMatchObject({ status: 'appended' });
      }
      await expect(doomed.disburse(history.PROMOTION_ID, '2022-10-04')).rejects.toThrow('the process is dead');
      await doomed.stop();

      const heirs = await Promise.all([1, 2].map(() => startService({ clock: NOW, on: target })));
      const before = (await heirs[0]!.client.log()).filter(({ type }) => type === 'CreditApplied');
      expect(before).toHaveLength(lasts + (isWritten ? 1 : 0));
      const answers = await Promise.all(
        heirs.map(({ client }) => client.post<{ position: string; asOf: string }>(RUN, {})),
      );
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 200, body: { applied: 6, deferred: 0, credits: RUN_CREDITS } });
      }
      const log = await heirs[1]!.client.log(answers[0]!.body.position);
      const credits = log.filter(({ type }) => type === 'CreditApplied').map(({ data }) => data['creditId']);
      expect(credits).toEqual(RUN_CREDITS);
      const runs = log.filter(({ type }) => type.startsWith('DisbursementRun')).map(({ type }) => type);
      expect(runs).toEqual(['DisbursementRunStarted', 'DisbursementRunCompleted']);
      await Promise.all(heirs.map((heir) => heir.stop()));
      await target.stop();
    },
    60_000,
  );
});
