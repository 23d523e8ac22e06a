import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LedgerAccount } from '../../src/accounts/domain/postings.js';
import { AppModule } from '../../src/app.module.js';
import { Exports } from '../../src/audit/exports/exports.js';
import { beancountAccountName } from '../../src/audit/exports/journals.js';
import { Books } from '../../src/audit/journal.js';
import { BEHAVIOURS } from '../../src/demo/cast.js';
import { runDemo } from '../../src/demo/demo.js';
import { InProcessLedger as DemoLedger } from '../../src/demo/in-process-ledger.js';
import { EventStore } from '../../src/event-store/event-store.js';
import type { Instant } from '../../src/kernel/instant.js';
import { formatMinor } from '../../src/kernel/money.js';
import type { Moment } from '../../src/read-models/moment.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { loadSettings } from '../../src/settings.js';
import { Coverage } from '../model/coverage.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import { Player, recordRates } from '../model/player.js';
import { histories } from '../model/steps.js';
import { NOW } from '../model/world.js';
import { currencyOf } from '../support/auditor/decisions.js';
import { holding, isSwept } from '../support/auditor/credits.js';
import { factsOf, type Credit, type Log } from '../support/auditor/facts.js';
import { decimal, digitsOf, scaled } from '../support/auditor/money.js';
import { ms } from '../support/auditor/time.js';
import { BOOKKEEPERS, whyNoBookkeepers, withFile, type Bookkeeper, type Holdings } from '../support/bookkeepers.js';
import { textOf } from './transactions.js';

/** A failure names the seed and path that replay it. */
const RUNS = Number(process.env['EXPORT_RUNS'] ?? 15);

const withThem = whyNoBookkeepers() === undefined ? describe : describe.skip;

/** The journal of a moment, in a file of the program's. */
async function exported<T>(
  app: INestApplicationContext,
  { format }: Bookkeeper,
  moment: Moment,
  use: (file: string) => T,
): Promise<T> {
  const { chunks, fileName } = app.get(Exports).journal(format, moment, {});
  return withFile(fileName, await textOf(chunks), use);
}

/** Our own trial balance, its accounts called as the program calls them. */
async function trialBalance(app: INestApplicationContext, { format }: Bookkeeper, moment: Moment): Promise<Holdings> {
  const balances = await Array.fromAsync(app.get(Books).trialBalanceAll(moment));
  const named = (account: string) =>
    format === 'beancount'
      ? beancountAccountName(account.split(':').map(decodeURIComponent) as unknown as LedgerAccount)
      : account;
  return new Map(
    balances.map(({ account, currency, balanceMinor }) => [
      `${named(account)} ${currency}`,
      formatMinor(balanceMinor, currency),
    ]),
  );
}

const MOMENTS = ['2022-10-20T00:00:00.000Z', '2022-11-15T00:00:00.000Z', '2023-01-01T00:00:00.000Z'] as Instant[];

