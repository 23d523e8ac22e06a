import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { TermsV1 } from '../../src/promotions/domain/terms.js';
import { Auditor } from '../support/auditor/auditor.js';
import { accountOf, factsOf, type Command } from '../support/auditor/facts.js';
import { decimal, halfEven, total } from '../support/auditor/money.js';
import { iso, ms, whenClockShows } from '../support/auditor/time.js';

/** The auditor is not trusted either: it must reach what was worked out by hand before it may judge the ledger. */
interface Step {
  readonly n: number;
  readonly command?: Command;
  readonly run?: { readonly promotion: string; readonly date: string };
  readonly expiryRun?: { readonly asOf: string };
  readonly expect?: {
    readonly get: string;
    readonly knownAt?: { readonly 'position of step': number };
    readonly equals: Record<string, unknown>;
  };
  readonly answers?: { readonly status?: number; readonly code?: string };
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const terms = read('../../examples/promotions/amazon-ads-api-click-credit-2022.json') as TermsV1;
const promotionId = 'amazon-ads-api-click-credit-2022';

function auditorWithPromotion(): Auditor {
  const auditor = new Auditor('2023-06-30T00:00:00Z');
  auditor.submit({ type: 'PromotionPublished', data: { promotionId, terms } });
  return auditor;
}

const EXPECTED_STATUS: Record<number, string> = { 200: 'duplicate', 201: 'appended' };

/** Plays the steps of a scenario; answers with how many of its expectations the auditor has an answer to. */
function play(steps: readonly Step[]): number {
  const auditor = auditorWithPromotion();
  const orders = new Map<number, number>();
  let compared = 0;
  for (const { n, command, run, expiryRun, expect: question, answers } of steps) {
    if (command) {
      const outcome = auditor.submit(command);
      const code = outcome.status === 'rejected' ? outcome.code : undefined;
      expect([n, outcome.status, code]).toEqual([
        n,
        EXPECTED_STATUS[answers?.status ?? 201] ?? 'rejected',
        answers?.code,
      ]);
      orders.set(n, auditor.log.length);
    }
    if (run) expect(auditor.disburse(run.promotion, run.date)).toMatchObject({ ...answers });
    if (expiryRun) expect(auditor.expire(expiryRun.asOf)).toEqual(answers);
    if (question && ask(auditor, question, orders)) compared += 1;
  }
  return compared;
}

function ask(auditor: Auditor, { get, knownAt, equals }: NonNullable<Step['expect']>, orders: Map<number, number>) {
  const url = new URL(get, 'http://ledger');
  const [, , , advertiserId = '', marketplace = '', question] = url.pathname.split('/');
  if (question === 'statement') compareStatement(auditor, equals);
  if (question !== 'balance') return question === 'statement';
  const known = knownAt && orders.get(knownAt['position of step']);
  const answer = auditor.balance(advertiserId, marketplace, url.searchParams.get('asOf') ?? '', known);
  const compared = { ...equals, credits: undefined };
  expect({ ...answer, credits: undefined }).toMatchObject(compared);
  const credits = (equals['credits'] ?? []) as Record<string, unknown>[];
  if (equals['credits']) expect(answer?.credits).toHaveLength(credits.length);
  for (const [index, credit] of credits.entries()) {
    // Rates are compared where they show: in what was applied.
    const { fx: _fx, ...named } = credit;
    expect(answer?.credits[index]).toMatchObject(named);
  }
  return true;
}

/** The lines of clicks and reversals show every draw, restoration and bill. */
function compareStatement(auditor: Auditor, { items }: Record<string, unknown>): void {
  const opened = factsOf(auditor.log, 'AccountOpened')[0]!;
  const line = (kind: string, clickId: string, parts: readonly bigint[], sign: bigint, billed: bigint) => ({
    kind,
    clickId,
    amount: decimal(sign * total(parts), opened.currency),
    billable: decimal(billed, opened.currency),
  });
  const units = (parts: readonly { units: bigint }[]) => parts.map((part) => part.units);
  const ours = [
    ...factsOf(auditor.log, 'ClickSpent').map((each) => ({
      ...line('click', each.clickId, units(each.draws), -1n, each.billable),
    })),
    ...factsOf(auditor.log, 'ClickReversed').map((each) =>
      line('click-reversed', each.clickId, units(each.restored), 1n, -each.billable),
    ),
  ];
  const lines = (items as { kind: string }[]).filter(({ kind }) => kind.startsWith('click'));
  expect(lines).toHaveLength(ours.length);
  for (const each of ours) expect(lines).toContainEqual(expect.objectContaining(each));
  expect(accountOf(opened)).toBe('golden-c.DE');
}

describe('the auditor reaches what was worked out by hand', () => {
  it.each([
    ['a-first-credit-in-germany', 4],
    ['b-two-products-the-cap-and-a-pause', 4],
    ['c-burn-down-over-two-credits', 5],
    ['d-deferred-then-applied-in-yen', 2],
    ['e-point-in-time', 19],
  ])('%s', (name, balances) => {
    const { steps } = read(`../golden/${name}.json`) as { steps: Step[] };
    expect(play(steps)).toBeGreaterThanOrEqual(balances);
  });
});

describe('the auditor, where no golden scenario goes', () => {
  const account = { advertiserId: 'adv', marketplace: 'US' };
  const dollars = (amount: string) => ({ amount, currency: 'USD' });

  /** A credit of USD 100 from 1 October (SP), and clicks on it: id, day of October, cost. */
  function withClicks(...clicks: readonly [string, string, string][]): Auditor {
    const auditor = auditorWithPromotion();
    auditor.submit({
      type: 'AccountOpened',
      data: { ...account, currency: 'USD', occurredAt: '2022-06-01T00:00:00Z' },
    });
    const grant = { creditId: 'g', promotionId, product: 'SP', granted: dollars('100'), reason: 'test' };
    auditor.submit({ type: 'CreditApplied', data: { ...account, ...grant, appliedAt: '2022-10-01T00:00:00Z' } });
    for (const [clickId, day, cost] of clicks) click(auditor, clickId, day, cost);
    return auditor;
  }
  const on = (day: string) => `2022-10-${day}T12:00:00Z`;
  const click = (auditor: Auditor, clickId: string, day: string, cost: string) =>
    auditor.submit({
      type: 'ClickSpent',
      data: { ...account, clickId, campaignId: 'c', product: 'SP', cost: dollars(cost), occurredAt: on(day) },
    });
  const reverse = (auditor: Auditor, clickId: string, occurredAt: string) =>
    auditor.submit({ type: 'ClickReversed', data: { ...account, clickId, reason: 'invalid', occurredAt } });
  const revoke = (auditor: Auditor, clawback: boolean, occurredAt: string) =>
    auditor.submit({
      type: 'CreditRevoked',
      data: { ...account, creditId: 'g', reason: 'fraud', clawback, occurredAt },
    });

  it('a late click cannot spend what only a later reversal gave back', () => {
    const auditor = withClicks(['k1', '10', '100']);
    reverse(auditor, 'k1', on('20'));
    expect(click(auditor, 'late', '12', '5')).toMatchObject({ decided: { draws: [], billable: dollars('5.00') } });
    expect(click(auditor, 'next', '20', '5')).toMatchObject({
      decided: { draws: [{ creditId: 'g', amount: dollars('5.00') }], billable: dollars('0.00') },
    });
  });

  it('a clawback bills what unreversed clicks drew, and their later reversal takes it off again', () => {
    const auditor = withClicks(['k1', '10', '30'], ['k2', '11', '20']);
    reverse(auditor, 'k2', on('12'));
    expect(revoke(auditor, true, on('11'))).toEqual({ status: 'rejected', code: 'revocation-too-early' });
    expect(revoke(auditor, true, on('15'))).toMatchObject({
      decided: { amount: dollars('70.00'), clawedBack: dollars('30.00') },
    });
    expect(auditor.balance('adv', 'US', on('15'))).toMatchObject({ available: '0.00', billed: '30.00' });
    expect(reverse(auditor, 'k1', on('14'))).toEqual({ status: 'rejected', code: 'invalid-command' });
    expect(reverse(auditor, 'k1', on('15'))).toMatchObject({
      decided: { restored: [], forfeited: [], billable: dollars('30.00') },
    });
    expect(auditor.balance('adv', 'US', on('15'))).toMatchObject({ available: '0.00', billed: '0.00' });
    expect(auditor.balance('adv', 'US', on('14'))).toMatchObject({ available: '70.00', billed: '0.00' });
  });

  it('a revocation of what has ended takes what is left; of what is swept, nothing', () => {
    const ended = withClicks(['k1', '10', '30']);
    expect(revoke(ended, false, '2022-11-01T00:00:00Z')).toMatchObject({
      decided: { amount: dollars('70.00'), clawedBack: dollars('0.00') },
    });
    const swept = withClicks(['k1', '10', '30']);
    expect(swept.expire('2022-11-03T00:00:00Z')).toEqual({ expired: 1, amounts: [dollars('70.00')] });
    expect(revoke(swept, true, on('30'))).toEqual({ status: 'rejected', code: 'revocation-too-early' });
    expect(revoke(swept, true, '2022-10-31T00:00:00Z')).toMatchObject({
      decided: { amount: dollars('0.00'), clawedBack: dollars('30.00') },
    });
  });

  it('rounds half to even', () => {
    expect([5n, 15n, 25n, 14n, 16n, 20n].map((tenths) => halfEven(tenths, 10n))).toEqual([0n, 2n, 2n, 1n, 2n, 2n]);
  });

  it('reads offsets, and clocks that are put back and forward', () => {
    expect(ms('2022-11-03T09:00:00+09:00')).toBe(ms('2022-11-03T00:00:00.000Z'));
    expect(ms('2022-11-02T19:30:00-04:30')).toBe(ms('2022-11-03T00:00:00Z'));
    const inLosAngeles = (local: string) => iso(whenClockShows(ms(`${local}:00Z`), 'America/Los_Angeles'));
    expect(inLosAngeles('2022-11-06T01:30')).toBe('2022-11-06T08:30:00.000Z');
    expect(inLosAngeles('2023-03-12T02:30')).toBe('2023-03-12T10:30:00.000Z');
  });
});
