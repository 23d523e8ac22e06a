import type { SQLOutputValue } from 'node:sqlite';
import { changeOf } from '../../projections/qualifying-weeks.js';
import type { CampaignEvent, CampaignOwner } from '../campaigns/domain/events.js';
import type { Recorded } from '../event-store/event-store.js';
import { never } from '../kernel/decider.js';
import { epochMs, instantOf, type Instant } from '../kernel/instant.js';
import type { ApiChange, CampaignFacts } from '../promotions/domain/facts.js';
import type { ReadModel, ReadModelDatabase, Statement } from './database.js';
import { instantIn, type Moment } from './moment.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS campaigns (
    id INTEGER PRIMARY KEY,
    campaign_id TEXT NOT NULL UNIQUE,
    -- Whose it is, from the position of the first fact that says so.
    owned_from INTEGER,
    advertiser_id TEXT,
    marketplace TEXT,
    product TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS campaigns_by_owner ON campaigns (advertiser_id, marketplace, campaign_id);
  CREATE TABLE IF NOT EXISTS campaign_activity (
    campaign INTEGER NOT NULL,
    effective INTEGER NOT NULL,
    position INTEGER NOT NULL,
    active INTEGER NOT NULL,
    planned_end INTEGER,     -- of an activation; null: none is planned
    PRIMARY KEY (campaign, effective, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS campaign_changes (
    campaign INTEGER NOT NULL,
    effective INTEGER NOT NULL,
    position INTEGER NOT NULL,
    partner_id TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    changes INTEGER NOT NULL,
    PRIMARY KEY (campaign, effective, position)
  ) STRICT, WITHOUT ROWID`;

type Row = Record<string, SQLOutputValue>;

/** What qualifying is computed from: the facts of campaigns, in effective order. */
export class CampaignsModel implements ReadModel {
  private readonly statements: Record<
    | 'campaign'
    | 'create'
    | 'own'
    | 'activity'
    | 'change'
    | 'owned'
    | 'activities'
    | 'firstActive'
    | 'changes'
    | 'usedBetween',
    Statement
  >;

  constructor(db: ReadModelDatabase) {
    db.create(SCHEMA);
    this.statements = {
      campaign: db.prepare('SELECT id, owned_from AS ownedFrom FROM campaigns WHERE campaign_id = ?'),
      create: db.prepare('INSERT INTO campaigns (campaign_id) VALUES (?) RETURNING id, owned_from AS ownedFrom'),
      own: db.prepare(
        'UPDATE campaigns SET owned_from = ?, advertiser_id = ?, marketplace = ?, product = ? WHERE id = ?',
      ),
      activity: db.prepare(`INSERT INTO campaign_activity
        (campaign, effective, position, active, planned_end) VALUES (?, ?, ?, ?, ?)`),
      change: db.prepare(`INSERT INTO campaign_changes
        (campaign, effective, position, partner_id, method, path, changes) VALUES (?, ?, ?, ?, ?, ?, ?)`),
      owned: db.prepare(`SELECT id, campaign_id AS campaignId, product FROM campaigns
        WHERE advertiser_id = ? AND marketplace = ? AND owned_from <= ? ORDER BY campaign_id`),
      firstActive: db.prepare(`SELECT min(f.effective) AS first
        FROM campaigns c JOIN campaign_activity f ON f.campaign = c.id
        WHERE c.advertiser_id = ? AND c.owned_from <= ? AND f.active = 1 AND f.effective <= ? AND f.position <= ?`),
      activities: db.prepare(`SELECT effective, active, planned_end AS plannedEnd FROM campaign_activity
        WHERE campaign = ? AND effective <= ? AND position <= ? ORDER BY effective, position`),
      changes: db.prepare(`SELECT effective, partner_id AS partnerId, method, path, changes FROM campaign_changes
        WHERE campaign = ? AND effective <= ? AND position <= ? ORDER BY effective, position`),
      usedBetween: db.prepare(`SELECT 1 FROM campaigns c JOIN campaign_changes f ON f.campaign = c.id
        WHERE c.advertiser_id = ? AND f.effective >= ? AND f.effective < ? AND f.effective <= ? AND f.position <= ?
        LIMIT 1`),
    };
  }

  apply(event: Recorded): void {
    if (!event.stream.startsWith('campaign-')) return;
    const fact = event as unknown as CampaignEvent;
    const effective = epochMs(fact.data.occurredAt);
    switch (fact.type) {
      case 'CampaignActivated': {
        const { campaignId, plannedEnd } = fact.data;
        const campaign = this.campaign(campaignId, event, fact.data);
        const end = plannedEnd === undefined ? null : epochMs(plannedEnd);
        this.statements.activity.run(campaign, effective, event.position, 1, end);
        return;
      }
      case 'CampaignPaused':
      case 'CampaignEnded':
        this.statements.activity.run(this.campaign(fact.data.campaignId, event), effective, event.position, 0, null);
        return;
      case 'ApiChangeRecorded': {
        const { partnerId, method, path, changes } = changeOf(fact);
        const campaign = this.campaign(fact.data.campaignId, event, fact.data);
        this.statements.change.run(campaign, effective, event.position, partnerId, method, path, changes);
        return;
      }
      default:
        never(fact);
    }
  }

  forget(): void {
    // Nothing is kept outside the tables.
  }

  /** What is known of the advertiser's campaigns of all products in a marketplace, effective by then; by campaignId. */
  factsIn(advertiserId: string, marketplace: string, moment: Moment): readonly CampaignFacts[] {
    return this.statements.owned
      .all(advertiserId, marketplace, moment.known)
      .map((row) => this.facts(row, moment))
      .filter(({ activity, changes }) => activity.length + changes.length > 0);
  }

  /** When the first campaign of the advertiser, of any marketplace and product, was activated, by then. */
  firstActivation(advertiserId: string, { asOf, known }: Moment): Instant | null {
    return instantIn(this.statements.firstActive.get(advertiserId, known, epochMs(asOf), known)?.['first']);
  }

  private facts(row: Row, { asOf, known }: Moment): CampaignFacts {
    const until = epochMs(asOf);
    const { activities, changes } = this.statements;
    return {
      campaignId: String(row['campaignId']),
      product: String(row['product']),
      activity: activities.all(row['id']!, until, known).map(({ effective, active, plannedEnd }) => {
        const at = instantOf(Number(effective));
        return active === 1n ? { at, active: true, plannedEnd: instantIn(plannedEnd) } : { at, active: false };
      }),
      changes: changes
        .all(row['id']!, until, known)
        .map(
          ({ effective, changes: count, ...change }) =>
            ({ ...change, at: instantOf(Number(effective)), changes: Number(count) }) as ApiChange,
        ),
    };
  }

  /** Whether any API change of the advertiser lies in [from, to), effective by then. */
  usedApiBetween(advertiserId: string, from: Instant, to: Instant, { asOf, known }: Moment): boolean {
    const row = this.statements.usedBetween.get(advertiserId, epochMs(from), epochMs(to), epochMs(asOf), known);
    return row !== undefined;
  }

  private campaign(campaignId: string, { position }: Recorded, owner?: CampaignOwner): bigint {
    const row = this.statements.campaign.get(campaignId) ?? this.statements.create.get(campaignId)!;
    const id = row['id'] as bigint;
    if (owner && row['ownedFrom'] === null) {
      this.statements.own.run(position, owner.advertiserId, owner.marketplace, owner.product, id);
    }
    return id;
  }
}
