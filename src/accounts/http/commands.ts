import { looksDerived } from '../../kernel/identifiers.js';
import type { Instant } from '../../kernel/instant.js';
import { MAX_MINOR, ofThousand, parseMoney, type Money } from '../../kernel/money.js';
import {
  AdvertiserId,
  Count,
  CreditId,
  CurrencyCode,
  Flag,
  Identifier,
  InstantField,
  isObject,
  MarketplaceCode,
  MoneyField,
  OneOf,
  PRECISION,
  ProductCode,
  PromotionId,
  Reason,
  rule,
  textOf,
} from '../../http/fields.js';

/** What clients send of an account: the `data` of their commands, checked by itself and not yet by the ledger. */
abstract class OfAccount {
  @AdvertiserId() advertiserId!: string;
  @MarketplaceCode() marketplace!: string;
}

export class AccountOpened extends OfAccount {
  @CurrencyCode() currency!: string;
  @InstantField('From when on the account is open.') occurredAt!: Instant;
}

export class AccountStandingChanged extends OfAccount {
  @OneOf('Good, as it is from opening on, or suspended.', 'good', 'suspended') standing!: 'good' | 'suspended';
  @Reason({ optional: true }) reason?: string;
  @InstantField('From when on.') occurredAt!: Instant;
}

export class PaymentMethodChanged extends OfAccount {
  @Flag('Whether the account can be charged; from opening on it cannot.') valid!: boolean;
  @InstantField('From when on.') occurredAt!: Instant;
}

/** A manual grant; what a run applies, the ledger records by itself. */
export class CreditApplied {
  @Identifier('The credit; it may not begin with its promotion and a colon.', 'goodwill-2022-117')
  @rule(
    'derived',
    'may not begin with {promotionId}:, nor look like a credit that a run gives this account',
    (creditId, { promotionId, advertiserId, marketplace }) =>
      !textOf(creditId).startsWith(`${textOf(promotionId)}:`) &&
      !looksDerived(textOf(creditId), textOf(advertiserId), textOf(marketplace)),
  )
  creditId!: string;
  @PromotionId() promotionId!: string;
  @AdvertiserId() advertiserId!: string;
  @MarketplaceCode() marketplace!: string;
  @ProductCode() product!: string;
  @Identifier('The stage of the terms that it is of, when they have several.', 'still-advertising', { optional: true })
  stage?: string;
  @MoneyField("The grant, in the terms' currency.") granted!: Money;
  @InstantField('From when on it pays.') appliedAt!: Instant;
  @Reason() reason!: string;
}

export class ClickSpent extends OfAccount {
  @Identifier('The click.', 'click-1') clickId!: string;
  @Identifier('The campaign that was clicked.', 'campaign-1') campaignId!: string;
  @ProductCode() product!: string;
  @MoneyField("What it costs, in the account's currency.") cost!: Money;
  @InstantField('When it was clicked.') occurredAt!: Instant;
}

export class ImpressionsSpent extends OfAccount {
  @Identifier('These impressions, such as those of a campaign in an hour.', 'impressions-1') impressionsId!: string;
  @Identifier('The campaign that was shown.', 'campaign-1') campaignId!: string;
  @ProductCode() product!: string;
  @Count('How many there were.', { to: 1_000_000_000 })
  @rule(PRECISION, 'come to nothing at this price', (count, { cpm }) => costMinor(count, cpm) !== 0n)
  @rule(
    'cost',
    `may come to at most ${MAX_MINOR} minor units`,
    (count, { cpm }) => (costMinor(count, cpm) ?? 0n) <= MAX_MINOR,
  )
  impressions!: number;
  @MoneyField("The price of a thousand, in the account's currency.") cpm!: Money;
  @InstantField('When they were shown: what was live then pays for them.') occurredAt!: Instant;
}

/** What impressions come to; null when the count or the price is at fault itself. */
function costMinor(count: unknown, cpm: unknown): bigint | null {
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1 || !isObject(cpm)) return null;
  const price = parseMoney(textOf(cpm['amount']), textOf(cpm['currency']));
  return typeof price === 'bigint' ? ofThousand(price, count) : null;
}

export class ClickReversed extends OfAccount {
  @Identifier('The click that was invalid.', 'click-1') clickId!: string;
  @Reason() reason!: string;
  @InstantField('When it was reversed.') occurredAt!: Instant;
}

export class CreditRevoked extends OfAccount {
  @CreditId() creditId!: string;
  @Reason() reason!: string;
  @Flag('Whether what clicks and impressions drew becomes billable too.') clawback!: boolean;
  @InstantField('When it was revoked.') occurredAt!: Instant;
}
