import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import 'reflect-metadata';
import { AppModule } from '../../src/app.module.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { isRefusal, type Refusal } from '../../src/kernel/refusal.js';
import { Disbursements } from '../../src/promotions/disbursements.js';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import { Previews, type Preview } from '../../src/promotions/preview.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { loadSettings } from '../../src/settings.js';
import type { Command } from '../support/client.js';
import { history, OTHER, OTHER_TERMS, PROMOTION, terms } from './histories.js';

const NOW = '2022-12-01T00:00:00Z';
const RUNS = Number(process.env['RUNS_HISTORIES'] ?? 50);

async function withLedger<T>(
  commands: readonly Command[],
  use: (app: INestApplicationContext) => Promise<T>,
): Promise<T> {
  const settings = { PROMOLEDGER_STORE: 'memory:', PROMOLEDGER_SCHEDULER: 'off', PROMOLEDGER_CLOCK: NOW };
  const app = await NestFactory.createApplicationContext(AppModule.forSettings(loadSettings(settings)), {
    logger: ['error', 'warn'],
  });
  try {
    await app.get(CommandGateway).submit(commands);
    await app.get(ReadModels).caughtUp();
    return await use(app);
  } finally {
    await app.close();
  }
}

function unlessRefused<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`${answer.refused}: ${answer.detail}`);
  return answer;
}

/** What the runs did, and the credits there are. */
async function outcome(app: INestApplicationContext) {
  await app.get(ReadModels).caughtUp();
  const moment = await app.get(Queries).moment({});
  const { items } = unlessRefused(app.get(Queries).disbursements(moment, PROMOTION));
  return { items, credits: app.get(ReadModels).accounts.creditsOfPromotion(PROMOTION, moment.known) };
}

async function preview(app: INestApplicationContext, document: object): Promise<Preview> {
  const moment = await app.get(Queries).moment({});
  const asked = { terms: document, compareWith: PROMOTION };
  return unlessRefused(await app.get(Previews).preview(moment, asked, { limit: 500 }));
}

const valid = terms.filter((document) => 'terms' in parseTerms(document));
const published = (document: object): Command[] => [
  { type: 'PromotionPublished', data: { promotionId: OTHER, terms: OTHER_TERMS } },
  { type: 'PromotionPublished', data: { promotionId: PROMOTION, terms: document } },
];

describe('the runs of random histories', () => {
  it(`are the same in one go, one by one, and previewed before and after`, async () => {
    let given = 0;
    let deferred = 0;
    let leftOut = 0;
    await fc.assert(
      fc.asyncProperty(valid, history, async (document, facts) => {
        const commands = [...published(document), ...facts];
        const oneByOne = await withLedger(commands, async (app) => {
          const { items } = await outcome(app);
          for (const { date } of items) unlessRefused(await app.get(Disbursements).perform(PROMOTION, date));
          return outcome(app);
        });
        await withLedger(commands, async (app) => {
          const head = await app.get(EventStore).head();
          const before = await preview(app, document);
          expect(await app.get(EventStore).head()).toBe(head);
          await app.get(Disbursements).performDue(PROMOTION);
          const atOnce = await outcome(app);
          expect(atOnce).toEqual(oneByOne);

          const after = await preview(app, document);
          expect(after.difference).toEqual({
            onlyHere: [],
            onlyThere: [],
            changed: [],
            counts: { onlyHere: 0, onlyThere: 0, changed: 0 },
            cost: [],
          });
          const { moment: _moment, difference: _difference, ...would } = before;
          expect(after).toMatchObject(would);
          expect(after.runs).toEqual(
            atOnce.items.map(({ date, runAt, applied, deferred: put }) => ({ date, runAt, applied, deferred: put })),
          );
          given += after.total.credits;
          deferred += atOnce.items.reduce((sum, run) => sum + run.deferred, 0);
          leftOut += atOnce.items.reduce((sum, run) => sum + run.leftOut.length, 0);
        });
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    // Histories in which nothing happens would show nothing.
    expect([given, deferred, leftOut].map((count) => count > 0)).toEqual([true, true, true]);
  }, 120_000);
});
