import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../../../src/demo/random.js';
import type { TermsV1 } from '../../../src/promotions/domain/terms.js';
import type { Command } from '../../support/auditor/facts.js';
import { decimal } from '../../support/auditor/money.js';
import { DAY, iso, ms } from '../../support/auditor/time.js';
import * as history from '../../support/history.js';
import type { PersistentClients, Result } from './persistent-clients.js';

/** Now, for the ledger and for the auditor: every run of 2022 is due, every credit of a race may be swept. */
export const NOW = '2022-12-31T00:00:00.000Z';
export const RUN_DATE = '2022-10-04';

/** `grants` are the products that manual grants compete for. The last account is left to the run, all but one product. */
export const ACCOUNTS = [
  { advertiserId: 'racer-1', marketplace: 'DE', currency: 'EUR', grants: ['SP', 'SB', 'SD'], isEverSuspended: true },
  { advertiserId: 'racer-2', marketplace: 'US', currency: 'USD', grants: ['SP', 'SB', 'SD'], isEverSuspended: true },
  { advertiserId: 'racer-3', marketplace: 'JP', currency: 'JPY', grants: ['SD'], isEverSuspended: false },
] as const;
type Account = (typeof ACCOUNTS)[number];

type ClickSpent = Extract<Command, { type: 'ClickSpent' }>;
type CreditApplied = Extract<Command, { type: 'CreditApplied' }>;

const PRODUCTS = ['SP', 'SB', 'SD'] as const;
/**
 * Of the manual grants of a race, two for each product: three of the large ones are over the cap. None is smaller than
 * the award, so that a grant which takes a product's place makes no room for what a run has put off.
 */
const GRANTS_USD = ['200.00', '250.00', '400.00'] as const;
const GRANTED_AT = ['2022-09-13T08:00:00Z', '2022-10-04T07:00:00Z', '2022-10-11T08:00:00Z'] as const;
const CLICKS_PER_ACCOUNT = 12;
const CLIENTS = 8;
/** Some clicks come before the first credit, some after the last one's end; most come late. */
const CLICKS_FROM = '2022-09-10T00:00:00Z';
const CLICK_DAYS = 62;
const REVOKED_AT = '2022-11-05T00:00:00Z';
/** After the first the early credits are swept, after the second all of them, in the middle of the race. */
const SWEPT_AT = ['2022-10-20T00:00:00Z', '2022-11-15T00:00:00Z'] as const;

/** What all races share: exchange rates, and accounts that have qualified for every product. */
export function background(): Command[] {
  const mondays = ['2022-09-12', '2022-10-03', '2022-10-10'].map((day) => `${day}T06:00:00Z`);
  const commands = [
    ...mondays.flatMap((monday, week) => [
      history.rate('EUR', 'USD', `0.97${week}4`, monday),
      history.rate('EUR', 'JPY', `141.${week}9`, monday),
    ]),
    ...ACCOUNTS.flatMap(({ advertiserId, marketplace, currency }) => [
      history.opened(advertiserId, marketplace, currency),
      history.payable(advertiserId, marketplace),
      ...PRODUCTS.flatMap((product) => history.qualifyingCampaign(advertiserId, marketplace, product)),
    ]),
  ];
  return commands as Command[];
}

/** What a run answers with, as far as it is looked at here. */
interface RunAnswer {
  readonly credits: readonly string[];
}

/**
 * One race: a promotion of its own, whose run is asked of every instance at once while clicks, reversals, manual grants
 * beyond the cap, revocations, changes of standing and expiry runs come in through all of them, each several times.
 */
export class Race {
  readonly promotionId: string;
  isOn = false;
  readonly runs: RunAnswer[] = [];
  /** Credits swept, as the expiry runs told. */
  swept = 0;

  constructor(
    private readonly clients: PersistentClients,
    private readonly random: Random,
    private readonly serial: number,
  ) {
    this.promotionId = `race-${serial}`;
  }

  async prepare(): Promise<void> {
    const invitations = ACCOUNTS.map(({ advertiserId }): Command => {
      const data = { promotionId: this.promotionId, advertiserId, partnerId: 'partner-1' };
      return { type: 'AdvertiserInvited', data: { ...data, occurredAt: '2022-08-10T08:00:00Z' } };
    });
    const terms = history.TERMS as unknown as TermsV1;
    await this.clients.send([{ type: 'PromotionPublished', data: { promotionId: this.promotionId, terms } }], 0);
    await this.clients.send(invitations, 1);
  }

  /** Until everything is acknowledged. */
  async run(): Promise<void> {
    this.isOn = true;
    const sendings = this.shuffled(ACCOUNTS.flatMap((account) => this.clicks(account)));
    const clients = Array.from({ length: CLIENTS }, async () => {
      for (let sending = sendings.pop(); this.isOn && sending; sending = sendings.pop()) await sending();
    });
    const watching = [0, 1].map((instance) => this.watch(ACCOUNTS[0], instance));
    const racing = Promise.all([
      ...clients,
      ...ACCOUNTS.map((account) => this.changeStanding(account)),
      ...ACCOUNTS.flatMap((account) => this.grants(account)).map((grant) => this.grantAndRevoke(grant)),
      ...[0, 1, 0, 1].map((instance) => this.disburse(instance)),
      ...[0, 1].map((instance) => this.sweep(instance, SWEPT_AT[this.serial % SWEPT_AT.length]!)),
    ]).finally(() => (this.isOn = false));
    await Promise.all([racing, ...watching]);
  }

