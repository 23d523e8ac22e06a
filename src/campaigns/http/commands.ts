import { parseInstant, type Instant } from '../../kernel/instant.js';
import {
  AdvertiserId,
  Count,
  field,
  Identifier,
  InstantField,
  isText,
  MarketplaceCode,
  OneOf,
  ProductCode,
  rule,
  textOf,
} from '../../http/fields.js';

/** What clients send of a campaign: the `data` of their commands. */
abstract class OfCampaign {
  @Identifier('The campaign.', 'campaign-1') campaignId!: string;
}

export class CampaignActivated extends OfCampaign {
  @AdvertiserId() advertiserId!: string;
  @MarketplaceCode() marketplace!: string;
  @ProductCode() product!: string;
  @InstantField('From when on it is active.') occurredAt!: Instant;
  @InstantField('When it is to end, where that is planned; it ends when `CampaignEnded` says so.', { optional: true })
  @rule('after', 'must be after occurredAt', (plannedEnd, { occurredAt }) => {
    const [from, to] = [parseInstant(textOf(occurredAt)), parseInstant(textOf(plannedEnd))];
    return from === undefined || to === undefined || from < to;
  })
  plannedEnd?: Instant;
}

export class CampaignPaused extends OfCampaign {
  @OneOf('Why it does not run.', 'manual', 'out-of-stock', 'budget', 'policy')
  reason!: 'manual' | 'out-of-stock' | 'budget' | 'policy';
  @InstantField('From when on it is paused.') occurredAt!: Instant;
}

export class CampaignEnded extends OfCampaign {
  @InstantField('From when on it has ended.') occurredAt!: Instant;
}

const HttpMethod = () =>
  field({
    docs: { type: String, pattern: '^[A-Z]{1,32}$', description: 'The HTTP method.', example: 'POST' },
    rules: [
      rule(
        'method',
        'must be an HTTP method in capital letters',
        (value) => typeof value === 'string' && /^[A-Z]{1,32}$/.test(value),
      ),
    ],
  });

const HttpPath = () =>
  field({
    docs: {
      type: String,
      pattern: '^/',
      maxLength: 2048,
      description: 'The path called.',
      example: '/v2/sp/campaigns',
    },
    rules: [
      rule(
        'path',
        'must begin with / and have at most 2048 characters, well-formed',
        (value) => isText(value, 2048) && value.startsWith('/'),
      ),
    ],
  });

/** A change that a partner's tool made to a campaign over the platform's API. */
export class ApiChangeRecorded {
  @Identifier('The call that made the change.', 'change-1') changeId!: string;
  @Identifier('The campaign that was changed.', 'campaign-1') campaignId!: string;
  @AdvertiserId() advertiserId!: string;
  @MarketplaceCode() marketplace!: string;
  @ProductCode() product!: string;
  @Identifier('The partner whose tool made the call.', 'partner-1') partnerId!: string;
  @HttpMethod() method!: string;
  @HttpPath() path!: string;
  @Count('How many changes the call made.') changes!: number;
  @InstantField('When the call was made.') occurredAt!: Instant;
}
