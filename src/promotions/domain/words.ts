import { daysMs } from '../../kernel/calendar.js';
import { DAY_MS, type Instant } from '../../kernel/instant.js';
import type { Money } from '../../kernel/money.js';
import type {
  AmountTerms,
  AnchorTerms,
  AtomTerms,
  ConditionTerms,
  EdgeTerms,
  MomentTerms,
  SpendTerms,
  WindowTerms,
} from './terms.js';

/** `2 weeks`, `1 week`. */
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export const instantWords = (at: Instant): string => at.replace('.000Z', 'Z');

export const moneyWords = ({ amount, currency }: Money): string => `${currency} ${amount}`;

/** `USD 50.00 (FR: USD 40.00)`. */
function amountWords(amount: AmountTerms): string {
  if (!('default' in amount)) return moneyWords(amount);
  const own = Object.entries(amount.in).map(([marketplace, money]) => `${marketplace}: ${moneyWords(money)}`);
  return `${moneyWords(amount.default)} (${own.join(', ')})`;
}

const durationWords = (duration: string): string => counted(daysMs(duration) / DAY_MS, 'day');

/** Days and what is left of them: `3 days 2 h`; rounded up to the second. */
export function timeWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return said.length > 0 ? said.join(' ') : '0 s';
}

/** What is needed, and by when; or until when it could have been. */
export function deadlineWords(what: string, until: Instant | null, asOf: Instant): string {
  if (until === null) return what;
  return asOf < until ? `${what} by ${instantWords(until)}` : `${what}, which could be until ${instantWords(until)}`;
}

/** `the activation of the offer`. */
export function anchorWords(anchor: AnchorTerms): string {
  if (typeof anchor === 'string') return anchor;
  if ('met' in anchor) return `"${anchor.met}"`;
  return ANCHORS[anchor.at];
}

const ANCHORS = {
  'period-start': 'the start of the period',
  'period-end': 'the end of the period',
  invitation: 'the invitation',
  activation: 'the activation of the offer',
  'account-opened': 'the opening of the account',
  'first-impression': 'the first impression',
  'first-spend': 'the first spend',
} as const;

const edgeWords = (edge: EdgeTerms): string =>
  typeof edge === 'object' && 'from' in edge
    ? `${durationWords(edge.after)} after ${anchorWords(edge.from)}`
    : anchorWords(edge);

function windowWords(window: WindowTerms | undefined): string {
  if (!window) return '';
  const from = edgeWords(window.from);
  if (window.for !== undefined) return `, within ${durationWords(window.for)} from ${from}`;
  return window.until === undefined ? `, from ${from} on` : `, from ${from} until ${edgeWords(window.until)}`;
}

const momentWords = ({ from, after }: MomentTerms): string =>
  after === undefined ? `at ${anchorWords(from)}` : `${durationWords(after)} after ${anchorWords(from)}`;

/** What a condition asks, in words. */
export function conditionWords(condition: ConditionTerms): string {
  if ('all' in condition) return 'all of these';
  if ('any' in condition) return 'any of these';
  if ('campaign' in condition) return 'one campaign that meets this';
  return `${atomWords(condition)}${windowWords(condition.window)}`;
}

function atomWords(atom: AtomTerms): string {
  if ('weeklyChanges' in atom) return weeksWords(atom.weeklyChanges);
  if ('totalChanges' in atom) return changesWords(atom.totalChanges);
  if ('activeFor' in atom) {
    const unbroken = atom.activeFor.activity === 'continuous' ? ' without a break' : '';
    return `active for ${durationWords(atom.activeFor.duration)}${unbroken}`;
  }
  if ('launched' in atom) {
    return atom.launched.endDate === 'none' ? 'launched with no planned end' : 'launched';
  }
  if ('firstLaunch' in atom) {
    return atom.firstLaunch.of === 'any-product'
      ? 'launched, as the first of any product'
      : 'launched, as the first of its product';
  }
  if ('activeAt' in atom) {
    const { moment, pauses } = atom.activeAt;
    return `active ${momentWords(moment)}${pauses === 'none' ? ' without a break' : ''}`;
  }
  if ('spend' in atom)
    return `${spendWords(atom.spend)} of at least ${amountWords(atom.spend.amount)}${windowWords(atom.spend.window)}`;
  if ('attested' in atom) {
    const { action, by } = atom.attested;
    return `"${action}" attested${by ? ` by ${by.join(' or ')}` : ''}`;
  }
  if ('redeemed' in atom) {
    const { codes } = atom.redeemed;
    return codes.length === 1 ? `code ${codes[0]} redeemed` : `one of ${codes.length} codes redeemed`;
  }
  return 'the offer activated';
}

/** `own spend on SP (clicks)`. */
export const spendWords = ({ products, spend }: SpendTerms): string =>
  `own spend${products ? ` on ${products.join(', ')}` : ''}${spend ? ` (${spend.join(', ')})` : ''}`;

export const weeksWords = ({
  weeks,
  changesPerWeek,
}: {
  readonly weeks: number;
  readonly changesPerWeek: number;
}): string => `${counted(weeks, 'week')} in a row with at least ${counted(changesPerWeek, 'change')} each`;

export const changesWords = ({ changes }: { readonly changes: number }): string =>
  `at least ${counted(changes, 'change')} in all`;
