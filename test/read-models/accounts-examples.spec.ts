import { describe, expect, it } from '@jest/globals';
import type { ClickSpent } from '../../src/accounts/domain/events.js';
import { isRefusal, type Refusal } from '../../src/kernel/refusal.js';
import type { ExplainedClick } from '../../src/read-models/click-explanation.js';
import { ACCOUNT, AccountHistory, at, eur } from './account-history.js';

const END = at('2023-06-01T00:00:00Z');
const opened = () => new AccountHistory(at('2022-06-01T09:00:00Z'));
const SP = {
  creditId: 'SP',
  appliedMinor: 20483,
  appliedAt: at('2022-10-04T07:00:00Z'),
  expiresAt: at('2022-11-03T07:00:00Z'),
  sweepableAt: at('2022-11-06T07:00:00Z'),
};
const SB = {
  creditId: 'SB',
  appliedMinor: 20173,
  appliedAt: at('2022-11-01T07:00:00Z'),
  expiresAt: at('2022-12-01T08:00:00Z'),
  sweepableAt: at('2022-12-04T08:00:00Z'),
};

/** The burn-down over two credits of the golden scenario c. */
function burnDown() {
  const history = opened();
  history.give(SP);
  history.click('k-1', 10000, at('2022-10-10T08:00:00Z'));
  history.click('k-2', 5000, at('2022-10-20T08:00:00Z'));
  history.give(SB);
  history.click('k-3', 8000, at('2022-11-02T12:00:00Z'));
  history.click('k-4', 1000, at('2022-10-15T08:00:00Z'));
  history.reverse('k-2', at('2022-11-02T18:00:00Z'));
  history.click('k-5', 2000, at('2022-11-02T20:00:00Z'));
  history.click('k-6', 1250, at('2022-11-03T06:00:00Z'));
  history.reverse('k-1', at('2022-11-04T08:00:00Z'));
  const beforeSweep = history.head;
  history.sweep(at('2022-11-06T07:00:00Z'));
  history.click('k-7', 500, at('2022-11-02T21:00:00Z'));
  history.click('k-8', 500, at('2022-10-30T08:00:00Z'));
  history.reverse('k-3', at('2022-11-03T00:00:00Z'));
  history.click('k-9', 25000, at('2022-11-10T08:00:00Z'));
  history.sweep(at('2022-12-04T08:00:00Z'));
  return { history, beforeSweep };
}

const explained = (answer: ExplainedClick | Refusal): ExplainedClick => {
  if (isRefusal(answer)) throw new Error(answer.detail);
  return answer;
};

