import type { Position } from '../event-store/event-store.js';
import { epochMs, instantOf, type Instant } from '../kernel/instant.js';
import { once } from '../kernel/once.js';
import { isRefusal } from '../kernel/refusal.js';
import type { PromotionCalendar } from '../promotions/domain/events.js';
import type { SpendFact, SubjectFacts } from '../promotions/domain/facts.js';
import type { Rules } from '../promotions/domain/rules.js';
import type { AccountKey } from './accounts-queries.js';
import type { AccountsReader } from './accounts-reader.js';
import type { CampaignsModel } from './campaigns-model.js';
import type { ReadModelDatabase, Statement } from './database.js';
import { instantIn, type Moment } from './moment.js';
import type { PromotionsModel } from './promotions-model.js';

/** So many candidates are read at a time: no statement stays open while others write. */
const CHUNK = 500;

/** What was spent and is not reversed, by what is known and effective. Reversals are few, and have an index. */
const SPEND = `FROM account_lines line
  WHERE line.account = %account AND line.kind IN ('click', 'impressions')
    AND line.effective <= :asOf AND line.position <= :known
    AND NOT EXISTS (SELECT 1 FROM account_lines reversal
      WHERE reversal.kind = 'click-reversed' AND reversal.account = line.account AND reversal.click_id = line.click_id
        AND reversal.effective <= :asOf AND reversal.position <= :known)
  ORDER BY line.effective, line.position`;

/** Whom promotions are about: what is known of an advertiser in a marketplace, and who may come in question at all. */
export class Subjects {
  private readonly statements: Record<'spend' | 'first' | 'reversal' | 'present' | 'advertisers', Statement>;

  constructor(
    db: ReadModelDatabase,
    private readonly reader: AccountsReader,
    private readonly campaigns: CampaignsModel,
    private readonly promotions: PromotionsModel,
  ) {
    const here = (table: string, knownFrom: string, advertiser: string) => `
      SELECT advertiser_id AS advertiserId, marketplace FROM ${table}
      WHERE ${advertiser} AND ${knownFrom} <= :known AND marketplace IN (SELECT value FROM json_each(:marketplaces))`;
    const present = (advertiser: string) =>
      `${here('accounts', 'position', advertiser)} UNION ${here('campaigns', 'owned_from', advertiser)}
      ORDER BY advertiserId, marketplace`;
    this.statements = {
      spend: db.prepare(`SELECT line.effective, line.kind, line.product, line.billable
        ${SPEND.replace('%account', ':account')}`),
      first: db.prepare(`SELECT min(iif(opened_at <= :asOf, opened_at, NULL)) AS account,
          min((SELECT line.effective ${SPEND.replace('%account', 'accounts.id')} LIMIT 1)) AS spend
        FROM accounts WHERE advertiser_id = :advertiserId AND position <= :known`),
      reversal: db.prepare(`SELECT min(line.effective) AS next FROM accounts JOIN account_lines line
          ON line.account = accounts.id AND line.kind = 'click-reversed'
        WHERE accounts.advertiser_id = ? AND line.effective > ? AND line.position <= ?`),
      present: db.prepare(present('advertiser_id = :advertiserId')),
      // Both halves come in this order by an index, so SQLite merges them and reads no further than the chunk.
      advertisers: db.prepare(
        `${present('(advertiser_id, marketplace) > (:afterAdvertiser, :afterMarketplace)')} LIMIT ${CHUNK}`,
      ),
    };
  }

  /** All that conditions look at. What only some of them need, and may be long, is read when it is looked at. */
  factsOf(
    promotionId: string,
    { dormantFrom, start }: PromotionCalendar,
    advertiserId: string,
    marketplace: string,
    moment: Moment,
  ): SubjectFacts {
    const { asOf, known } = moment;
    const row = this.reader.account(advertiserId, marketplace, known);
    const account = isRefusal(row) || row.openedAt > asOf ? null : row;
    const campaigns = once(() => this.campaigns.factsIn(advertiserId, marketplace, moment));
    const spend = once(() => (account ? this.spend(account.id, moment) : []));
    const first = once(() => this.first(advertiserId, moment));
    return {
      advertiserId,
      marketplace,
      enrollment: this.promotions.enrollment(promotionId, advertiserId, moment),
      currency: account?.currency ?? null,
      openedAt: account?.openedAt ?? null,
      priorApiUse: dormantFrom !== null && this.campaigns.usedApiBetween(advertiserId, dormantFrom, start, moment),
      get campaigns() {
        return campaigns();
      },
      get spend() {
        return spend();
      },
      get first() {
        return first();
      },
    };
  }

  /** The next click of the advertiser that is reversed, anywhere, after the moment: spend that counted until then. */
  nextReversal(advertiserId: string, { asOf, known }: Moment): Instant | null {
    return instantIn(this.statements.reversal.get(advertiserId, epochMs(asOf), known)?.['next']);
  }

  /**
   * Where credits may be given: marketplaces of the rules in which an advertiser is known to have an account or a campaign,
   * of those invited when the rules ask for an invitation. By advertiserId, then marketplace.
   */
  *candidates(promotionId: string, { marketplaces, eligibility }: Rules, moment: Moment): Generator<AccountKey> {
    const listed = JSON.stringify(marketplaces);
    if (eligibility.invitation === 'required') {
      for (const advertiserId of this.promotions.invited(promotionId, moment)) {
        yield* keysOf(this.statements.present.all({ advertiserId, known: moment.known, marketplaces: listed }));
      }
    } else {
      yield* this.everyone(listed, moment.known);
    }
  }

  private *everyone(marketplaces: string, known: Position): Generator<AccountKey> {
    let last: AccountKey = { advertiserId: '', marketplace: '' };
    for (;;) {
      const rows = this.statements.advertisers.all({
        marketplaces,
        known,
        afterAdvertiser: last.advertiserId,
        afterMarketplace: last.marketplace,
      });
      const keys = keysOf(rows);
      yield* keys;
      if (keys.length < CHUNK) return;
      last = keys[CHUNK - 1]!;
    }
  }

  private spend(account: number, { asOf, known }: Moment): readonly SpendFact[] {
    return this.statements.spend.all({ account, asOf: epochMs(asOf), known }).map((row) => ({
      at: instantOf(Number(row['effective'])),
      product: String(row['product']),
      kind: row['kind'] === 'click' ? 'clicks' : 'impressions',
      own: BigInt(row['billable'] as string),
    }));
  }

  /** Over all marketplaces. */
  private first(advertiserId: string, moment: Moment): SubjectFacts['first'] {
    const row = this.statements.first.get({ advertiserId, asOf: epochMs(moment.asOf), known: moment.known });
    return {
      campaign: this.campaigns.firstActivation(advertiserId, moment),
      spend: instantIn(row?.['spend']),
      account: instantIn(row?.['account']),
    };
  }
}

const keysOf = (rows: readonly Record<string, unknown>[]): readonly AccountKey[] =>
  rows.map(({ advertiserId, marketplace }) => ({
    advertiserId: String(advertiserId),
    marketplace: String(marketplace),
  }));
