import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../support/client.js';
import { granted, opened, PROMOTION_ID, published, rate } from '../support/history.js';
import { startService, type Service } from '../support/server.js';

/** The books of a few accounts, asked over HTTP: what a figure is made of is listed by the question that it names. */
let service: Service;

const euros = (amount: string) => ({ amount, currency: 'EUR' });
const inGermany = { advertiserId: 'adv-1', marketplace: 'DE' };
const spend = (day: string, more: object) => ({
  ...inGermany,
  campaignId: 'campaign-1',
  product: 'SP',
  occurredAt: `2022-${day}T09:00:00Z`,
  ...more,
});
const click = (clickId: string, day: string, amount: string) => ({
  type: 'ClickSpent',
  data: spend(day, { clickId, cost: euros(amount) }),
});
const impressions = (impressionsId: string, day: string, amount: string) => ({
  type: 'ImpressionsSpent',
  data: spend(day, { impressionsId, impressions: 1000, cpm: euros(amount) }),
});
const reversal = (clickId: string, day: string) => ({
  type: 'ClickReversed',
  data: { ...inGermany, clickId, reason: 'robot', occurredAt: `2022-${day}T10:00:00Z` },
});

const HISTORY = [
  published(),
  rate('EUR', 'USD', '0.9764'),
  opened('adv-1', 'DE', 'EUR'),
  opened('adv-2', 'US', 'USD'),
  granted('c-sp', 'adv-1', 'DE', 'SP', '200.00'),
  granted('c-sb', 'adv-1', 'DE', 'SB', '100.00'),
  granted('c-us', 'adv-2', 'US', 'SP', '50.00'),
  click('k-1', '10-10', '50.00'),
  impressions('i-1', '10-11', '20.00'),
  click('k-2', '10-12', '200.00'),
  { type: 'ClickSpent', data: spend('10-13', { clickId: 'k-3', cost: euros('7.00'), product: 'DSP' }) },
  reversal('k-1', '10-20'),
  {
    type: 'CreditRevoked',
    data: { ...inGermany, creditId: 'c-sb', reason: 'error', clawback: true, occurredAt: '2022-10-25T00:00:00Z' },
  },
  click('k-4', '10-27', '5.00'),
  click('k-5', '10-28', '10.00'),
  reversal('k-3', '10-29'),
  reversal('k-4', '11-04'),
];

beforeAll(async () => {
  service = await startService({ clock: '2022-12-01T00:00:00Z' });
  for (const command of HISTORY) await service.client.append(command);
});
afterAll(() => service.stop());

interface Posting {
  readonly account: string;
  readonly amount: string;
  readonly currency: string;
  readonly promotionId?: string;
  readonly cost?: { readonly amount: string; readonly currency: string };
}
interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
  readonly position: string;
}
interface Transaction {
  readonly position: string;
  readonly effectiveAt: string;
  readonly event: { readonly type: string; readonly id: string };
  readonly postings: readonly Posting[];
}
interface Line {
  readonly account: string;
  readonly currency: string;
  readonly balance: string;
}
interface TrialBalance extends Page<Line> {
  readonly totals: readonly { readonly currency: string; readonly balance: string; readonly atCost: string }[] | null;
}

async function get<Body>(path: string): Promise<Body> {
  const { status, body } = await service.client.get<Body>(path);
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Follows `next` to the end. */
async function all<Item>(path: string, limit = 2): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor = ''; ;) {
    const page = await get<Page<Item>>(`${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor}`);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    if (page.next === null) return items;
    cursor = `&cursor=${page.next}`;
  }
}

const minor = (amount: string) => BigInt(amount.replace('.', ''));
const sum = (amounts: readonly string[]) => amounts.reduce((total, amount) => total + minor(amount), 0n);
const lines = (transactions: readonly Transaction[]) =>
  transactions.flatMap(({ postings }) => postings.map(({ account, amount }) => `${account} ${amount}`));

