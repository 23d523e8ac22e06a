import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Command, Problem } from '../support/client.js';
import {
  invited,
  opened,
  payable,
  PROMOTION_ID,
  published,
  qualifyingCampaign,
  rate,
  TERMS,
} from '../support/history.js';
import { type Service, startService } from '../support/server.js';

interface Preview {
  readonly runs: readonly object[];
  readonly credits: readonly Credit[];
  readonly next: string | null;
  readonly advertisers: number;
  readonly cost: readonly object[];
  readonly total: object;
  readonly difference?: {
    readonly onlyHere: readonly Credit[];
    readonly onlyThere: readonly Credit[];
    readonly changed: readonly { readonly here: Credit; readonly there: Credit }[];
    readonly counts: object;
    readonly cost: readonly object[];
  };
  readonly asOf: string;
  readonly position: string;
}
interface Credit {
  readonly advertiserId: string;
  readonly qualifiedAt: string;
  readonly appliedAt: string;
}

const { qualifying, award } = TERMS as { qualifying: object; award: object };
/** What if three weeks had been asked for? */
const THREE_WEEKS = { ...TERMS, qualifying: { ...qualifying, weeks: 3, changes: 3, activeFor: 'P21D' } };
const NOVEMBER = '2022-11-02T00:00:00Z';

/** Of two who could qualify, the second did not keep on for the fourth week. */
const SEASON: readonly Command[] = [
  published(),
  rate('EUR', 'USD', '0.9764'),
  ...['adv-1', 'adv-2'].flatMap((advertiserId) => [
    opened(advertiserId, 'DE', 'EUR'),
    payable(advertiserId, 'DE'),
    invited(advertiserId),
  ]),
  ...qualifyingCampaign('adv-1', 'DE', 'SP'),
  ...qualifyingCampaign('adv-2', 'DE', 'SP').slice(0, -1),
];

describe('a preview', () => {
  let service: Service;

  beforeEach(async () => {
    service = await startService({ clock: '2022-12-01T00:00:00Z' });
    for (const command of SEASON) await service.client.append(command);
    for (const date of ['2022-10-04', '2022-11-01']) {
      const run = await service.client.post(`/v1/promotions/${PROMOTION_ID}/disbursements/${date}`, {});
      expect(run.status).toBe(200);
    }
  });

  afterEach(() => service.stop());

  const preview = async <Body = Preview>(body: object, query = `asOf=${NOVEMBER}`) =>
    service.client.post<Body>(`/v1/promotions/preview?${query}`, body);

  it('of what was published says what its runs did, and records nothing', async () => {
    const before = await service.client.log();
    const { status, body } = await preview({ terms: TERMS, compareWith: PROMOTION_ID });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      runs: [
        { date: '2022-10-04', applied: 1, deferred: 0 },
        { date: '2022-11-01', applied: 0, deferred: 0 },
      ],
      credits: [
        {
          advertiserId: 'adv-1',
          marketplace: 'DE',
          product: 'SP',
          stage: null,
          qualifiedAt: '2022-09-19T12:00:00.000Z',
          appliedAt: '2022-10-04T07:00:00.000Z',
          granted: { amount: '200.00', currency: 'USD' },
          applied: { amount: '204.83', currency: 'EUR' },
        },
      ],
      next: null,
      advertisers: 1,
      cost: [{ month: '2022-10', marketplace: 'DE', currency: 'USD', amount: '200.00', credits: 1 }],
      total: { credits: 1, amounts: [{ amount: '200.00', currency: 'USD' }] },
      difference: { counts: { onlyHere: 0, onlyThere: 0, changed: 0 }, cost: [] },
      asOf: '2022-11-02T00:00:00.000Z',
    });
    expect(await service.client.log()).toEqual(before);
  });

  it('of three weeks says who else would have been given what, and who would have earned it earlier', async () => {
    const { body } = await preview({ terms: THREE_WEEKS, compareWith: PROMOTION_ID });
    expect(body.advertisers).toBe(2);
    const { onlyHere, onlyThere, changed, counts, cost } = body.difference!;
    expect(counts).toEqual({ onlyHere: 1, onlyThere: 0, changed: 1 });
    expect(onlyHere).toMatchObject([{ advertiserId: 'adv-2', qualifiedAt: '2022-09-12T12:00:00.000Z' }]);
    expect(onlyThere).toEqual([]);
    expect(changed).toMatchObject([
      {
        here: { advertiserId: 'adv-1', qualifiedAt: '2022-09-12T12:00:00.000Z' },
        there: { advertiserId: 'adv-1', qualifiedAt: '2022-09-19T12:00:00.000Z' },
      },
    ]);
    expect(cost).toEqual([{ month: '2022-10', marketplace: 'DE', currency: 'USD', amount: '200.00', credits: 1 }]);
  });

  it('may come to less, and says what would not have been given', async () => {
    const terms = { ...TERMS, qualifying: { ...qualifying, weeks: 5 } };
    const { body } = await preview({ terms, compareWith: PROMOTION_ID });
    expect(body).toMatchObject({ credits: [], cost: [], total: { credits: 0, amounts: [] } });
    expect(body.difference).toMatchObject({
      onlyThere: [{ advertiserId: 'adv-1' }],
      cost: [{ amount: '-200.00', credits: -1 }],
    });
  });

  it('is of a moment on both axes', async () => {
    const early = await preview({ terms: TERMS, compareWith: PROMOTION_ID }, 'asOf=2022-10-01T00:00:00Z');
    expect(early.body).toMatchObject({ runs: [], credits: [] });
    // As known before the last change of the first advertiser.
    const known = String(
      BigInt((await service.client.log()).find(({ data }) => data['changeId'] === 'change-4')!.position) - 1n,
    );
    const { body } = await preview(
      { terms: TERMS, compareWith: PROMOTION_ID },
      `asOf=${NOVEMBER}&knownAt=position:${known}`,
    );
    expect(body).toMatchObject({ credits: [], position: known, difference: { counts: { onlyThere: 0 } } });
  });

  it('without a promotion to compare with knows of no invitation', async () => {
    const { body } = await preview({ terms: THREE_WEEKS });
    expect(body).toMatchObject({ credits: [], advertisers: 0 });
    expect(body).not.toHaveProperty('difference');
  });

  it('has pages', async () => {
    const asked = { terms: THREE_WEEKS, compareWith: PROMOTION_ID };
    const first = await preview(asked, `asOf=${NOVEMBER}&limit=1`);
    expect(first.body.credits.map(({ advertiserId }) => advertiserId)).toEqual(['adv-1']);
    const second = await preview(asked, `limit=1&cursor=${first.body.next}`);
    expect(second.body.credits.map(({ advertiserId }) => advertiserId)).toEqual(['adv-2']);
    expect(second.body.next).toBeNull();
  });

  it('lists every fault of the terms, and refuses to compare with what is not published', async () => {
    const terms = {
      ...TERMS,
      period: { start: 'soon', end: '2022-12-31T12:00' },
      award: { ...award, amount: 200 },
      more: 1,
    };
    const { status, body } = await preview<Problem>({ terms });
    expect(status).toBe(400);
    expect(body.code).toBe('invalid-command');
    expect(body.errors?.map(({ path }) => path).sort()).toEqual([
      '/terms/award/amount',
      '/terms/more',
      '/terms/period/start',
    ]);
    expect((await preview<Problem>({ terms: [] })).body).toMatchObject({ errors: [{ path: '/terms' }] });
    const unknown = await preview<Problem>({ terms: TERMS, compareWith: 'nothing' });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'unknown-promotion']);
  });
});
