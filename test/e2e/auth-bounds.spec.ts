import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RouteNeed } from '../../src/http/scopes.js';
import type { Command } from '../support/client.js';
import { type Guarded, type Response, startGuarded } from '../support/guarded.js';
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

const click = (advertiserId: string, marketplace: string, clickId: string, amount = '0.50'): Command => ({
  type: 'ClickSpent',
  data: {
    ...{ advertiserId, marketplace, clickId, campaignId: 'c-1', product: 'SP' },
    cost: { amount, currency: 'EUR' },
    occurredAt: '2022-10-05T12:00:00Z',
  },
});
const paused = (campaignId: string, occurredAt = '2022-12-01T00:00:00Z'): Command => ({
  type: 'CampaignPaused',
  data: { campaignId, reason: 'manual', occurredAt },
});
const activated = (campaignId: string, advertiserId: string, marketplace = 'DE'): Command => ({
  type: 'CampaignActivated',
  data: { campaignId, advertiserId, marketplace, product: 'SP', occurredAt: '2022-08-22T12:00:00Z' },
});

/** `adv-1` in two marketplaces and `adv-2` in one: both have qualified in Germany, and one of each was given a credit. */
const HISTORY: readonly Command[] = [
  published(),
  rate('EUR', 'USD', '0.9764'),
  ...['adv-1', 'adv-2'].flatMap((advertiserId) => [
    opened(advertiserId, 'DE', 'EUR'),
    invited(advertiserId),
    ...qualifyingCampaign(advertiserId, 'DE', 'SP'),
    ...qualifyingCampaign(advertiserId, 'DE', 'SB').slice(0, 2),
  ]),
  payable('adv-1', 'DE'),
  opened('adv-1', 'FR', 'EUR'),
  payable('adv-2', 'DE'),
  opened('adv-3', 'DE', 'EUR'),
  invited('adv-3'),
  ...qualifyingCampaign('adv-3', 'DE', 'SP'),
  opened('adv-9', 'FR', 'EUR'),
];

let service: Guarded;
let root: string;
let ofAdvertiser: string;
let ofMarketplace: string;
let ofNobody: string;
beforeAll(async () => {
  service = await startGuarded({ PROMOLEDGER_CLOCK: '2022-10-20T00:00:00Z' }, (fastify) =>
    fastify.addHook('onRoute', ({ url, method, config }) => {
      const { need } = (config ?? {}) as Partial<RouteNeed>;
      if (method !== 'HEAD' && typeof need === 'object' && need.reach === 'path') namingRoutes.push(url);
    }),
  );
  const token = (claims: object) => service.provider.token({ scope: WRITES_AND_READS, ...claims });
  root = await token({ scope: 'admin' });
  ofAdvertiser = await token({ promoledger_advertisers: ['adv-1'] });
  ofMarketplace = await token({ promoledger_marketplaces: ['FR'] });
  ofNobody = await token({ promoledger_advertisers: [] });
  for (const { status } of await send(root, HISTORY)) expect(status).toBe('appended');
  const run = await service.call('POST', `/v1/promotions/${PROMOTION_ID}/disbursements/2022-10-04`, root);
  expect(run.body).toMatchObject({ applied: 2, deferred: 1 });
  await send(root, [click('adv-1', 'DE', 'k-1'), click('adv-2', 'DE', 'k-2')]);
});
afterAll(() => service.stop());

const WRITES_AND_READS = 'facts:write grants:write runs:execute ledger:read audit:read';

interface Item {
  readonly status: string;
  readonly error?: { readonly code: string; readonly detail: string };
}
async function send(token: string, commands: readonly Command[]): Promise<Item[]> {
  const answer = await service.call('POST', '/v1/commands', token, commands);
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('results')]);
  return answer.body['results'] as Item[];
}
const get = (path: string, token: string) => service.call('GET', path, token);

/** Every byte of an answer that is not of this one request. */
const bytesOf = ({ status, headers, text }: Response) => ({
  status,
  text,
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
});

/** Where the path says whose account it is: `url` of each such route, as the running service has them. */
const namingRoutes: string[] = [];

const FIVE = ['', '?knownAt=position:20', '?knownAt=position:2&minPosition=3', '?asOf=then', '?unknown=1'];
/** What is asked of each of them; the first has an answer. A route that is not here fails the test. */
const QUESTIONS: Readonly<Record<string, readonly string[]>> = {
  '/v1/accounts/:advertiserId/:marketplace/balance': [...FIVE, '?asOf=2022-10-05T12:00:00Z', '?limit=7'],
  '/v1/accounts/:advertiserId/:marketplace/statement': [...FIVE, '?limit=1', '?limit=0', '?cursor=abc'],
  '/v1/accounts/:advertiserId/:marketplace/clicks/:clickId': FIVE,
  '/v1/accounts/:advertiserId/:marketplace/qualification': [
    `?promotionId=${PROMOTION_ID}`,
    '?promotionId=unknown',
    ...FIVE,
  ],
  '/v1/diff/:advertiserId/:marketplace': [
    ...['?from=position:2', '?from=position:2&to=position:20', '?from=position:2&limit=1'],
    ...['?from=position:20&to=position:2', '?from=position:2&cursor=abc', '?from=then', ''],
  ],
};

