import { daysMs, plusLocal } from '../../kernel/calendar.js';
import { DAY_MS } from '../../kernel/instant.js';
import { KINDS_OF_ADVERTISERS, KINDS_OF_CAMPAIGNS, MOST_CONDITIONS } from './terms-conditions.js';
import type { Draft, Reading } from './terms-readers.js';
import type {
  AmountTerms,
  AnchorTerms,
  AwardTerms,
  ConditionTerms,
  EdgeTerms,
  QualifyingActions,
  SpendTerms,
  TermsV2,
  WindowTerms,
} from './terms.js';

type Terms = Draft<TermsV2>;
type Report = Reading['fault'];

/** A condition in its place in the document. */
interface Placed {
  readonly condition: Draft<ConditionTerms>;
  readonly path: string;
  /** Path of the `campaign` it stands in; null: in none. */
  readonly campaign: string | null;
  readonly parts: readonly Placed[];
  /** Whether all of them could be read. */
  readonly isWhole: boolean;
}

interface Conditions {
  readonly byId: ReadonlyMap<string, Placed>;
  /** Else one that is referred to may be among those that could not be read. */
  readonly areAllRead: boolean;
}

/** What conditions, and windows that refer to them, can have wrong with each other. */
export function conditionFaults(terms: Terms, fault: Report): void {
  const { stages = [] } = terms;
  const roots = stages.flatMap((stage, index) =>
    stage?.qualifying ? [placed(stage.qualifying, `/stages/${index}/qualifying`, null)] : [],
  );
  const all = roots.flatMap(withParts);
  if (all.length > MOST_CONDITIONS) {
    fault('/stages', `has more than ${MOST_CONDITIONS} conditions`);
    return;
  }
  for (const each of all) {
    placeFaults(each, fault);
    for (const use of productsOf(each)) productFaults(use, terms, fault);
    for (const window of windowsOf(each)) windowFaults(window, terms, fault);
    lengthFaults(each, terms, fault);
    if ('spend' in each.condition) {
      marketplaceFaults(each.condition.spend?.amount, `${each.path}/spend/amount`, terms, fault);
    }
    if ('spend' in each.condition && windowsOf(each).length > 1) {
      fault(`${each.path}/window`, 'must not stand beside the window in "spend"');
    }
  }
  const areAllRead = roots.length === stages.length && all.every(({ isWhole }) => isWhole);
  const known: Conditions = { byId: conditionsById(all, fault), areAllRead };
  for (const each of all) for (const anchor of anchorsOf(each)) referenceFaults(anchor, each, known, fault);
  for (const { of, path } of awardSpends(terms)) {
    productFaults({ products: of.products, path: `${path}/products` }, terms, fault);
    for (const window of spendWindow(of, path)) {
      windowFaults(window, terms, fault);
      for (const anchor of anchorsIn(window)) referenceFaults(anchor, null, known, fault);
    }
  }
}

function placed(condition: Draft<ConditionTerms>, path: string, campaign: string | null): Placed {
  const [given, at, within] = partsOf(condition, path, campaign);
  const parts = given.flatMap((part, index) => (part ? [placed(part, at(index), within)] : []));
  return { condition, path, campaign, parts, isWhole: parts.length === given.length };
}

/** The parts of a condition, where the one of an index stands, and in which campaign. */
function partsOf(
  condition: Draft<ConditionTerms>,
  path: string,
  campaign: string | null,
): [readonly (Draft<ConditionTerms> | undefined)[], (index: number) => string, string | null] {
  const unread = [undefined];
  if ('all' in condition) return [condition.all ?? unread, (index) => `${path}/all/${index}`, campaign];
  if ('any' in condition) return [condition.any ?? unread, (index) => `${path}/any/${index}`, campaign];
  if ('campaign' in condition) return [[condition.campaign], () => `${path}/campaign`, campaign ?? path];
  return [kindOf(condition) === undefined ? unread : [], () => path, campaign];
}

const withParts = (root: Placed): readonly Placed[] => [root, ...root.parts.flatMap(withParts)];

const kindOf = (condition: object): string | undefined =>
  Object.keys(condition).find(
    (name) => name === 'campaign' || KINDS_OF_CAMPAIGNS.includes(name) || KINDS_OF_ADVERTISERS.includes(name),
  );