describe('a burn-down over two credits', () => {
  const { history, beforeSweep } = burnDown();
  const summary = (asOf: string, known?: bigint) => {
    const { available, billed, credits } = history.balance(at(asOf), known);
    return { available, billed, credits: credits.map((c) => `${c.creditId} ${c.status} ${c.remaining} ${c.drawn}`) };
  };

  it('has its balance at every moment', () => {
    expect(summary('2022-06-01T00:00:00Z')).toEqual({ available: '0.00', billed: '0.00', credits: [] });
    expect(summary('2022-10-04T07:00:00Z')).toEqual({
      available: '204.83',
      billed: '0.00',
      credits: ['SP active 204.83 0.00'],
    });
    expect(summary('2022-11-01T07:00:00Z', 9n)).toEqual({
      available: '256.56',
      billed: '0.00',
      credits: ['SP active 54.83 150.00', 'SB active 201.73 0.00'],
    });
    expect(summary('2022-11-03T06:59:59.999Z', beforeSweep).available).toBe('194.06');
    expect(summary('2022-11-03T07:00:00Z', beforeSweep)).toEqual({
      available: '176.56',
      billed: '10.00',
      credits: ['SP expired 0.00 187.33', 'SB active 176.56 25.17'],
    });
    expect(summary('2022-11-10T08:00:00Z')).toEqual({
      available: '0.00',
      billed: '68.27',
      credits: ['SP expired 0.00 32.50', 'SB exhausted 0.00 201.73'],
    });
  });

  it('has the statement that was worked out by hand', () => {
    const lines = history.statement(END).items.map((line) => {
      const { effectiveAt, kind, creditId, clickId, amount, billable, balance } = line;
      return [effectiveAt.slice(5, 16), kind, creditId ?? clickId, amount, billable, balance].join(' ');
    });
    expect(lines).toEqual([
      '10-04T07:00 credit-applied SP 204.83 0.00 204.83',
      '10-10T08:00 click k-1 -100.00 0.00 104.83',
      '10-15T08:00 click k-4 0.00 10.00 104.83',
      '10-20T08:00 click k-2 -50.00 0.00 54.83',
      '10-30T08:00 click k-8 0.00 5.00 54.83',
      '11-01T07:00 credit-applied SB 201.73 0.00 256.56',
      '11-02T12:00 click k-3 -80.00 0.00 176.56',
      '11-02T18:00 click-reversed k-2 50.00 0.00 226.56',
      '11-02T20:00 click k-5 -20.00 0.00 206.56',
      '11-02T21:00 click k-7 -5.00 0.00 201.56',
      '11-03T00:00 click-reversed k-3 25.17 0.00 226.73',
      '11-03T06:00 click k-6 -12.50 0.00 214.23',
      '11-03T07:00 credit-expired SP -17.50 0.00 196.73',
      '11-04T08:00 click-reversed k-1 0.00 0.00 196.73',
      '11-10T08:00 click k-9 -196.73 53.27 0.00',
    ]);
  });

  it('gives the lapse the position of its sweep once that is known', () => {
    const lapse = (known: bigint) =>
      history.statement(END, known).items.find((line) => line.kind === 'credit-expired' && line.creditId === 'SP');
    const sweep = history.events.find((event) => event.type === 'CreditExpired')!;
    expect(lapse(beforeSweep)).toMatchObject({ position: null, recordedAt: null, amount: '-17.50' });
    expect(lapse(history.head)).toMatchObject({
      position: String(sweep.position),
      recordedAt: sweep.recordedAt,
      amount: '-17.50',
    });
  });

  it('shows what its clicks drew on: one credit, several or none', () => {
    const { items } = history.statement(END);
    for (const { type, data } of history.events) {
      if (type !== 'ClickSpent') continue;
      const { clickId, draws } = data as ClickSpent['data'];
      const line = items.find((each) => each.kind === 'click' && each.clickId === clickId);
      expect(line?.draws).toEqual(draws.map(({ creditId, amount }) => ({ creditId, amount: amount.amount })));
      expect(line).not.toHaveProperty('creditId');
    }
    const drawsOf = (clickId: string) => items.find((line) => line.clickId === clickId)?.draws;
    expect(drawsOf('k-3')).toHaveLength(2);
    expect(drawsOf('k-4')).toEqual([]);
  });

  it('explains its clicks', async () => {
    const outcomes = async (clickId: string) =>
      explained(await history.explain(clickId, END)).credits.map((credit) => `${credit.creditId} ${credit.outcome}`);
    expect(await outcomes('k-1')).toEqual(['SP drawn', 'SB not-yet-applied']);
    expect(await outcomes('k-3')).toEqual(['SP drawn', 'SB drawn']);
    expect(await outcomes('k-4')).toEqual(['SP exhausted', 'SB not-yet-applied']);
    expect(await outcomes('k-5')).toEqual(['SP drawn', 'SB not-needed']);
    expect(await outcomes('k-7')).toEqual(['SP expired', 'SB drawn']);
    expect(await outcomes('k-8')).toEqual(['SP expired', 'SB not-yet-applied']);
    expect(explained(await history.explain('k-3', END))).toEqual({
      clickId: 'k-3',
      campaignId: 'campaign',
      product: 'SP',
      cost: eur(8000),
      occurredAt: at('2022-11-02T12:00:00Z'),
      draws: [
        { creditId: 'SP', amount: eur(5483) },
        { creditId: 'SB', amount: eur(2517) },
      ],
      billable: eur(0),
      reversed: {
        occurredAt: at('2022-11-03T00:00:00Z'),
        reason: 'invalid traffic',
        restored: [{ creditId: 'SB', amount: eur(2517) }],
        forfeited: [{ creditId: 'SP', amount: eur(5483) }],
        billable: eur(0),
      },
      credits: [
        { creditId: 'SP', outcome: 'drawn', drawn: eur(5483) },
        { creditId: 'SB', outcome: 'drawn', drawn: eur(2517) },
      ],
    });
  });

  it('shows of a click only what had happened and was known', async () => {
    const k3 = history.events.find((event) => event.id === 'ClickSpent:k-3')!;
    expect(await history.explain('k-3', at('2022-11-02T11:59:59.999Z'))).toMatchObject({ refused: 'unknown-click' });
    expect(await history.explain('k-3', END, k3.position - 1n)).toMatchObject({ refused: 'unknown-click' });
    expect(await history.explain('k-33', END)).toMatchObject({ refused: 'unknown-click' });
    expect(await history.explain('k-3', END, 0n)).toMatchObject({ refused: 'unknown-account' });
    expect(explained(await history.explain('k-3', END, k3.position)).reversed).toBeNull();
    expect(explained(await history.explain('k-3', at('2022-11-02T23:59:59.999Z'))).reversed).toBeNull();
    const [first] = explained(await history.explain('k-1', END, 3n + 2n)).credits;
    expect(first).toMatchObject({ creditId: 'SP', outcome: 'drawn' });
  });
});