withThem('the demo ledger', () => {
  let app: INestApplicationContext;
  let head: bigint;
  beforeAll(async () => {
    const settings = loadSettings({ PROMOLEDGER_STORE: 'memory:', PROMOLEDGER_SCHEDULER: 'off' });
    app = await NestFactory.createApplicationContext(AppModule.forSettings(settings), { logger: ['error', 'warn'] });
    const fine = await runDemo({
      ledger: new DemoLedger(app),
      seed: 2022,
      advertisers: BEHAVIOURS.length,
      out: () => undefined,
      progress: { start: () => undefined, advance: () => undefined, stop: () => undefined },
      store: 'memory:',
      replayCheck: () => Promise.resolve({ lines: [], equal: true }),
    });
    expect(fine).toBe(true);
    await app.get(ReadModels).caughtUp();
    head = await app.get(EventStore).head();
  }, 120_000);
  afterAll(() => app.close());

  describe.each(BOOKKEEPERS)('in $format', (bookkeeper) => {
    it.each(MOMENTS)(
      'is read without a complaint, and its balances are ours to the last cent, as of %s',
      async (asOf) => {
        const moment = { asOf, known: head };
        const ours = await trialBalance(app, bookkeeper, moment);
        expect(ours.size).toBeGreaterThan(20);
        await exported(app, bookkeeper, moment, (file) => {
          bookkeeper.check(file);
          expect(bookkeeper.holdings(file)).toEqual(ours);
        });
      },
    );

    it("comes to the same by the program's own end dates, from one file with everything", async () => {
      const ours = await Promise.all(
        MOMENTS.map((asOf) => trialBalance(app, bookkeeper, { asOf: lastBefore(asOf), known: head })),
      );
      const everything = { asOf: '9999-12-31T23:59:59.999Z' as Instant, known: head };
      await exported(app, bookkeeper, everything, (file) => {
        expect(MOMENTS.map((asOf) => bookkeeper.holdings(file, asOf.slice(0, 10)))).toEqual(ours);
      });
    });

    it('is as known at an earlier position, too', async () => {
      const moment = { asOf: MOMENTS[2]!, known: head / 2n };
      const ours = await trialBalance(app, bookkeeper, moment);
      expect(ours).not.toEqual(await trialBalance(app, bookkeeper, { ...moment, known: head }));
      await exported(app, bookkeeper, moment, (file) => {
        bookkeeper.check(file);
        expect(bookkeeper.holdings(file)).toEqual(ours);
      });
    });
  });
});

const lastBefore = (instant: Instant): Instant => new Date(Date.parse(instant) - 1).toISOString() as Instant;

/** What the auditor says that each credit of its log still owes: until its sweep also what has lapsed. */
function owed(log: Log, at: number): Holdings {
  const left = (credit: Credit) =>
    isSwept(log, credit) && at >= credit.expiresAt ? 0n : holding(log, { ...credit, expiresAt: Infinity }, at);
  const credits = factsOf(log, 'CreditApplied').map((credit) => ({ credit, units: left(credit) }));
  return new Map(
    credits
      .filter(({ units }) => units !== 0n)
      .map(({ credit: { account, creditId }, units }) => {
        const currency = currencyOf(log, account);
        const name = [...account.split('.'), creditId].map((id) => id.replaceAll(':', '%3A')).join(':');
        return [`liabilities:credits:${name} ${currency}`, decimal(-units, currency)];
      }),
  );
}

const sumsByCurrency = (holdings: Holdings): ReadonlyMap<string, bigint> => {
  const sums = new Map<string, bigint>();
  for (const [key, amount] of holdings) {
    const currency = key.split(' ')[1]!;
    sums.set(currency, scaled(amount, digitsOf(currency)) + (sums.get(currency) ?? 0n));
  }
  return sums;
};

withThem('random histories, in hledger', () => {
  const [hledger] = BOOKKEEPERS;

  it(`add up to zero at cost, and owe what the auditor says that credits still hold, at any moment`, async () => {
    let owing = 0;
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const ledger = await InProcessLedger.start();
        try {
          const player = new Player(ledger, await recordRates(ledger), new Coverage(), history, 'x');
          await player.play();
          const { log } = player.auditor;
          const end = { position: await ledger.app.get(EventStore).head(), order: log.length };
          const cuts = [end, ...player.known.slice(-20).filter((_, index) => index % 7 === 0)];
          for (const { position, order } of cuts) {
            for (const asOf of ['2022-10-25T00:00:00.000Z', '2022-11-20T00:00:00.000Z', NOW] as Instant[]) {
              await exported(ledger.app, hledger!, { asOf, known: BigInt(position) }, (file) => {
                hledger!.check(file);
                const sums = [...sumsByCurrency(hledger!.atCost!(file)).values()];
                expect(sums.filter((sum) => sum !== 0n)).toEqual([]);
                const held = [...hledger!.holdings(file)].filter(([account]) => account.startsWith('liabilities:'));
                expect(new Map(held)).toEqual(owed(log.slice(0, order), ms(asOf)));
                owing += held.length;
              });
            }
          }
        } finally {
          await ledger.stop();
        }
      }),
      { numRuns: RUNS },
    );
    expect(owing).toBeGreaterThan(RUNS);
  }, 600_000);
});