/** Conditions on a campaign are asked of each campaign, the others of the advertiser. */
function placeFaults({ condition, path, campaign }: Placed, fault: Report): void {
  const kind = kindOf(condition);
  if (kind === undefined) return;
  if (KINDS_OF_CAMPAIGNS.includes(kind)) {
    if (campaign === null) fault(`${path}/${kind}`, 'must stand in a "campaign": it is a condition on a campaign');
  } else if (campaign !== null) {
    fault(`${path}/${kind}`, 'must not stand in a "campaign": it is no condition on a campaign');
  }
}

/** Products that a condition names, with the path of their list. */
interface NamedProducts {
  readonly products: readonly (string | undefined)[] | undefined;
  readonly path: string;
  /** Where in an item its product stands. */
  readonly in?: string;
}

function productsOf({ condition, path }: Placed): readonly NamedProducts[] {
  const ofActions = (kind: string, actions: Draft<readonly QualifyingActions[]> | undefined): NamedProducts[] => [
    { products: actions?.map((action) => action?.product), path: `${path}/${kind}/actions`, in: '/product' },
  ];
  if ('weeklyChanges' in condition) return ofActions('weeklyChanges', condition.weeklyChanges?.actions);
  if ('totalChanges' in condition) return ofActions('totalChanges', condition.totalChanges?.actions);
  return 'spend' in condition ? [{ products: condition.spend?.products, path: `${path}/spend/products` }] : [];
}

function productFaults({ products, path, in: at = '' }: NamedProducts, terms: Terms, fault: Report): void {
  if (!terms.products || terms.products.includes(undefined)) return;
  products?.forEach((product, index) => {
    if (product !== undefined && !terms.products?.includes(product)) {
      fault(`${path}/${index}${at}`, 'is not among the products of the terms');
    }
  });
}

function conditionsById(all: readonly Placed[], fault: Report): ReadonlyMap<string, Placed> {
  const byId = new Map<string, Placed>();
  for (const each of all) {
    const { id } = each.condition;
    if (id === undefined) continue;
    if (byId.has(id)) fault(`${each.path}/id`, 'is the id of another condition');
    else byId.set(id, each);
  }
  return byId;
}

interface PlacedWindow {
  readonly window: Draft<WindowTerms>;
  readonly path: string;
}
interface PlacedAnchor {
  readonly anchor: Draft<AnchorTerms>;
  readonly path: string;
}

function windowsOf({ condition, path }: Placed): readonly PlacedWindow[] {
  const own = 'window' in condition && condition.window ? [{ window: condition.window, path: `${path}/window` }] : [];
  return 'spend' in condition ? [...own, ...spendWindow(condition.spend, `${path}/spend`)] : own;
}

const spendWindow = (spend: Draft<SpendTerms> | undefined, path: string): readonly PlacedWindow[] =>
  spend?.window ? [{ window: spend.window, path: `${path}/window` }] : [];

const awardSpends = ({ stages = [] }: Terms) =>
  stages.flatMap((stage, index) => {
    const award: Draft<AwardTerms> | undefined = stage?.award;
    return award && 'of' in award && award.of ? [{ of: award.of, path: `/stages/${index}/award/of` }] : [];
  });

function anchorsAt(edge: Draft<EdgeTerms> | undefined, path: string): readonly PlacedAnchor[] {
  if (edge === undefined) return [];
  if (!isLater(edge)) return [{ anchor: edge, path }];
  return edge.from === undefined ? [] : [{ anchor: edge.from, path: `${path}/from` }];
}

type Later = Exclude<EdgeTerms, AnchorTerms>;
const isLater = (edge: Draft<EdgeTerms>): edge is Draft<Later> => typeof edge === 'object' && 'after' in edge;

const anchorsIn = ({ window: { from, until }, path }: PlacedWindow): readonly PlacedAnchor[] => [
  ...anchorsAt(from, `${path}/from`),
  ...anchorsAt(until, `${path}/until`),
];

function anchorsOf(place: Placed): readonly PlacedAnchor[] {
  const { condition, path } = place;
  const inWindows = windowsOf(place).flatMap(anchorsIn);
  const from = 'activeAt' in condition ? condition.activeAt?.moment?.from : undefined;
  return from ? [...inWindows, { anchor: from, path: `${path}/activeAt/moment/from` }] : inWindows;
}