  /** Each click alone through every instance and once with others; some are reversed as soon as they are acknowledged. */
  private clicks(account: Account): (() => Promise<unknown>)[] {
    const clicks = Array.from({ length: CLICKS_PER_ACCOUNT }, (_, number) => this.click(account, number));
    const together = [0, 6].map((first) => clicks.slice(first, first + 6));
    return [
      ...clicks.flatMap((click) => [0, 1].map((instance) => () => this.clients.send([click], instance))),
      ...together.map((some, number) => () => this.clients.send(some, number)),
      ...clicks.filter(() => this.random.chance(300)).map((click) => this.spendAndReverse(click)),
    ];
  }

  private click({ advertiserId, marketplace, currency }: Account, number: number): ClickSpent {
    const minutes = this.random.between(0, CLICK_DAYS * 24 * 60);
    const cost = BigInt(this.random.between(5, 6_000));
    return {
      type: 'ClickSpent',
      data: {
        advertiserId,
        marketplace,
        clickId: `click-${this.serial}-${number}`,
        campaignId: `campaign-${advertiserId}-SP`,
        product: this.random.pick(PRODUCTS),
        cost: { amount: decimal(cost, currency), currency },
        occurredAt: iso(ms(CLICKS_FROM) + minutes * 60_000),
      },
    };
  }

  /** The reversal goes to the other instance, which must know of the click by then. */
  private spendAndReverse(click: ClickSpent): () => Promise<void> {
    const { advertiserId, marketplace, clickId, occurredAt } = click.data;
    const occurred = iso(ms(occurredAt) + this.random.between(0, 20) * DAY);
    const data = { advertiserId, marketplace, clickId, reason: 'invalid', occurredAt: occurred };
    const reversal: Command = { type: 'ClickReversed', data };
    const instance = this.random.between(0, 1);
    return async () => {
      await this.clients.send([click], instance);
      await this.clients.send([reversal], instance + 1);
      await this.clients.send([reversal, click], instance);
    };
  }

  private grants({ advertiserId, marketplace, grants }: Account): CreditApplied[] {
    return [...grants, ...grants].map((product, number) => ({
      type: 'CreditApplied',
      data: {
        creditId: `grant-${this.serial}-${number}`,
        promotionId: this.promotionId,
        advertiserId,
        marketplace,
        product,
        granted: { amount: this.random.pick(GRANTS_USD), currency: 'USD' },
        appliedAt: this.random.pick(GRANTED_AT),
        reason: 'goodwill',
      },
    }));
  }

  private async grantAndRevoke(grant: CreditApplied): Promise<void> {
    const { advertiserId, marketplace, creditId } = grant.data;
    const data = { advertiserId, marketplace, creditId, reason: 'fraud', occurredAt: REVOKED_AT };
    const revocation: Command = { type: 'CreditRevoked', data: { ...data, clawback: this.random.chance(500) } };
    const isRevoked = this.random.chance(300);
    await pause(this.random.between(0, 200));
    const [result] = await this.everywhere(grant);
    if (isRevoked && isAcknowledged(result!)) await this.everywhere(revocation);
  }

  /** Whoever is suspended at the run is put off by it, if that is recorded before the run begins. */
  private async changeStanding({ advertiserId, marketplace, isEverSuspended }: Account): Promise<void> {
    const standing = isEverSuspended && this.random.chance(300) ? 'suspended' : 'good';
    const occurredAt = iso(ms('2022-10-03T00:00:00Z') + this.serial * 60_000);
    await pause(this.random.between(0, 100));
    const data = { advertiserId, marketplace, standing, occurredAt } as const;
    await this.everywhere({ type: 'AccountStandingChanged', data });
  }

  /** One of the run's credits is revoked as soon as it is told of, through an instance that did not. */
  private async disburse(instance: number): Promise<void> {
    await pause(50);
    const path = `/v1/promotions/${this.promotionId}/disbursements/${RUN_DATE}`;
    const run = await this.clients.perform<RunAnswer>(path, {}, instance);
    this.runs.push(run);
    const { advertiserId, marketplace } = ACCOUNTS.at(-1)!;
    const creditId = run.credits.find((credit) => credit.includes(advertiserId))!;
    const data = { advertiserId, marketplace, creditId, reason: 'error', clawback: false, occurredAt: REVOKED_AT };
    await this.clients.send([{ type: 'CreditRevoked', data }], instance + 1);
  }

  async sweep(instance: number, asOf: string): Promise<void> {
    await pause(150);
    const { expired } = await this.clients.perform<{ expired: number }>('/v1/expiry-runs', { asOf }, instance);
    this.swept += expired;
  }

  /** Reads of an instance what was acknowledged: it is included, or the service says that it is not yet. */
  private async watch({ advertiserId, marketplace }: Account, instance: number): Promise<void> {
    while (this.isOn) {
      const least = this.clients.lastPosition;
      const path = `/v1/accounts/${advertiserId}/${marketplace}/balance?minPosition=${least}`;
      const { status, body } = await this.clients.ask<{ position: string }>(path, instance);
      if (status !== 503 && (status !== 200 || BigInt(body.position) < least)) {
        throw new Error(`${path} was answered ${status} ${JSON.stringify(body)}`);
      }
      await pause(100);
    }
  }

  /** Through both instances at once. */
  private everywhere(command: Command): Promise<Result[]> {
    return Promise.all([0, 1].map(async (instance) => (await this.clients.send([command], instance))[0]!));
  }

  private shuffled<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, key: this.random.between(0, 1_000_000) }));
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }
}

export const isAcknowledged = ({ status }: Result): boolean => status !== 'rejected';
