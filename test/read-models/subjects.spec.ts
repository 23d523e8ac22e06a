import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Recorded } from '../../src/event-store/event-store.js';
import { byCodeUnit } from '../../src/kernel/identifiers.js';
import { minorOf } from '../../src/kernel/money.js';
import type { PromotionCalendar } from '../../src/promotions/domain/events.js';
import type { CampaignFacts, SpendFact, SubjectFacts } from '../../src/promotions/domain/facts.js';
import type { Rules } from '../../src/promotions/domain/rules.js';
import { AccountsModel } from '../../src/read-models/accounts-model.js';
import { AccountsReader } from '../../src/read-models/accounts-reader.js';
import { CampaignsModel } from '../../src/read-models/campaigns-model.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import type { Moment } from '../../src/read-models/moment.js';
import { PromotionsModel } from '../../src/read-models/promotions-model.js';
import { Subjects } from '../../src/read-models/subjects.js';
import {
  ADVERTISERS,
  effectiveAt,
  facts,
  hour,
  HOURS,
  MARKETPLACES,
  PROMOTION,
  streamOf,
  taken,
  type Fact,
  type Logged,
  type Of,
} from './subject-histories.js';

/** The facts that conditions look at, against what filtering and sorting the whole log gives. */
const CALENDAR: PromotionCalendar = {
  start: hour(20),
  end: hour(35),
  dormantFrom: hour(8),
  weeks: [],
  runs: [],
};

class Models {
  readonly db = new ReadModelDatabase(':memory:');
  private readonly accounts = new AccountsModel(this.db);
  private readonly campaigns = new CampaignsModel(this.db);
  private readonly promotions = new PromotionsModel(this.db);
  readonly subjects = new Subjects(
    this.db,
    new AccountsReader(this.db, this.accounts),
    this.campaigns,
    this.promotions,
  );

  constructor(log: readonly Logged[]) {
    const models = [this.accounts, this.campaigns, this.promotions];
    for (const fact of log) {
      const event = { ...fact, stream: streamOf(fact), recordedAt: hour(0) } as unknown as Recorded;
      for (const model of models) model.apply(event);
    }
  }
}

/** Of these types, known and effective by then, in effective order, ties in the order recorded. */
function seen<Type extends Fact['type']>(
  log: readonly Logged[],
  moment: Moment,
  ...types: Type[]
): (Logged & Of<Type>)[] {
  return log
    .filter((fact): fact is Logged & Of<Type> => (types as string[]).includes(fact.type))
    .filter((fact) => fact.position <= moment.known && effectiveAt(fact) <= moment.asOf)
    .sort((a, b) => byCodeUnit(effectiveAt(a), effectiveAt(b)) || Number(a.position - b.position));
}

/** Campaigns whose owner is known, whenever what says so is effective. */
const ownedCampaigns = (log: readonly Logged[], { known }: Moment) =>
  new Map(
    log
      .filter((fact) => fact.position <= known)
      .flatMap(({ type, data }) =>
        type === 'CampaignActivated' || type === 'ApiChangeRecorded' ? [[data.campaignId, data] as const] : [],
      ),
  );

const ofAccount = <F extends { data: { advertiserId: string; marketplace: string } }>(
  { advertiserId: who, marketplace: where }: { advertiserId: string; marketplace: string },
  all: readonly F[],
) => all.filter(({ data }) => data.advertiserId === who && data.marketplace === where);

function foldedFacts(log: readonly Logged[], who: string, where: string, moment: Moment): SubjectFacts {
  const subject = { advertiserId: who, marketplace: where };
  const spent = seen(log, moment, 'ClickSpent', 'ImpressionsSpent').filter(
    ({ type, data }) =>
      type === 'ImpressionsSpent' ||
      !ofAccount(data, seen(log, moment, 'ClickReversed')).some((fact) => fact.data.clickId === data.clickId),
  );
  const own = seen(
    log,
    moment,
    'AdvertiserInvited',
    'InvitationWithdrawn',
    'OfferActivated',
    'CodeRedeemed',
    'ActionAttested',
  ).filter(({ data }) => data.promotionId === PROMOTION && data.advertiserId === who);
  const first = (all: readonly Of<'AccountOpened' | 'CampaignActivated' | 'ClickSpent' | 'ImpressionsSpent'>[]) =>
    all.find(({ data }) => data.advertiserId === who)?.data.occurredAt ?? null;
  const invitation = own.find(({ type }) => type === 'AdvertiserInvited')?.data as Of<'AdvertiserInvited'>['data'];
  return {
    advertiserId: who,
    marketplace: where,
    enrollment: {
      invitation: invitation ? { partnerId: invitation.partnerId, at: invitation.occurredAt } : null,
      withdrawnAt: own.find(({ type }) => type === 'InvitationWithdrawn')?.data.occurredAt ?? null,
      activatedAt: own.find(({ type }) => type === 'OfferActivated')?.data.occurredAt ?? null,
      redeemed: own.flatMap(({ type, data }) =>
        type === 'CodeRedeemed' ? [{ code: data.code, at: data.occurredAt }] : [],
      ),
      attested: own.flatMap(({ type, data }) =>
        type === 'ActionAttested' ? [{ action: data.action, by: data.attestedBy, at: data.occurredAt }] : [],
      ),
    },
    campaigns: foldedCampaigns(log, who, where, moment),
    spend: ofAccount(subject, spent).map(({ type, data }): SpendFact => ({
      at: data.occurredAt,
      product: data.product,
      kind: type === 'ClickSpent' ? 'clicks' : 'impressions',
      own: minorOf(data.billable),
    })),
    currency: ofAccount(subject, seen(log, moment, 'AccountOpened'))[0]?.data.currency ?? null,
    openedAt: ofAccount(subject, seen(log, moment, 'AccountOpened'))[0]?.data.occurredAt ?? null,
    first: {
      campaign: first(
        seen(log, moment, 'CampaignActivated').filter(({ data }) => ownedCampaigns(log, moment).has(data.campaignId)),
      ),
      spend: first(spent),
      account: first(seen(log, moment, 'AccountOpened')),
    },
    priorApiUse: seen(log, moment, 'ApiChangeRecorded').some(
      ({ data }) => data.advertiserId === who && data.occurredAt >= hour(8) && data.occurredAt < hour(20),
    ),
  };
}