/** The local date-time of an edge that is one; undefined: it is none, or could not be read. */
function localOf(edge: Draft<EdgeTerms> | undefined, period: Terms['period']): string | undefined {
  if (edge === undefined || !isLater(edge)) return localAnchor(edge, period);
  const from = localAnchor(edge.from, period);
  return from === undefined || edge.after === undefined ? undefined : plusLocal(from, edge.after);
}

function localAnchor(anchor: Draft<AnchorTerms> | undefined, period: Terms['period']): string | undefined {
  if (typeof anchor === 'string' || anchor === undefined) return anchor;
  if (!('at' in anchor)) return undefined;
  return anchor.at === 'period-start' ? period?.start : anchor.at === 'period-end' ? period?.end : undefined;
}

/** A window between two instants that are known beforehand must have a length. */
function windowFaults({ window: { from, until }, path }: PlacedWindow, { period }: Terms, fault: Report): void {
  const [start, end] = [localOf(from, period), localOf(until, period)];
  if (start !== undefined && end !== undefined && end <= start) {
    fault(`${path}/until`, 'must be after the start of the window: nothing can lie in it');
  }
}

/** An amount can be another only where the promotion is offered. */
export function marketplaceFaults(
  amount: Draft<AmountTerms> | undefined,
  path: string,
  { marketplaces }: Pick<Terms, 'marketplaces'>,
  fault: Report,
): void {
  if (!amount || !('in' in amount) || !marketplaces || marketplaces.includes(undefined)) return;
  for (const name of Object.keys(amount.in ?? {})) {
    if (!marketplaces.includes(name)) fault(`${path}/in/${name}`, NO_MARKETPLACE);
  }
}

export const NO_MARKETPLACE = 'is not among the marketplaces of the terms';

/** What takes longer than its window has could never be met. */
function lengthFaults({ condition, path }: Placed, { period }: Terms, fault: Report): void {
  const window = 'window' in condition && condition.window ? condition.window : PERIOD;
  const most = mostDays(window, period);
  if (most === null) return;
  if ('weeklyChanges' in condition) {
    const { weeks } = condition.weeklyChanges ?? {};
    const begun = Math.ceil(most / 7);
    if (weeks !== undefined && weeks > begun) {
      fault(`${path}/weeklyChanges/weeks`, `must be at most ${begun}: the window has no more weeks`);
    }
  } else if ('activeFor' in condition) {
    const { duration } = condition.activeFor ?? {};
    if (duration !== undefined && daysMs(duration) > most * DAY_MS) {
      fault(`${path}/activeFor/duration`, 'must not be longer than the window');
    }
  }
}

const PERIOD = { from: { at: 'period-start' }, until: { at: 'period-end' } } as const;

/** How many days a window has at most, one that is not whole counted; null: it is open, or that is not known beforehand. */
function mostDays(window: Draft<WindowTerms>, period: Terms['period']): number | null {
  if ('for' in window && window.for !== undefined) return daysMs(window.for) / DAY_MS;
  const [start, end] = [localOf(window.from, period), localOf(window.until, period)];
  if (start === undefined || end === undefined || end <= start) return null;
  return Math.ceil(Temporal.PlainDateTime.from(start).until(end).total('days'));
}

function referenceFaults(
  { anchor, path }: PlacedAnchor,
  by: Placed | null,
  { byId, areAllRead }: Conditions,
  fault: Report,
): void {
  if (typeof anchor === 'string' || !('met' in anchor) || anchor.met === undefined) return;
  const target = byId.get(anchor.met);
  if (!target) {
    if (areAllRead) fault(`${path}/met`, 'is not the id of a condition');
  } else if (by && waitsFor(target, by, byId, new Set())) {
    fault(`${path}/met`, 'is the id of a condition that itself waits for this one');
  }
}

/** Whether a condition can be met only after another: it is it, has it as a part, or refers to one that waits for it. */
function waitsFor(each: Placed, other: Placed, byId: Conditions['byId'], seen: Set<Placed>): boolean {
  if (each === other) return true;
  if (seen.has(each)) return false;
  seen.add(each);
  const referredTo = anchorsOf(each).flatMap(({ anchor }) => {
    const target = typeof anchor === 'object' && 'met' in anchor ? byId.get(anchor.met ?? '') : undefined;
    return target ? [target] : [];
  });
  return [...each.parts, ...referredTo].some((next) => waitsFor(next, other, byId, seen));
}
