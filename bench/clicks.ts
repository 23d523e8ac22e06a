import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What is measured with: an account whose credits pay for its clicks, and clicks without end, the same from one seed. */
export const START_MS = Date.UTC(2022, 9, 5);
export const DAY_MS = 86_400_000;
const CLICK_EVERY_MS = 1500;
const EXAMPLE = 'examples/promotions/amazon-ads-api-click-credit-2022.json';

export interface Command {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

export const advertiserOf = (account: number): string => `advertiser-${account}`;
export const MARKETPLACE = 'US';

const instant = (ms: number): string => new Date(ms).toISOString();

/** Clicks of one account, each later than the one before; ids are as random as those of a tracker. */
export class Clicks {
  private next = 0;

  constructor(
    private readonly account: number,
    private readonly seed: string,
    /** Of the first of them, from the account's first credit on. */
    private readonly fromMs: number,
    private readonly everyMs = CLICK_EVERY_MS,
  ) {}

  data(): Record<string, unknown> {
    const n = this.next++;
    const id = createHash('sha1').update(`${this.seed} ${this.account} ${n}`).digest('hex').slice(0, 20);
    return {
      advertiserId: advertiserOf(this.account),
      marketplace: MARKETPLACE,
      clickId: id,
      campaignId: `campaign-${this.account}`,
      product: 'SP',
      cost: { amount: `0.${String(10 + ((n * 37) % 90))}`, currency: 'USD' },
      occurredAt: instant(START_MS + this.fromMs + n * this.everyMs),
    };
  }

  command(): Command {
    return { type: 'ClickSpent', data: this.data() };
  }
}

/** Promotions that grant by hand as much as is asked for, in dollars, so that no rate is needed: one for each credit of an account. */
const promotionOf = (n: number): string => `bench-${n}`;

export function published(n: number): Command {
  const terms = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as { award: object };
  const award = { ...terms.award, capPerMarketplace: { amount: '10000000000.00', currency: 'USD' } };
  return { type: 'PromotionPublished', data: { promotionId: promotionOf(n), terms: { ...terms, award } } };
}

export const opened = (account: number): Command => ({
  type: 'AccountOpened',
  data: {
    advertiserId: advertiserOf(account),
    marketplace: MARKETPLACE,
    currency: 'USD',
    occurredAt: instant(START_MS - DAY_MS),
  },
});

/** The account's credit number `n`, from so many days after its first click on. */
export const granted = (account: number, n: number, amount: string, day = 0): Command => ({
  type: 'CreditApplied',
  data: {
    creditId: `credit-${account}-${n}`,
    promotionId: promotionOf(n),
    advertiserId: advertiserOf(account),
    marketplace: MARKETPLACE,
    product: 'SP',
    granted: { amount, currency: 'USD' },
    appliedAt: instant(START_MS + day * DAY_MS),
    reason: 'For measuring.',
  },
});
