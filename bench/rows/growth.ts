import { accountDecider, type AccountState } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { DAY_MS, type Instant, parseInstant, plusMs } from '../../src/kernel/instant.js';
import { moneyOf } from '../../src/kernel/money.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { calendarOf } from '../../src/promotions/domain/calendar.js';
import type { SubjectFacts } from '../../src/promotions/domain/facts.js';
import { qualificationsOf } from '../../src/promotions/domain/qualification.js';
import { rulesOf } from '../../src/promotions/domain/rules.js';
import { MARKETPLACE, published } from '../clicks.js';
import {
  alternately,
  compared,
  type Contestant,
  type Effort,
  median,
  milliseconds,
  msEach,
  type Row,
  type Turns,
} from '../measure.js';

const CREDITS = { sizes: [10, 20, 50, 100], looks: 400_000 };
const CAMPAIGNS = { sizes: [10, 30, 100, 300, 1000], looks: 6000 };
const NOW = parseInstant('2022-10-05T00:00:00Z')!;
const ADVERTISER = { advertiserId: 'advertiser-0', marketplace: MARKETPLACE };

/** Row 12: what one click and one qualification cost as there is more to look at; figures against those of the least. */
export async function growthRows(effort: Effort): Promise<Row[]> {
  return [
    await grown('burn-down of a click, paid by the last of 100 live credits | 10', CREDITS, burningDown(false), effort),
    await grown('burn-down of a click that draws on each of 100 live credits | 10', CREDITS, burningDown(true), effort),
    await grown('qualification with 1,000 campaigns | 10', CAMPAIGNS, qualifying, effort),
  ];
}

async function grown(
  measure: string,
  /** Of so many things each, and so many looked at in a turn: short turns would measure the compiler. */
  { sizes, looks }: { readonly sizes: readonly number[]; readonly looks: number },
  workOn: (size: number) => () => void,
  effort: Effort,
): Promise<Row> {
  const contestant = (size: number): Contestant => {
    const work = workOn(size);
    const done = Math.ceil((looks * effort.share) / size);
    return {
      run: async () => {
        for (let n = 0; n < done; n += 1) work();
        return { done };
      },
    };
  };
  const rates = await alternately(Object.fromEntries(sizes.map((size) => [size, contestant(size)])), effort);
  const msOf = (size: number): Turns => msEach(rates[size]!);
  const [least, most] = [sizes[0]!, sizes.at(-1)!];
  const { ratio, told } = compared(msOf(most), msOf(least));
  return {
    number: '12',
    measure,
    figure: milliseconds(median(msOf(most))),
    reference: milliseconds(median(msOf(least))),
    ...told,
    target: `≤ ${most / least}`,
    met: ratio <= most / least,
    note: sizes.map((size) => `${size}: ${milliseconds(median(msOf(size)))}`).join(', '),
  };
}

/** Decides and applies a click that takes the last cent of each credit; or of one that comes last, when the others hold nothing. */
const burningDown = (ofEach: boolean) => (credits: number) => {
  const given = Array.from({ length: credits }, (_, n) => credit(n, ofEach || n === credits - 1 ? 1n : 0n));
  const state = given.reduce<AccountState>((before, event) => accountDecider.evolve(before, event), {
    opened: { currency: 'USD', at: NOW },
    credits: [],
  });
  const draws = ofEach ? credits : 1;
  const cost = moneyOf(BigInt(draws), 'USD');
  const data = { ...ADVERTISER, clickId: 'click', campaignId: 'campaign', product: 'SP', cost, occurredAt: at(2) };
  return () => {
    const decision = accountDecider.decide({ type: 'ClickSpent', data }, state, () => undefined);
    if (isRefusal(decision)) throw new Error(decision.detail);
    const after = decision.reduce((before, event) => accountDecider.evolve(before, event), state);
    if (after.credits.filter(({ drawn }) => drawn === 1n).length !== draws)
      throw new Error('not drawn as it should be');
  };
};

const credit = (n: number, minor: bigint): AccountEvent => ({
  type: 'CreditApplied',
  data: {
    ...ADVERTISER,
    creditId: `credit-${n}`,
    promotionId: `promotion-${n}`,
    product: 'SP',
    granted: moneyOf(minor, 'USD'),
    applied: moneyOf(minor, 'USD'),
    fx: null,
    qualifiedAt: null,
    campaignId: null,
    appliedAt: at(1),
    expiresAt: at(30 + n),
    sweepableAt: at(60 + n),
    appliesTo: ['SP'],
    origin: 'manual',
  },
});

/** Of every product, by the terms that clients know, none of which the campaigns meet: each is looked at to its end. */
function qualifying(campaigns: number): () => void {
  const { data } = published(0) as unknown as { data: { terms: Parameters<typeof rulesOf>[0] } };
  const [rules, calendar] = [rulesOf(data.terms), calendarOf(data.terms)];
  const [start, asOf] = [calendar.start, plusMs(calendar.start, 30 * DAY_MS)];
  const invitation = { partnerId: 'partner-1', at: start };
  const facts: SubjectFacts = {
    ...ADVERTISER,
    enrollment: { invitation, withdrawnAt: null, activatedAt: null, redeemed: [], attested: [] },
    campaigns: Array.from({ length: campaigns }, (_, n) => ({
      campaignId: `campaign-${n}`,
      product: rules.products[n % rules.products.length]!,
      activity: [{ at: plusMs(start, n), active: true }],
      changes: [1, 8, 15].map((day) => ({
        at: plusMs(start, day * DAY_MS + n),
        partnerId: 'partner-1',
        method: 'PUT',
        path: '/v2/sp/campaigns',
        changes: 1,
      })),
    })),
    spend: [],
    currency: 'USD',
    openedAt: start,
    first: { campaign: null, spend: null, account: null },
    priorApiUse: false,
  };
  const asked = { rules, calendar, facts, terminatedAt: null, excludedSince: null, credits: [], completed: [], asOf };
  return () => {
    const items = qualificationsOf({
      ...asked,
      runs: calendar.runs,
      convertAt: (money) => ({ money, fx: null }),
    });
    if (items.length === 0) throw new Error('nothing was told');
  };
}

/** So many days later. */
function at(days: number): Instant {
  return plusMs(NOW, days * DAY_MS);
}