function foldedCampaigns(log: readonly Logged[], who: string, where: string, moment: Moment): CampaignFacts[] {
  return [...ownedCampaigns(log, moment).values()]
    .filter((owner) => owner.advertiserId === who && owner.marketplace === where)
    .sort((a, b) => (a.campaignId < b.campaignId ? -1 : 1))
    .map(({ campaignId, product: of }) => ({
      campaignId,
      product: of,
      activity: seen(log, moment, 'CampaignActivated', 'CampaignPaused', 'CampaignEnded')
        .filter(({ data }) => data.campaignId === campaignId)
        .map(({ type, data }) =>
          type === 'CampaignActivated'
            ? { at: data.occurredAt, active: true, plannedEnd: data.plannedEnd ?? null }
            : { at: data.occurredAt, active: false },
        ),
      changes: seen(log, moment, 'ApiChangeRecorded')
        .filter(({ data }) => data.campaignId === campaignId)
        .map(({ data: { occurredAt, partnerId, method, path, changes } }) => ({
          at: occurredAt,
          partnerId,
          method,
          path,
          changes,
        })),
    }))
    .filter(({ activity, changes }) => activity.length + changes.length > 0);
}

const rulesFor = (marketplaces: readonly string[], invitation: 'required' | 'not-required') =>
  ({ marketplaces, eligibility: { invitation } }) as unknown as Rules;

function foldedCandidates(log: readonly Logged[], rules: Rules, moment: Moment): string[] {
  const accounts = log.filter(({ type, position }) => type === 'AccountOpened' && position <= moment.known);
  const places = [
    ...accounts.map(({ data }) => data),
    ...ownedCampaigns(log, moment).values(),
  ] as readonly Of<'AccountOpened'>['data'][];
  const invited = seen(log, moment, 'AdvertiserInvited').filter(({ data }) => data.promotionId === PROMOTION);
  const keys = places
    .filter(({ marketplace }) => rules.marketplaces.includes(marketplace))
    .filter(
      ({ advertiserId: who }) =>
        rules.eligibility.invitation === 'not-required' || invited.some(({ data }) => data.advertiserId === who),
    )
    .map(({ advertiserId: who, marketplace }) => `${who} ${marketplace}`);
  return [...new Set(keys)].sort();
}

const moments = fc.array(fc.record({ hour: fc.integer({ min: -1, max: HOURS + 1 }), share: fc.nat(100) }), {
  minLength: 4,
  maxLength: 4,
});

const keysOf = (keys: Iterable<{ advertiserId: string; marketplace: string }>) =>
  [...keys].map((key) => `${key.advertiserId} ${key.marketplace}`);

describe('what conditions look at', () => {
  it('is what filtering the log by both times gives, at every moment', () => {
    fc.assert(
      fc.property(facts, moments, (told, asked) => {
        const log = taken(told);
        const { subjects, db } = new Models(log);
        for (const { hour: n, share } of asked) {
          const moment = { asOf: hour(n), known: (BigInt(log.length) * BigInt(share)) / 100n };
          for (const who of ADVERTISERS) {
            for (const where of MARKETPLACES) {
              const answer = subjects.factsOf(PROMOTION, CALENDAR, who, where, moment);
              expect({ ...answer }).toEqual(foldedFacts(log, who, where, moment));
            }
          }
        }
        db.close();
      }),
      { numRuns: 150 },
    );
  });

  it('is of whoever may come in question, in order, and of nobody else', () => {
    fc.assert(
      fc.property(
        facts,
        moments,
        fc.subarray([...MARKETPLACES]),
        fc.constantFrom('required' as const, 'not-required' as const),
        (told, asked, marketplaces, invitation) => {
          const log = taken(told);
          const { subjects, db } = new Models(log);
          const rules = rulesFor(marketplaces, invitation);
          for (const { hour: n, share } of asked) {
            const moment = { asOf: hour(n), known: (BigInt(log.length) * BigInt(share)) / 100n };
            expect(keysOf(subjects.candidates(PROMOTION, rules, moment))).toEqual(foldedCandidates(log, rules, moment));
          }
          db.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('goes on where a chunk of candidates ended, while others write', () => {
    const openings = Array.from({ length: 1203 }, (_, index): Logged => ({
      type: 'AccountOpened',
      data: {
        advertiserId: `adv-${1000 + (index >> 1)}`,
        marketplace: index % 2 ? 'US' : 'DE',
        currency: 'EUR',
        occurredAt: hour(0),
      },
      position: BigInt(index + 1),
    }));
    const { subjects, db } = new Models(openings);
    const keys: string[] = [];
    const moment = { asOf: hour(1), known: 2000n };
    for (const key of subjects.candidates(PROMOTION, rulesFor(['DE', 'US'], 'not-required'), moment)) {
      db.begin();
      db.rollback();
      keys.push(`${key.advertiserId} ${key.marketplace}`);
    }
    expect(keys).toEqual(keysOf(openings.map(({ data }) => data as Of<'AccountOpened'>['data'])));
    db.close();
  });
});
