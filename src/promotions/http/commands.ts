import type { Instant } from '../../kernel/instant.js';
import {
  AdvertiserId,
  Count,
  field,
  Identifier,
  InstantField,
  isObject,
  PromotionId,
  Reason,
  rule,
} from '../../http/fields.js';

/** More than any terms need; it keeps everything that later walks the document within its stack. */
const MAX_DEPTH = 32;

/** The terms themselves are checked by the domain, which owns their language. */
const TermsDocument = () =>
  field({
    docs: {
      type: 'object',
      additionalProperties: true,
      description: 'The promotion as a document; the language of terms is described in docs/promotion-terms.md.',
      example: { version: 1, name: 'Click credit 2022', timeZone: 'America/Los_Angeles' },
    },
    rules: [
      rule('terms', 'must be an object', isObject),
      rule('depth', `must not be nested deeper than ${MAX_DEPTH} levels`, (terms) => !isDeeperThan(MAX_DEPTH, terms)),
    ],
  });

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

/** What clients send of promotions: the `data` of their commands. */
abstract class OfPromotion {
  @PromotionId() promotionId!: string;
}

export class PromotionPublished extends OfPromotion {
  @TermsDocument() terms!: object;
}

export class PromotionRevised extends OfPromotion {
  @TermsDocument() terms!: object;
  @Reason() reason!: string;
  @Count('The number of this revision, when the sender keeps count; what was published is 1.', {
    from: 2,
    optional: true,
  })
  revision?: number;
}

export class PromotionTerminated extends OfPromotion {
  @Reason() reason!: string;
  @InstantField('From when on nobody qualifies any more.') occurredAt!: Instant;
}

export class AdvertiserInvited extends OfPromotion {
  @AdvertiserId() advertiserId!: string;
  @Identifier('The partner through whose tool the advertiser takes part.', 'partner-1') partnerId!: string;
  @InstantField('From when on the invitation is in effect.') occurredAt!: Instant;
}
