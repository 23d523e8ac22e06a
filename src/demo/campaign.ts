import type { Account } from './advertiser.js';
import { habitOf, isPrompt, type Behaviour } from './cast.js';
import type { Random } from './random.js';
import type { Post } from './season.js';
import { DAY_S, HOUR_S, LAST_FULL_WEEK, PARTNERS, PRODUCTS, weekStartS, type Call, type Product } from './world.js';

export interface Campaign {
  readonly campaignId: string;
  readonly product: Product;
  /** When it shows ads, in seconds: [from, to) without the pause, if it has one. */
  readonly activeFromS: number;
  readonly activeToS: number;
  readonly pause: { readonly fromS: number; readonly toS: number } | null;
}

/** Most facts come at once; one change in a hundred is a fortnight late, which may be after the run it would have made. */
const LATE_PER_THOUSAND = 10;

/** A campaign's activity and the changes that the tool makes to it. */
export function playCampaign(random: Random, account: Account, product: Product, post: Post): Campaign {
  const { behaviour } = account;
  const habit = habitOf(behaviour);
  const startWeek = random.between(...habit.starts);
  const campaign = activity(random, startWeek, product, behaviour);
  const { campaignId } = campaign;
  const owner = { campaignId, advertiserId: account.advertiserId, marketplace: account.market.marketplace, product };

  post.send('CampaignActivated', campaign.activeFromS, owner);
  if (campaign.pause !== null) {
    const reason = random.pick(['budget', 'out-of-stock']);
    post.send('CampaignPaused', campaign.pause.fromS, { campaignId, reason });
    post.send('CampaignActivated', campaign.pause.toS, owner);
  }
  post.send('CampaignEnded', campaign.activeToS, { campaignId });

  const lastWeek = Math.min(startWeek + random.between(...habit.weeks) - 1, LAST_FULL_WEEK);
  const missed = behaviour === 'misses-a-week' ? startWeek + random.between(1, 3) : 0;
  for (let week = startWeek; week <= lastWeek; week++) {
    if (week !== missed) playWeek(random, account, owner, week, post);
  }
  return campaign;
}

function activity(random: Random, startWeek: number, product: Product, behaviour: Behaviour): Campaign {
  const activeFromS = weekStartS(startWeek) + random.between(0, 11 * HOUR_S);
  const pausedFromS = activeFromS + random.between(5 * DAY_S, 22 * DAY_S);
  return {
    campaignId: `${random.between(100_000_000, 999_999_999)}${random.between(100_000, 999_999)}`,
    product,
    activeFromS,
    activeToS: activeFromS + random.between(70 * DAY_S, 110 * DAY_S),
    pause: behaviour === 'pauses' ? { fromS: pausedFromS, toS: pausedFromS + random.between(4, 24) * DAY_S } : null,
  };
}

/** One call that counts, unless the tool only reads, and perhaps one more of any kind. */
function playWeek(
  random: Random,
  account: Account,
  owner: { readonly product: Product },
  week: number,
  post: Post,
): void {
  const calls = [
    account.behaviour === 'reads-only' ? readingCall(random, owner.product) : changingCall(random, owner.product),
  ];
  if (random.chance(250)) calls.push(readingCall(random, owner.product));
  if (random.chance(150) && account.behaviour !== 'reads-only') calls.push(changingCall(random, owner.product));
  for (const call of calls) {
    const occurredS = weekStartS(week) + random.between(12 * HOUR_S, 156 * HOUR_S);
    const late = !isPrompt(account.behaviour) && random.chance(LATE_PER_THOUSAND);
    const lateS = late ? random.between(3, 14) * DAY_S : 0;
    const changeId = `chg-${random.letters(14)}`;
    // Now and then another tool of the advertiser's makes a change, which does not count for the inviting partner.
    const partnerId = call.others ? random.pick(PARTNERS) : account.partnerId;
    const { method, path } = call;
    const data = { changeId, ...owner, partnerId, method, path, changes: random.between(1, 9) };
    post.send('ApiChangeRecorded', occurredS, data, occurredS + lateS);
  }
}

type WeeklyCall = Call & { readonly others: boolean };

/** On a collection, on one resource by its number, or with a query string: all three are the same action. */
function changingCall(random: Random, product: Product): WeeklyCall {
  const path = random.pick(callsOf(product).changing);
  const method = random.pick(['POST', 'PUT', 'PUT']);
  const form = random.between(1, 10);
  if (form === 1) return { method, path: `${path}?locale=en_US`, others: false };
  return { method, path: form <= 3 ? `${path}/${random.between(10_000_000, 999_999_999)}` : path, others: false };
}

const readingCall = (random: Random, product: Product): WeeklyCall => ({
  ...random.pick(callsOf(product).reading),
  others: random.chance(100),
});

function callsOf(product: Product) {
  return PRODUCTS.find((calls) => calls.product === product) ?? PRODUCTS[0];
}
