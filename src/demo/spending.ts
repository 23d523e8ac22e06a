import { formatMinor } from '../kernel/money.js';
import type { Account } from './advertiser.js';
import { isPrompt } from './cast.js';
import type { Campaign } from './campaign.js';
import type { Random } from './random.js';
import type { Post } from './season.js';
import { DAY_S, HOUR_S, RUNS_S } from './world.js';

/** How much an account spends on each campaign. */
export interface Spender {
  readonly weight: number;
  readonly clicks: readonly [least: number, most: number];
  /** What a click costs, in hundredths of a US dollar's worth. */
  readonly cents: readonly [least: number, most: number];
}

/** A heavy spender uses up a credit of USD 200 in its 30 days, a middling one a part of it, a light one hardly any. */
export const SPENDERS: readonly [Spender, ...Spender[]] = [
  { weight: 25, clicks: [110, 170], cents: [160, 340] },
  { weight: 40, clicks: [35, 80], cents: [60, 260] },
  { weight: 35, clicks: [3, 18], cents: [40, 160] },
];

/** Of a thousand clicks. */
const LATE_PER_THOUSAND = 15;
const INVALID_PER_THOUSAND = 14;

const FOUR_WEEKS_S = 28 * DAY_S;

/** Clicks on an account's campaigns, some of them reported late, some found invalid afterwards. */
export function playSpending(
  random: Random,
  account: Account,
  campaigns: readonly Campaign[],
  spender: Spender,
  post: Post,
): void {
  for (const campaign of campaigns) {
    const clicks = random.between(...spender.clicks);
    for (let n = 0; n < clicks; n++) {
      const occurredS = clickTime(random, campaign);
      if (isShown(campaign, occurredS) && occurredS < account.closedFromS)
        playClick(random, account, campaign, occurredS, spender, post);
    }
  }
}

/** Nine clicks in ten are in the weeks about the run that the campaign is likely to make: who has a credit spends it. */
function clickTime(random: Random, campaign: Campaign): number {
  const runS = RUNS_S.find((run) => run >= campaign.activeFromS + FOUR_WEEKS_S);
  if (runS === undefined || random.chance(100)) return random.between(campaign.activeFromS, campaign.activeToS);
  return random.between(runS - 4 * DAY_S, runS + 37 * DAY_S);
}

const isShown = ({ activeFromS, activeToS, pause }: Campaign, atS: number): boolean =>
  atS >= activeFromS && atS < activeToS && !(pause !== null && atS >= pause.fromS && atS < pause.toS);

function playClick(
  random: Random,
  account: Account,
  campaign: Campaign,
  occurredS: number,
  spender: Spender,
  post: Post,
): void {
  const { currency, marketplace, minorPerDollar } = account.market;
  const costMinor = (BigInt(random.between(...spender.cents)) * minorPerDollar + 50n) / 100n;
  const id = { advertiserId: account.advertiserId, marketplace, clickId: `clk-${random.letters(14)}` };
  const honest = !isPrompt(account.behaviour);
  const lateS = honest && random.chance(LATE_PER_THOUSAND) ? random.between(1, 9) * DAY_S : random.between(1, 90);
  const arrivesS = Math.max(occurredS + lateS, account.knownFromS + HOUR_S);
  const cost = { amount: formatMinor(costMinor, currency), currency };
  post.send(
    'ClickSpent',
    occurredS,
    { ...id, campaignId: campaign.campaignId, product: campaign.product, cost },
    arrivesS,
  );
  if (!honest || !random.chance(INVALID_PER_THOUSAND)) return;

  // Traffic is judged within days and reported a while later: the reversal is effective before it is known.
  const judgedS = occurredS + random.between(HOUR_S, 6 * DAY_S);
  const reportedS = Math.max(judgedS, arrivesS) + random.between(HOUR_S, 8 * DAY_S);
  post.send('ClickReversed', judgedS, { ...id, reason: 'invalid traffic' }, reportedS);
}
