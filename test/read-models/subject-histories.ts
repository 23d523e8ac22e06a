import fc from 'fast-check';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import type { CampaignEvent } from '../../src/campaigns/domain/events.js';
import { accountStream, campaignStream, enrollmentStream } from '../../src/kernel/identifiers.js';
import { instantOf, type Instant } from '../../src/kernel/instant.js';
import { moneyOf } from '../../src/kernel/money.js';
import type { EnrollmentEvent } from '../../src/promotions/domain/events.js';

/** Histories of a few advertisers: every fact that conditions look at, in any order of effective times. */
export type Fact = AccountEvent | CampaignEvent | EnrollmentEvent;
export type Of<Type extends Fact['type']> = Extract<Fact, { type: Type }>;
export type Logged = Fact & { readonly position: bigint };

export const PROMOTION = 'promo-1';
export const ADVERTISERS = ['adv-1', 'adv-2', 'Adv-3'] as const;
export const MARKETPLACES = ['DE', 'US'] as const;
const PRODUCTS = ['SP', 'SB'] as const;
export const HOURS = 40;
export const hour = (n: number): Instant => instantOf(Date.UTC(2022, 8, 1, n));
const OPENED_BY = 4;
const eur = (minor: number) => moneyOf(BigInt(minor), 'EUR');
const at = fc.integer({ min: OPENED_BY, max: HOURS }).map(hour);
const advertiserId = fc.constantFrom(...ADVERTISERS);
const account = fc.record({ advertiserId, marketplace: fc.constantFrom(...MARKETPLACES) });
const product = fc.constantFrom(...PRODUCTS);
const enrolled = fc.record({ promotionId: fc.constantFrom(PROMOTION, 'other'), advertiserId });
const few = fc.integer({ min: 1, max: 4 });
const either = fc.integer({ min: 1, max: 2 });

/** Whose a campaign is follows from its name: the ledger has refused all else. */
const campaign = fc.record({ owner: account, product, few }).map(({ owner, product: of, few: n }) => ({
  ...owner,
  product: of,
  campaignId: `c-${owner.advertiserId}-${owner.marketplace}-${of}-${n}`,
}));

const opening = fc
  .record({ of: account, on: fc.integer({ min: 0, max: OPENED_BY }) })
  .map(({ of, on }): Fact => ({ type: 'AccountOpened', data: { ...of, currency: 'EUR', occurredAt: hour(on) } }));

const click = fc
  .record({ of: account, product, at, id: either, cost: few, billed: few })
  .map(({ of, product: p, at: occurredAt, id, cost, billed }): Fact => {
    const said = { ...of, clickId: `k-${id}`, campaignId: 'c', product: p, cost: eur(cost), occurredAt };
    return { type: 'ClickSpent', data: { ...said, draws: [], billable: eur(Math.min(billed - 1, cost)) } };
  });

const impressions = fc
  .record({ of: account, product, at, id: either, cost: few })
  .map(({ of, product: p, at: occurredAt, id, cost }): Fact => {
    const said = { ...of, impressionsId: `k-${id}`, campaignId: 'c', product: p, impressions: 1000, occurredAt };
    return {
      type: 'ImpressionsSpent',
      data: { ...said, cpm: eur(cost), cost: eur(cost), draws: [], billable: eur(cost) },
    };
  });

const reversal = fc.record({ of: account, at, id: either }).map(({ of, at: occurredAt, id }): Fact => {
  const nothing = { restored: [], forfeited: [], unclawed: [], billable: eur(0) };
  return { type: 'ClickReversed', data: { ...of, clickId: `k-${id}`, reason: 'robot', occurredAt, ...nothing } };
});

const activation = fc
  .record({ of: campaign, at, plannedEnd: fc.option(at, { nil: undefined }) })
  .map(({ of, at: occurredAt, plannedEnd }): Fact => {
    const data = plannedEnd === undefined ? { ...of, occurredAt } : { ...of, occurredAt, plannedEnd };
    return { type: 'CampaignActivated', data };
  });

const stop = fc
  .record({ of: campaign, at, ends: fc.boolean() })
  .map(({ of: { campaignId }, at: occurredAt, ends }): Fact =>
    ends
      ? { type: 'CampaignEnded', data: { campaignId, occurredAt } }
      : { type: 'CampaignPaused', data: { campaignId, reason: 'budget', occurredAt } },
  );

