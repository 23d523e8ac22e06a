import { minorOf, type Money } from '../../kernel/money.js';
import { pointer } from '../../kernel/refusal.js';
import { conditionFaults } from './terms-condition-faults.js';
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

const NO_MARKETPLACE = 'is not among the marketplaces of the terms';

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
    if (stage.award && 'tiers' in stage.award) tierFaults(stage.award.tiers, `${path}/award/tiers`, fault);
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

function tierFaults(tiers: Tiers, at: string, fault: Report): void {
  const items = itemsOf(tiers, at);
  items.slice(1).forEach(({ item: tier, path }, index) => {
    const before = items[index]!.item;
    const first = items[0]!.item.spend;
    if (first && tier.spend && tier.spend.currency !== first.currency) {
      fault(`${path}/spend/currency`, `must be ${first.currency}, the currency of the first tier`);
    } else if (isNotMore(tier.spend, before.spend)) fault(`${path}/spend/amount`, NOT_RISING);
    if (isNotMore(tier.amount, before.amount)) fault(`${path}/amount/amount`, NOT_RISING);
  });
}

const NOT_RISING = 'must be more than in the tier before';

const isNotMore = (a: Money | undefined, b: Money | undefined): boolean =>
  a !== undefined && b !== undefined && a.currency === b.currency && minorOf(a) <= minorOf(b);

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
  const read = (amount: Draft<AmountTerms> | undefined, path: string) => placed(amount, path, marketplaces, fault);
  const awards = stagesOf(terms).flatMap(({ item, path }) => awardAmounts(item.award, `${path}/award`, read));
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
  award.where.some((marketplace) => cap.where.includes(marketplace)) &&
  award.money.currency === cap.money.currency &&
  minorOf(award.money) > minorOf(cap.money);

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

function placed(
  amount: Draft<AmountTerms> | undefined,
  path: string,
  marketplaces: readonly string[],
  fault: Report,
): readonly Placed[] {
  if (!amount) return [];
  if ('amount' in amount) return [{ money: amount, path, where: marketplaces }];
  const { default: other, in: own = {} } = amount;
  for (const name of Object.keys(own)) {
    if (!marketplaces.includes(name)) fault(`${path}/in/${name}`, NO_MARKETPLACE);
  }
  const rest = marketplaces.filter((marketplace) => !Object.hasOwn(own, marketplace));
  return [
    ...(other ? [{ money: other, path: `${path}/default`, where: rest }] : []),
    ...Object.entries(own).flatMap(([name, money]) =>
      money ? [{ money, path: `${path}/in/${name}`, where: [name] }] : [],
    ),
  ];
}
