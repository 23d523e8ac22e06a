import 'reflect-metadata';
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { eventSchemas, SCHEMAS_FOLDER } from '../scripts/event-schemas.js';
import { ExpiryRuns } from '../src/accounts/expiry.js';
import { AppModule } from '../src/app.module.js';
import { Periods } from '../src/audit/periods.js';
import { Checkpoints } from '../src/audit/seals/checkpoints.js';
import { CommandGateway } from '../src/commands/gateway.js';
import { EventStore } from '../src/event-store/event-store.js';
import { parseInstant } from '../src/kernel/instant.js';
import { Disbursements } from '../src/promotions/disbursements.js';
import { loadSettings } from '../src/settings.js';
import { fixturesOf, PROJECTIONS } from './projections/folds.js';
import type { Command } from './support/client.js';
import * as history from './support/history.js';

interface Event {
  readonly type: string;
  readonly data: object;
  /** `<Type>.v<version>`. */
  readonly contract: string;
}

const committed = new Map(
  readdirSync(SCHEMAS_FOLDER).map((name) => [name, readFileSync(SCHEMAS_FOLDER + name, 'utf8')] as const),
);

// Instants are stored canonical: any other way of writing one is a fault.
const ajv = new Ajv2020({ strict: true, formats: { 'date-time': (text: string) => parseInstant(text) === text } });
const validators = new Map<string, ValidateFunction>(
  [...committed].map(([name, text]) => [name.replace(/\.json$/, ''), ajv.compile(JSON.parse(text) as object)]),
);

