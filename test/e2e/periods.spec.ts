import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PeriodClosed } from '../../src/audit/domain/events.js';
import { Periods } from '../../src/audit/periods.js';
import type { Problem } from '../support/client.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import type { Command } from '../support/auditor/facts.js';
import * as history from '../support/history.js';
import { type Service, startService } from '../support/server.js';
import { SharedStore } from '../support/shared-store.js';

const DE = { advertiserId: 'acme', marketplace: 'DE' };
const eur = (amount: string) => ({ amount, currency: 'EUR' });
const opened = (advertiserId: string) => ({
  type: 'AccountOpened',
  data: { advertiserId, marketplace: 'DE', currency: 'EUR', occurredAt: '2022-10-01T09:00:00Z' },
});
const click = (clickId: string, amount: string, occurredAt: string) => ({
  type: 'ClickSpent',
  data: { ...DE, clickId, campaignId: 'k', product: 'SP', cost: eur(amount), occurredAt },
});
const reversal = (clickId: string, occurredAt: string) => ({
  type: 'ClickReversed',
  data: { ...DE, clickId, reason: 'invalid traffic', occurredAt },
});

/** USD 200 are EUR 204.83, of which a click draws 4.83; another is billed before there is a credit. */
const OCTOBER = [
  history.published(),
  history.rate('EUR', 'USD', '0.9764'),
  opened('acme'),
  click('early', '2.00', '2022-10-02T00:00:00Z'),
  history.granted('goodwill', 'acme', 'DE', 'SP', '200.00'),
  click('drawn', '4.83', '2022-10-10T12:00:00Z'),
];
/** Two of October and one that is not, recorded when October is closed. */
const LATE = [
  click('late', '1.00', '2022-10-20T00:00:00Z'),
  reversal('early', '2022-10-25T00:00:00Z'),
  click('november', '3.00', '2022-11-01T00:00:00Z'),
];

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
  readonly asOf: string;
  readonly position: string;
  readonly verified?: boolean;
}
interface Line {
  readonly account: string;
  readonly currency: string;
  readonly balance: string;
}
interface Restated extends Line {
  readonly reported: string;
  readonly restated: string;
  readonly difference: string;
  readonly lateFacts: number;
  readonly facts: readonly { readonly amount: string; readonly event: { readonly id: string } }[];
}
interface Closing {
  readonly status: string;
  readonly position: string;
  readonly event: PeriodClosed['data'];
  readonly warnings: readonly string[];
}

const CREDIT = 'liabilities:credits:acme:DE:goodwill';
const EXPENSES = `expenses:promotions:${history.PROMOTION_ID}`;

