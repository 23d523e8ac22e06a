import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GapReport, type Gap } from '../../src/audit/gap.js';
import { parseInstant } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { Queries, type MomentAsked } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import type { Command } from '../support/auditor/facts.js';
import * as history from '../support/history.js';

const RUN = '2022-10-04';

/**
 * Campaigns of row A's promotion qualify on 19 September at noon (28 days after 22 August); the run of 4 October, 07:00,
 * gives USD 200, which are EUR 204.83. What is below is added up by hand.
 */
describe('the gap between qualifying and the credit', () => {
  let ledger: InProcessLedger;
  /** The position of each click. */
  const positions = new Map<string, bigint>();

  beforeEach(async () => {
    ledger = await InProcessLedger.start();
    await submit(history.published(), history.rate('EUR', 'USD', '0.9764'));
  });
  afterEach(() => ledger.stop());

  async function submit(...commands: readonly object[]): Promise<void> {
    for (const command of commands as readonly Command[]) {
      const { status, position, error } = await ledger.submit(command);
      expect([command, status, error]).toEqual([command, 'appended', undefined]);
      const { clickId } = command.data as { clickId?: string };
      if (clickId !== undefined && command.type === 'ClickSpent') positions.set(clickId, BigInt(position!));
    }
  }

  const joins = (advertiserId: string, marketplace: string, currency: string, ...products: ('SP' | 'SB')[]) => [
    history.opened(advertiserId, marketplace, currency),
    history.invited(advertiserId),
    ...products.flatMap((product) => history.qualifyingCampaign(advertiserId, marketplace, product)),
  ];
  const spent = (
    type: 'click' | 'show',
    advertiserId: string,
    id: string,
    amount: string,
    occurredAt: string,
    product = 'SP',
  ) => {
    const [marketplace, currency] = advertiserId === 'beta' ? ['US', 'USD'] : ['DE', 'EUR'];
    const common = { advertiserId, marketplace, campaignId: 'k', product, occurredAt };
    const price = { amount, currency };
    return type === 'click'
      ? { type: 'ClickSpent', data: { ...common, clickId: id, cost: price } }
      : { type: 'ImpressionsSpent', data: { ...common, impressionsId: id, impressions: 1000, cpm: price } };
  };

  async function gaps(
    asked: MomentAsked & { asOf?: never } & { at?: string },
    limit = 100,
    marketplace?: string,
    promotionId = history.PROMOTION_ID,
  ) {
    const { at, ...known } = asked;
    await ledger.app.get(ReadModels).caughtUp();
    const moment = await ledger.app
      .get(Queries)
      .moment({ ...known, asOf: parseInstant(at ?? '2022-10-31T00:00:00Z')! });
    const filter = { promotionId, ...(marketplace === undefined ? {} : { marketplace }) };
    const items: Gap[] = [];
    let totals: object | null = null;
    for (let cursor: string | null | undefined; cursor !== null;) {
      const paging = cursor === undefined ? { limit } : { limit, cursor };
      const page = await ledger.app.get(GapReport).gaps(moment, filter, paging);
      if (isRefusal(page)) throw new Error(page.detail);
      expect(page.totals === null).toBe(cursor !== undefined);
      totals ??= page.totals;
      items.push(...page.items);
      cursor = page.next;
    }
    return { items, totals };
  }

  it('is what was billed from the moment of qualifying until the credit, at most what the credit was', async () => {
    await submit(
      ...joins('acme', 'DE', 'EUR', 'SP'),
      history.payable('acme', 'DE'),
      spent('click', 'acme', 'before', '1.00', '2022-09-19T11:59:59.999Z'),
      spent('click', 'acme', 'at-once', '10.00', '2022-09-19T12:00:00Z'),
      spent('click', 'acme', 'other-product', '20.00', '2022-09-25T00:00:00Z', 'SB'),
      spent('click', 'acme', 'reversed', '5.00', '2022-09-28T00:00:00Z'),
      {
        type: 'ClickReversed',
        data: {
          advertiserId: 'acme',
          marketplace: 'DE',
          clickId: 'reversed',
          reason: 'invalid',
          occurredAt: '2022-10-01T00:00:00Z',
        },
      },
      spent('click', 'acme', 'large', '100.00', '2022-10-02T00:00:00Z'),
      spent('show', 'acme', 'shown', '90.00', '2022-10-03T00:00:00Z'),
      spent('click', 'acme', 'not-covered', '7.00', '2022-10-03T00:00:00Z', 'DSP'),
    );
    await ledger.disburse(history.PROMOTION_ID, RUN);
    await submit(spent('click', 'acme', 'paid', '3.00', '2022-10-04T07:00:00Z'));

    const gap = {
      advertiserId: 'acme',
      marketplace: 'DE',
      product: 'SP',
      stage: null,
      status: 'applied',
      qualifiedAt: '2022-09-19T12:00:00.000Z',
      appliedAt: '2022-10-04T07:00:00.000Z',
      daysWaited: 14, // and 19 hours
      withinSla: true,
      clicks: 3,
      impressions: 1000,
      currency: 'EUR',
      billed: '220.00', // 10 + 20 + 100 + 90
      credit: '204.83',
      coverable: '204.83',
    };
    const sum = { promotionId: history.PROMOTION_ID, currency: 'EUR', gaps: 1, waits: 1 };
    const { clicks, impressions, billed, coverable } = gap;
    expect(await gaps({})).toEqual({ items: [gap], totals: [{ ...sum, clicks, impressions, billed, coverable }] });

    // A day before the reversal, the click was still billed; the credit was not there, and nothing of 2 and 3 October.
    expect((await gaps({ at: '2022-09-30T00:00:00Z' })).items).toEqual([
      {
        ...gap,
        status: 'qualified',
        appliedAt: null,
        daysWaited: 10, // and a half
        withinSla: null,
        clicks: 3,
        impressions: 0,
        billed: '35.00', // 10 + 20 + 5
        credit: null, // no rate was known then
        coverable: '0.00',
      },
    ]);
    // As known before the large click was recorded: there was no run either.
    const known = { knownAt: { position: positions.get('large')! - 1n } };
    expect((await gaps({ at: '2022-10-04T07:00:00Z', ...known })).items).toEqual([
      {
        ...gap,
        status: 'qualified',
        appliedAt: null,
        withinSla: null,
        clicks: 2,
        impressions: 0,
        billed: '30.00',
        coverable: '30.00',
      },
    ]);
  });

  it('goes on while the credit is put off, and breaks the service level in the end', async () => {
    await submit(
      ...joins('beta', 'US', 'USD', 'SP'),
      spent('click', 'beta', 'b-1', '4.00', '2022-09-30T00:00:00Z'),
      spent('click', 'beta', 'b-2', '6.00', '2022-10-30T00:00:00Z'),
    );
    await ledger.disburse(history.PROMOTION_ID, RUN);
    const asOf = async (at: string) => {
      const [gap] = (await gaps({ at })).items;
      return gap && [gap.status, gap.daysWaited, gap.withinSla, gap.clicks, gap.billed, gap.credit, gap.coverable];
    };
    expect(await asOf('2022-09-19T11:59:59.999Z')).toBeUndefined();
    expect(await asOf('2022-10-10T00:00:00Z')).toEqual(['deferred', 20, null, 1, '4.00', '200.00', '4.00']);
    // 30 days of 24 hours after qualifying the level can still be kept, and a millisecond later not.
    expect((await asOf('2022-10-19T12:00:00Z'))?.[2]).toBe(null);
    expect((await asOf('2022-10-19T12:00:00.001Z'))?.[2]).toBe(false);
    expect(await asOf('2022-10-31T00:00:00Z')).toEqual(['deferred', 41, false, 2, '10.00', '200.00', '10.00']);

    await submit(history.payable('beta', 'US'));
    await ledger.disburse(history.PROMOTION_ID, '2022-11-01');
    expect(await asOf('2022-11-02T00:00:00Z')).toEqual(['applied', 42, false, 2, '10.00', '200.00', '10.00']);
  });

  it('counts a click once in the totals, though two credits would have paid for it', async () => {
    await submit(
      ...joins('acme', 'DE', 'EUR', 'SP'),
      history.payable('acme', 'DE'),
      spent('click', 'acme', 'a-1', '20.00', '2022-09-25T00:00:00Z'),
      ...joins('beta', 'US', 'USD', 'SP'),
      spent('click', 'beta', 'b-1', '4.00', '2022-09-30T00:00:00Z'),
      ...joins('gamma', 'DE', 'EUR', 'SP', 'SB'),
      history.payable('gamma', 'DE'),
      spent('click', 'gamma', 'g-1', '300.00', '2022-09-30T00:00:00Z'),
      ...joins('idle', 'DE', 'EUR', 'SP'),
      history.payable('idle', 'DE'),
      history.opened('stranger', 'DE', 'EUR'),
      spent('click', 'stranger', 's-1', '9.00', '2022-09-30T00:00:00Z'),
    );
    await ledger.disburse(history.PROMOTION_ID, RUN);
    const { items, totals } = await gaps({});
    expect(
      items.map(({ advertiserId, product, clicks, billed, coverable }) => [
        advertiserId,
        product,
        clicks,
        billed,
        coverable,
      ]),
    ).toEqual([
      ['acme', 'SP', 1, '20.00', '20.00'],
      ['beta', 'SP', 1, '4.00', '4.00'],
      ['gamma', 'SB', 1, '300.00', '204.83'],
      ['gamma', 'SP', 1, '300.00', '95.17'], // what the other has left of 300.00
      ['idle', 'SP', 0, '0.00', '0.00'],
    ]);
    const sums = { promotionId: history.PROMOTION_ID, impressions: 0 };
    expect(totals).toEqual([
      { ...sums, currency: 'EUR', gaps: 3, waits: 4, clicks: 2, billed: '320.00', coverable: '320.00' },
      { ...sums, currency: 'USD', gaps: 1, waits: 1, clicks: 1, billed: '4.00', coverable: '4.00' },
    ]);
    for (const limit of [1, 2, 3]) expect(await gaps({}, limit)).toEqual({ items, totals });
    const us = await gaps({}, 100, 'US');
    expect(us).toEqual({ items: [items[1]], totals: [expect.objectContaining({ currency: 'USD', billed: '4.00' })] });
  });

  it('ends with a grant by hand, which is what covers it', async () => {
    const { type, data } = history.granted('goodwill', 'acme', 'DE', 'SP', '100.00');
    await submit(
      history.rate('EUR', 'USD', '0.9764', '2022-09-20T14:00:00Z'),
      ...joins('acme', 'DE', 'EUR', 'SP'),
      spent('click', 'acme', 'a-1', '50.00', '2022-09-21T00:00:00Z'),
      spent('click', 'acme', 'a-2', '60.00', '2022-09-22T00:00:00Z'),
    );
    const before = await gaps({ at: '2022-09-23T11:59:59.999Z' });
    expect(before.items).toMatchObject([{ status: 'qualified', clicks: 2, billed: '110.00', coverable: '110.00' }]);
    await submit(
      { type, data: { ...(data as object), appliedAt: '2022-09-23T12:00:00Z' } },
      spent('click', 'acme', 'after', '109.00', '2022-09-23T12:00:00Z'),
    );
    const gap = {
      advertiserId: 'acme',
      marketplace: 'DE',
      product: 'SP',
      stage: null,
      status: 'applied',
      qualifiedAt: '2022-09-19T12:00:00.000Z',
      appliedAt: '2022-09-23T12:00:00.000Z',
      daysWaited: 4,
      withinSla: true,
      clicks: 2,
      impressions: 0,
      currency: 'EUR',
      billed: '110.00',
      credit: '102.42', // 100 / 0.9764
      coverable: '102.42',
    };
    const totals = [{ currency: 'EUR', gaps: 1, waits: 1, clicks: 2, billed: '110.00', coverable: '102.42' }];
    expect(await gaps({ at: '2022-10-01T00:00:00Z' })).toMatchObject({ items: [gap], totals });
    // A run finds the place taken: nothing of what was told changes. As of an earlier instant it waits as it did.
    await ledger.disburse(history.PROMOTION_ID, RUN);
    const later = { items: [{ ...gap, status: 'expired' }], totals };
    expect(await gaps({ at: '2022-12-31T00:00:00Z' })).toMatchObject(later);
    expect((await gaps({ at: '2022-09-23T11:59:59.999Z' })).items).toMatchObject([{ status: 'qualified', clicks: 2 }]);
  });

  it('is of each stage and of the spend that it pays for, and ends in every marketplace that counts as one', async () => {
    const stage = (id: string, amount: string, spend: 'clicks' | 'impressions') => ({
      id,
      qualifying: { attested: { action: id } },
      award: { amount: { amount, currency: 'EUR' } },
      disbursement: { schedule: 'weekly', weekday: 'monday', until: '2022-12-31', within: 'P14D' },
      expiry: { after: 'P60D' },
      pays: { spend: [spend] },
    });
    const terms = {
      version: 2,
      name: 'A course and its exam',
      timeZone: 'UTC',
      period: { start: '2022-09-01T00:00', end: '2022-12-01T00:00' },
      marketplaces: ['DE', 'FR'],
      regions: { EU: ['DE', 'FR'] },
      oncePer: 'region',
      products: ['SP'],
      stages: [stage('course', '30.00', 'clicks'), stage('exam', '40.00', 'impressions')],
    };
    const attested = (advertiserId: string, action: string, occurredAt: string) => ({
      type: 'ActionAttested',
      data: { promotionId: 'learn', advertiserId, attestationId: action, action, attestedBy: 'academy', occurredAt },
    });
    const granted = (creditId: string, advertiserId: string, amount: string, appliedAt: string) => ({
      type: 'CreditApplied',
      data: {
        creditId,
        promotionId: 'learn',
        advertiserId,
        marketplace: 'DE',
        product: 'SP',
        stage: 'course',
        granted: { amount, currency: 'EUR' },
        appliedAt,
        reason: 'goodwill',
      },
    });
    const inFrance = ({ type, data }: ReturnType<typeof spent>) => ({ type, data: { ...data, marketplace: 'FR' } });
    const shown = (id: string, impressions: number, amount: string, occurredAt: string) => {
      const { type, data } = spent('show', 'acme', id, amount, occurredAt);
      return { type, data: { ...data, impressions } };
    };
    await submit(
      history.published('learn', terms),
      ...['acme', 'gamma'].flatMap((id) => [history.opened(id, 'DE', 'EUR'), history.payable(id, 'DE')]),
      history.opened('acme', 'FR', 'EUR'),
      attested('acme', 'course', '2022-10-01T00:00:00Z'),
      attested('acme', 'exam', '2022-10-05T00:00:00Z'),
      spent('click', 'acme', 'c-1', '20.00', '2022-10-02T00:00:00Z'),
      shown('i-1', 1000, '15.00', '2022-10-03T00:00:00Z'), // before the exam, and the course does not pay for it
      inFrance(spent('click', 'acme', 'f-1', '12.00', '2022-10-04T00:00:00Z')),
      spent('click', 'acme', 'c-2', '25.00', '2022-10-06T00:00:00Z'),
      shown('i-2', 2000, '12.50', '2022-10-07T00:00:00Z'),
      granted('made-good', 'acme', '35.00', '2022-10-07T12:00:00Z'),
      shown('i-3', 500, '50.00', '2022-10-08T00:00:00Z'),
      // Who has the credit before qualifying has waited for nothing.
      granted('early', 'gamma', '1.00', '2022-09-20T00:00:00Z'),
      attested('gamma', 'course', '2022-10-01T00:00:00Z'),
      spent('click', 'gamma', 'g-1', '9.00', '2022-10-02T00:00:00Z'),
    );
    await ledger.disburse('learn', '2022-10-10');
    const { items, totals } = await gaps({ at: '2022-10-31T00:00:00Z' }, 2, undefined, 'learn');
    const acme = { advertiserId: 'acme', withinSla: true, status: 'applied' };
    const course = { ...acme, stage: 'course', qualifiedAt: '2022-10-01T00:00:00.000Z', daysWaited: 6 };
    const exam = { ...acme, stage: 'exam', qualifiedAt: '2022-10-05T00:00:00.000Z', daysWaited: 5 };
    const DE = { marketplace: 'DE' };
    expect(items).toMatchObject([
      { ...DE, ...course, clicks: 2, impressions: 0, billed: '45.00', credit: '35.00', coverable: '35.00' },
      { ...DE, ...exam, clicks: 0, impressions: 2500, billed: '50.00', credit: '40.00', coverable: '40.00' }, // 25 + 25
      { marketplace: 'FR', ...course, clicks: 1, billed: '12.00', credit: '30.00', coverable: '12.00' },
    ]);
    expect(items).toHaveLength(3);
    const sums = { gaps: 3, waits: 3, clicks: 3, impressions: 2500, billed: '107.00', coverable: '87.00' };
    expect(totals).toEqual([{ promotionId: 'learn', currency: 'EUR', ...sums }]);
    // When no run is left that could give it, a wait that was made good is still one.
    expect((await gaps({ at: '2023-05-01T00:00:00Z' }, 100, undefined, 'learn')).totals).toEqual(totals);
  });
});