describe('somebody else is nobody', () => {
  const asked = (url: string, who: string, query: string, token: string, clickId = 'k-1') => {
    const [advertiserId, marketplace] = who.split('/') as [string, string];
    const path = url.replace(':advertiserId', advertiserId).replace(':marketplace', marketplace);
    return get(path.replace(':clickId', clickId) + query, token);
  };

  it('at every route whose path says whose account it is', () => {
    expect(namingRoutes.toSorted()).toEqual(Object.keys(QUESTIONS).sort());
  });

  it.each(Object.entries(QUESTIONS))('%s', async (url, queries) => {
    const clickIds = url.includes(':clickId') ? ['k-1', 'k-2', 'k-3', 'no%20click'] : ['k-1'];
    expect((await asked(url, 'adv-1/DE', queries[0]!, ofAdvertiser)).status).toBe(200);
    for (const query of queries) {
      for (const clickId of clickIds) {
        const bytes = async (who: string, token: string) => bytesOf(await asked(url, who, query, token, clickId));
        const absent = await bytes('not-there/DE', ofAdvertiser);
        expect(absent.text).not.toContain('nobody');
        for (const other of ['adv-2/DE', 'adv-9/FR', 'adv-3/DE', 'ADV-1/DE', 'adv%2D2/DE', 'adv-1%20/DE']) {
          expect({ other, query, ...(await bytes(other, ofAdvertiser)) }).toEqual({ other, query, ...absent });
        }
        expect(await bytes('adv-2/DE', ofNobody)).toEqual(absent);
        // As it is for those who may see all, of somebody who really is not there.
        expect(await bytes('not-there/DE', root)).toEqual(absent);
        for (const impossible of ['a.b/DE', 'a%00/DE', '(nobody)/DE']) {
          expect({ impossible, ...(await bytes(impossible, root)) }).toEqual({ impossible, ...absent });
        }
        expect(await bytes('adv-1/DE', ofMarketplace)).toEqual(await bytes('not-there/DE', ofMarketplace));
      }
    }
  });

  it('at a path that is none', async () => {
    const path = '/v1/accounts/adv-2/DE/no-such-question';
    expect(bytesOf(await get(path, ofAdvertiser))).toEqual(bytesOf(await get(path.replace('2', '0'), ofAdvertiser)));
  });

  it('what became known of their own they see as everybody sees it', async () => {
    const path = '/v1/diff/adv-1/DE?from=position:2';
    expect((await get(path, ofAdvertiser)).text).toBe((await get(path, root)).text);
  });

  it('what is their own they see as everybody sees it', async () => {
    for (const question of ['balance', 'statement', 'clicks/k-1', `qualification?promotionId=${PROMOTION_ID}`]) {
      const path = `/v1/accounts/adv-1/DE/${question}`;
      const own = await get(path, ofAdvertiser);
      expect([own.status, own.text]).toEqual([200, (await get(path, root)).text]);
      expect((await get(path.replace('adv-1', 'adv%2D1'), ofAdvertiser)).text).toBe(own.text);
    }
    expect((await get('/v1/accounts/adv-9/FR/balance', ofMarketplace)).status).toBe(200);
  });
});