describe('periods over HTTP', () => {
  let service: Service;

  beforeEach(async () => {
    service = await startService({ clock: '2022-12-15T00:00:00Z' });
    for (const command of OCTOBER) await service.client.append(command);
  });
  afterEach(() => service.stop());

  const close = <Body = Closing>(period: string) => service.client.post<Body>(`/v1/periods/${period}/close`, {});
  const run = (date: string) => service.client.post(`/v1/promotions/${history.PROMOTION_ID}/disbursements/${date}`, {});
  const view = async <Item>(path: string) => {
    const { status, body } = await service.client.get<Page<Item>>(`/v1/periods/${path}`);
    expect([status, body]).toMatchObject([200, {}]);
    return body;
  };
  /** Every page of one item. */
  async function paged<Item>(path: string): Promise<Item[]> {
    const items: Item[] = [];
    for (let next: string | null = ''; next !== null;) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const page: Page<Item> = await view<Item>(`${path}&limit=1${cursor}`);
      items.push(...page.items);
      next = page.next;
    }
    return items;
  }

  it('are closed once their runs are performed, with the books as they are known', async () => {
    const open = await close<Problem>('2022-10');
    expect([open.status, open.body.code, open.body.errors]).toEqual([
      422,
      'period-runs-open',
      [{ path: '/2022-10', message: `the run of 2022-10-04 of ${history.PROMOTION_ID} is not completed` }],
    ]);
    await run('2022-10-04');
    const closing = await close('2022-10');
    const canonical = [
      ['assets:receivable:acme:DE', 'EUR', '2.00'],
      [EXPENSES, 'USD', '200.00'],
      ['income:clicks:SP', 'EUR', '-6.83'],
      [CREDIT, 'EUR', '-200.00'],
    ].map((line) => `${line.join('\t')}\n`);
    expect([closing.status, closing.body]).toEqual([
      201,
      {
        asOf: '2022-12-15T00:00:00.000Z',
        knownAt: null,
        status: 'appended',
        stream: 'audit-periods',
        revision: 0,
        position: '9',
        event: {
          period: '2022-10',
          from: '2022-10-01T00:00:00.000Z',
          to: '2022-11-01T00:00:00.000Z',
          asOf: '2022-10-31T23:59:59.999Z',
          position: '8',
          lastEvent: {
            stream: `promotion-${history.PROMOTION_ID}`,
            id: 'DisbursementRunCompleted:2022-10-04',
          },
          opening: [],
          lapsed: [],
          trialBalance: [
            { account: 'assets:receivable', marketplace: 'DE', balance: eur('2.00') },
            { account: EXPENSES, balance: { amount: '200.00', currency: 'USD' } },
            { account: 'income:clicks:SP', balance: eur('-6.83') },
            { account: 'liabilities:credits', marketplace: 'DE', balance: eur('-200.00') },
          ],
          fullTrialBalanceSha256: createHash('sha256').update(canonical.join('')).digest('hex'),
          fullTrialBalanceLines: 4,
        },
        warnings: [],
      },
    ]);
    await service.client.append(LATE[0]!);
    const again = await close('2022-10');
    expect([again.status, again.body]).toMatchObject([
      200,
      { status: 'duplicate', position: '9', event: closing.body.event },
    ]);
  });

  it('are closed in order, when they are over, and when what has ended is swept', async () => {
    await run('2022-10-04');
    const codes = async (...periods: string[]) => {
      const answers: unknown[] = [];
      for (const period of periods) {
        const { status, body } = await close<Problem>(period);
        answers.push([period, status, body.code]);
      }
      return answers;
    };
    expect(await codes('2022-12', '2022-09', '2022-13', 'october')).toEqual([
      ['2022-12', 422, 'period-not-over'],
      ['2022-09', 409, 'period-out-of-order'],
      ['2022-13', 400, 'invalid-command'],
      ['october', 400, 'invalid-command'],
    ]);
    expect((await close('2022-10')).status).toBe(201);
    expect(await codes('2022-09', '2022-12')).toEqual([
      ['2022-09', 409, 'period-out-of-order'],
      ['2022-12', 422, 'period-not-over'],
    ]);
    const open = await close<Problem>('2022-11');
    expect([open.body.code, open.body.errors?.map(({ message }) => message)]).toEqual([
      'period-runs-open',
      [
        `the run of 2022-11-01 of ${history.PROMOTION_ID} is not completed`,
        'the credit goodwill of acme in DE could be swept at 2022-11-06T07:00:00.000Z and is not',
      ],
    ]);
    await run('2022-11-01');
    await service.client.post('/v1/expiry-runs', {});
    expect((await close('2022-11')).status).toBe(201);
    const { body } = await service.client.get<Page<{ period: string }>>('/v1/periods');
    expect(body.items.map(({ period }) => period)).toEqual(['2022-10', '2022-11']);
  });

  it('begin with whichever month is named, with all that was before as its opening balance', async () => {
    await service.client.append({
      type: 'AccountOpened',
      data: { ...DE, advertiserId: 'mistyped', currency: 'EUR', occurredAt: '0022-10-01T09:00:00Z' },
    });
    await run('2022-10-04');
    await run('2022-11-01');
    await service.client.post('/v1/expiry-runs', {});
    const { status, body } = await close('2022-11');
    const balances = (lines: Closing['event']['trialBalance']) =>
      lines.map(({ account, balance }) => [account, balance.amount]);
    expect([status, balances(body.event.opening ?? []), balances(body.event.trialBalance)]).toEqual([
      201,
      [
        ['assets:receivable', '2.00'],
        [EXPENSES, '200.00'],
        ['income:clicks:SP', '-6.83'],
        ['liabilities:credits', '-200.00'],
      ],
      [
        ['assets:receivable', '2.00'],
        [EXPENSES, '200.00'],
        [`income:breakage:${history.PROMOTION_ID}`, '-200.00'],
        ['income:clicks:SP', '-6.83'],
      ],
    ]);
    expect(body.warnings).toEqual([expect.stringContaining('2022-11 is the first month')]);
    expect((await close<Problem>('2022-10')).body.code).toBe('period-out-of-order');
  });

  it('tell what had ended and was not swept, which will restate them', async () => {
    // Another credit ends on 29 November at 9:00 with 200.00, and may be swept three days later.
    await service.client.append(history.rate('EUR', 'USD', '0.9764', '2022-10-29T14:00:00Z'));
    const { type, data } = history.granted('ending', 'acme', 'DE', 'SB', '200.00');
    await service.client.append({ type, data: { ...(data as object), appliedAt: '2022-10-30T09:00:00Z' } });
    await run('2022-10-04');
    await run('2022-11-01');
    await service.client.post('/v1/expiry-runs', { asOf: '2022-11-30T00:00:00Z' });
    const { body } = await close('2022-11');
    const lapsed = [{ promotionId: history.PROMOTION_ID, marketplace: 'DE', held: eur('204.83') }];
    expect([body.status, body.event.lapsed, body.warnings]).toEqual([
      'appended',
      lapsed,
      [
        expect.stringContaining('first month'),
        expect.stringContaining(`grace with EUR 204.83 of ${history.PROMOTION_ID} in DE`),
      ],
    ]);
    expect((await close('2022-11')).body.warnings).toEqual(body.warnings);
    expect(await view('2022-11')).toMatchObject({ closed: { lapsed } });
    await service.client.post('/v1/expiry-runs', {});
    const difference = await view<Restated>('2022-11?view=difference&minPosition=13');
    expect(difference.items.map(({ account, difference: by }) => [account, by])).toEqual([
      [`income:breakage:${history.PROMOTION_ID}`, '-204.83'],
      ['liabilities:credits:acme:DE:ending', '204.83'],
    ]);
  });

  it('show what was reported, what is known now, and which late facts make the difference', async () => {
    await run('2022-10-04');
    const closing = (await close('2022-10')).body;
    const before = await view<Line>('2022-10?view=reported');
    for (const command of LATE) await service.client.append(command);
    const head = (await service.client.get<Page<unknown>>('/v1/periods?knownAt=position:12')).body.position;
    expect(head).toBe('12');

    const reported = await view<Line>(`2022-10?minPosition=${head}`);
    expect(reported).toEqual({ ...before, position: head });
    expect(reported).toMatchObject({ verified: true, asOf: '2022-10-31T23:59:59.999Z' });
    const balances = ({ items }: Page<Line>) => items.map(({ account, balance }) => [account, balance]);
    expect(balances(reported)).toEqual([
      ['assets:receivable:acme:DE', '2.00'],
      [EXPENSES, '200.00'],
      ['income:clicks:SP', '-6.83'],
      [CREDIT, '-200.00'],
    ]);
    expect(balances(await view<Line>('2022-10?view=restated'))).toEqual([
      [EXPENSES, '200.00'],
      ['income:clicks:SP', '-5.83'],
      [CREDIT, '-199.00'],
    ]);
    const difference = await view<Restated>('2022-10?view=difference');
    expect(
      difference.items.map(({ account, reported: was, restated: is, difference: by, facts }) => [
        account,
        [was, is, by],
        facts.map(({ amount, event }) => `${event.id} ${amount}`),
      ]),
    ).toEqual([
      ['assets:receivable:acme:DE', ['2.00', '0.00', '-2.00'], ['ClickReversed:early -2.00']],
      ['income:clicks:SP', ['-6.83', '-5.83', '1.00'], ['ClickSpent:late -1.00', 'ClickReversed:early 2.00']],
      [CREDIT, ['-200.00', '-199.00', '1.00'], ['ClickSpent:late 1.00']],
    ]);
    const facts = await view<{ event: { id: string } }>('2022-10/late-facts?account=income:clicks:SP&currency=EUR');
    expect(facts.items.map(({ event }) => event.id)).toEqual(['ClickSpent:late', 'ClickReversed:early']);

    // As known between the two late facts there was one; before it was closed, nothing was reported.
    const then = await view<Restated>('2022-10?view=difference&knownAt=position:10');
    expect(then.items.map(({ account }) => account)).toEqual(['income:clicks:SP', CREDIT]);
    const unknown = await service.client.get<Problem>(`/v1/periods/2022-10?knownAt=position:8`);
    expect([unknown.status, unknown.body.code]).toEqual([404, 'unknown-period']);
    expect((await service.client.get<Page<unknown>>('/v1/periods?knownAt=position:8')).body.items).toEqual([]);
    expect(closing.event.position).toBe('8');
  });

  it('are told in pages that fit together', async () => {
    await run('2022-10-04');
    await close('2022-10');
    for (const command of LATE) await service.client.append(command);
    for (const path of [
      '2022-10?view=reported',
      '2022-10?view=restated',
      '2022-10?view=difference',
      '2022-10/late-facts?',
    ]) {
      const whole = await view(`${path}&knownAt=position:12`);
      expect(whole.items.length).toBeGreaterThan(1);
      expect(await paged(`${path}&knownAt=position:12`)).toEqual(whole.items);
    }
  });

  it.each([
    ['2022-11', 404, 'unknown-period'],
    ['2022-13', 400, 'invalid-command'],
    ['2022-10?view=rumoured', 400, 'invalid-command'],
    ['2022-10?asOf=2022-10-31T00:00:00Z', 400, 'invalid-command'],
    ['2022-10?cursor=x', 400, 'invalid-command'],
  ])('refuse GET %s', async (path, status, code) => {
    await run('2022-10-04');
    await close('2022-10');
    const answer = await service.client.get<Problem>(`/v1/periods/${path}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe('two services on one store', () => {
  it('that close a month at once close it once', async () => {
    const store = new SharedStore();
    const a = await InProcessLedger.start({ store });
    const b = await InProcessLedger.start({ store });
    try {
      for (const command of [opened('acme'), click('k', '2.00', '2022-10-02T00:00:00Z')])
        await a.submit(command as Command);
      // Both have decided before either has appended.
      let waiting = 0;
      let release = (): void => undefined;
      const both = new Promise<void>((resolve) => (release = resolve));
      store.beforeAppend = (stream) => {
        if (stream !== 'audit-periods') return Promise.resolve();
        waiting += 1;
        if (waiting === 2) release();
        return both;
      };
      const [one, other] = await Promise.all([
        a.app.get(Periods).close('2022-10'),
        b.app.get(Periods).close('2022-10'),
      ]);
      const events = await Array.fromAsync(store.read('audit-periods'));
      expect(events).toHaveLength(1);
      expect([one, other].map((closing) => ('status' in closing ? closing.status : closing)).sort()).toEqual([
        'appended',
        'duplicate',
      ]);
      expect(one).toMatchObject({ event: events[0]!.data });
      expect(other).toMatchObject({ event: events[0]!.data });
    } finally {
      await a.stop();
      await b.stop();
    }
  });
});
