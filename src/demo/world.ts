import { epochMs, parseInstant, type Instant } from '../kernel/instant.js';

/** What the generated season takes from the real one: marketplaces, calls, dates. */
export const PROMOTION_ID = 'amazon-ads-api-click-credit-2022';

export const HOUR_S = 3600;
export const DAY_S = 24 * HOUR_S;

export interface Market {
  readonly marketplace: string;
  readonly currency: string;
  /** Share of the accounts. */
  readonly weight: number;
  /** About so many minor units cost what one US dollar does: for plausible prices a click, never for conversion. */
  readonly minorPerDollar: bigint;
}

export const MARKETS: readonly [Market, ...Market[]] = [
  { marketplace: 'US', currency: 'USD', weight: 26, minorPerDollar: 100n },
  { marketplace: 'UK', currency: 'GBP', weight: 14, minorPerDollar: 87n },
  { marketplace: 'DE', currency: 'EUR', weight: 14, minorPerDollar: 99n },
  { marketplace: 'JP', currency: 'JPY', weight: 8, minorPerDollar: 143n },
  { marketplace: 'CA', currency: 'CAD', weight: 6, minorPerDollar: 136n },
  { marketplace: 'FR', currency: 'EUR', weight: 6, minorPerDollar: 99n },
  { marketplace: 'IT', currency: 'EUR', weight: 5, minorPerDollar: 99n },
  { marketplace: 'ES', currency: 'EUR', weight: 5, minorPerDollar: 99n },
  { marketplace: 'AU', currency: 'AUD', weight: 4, minorPerDollar: 152n },
  { marketplace: 'NL', currency: 'EUR', weight: 3, minorPerDollar: 99n },
  { marketplace: 'AE', currency: 'AED', weight: 3, minorPerDollar: 367n },
  { marketplace: 'SG', currency: 'SGD', weight: 2, minorPerDollar: 140n },
  { marketplace: 'PL', currency: 'PLN', weight: 2, minorPerDollar: 474n },
  { marketplace: 'TR', currency: 'TRY', weight: 2, minorPerDollar: 1862n },
];

export type Product = 'SP' | 'SB' | 'SD';

interface ProductCalls {
  readonly product: Product;
  /** Share of the campaigns. */
  readonly weight: number;
  /** What POST and PUT on these change is what the terms count. */
  readonly changing: readonly [string, ...string[]];
  /** Calls that tools make all day and that change nothing. */
  readonly reading: readonly [Call, ...Call[]];
}

export interface Call {
  readonly method: string;
  readonly path: string;
}

export const PRODUCTS: readonly [ProductCalls, ...ProductCalls[]] = [
  {
    product: 'SP',
    weight: 6,
    changing: ['/v2/sp/campaigns', '/v2/sp/adGroups', '/v2/sp/targets', '/v2/sp/negativeTargets', '/v2/sp/productAds'],
    reading: [
      { method: 'POST', path: '/sp/campaigns/list' },
      { method: 'POST', path: '/sp/targets/bid/recommendations' },
      { method: 'GET', path: '/v2/sp/campaigns' },
    ],
  },
  {
    product: 'SB',
    weight: 3,
    changing: ['/sb/campaigns', '/sb/adGroups', '/sb/targets', '/sb/negativeTargets', '/sb/productAds'],
    reading: [
      { method: 'POST', path: '/sb/v4/campaigns/list' },
      { method: 'GET', path: '/sb/campaigns' },
    ],
  },
  {
    product: 'SD',
    weight: 2,
    changing: [
      '/sd/campaigns',
      '/sd/adGroups',
      '/sd/targets',
      '/sd/negativeTargets',
      '/sd/productAds',
      '/sd/budgetRules',
    ],
    reading: [
      { method: 'POST', path: '/sd/targets/bid/recommendations' },
      { method: 'GET', path: '/sd/campaigns' },
    ],
  },
];

export const PARTNERS: readonly [string, ...string[]] = [
  'alder-ads',
  'birch-bids',
  'cedar-clicks',
  'dogwood-tools',
  'elm-engine',
];

/** Seconds since 1970 of an instant written out. */
export const seconds = (text: string): number => epochMs(at(text)) / 1000;

/** First instant of the promotion: 22 August 00:00 in Los Angeles. */
const START_S = seconds('2022-08-22T07:00:00Z');

/** About the first instant of a promotion week, from 1; an hour off once the clocks have changed. */
export const weekStartS = (week: number): number => START_S + (week - 1) * 7 * DAY_S;

/** After this week no campaign can get four weeks in a row any more. */
export const LAST_FULL_WEEK = 18;

/** What is done to the ledger between deliveries. Sweeps come a few hours after the three days of grace. */
export type Step =
  | { readonly kind: 'run'; readonly date: string; readonly at: Instant }
  | { readonly kind: 'expiry'; readonly at: Instant };

export const STEPS: readonly Step[] = [
  { kind: 'run', date: '2022-10-04', at: at('2022-10-04T07:00:00Z') },
  { kind: 'expiry', at: at('2022-10-20T12:00:00Z') },
  { kind: 'run', date: '2022-11-01', at: at('2022-11-01T07:00:00Z') },
  { kind: 'expiry', at: at('2022-11-06T12:00:00Z') },
  { kind: 'expiry', at: at('2022-12-04T12:00:00Z') },
  { kind: 'run', date: '2022-12-06', at: at('2022-12-06T08:00:00Z') },
  { kind: 'run', date: '2023-01-03', at: at('2023-01-03T08:00:00Z') },
  { kind: 'expiry', at: at('2023-01-08T12:00:00Z') },
  { kind: 'expiry', at: at('2023-02-06T00:00:00Z') },
];

/** When the runs are, in seconds. */
export const RUNS_S: readonly number[] = STEPS.filter((step) => step.kind === 'run').map((step) => seconds(step.at));

/** The first day of the file of rates. */
export const FIRST_RATES: Instant = at('2022-05-02T14:00:00Z');
/** The last expiry run: every credit of the season has ended, and so has the delivery of facts. */
export const CLOSE: Instant = at('2023-02-06T00:00:00Z');
/** October's end: the November run is seven hours later. */
export const MONTH_END: Instant = at('2022-11-01T00:00:00Z');
/** The first second of the next financial year, in UTC. */
export const YEAR_END: Instant = at('2023-01-01T00:00:00Z');

function at(text: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) throw new Error(`not an instant: ${text}`);
  return instant;
}
