import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import 'reflect-metadata';
import { Accounts } from '../../src/accounts/accounts.js';
import { AppModule } from '../../src/app.module.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { Disbursements } from '../../src/promotions/disbursements.js';
import { Previews } from '../../src/promotions/preview.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { loadSettings } from '../../src/settings.js';
import type { Command } from '../support/client.js';
import { opened, payable } from '../support/history.js';
import { usd } from '../domain/account-examples.js';

const promotionId = 'codes';
const DATE = '2022-10-02';

const termsWith = (limits: object) => ({
  version: 2,
  name: 'Codes',
  timeZone: 'UTC',
  period: { start: '2022-10-01T00:00', end: '2022-11-01T00:00' },
  marketplaces: ['DE', 'US'],
  products: ['SP'],
  stages: [
    {
      id: 'redeemed',
      qualifying: { redeemed: { codes: ['AUTUMN'] } },
      award: { amount: usd('50.00') },
      disbursement: { schedule: 'daily', within: 'P2D', until: DATE },
      expiry: { after: 'P30D' },
    },
  ],
  ...limits,
});

const byHand = (advertiserId: string, marketplace: string): Command => ({
  type: 'CreditApplied',
  data: {
    creditId: 'by-hand',
    promotionId,
    advertiserId,
    marketplace,
    product: 'SP',
    granted: usd('50.00'),
    appliedAt: '2022-10-02T00:00:00Z',
    reason: 'goodwill',
  },
});

/** Both redeem their code on the first day, adv-1 first; adv-1 has an account in DE, too, that nobody may pay from. */
const KNOWN: readonly Command[] = [
  ...['adv-1', 'adv-2'].flatMap((advertiserId, index) => [
    opened(advertiserId, 'US', 'USD'),
    payable(advertiserId, 'US'),
    {
      type: 'CodeRedeemed',
      data: { promotionId, advertiserId, code: 'AUTUMN', occurredAt: `2022-10-01T1${index}:00:00Z` },
    },
  ]),
  opened('adv-1', 'DE', 'USD'),
  opened('adv-3', 'US', 'USD'),
];

const FIRST = `${promotionId}:adv-1:US:SP:redeemed`;
const SECOND = `${promotionId}:adv-2:US:SP:redeemed`;

/** Terms, a grant after the first of two credits (or before both), and which of the run are given then. */
const CASES: readonly (readonly [string, object, number, Command, readonly string[]])[] = [
  ['a budget', { caps: { budget: usd('100.00') } }, 1, byHand('adv-3', 'US'), [FIRST]],
  ['redemptions', { caps: { redemptions: 2 } }, 1, byHand('adv-3', 'US'), [FIRST]],
  ['a cap per advertiser', { caps: { perAdvertiser: usd('80.00') } }, 0, byHand('adv-1', 'DE'), [SECOND]],
  ['once per advertiser', { oncePer: 'advertiser' }, 0, byHand('adv-1', 'DE'), [SECOND]],
  ['a cap in the account', { caps: { perMarketplace: usd('80.00') } }, 0, byHand('adv-1', 'US'), [SECOND]],
  ['nothing', {}, 1, byHand('adv-3', 'US'), [FIRST, SECOND]],
];

describe('a grant by hand after a run has begun', () => {
  let app: INestApplicationContext;

  beforeEach(async () => {
    const settings = {
      PROMOLEDGER_STORE: 'memory:',
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_CLOCK: '2022-12-01T00:00:00Z',
    };
    app = await NestFactory.createApplicationContext(AppModule.forSettings(loadSettings(settings)), {
      logger: ['error', 'warn'],
    });
  });

  afterEach(() => app.close());

  async function submit(commands: readonly Command[]): Promise<void> {
    const results = await app.get(CommandGateway).submit(commands);
    expect(results.map((result) => (result.status === 'rejected' ? result : result.status))).toEqual(
      commands.map(() => 'appended'),
    );
  }

  /** Before the credit of that number, counted from 0, the grant is recorded, and the process ends. */
  function endBefore(number: number, grant: Command): void {
    const accounts = app.get(Accounts);
    const apply = accounts.applyRunCredit.bind(accounts);
    let credits = 0;
    accounts.applyRunCredit = async (command) => {
      if (credits++ < number) return apply(command);
      await submit([grant]);
      accounts.applyRunCredit = apply;
      throw new Error('the process ended');
    };
  }

  async function credits(): Promise<readonly string[]> {
    const done = await app.get(Disbursements).perform(promotionId, DATE);
    if (isRefusal(done)) throw new Error(done.detail);
    return done.credits;
  }

  it.each(CASES)('counts when the run is resumed: %s', async (_, limits, number, grant, given) => {
    await submit([{ type: 'PromotionPublished', data: { promotionId, terms: termsWith(limits) } }, ...KNOWN]);
    endBefore(number, grant);
    await expect(credits()).rejects.toThrow('the process ended');
    expect(await credits()).toEqual(given);
  });

  it.each(CASES.filter(([, , number]) => number === 1))(
    'counts for the credits after it: %s',
    async (_, limits, _number, grant, given) => {
      await submit([{ type: 'PromotionPublished', data: { promotionId, terms: termsWith(limits) } }, ...KNOWN]);
      const accounts = app.get(Accounts);
      const apply = accounts.applyRunCredit.bind(accounts);
      accounts.applyRunCredit = async (command) => {
        accounts.applyRunCredit = apply;
        const applied = await apply(command);
        await submit([grant]);
        return applied;
      };
      expect(await credits()).toEqual(given);
    },
  );

  it.each([
    // It says that it is as old as the run, but no run knew of it.
    ['not, when it came after', '150.00', '100.00', '2022-10-02T00:00:00Z', false, [FIRST, SECOND]],
    ['when it came before, though it is applied later', '100.00', '100.00', '2022-10-20T00:00:00Z', true, [FIRST]],
  ])('counts in a preview as it did in the run: %s', async (_, had, asked, appliedAt, isBefore, given) => {
    const terms = (budget: string) => termsWith({ caps: { budget: usd(budget) } });
    const { type, data } = byHand('adv-3', 'US');
    const grant = { type, data: { ...data, appliedAt } };
    await submit([{ type: 'PromotionPublished', data: { promotionId, terms: terms(had) } }, ...KNOWN]);
    if (isBefore) await submit([grant]);
    expect(await credits()).toEqual(given);
    if (!isBefore) await submit([grant]);

    await app.get(ReadModels).caughtUp();
    const moment = await app.get(Queries).moment({});
    const wanted = { terms: terms(asked), compareWith: promotionId };
    const preview = await app.get(Previews).preview(moment, wanted, { limit: 10 });
    expect(preview).toMatchObject({
      total: { credits: given.length },
      difference: { counts: { onlyHere: 0, onlyThere: 0 } },
    });
  });
});