describe('lists', () => {
  const accounts = async (token: string, query = '') => {
    const { body } = await get(`/v1/accounts${query}`, token);
    const items = body['items'] as { advertiserId: string; marketplace: string }[];
    return { next: body['next'], names: items.map((item) => `${item.advertiserId}/${item.marketplace}`) };
  };

  it('of accounts show what is within the bounds, page by page, whatever the cursor', async () => {
    expect((await accounts(root)).names).toEqual(['adv-1/DE', 'adv-1/FR', 'adv-2/DE', 'adv-3/DE', 'adv-9/FR']);
    expect(await accounts(ofAdvertiser)).toEqual({ next: null, names: ['adv-1/DE', 'adv-1/FR'] });
    expect(await accounts(ofMarketplace)).toEqual({ next: null, names: ['adv-1/FR', 'adv-9/FR'] });
    expect(await accounts(ofNobody)).toEqual({ next: null, names: [] });
    const first = await accounts(ofMarketplace, '?limit=1');
    expect(first.names).toEqual(['adv-1/FR']);
    expect(Buffer.from(String(first.next), 'base64url').toString()).not.toMatch(/adv-[23]/);
    expect(await accounts(ofMarketplace, `?cursor=${String(first.next)}`)).toEqual({ next: null, names: ['adv-9/FR'] });
    const ofAll = await accounts(root, '?limit=2');
    expect(await accounts(ofAdvertiser, `?cursor=${String(ofAll.next)}`)).toEqual({ next: null, names: [] });
  });

  it('of accounts that are asked for by somebody else, or elsewhere, are empty', async () => {
    for (const query of ['?advertiserId=adv-2', '?advertiserId=not-there', '?advertiserId=adv-2&marketplace=DE']) {
      expect(await accounts(ofAdvertiser, query)).toEqual({ next: null, names: [] });
    }
    expect(await accounts(ofMarketplace, '?marketplace=DE')).toEqual({ next: null, names: [] });
  });

  it('of runs show and count what is within the bounds', async () => {
    const run = async (token: string) => {
      const { body, text } = await get(`/v1/promotions/${PROMOTION_ID}/disbursements`, token);
      const [first] = body['items'] as Record<string, unknown>[];
      const { applied, deferred, credits, deferrals } = first!;
      return { applied, deferred, credits, deferrals: (deferrals as object[]).length, text };
    };
    expect(await run(root)).toMatchObject({ applied: 2, deferred: 1, deferrals: 1 });
    const own = await run(ofAdvertiser);
    expect(own).toMatchObject({
      ...{ applied: 1, deferred: 0, deferrals: 0 },
      credits: [`${PROMOTION_ID}:adv-1:DE:SP`],
    });
    expect(own.text).not.toMatch(/adv-[239]/);
    expect(await run(ofMarketplace)).toMatchObject({ applied: 0, deferred: 0, credits: [], deferrals: 0 });
  });

  it('of notices tell nothing of others', async () => {
    expect((await get('/v1/notices', root)).text).toMatch(/adv-2/);
    for (const token of [ofAdvertiser, ofMarketplace, ofNobody]) {
      expect((await get('/v1/notices', token)).text).not.toMatch(/adv-2/);
    }
  });

  it('of promotions say how many codes there are, and not which', async () => {
    const text = readFileSync(new URL('../../examples/cookbook/welcome-code.json', import.meta.url), 'utf8');
    const terms = JSON.parse(text) as object;
    await send(root, [{ type: 'PromotionPublished', data: { promotionId: 'with-codes', terms } }]);
    const codesIn = async (path: string, token: string) =>
      [...(await get(path, token)).text.matchAll(/"codes":(\[.*?\]|\d+)/g)].map(([, codes]) => codes!);
    for (const path of ['/v1/promotions/with-codes', '/v1/promotions']) {
      const all = await codesIn(path, root);
      expect(all.length).toBeGreaterThan(0);
      const counted = all.map((codes) => String((JSON.parse(codes) as string[]).length));
      expect(await codesIn(path, ofAdvertiser)).toEqual(counted);
    }
  });

  it('of promotions and rates are for everybody', async () => {
    for (const path of [`/v1/promotions/${PROMOTION_ID}`, '/v1/convert?from=USD&to=EUR&amount=200']) {
      expect((await get(path, ofAdvertiser)).text).toBe((await get(path, root)).text);
    }
  });
});

