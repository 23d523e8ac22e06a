import { minorOf, type Money } from '../../kernel/money.js';
import { pointer } from '../../kernel/refusal.js';
import { conditionFaults, marketplaceFaults, NO_MARKETPLACE } from './terms-condition-faults.js';
import type { Draft, Reading } from './terms-readers.js';
import type { AmountTerms, AwardTerms, StageTerms, TermsV2 } from './terms.js';
import { plusYears } from './terms-values.js';

type Terms = Draft<TermsV2>;
type Report = Reading['fault'];

/**
 * What fields of version 2 can have wrong together. It is looked for in a draft, too: a fault in one place of a document
 * hides none in another, only what could not be read is passed over.
 */
export function faultsAcross(terms: Terms, _: string, fault: Report): void {
  if (terms.products?.includes('ALL')) {
    fault(
      `/products/${terms.products.indexOf('ALL')}`,
      'is not the name of a product: credits for all of them bear it',
    );
  }
  regionFaults(terms, fault);
  stackingFaults(terms, fault);
  stageFaults(terms, fault);
  conditionFaults(terms, fault);
  amountFaults(terms, fault);
}

/** Items of a list that could be read, with their paths. */
const itemsOf = <T>(items: readonly (T | undefined)[] | undefined, path: string) =>
  (items ?? []).flatMap((item, index) => (item === undefined ? [] : [{ item, path: `${path}/${index}` }]));

const stagesOf = ({ stages }: Terms) => itemsOf(stages, '/stages');

/** Null: the list has faults of its own, and says nothing of what is among it. */
const whole = <T>(items: readonly (T | undefined)[] | undefined): readonly T[] | null =>
  items && items.every((item) => item !== undefined) ? items : null;

function regionFaults({ regions = {}, marketplaces }: Terms, fault: Report): void {
  const listed = whole(marketplaces);
  const regionOf = new Map<string, string>();
  for (const [name, members] of Object.entries(regions)) {
    const at = `/regions${pointer(name)}`;
    if (listed?.includes(name) && !members?.includes(name)) fault(at, 'is the name of a marketplace outside it');
    for (const { item, path } of itemsOf(members, at)) {
      if (listed && !listed.includes(item)) fault(path, NO_MARKETPLACE);
      const other = regionOf.get(item);
      if (other !== undefined && other !== name) fault(path, `is in the region "${other}", too`);
      regionOf.set(item, name);
    }
  }
}

function stackingFaults({ eligibility, stacking }: Terms, fault: Report): void {
  const others = stacking?.with;
  if (others === undefined || others === 'any') return;
  for (const { item, path } of [
    ...itemsOf(eligibility?.excludes, '/eligibility/excludes'),
    ...itemsOf(stacking?.excludes, '/stacking/excludes'),
  ]) {
    if (others === 'none') fault(path, 'says nothing: it may be combined with none');
    else if (others.includes(item)) fault(path, 'is one of those that it may be combined with');
  }
}

function stageFaults(terms: Terms, fault: Report): void {
  const ids = new Set<string>();
  for (const { item: stage, path } of stagesOf(terms)) {
    if (stage.id !== undefined && ids.has(stage.id)) fault(`${path}/id`, 'is the id of another stage');
    if (stage.id !== undefined) ids.add(stage.id);
    disbursementFaults(stage, path, terms, fault);
    const { expiry } = stage;
    if (expiry && 'on' in expiry && terms.period?.start && expiry.on && expiry.on <= terms.period.start) {
      fault(`${path}/expiry/on`, 'must be after the start of the period');
    }
    if (stage.award && 'tiers' in stage.award) {
      tierFaults(stage.award.tiers, `${path}/award/tiers`, whole(terms.marketplaces) ?? [''], fault);
    }
  }
}

/** Runs are all written down when terms are published, so there is a last one, and not too many. */
function disbursementFaults(
  { disbursement }: Draft<StageTerms>,
  stage: string,
  { period }: Terms,
  fault: Report,
): void {
  if (!disbursement) return;
  const at = `${stage}/disbursement`;
  if (
    'holidays' in disbursement &&
    disbursement.schedule !== 'business-days' &&
    typeof disbursement.within === 'string'
  ) {
    fault(`${at}/holidays`, 'must not stand here: neither the runs nor the service level are in business days');
  }
  const start = period?.start;
  if (start === undefined) return;
  const dateFault = (date: string, path: string, isBefore: boolean) => {
    if (isBefore) fault(path, 'must not be before the start of the period');
    else if (date > plusYears(start, 11)) fault(path, 'must be within eleven years of the start of the period');
  };
  if ('until' in disbursement && disbursement.until !== undefined) {
    const { until } = disbursement;
    dateFault(until, `${at}/until`, until < start.slice(0, 'YYYY-MM-DD'.length));
  }
  if (!('dates' in disbursement)) return;
  const { dates, time = '00:00' } = disbursement;
  for (const { item: date, path } of itemsOf(dates, `${at}/dates`)) dateFault(date, path, `${date}T${time}:00` < start);
}

type Tiers = Draft<Extract<AwardTerms, { tiers: object }>>['tiers'];