describe('the journal', () => {
  it('lists the double entry of every event that moves money, in effective order', async () => {
    const journal = await all<Transaction>('/v1/journal');
    expect(journal.map(({ event }) => event.id)).toEqual([
      'CreditApplied:c-sp',
      'CreditApplied:c-sb',
      'CreditApplied:c-us',
      'ClickSpent:k-1',
      'ImpressionsSpent:i-1',
      'ClickSpent:k-2',
      'ClickSpent:k-3',
      'ClickReversed:k-1',
      'CreditRevoked:c-sb',
      'ClickSpent:k-4',
      'ClickSpent:k-5',
      'ClickReversed:k-3',
      'ClickReversed:k-4',
    ]);
    expect(journal[0]!.postings[1]).toMatchObject({
      account: 'liabilities:credits:adv-1:DE:c-sp',
      amount: '-204.83',
      cost: { amount: '-200.00', currency: 'USD' },
      promotionId: PROMOTION_ID,
    });
    for (const { postings } of journal) {
      const atCost = new Map<string, bigint>();
      for (const { amount, currency, cost = { amount, currency } } of postings) {
        atCost.set(cost.currency, minor(cost.amount) + (atCost.get(cost.currency) ?? 0n));
      }
      expect([...atCost.values()].every((total) => total === 0n)).toBe(true);
    }
  });

  it.each([
    ['advertiserId=adv-2', ['CreditApplied:c-us']],
    ['marketplace=US', ['CreditApplied:c-us']],
    [
      'account=liabilities:credits:adv-1:DE:c-sb&kind=CreditApplied,ClickReversed,CreditRevoked',
      ['CreditApplied:c-sb', 'ClickReversed:k-1', 'CreditRevoked:c-sb'],
    ],
    ['account=assets', ['ClickSpent:k-3', 'CreditRevoked:c-sb', 'ClickReversed:k-3']],
    ['account=assets:receivable:adv-2', []],
    [`account=expenses:promotions:${PROMOTION_ID}:revoked`, ['CreditRevoked:c-sb']],
    [
      'account=income:clicks:SP&kind=ImpressionsSpent,ClickReversed',
      ['ImpressionsSpent:i-1', 'ClickReversed:k-1', 'ClickReversed:k-4'],
    ],
    ['account=income:breakage', ['ClickReversed:k-4']],
    ['account=income:click', []],
    ['currency=USD', ['CreditApplied:c-sp', 'CreditApplied:c-sb', 'CreditApplied:c-us']],
    ['promotionId=another', []],
    ['from=2022-10-11T09:00:00Z&to=2022-10-12T09:00:00Z', ['ImpressionsSpent:i-1']],
    ['asOf=2022-10-10T09:00:00Z&from=2022-10-05T00:00:00Z', ['ClickSpent:k-1']],
    ['knownAt=position:8&kind=ClickSpent', ['ClickSpent:k-1']],
  ])('filtered by %s', async (filter, ids) => {
    const journal = await all<Transaction>(`/v1/journal?${filter}`, 1);
    expect(journal.map(({ event }) => event.id)).toEqual(ids);
  });

  it.each([
    ['/v1/journal?kind=AccountOpened', '/kind'],
    ['/v1/journal?account=a%20b', '/account'],
    ['/v1/journal?account=foo', '/account'],
    ['/v1/journal?from=2022-11-01T00:00:00Z&to=2022-10-01T00:00:00Z', '/from'],
    ['/v1/exports/csv?from=2022-11-01T00:00:00Z&to=2022-10-01T00:00:00Z', '/from'],
    ['/v1/journal?cursor=none', '/cursor'],
    ['/v1/trial-balance?lapsed=false', '/lapsed'],
    ['/v1/trial-balance?kind=ClickSpent', '/kind'],
    ['/v1/liability', '/month'],
    ['/v1/liability?month=2022-13', '/month'],
  ])('refuses %s', async (path, fault) => {
    const { status, body } = await service.client.get<Problem>(path);
    expect([status, body.code, body.errors?.map((error) => error.path)]).toEqual([400, 'invalid-command', [fault]]);
  });
});