/** What of an event its contract does not allow. */
function faultsIn({ type, data, contract }: Event): string[] {
  const validate = validators.get(contract);
  if (!validate) return [`no contract ${contract}`];
  return validate({ type, data })
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const CLOCK = '2022-12-31T12:00:00Z';
const DE = { advertiserId: 'adv-1', marketplace: 'DE' };
const SP_CREDIT = `${history.PROMOTION_ID}:adv-1:DE:SP`;
const click = (clickId: string, amount: string, occurredAt: string): Command => ({
  type: 'ClickSpent',
  data: { ...DE, clickId, campaignId: 'c-1', product: 'SP', cost: { amount, currency: 'EUR' }, occurredAt },
});
const reversed = (clickId: string, occurredAt: string): Command => ({
  type: 'ClickReversed',
  data: { ...DE, clickId, reason: 'invalid', occurredAt },
});

const ENROLLED = { promotionId: 'welcome', advertiserId: 'adv-1', occurredAt: '2022-10-05T12:00:00Z' };
/** In version 2: a code, and one more condition within. */
const WELCOME = {
  version: 2,
  name: 'Welcome',
  timeZone: 'UTC',
  period: { start: '2022-08-01T00:00', end: '2023-01-01T00:00' },
  marketplaces: ['DE'],
  products: ['SP'],
  stages: [
    {
      id: 'welcome',
      qualifying: { any: [{ redeemed: { codes: ['WELCOME'] } }, { attested: { action: 'certificate' } }] },
      award: { amount: { amount: '50.00', currency: 'USD' } },
      disbursement: { schedule: 'daily', within: 'P14D' },
      expiry: { after: 'P30D' },
    },
  ],
};

/** A history with events of every type: one product is qualified for and given, another put off for want of an account. */
const BEFORE_THE_RUN: readonly Command[] = [
  history.published(),
  {
    type: 'PromotionRevised',
    data: {
      promotionId: history.PROMOTION_ID,
      terms: { ...history.TERMS, eligibility: { dormancy: 'P3M', partners: ['partner-1'] } },
      reason: 'only one partner is ready',
    },
  },
  history.rate('EUR', 'USD', '0.9764'),
  history.invited('adv-1'),
  history.opened('adv-1', 'DE', 'EUR'),
  history.opened('adv-1', 'US', 'USD'),
  history.payable('adv-1', 'DE'),
  {
    type: 'AccountStandingChanged',
    data: { ...DE, standing: 'good', reason: 'looked at', occurredAt: '2022-06-02T09:00:00Z' },
  },
  ...history.qualifyingCampaign('adv-1', 'DE', 'SP'),
  ...history.qualifyingCampaign('adv-1', 'FR', 'SB'),
];
const IN_OCTOBER: readonly Command[] = [
  history.granted('manual-1', 'adv-1', 'US', 'SD', '50.00'),
  click('click-1', '10.00', '2022-10-05T10:00:00Z'),
  click('click-2', '5.00', '2022-10-05T11:00:00Z'),
  {
    type: 'ImpressionsSpent',
    data: {
      ...DE,
      impressionsId: 'impressions-1',
      campaignId: 'c-1',
      product: 'SP',
      impressions: 2500,
      cpm: { amount: '1.20', currency: 'EUR' },
      occurredAt: '2022-10-05T11:30:00Z',
    },
  },
];
/** The first account was opened in June. */
const MONTHS = ['2022-06', '2022-07', '2022-08', '2022-09', '2022-10'];
const AFTER_OCTOBER: readonly Command[] = [
  history.published('welcome', WELCOME),
  { type: 'AdvertiserInvited', data: { ...ENROLLED, partnerId: 'partner-1' } },
  { type: 'OfferActivated', data: ENROLLED },
  { type: 'CodeRedeemed', data: { ...ENROLLED, code: 'WELCOME' } },
  {
    type: 'ActionAttested',
    data: { ...ENROLLED, attestationId: 'attestation-1', action: 'certificate', attestedBy: 'academy' },
  },
  { type: 'InvitationWithdrawn', data: { ...ENROLLED, reason: 'sent in error' } },
  {
    type: 'CampaignActivated',
    data: {
      ...DE,
      campaignId: 'c-1',
      product: 'SP',
      occurredAt: '2022-10-01T00:00:00Z',
      plannedEnd: '2022-12-24T00:00:00Z',
    },
  },
  reversed('click-1', '2022-10-06T10:00:00Z'),
  {
    type: 'CreditRevoked',
    data: { ...DE, creditId: SP_CREDIT, reason: 'fraud', clawback: true, occurredAt: '2022-10-10T00:00:00Z' },
  },
  reversed('click-2', '2022-10-11T10:00:00Z'),
  {
    type: 'CampaignPaused',
    data: { campaignId: 'campaign-adv-1-SP', reason: 'out-of-stock', occurredAt: '2022-10-12T00:00:00Z' },
  },
  { type: 'CampaignEnded', data: { campaignId: 'campaign-adv-1-SP', occurredAt: '2022-10-13T00:00:00Z' } },
  {
    type: 'PromotionTerminated',
    data: { promotionId: history.PROMOTION_ID, reason: 'budget', occurredAt: '2022-12-01T00:00:00Z' },
  },
];

/** What the application stores when it is told all that. */
async function storedEvents(): Promise<readonly Event[]> {
  const env = { PROMOLEDGER_STORE: 'memory:', PROMOLEDGER_SCHEDULER: 'off', PROMOLEDGER_CLOCK: CLOCK };
  const app = await NestFactory.createApplicationContext(AppModule.forSettings(loadSettings(env)), {
    logger: ['error'],
  });
  try {
    const submit = async (commands: readonly Command[]) => {
      const results = await app.get(CommandGateway).submit(commands);
      expect(results.filter(({ status }) => status !== 'appended')).toEqual([]);
    };
    await submit(BEFORE_THE_RUN);
    await app.get(Disbursements).perform(history.PROMOTION_ID, '2022-10-04');
    await submit(IN_OCTOBER);
    for (const month of MONTHS) expect(await app.get(Periods).close(month)).toMatchObject({ status: 'appended' });
    expect(await app.get(Checkpoints).sign()).toMatchObject({ treeSize: expect.anything() });
    await submit(AFTER_OCTOBER);
    await app.get(ExpiryRuns).perform();
    const events = await Array.fromAsync(app.get(EventStore).readAll());
    return events.map(({ type, data, metadata }) => ({ type, data, contract: `${type}.v${metadata.version}` }));
  } finally {
    await app.close();
  }
}

interface Spoiled {
  readonly how: string;
  readonly value: unknown;
}

/** Every way to take one field out of a value, to put one in, or to give one another type. */
function spoiled(value: unknown, path = ''): readonly Spoiled[] {
  const mistyped = { how: `${path} mistyped`, value: typeof value === 'number' ? String(value) : 7 };
  if (typeof value !== 'object' || value === null) return [mistyped];
  const inside = Object.entries(value).flatMap(([name, field]) =>
    spoiled(field, `${path}/${name}`).map(({ how, value: worse }) => ({
      how,
      value: Array.isArray(value) ? value.with(Number(name), worse) : { ...value, [name]: worse },
    })),
  );
  if (Array.isArray(value)) return [mistyped, ...inside];
  const missing = Object.keys(value).map((name) => {
    const { [name]: _, ...rest } = value as Record<string, unknown>;
    return { how: `${path}/${name} missing`, value: rest };
  });
  return [mistyped, ...inside, ...missing, { how: `${path}/surplus added`, value: { ...value, surplus: true } }];
}

describe('the contracts in docs/events', () => {
  it('are what the types say (npm run schemas)', () => {
    expect(Object.fromEntries(committed)).toEqual(Object.fromEntries(eventSchemas()));
  });

  it("allow the events of the projections' fixtures", () => {
    const fixtures = Object.keys(PROJECTIONS).flatMap(fixturesOf);
    const events = fixtures.flatMap(({ events }) => events);
    expect(events.flatMap(({ type, data }) => faultsIn({ type, data, contract: `${type}.v1` }))).toEqual([]);
  });

  describe('and the events of a history', () => {
    let events: readonly Event[];

    beforeAll(async () => {
      events = await storedEvents();
    });

    it('are of every type', () => {
      expect([...new Set(events.map(({ contract }) => contract))].sort()).toEqual([...validators.keys()].sort());
    });

    it('agree', () => {
      expect(events.flatMap(faultsIn)).toEqual([]);
    });

    it('do not agree once a field is missing, mistyped or one too many, unless it may be left out', () => {
      const unnoticed = events.flatMap((event) =>
        spoiled(event.data, '/data')
          .filter(({ value }) => faultsIn({ ...event, data: value as object }).length === 0)
          .map(({ how }) => `${event.type} ${how}`),
      );
      expect([...new Set(unnoticed)].sort()).toEqual([
        'AccountStandingChanged /data/reason missing',
        'CampaignActivated /data/plannedEnd missing',
        'CreditApplied /data/dueBy missing',
        'CreditApplied /data/reason missing',
        'CreditApplied /data/revision missing',
        'DisbursementRunStarted /data/revision missing',
        'PeriodClosed /data/opening missing',
        'PeriodClosed /data/trialBalance/2/marketplace missing',
        'PeriodClosed /data/trialBalance/3/marketplace missing',
        'PromotionPublished /data/terms/eligibility/dormancy missing',
        'PromotionRevised /data/terms/eligibility/dormancy missing',
        'PromotionRevised /data/terms/eligibility/partners missing',
      ]);
    });

    it('do not agree when an instant is not as it is stored, or a word is none of the known', () => {
      const opened = events.find(({ type }) => type === 'AccountOpened')!;
      const paused = events.find(({ type }) => type === 'CampaignPaused')!;
      const local = { ...opened, data: { ...opened.data, occurredAt: '2022-06-01T11:00:00+02:00' } };
      expect(faultsIn(local)).toEqual(['/data/occurredAt must match format "date-time"']);
      expect(faultsIn({ ...paused, data: { ...paused.data, reason: 'whim' } })).toEqual([
        '/data/reason must be equal to one of the allowed values',
      ]);
    });
  });
});
