import { isPrompt, type Behaviour } from './cast.js';
import { playCampaign, type Campaign } from './campaign.js';
import type { Random } from './random.js';
import type { Post } from './season.js';
import { playSpending, SPENDERS } from './spending.js';
import {
  DAY_S,
  HOUR_S,
  MARKETS,
  PARTNERS,
  PRODUCTS,
  PROMOTION_ID,
  seconds,
  type Market,
  type Product,
} from './world.js';

export interface Advertiser {
  readonly advertiserId: string;
  readonly partnerId: string;
  readonly behaviour: Behaviour;
}

export interface Account extends Advertiser {
  readonly market: Market;
  /** From when the ledger knows that the account is open, in seconds. */
  readonly knownFromS: number;
  /** After this nobody clicks any more, in seconds. */
  readonly closedFromS: number;
}

const FIRST_RUN_S = seconds('2022-10-04T07:00:00Z');
const SEASON_END_S = seconds('2023-01-27T00:00:00Z');

/** All that an advertiser does in a season is sent to `post`. Answers its id. */
export function playAdvertiser(random: Random, number: number, behaviour: Behaviour, post: Post): string {
  const advertiserId = `A${random.letters(9)}${number.toString(36).toUpperCase().padStart(4, '0')}`;
  const advertiser = { advertiserId, partnerId: random.pick(PARTNERS), behaviour };
  if (behaviour !== 'never-invited') invite(random, advertiser, post);
  const markets = random.sample(MARKETS, random.pick([1, 1, 2, 2, 3]));
  markets.forEach((market) => playAccount(random, advertiser, market, post));
  return advertiserId;
}

/** Most are invited before the season, a few in its midst: what their tool changed before counts all the same. */
function invite(random: Random, { advertiserId, partnerId, behaviour }: Advertiser, post: Post): void {
  const occurredS = seconds('2022-07-11T08:00:00Z') + random.between(0, 40 * DAY_S);
  const lateS = !isPrompt(behaviour) && random.chance(50) ? random.between(30, 60) * DAY_S : 0;
  post.send('AdvertiserInvited', occurredS + lateS, { promotionId: PROMOTION_ID, advertiserId, partnerId });
}

function playAccount(random: Random, advertiser: Advertiser, market: Market, post: Post): void {
  const account = open(random, advertiser, market, post);
  const products = random.sample(PRODUCTS, random.pick([1, 1, 2, 2, 3])).map(({ product }) => product);
  const spender = random.weighted(SPENDERS);
  const campaigns = products.flatMap((product) =>
    Array.from({ length: random.pick([1, 1, 1, 2]) }, () => playCampaign(random, account, product, post)),
  );
  if (account.behaviour === 'prior-api-use') changeBefore(random, account, campaigns, post);
  if (account.behaviour === 'goodwill-to-the-cap') grantGoodwill(random, account, post);
  if (account.behaviour === 'fraud') revoke(account, products, post);
  playSpending(random, account, campaigns, spender, post);
}

function open(random: Random, advertiser: Advertiser, market: Market, post: Post): Account {
  const { behaviour, advertiserId } = advertiser;
  const id = { advertiserId, marketplace: market.marketplace };
  const openedS = seconds('2022-03-01T09:00:00Z') + random.between(0, 100 * DAY_S);
  const knownFromS = behaviour === 'late-account' ? FIRST_RUN_S + random.between(3, 14) * DAY_S : openedS;
  post.send('AccountOpened', openedS, { ...id, currency: market.currency }, knownFromS);

  const late = behaviour === 'late-payment-method';
  const payableS = late ? FIRST_RUN_S + random.between(2, 24) * DAY_S : openedS + random.between(60, DAY_S);
  post.send('PaymentMethodChanged', payableS, { ...id, valid: true }, Math.max(payableS, knownFromS + 60));

  if (behaviour === 'suspended-at-run') suspendOverFirstRun(random, id, post);
  const fraudS = FIRST_RUN_S + random.between(8, 20) * DAY_S;
  const closedFromS = behaviour === 'fraud' ? fraudS : SEASON_END_S;
  return { ...advertiser, market, knownFromS, closedFromS };
}

function suspendOverFirstRun(random: Random, id: object, post: Post): void {
  const fromS = FIRST_RUN_S - random.between(2, 9) * DAY_S;
  const toS = FIRST_RUN_S + random.between(2, 20) * DAY_S;
  post.send('AccountStandingChanged', fromS, { ...id, standing: 'suspended', reason: 'policy review' });
  post.send('AccountStandingChanged', toS, { ...id, standing: 'good', reason: 'review closed' });
}

/** A few calls in the three months before the start are enough to make an advertiser ineligible for good. */
function changeBefore(random: Random, account: Account, campaigns: readonly Campaign[], post: Post): void {
  for (const { campaignId, product } of campaigns) {
    const occurredS = seconds('2022-06-01T00:00:00Z') + random.between(0, 75 * DAY_S);
    post.send('ApiChangeRecorded', occurredS, {
      changeId: `chg-${random.letters(14)}`,
      campaignId,
      advertiserId: account.advertiserId,
      marketplace: account.market.marketplace,
      product,
      partnerId: account.partnerId,
      method: 'PUT',
      path: PRODUCTS.find((calls) => calls.product === product)?.changing[0],
      changes: random.between(1, 3),
    });
  }
}

/** USD 450 by hand leave room for no credit of USD 200 under the cap of USD 600. */
function grantGoodwill(random: Random, { advertiserId, market }: Account, post: Post): void {
  post.send('CreditApplied', seconds('2022-09-05T09:00:00Z') + random.between(0, 10 * DAY_S), {
    creditId: `goodwill-${random.letters(8)}`,
    promotionId: PROMOTION_ID,
    advertiserId,
    marketplace: market.marketplace,
    product: 'SD',
    granted: { amount: '450.00', currency: 'USD' },
    reason: 'goodwill: wrong invoice in July',
  });
}

/** Nothing draws on the account after `closedFromS`, so that the revocation is not too early. */
function revoke({ advertiserId, market, closedFromS }: Account, products: readonly Product[], post: Post): void {
  const id = { advertiserId, marketplace: market.marketplace };
  for (const product of products) {
    const creditId = `${PROMOTION_ID}:${advertiserId}:${market.marketplace}:${product}`;
    post.send('CreditRevoked', closedFromS + HOUR_S, { ...id, creditId, reason: 'click fraud', clawback: true });
  }
  post.send('AccountStandingChanged', closedFromS + HOUR_S, { ...id, standing: 'suspended', reason: 'click fraud' });
}