it('answers one question at several moments', () => {
  const history = opened();
  history.give(SP);
  const ka = (history.click('a', 4000, at('2022-10-10T08:00:00Z')), history.head);
  const kb = (history.click('b', 3000, at('2022-10-25T08:00:00Z')), history.head);
  const kc = (history.click('c', 2000, at('2022-10-12T08:00:00Z')), history.head);
  const reversal = (history.reverse('a', at('2022-10-28T08:00:00Z')), history.head);
  const row = (asOf: string) => [ka, kb, kc, reversal].map((known) => history.balance(at(asOf), known).available);
  expect(row('2022-10-11T00:00:00Z')).toEqual(['164.83', '164.83', '164.83', '164.83']);
  expect(row('2022-10-13T00:00:00Z')).toEqual(['164.83', '164.83', '144.83', '144.83']);
  expect(row('2022-10-26T00:00:00Z')).toEqual(['164.83', '134.83', '114.83', '114.83']);
  expect(row('2022-10-29T00:00:00Z')).toEqual(['164.83', '134.83', '114.83', '154.83']);
  expect(row('2022-11-03T07:00:00Z')).toEqual(['0.00', '0.00', '0.00', '0.00']);
});

it('says that a credit does not cover a click, by its product or by its kind of spend', async () => {
  const history = opened();
  history.give({ ...SP, creditId: 'SB-only', appliesTo: ['SB'] });
  history.give({ ...SP, creditId: 'impressions-only', spendKinds: ['impressions'] });
  history.give({ ...SP, creditId: 'clicks-only', spendKinds: ['clicks'] });
  history.click('k-1', 100, at('2022-10-10T08:00:00Z'));
  const { credits } = explained(await history.explain('k-1', END));
  expect(credits.map(({ creditId, outcome }) => `${creditId} ${outcome}`)).toEqual([
    'SB-only product-not-covered',
    'clicks-only drawn',
    'impressions-only product-not-covered',
  ]);
});

it('holds a credit against the instant at which it was due, where it says so', () => {
  const history = opened();
  // By the promotion's terms it would be due 30 days after qualifying.
  const qualifiedAt = at('2022-10-04T06:00:00Z');
  history.give({ ...SP, creditId: 'late', qualifiedAt, dueBy: at('2022-10-04T06:59:59.999Z') });
  history.give({ ...SP, creditId: 'timely', qualifiedAt, dueBy: at('2022-10-04T07:00:00Z') });
  expect(history.balance(END).credits.map(({ creditId, withinSla }) => [creditId, withinSla])).toEqual([
    ['late', false],
    ['timely', true],
  ]);
});

