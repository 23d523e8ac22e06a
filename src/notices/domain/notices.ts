import { movementsOf, type Movement } from '../../../projections/credit-balances.js';
import type { AccountEvent, CreditApplied } from '../../accounts/domain/events.js';
import { never } from '../../kernel/decider.js';
import { DAY_MS, later, plusMs, type Instant } from '../../kernel/instant.js';
import { minorOf, moneyOf } from '../../kernel/money.js';
import type { DisbursementRunCompleted } from '../../promotions/domain/events.js';

export const NOTICE_KINDS = [
  'credit-applied',
  'credit-80-percent-used',
  'credit-used-up',
  'credit-expiring',
  'run-deferred',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Something that an advertiser would want to be told. The log and the clock say all of it; nothing is decided here. */
export interface Notice {
  /** Made of what it is about, so that the same notice has the same id wherever and whenever it is derived. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly advertiserId: string;
  readonly marketplace: string;
  /** Of the event that caused it; null when the clock did. */
  readonly position: string | null;
  /** From when on it is so, by all that was recorded up to then. */
  readonly occurredAt: Instant;
  /** Amounts are money, `{ amount, currency }`. */
  readonly data: object;
}

/** A credit, as far as notices go, by all that is recorded and whatever its effective time. */
export interface CreditUse {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly creditId: string;
  readonly promotionId: string;
  readonly product: string;
  readonly currency: string;
  readonly appliedAt: Instant;
  /** Exclusive. */
  readonly expiresAt: Instant;
  /** From when on its end is near. */
  readonly endsSoonFrom: Instant;
  readonly appliedMinor: bigint;
  /** What it holds once every recorded fact has taken effect, were it not for its end. */
  readonly heldMinor: bigint;
  /** What spend that is not reversed holds of it. */
  readonly drawnMinor: bigint;
  /** The latest effective time of what moved it: from then on it holds `heldMinor`. */
  readonly movedAt: Instant;
  /** Revoked or swept: nothing is told of it any more. */
  readonly isOver: boolean;
  /** Kinds that were told of it: each is told once. */
  readonly told: readonly NoticeKind[];
}

export type NoticedEvent = AccountEvent | DisbursementRunCompleted;

export interface Step {
  /** In the order in which they are told. */
  readonly notices: readonly Notice[];
  /** Every credit that the event changed, as it is now. */
  readonly credits: readonly CreditUse[];
}

/** So long before its end an advertiser is told of a credit that still holds something. */
const EXPIRING_MS = 7 * DAY_MS;

const NONE: Step = { notices: [], credits: [] };

/** What an event of the log makes known, in the order of recording. `creditOf` is asked for credits of the event's account. */
export function step(event: NoticedEvent, position: bigint, creditOf: (creditId: string) => CreditUse): Step {
  switch (event.type) {
    case 'CreditApplied': {
      const credit = creditFrom(event.data);
      const { granted, applied, origin } = event.data;
      const about = { ...named(credit), granted, applied, appliedAt: credit.appliedAt, origin };
      return {
        notices: [creditNotice('credit-applied', credit, position, credit.appliedAt, about)],
        credits: [credit],
      };
    }
    case 'ClickSpent':
    case 'ImpressionsSpent':
    case 'ClickReversed':
      return moved(movementsOf(event).credits, event.data.occurredAt, position, creditOf);
    case 'CreditRevoked':
    case 'CreditExpired': {
      const credit = creditOf(event.data.creditId);
      return { notices: [], credits: [{ ...credit, heldMinor: 0n, isOver: true }] };
    }
    case 'DisbursementRunCompleted':
      return { notices: deferred(event, position), credits: [] };
    case 'AccountOpened':
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return NONE;
    default:
      return never(event);
  }
}

/**
 * From when on the clock tells that the credit is about to end with something left; null when it need not. It is never told
 * of a moment at which the facts that make it so were not recorded: `knownSince` is when the last of them was.
 */
export function expiringFrom(credit: CreditUse, knownSince: Instant): Instant | null {
  if (credit.isOver || credit.heldMinor <= 0n || credit.told.includes('credit-expiring')) return null;
  const from = later(credit.endsSoonFrom, knownSince);
  return from < credit.expiresAt ? from : null;
}

/** That it is about to end with something left, since `from`. */
export const expiringNotice = (credit: CreditUse, from: Instant): Notice =>
  creditNotice('credit-expiring', credit, null, from, useOf(credit));

export const withTold = (credit: CreditUse, kind: NoticeKind): CreditUse => ({
  ...credit,
  told: [...credit.told, kind],
});

function creditFrom(data: CreditApplied['data']): CreditUse {
  const { advertiserId, marketplace, creditId, promotionId, product, applied, appliedAt, expiresAt } = data;
  return {
    advertiserId,
    marketplace,
    creditId,
    promotionId,
    product,
    currency: applied.currency,
    appliedAt,
    expiresAt,
    endsSoonFrom: later(plusMs(expiresAt, -EXPIRING_MS), appliedAt),
    appliedMinor: minorOf(applied),
    heldMinor: minorOf(applied),
    drawnMinor: 0n,
    movedAt: appliedAt,
    isOver: false,
    told: ['credit-applied'],
  };
}

/** Spend, or spend that is reversed: what it moves, and the thresholds that it crosses. */
function moved(
  movements: readonly Movement[],
  at: Instant,
  position: bigint,
  creditOf: (creditId: string) => CreditUse,
): Step {
  const credits = new Map<string, CreditUse>();
  const notices: Notice[] = [];
  for (const { creditId, held, drawn } of movements) {
    const before = credits.get(creditId) ?? creditOf(creditId);
    let credit: CreditUse = {
      ...before,
      heldMinor: before.heldMinor + held,
      drawnMinor: before.drawnMinor + drawn,
      // What is forfeited moves nothing in the credit.
      movedAt: held === 0n ? before.movedAt : later(before.movedAt, at),
    };
    if (drawn > 0n) {
      for (const kind of reached(credit).filter((each) => !before.told.includes(each))) {
        notices.push(creditNotice(kind, credit, position, credit.movedAt, useOf(credit)));
        credit = withTold(credit, kind);
      }
    }
    credits.set(creditId, credit);
  }
  return { notices, credits: [...credits.values()] };
}

/** The thresholds that its use has reached. A credit that has ended in another way was not used up. */
function reached({ isOver, appliedMinor, heldMinor, drawnMinor }: CreditUse): NoticeKind[] {
  if (isOver) return [];
  const kinds: NoticeKind[] = [];
  if (drawnMinor * 5n >= appliedMinor * 4n) kinds.push('credit-80-percent-used');
  if (heldMinor === 0n) kinds.push('credit-used-up');
  return kinds;
}

function deferred({ data }: DisbursementRunCompleted, position: bigint): Notice[] {
  const { promotionId, date, runAt } = data;
  return data.deferrals.map(({ advertiserId, marketplace, ...claim }) => ({
    id: idOf('run-deferred', promotionId, date, advertiserId, marketplace, claim.product, claim.stage),
    kind: 'run-deferred',
    advertiserId,
    marketplace,
    position: String(position),
    occurredAt: runAt,
    data: { promotionId, date, runAt, ...claim },
  }));
}

const creditNotice = (
  kind: NoticeKind,
  { advertiserId, marketplace, creditId }: CreditUse,
  position: bigint | null,
  occurredAt: Instant,
  data: object,
): Notice => ({
  id: idOf(kind, advertiserId, marketplace, creditId),
  kind,
  advertiserId,
  marketplace,
  position: position === null ? null : String(position),
  occurredAt,
  data,
});

const named = ({ creditId, promotionId, product, expiresAt }: CreditUse) => ({
  creditId,
  promotionId,
  product,
  expiresAt,
});

const useOf = (credit: CreditUse) => ({
  ...named(credit),
  applied: moneyOf(credit.appliedMinor, credit.currency),
  drawn: moneyOf(credit.drawnMinor, credit.currency),
  remaining: moneyOf(credit.heldMinor, credit.currency),
});

/**
 * Identifiers have no `~`, so no two notices share an id. A full stop, which identifiers may have, is percent-encoded: it
 * would let the parts of what a webhook signs be read in two ways.
 */
const idOf = (kind: NoticeKind, ...parts: readonly (string | undefined)[]): string =>
  [kind, ...parts.filter((part) => part !== undefined)].join('~').replaceAll('.', '%2E');