describe('the trial balance', () => {
  it('is zero at cost, and its accounts hold what the journal says', async () => {
    const { items, totals } = await get<TrialBalance>('/v1/trial-balance?limit=500');
    expect(totals!.map(({ currency, atCost }) => `${currency} ${atCost}`)).toEqual(['EUR 0.00', 'USD 0.00']);
    const held = new Map<string, bigint>();
    for (const { account, currency, amount } of (await all<Transaction>('/v1/journal')).flatMap((t) => t.postings)) {
      held.set(`${account} ${currency}`, minor(amount) + (held.get(`${account} ${currency}`) ?? 0n));
    }
    const expected = [...held].filter(([, total]) => total !== 0n).sort(([a], [b]) => (a < b ? -1 : 1));
    expect(items.map(({ account, currency, balance }) => [`${account} ${currency}`, minor(balance)])).toEqual(expected);
    expect(items.map(({ account }) => account)).toContain('liabilities:credits:adv-2:US:c-us');
  });

  it('pages fit together, and only the first adds up', async () => {
    const whole = await get<TrialBalance>('/v1/trial-balance?limit=500');
    expect(await all<Line>('/v1/trial-balance', 1)).toEqual(whole.items);
    const { next } = await get<TrialBalance>('/v1/trial-balance?limit=1');
    expect((await get<TrialBalance>(`/v1/trial-balance?limit=1&cursor=${next!}`)).totals).toBeNull();
  });

  it.each([
    ['advertiserId=adv-1', 6],
    ['marketplace=US', 2],
    ['account=liabilities', 2],
    ['asOf=2022-10-01T00:00:00Z', 0],
  ])('of %s', async (filter, count) => {
    const { items, totals } = await get<TrialBalance>(`/v1/trial-balance?${filter}`);
    expect(items).toHaveLength(count);
    if (!filter.startsWith('account')) expect(totals!.every(({ atCost }) => minor(atCost) === 0n)).toBe(true);
  });
});

interface Figure {
  readonly amount: string;
  readonly drill: string;
}
const FIGURES = ['opening', 'granted', 'drawn', 'expired', 'revoked', 'restored', 'closing', 'lapsed'] as const;
type Liability = Record<(typeof FIGURES)[number], Figure> & { promotionId: string; marketplace: string };

const liability = async (month: string, more = '') =>
  (await get<Page<Liability>>(`/v1/liability?month=${month}${more}`)).items;
const amounts = (item: Liability) => FIGURES.map((name) => item[name].amount);

/** What the postings that the drill lists add up to: those of the figure's own liabilities. */
async function drilled({ drill }: Figure, { promotionId, marketplace }: Liability): Promise<bigint> {
  const asked = new URLSearchParams(drill.split('?')[1]);
  if (drill.startsWith('/v1/trial-balance')) return sum((await all<Line>(drill)).map(({ balance }) => balance));
  const postings = (await all<Transaction>(drill))
    .flatMap((transaction) => transaction.postings)
    .filter((posting) => posting.account.startsWith('liabilities:credits:') && posting.promotionId === promotionId)
    .filter((posting) => posting.account.split(':')[3] === marketplace);
  expect(postings.every(({ currency }) => currency === asked.get('currency'))).toBe(true);
  return sum(postings.map(({ amount }) => amount));
}

/** A liability is negative in the books; what lowers one is positive. */
const SIGNS = {
  opening: -1n,
  granted: -1n,
  drawn: 1n,
  expired: 1n,
  revoked: 1n,
  restored: -1n,
  closing: -1n,
  lapsed: -1n,
};

async function expectDrillable(items: readonly Liability[]): Promise<void> {
  for (const item of items) {
    for (const name of FIGURES) {
      expect([name, await drilled(item[name], item)]).toEqual([name, SIGNS[name] * minor(item[name].amount)]);
    }
  }
}

