import { setImmediate } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import 'reflect-metadata';
import { AppModule } from '../../src/app.module.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { convert } from '../../src/fx/domain/conversion.js';
import { derivedCreditId, promotionStream } from '../../src/kernel/identifiers.js';
import { isRefusal, type Refusal } from '../../src/kernel/refusal.js';
import { Claims } from '../../src/promotions/claims.js';
import { Disbursements } from '../../src/promotions/disbursements.js';
import { calendarOf } from '../../src/promotions/domain/calendar.js';
import type { PlannedRun } from '../../src/promotions/domain/events.js';
import { givenBy } from '../../src/promotions/domain/limits.js';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import { decideRun } from '../../src/promotions/domain/run.js';
import type { PromotionTerms } from '../../src/promotions/domain/terms.js';
import { Previews, type Preview } from '../../src/promotions/preview.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { loadSettings } from '../../src/settings.js';
import type { Command } from '../support/client.js';
import { history, OTHER, OTHER_TERMS, PROMOTION, terms } from './histories.js';

const NOW = '2022-12-01T00:00:00Z';
/** A failure names the seed and path that replay it. */
const RUNS = Number(process.env['RUNS_HISTORIES'] ?? 40);
/** As many again are drawn while something has never happened in them, so often at most. */
const MOST_DRAWS = 8;

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
    const happened = { given: 0, deferred: 0, leftOut: 0 };
    const hasAllHappened = () => Object.values(happened).every((count) => count > 0);
    const property = fc.asyncProperty(valid, history, async (document, facts) => {
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
        happened.given += after.total.credits;
        happened.deferred += atOnce.items.reduce((sum, run) => sum + run.deferred, 0);
        happened.leftOut += atOnce.items.reduce((sum, run) => sum + run.leftOut.length, 0);
      });
    });
    // Histories in which nothing happens would show nothing.
    for (let draw = 0; draw < MOST_DRAWS && !hasAllHappened(); draw += 1) {
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    }
    expect(hasAllHappened()).toBe(true);
  }, 120_000);

  it('are decided by what was recorded when each began, whatever is recorded meanwhile', async () => {
    let between = 0;
    await fc.assert(
      fc.asyncProperty(valid, history, async (document, facts) => {
        const isLate = ({ type }: Command, index: number) => type !== 'CreditApplied' && index > facts.length - 25;
        await withLedger(
          [...published(document), ...facts.filter((each, index) => !isLate(each, index))],
          async (app) => {
            const done = app.get(Disbursements).performDue(PROMOTION);
            for (const fact of facts.filter(isLate)) {
              await setImmediate();
              await app.get(CommandGateway).submit([fact]);
            }
            await done;
            const { items } = await outcome(app);
            between += await recordedBetween(app, items[0]!.date, items.at(-1)!.date);
            for (const run of items) {
              const started = await startOf(app, run.date);
              const { credits, deferrals } = await decidedAlone(app, document, run, started);
              expect([run.date, run.credits, run.deferrals]).toEqual([run.date, credits, deferrals]);
            }
          },
        );
      }),
      { numRuns: RUNS / 2, endOnFailure: true },
    );
    expect(between).toBeGreaterThan(0);
  }, 120_000);
});

async function startOf(app: INestApplicationContext, date: string): Promise<bigint> {
  const id = `DisbursementRunStarted:${date}`;
  const recorded = (await app.get(EventStore).find(promotionStream(PROMOTION), [id])).get(id);
  if (!recorded) throw new Error(`${id} is not recorded`);
  return recorded.position;
}

/** How many facts were recorded between the begins of two runs, besides what the runs made themselves. */
async function recordedBetween(app: INestApplicationContext, first: string, last: string): Promise<number> {
  const [after, end] = [await startOf(app, first), await startOf(app, last)];
  let count = 0;
  for await (const { type, position } of app.get(EventStore).readAll({ after })) {
    if (position < end && !/^(Disbursement|CreditApplied)/.test(type)) count += 1;
  }
  return count;
}

/** What a run would decide if it were the only one, and had been asked for at `known`. */
async function decidedAlone(app: INestApplicationContext, document: object, run: PlannedRun, known: bigint) {
  const models = app.get(ReadModels);
  const terms = document as PromotionTerms;
  const rules = rulesOf(terms);
  const calendar = calendarOf(terms);
  const planned = calendar.runs.find(({ date }) => date === run.date)!;
  const offered = { promotionId: PROMOTION, rules, calendar, terminatedAt: null };
  const decisions = decideRun(rules, planned, {
    claims: await new Claims(models, offered, run.runAt).at(planned, known),
    given: models.accounts.creditsOfPromotion(PROMOTION, known).map(givenBy),
    accountOf: ({ advertiserId, marketplace }) =>
      models.accounts.openAccount(advertiserId, marketplace, { asOf: run.runAt, known }),
    convert: (award, currency) => convert(models.rates.book(known), award, currency, run.runAt, rules.fxMaxAge),
  });
  const credits = decisions.flatMap(({ claim, ...decided }) =>
    'applied' in decided
      ? [derivedCreditId(PROMOTION, claim.advertiserId, claim.marketplace, claim.product, claim.stage.id)]
      : [],
  );
  const deferrals = decisions.flatMap(({ claim, ...decided }) => {
    const { advertiserId, marketplace, product, stage } = claim;
    return 'deferred' in decided
      ? [{ advertiserId, marketplace, product, stage: stage.id, reasons: decided.deferred }]
      : [];
  });
  return { credits, deferrals };
}