describe('what a bound caller states', () => {
  const forbidden = {
    ...{ status: 'rejected', stream: null, key: null, revision: null, position: null },
    error: { code: 'forbidden', detail: 'The caller may not state this.' },
  };

  /** Each as a fact that is recorded, one that contradicts it, and one of which nothing is recorded. */
  it.each<[string, readonly Command[]]>([
    ['an account', [opened('adv-2', 'DE', 'EUR'), opened('adv-2', 'DE', 'USD'), opened('adv-x', 'DE', 'EUR')]],
    ['a click', [click('adv-2', 'DE', 'k-2'), click('adv-2', 'DE', 'k-2', '9.99'), click('adv-x', 'DE', 'k-2')]],
    ['a credit', [granted('g-1', 'adv-2', 'DE', 'SD', '1.00'), granted('g-1', 'adv-x', 'DE', 'SD', '1.00')]],
    ['an invitation', [invited('adv-2'), invited('adv-x')]],
    ['a campaign', [activated('campaign-adv-2-SP', 'adv-2'), activated('unheard-of', 'adv-2')]],
    [
      'a rate, which is of everybody',
      [rate('EUR', 'USD', '0.9764'), rate('EUR', 'USD', '0.1'), rate('EUR', 'CAD', '1')],
    ],
    ['terms, which are of everybody', [published(), published('another')]],
    [
      'terms, before what is wrong with them',
      [
        { type: 'PromotionPublished', data: { promotionId: 'p-x', terms: {} } },
        { type: 'PromotionTerminated', data: {} },
        { type: 'FxRateRecorded', data: {} },
      ],
    ],
  ])('of others is forbidden, whatever is recorded: %s', async (_, commands) => {
    const before = (await get('/v1/events?limit=1', root)).body['position'];
    for (const item of await send(ofAdvertiser, commands)) expect(item).toMatchObject(forbidden);
    expect((await get('/v1/events?limit=1', root)).body['position']).toBe(before);
  });

  it('of a campaign tells nothing of whose it is', async () => {
    const theirs = 'campaign-adv-2-SP';
    await send(root, [paused(theirs), paused('not-named-yet')]);
    const commands = [
      paused(theirs),
      { type: 'CampaignPaused', data: { ...paused(theirs).data, reason: 'budget' } },
      paused(theirs, '2022-12-02T00:00:00Z'),
      activated(theirs, 'adv-1'),
      { type: 'CampaignEnded', data: { campaignId: theirs, occurredAt: '2022-12-03T00:00:00Z' } },
      paused('not-named-yet'),
      paused('not-there'),
      { type: 'CampaignEnded', data: { campaignId: 'not-there', occurredAt: '2022-12-03T00:00:00Z' } },
    ];
    for (const item of await send(ofAdvertiser, commands)) {
      // Stream and key are the command's own.
      expect(item).toMatchObject({ ...forbidden, stream: expect.any(String), key: expect.any(String) });
    }
  });

  it('of its own is taken, a campaign and what follows in one array, too', async () => {
    const own = [
      activated('new-1', 'adv-1'),
      paused('new-1'),
      paused('new-1'),
      click('adv-1', 'FR', 'k-9'),
      activated('new-1', 'adv-2'),
      paused('campaign-adv-1-SP'),
    ];
    const statuses = (await send(ofAdvertiser, own)).map(({ status, error }) => error?.code ?? status);
    expect(statuses).toEqual(['appended', 'appended', 'duplicate', 'appended', 'forbidden', 'appended']);
    const elsewhere = await send(ofMarketplace, [
      click('adv-1', 'FR', 'k-10'),
      click('adv-1', 'DE', 'k-11'),
      invited('adv-7'),
    ]);
    expect(elsewhere.map(({ status, error }) => error?.code ?? status)).toEqual(['appended', 'forbidden', 'forbidden']);
  });

  it('alone is a problem, and in an import a line', async () => {
    const alone = await service.call('POST', '/v1/commands', ofAdvertiser, click('adv-2', 'DE', 'k-2'));
    expect([alone.status, alone.body.code]).toEqual([403, 'forbidden']);
    const lines = [click('adv-2', 'DE', 'k-2'), click('adv-1', 'DE', 'k-20')].map(
      (line) => `${JSON.stringify(line)}\n`,
    );
    const headers = { 'content-type': 'application/x-ndjson' };
    const imported = await service.call('POST', '/v1/import', ofAdvertiser, lines.join(''), headers);
    const [rejected, last] = imported.text
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(rejected).toMatchObject({ line: 1, ...forbidden });
    expect(last).toMatchObject({ summary: { read: 2, appended: 1, duplicate: 0, rejected: 1 } });
  });
});

describe('scopes of facts', () => {
  const token = (scope: string) => service.provider.token({ scope });
  const GRANTS: readonly Command[] = [
    granted('g-9', 'adv-1', 'DE', 'SD', '1.00'),
    published('p-9'),
    { type: 'PromotionRevised', data: { promotionId: 'p-9' } },
    { type: 'PromotionTerminated', data: { promotionId: 'p-9' } },
    { type: 'CreditRevoked', data: {} },
  ];
  const FACTS: readonly Command[] = [rate('EUR', 'GBP', '0.87'), click('adv-1', 'DE', 'k-30'), invited('adv-5')];

  it('are asked of each item alone: money is given by who may give it, facts are stated by who may state them', async () => {
    const codes = async (scope: string) =>
      (await send(await token(scope), [...GRANTS, ...FACTS])).map(({ error }) => error?.code === 'forbidden');
    expect(await codes('facts:write')).toEqual([...GRANTS.map(() => true), ...FACTS.map(() => false)]);
    expect(await codes('grants:write')).toEqual([...GRANTS.map(() => false), ...FACTS.map(() => true)]);
    expect(await codes('facts:write grants:write')).not.toContain(true);
    expect(await codes('admin')).not.toContain(true);
  });
});