describe('the roll-forward of liabilities', () => {
  it('says how each went through the month, and what its figures are made of', async () => {
    const items = await liability('2022-10');
    expect(items.map(amounts)).toEqual([
      // c-sp of 204.83, c-sb of 102.42, which is drawn on first: k-1 gives 50.00 back, and they are taken from it.
      ['0.00', '307.25', '285.00', '0.00', '50.00', '50.00', '22.25', '0.00'],
      ['0.00', '50.00', '0.00', '0.00', '0.00', '0.00', '50.00', '0.00'],
    ]);
    await expectDrillable(items);
  });

  it('of the month of their end: lapsed until they are swept, and effective at their end when they are', async () => {
    const before = await liability('2022-11', '&marketplace=DE');
    expect(before.map(amounts)).toEqual([['22.25', '0.00', '0.00', '0.00', '0.00', '0.00', '22.25', '22.25']]);
    await expectDrillable(before);
    await service.client.post('/v1/expiry-runs', {});
    const after = await liability('2022-11', '&marketplace=DE&currency=EUR');
    expect(after.map(amounts)).toEqual([['22.25', '0.00', '0.00', '22.25', '0.00', '0.00', '0.00', '0.00']]);
    await expectDrillable(after);
    expect(await liability('2022-11', `&marketplace=DE&knownAt=position:${HISTORY.length}`)).toEqual(before);
  });

  it('of a month that has not gone by: as far as it is asked', async () => {
    const items = await liability('2022-10', '&marketplace=DE&asOf=2022-10-11T00:00:00Z');
    expect(items.map(amounts)).toEqual([['0.00', '307.25', '50.00', '0.00', '0.00', '0.00', '257.25', '0.00']]);
    await expectDrillable(items);
    expect(await liability('2022-10', '&promotionId=another')).toEqual([]);
  });

  it('pages fit together', async () => {
    expect(await all<Liability>('/v1/liability?month=2022-10', 1)).toEqual(await liability('2022-10'));
  });
});

it('a journal of other ids opens no level', async () => {
  await service.client.append(opened('a:b', 'FR', 'EUR'));
  await service.client.append(granted('c:1%', 'a:b', 'FR', 'SP', '1.00')).catch(() => undefined);
  await service.client.append(granted('c:1', 'a:b', 'FR', 'SP', '10.00'));
  const journal = await all<Transaction>('/v1/journal?account=liabilities:credits:a%253Ab:FR');
  expect(lines(journal)).toContain('liabilities:credits:a%3Ab:FR:c%3A1 -10.24');
});

describe('the command line', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
    const file = join(directory, 'facts.ndjson');
    writeFileSync(file, HISTORY.map((command) => `${JSON.stringify(command)}\n`).join(''));
    expect(promoledger('import', file).status).toBe(0);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const launcher = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));
  const promoledger = (...args: string[]) =>
    spawnSync(process.execPath, ['--no-warnings', launcher, ...args], {
      env: {
        PATH: process.env['PATH'],
        PROMOLEDGER_STORE: `sqlite:${join(directory, 'ledger.db')}`,
        PROMOLEDGER_CLOCK: '2022-12-01T00:00:00Z',
      },
      encoding: 'utf8',
    });
  const printed = <Item>(...args: string[]): Item[] => {
    const { status, stdout } = promoledger(...args, '--json');
    expect(status).toBe(0);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Item);
  };

  it('prints the books that are answered over HTTP', async () => {
    const known = ['--known-at', `position:${HISTORY.length}`];
    const { totals } = await get<TrialBalance>(`/v1/trial-balance?knownAt=position:${HISTORY.length}`);
    const lines = await all<Line>(`/v1/trial-balance?knownAt=position:${HISTORY.length}`);
    expect(printed('trial-balance', ...known)).toEqual([...lines, ...totals!.map((total) => ({ total }))]);
    const ids = (await all<Transaction>(`/v1/journal?knownAt=position:${HISTORY.length}`)).map(({ event }) => event.id);
    expect(
      printed<Transaction>('journal', ...known)
        .map(({ event }) => event.id)
        .sort(),
    ).toEqual(ids.sort());
    const items = await liability('2022-10', `&knownAt=position:${HISTORY.length}`);
    expect(printed<Liability>('roll-forward', '2022-10', ...known).map(amounts)).toEqual(items.map(amounts));
  });

  it('prints them for people, and refuses a month that is none', () => {
    const { stdout } = promoledger('journal', '--advertiser', 'adv-2');
    expect(stdout.split('\n').slice(1)).toEqual([
      '             50.00 USD  expenses:promotions:amazon-ads-api-click-credit-2022',
      '            -50.00 USD  liabilities:credits:adv-2:US:c-us',
      '',
    ]);
    expect(promoledger('roll-forward', '2022-13')).toMatchObject({ status: 2, stdout: '' });
  });
});
