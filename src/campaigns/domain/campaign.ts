import { never, plainCodec, type Decider } from '../../kernel/decider.js';
import { refuse } from '../../kernel/refusal.js';
import type { CampaignEvent, CampaignOwner } from './events.js';

/** The first recorded fact that names whose a campaign is fixes it. */
export interface CampaignState {
  readonly owner: CampaignOwner | null;
}

/**
 * Facts of a campaign are taken in any order of their effective times, repetitions included; only its owner may not change.
 * What state it was in at a time is computed when it is asked.
 */
export const campaignDecider: Decider<CampaignState, CampaignEvent, CampaignEvent> = {
  initial: { owner: null },

  decide(command, { owner }) {
    const named = ownerNamedBy(command);
    if (owner && named && !isSame(owner, named)) {
      return refuse(
        'campaign-mismatch',
        `campaign ${command.data.campaignId} is ${owner.advertiserId}'s, of ${owner.product} in ${owner.marketplace}`,
      );
    }
    return [command];
  },

  evolve: (state, event) => (state.owner ? state : { owner: ownerNamedBy(event) }),

  idOf(event) {
    switch (event.type) {
      case 'ApiChangeRecorded':
        return `${event.type}:${event.data.changeId}`;
      case 'CampaignActivated':
      case 'CampaignPaused':
      case 'CampaignEnded':
        return `${event.type}:${event.data.occurredAt}`;
      default:
        return never(event);
    }
  },

  codec: plainCodec(1),
};

function ownerNamedBy(event: CampaignEvent): CampaignOwner | null {
  switch (event.type) {
    case 'CampaignActivated':
    case 'ApiChangeRecorded': {
      const { advertiserId, marketplace, product } = event.data;
      return { advertiserId, marketplace, product };
    }
    case 'CampaignPaused':
    case 'CampaignEnded':
      return null;
    default:
      return never(event);
  }
}

const isSame = (a: CampaignOwner, b: CampaignOwner): boolean =>
  a.advertiserId === b.advertiserId && a.marketplace === b.marketplace && a.product === b.product;