describe('a revocation', () => {
  it('takes what is left, and with a clawback bills what was drawn', async () => {
    const history = opened();
    history.give({ ...SP, qualifiedAt: at('2022-09-04T07:00:00Z') });
    history.click('k-1', 10000, at('2022-10-10T08:00:00Z'));
    history.revoke('SP', at('2022-10-12T00:00:00Z'), true);
    history.click('late', 100, at('2022-10-11T00:00:00Z'));
    history.reverse('k-1', at('2022-10-13T00:00:00Z'));
    expect(history.balance(at('2022-10-12T12:00:00Z'))).toMatchObject({
      available: '0.00',
      billed: '101.00',
      credits: [{ status: 'revoked', remaining: '0.00', drawn: '100.00', withinSla: true }],
    });
    expect(history.balance(END)).toMatchObject({ billed: '1.00', credits: [{ status: 'revoked', drawn: '0.00' }] });
    const lines = history
      .statement(END)
      .items.map((line) => `${line.kind} ${line.amount} ${line.billable} ${line.balance}`);
    expect(lines).toEqual([
      'credit-applied 204.83 0.00 204.83',
      'click -100.00 0.00 104.83',
      'click 0.00 1.00 104.83',
      'credit-revoked -104.83 100.00 0.00',
      'click-reversed 0.00 -100.00 0.00',
    ]);
    expect(explained(await history.explain('late', END)).credits).toMatchObject([
      { outcome: 'revoked', drawn: eur(0) },
    ]);
  });

  it('of a credit that has ended leaves the lapse where it was', () => {
    const history = opened();
    history.give({ ...SP, qualifiedAt: at('2022-09-04T06:59:59.999Z') });
    const before = history.head;
    history.revoke('SP', at('2022-11-04T00:00:00Z'), false);
    const lines = (known?: bigint) =>
      history.statement(END, known).items.map((line) => `${line.kind} ${line.position} ${line.amount} ${line.balance}`);
    expect(lines(before)).toEqual(['credit-applied 3 204.83 204.83', 'credit-expired null -204.83 0.00']);
    expect(lines()).toEqual([...lines(before), 'credit-revoked 5 0.00 0.00']);
    expect(history.balance(at('2022-11-03T12:00:00Z')).credits).toMatchObject([
      { status: 'expired', withinSla: false },
    ]);
    expect(history.balance(END).credits).toMatchObject([{ status: 'revoked', remaining: '0.00' }]);
  });
});

it('keeps sums exact beyond 64 bits', () => {
  const history = opened();
  const clicks = 9500;
  for (let i = 0; i < clicks; i += 1) history.click(`k-${i}`, 1e15, at('2022-10-10T08:00:00Z'));
  expect(history.balance(END).billed).toBe('95000000000000000.00');
  expect(BigInt(clicks) * 10n ** 15n > 2n ** 63n).toBe(true);
});

describe('standing and payment', () => {
  it('are what the latest fact by then says, of two at one time the one recorded later', () => {
    const history = opened();
    const standing = (value: 'good' | 'suspended', occurredAt: string) =>
      history.record({
        type: 'AccountStandingChanged',
        data: { ...ACCOUNT, standing: value, occurredAt: at(occurredAt) },
      });
    const state = (asOf: string, known = history.head) => {
      const account = history.queries.accountAt(ACCOUNT.advertiserId, ACCOUNT.marketplace, { asOf: at(asOf), known });
      return account && `${account.open} ${account.standing} ${account.paymentValid}`;
    };
    standing('suspended', '2022-07-10T00:00:00Z');
    standing('good', '2022-07-05T00:00:00Z');
    standing('good', '2022-07-10T00:00:00Z');
    const occurredAt = at('2022-07-01T00:00:00Z');
    history.record({ type: 'PaymentMethodChanged', data: { ...ACCOUNT, valid: true, occurredAt } });
    expect(state('2022-07-10T00:00:00Z', 0n)).toBeUndefined();
    expect(state('2022-05-31T00:00:00Z')).toBe('false good false');
    expect(state('2022-06-02T00:00:00Z')).toBe('true good false');
    expect(state('2022-07-10T00:00:00Z', 5n)).toBe('true suspended false');
    expect(state('2022-07-09T00:00:00Z', 5n)).toBe('true good false');
    expect(state('2022-07-10T00:00:00Z')).toBe('true good true');
  });
});

