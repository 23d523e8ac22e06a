import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ExpiryAnswer } from '../../src/accounts/expiry.js';
import type { RunAnswer } from '../../src/promotions/disbursements.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import type { Command } from '../support/auditor/facts.js';
import * as history from '../support/history.js';
import { SharedStore } from '../support/shared-store.js';

const DATE = '2022-10-04';
const credit = (product: string) => `${history.PROMOTION_ID}:adv:US:${product}`;
const grant = (creditId: string, product: string, amount: string) =>
  history.granted(creditId, 'adv', 'US', product, amount) as Command;

/** Two services on one store; an advertiser in it has qualified for two products. */
describe('two services on one store', () => {
  let store: SharedStore;
  let a: InProcessLedger;
  let b: InProcessLedger;

  beforeEach(async () => {
    store = new SharedStore();
    a = await InProcessLedger.start({ store });
    b = await InProcessLedger.start({ store });
    const facts = [
      history.published(),
      history.opened('adv', 'US', 'USD'),
      history.payable('adv', 'US'),
      history.invited('adv'),
      ...history.qualifyingCampaign('adv', 'US', 'SP'),
      ...history.qualifyingCampaign('adv', 'US', 'SD'),
    ] as Command[];
    for (const [n, fact] of facts.entries()) {
      expect(await (n % 2 ? a : b).submit(fact)).toMatchObject({ status: 'appended' });
    }
  });
  afterEach(async () => {
    await a.stop();
    await b.stop();
  });

  const run = (ledger: InProcessLedger) => ledger.disburse(history.PROMOTION_ID, DATE) as Promise<RunAnswer>;

  /** Each event of these types in the log, by its id. */
  async function recorded(...types: readonly string[]): Promise<string[]> {
    const events = await Array.fromAsync(store.readAll());
    return events.filter(({ type }) => types.includes(type)).map(({ id }) => id);
  }

  it('perform a run once that both are asked for at once', async () => {
    const [one, other] = await Promise.all([run(a), run(b)]);
    expect(one).toMatchObject({ applied: 2, deferred: 0, credits: [credit('SD'), credit('SP')] });
    expect(other).toEqual(one);
    expect(await recorded('DisbursementRunStarted', 'CreditApplied', 'DisbursementRunCompleted')).toEqual([
      `DisbursementRunStarted:${DATE}`,
      `CreditApplied:${credit('SD')}`,
      `CreditApplied:${credit('SP')}`,
      `DisbursementRunCompleted:${DATE}`,
    ]);
  });

  it('take over a run that the other has begun and not ended', async () => {
    let fails = true;
    store.beforeAppend = (_, [first]) => {
      const isSecondCredit = first?.id === `CreditApplied:${credit('SP')}`;
      return isSecondCredit && fails ? Promise.reject(new Error('the machine is gone')) : Promise.resolve();
    };
    await expect(run(a)).rejects.toThrow('the machine is gone');
    fails = false;
    const answer = await run(b);
    expect(answer).toMatchObject({ applied: 2, credits: [credit('SD'), credit('SP')] });
    expect(await run(a)).toEqual(answer);
    expect(await recorded('CreditApplied')).toHaveLength(2);
  });

  /** Grants come between, first so that both products are over the cap, then one that takes a product's place. */
  it('answer with what is recorded when they come to different deferrals', async () => {
    let byB: RunAnswer | undefined;
    const interludes: [id: string, what: () => Promise<unknown>][] = [
      [`CreditApplied:${credit('SD')}`, () => b.submit(grant('between', 'SB', '450.00'))],
      [
        `DisbursementRunCompleted:${DATE}`,
        async () => {
          expect(await a.submit(grant('late', 'SP', '100.00'))).toMatchObject({ status: 'appended' });
          byB = await run(b);
        },
      ],
    ];
    store.beforeAppend = async (_, [first]) => {
      if (first?.id !== interludes[0]?.[0]) return;
      await interludes.shift()![1]();
    };
    const byA = await run(a);
    expect(interludes).toEqual([]);
    expect(byB).toMatchObject({ applied: 0, deferrals: [{ product: 'SD', reasons: ['cap-exceeded'] }] });
    expect(byA).toEqual(byB);
    expect(await recorded('DisbursementRunCompleted')).toHaveLength(1);
  });

  it('sweep each credit once, and count what was swept once', async () => {
    await run(a);
    await b.submit(grant('by-hand', 'SB', '50.00'));
    const sweeps = await Promise.all([a, b, a].map((each) => each.expire('2022-12-01T00:00:00Z')));
    const answers = sweeps as ExpiryAnswer[];
    expect(answers.reduce((sum, { expired }) => sum + expired, 0)).toBe(3);
    expect(answers.flatMap(({ amounts }) => amounts.map(({ amount }) => amount))).toEqual(['450.00']);
    expect(await recorded('CreditExpired')).toHaveLength(3);
  });

  it('keep the cap between a run of one and a grant through the other', async () => {
    const [answer, manual] = await Promise.all([run(a), b.submit(grant('by-hand', 'SB', '400.00'))]);
    const granted = [...answer.credits.map(() => 200), ...(manual.status === 'appended' ? [400] : [])];
    expect(granted.reduce((sum, amount) => sum + amount, 0)).toBeLessThanOrEqual(600);
    expect(await recorded('CreditApplied')).toHaveLength(granted.length);
  });
});