/** In each marketplace both rise from tier to tier, and what is spent is in one currency. */
function tierFaults(tiers: Tiers, at: string, marketplaces: readonly string[], fault: Report): void {
  const items = itemsOf(tiers, at).map(({ item, path }) => ({
    spend: placed(item.spend, `${path}/spend`, marketplaces),
    amount: placed(item.amount, `${path}/amount`, marketplaces),
  }));
  items.slice(1).forEach((tier, index) => {
    const before = items[index]!;
    for (const spend of tier.spend) {
      const first = items[0]!.spend.find((other) => isWith(spend, other))?.money.currency;
      if (first !== undefined && first !== spend.money.currency) {
        fault(`${spend.path}/currency`, `must be ${first}, the currency of the first tier`);
      } else if (before.spend.some((other) => isNotMore(spend, other))) fault(`${spend.path}/amount`, NOT_RISING);
    }
    for (const amount of tier.amount) {
      if (before.amount.some((other) => isNotMore(amount, other))) fault(`${amount.path}/amount`, NOT_RISING);
    }
  });
}

const NOT_RISING = 'must be more than in the tier before';

/** Whether there is a marketplace for which both are. */
const isWith = (a: Placed, b: Placed): boolean => a.where.some((marketplace) => b.where.includes(marketplace));

const isNotMore = (a: Placed, b: Placed): boolean =>
  isWith(a, b) && a.money.currency === b.money.currency && minorOf(a.money) <= minorOf(b.money);

/** An amount of the terms, and the marketplaces for which it is. */
interface Placed {
  readonly money: Money;
  readonly path: string;
  readonly where: readonly string[];
}

function amountFaults(terms: Terms, fault: Report): void {
  const marketplaces = whole(terms.marketplaces);
  if (!marketplaces) return;
  const { perMarketplace, perProduct, perRegion, perAdvertiser, budget } = terms.caps ?? {};
  const read: ReadAmount = (amount, path) => {
    marketplaceFaults(amount, path, terms, fault);
    return placed(amount, path, marketplaces);
  };
  const awards = stagesOf(terms).flatMap(({ item, path }) => awardAmounts(item.award, `${path}/award`, read));
  for (const { item, path } of stagesOf(terms)) spendFaults(item.award, `${path}/award`, terms, fault);
  const local = [...read(perMarketplace, '/caps/perMarketplace'), ...read(perProduct, '/caps/perProduct')];
  const sums = Object.entries({ perRegion, perAdvertiser, budget }).flatMap(([name, cap]) =>
    read(cap, `/caps/${name}`),
  );
  currencyFaults([...awards, ...local], sums, fault);
  for (const cap of [...local, ...sums]) {
    if (awards.some((award) => isOver(award, cap))) fault(`${cap.path}/amount`, 'must not be less than an award');
  }
}

const isOver = (award: Placed, cap: Placed): boolean =>
  isWith(award, cap) && award.money.currency === cap.money.currency && minorOf(award.money) > minorOf(cap.money);

/** What is counted together must be in one currency: in each marketplace, or in all where a cap sums over them. */
function currencyFaults(amounts: readonly Placed[], sums: readonly Placed[], fault: Report): void {
  const [first] = amounts;
  if (first && sums.length > 0) {
    const { currency } = first.money;
    for (const { money, path } of [...amounts, ...sums]) {
      if (money.currency === currency) continue;
      fault(`${path}/currency`, `must be ${currency}, the currency of every amount where a cap sums over marketplaces`);
    }
    return;
  }
  const currencies = new Map<string, string>();
  for (const { money, path, where } of amounts) {
    const other = where.find((marketplace) => (currencies.get(marketplace) ?? money.currency) !== money.currency);
    if (other !== undefined) {
      fault(`${path}/currency`, `must be ${currencies.get(other)}, the currency of other amounts in ${other}`);
    }
    for (const marketplace of where) if (!currencies.has(marketplace)) currencies.set(marketplace, money.currency);
  }
}

type ReadAmount = (amount: Draft<AmountTerms> | undefined, path: string) => readonly Placed[];

function awardAmounts(award: Draft<AwardTerms> | undefined, at: string, read: ReadAmount): readonly Placed[] {
  if (!award) return [];
  if ('tiers' in award) {
    return itemsOf(award.tiers, `${at}/tiers`).flatMap(({ item, path }) => read(item.amount, `${path}/amount`));
  }
  if ('match' in award) return read(award.match?.upTo, `${at}/match/upTo`);
  return 'amount' in award ? read(award.amount, `${at}/amount`) : [];
}

/** What is to be spent may be in whatever currency. */
function spendFaults(award: Draft<AwardTerms> | undefined, at: string, terms: Terms, fault: Report): void {
  if (!award || !('tiers' in award)) return;
  for (const { item, path } of itemsOf(award.tiers, `${at}/tiers`)) {
    marketplaceFaults(item.spend, `${path}/spend`, terms, fault);
  }
}

/** For each marketplace, or those that are named. */
function placed(
  amount: Draft<AmountTerms> | undefined,
  path: string,
  marketplaces: readonly string[],
): readonly Placed[] {
  if (!amount) return [];
  if ('amount' in amount) return [{ money: amount, path, where: marketplaces }];
  const { default: other, in: own = {} } = amount;
  const rest = marketplaces.filter((marketplace) => !Object.hasOwn(own, marketplace));
  return [
    ...(other ? [{ money: other, path: `${path}/default`, where: rest }] : []),
    ...Object.entries(own).flatMap(([name, money]) =>
      money ? [{ money, path: `${path}/in/${name}`, where: [name] }] : [],
    ),
  ];
}