describe('lists of accounts', () => {
  const history = opened();
  const open = (advertiserId: string, marketplace: string, occurredAt = '2022-06-01T00:00:00Z') =>
    history.record({
      type: 'AccountOpened',
      data: { advertiserId, marketplace, currency: 'EUR', occurredAt: at(occurredAt) },
    });
  open('b', 'DE');
  open('a', 'FR');
  open('a', 'DE');
  open('B', 'DE');
  open('late', 'DE', '2022-12-24T00:00:00Z');
  const known = history.head;
  history.give(SP);
  const moment = { asOf: at('2022-10-05T00:00:00Z'), known: history.head };
  const list = (filter: object, limit = 100, cursor?: string, when = moment) => {
    const page = history.queries.accounts(when, filter, cursor === undefined ? { limit } : { limit, cursor });
    if (isRefusal(page)) throw new Error(JSON.stringify(page));
    return { ...page, keys: page.items.map(({ advertiserId, marketplace }) => `${advertiserId}.${marketplace}`) };
  };

  it('hold the open ones in order, filtered', () => {
    expect(list({}).keys).toEqual(['B.DE', 'a.DE', 'a.FR', 'adv.DE', 'b.DE']);
    expect(list({ marketplace: 'DE' }).keys).toEqual(['B.DE', 'a.DE', 'adv.DE', 'b.DE']);
    expect(list({ advertiserId: 'a' }).keys).toEqual(['a.DE', 'a.FR']);
    expect(list({ advertiserId: 'a', marketplace: 'FR' }).keys).toEqual(['a.FR']);
    expect(list({ advertiserId: 'adv' }).items).toEqual([
      { ...ACCOUNT, currency: 'EUR', standing: 'good', available: eur(20483) },
    ]);
    expect(list({ advertiserId: 'adv' }, 1, undefined, { ...moment, known }).items).toMatchObject([
      { available: eur(0) },
    ]);
  });

  it('come in pages of the first one’s moment', () => {
    const first = list({}, 2);
    open('aa', 'DE');
    const second = list({}, 2, first.next!, { asOf: END, known: history.head });
    const third = list({}, 2, second.next!, { asOf: END, known: history.head });
    expect([first.keys, second.keys, third.keys]).toEqual([['B.DE', 'a.DE'], ['a.FR', 'adv.DE'], ['b.DE']]);
    expect(third).toMatchObject({ next: null, moment });
  });

  it('refuse a cursor that is not theirs', () => {
    const statementCursor = history.statement(END, history.head, {}, { limit: 1 }).next!;
    for (const cursor of ['', 'x', '!', Buffer.from('["accounts"]').toString('base64url'), statementCursor]) {
      expect(history.queries.accounts(moment, {}, { limit: 1, cursor })).toMatchObject({
        refused: 'invalid-command',
        errors: [{ path: '/cursor' }],
      });
    }
  });

  it('are walked over whole, and those with a credit due for its sweep once each', () => {
    const many = opened();
    const names = Array.from({ length: 1100 }, (_, index) => `many-${String(index).padStart(4, '0')}`);
    const before = many.head;
    for (const advertiserId of names) {
      const data = { advertiserId, marketplace: 'DE', currency: 'EUR', occurredAt: at('2022-06-01T09:00:00Z') };
      many.record({ type: 'AccountOpened', data });
      for (const creditId of ['SP', 'SP 2'])
        many.give({ ...SP, creditId: `${creditId} ${advertiserId}` }, advertiserId);
    }
    const advertisers = (keys: Iterable<{ advertiserId: string }>) => [...keys].map(({ advertiserId }) => advertiserId);
    expect(advertisers(many.queries.allAccounts(many.head))).toEqual(['adv', ...names]);
    expect(advertisers(many.queries.allAccounts(before))).toEqual(['adv']);
    expect(advertisers(many.queries.sweepable(at('2022-11-06T06:59:59.999Z')))).toEqual([]);
    expect(advertisers(many.queries.sweepable(SP.sweepableAt))).toEqual(names);
  });

  it('with a due credit are listed until it is swept or revoked', () => {
    const one = opened();
    one.give(SP);
    one.give({ ...SP, creditId: 'SP 2' });
    one.revoke('SP', at('2022-10-20T00:00:00Z'), false);
    expect([...one.queries.sweepable(SP.sweepableAt)]).toEqual([ACCOUNT]);
    one.sweep(SP.sweepableAt);
    expect([...one.queries.sweepable(SP.sweepableAt)]).toEqual([]);
  });
});
