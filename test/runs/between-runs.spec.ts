import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import 'reflect-metadata';
import { AppModule } from '../../src/app.module.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { EventStore, type Recorded } from '../../src/event-store/event-store.js';
import { Disbursements } from '../../src/promotions/disbursements.js';
import { loadSettings } from '../../src/settings.js';
import type { Command } from '../support/client.js';
import { usd } from '../domain/account-examples.js';

const promotionId = 'three-days';
const OTHER = 'the-other';
const [FIRST, SECOND] = ['2022-10-20', '2022-10-21'] as const;
const BETWEEN = '2022-10-20T12:00:00Z';
const BEFORE = '2022-10-18T12:00:00Z';

/** Each stage rests on another kind of fact. */
const QUALIFYING = {
  running: { campaign: { activeAt: { moment: { from: { at: 'period-start' }, after: 'P2D' }, pauses: 'none' } } },
  launched: { campaign: { launched: {} } },
  changed: {
    campaign: { totalChanges: { changes: 2, actions: [{ product: 'SP', methods: ['PUT'], paths: ['/campaigns'] }] } },
  },
  spent: { spend: { amount: usd('30.00') } },
  redeemed: { redeemed: { codes: ['AUTUMN'] } },
  activated: { activated: 'offer' },
  attested: { attested: { action: 'certificate' } },
} as const;

const TERMS = {
  version: 2,
  name: 'Three days',
  timeZone: 'UTC',
  period: { start: '2022-10-19T00:00', end: '2022-11-01T00:00' },
  marketplaces: ['UK', 'US'],
  products: ['SP'],
  eligibility: { invitation: 'required', excludes: [OTHER] },
  fx: { maxAge: 'P30D' },
  stages: Object.entries(QUALIFYING).map(([id, qualifying]) => ({
    id,
    qualifying,
    award: { amount: usd('50.00') },
    disbursement: { schedule: 'daily', within: 'P14D', until: SECOND },
    expiry: { after: 'P60D' },
  })),
};

const OTHER_TERMS = { ...TERMS, eligibility: {} };

const who = { advertiserId: 'adv-1', marketplace: 'US' };
const campaign = { campaignId: 'campaign-1', ...who, product: 'SP' };
const enrolled = { promotionId, advertiserId: 'adv-1' };
const command = (type: string, data: object): Command => ({ type, data: { occurredAt: BETWEEN, ...data } });

const activated = command('CampaignActivated', { ...campaign, occurredAt: BEFORE });
const redeemed = command('CodeRedeemed', { ...enrolled, code: 'AUTUMN' });
const invited = command('AdvertiserInvited', { ...enrolled, partnerId: 'partner-1', occurredAt: BEFORE });
const opened = command('AccountOpened', { ...who, currency: 'USD', occurredAt: BEFORE });
const payable = command('PaymentMethodChanged', { ...who, valid: true, occurredAt: BEFORE });
const rated = (rate: string, effectiveAt = BEFORE): Command => ({
  type: 'FxRateRecorded',
  data: { base: 'USD', quote: 'GBP', rate, source: 'ECB', effectiveAt },
});
const click = command('ClickSpent', {
  ...campaign,
  clickId: 'click-1',
  cost: usd('40.00'),
});
const change = (changeId: string): Command =>
  command('ApiChangeRecorded', {
    ...campaign,
    changeId,
    partnerId: 'partner-1',
    method: 'PUT',
    path: '/campaigns',
    changes: 1,
  });
const byHand = (of: string): Command => ({
  type: 'CreditApplied',
  data: {
    ...who,
    creditId: 'by-hand',
    promotionId: of,
    product: 'SP',
    stage: 'redeemed',
    granted: usd('10.00'),
    appliedAt: BETWEEN,
    reason: 'goodwill',
  },
});
const inPounds = [
  command('AccountOpened', { ...who, marketplace: 'UK', currency: 'GBP', occurredAt: BEFORE }),
  command('PaymentMethodChanged', { ...who, marketplace: 'UK', valid: true, occurredAt: BEFORE }),
  command('ClickSpent', {
    ...campaign,
    campaignId: 'in-pounds',
    marketplace: 'UK',
    clickId: 'click-uk',
    cost: { amount: '28.00', currency: 'GBP' },
  }),
];

const READY = [opened, payable, invited];