const change = fc.record({ of: campaign, at, id: few }).map(({ of, at: occurredAt, id }): Fact => ({
  type: 'ApiChangeRecorded',
  data: { ...of, changeId: `h-${id}`, partnerId: 'p', method: 'PUT', path: '/sp', changes: id, occurredAt },
}));

const enrollment = fc
  .record({ of: enrolled, at, kind: few, value: few, invite: fc.boolean() })
  .map(({ of, at: on, kind, value, invite }): Fact => {
    const data = { ...of, occurredAt: on };
    if (invite) return { type: 'AdvertiserInvited', data: { ...data, partnerId: 'p' } };
    if (kind === 1) return { type: 'InvitationWithdrawn', data: { ...data, reason: 'error' } };
    if (kind === 2) return { type: 'OfferActivated', data };
    if (kind === 3) return { type: 'CodeRedeemed', data: { ...data, code: `code-${value}` } };
    return {
      type: 'ActionAttested',
      data: { ...data, attestationId: `a-${value}`, action: 'certificate', attestedBy: `academy-${value}` },
    };
  });

const fact = fc.oneof(
  { weight: 1, arbitrary: opening },
  { weight: 6, arbitrary: click },
  { weight: 2, arbitrary: impressions },
  { weight: 6, arbitrary: reversal },
  { weight: 4, arbitrary: activation },
  { weight: 2, arbitrary: stop },
  { weight: 3, arbitrary: change },
  { weight: 4, arbitrary: enrollment },
);

/** Some accounts are there from the beginning, so that there is much to see. */
export const facts = fc
  .tuple(fc.array(opening, { maxLength: 8 }), fc.array(fact, { minLength: 10, maxLength: 100 }))
  .map(([first, then]) => [...first, ...then]);

/** The natural key, as far as the log may hold it once only. */
function keyOf({ type, data }: Fact): string {
  const { occurredAt, ...named } = data as unknown as Record<string, string>;
  const { advertiserId: who, marketplace: where, campaignId: which, promotionId } = named;
  switch (type) {
    case 'AccountOpened':
      return `${type} ${who} ${where}`;
    case 'ClickSpent':
    case 'ClickReversed':
      return `${type} ${who} ${where} ${named['clickId']}`;
    case 'ImpressionsSpent':
      return `${type} ${who} ${where} ${named['impressionsId']}`;
    case 'ApiChangeRecorded':
      return `${type} ${which} ${named['changeId']}`;
    case 'CodeRedeemed':
      return `${type} ${promotionId} ${who} ${named['code']}`;
    case 'ActionAttested':
      return `${type} ${promotionId} ${who} ${named['attestationId']}`;
    default:
      return promotionId === undefined ? `${type} ${which} ${occurredAt}` : `${type} ${promotionId} ${who}`;
  }
}

/** Those that the ledger would take, in the order told. */
export function taken(told: readonly Fact[]): readonly Logged[] {
  const log = new Map<string, Logged>();
  for (const fact of told) {
    const key = keyOf(fact);
    const needed = neededBy(fact);
    const before = needed === null ? undefined : log.get(needed);
    const refused = needed !== null && (!before || effectiveAt(before) > effectiveAt(fact));
    if (!log.has(key) && !refused) log.set(key, { ...fact, position: BigInt(log.size + 1) });
  }
  return [...log.values()];
}

export const effectiveAt = ({ data }: Fact): Instant => (data as { occurredAt: Instant }).occurredAt;

function neededBy({ type, data }: Fact): string | null {
  switch (type) {
    case 'ClickSpent':
    case 'ImpressionsSpent':
      return `AccountOpened ${data.advertiserId} ${data.marketplace}`;
    case 'ClickReversed':
      return `ClickSpent ${data.advertiserId} ${data.marketplace} ${data.clickId}`;
    case 'InvitationWithdrawn':
      return `AdvertiserInvited ${data.promotionId} ${data.advertiserId}`;
    default:
      return null;
  }
}

export function streamOf({ type, data }: Fact): string {
  if ('promotionId' in data && type !== 'CreditApplied') return enrollmentStream(data.promotionId, data.advertiserId);
  if (/^Campaign|^ApiChange/.test(type)) return campaignStream((data as Of<'CampaignEnded'>['data']).campaignId);
  const { advertiserId: who, marketplace } = data as Of<'AccountOpened'>['data'];
  return accountStream(who, marketplace);
}
