import type { Conversion } from '../../fx/domain/conversion.js';
import { minorOf, type Money } from '../../kernel/money.js';
import { isRefusal, type Refusal } from '../../kernel/refusal.js';
import type { DeferralReason } from './events.js';
import type { PromotionTerms } from './terms.js';

/** What a run knows of the account it would give a credit to. */
export interface RunAccount {
  /** Null when it is not open at the time of the run. */
  readonly open: {
    readonly currency: string;
    readonly standing: 'good' | 'suspended';
    readonly paymentValid: boolean;
  } | null;
  /** Granted by this promotion so far, in minor units of the terms' currency, ended and manual credits included. */
  readonly granted: bigint;
}

export type RunDecision =
  { readonly applied: Money; readonly fx: Conversion['fx'] } | { readonly deferred: readonly DeferralReason[] };

/** Whether the credit can be applied now, or every reason for which it is put off, in the order in which they are told. */
export function decideRunCredit(
  terms: PromotionTerms,
  account: RunAccount,
  convert: (currency: string) => Conversion | Refusal,
): RunDecision {
  const reasons: DeferralReason[] = [];
  const { open, granted } = account;
  if (!open) reasons.push('account-not-open');
  if (open?.standing === 'suspended') reasons.push('standing-suspended');
  if (open && !open.paymentValid) reasons.push('payment-method-invalid');
  if (granted + minorOf(terms.award.amount) > minorOf(terms.award.capPerMarketplace)) reasons.push('cap-exceeded');
  const conversion = open ? convert(open.currency) : null;
  if (conversion && isRefusal(conversion)) reasons.push(rateReason(conversion));
  else if (conversion && minorOf(conversion.money) === 0n) reasons.push('precision');
  else if (conversion && reasons.length === 0) return { applied: conversion.money, fx: conversion.fx };
  return { deferred: reasons };
}

const rateReason = ({ refused }: Refusal): DeferralReason => (refused === 'stale-fx-rate' ? refused : 'no-fx-rate');
