import { NestFactory } from '@nestjs/core';
import { beforeAll, afterAll, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { AppModule } from '../../src/app.module.js';
import { runDemo } from '../../src/demo/demo.js';
import { InProcessLedger } from '../../src/demo/in-process-ledger.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { derivedCreditId, promotionStream } from '../../src/kernel/identifiers.js';
import { parseInstant } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { Previews } from '../../src/promotions/preview.js';
import type { Moment } from '../../src/read-models/moment.js';
import { Queries, type RunListed } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { loadSettings } from '../../src/settings.js';
import { PROMOTION_ID, TERMS } from '../support/history.js';

const ADVERTISERS = 60;
const SILENT = { start: () => undefined, advance: () => undefined, stop: () => undefined };

describe('the demo season, previewed', () => {
  let app: INestApplicationContext;

  beforeAll(async () => {
    const settings = {
      PROMOLEDGER_STORE: 'memory:',
      PROMOLEDGER_SCHEDULER: 'off',
      PROMOLEDGER_CLOCK: '2024-01-01T00:00:00Z',
    };
    app = await NestFactory.createApplicationContext(AppModule.forSettings(loadSettings(settings)), {
      logger: ['error'],
    });
    await runDemo({
      ledger: new InProcessLedger(app),
      seed: 2022,
      advertisers: ADVERTISERS,
      out: () => undefined,
      progress: SILENT,
      store: 'memory:',
      replayCheck: () => Promise.resolve({ lines: [], equal: true }),
    });
    await app.get(ReadModels).caughtUp();
  }, 120_000);

  afterAll(() => app.close());

  /** Of the season's end, or of a moment of it. */
  const preview = async (terms: object, moment?: Moment) => {
    const at = moment ?? (await app.get(Queries).moment({}));
    const answer = await app.get(Previews).preview(at, { terms, compareWith: PROMOTION_ID }, { limit: 500 });
    if (isRefusal(answer)) throw new Error(answer.detail);
    return answer;
  };

  it('comes to what its first run did, as known when that began', async () => {
    const id = 'DisbursementRunStarted:2022-10-04';
    const started = (await app.get(EventStore).find(promotionStream(PROMOTION_ID), [id])).get(id)!;
    const asOf = parseInstant('2022-10-04T07:00:00Z')!;
    const { credits, runs } = await preview(TERMS, { asOf, known: started.position });
    const given = app.get(Queries).disbursements(await app.get(Queries).moment({}), PROMOTION_ID) as {
      readonly items: readonly RunListed[];
    };
    const october = given.items[0]!;
    expect(runs).toMatchObject([{ applied: october.applied, deferred: october.deferred }]);
    expect(october.applied).toBeGreaterThan(50);
    const ids = credits.map((credit) =>
      derivedCreditId(PROMOTION_ID, credit.advertiserId, credit.marketplace, credit.product, credit.stage),
    );
    expect(ids).toEqual(october.credits);
  });

  it('comes to the same in the end, but for those whose facts were late for their run', async () => {
    const { difference, total } = await preview(TERMS);
    const { onlyHere, onlyThere, changed, counts } = difference!;
    expect([onlyHere, onlyThere]).toEqual([[], []]);
    expect(counts.changed).toBeLessThan(total.credits / 20);
    for (const { here, there } of changed) {
      expect(here.qualifiedAt).toBe(there.qualifiedAt);
      expect(here.appliedAt < there.appliedAt).toBe(true);
    }
  });

  it('would have given more and cost more, had three weeks been asked for', async () => {
    const qualifying = { ...(TERMS['qualifying'] as object), weeks: 3, changes: 3, activeFor: 'P21D' };
    const four = await preview(TERMS);
    const three = await preview({ ...TERMS, qualifying });
    expect(three.total.credits).toBeGreaterThan(four.total.credits);
    expect(three.difference?.onlyThere).toEqual([]);
    expect(three.difference?.counts.onlyHere).toBe(three.total.credits - four.total.credits);
    for (const { granted } of three.difference!.onlyHere)
      expect(granted).toEqual({ amount: '200.00', currency: 'USD' });
  });
});