/** What is known before, and what is recorded between two runs. Each changes what the second of them does. */
const CASES: readonly (readonly [string, readonly Command[], Command])[] = [
  ['a pause', [...READY, activated], command('CampaignPaused', { campaignId: 'campaign-1', reason: 'manual' })],
  ['an end', [...READY, activated], command('CampaignEnded', { campaignId: 'campaign-1' })],
  ['an activation', READY, command('CampaignActivated', campaign)],
  ['an API change', [...READY, change('change-1')], change('change-2')],
  ['a click', READY, click],
  [
    'impressions',
    READY,
    command('ImpressionsSpent', { ...campaign, impressionsId: 'i-1', impressions: 1000, cpm: usd('40.00') }),
  ],
  ['a reversal', [...READY, click], command('ClickReversed', { ...who, clickId: 'click-1', reason: 'invalid' })],
  ['a first rate', [...READY, ...inPounds], rated('0.9')],
  ['a later rate', [...READY, ...inPounds, rated('0.9')], rated('0.95', '2022-10-18T23:00:00Z')],
  ['a code', READY, redeemed],
  ['an activation of the offer', READY, command('OfferActivated', enrolled)],
  [
    'an attestation',
    READY,
    command('ActionAttested', { ...enrolled, attestationId: 'a-1', action: 'certificate', attestedBy: 'us' }),
  ],
  ['an invitation', [opened, payable, redeemed], invited],
  [
    'a withdrawal',
    [...READY, redeemed],
    command('InvitationWithdrawn', { ...enrolled, reason: 'left', occurredAt: '2022-10-20T06:00:00Z' }),
  ],
  ['an opening', [invited, redeemed], opened],
  ['a suspension', [...READY, redeemed], command('AccountStandingChanged', { ...who, standing: 'suspended' })],
  ['a payment method', [...READY, redeemed], command('PaymentMethodChanged', { ...who, valid: false })],
  ['a grant by hand', [...READY, redeemed], byHand(promotionId)],
  ['a credit that excludes', [...READY, redeemed], byHand(OTHER)],
  [
    'a termination',
    [...READY, redeemed],
    command('PromotionTerminated', { promotionId, reason: 'over', occurredAt: '2022-10-20T06:00:00Z' }),
  ],
  [
    'a revision',
    [...READY, redeemed],
    {
      type: 'PromotionRevised',
      data: {
        promotionId,
        terms: { ...TERMS, stages: TERMS.stages.map((stage) => ({ ...stage, award: { amount: usd('60.00') } })) },
        reason: 'more',
      },
    },
  ],
];

type Result = readonly Pick<Recorded, 'type' | 'data'>[];

/** What the runs recorded, when `between` is recorded after the first is completed: in one batch, or by themselves. */
async function recordedBy(known: readonly Command[], between: Command | null, inOneBatch: boolean): Promise<Result> {
  const settings = {
    PROMOLEDGER_STORE: 'memory:',
    PROMOLEDGER_SCHEDULER: 'off',
    PROMOLEDGER_CLOCK: '2022-12-01T00:00:00Z',
  };
  const app = await NestFactory.createApplicationContext(AppModule.forSettings(loadSettings(settings)), {
    logger: ['error', 'warn'],
  });
  try {
    const publish = [promotionId, OTHER].map((id) =>
      command('PromotionPublished', { promotionId: id, terms: id === OTHER ? OTHER_TERMS : TERMS }),
    );
    await submit(app, [...publish.map(withoutTime), ...known]);
    const runs = app.get(Disbursements);
    if (inOneBatch && between) onceCompleted(app.get(EventStore), () => submit(app, [between]));
    if (!inOneBatch) {
      await runs.perform(promotionId, FIRST);
      if (between) await submit(app, [between]);
    }
    await runs.perform(promotionId, SECOND);
    const done: Pick<Recorded, 'type' | 'data'>[] = [];
    for await (const { type, data } of app.get(EventStore).readAll()) {
      if (type === 'CreditApplied' && (data as { origin?: string }).origin === 'run') done.push({ type, data });
      if (type === 'DisbursementRunCompleted') done.push({ type, data });
    }
    return done;
  } finally {
    await app.close();
  }
}

const withoutTime = ({ type, data: { occurredAt: _, ...data } }: Command): Command => ({ type, data });

async function submit(app: INestApplicationContext, commands: readonly Command[]): Promise<void> {
  const results = await app.get(CommandGateway).submit(commands);
  expect(results.map((result) => (result.status === 'rejected' ? result : result.status))).toEqual(
    commands.map(() => 'appended'),
  );
}

/** A run begins by asking where the log ends: after the first is completed, that is the second. */
function onceCompleted(store: EventStore, then: () => Promise<void>): void {
  const { append, head } = { append: store.append.bind(store), head: store.head.bind(store) };
  let isNext = false;
  store.append = async (stream, expected, events) => {
    const appended = await append(stream, expected, events);
    isNext ||= events.some(({ id }) => id === `DisbursementRunCompleted:${FIRST}`);
    return appended;
  };
  store.head = async () => {
    if (isNext) {
      store.head = head;
      await then();
    }
    return head();
  };
}

describe('what is recorded between two runs of one batch', () => {
  it.each(CASES)('is seen by the second: %s', async (_, known, between) => {
    const alone = await recordedBy(known, between, false);
    expect(await recordedBy(known, between, true)).toEqual(alone);
    expect(await recordedBy(known, null, true)).not.toEqual(alone);
  });
});
