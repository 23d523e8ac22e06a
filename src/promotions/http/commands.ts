import type { Instant } from '../../kernel/instant.js';
import { AdvertiserId, Count, Identifier, InstantField, PromotionId, Reason } from '../../http/fields.js';
import { TermsDocument } from './terms.js';

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
  @InstantField('Runs before it are decided under the former terms. By default it holds for every run from now on.', {
    optional: true,
  })
  effectiveAt?: Instant;
}

export class PromotionTerminated extends OfPromotion {
  @Reason() reason!: string;
  @InstantField('From when on nobody qualifies any more.') occurredAt!: Instant;
}

/** What an advertiser has to do with a promotion. */
abstract class OfEnrollment extends OfPromotion {
  @AdvertiserId() advertiserId!: string;
}

export class AdvertiserInvited extends OfEnrollment {
  @Identifier('The partner through whose tool the advertiser takes part.', 'partner-1') partnerId!: string;
  @InstantField('From when on the invitation is in effect.') occurredAt!: Instant;
}

export class InvitationWithdrawn extends OfEnrollment {
  @Reason() reason!: string;
  @InstantField('From when on it counts for nothing that has not been reached.') occurredAt!: Instant;
}

export class OfferActivated extends OfEnrollment {
  @InstantField('When the advertiser took up the offer.') occurredAt!: Instant;
}

export class CodeRedeemed extends OfEnrollment {
  @Identifier('A code that the terms list.', 'WELCOME-2022') code!: string;
  @InstantField('When it was redeemed.') occurredAt!: Instant;
}

export class ActionAttested extends OfEnrollment {
  @Identifier('The attestation.', 'attestation-1') attestationId!: string;
  @Identifier('What the advertiser did, as the terms name it.', 'certificate') action!: string;
  @Identifier('Who answers for it.', 'academy') attestedBy!: string;
  @InstantField('When it was done.') occurredAt!: Instant;
}
